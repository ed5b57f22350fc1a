"""Where people look for servers, they find what the code has."""

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ci_mcp import __version__
from ci_mcp.agents.base import ALWAYS, Entry, agents, names_for
from ci_mcp.cli import generate, listing
from ci_mcp.core.catalog import load


@pytest.fixture
def readme(pytestconfig: pytest.Config) -> str:
    """The README of the checkout."""
    return (pytestconfig.rootpath / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def server(pytestconfig: pytest.Config) -> dict[str, Any]:
    """The registry's file."""
    found: dict[str, Any] = json.loads((pytestconfig.rootpath / "server.json").read_bytes())
    return found


def test_the_registry_gets_this_version_and_how_it_is_started(
    server: dict[str, Any], pytestconfig: pytest.Config
) -> None:
    """The package's name is the one that is built, and its only command is the program's."""
    import tomllib

    project = tomllib.loads((pytestconfig.rootpath / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [package] = server["packages"]
    assert (__version__, __version__) == (server["version"], package["version"])
    assert ("pypi", project["name"], {"type": "stdio"}) == (
        package["registryType"],
        package["identifier"],
        package["transport"],
    )
    assert [project["name"]] == list(project["scripts"])
    assert [{"type": "positional", "value": "serve"}] == package["packageArguments"]


def test_the_registry_keeps_its_own_bounds(server: dict[str, Any]) -> None:
    """What its schema asks of a name and a description."""
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", server["name"])
    assert len(server["description"]) <= 100
    assert listing.SCHEMA == server["$schema"]


def test_the_registry_knows_every_variable_and_which_are_secret(server: dict[str, Any]) -> None:
    """As the services declare them."""
    declared = {one["name"]: one.get("isSecret", False) for one in server["packages"][0]["environmentVariables"]}
    services = load().services.values()
    assert set(names_for(services)) - set(ALWAYS) == set(declared)
    tokens = {name for one in services for name in (*one.token_env, *one.mcp_token_env, *one.password_env)}
    assert tokens == {name for name, secret in declared.items() if secret}


def test_the_committed_file_is_what_is_generated(pytestconfig: pytest.Config) -> None:
    """After a change: python -m ci_mcp.cli.generate."""
    assert listing.server_json(load()) == (pytestconfig.rootpath / "server.json").read_text(encoding="utf-8")


def test_the_package_says_whose_it_is(readme: str) -> None:
    """The registry looks for it in the package's description."""
    assert f"mcp-name: {listing.NAME} " in readme


def test_the_links_install_what_setup_writes(readme: str) -> None:
    """Taken apart as the editors do."""
    assert readme == generate.between(readme, generate.LINKS, listing.links(load()))
    entry = Entry(command="ci-mcp", names=names_for(load().services.values()))
    cursor = re.search(r"\((https://cursor\.com/install-mcp\S+)\)", readme)
    code = re.search(r"\((https://insiders\.vscode\.dev/redirect/mcp/install\S+)\)", readme)
    assert cursor
    assert code
    query = parse_qs(urlsplit(cursor[1]).query)
    assert ["ci"] == query["name"]
    assert agents()["cursor"].form.fields(entry) == json.loads(base64.b64decode(query["config"][0]))
    query = parse_qs(urlsplit(code[1]).query)
    assert ["ci"] == query["name"]
    assert agents()["vscode"].form.fields(entry) == json.loads(query["config"][0])


def test_the_readme_names_every_agent_and_its_files(readme: str) -> None:
    """The table of agents has their names, project files and guides."""
    from pathlib import PurePosixPath

    rows = {
        row.split("`")[1]: row for row in re.findall(r"^\| `.*", readme, re.MULTILINE) if row.split("`")[1] in agents()
    }
    assert set(agents()) == set(rows)
    for name, agent in agents().items():
        if agent.project_file:
            here: Any = None if name != "opencode" else type("Here", (), {"exists": staticmethod(lambda _: False)})
            assert f"`{str(agent.project_file(here, PurePosixPath('/p')))[3:]}`" in rows[name]
            assert f"`{agent.guide}`" in rows[name]
