"""FirmwareCI's resources, passed through from its server with secrets redacted and text fenced."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote

from pydantic import Field

from ci_mcp.core.fence import fence
from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Prose
from ci_mcp.core.wire import parts
from ci_mcp.errors import BadAnswerError, UsageError
from ci_mcp.providers.firmwareci import ask, ids, jobs, read
from ci_mcp.providers.firmwareci.provider import provider
from ci_mcp.providers.firmwareci.read import Fields

Id = Annotated[str, Field(max_length=100, description="ULID")]
DocsPath = Annotated[str, Field(max_length=300, pattern=r"^[\w][\w./-]*$", description="Path of a page")]

_OFFERED: Final = 50  # ids to complete one with


@provider.resource("fwci://workflow/{id}")
async def firmwareci_workflow(api: Api, id: Id) -> Any:  # noqa: A002 - as the template names it
    """One FirmwareCI workflow, as it tells it.

    From: resources/read.
    """
    return await _record(api, "workflow", id)


@provider.resource("fwci://job/{id}")
async def firmwareci_job(api: Api, id: Id) -> Any:  # noqa: A002 - as the template names it
    """One FirmwareCI job, as it tells it.

    From: resources/read.
    """
    return await _record(api, "job", id)


@provider.resource("fwci://dut/{id}")
async def firmwareci_device(api: Api, id: Id) -> Any:  # noqa: A002 - as the template names it
    """One FirmwareCI device under test, as it tells it; what looks like a secret is redacted.

    From: resources/read.
    """
    return await _record(api, "dut", id)


@provider.resource("fwci://docs/{+path}", "text/markdown")
async def firmwareci_docs(api: Api, path: DocsPath) -> Prose:
    """One page of FirmwareCI's documentation.

    From: resources/read.
    """
    if ".." in path:
        raise UsageError(f"{path!r} is no path of a page", "give it as the documentation's own links do")
    text = await _text(api, f"fwci://docs/{quote(path)}")
    return Prose(f"FirmwareCI documentation, {path}\n{fence(text, 'documentation')}", {"path": path, "text": text})


async def _record(api: Api, kind: str, identity: str) -> Any:
    if not ids.is_id(identity):
        raise UsageError(f"{identity[:80]!r} is no id of a {kind}", f'find one with "ci-mcp firmwareci {kind}s list"')
    text = await _text(api, f"fwci://{kind}/{identity.upper()}")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        shown = read.hidden_text(text)
        return Prose(f"FirmwareCI {kind} {identity}\n{fence(shown, kind)}", {"id": identity, "text": shown})
    return read.hidden(body if isinstance(body, dict) else {kind: body})


async def _text(api: Api, uri: str) -> str:
    result = await ask.server(api).request("resources/read", {"uri": uri})
    texts = [one["text"] for one in parts(result.get("contents")) if isinstance(one.get("text"), str)]
    if not texts:
        raise BadAnswerError(f"{api.host} gave no text for {uri}", "try the tools: they read the same")
    return "\n".join(texts)


async def complete(api: Api, of: str, argument: str, _: Mapping[str, str]) -> Sequence[str]:
    """Ids of the newest jobs, of workflows and of devices.

    Raises: the errors of `ci_mcp.errors`.
    """
    kind = of.removeprefix("fwci://").partition("/")[0]
    if argument != "id" or kind not in {"job", "workflow", "dut"}:
        return []
    tool = jobs.LIST if kind == "job" else f"fwci_list_{kind}s"
    page = await ask.listed(api, tool, f"{kind}s", {}, limit=_OFFERED)
    found = (Fields(raw).text("id", f"{kind}_id", "ulid") for raw in page.items)
    return [one for one in found if one]
