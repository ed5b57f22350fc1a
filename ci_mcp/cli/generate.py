"""``python -m ci_mcp.cli.generate``: write again all that is made from the code, in a checkout.

It writes ``ci_mcp/tools.json``, ``completions/`` and the README's tools table; tests hold them equal to the code.
"""

import json
import re
from pathlib import Path

from ci_mcp.core.catalog import Catalog
from ci_mcp.core.schema import as_json, build

START, END = "<!-- tools: made by `python -m ci_mcp.cli.generate` -->", "<!-- tools end -->"


def tools_file(catalog: Catalog) -> str:
    """The text of ``tools.json``."""
    return json.dumps(as_json(catalog), indent=1, ensure_ascii=False) + "\n"


def tools_table(catalog: Catalog) -> str:
    """The README's table of tools, between its two marks."""
    rows = ["| tool | | what it gives |", "|---|---|---|"]
    for spec in catalog.tools.values():
        kind = ("" if spec.read_only else "writes ") + ("core" if spec.core else "")
        rows.append(f"| `{spec.name}` | {kind.strip()} | {spec.description} |")
    return "\n".join([START, *rows, END])


def with_table(readme: str, catalog: Catalog) -> str:
    """The README with its table made anew; raises `ValueError` where the marks are missing."""
    marked = re.compile(re.escape(START) + ".*?" + re.escape(END), re.DOTALL)
    if not marked.search(readme):
        raise ValueError(f"the README has no {START}")
    return marked.sub(lambda _: tools_table(catalog), readme)


def main(root: Path) -> None:
    """Write every generated file below ``root``."""
    catalog = build()
    (root / "ci_mcp" / "tools.json").write_text(tools_file(catalog), encoding="utf-8")
    readme = root / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), catalog), encoding="utf-8")
    # The command line is made from tools.json, so it is imported after that is written.
    from ci_mcp.cli.app import cli
    from ci_mcp.cli.completion import SHELLS, script

    for shell in SHELLS:
        (root / "completions" / f"ci-mcp.{shell}").write_text(script(shell, cli) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path.cwd())
