"""What a person may write for a project, workflow, DUT or job, and web URLs.

Ids are ULIDs. A job is taken as its id or web URL, the others also by name.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from ci_mcp.core.provider import Api
from ci_mcp.errors import UsageError
from ci_mcp.providers.firmwareci.provider import WEB

_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}")
_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{5,63}")
_ORGANIZATION: Final = re.compile(r"[\w.-]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebUrl:
    """What a web URL names: ``kind`` is the plural in its path, as ``jobs`` or ``job-requests``."""

    organization: str
    kind: str
    id: str


def is_id(text: str) -> bool:
    """True for a ULID."""
    return _ULID.fullmatch(text) is not None


def read_url(text: str) -> WebUrl | None:
    """What a web URL names; ``None`` where it is no URL, or names nothing."""
    if not text.lower().startswith(("https://", "http://")):
        return None
    try:
        path = urlsplit(text).path
    except ValueError:
        return None
    organization, kind, thing = [*(unquote(part) for part in path.split("/") if part), "", "", ""][:3]
    return WebUrl(organization=organization, kind=kind, id=thing) if _ID.fullmatch(thing) else None


def job(text: str) -> str:
    """The id of a job; raises `UsageError` where the text names none."""
    return _named(text, "jobs", "job") or _fail(text, "job")


def of_thing(text: str, kind: str) -> tuple[str, str]:
    """The id or the name of a thing that has both: one of the two, the other empty.

    Raises:
        UsageError: it is the URL of something else, or nothing.
    """
    text = text.strip()
    if text.lower().startswith(("https://", "http://")):
        return _named(text, f"{kind}s", kind), ""
    if not text or len(text) > 200 or not text.isprintable():  # noqa: PLR2004 - no name is so long
        _fail(text, kind)
    return (text.upper(), "") if is_id(text) else ("", text)


def _named(text: str, kinds: str, kind: str) -> str:
    text = text.strip()
    if text.lower().startswith(("https://", "http://")):
        url = read_url(text)
        if url is None or url.kind != kinds:
            said = " (it is a job request's)" if url and url.kind == "job-requests" else ""
            raise UsageError(f"that URL names no {kind}{said}", f'find one with "ci-mcp firmwareci {kinds} list"')
        return _upper(url.id)
    return _upper(text) if _ID.fullmatch(text) else ""


def _upper(text: str) -> str:
    return text.upper() if is_id(text) else text


def _fail(text: str, kind: str) -> str:
    shown = text[:80] if text.isprintable() else "that"
    raise UsageError(f"{shown!r} names no {kind}", f'find one with "ci-mcp firmwareci {kind}s list"')


def web(api: Api, kind: str, identity: str) -> str:
    """The web URL of a thing; empty where the organization is not configured, as no call tells it."""
    organization = str(api.settings.get("org") or "")
    if not _ORGANIZATION.fullmatch(organization) or not identity:
        return ""
    return f"https://{WEB}/{organization}/{kind}/{quote(identity, safe='')}"
