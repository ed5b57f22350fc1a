"""What a person may write for a pipeline, run or task: its id, its name or path, or a web or API URL.

Run ids are nanoids and may begin with ``-`` or ``_``. All are checked here, before they become part of a call:
an empty run id would make the server's MCP tools answer for every run.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from ci_mcp.auth.endpoints import loopback
from ci_mcp.core.provider import Api
from ci_mcp.errors import BadAnswerError, NotFoundError, UsageError

_RUN: Final = re.compile(r"[A-Za-z0-9_-]{6,64}")
_PIPELINE: Final = re.compile(r"[0-9a-f]{32}")
_GATE: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_IN_URL: Final = re.compile(r"/(runs|pipelines|share)/([^/?#]+)")
_TASK: Final = re.compile(r"(?:/?pipeline/)?([A-Za-z0-9_-]{6,64})/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TaskId:
    """A row of a run: the run's id, and the row's path below it, such as ``jobs/test/0/tasks/unit``."""

    run: str
    path: str

    def __str__(self) -> str:
        """The two as a person writes them."""
        return f"{self.run}/{self.path}"


def is_url(text: str) -> bool:
    """True where the text is meant as a URL."""
    return text.lower().startswith(("https://", "http://"))


def is_run(text: str) -> bool:
    """True for what can be a run's id."""
    return _RUN.fullmatch(text) is not None


def is_pipeline(text: str) -> bool:
    """True for what is a pipeline's id, not its name."""
    return _PIPELINE.fullmatch(text) is not None


def read_url(text: str) -> tuple[str, str]:
    """The pipeline and the run that a web or API URL names, of which one is empty; both where it names nothing."""
    try:
        path = urlsplit(text).path
    except ValueError:
        return "", ""
    for kind, name in _IN_URL.findall(path):
        found = unquote(name)
        if kind == "pipelines" and is_pipeline(found):
            return found, ""
        if kind == "share":
            found = found.partition(".")[0]
        if kind != "pipelines" and is_run(found):
            return "", found
    return "", ""


def run(api: Api, text: str) -> str:
    """A run's id.

    Raises:
        UsageError: the text cannot name one.
        NotFoundError: the URL is not this server's.
    """
    text = text.strip()
    found = _of_url(api, text)[1] if is_url(text) else text
    if not is_run(found):
        raise UsageError(
            f"{text[:80]!r} names no run", 'give its id or web URL; find it with "ci-mcp pocketci runs list"'
        )
    return found


def own(raw: Mapping[str, Any]) -> str:
    """The id that the server gives a run, good for a path; raises `BadAnswerError` where it gives none."""
    found = raw.get("id")
    if not isinstance(found, str) or not is_run(found):
        raise BadAnswerError("the server gives a run no id that can be used", "try again")
    return found


def pipeline(api: Api, text: str) -> str:
    """A pipeline's id or name; raises what `run` raises."""
    text = text.strip()
    found = _of_url(api, text)[0] if is_url(text) else text
    if not found or not found.isprintable():
        raise UsageError(
            f"{text[:80]!r} names no pipeline", 'give its name, id or web URL: "ci-mcp pocketci pipelines list"'
        )
    return found


def task(text: str) -> TaskId:
    """A task: its run and its path, with or without the ``/pipeline/`` that the server writes before them.

    Raises:
        UsageError: the text cannot name one.
    """
    match = _TASK.fullmatch(text.strip())
    if match is None or not match[2].isprintable() or ".." in match[2].split("/"):
        raise UsageError(
            f"{text[:80]!r} names no task",
            'give it as RUN/PATH, such as RUN/jobs/test/0/tasks/unit: "ci-mcp pocketci tasks list"',
        )
    return TaskId(match[1], match[2].strip("/"))


def gate(text: str) -> str:
    """A gate's id; raises `UsageError` where it is none."""
    if not _GATE.fullmatch(text.strip()):
        raise UsageError(f"{text[:80]!r} is no id of a gate", 'find it with "ci-mcp pocketci gates list"')
    return text.strip().lower()


def _of_url(api: Api, text: str) -> tuple[str, str]:
    try:
        host = (urlsplit(text).hostname or "").lower()
    except ValueError:
        host = ""
    if host not in {name.partition(":")[0].lower() for name in api.hosts}:
        raise NotFoundError(
            f"{host[:80]} is not a configured PocketCI", f"set POCKETCI_URL=https://{host[:80]}, or give the id"
        )
    return read_url(text)


def pipeline_web(api: Api, pipeline: str) -> str:
    """The web URL of a pipeline."""
    return f"{_web(api)}/pipelines/{quote(pipeline, safe='')}/"


def run_web(api: Api, run: str) -> str:
    """The web URL of a run's tasks."""
    return f"{_web(api)}/runs/{run}/tasks"


def _web(api: Api) -> str:
    return f"{'http' if loopback(api.host.partition(':')[0]) else 'https'}://{api.host}"
