"""What a definition may hold, as FirmwareCI publishes it: JSON schemas and examples."""

import re
from typing import Annotated, Any, Final

from pydantic import Field

from ci_mcp.core.fence import fence
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Page, Prose
from ci_mcp.providers.firmwareci import ask, read
from ci_mcp.providers.firmwareci.provider import provider
from ci_mcp.providers.firmwareci.read import Fields, Json
from ci_mcp.providers.firmwareci.records import Named, Schema

_TEXTS: Final = ("content", "yaml", "text", "example", "source", "body", "data")
_BULLET: Final = re.compile(r"(?m)^[\s*-]*`?([\w:./-]+)")


@provider.read()
async def schemas_list(api: Api) -> Page[Named]:
    """Names of the JSON schemas that definitions follow: test, workflow, each step's command.

    From: fwci_list_schemas.
    """
    return Page(_names(read.data(await ask.ask(api, "fwci_list_schemas")), "schemas"))


@provider.read()
async def schemas_describe(
    api: Api,
    name: Annotated[str, Field(min_length=1, max_length=200, description="Name, as `test` or `step:ping`")],
    tokens: Annotated[int, Field(ge=200, le=10_000, description="Most tokens to answer with")] = 6_000,
) -> Schema:
    """One JSON schema with its guidance and example.

    From: fwci_get_schema.
    Raises: NotFoundError: there is no such schema.
    """
    del tokens  # the answer is cut to them
    body = read.data(await ask.ask(api, "fwci_get_schema", {"schema": name}))
    return Schema(name=name, definition=body) if isinstance(body, dict) else Schema(name=name, text=str(body))


@provider.read()
async def examples_list(api: Api) -> Page[Named]:
    """Paths of FirmwareCI's own example definitions.

    From: fwci_list_examples.
    """
    return Page(_names(read.data(await ask.ask(api, "fwci_list_examples")), "examples"))


@provider.read()
async def examples_describe(
    api: Api, example: Annotated[str, Field(min_length=1, max_length=300, description="Path, as the list gives it")]
) -> Prose:
    """One example definition as YAML.

    From: fwci_get_example.
    Raises: NotFoundError: there is no such example.
    """
    body = read.data(await ask.ask(api, "fwci_get_example", {"path": example}))
    text = body if isinstance(body, str) else Fields(read.record(body, "example")).text(*_TEXTS)
    return Prose(f"FirmwareCI example {example}\n{fence(text, 'example')}", {"example": example, "yaml": text})


def _names(body: Any, what: str) -> list[Named]:
    if isinstance(body, str):
        return [Named(name=name) for name in _BULLET.findall(body)]
    return [_named(raw) for raw in read.rows(body, what)]


def _named(raw: Json) -> Named:
    found = Fields(raw)
    return Named(name=found.text("name", "path", "id", "file", "text"), more=found.rest(short=True))
