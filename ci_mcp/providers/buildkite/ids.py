"""What a person may write for a pipeline, build or job: its path, its id, or a web or API URL.

An organization and a pipeline are slugs, a build is a number of its pipeline, everything else a UUID.
All are checked here, before they become part of a path.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from ci_mcp.core.provider import Api
from ci_mcp.errors import BadAnswerError, NotFoundError, UsageError

_SLUG: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}"
_UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_IS_SLUG: Final = re.compile(_SLUG)
_IS_UUID: Final = re.compile(_UUID)
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_BUILD: Final = re.compile(rf"(?:({_SLUG})/)?({_SLUG})[/#]([0-9]{{1,10}})")
_PIPELINE: Final = re.compile(rf"(?:({_SLUG})/)?({_SLUG})")
_JOB: Final = re.compile(rf"(?:({_SLUG})/(?:{_SLUG}[/#][0-9]{{1,10}}[/#])?)?({_UUID})")
_ANCHOR: Final = re.compile(rf"({_UUID})(?:/.*)?")
_WEB: Final = "buildkite.com"
_NO_ORGANIZATIONS: Final = frozenset({"docs", "login", "signup", "sso", "user", "pricing", "resources", "home", "v2"})
_FORMS: Final = {
    "pipeline": ("ORGANIZATION/PIPELINE or its web URL", "buildkite pipelines list"),
    "build": ("ORGANIZATION/PIPELINE/NUMBER or its web URL", "buildkite builds list"),
    "job": ("its id (a UUID) or its web URL", "buildkite jobs list"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What was named; ``number`` is a build's. What was not said is empty."""

    organization: str = ""
    pipeline: str = ""
    number: str = ""
    job: str = ""
    branch: str = ""

    @property
    def project(self) -> str:
        """The pipeline as a person writes it."""
        return f"{self.organization}/{self.pipeline}" if self.pipeline else ""

    @property
    def build(self) -> str:
        """The build as a person writes it."""
        return f"{self.project}/{self.number}" if self.number else ""

    @property
    def path(self) -> str:
        """The path of the build, or of the pipeline, below the API's version."""
        path = f"/organizations/{self.organization}"
        path += f"/pipelines/{self.pipeline}" if self.pipeline else ""
        return path + (f"/builds/{self.number}" if self.number else "")

    @property
    def job_path(self) -> str:
        """The path of the job: its organization is enough."""
        return f"/organizations/{self.organization}/jobs/{self.job}"


def is_uuid(text: str) -> bool:
    """True for an id of a job, an artifact, an agent, a cluster, a queue."""
    return _IS_UUID.fullmatch(text) is not None


def uuid(text: str, what: str) -> str:
    """A checked id in lower case; raises `UsageError` where it is none."""
    if not is_uuid(text.strip()):
        raise UsageError(f"{text[:80]!r} is no id of a {what}", "give the UUID that a list shows")
    return text.strip().lower()


def own(raw: Mapping[str, Any], what: str) -> str:
    """The id that Buildkite gives a thing, good for a path; raises `BadAnswerError` where it gives none."""
    found = str(raw.get("id") or "").strip()
    if not is_uuid(found):
        raise BadAnswerError(f"Buildkite gives a {what} no id that can be used", "try again")
    return found.lower()


def slug(text: str, what: str) -> str:
    """A checked slug; raises `UsageError` where it is none."""
    if not _IS_SLUG.fullmatch(text.strip()):
        article = "an" if what.startswith("o") else "a"
        raise UsageError(f"{text[:80]!r} is no slug of {article} {what}", "give it as it stands in web URLs")
    return text.strip()


def is_url(text: str) -> bool:
    """True where the text is meant as a URL."""
    return text.lower().startswith(("https://", "http://"))


def read_url(text: str) -> Named | None:
    """What a web or API URL names; ``None`` where it is no URL, or names nothing known. Its host is not looked at."""
    if not is_url(text):
        return None
    try:
        split = urlsplit(text)
        query = parse_qs(split.query)
    except ValueError:
        return None
    steps = [unquote(step) for step in split.path.split("/") if step]
    if steps[:1] == ["v2"]:
        steps = steps[1:]
    if steps[:1] == ["organizations"]:
        return _long(steps[1:], query, split.fragment)
    if len(steps) < 2 or steps[0] in _NO_ORGANIZATIONS:  # noqa: PLR2004 - an organization and a pipeline
        return None
    return _checked([steps[0], steps[1]], steps[2:], query, split.fragment)


