"""``python -m ci_mcp.cli.generate``: write again all that is made from the code, in a checkout.

It writes ``ci_mcp/tools.json``, ``server.json``, ``completions/``, and the README's tables, install links, transcript
and picture; tests hold them equal to the code.
"""

import json
import re
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from ci_mcp.auth.service import Service
from ci_mcp.cli.listing import links, server_json
from ci_mcp.cli.tools import as_seen
from ci_mcp.core.catalog import Catalog
from ci_mcp.core.offer import Offer
from ci_mcp.core.schema import as_json, build

MADE = "made by `python -m ci_mcp.cli.generate`"
TOOLS = (f"<!-- tools: {MADE} -->", "<!-- tools end -->")
SERVICES = (f"<!-- services: {MADE} -->", "<!-- services end -->")
LINKS = (f"<!-- links: {MADE} -->", "<!-- links end -->")
COST = (f"<!-- cost: {MADE} -->", "<!-- cost end -->")
TRANSCRIPT = (f"<!-- transcript: {MADE} -->", "<!-- transcript end -->")

PICTURE = "docs/explain.svg"
"""The README's picture, below the checkout."""

PICTURE_WIDTH = 112
"""The width of its terminal."""


def tools_file(catalog: Catalog) -> str:
    """The text of ``tools.json``."""
    return json.dumps(as_json(catalog), indent=1, ensure_ascii=False) + "\n"


def tools_table(catalog: Catalog) -> str:
    """The README's table of tools."""
    rows = ["| tool | | what it gives |", "|---|---|---|"]
    for spec in catalog.tools.values():
        kind = ("" if spec.read_only else "writes ") + ("core" if spec.core else "")
        rows.append(f"| `{spec.name}` | {kind.strip()} | {spec.description} |")
    return "\n".join(rows)


def services_table(catalog: Catalog) -> str:
    """The README's table of services: where each one's token may be, and where one is made."""
    rows = [
        "| provider | token | host or base URL | command line's file | a token is made at |",
        "|---|---|---|---|---|",
    ]
    for service in catalog.services.values():
        hosts = _code(service.host_env) + (f" (default `{service.default_host}`)" if service.default_host else "")
        tokens = _code(service.token_env or service.login_env)
        cells = [service.title, tokens, hosts, _code([service.cli_file]), _made(service)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _made(service: Service) -> str:
    """Where a token is made, as a link, and which kind."""
    page = service.token_page
    shown = f"[{urlsplit(page).hostname}]({page})" if page and "{" not in page else f"`{page}`" if page else ""
    return ": ".join(filter(None, (shown, service.page_note)))


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names if name)


def cost(catalog: Catalog) -> str:
    """What the list of tools costs a model, in words."""
    said = []
    for toolset in ("core", "all"):
        found = Offer(toolset).tools(catalog, list(catalog.services))
        said.append(f"{as_seen(found)['tokens']:,} tokens for {len(found)} tools")
    return f"ci-mcp's own list, all {len(catalog.services)} CIs together: {said[0]}; with `--toolset all` {said[1]}."


def transcript() -> str:
    """What ``ci-mcp --demo explain semaphore`` says in a shell, and how it was typed."""
    from ci_mcp.cli.context import Options, run_tool
    from ci_mcp.cli.wording import as_commands

    with TemporaryDirectory() as folder, chdir(folder):  # in a checkout an answer points into its files
        said = run_tool(Options(demo=True), "ci_explain", {"target": "semaphore", "tokens": 500}, ("semaphore",))
    return f"$ ci-mcp --demo explain semaphore --tokens 500\n{as_commands(said.text)}"


def fenced(text: str) -> str:
    """A text as the README shows it."""
    return f"```\n{text}\n```"


def between(text: str, marks: tuple[str, str], made: str) -> str:
    """The text with what stands between two marks made anew; raises `ValueError` where they are missing."""
    marked = re.compile(re.escape(marks[0]) + ".*?" + re.escape(marks[1]), re.DOTALL)
    if not marked.search(text):
        raise ValueError(f"there is no {marks[0]}")
    return marked.sub(lambda _: "\n".join([marks[0], made, marks[1]]), text)


def _write_pictures(root: Path, said: str) -> None:
    from ci_mcp.cli.picture import picture

    (root / PICTURE).parent.mkdir(exist_ok=True)
    (root / PICTURE).write_text(picture(said.split("\n"), PICTURE_WIDTH), encoding="utf-8")


def main(root: Path) -> None:
    """Write every generated file below ``root``."""
    catalog = build()
    (root / "ci_mcp" / "tools.json").write_text(tools_file(catalog), encoding="utf-8")
    (root / "server.json").write_text(server_json(catalog), encoding="utf-8")
    # All else is made from tools.json, so it is imported after that is written.
    readme = root / "README.md"
    text = between(readme.read_text(encoding="utf-8"), TOOLS, tools_table(catalog))
    text = between(text, SERVICES, services_table(catalog))
    text = between(text, LINKS, links(catalog))
    text = between(text, COST, cost(catalog))
    said = transcript()
    readme.write_text(between(text, TRANSCRIPT, fenced(said)), encoding="utf-8")
    _write_pictures(root, said)
    from ci_mcp.cli.app import cli
    from ci_mcp.cli.completion import SHELLS, script

    for shell in SHELLS:
        (root / "completions" / f"ci-mcp.{shell}").write_text(script(shell, cli) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path.cwd())
