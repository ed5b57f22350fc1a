"""A workflow's standing, computed from its pipelines: Semaphore keeps none of its own.

A pipeline that was partially rebuilt is replaced by its rebuild, and of a promotion that was
triggered again the newest counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ci_mcp.auth.redact import redact
from ci_mcp.core.wire import text
from ci_mcp.logs.text import clean_text
from ci_mcp.providers.semaphore import ids, wire
from ci_mcp.providers.semaphore.records import Pipeline, Workflow
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.status import Status

Blocks = Mapping[str, Sequence[Json]]
"""The blocks of pipelines by the pipelines' ids."""

_REASONS: Final = {
    "malformed": "the pipeline definition is invalid",
    "stuck": "Semaphore could not run it and gave up (stuck)",
    "user": "a person stopped it",
    "internal": "Semaphore stopped it (internal)",
    "strategy": "auto_cancel stopped it: a newer run came on this branch",
    "fast_failing": "fail_fast stopped it: something else in the pipeline had failed",
    "deleted": "its branch or project was deleted",
    "timeout": "its execution time limit ran out",
}
_NONE: Final[Blocks] = {}
_SAID: Final = 1500
INFRASTRUCTURE: Final = frozenset({"stuck", "internal"})


def said_by(raw: Json, key: str) -> str:
    """A text that a build or its YAML had a hand in, fit to be shown: no secrets, no control characters, short."""
    lines = text(raw, key).strip()[:_SAID].splitlines()
    return redact("\n".join(clean_text(line) for line in lines))


def why(raw: Json) -> str:
    """In words, why a pipeline or block is not green, where its jobs cannot tell; empty where they can."""
    if wire.status(raw.get("state"), raw.get("result")) not in {Status.FAILED, Status.CANCELED}:
        return ""
    said = _REASONS.get(wire.word(raw.get("result_reason")), "")
    who = text(raw, "terminated_by")
    if said and who and wire.word(raw.get("result_reason")) == "user":
        said = f"it was stopped by {_called(raw, who)}"
    details = said_by(raw, "error_description")
    return ": ".join(part for part in (said, details) if part)


def _called(pipeline: Json, user: str) -> str:
    triggerer = pipeline.get("triggerer")
    if isinstance(triggerer, dict) and user == text(triggerer, "wf_triggerer_user_id"):
        return text(triggerer, "wf_triggerer_provider_login") or f"who started it (user {user})"
    return f"user {user}" if ids.is_uuid(user) else user


def is_first(pipeline: Json) -> bool:
    """True for the pipeline that a workflow began with: no promotion, no rebuild."""
    return not text(pipeline, "promotion_of") and not text(pipeline, "partial_rerun_of")


def first(pipelines: Sequence[Json]) -> Json:
    """The pipeline that the workflow began with."""
    return next((p for p in reversed(pipelines) if is_first(p)), pipelines[-1])


def current(pipelines: Sequence[Json]) -> list[Json]:
    """The pipelines that count, oldest first: no replaced ones."""
    old = sorted(pipelines, key=lambda p: _time(p.get("created_at")))
    replaced = {text(p, "partial_rerun_of") for p in old} - {""}
    origin: dict[str, str] = {}
    for pipeline in old:
        rebuilt = text(pipeline, "partial_rerun_of")
        origin[text(pipeline, "ppl_id")] = origin.get(rebuilt, rebuilt) or text(pipeline, "ppl_id")
    newest: dict[object, Json] = {}
    for pipeline in old:
        if text(pipeline, "ppl_id") not in replaced:
            place = _place(pipeline, origin)
            newest.pop(place, None)
            newest[place] = pipeline
    return list(newest.values()) or old  # ids that make no sense must not make a run vanish


def _place(pipeline: Json, origin: dict[str, str]) -> object:
    promoted = text(pipeline, "promotion_of")
    if not promoted:
        return origin[text(pipeline, "ppl_id")]
    values = tuple((text(e, "name"), text(e, "value")) for e in wire.parts(pipeline.get("env_vars")))
    return (origin.get(promoted, promoted), wire.yaml_path(pipeline), text(pipeline, "name"), values)


def _time(value: object) -> float:
    time = wire.when(value)
    return time.timestamp() if time else 0.0