def _long(steps: list[str], query: dict[str, list[str]], fragment: str) -> Named | None:
    """A path with ``organizations`` in it: the API's, and some of the web's."""
    organization, kind, name, *rest = [*steps, "", "", ""]
    if kind == "pipelines" and name:
        return _checked([organization, name], [step for step in rest if step], query, fragment)
    if kind == "jobs" and is_uuid(name) and _IS_SLUG.fullmatch(organization):
        return Named(organization=organization, job=name.lower())
    return None


def _checked(named: list[str], rest: list[str], query: dict[str, list[str]], fragment: str) -> Named | None:
    if not all(_IS_SLUG.fullmatch(name) for name in named):
        return None
    found = Named(organization=named[0], pipeline=named[1])
    if rest[:1] != ["builds"] or not rest[1:] or not _NUMBER.fullmatch(rest[1]):  # such as `builds/latest`
        return replace(found, branch=query.get("branch", [""])[0][:300])
    return replace(found, number=rest[1], job=_job_in(rest[2:], query, fragment))


def _job_in(rest: list[str], query: dict[str, list[str]], fragment: str) -> str:
    named = rest[1] if rest[:1] == ["jobs"] and rest[1:] else query.get("jid", [""])[0]
    anchor = _ANCHOR.fullmatch(fragment)
    named = named or (anchor[1] if anchor else "")
    return named.lower() if is_uuid(named) else ""


def pipeline(api: Api, text: str) -> Named:
    """A pipeline; its organization is empty where the text does not say it.

    Raises:
        UsageError: the text cannot name one.
        NotFoundError: the URL is not this service's.
    """
    if is_url(text.strip()):
        found = _of_url(api, text.strip())
        return Named(organization=found.organization, pipeline=_said(found, found.pipeline, "pipeline", text))
    match = _PIPELINE.fullmatch(text.strip())
    if match is None:
        raise _unusable("pipeline", text)
    return Named(organization=match[1] or "", pipeline=match[2])


def build(api: Api, text: str) -> Named:
    """A build; raises what `pipeline` raises."""
    if is_url(text.strip()):
        found = _of_url(api, text.strip())
        _said(found, found.number, "build", text)
        return found
    match = _BUILD.fullmatch(text.strip())
    if match is None:
        raise _unusable("build", text)
    return Named(organization=match[1] or "", pipeline=match[2], number=match[3])


def job(api: Api, text: str) -> Named:
    """A job, with its build where a URL says it; raises what `pipeline` raises."""
    if is_url(text.strip()):
        found = _of_url(api, text.strip())
        _said(found, found.job, "job", text)
        return found
    match = _JOB.fullmatch(text.strip())
    if match is None:
        raise _unusable("job", text)
    return Named(organization=match[1] or "", job=match[2].lower())


def _of_url(api: Api, text: str) -> Named:
    host = (urlsplit(text).hostname or "").lower()
    known = {name.partition(":")[0].lower() for name in api.hosts} | {_WEB, f"www.{_WEB}", f"api.{_WEB}"}
    if host not in known:
        raise NotFoundError(f"{host[:80]} is not Buildkite", f"paste a URL of {_WEB}")
    return read_url(text) or Named()


def _said(found: Named, part: str, kind: str, text: str) -> str:
    if not part:
        forms, where = _FORMS[kind]
        if kind == "job" and found.number:
            where += f" --build {found.build}"
        raise UsageError(
            f"that URL names no {kind}: {text[:80]}",
            f'give {forms}; find it with "ci-mcp {where}"',
        )
    return part


def _unusable(kind: str, text: str) -> UsageError:
    forms, where = _FORMS[kind]
    return UsageError(f"{text[:80]!r} names no {kind}", f'give {forms}; find it with "ci-mcp {where}"')
