"""The reads that several tools share."""

from typing import Final

from ci_mcp.core.provider import Api
from ci_mcp.core.together import together
from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.net.paths import quote
from ci_mcp.providers.buildbot import ask
from ci_mcp.providers.buildbot.ids import Ref
from ci_mcp.providers.buildbot.wire import Json, whole

_STEPS: Final = 1000  # of one build
_WANTED: Final = {"property": list(ask.PROPERTIES)}


async def build(api: Api, ref: Ref) -> Json:
    """A build with the properties that tell what it is of.

    Route: GET /api/v2/builds/{id}, …/builders/{builder}/builds/{number}, …/buildrequests/{id}/builds, …/steps/{id}.
    Raises: NotFoundError: there is none, or not yet.
    """
    found = await wanted(api, ref)
    if found is None:
        raise NotFoundError(
            f"build request {ref.request} has no build yet", f'wait for it: ci_wait(target="buildbot:#r{ref.request}")'
        )
    return found


async def wanted(api: Api, ref: Ref) -> Json | None:
    """As `build`; ``None`` where a request has no build (yet)."""
    if ref.request:
        return await _served(api, ref.request)
    if ref.builder:
        path = f"/builders/{quote(ref.builder)}/builds/{quote(ref.number)}"
        return await ask.one(api, path, f"build {ref.builder[:80]}#{ref.number}", _WANTED)
    number = ref.build
    if not number:
        step = await ask.one(api, f"/steps/{quote(ref.stepid)}", f"step {ref.stepid}")
        number = str(step.get("buildid"))
    return await ask.one(api, f"/builds/{quote(number)}", f"build {number}", _WANTED)


async def _served(api: Api, number: str) -> Json | None:
    """The newest build of a request: one whose worker was lost is tried again."""
    found = await ask.get(
        api, f"/buildrequests/{quote(number)}/builds", f"build request {number}", {**_WANTED, "limit": 100}
    )
    return max(found, key=lambda raw: whole(raw, "buildid") or 0) if found else None


async def begun(api: Api, ref: Ref) -> Json:
    """A build that is to be built again; raises `UsageError` where it has not begun, else what `wanted` raises."""
    found = await wanted(api, ref)
    if found is None:
        raise UsageError(f"build request {ref.request} waits for a worker", "there is nothing yet to build again")
    return found


async def request(api: Api, number: str) -> Json:
    """A build request.

    Route: GET /api/v2/buildrequests/{id}.
    Raises: NotFoundError: there is none.
    """
    params = {"property": list(ask.PROPERTIES)}
    return await ask.one(api, f"/buildrequests/{quote(number)}", f"build request {number}", params)


async def steps(api: Api, raw: Json) -> list[Json]:
    """The steps of a build, in their order.

    Route: GET /api/v2/builds/{build}/steps.
    """
    number = raw.get("buildid")
    found = await ask.get(api, f"/builds/{quote(number)}/steps", f"build {number}", {"limit": _STEPS})
    return sorted(found, key=lambda one: whole(one, "number") or 0)


async def changes(api: Api, raw: Json) -> list[Json]:
    """The changes that a build is the first of its kind to have.

    Route: GET /api/v2/builds/{build}/changes.
    """
    number = raw.get("buildid")
    return await ask.get(api, f"/builds/{quote(number)}/changes", f"build {number}", {"limit": 20})


async def with_steps(api: Api, ref: Ref) -> tuple[Json | None, list[Json]]:
    """A build and its steps, side by side where its id is known; a request without a build has neither."""
    if ref.build:

        async def at_build() -> list[Json]:
            return [await build(api, ref)]

        async def at_steps() -> list[Json]:
            return await steps(api, {"buildid": ref.build})

        whole_build, its_steps = await together([at_build, at_steps])
        return whole_build[0], its_steps
    one = await wanted(api, ref)
    return one, (await steps(api, one) if one else [])