def combined(statuses: Iterable[Status]) -> Status:
    """One status for several pipelines."""
    found = set(statuses)
    if found & {Status.RUNNING, Status.QUEUED, Status.FAILING}:
        if Status.FAILING in found or Status.FAILED in found:
            return Status.FAILING
        return Status.QUEUED if found == {Status.QUEUED} else Status.RUNNING
    order = (Status.FAILED, Status.CANCELED, Status.UNKNOWN, Status.PASSED, Status.SKIPPED)
    return next((status for status in order if status in found), Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a workflow stands, and which of its pipelines decides that."""

    status: Status
    decider: Json
    word: str


def standing(live: Sequence[Json], blocks: Blocks) -> Standing:
    """The standing of a workflow whose pipelines that count are these."""
    statuses = [wire.pipeline_status(p, blocks.get(text(p, "ppl_id"), ())) for p in live]
    status = combined(statuses)
    telling = {Status.FAILING, Status.FAILED} if status is Status.FAILING else {status}
    decider = next((p for p, own in zip(live, statuses, strict=True) if own in telling), live[0])
    said = wire.own_word(decider.get("state"), decider.get("result"), decider.get("result_reason"))
    if len(live) > 1 and (said or status.bad):
        said = f"{text(decider, 'name')}: {said or wire.word(decider.get('result')) or status.value}"
    return Standing(status, decider, said)


def ended(pipelines: Iterable[Json]) -> datetime | None:
    """When the last pipeline ended; ``None`` while one has not."""
    times = [wire.when(p.get("done_at")) for p in pipelines]
    known = [time for time in times if time]
    return max(known) if known and len(known) == len(times) else None


def duration(pipeline: Json) -> float | None:
    """How long a pipeline ran, in seconds, without its time in the queue."""
    start = wire.when(pipeline.get("running_at")) or wire.when(pipeline.get("created_at"))
    return wire.seconds_between(start, wire.when(pipeline.get("done_at")))


def requester(pipeline: Json) -> str:
    """Who started the workflow: a login where Semaphore knows one, else a user id."""
    triggerer = pipeline.get("triggerer")
    if not isinstance(triggerer, dict):
        return ""
    return text(triggerer, "wf_triggerer_provider_login") or text(triggerer, "wf_triggerer_user_id")


def requesters(pipeline: Json) -> set[str]:
    """Every name under which its requester may be asked for, in lower case."""
    triggerer = pipeline.get("triggerer")
    found = triggerer if isinstance(triggerer, dict) else {}
    names = ("wf_triggerer_provider_login", "wf_triggerer_user_id", "wf_triggerer_provider_uid")
    return {text(found, name).lower() for name in names} - {""}


def workflow_record(
    pipelines: Sequence[Json], *, blocks: Blocks = _NONE, project: str = "", url: str = "", whole: bool = False
) -> Workflow:
    """A workflow from its pipelines, newest first; ``whole`` shows them too."""
    live = current(pipelines)
    begun = first(pipelines)
    stands = standing(live, blocks)
    triggerer = begun.get("triggerer")
    started_by = triggerer if isinstance(triggerer, dict) else {}
    return Workflow(
        status=stands.status,
        id=text(begun, "wf_id"),
        word=stands.word,
        reason=why(stands.decider),
        branch=text(begun, "branch_name"),
        commit=text(begun, "commit_sha"),
        title=wire.first_line(begun.get("commit_message")),
        requester=requester(begun),
        trigger=wire.trigger(started_by.get("wf_triggered_by")),
        created=wire.when(begun.get("created_at")),
        finished=ended(live),
        duration=duration(begun),
        rerun_of=text(started_by, "workflow_rerun_of"),
        project=project,
        pipelines=tuple(pipeline_record(p, of=begun) for p in reversed(pipelines)) if whole else (),
        url=url,
    )


def pipeline_record(raw: Json, *, url: str = "", of: Json | None = None) -> Pipeline:
    """A pipeline as a list shows it; what its workflow (``of``) says already is left out."""
    said = of is not None
    return Pipeline(
        status=wire.pipeline_status(raw),
        name=text(raw, "name"),
        id=text(raw, "ppl_id"),
        word=wire.own_word(raw.get("state"), raw.get("result"), raw.get("result_reason")),
        reason=why(raw),
        workflow="" if said else text(raw, "wf_id"),
        branch="" if said else text(raw, "branch_name"),
        commit="" if said else text(raw, "commit_sha"),
        title="" if said else wire.first_line(raw.get("commit_message")),
        file=wire.yaml_path(raw),
        promotion_of=text(raw, "promotion_of"),
        rerun_of=text(raw, "partial_rerun_of"),
        rerun_by=text(raw, "partially_rerun_by"),
        created=wire.when(raw.get("created_at")),
        finished=wire.when(raw.get("done_at")),
        duration=duration(raw),
        url=url,
    )
