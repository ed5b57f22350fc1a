"""What a run waits for: a person who triggers a promotion, an agent, pipelines before it in its queue."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from ci_mcp.core.provider import Api
from ci_mcp.core.together import together
from ci_mcp.core.wire import text
from ci_mcp.errors import CiError, NotFoundError
from ci_mcp.net.paths import quote
from ci_mcp.providers.semaphore import ids, jobs, promotions, read, wire
from ci_mcp.providers.semaphore.failures import Detailed
from ci_mcp.providers.semaphore.promotions import Promotion
from ci_mcp.providers.semaphore.wire import Json
from ci_mcp.status import Status

LONG: Final = 120.0  # seconds: what waits no longer is no news
_LOOKED_AT: Final = 2  # pipelines with promotions, the newest first
_NAME: Final = 80
_HOUR: Final = 3600
_TYPE: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


async def for_promotions(api: Api, live: Sequence[Json]) -> str:
    """The promotions of green pipelines that nobody has triggered, in words; empty where there is none.

    Route: GET /promotions?pipeline_id=…, and the pipeline's YAML through GET /artifacts/signed_url.
    """
    green = [raw for raw in live if wire.pipeline_status(raw) is Status.PASSED and text(raw, "switch_id")]
    calls = [partial(_for_promotion, api, raw) for raw in reversed(green[-_LOOKED_AT:])]
    return "; ".join(said for said in await together(calls) if said)


async def _for_promotion(api: Api, raw: Json) -> str:
    named = text(raw, "ppl_id")
    found: Sequence[Promotion] = ()
    declares: list[Json] | None = None

    async def triggered() -> None:
        nonlocal found
        found = (await promotions.events(api, named))[0]

    async def declared() -> None:
        nonlocal declares
        declares = await promotions.of_yaml(api, raw)

    try:
        await together([triggered, declared])
    except CiError:
        return ""  # a nicety: how the run stands is known without it
    return _in_words(named, found, declares)


def _in_words(pipeline: str, found: Sequence[Promotion], declares: Sequence[Json] | None) -> str:
    newest: dict[str, Promotion] = {}
    for event in found:
        newest.setdefault(event.name, event)
    said = []
    refused = [name for name, event in newest.items() if event.status == "failed"]
    if refused:
        said.append(
            f"triggering the promotion {_names(refused)} failed: try again, or look at its deployment target's rules"
        )
    if declares is None:
        waits = "promotions that a person may trigger" if not found else ""
    else:
        open_ = [text(one, "name") for one in declares if text(one, "name") not in newest and not _by_itself(one)]
        waits = f"the promotion {_names(open_)}, which a person triggers" if open_ else ""
    if waits:
        said.append(f'it waits for {waits}: semaphore_promotions_run(pipeline="{pipeline}", promotion=NAME)')
    return "; ".join(said)


def _by_itself(promotion: Json) -> bool:
    return isinstance(promotion.get("auto_promote"), dict) or isinstance(promotion.get("auto_promote_on"), list)


def _names(names: Sequence[str]) -> str:
    return " or ".join(f'"{" ".join(name.split())[:_NAME]}"' for name in names)


async def for_a_turn(api: Api, live: Sequence[Json], detailed: Mapping[str, Detailed]) -> str:
    """What keeps a run from going on, where it has waited for long; empty where nothing does.

    Route: GET /troubleshoot/job/:id, GET /self_hosted_agent_types/:name.
    """
    for raw in live:
        if wire.word(raw.get("state")) in {"pending", "queuing"} and _waited(raw.get("created_at")) > LONG:
            return _in_queue(raw)
        pipeline = detailed.get(text(raw, "ppl_id"))
        if pipeline and pipeline.status in {Status.RUNNING, Status.FAILING}:
            stuck = next(_queued(pipeline), None)
            if stuck and (said := await _for_agent(api, stuck)):
                return said
    return ""


def _in_queue(raw: Json) -> str:
    queue = raw.get("queue")
    name = text(queue, "name") if isinstance(queue, dict) else ""
    where = f"the queue {name!r}" if name else "its queue"
    return f"it waits in {where} for pipelines before it: cancel those that nobody needs, or wait for them to end"


def _queued(pipeline: Detailed) -> Any:
    for block in pipeline.blocks:
        for job in wire.parts(block.get("jobs")):
            if wire.status(job.get("status"), job.get("result")) is Status.QUEUED and ids.is_uuid(text(job, "job_id")):
                yield job


def _waited(since: Any) -> float:
    return wire.seconds_between(wire.when(since), datetime.now(UTC)) or 0.0


async def _for_agent(api: Api, job: Json) -> str:
    about = jobs.part(await jobs.trouble(api, text(job, "job_id")), "job")
    seconds = _waited(about.get("enqueued_at") or about.get("created_at"))
    kind = text(about, "machine_type")
    if seconds < LONG:
        return ""
    time = f"{seconds / _HOUR:.0f} h" if seconds > 2 * _HOUR else f"{seconds / 60:.0f} min"
    waits = f"job {text(job, 'name')!r} has waited {time} for an agent"
    if not kind:
        return waits
    waits = f"{waits} of type {kind}"
    if about.get("is_self_hosted") is not True and not kind.startswith("s1-"):
        return f"{waits}: the organization's quota of that type may be used up; cancel runs that nobody needs"
    return f"{waits}: {await _self_hosted(api, kind)}"


async def _self_hosted(api: Api, kind: str) -> str:
    count: Any = None
    if _TYPE.fullmatch(kind):
        with suppress(CiError):
            try:
                body = (await api.get(f"{read.BASE}/self_hosted_agent_types/{quote(kind)}")).json()
            except NotFoundError:
                return (
                    "the organization has no such type, or not for this token: correct agent.machine.type in the YAML"
                )
            count = jobs.part(wire.record(body, "agent type"), "status").get("total_agent_count")
    if count == 0:
        return "none of that type is connected: start one (Semaphore's self-hosted agents)"
    busy = f"all {count} of them are busy" if isinstance(count, int) and count > 0 else "they are busy or not connected"
    return f"{busy}: wait, start more, or cancel runs that nobody needs"
