"""Definitions, checked by FirmwareCI before they are pushed; nothing is run or kept."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ci_mcp.core.provider import Api
from ci_mcp.core.shapes import Yaml
from ci_mcp.core.upstream import Result
from ci_mcp.core.wire import parts
from ci_mcp.errors import BadAnswerError, PermissionDeniedError, RateLimitedError, UnsupportedError, UsageError
from ci_mcp.providers.firmwareci import ask, read
from ci_mcp.providers.firmwareci.provider import provider
from ci_mcp.providers.firmwareci.read import Fields
from ci_mcp.providers.firmwareci.records import Issue, Validation

_SAID: Final = 4000  # characters
_MOST: Final = 50  # issues
_GOOD: Final = re.compile(r"\b(?:is )?valid\b|\bok\b", re.IGNORECASE)
_BAD: Final = re.compile(r"\binvalid\b|\bnot valid\b|\berrors?\b|\bfail", re.IGNORECASE)


@provider.read()
async def tests_validate(api: Api, yaml: Yaml) -> Validation:
    """Whether a test's YAML is valid, and what is wrong with it; nothing is run or kept.

    From: fwci_validate_test.
    Raises: UsageError: the text is empty.
    """
    return await _checked(api, "fwci_validate_test", {"text": _given(yaml)})


@provider.read()
async def documents_validate(
    api: Api,
    kind: Annotated[Literal["dut", "dut-pre-post", "workflow", "storage"], Field(description="What the document is")],
    yaml: Yaml,
) -> Validation:
    """Whether a device's, workflow's or storage's YAML is valid, and what is wrong with which field.

    From: fwci_validate.
    Raises: UsageError: the text is empty.
    """
    return await _checked(api, "fwci_validate", {"kind": kind, "text": _given(yaml)})


def _given(yaml: str) -> str:
    if not yaml.strip():
        raise UsageError("there is no YAML to validate", "give the text of a definition")
    return yaml


async def _checked(api: Api, tool: str, wanted: Mapping[str, str]) -> Validation:
    result = await ask.ask(api, tool, wanted, check=False)
    if result.failed:
        error = ask.server(api).refusal(tool, result.text)
        if isinstance(error, (PermissionDeniedError, RateLimitedError, UnsupportedError)):
            raise error  # the document was not looked at
    return _told(api, tool, result)


def _told(api: Api, tool: str, result: Result) -> Validation:
    body = read.data(result)
    found = Fields(read.record(body, "validation"))
    message = found.text("message", "error", "text", "detail")[:_SAID]
    listed = found.value("issues", "errors")
    # Some give the issues as texts.
    issues = tuple(_issue(one) for one in parts(_records(listed))[:_MOST])
    verdict = found.value("valid", "is_valid", "ok")
    if result.failed:
        verdict = False
    elif verdict is None:
        verdict = _verdict(message, issues)
    if verdict is None:
        raise BadAnswerError(f"{tool} of {api.host} does not say whether the document is valid", "try again later")
    valid = str(verdict).strip().lower() in {"true", "1", "yes"}
    return Validation(valid=valid, message="" if valid and not issues else message, issues=issues)


def _records(listed: Any) -> list[Any]:
    found = listed if isinstance(listed, list) else []
    return [{"message": one} if isinstance(one, str) else one for one in found]


def _verdict(message: str, issues: tuple[Issue, ...]) -> bool | None:
    if issues or _BAD.search(message):
        return False
    return True if _GOOD.search(message) else None


def _issue(raw: Any) -> Issue:
    found = Fields(raw)
    return Issue(
        field=found.text("field", "path", "location", "context"), message=found.text("message", "error", "description")
    )
