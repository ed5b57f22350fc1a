"""Where people look for servers: ``server.json`` for the MCP registry, and install links for editors.

Both are made from what ``setup`` writes and what the services declare; ``python -m ci_mcp.cli.generate`` writes them.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final
from urllib.parse import quote

from ci_mcp import __version__
from ci_mcp.agents.base import KEY, Entry, agents, names_for, variable_of
from ci_mcp.auth.service import Service
from ci_mcp.core.catalog import Catalog

SCHEMA: Final = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
NAME: Final = "io.github.ci-mcp/ci-mcp"
"""The name in the registry; the README's ``mcp-name`` proves there that the package is ours."""

_DESCRIPTION: Final = "Why did the build fail? One local server for every CI: logs, tests, reruns, in few tokens."


def server_json(catalog: Catalog) -> str:
    """The text of ``server.json``."""
    package = {
        "registryType": "pypi",
        "identifier": "ci-mcp",
        "version": __version__,
        "runtimeHint": "uvx",
        "transport": {"type": "stdio"},
        "packageArguments": [{"type": "positional", "value": "serve"}],
        "environmentVariables": [one for service in catalog.services.values() for one in _variables(service)],
    }
    said = {
        "$schema": SCHEMA,
        "name": NAME,
        "title": "ci-mcp",
        "description": _DESCRIPTION,
        "repository": {"url": "https://github.com/ci-mcp/ci-mcp", "source": "github"},
        "version": __version__,
        "packages": [package],
    }
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


_MEANINGS: Final = {
    "token_env": "token",
    "user_env": "user",
    "password_env": "password",
    "mcp_token_env": "token of its MCP server",
    "host_env": "host or base URL",
    "mcp_env": "URL of its hosted MCP server",
    "cli_env": "the file of its own command line",
}


def _variables(service: Service) -> Iterator[dict[str, Any]]:
    known: dict[str, str] = {}
    for kind in (one.name for one in fields(service) if one.name.endswith("_env")):
        for name in getattr(service, kind):
            known.setdefault(variable_of(name), kind)
    for name, kind in known.items():
        said = {"name": name, "description": f"{service.title}: {_MEANINGS.get(kind, 'a setting')}"}
        yield said | ({"isSecret": True} if kind.endswith(("token_env", "password_env")) else {})


def links(catalog: Catalog) -> str:
    """The README's install links, with the same entries as ``setup`` writes for a project."""
    entry = Entry(command="ci-mcp", names=names_for(catalog.services.values()))
    cursor = _compact(agents()["cursor"].form.fields(entry))
    code = _compact(agents()["vscode"].form.fields(entry))
    config = {"cursor": base64.b64encode(cursor.encode()).decode(), "vscode": code}
    query = {name: f"name={KEY}&config={quote(text, safe='')}" for name, text in config.items()}
    return "\n".join(
        [
            f"[Add to Cursor](https://cursor.com/install-mcp?{query['cursor']})",
            "·",
            f"[Add to VS Code](https://insiders.vscode.dev/redirect/mcp/install?{query['vscode']})",
        ]
    )


def _compact(entry: dict[str, Any]) -> str:
    return json.dumps(entry, separators=(",", ":"))
