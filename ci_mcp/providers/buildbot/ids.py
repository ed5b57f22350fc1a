"""What a person may write for a builder, build or step: a name, an id, or a web or API URL.

The server counts builds, requests and steps alike from 1: ``31`` is a build, ``r34`` a request, ``s516`` a step.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from ci_mcp.auth.endpoints import loopback
from ci_mcp.core.provider import Api
from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.net.paths import quote

_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_KINDS: Final = ("builders", "builds", "buildrequests", "steps", "workers", "projects", "changes", "schedulers")
_API: Final = re.compile(r"/api/v\d+/*$|/api/*$|/*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """What was named: a build by its id, by builder and number, or by the request that it will serve.

    Attributes:
        build: the id that is unique on the server; empty where it is named otherwise.
        builder: a builder's name or id; ``number`` is that of a build of it.
        request: the id of a build request.
        step: number, name or, with ``stepid``, the id of a step; ``log`` is the slug of a log of it.
    """

    build: str = ""
    builder: str = ""
    number: str = ""
    request: str = ""
    step: str = ""
    stepid: str = ""
    log: str = ""

    @property
    def run(self) -> str:
        """The build as a run's id: ``31``, ``BUILDER#4``, or ``r34`` for what a request will become."""
        if self.request:
            return f"r{self.request}"
        return self.build or (f"{self.builder}#{self.number}" if self.number else "")


def is_url(text: str) -> bool:
    """True where the text is meant as a URL."""
    return text.lower().startswith(("https://", "http://"))


def read_url(text: str) -> Ref | None:
    """What a web or API URL names; ``None`` where it names no builder, build, request or step."""
    try:
        split = urlsplit(text)
    except ValueError:
        return None
    # Older releases write no slash behind the hash.
    page = split.fragment.partition("?")[0]
    path = page if page.lstrip("/").partition("/")[0] in _KINDS else split.path
    parts = [unquote(part) for part in path.split("/") if part]
    at = next((index for index, part in enumerate(parts) if part in _KINDS), len(parts))
    named = dict(zip(parts[at::2], parts[at + 1 :: 2], strict=False))
    numbers = [named.get(kind, "0") for kind in ("builds", "buildrequests")]
    if not all(_NUMBER.fullmatch(number) for number in numbers):
        return None
    step, builder = named.get("steps", ""), named.get("builders", "")
    found = Ref(
        builder=builder,
        number=named.get("builds", "") if builder else "",
        build="" if builder else named.get("builds", ""),
        request=named.get("buildrequests", ""),
        step=step if "builds" in named else "",
        stepid=step if "builds" not in named and _NUMBER.fullmatch(step) else "",
        log=named.get("logs", ""),
    )
    return None if found == Ref() else found


def ref(api: Api, text: str) -> Ref:
    """A build as a person writes it: ``31``, ``BUILDER#4``, ``r34``, ``s516`` for that of a step, or a URL.

    Raises:
        UsageError: the text cannot name one.
        NotFoundError: the URL is not this server's.
    """
    text = text.strip()
    found = _of_url(api, text) if is_url(text) else _of_text(text)
    if found is None or not (found.run or found.stepid):
        raise UsageError(
            f"{text[:80]!r} names no build", 'give its id, BUILDER#NUMBER or web URL: "ci-mcp buildbot builds list"'
        )
    return found


def builder(api: Api, text: str) -> str:
    """A builder's name or id; raises what `ref` raises."""
    text = text.strip()
    named = _of_url(api, text) if is_url(text) else Ref(builder=text)
    if named is None or not named.builder or not named.builder.isprintable():
        raise UsageError(
            f"{text[:80]!r} names no builder", 'give its name, id or web URL: "ci-mcp buildbot builders list"'
        )
    return named.builder


def _of_text(text: str) -> Ref | None:
    if _NUMBER.fullmatch(text):
        return Ref(build=text)
    if text[:1] == "r" and _NUMBER.fullmatch(text[1:]):
        return Ref(request=text[1:])
    if text[:1] == "s" and _NUMBER.fullmatch(text[1:]):
        return Ref(stepid=text[1:])
    name, _, number = text.rpartition("#")
    return Ref(builder=name, number=number) if name and name.isprintable() and _NUMBER.fullmatch(number) else None


def _of_url(api: Api, text: str) -> Ref | None:
    try:
        host = (urlsplit(text).hostname or "").lower()
    except ValueError:
        host = ""
    if host not in {name.partition(":")[0].lower() for name in api.hosts}:
        raise NotFoundError(
            f"{host[:80]} is not a configured Buildbot", f"set BUILDBOT_URL=https://{host[:80]}, or give the id"
        )
    return read_url(text)


def web(api: Api, *parts: object) -> str:
    """The page of these, such as ``web(api, "builders", 9, "builds", 4)``."""
    return f"{_root(api)}/#/" + "/".join(quote(part) for part in parts)


def _root(api: Api) -> str:
    """Where the web pages are: a server behind a path says so in its URL alone."""
    given = str(api.settings.get("url") or "")
    try:
        split = urlsplit(given if "://" in given else f"//{given}")
        if split.netloc.rpartition("@")[2].lower() == api.host.lower() and split.scheme:
            return f"{split.scheme}://{api.host}{_API.sub('', split.path)}"
    except ValueError:
        pass
    return f"{'http' if loopback(api.host.partition(':')[0]) else 'https'}://{api.host}"
