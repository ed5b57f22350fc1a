"""Records as the REST API gives them, and the kinds of their fields."""

from collections.abc import Callable
from typing import Any

from ci_mcp.sandbox.buildbot.model import NEVER, Build, Builder, Change, Log, Request, Source, Step, Worker
from ci_mcp.sandbox.buildbot.output import lines_of
from ci_mcp.sandbox.buildbot.world import REPOSITORY, World

Json = dict[str, Any]
MASTER_NAME = "ci-host:/srv/buildbot/master"

# The kind of each field: what a filter's value has to be.
FIELDS: dict[str, dict[str, type]] = {
    "builds": {
        "builderid": int, "buildid": int, "buildrequestid": int, "complete": bool, "complete_at": int,
        "locks_duration_s": int, "masterid": int, "number": int, "properties": dict, "results": int,
        "started_at": int, "state_string": str, "workerid": int,
    },
    "builders": {
        "builderid": int, "description": str, "description_format": str, "description_html": str, "masterids": list,
        "name": str, "projectid": int, "tags": list,
    },
    "steps": {
        "buildid": int, "complete": bool, "complete_at": int, "hidden": bool, "locks_acquired_at": int, "name": str,
        "number": int, "results": int, "started_at": int, "state_string": str, "stepid": int, "urls": list,
    },
    "logs": {
        "complete": bool, "logid": int, "name": str, "num_lines": int, "slug": str, "stepid": int, "type": str,
    },
    "buildrequests": {
        "builderid": int, "buildrequestid": int, "buildsetid": int, "claimed": bool, "claimed_at": int,
        "claimed_by_masterid": int, "complete": bool, "complete_at": int, "priority": int, "properties": dict,
        "results": int, "submitted_at": int, "waited_for": bool,
    },
    "buildsets": {
        "bsid": int, "complete": bool, "complete_at": int, "external_idstring": str, "parent_buildid": int,
        "parent_relationship": str, "reason": str, "rebuilt_buildid": int, "results": int, "sourcestamps": list,
        "submitted_at": int,
    },
    "changes": {
        "author": str, "branch": str, "category": str, "changeid": int, "codebase": str, "comments": str,
        "committer": str, "files": list, "parent_changeids": list, "project": str, "properties": dict,
        "repository": str, "revision": str, "revlink": str, "sourcestamp": dict, "when_timestamp": int,
    },
    "sourcestamps": {
        "branch": str, "codebase": str, "created_at": int, "patch": dict, "project": str, "repository": str,
        "revision": str, "ssid": int,
    },
    "workers": {
        "configured_on": list, "connected_to": list, "graceful": bool, "name": str, "pause_reason": str,
        "paused": bool, "workerid": int, "workerinfo": dict,
    },
    "masters": {"active": bool, "last_active": int, "masterid": int, "name": str},
    "schedulers": {"enabled": bool, "master": dict, "name": str, "schedulerid": int},
    "forceschedulers": {
        "all_fields": list, "builder_names": list, "button_name": str, "enabled": bool, "label": str, "name": str,
    },
    "projects": {
        "active": bool, "description": str, "description_format": str, "description_html": str, "name": str,
        "projectid": int, "slug": str,
    },
    "rootlinks": {"name": str}, "properties": {}, "logchunks": {"content": str, "firstline": int, "logid": int},
    "changesources": {"name": str}, "codebases": {"name": str}, "build_data": {"name": str},
    "test_result_sets": {"description": str},
}  # fmt: skip


def _at(world: World, offset: float | None, now: float = NEVER) -> int | None:
    """A time in whole seconds since 1970; None for what is not yet."""
    return None if offset is None or offset == NEVER or offset > now else int(world.clock.unix(offset))


def build(one: Build, world: World) -> Json:
    """A build with all its properties."""
    now = world.now()
    complete = now >= one.finished
    return {
        "builderid": one.builder.id, "buildid": one.id, "buildrequestid": one.request.id, "complete": complete,
        "complete_at": _at(world, one.finished, now), "locks_duration_s": 0, "masterid": 1, "number": one.number,
        "properties": one.properties, "results": one.results if complete else None,
        "started_at": _at(world, one.started), "state_string": one.state_string(now), "workerid": one.worker.id,
    }  # fmt: skip


def builder(one: Builder, _world: World) -> Json:
    """A builder; without masters it is no longer configured."""
    return {
        "builderid": one.id, "description": one.description, "description_format": None, "description_html": None,
        "masterids": [1] if one.workers else [], "name": one.name, "projectid": one.project, "tags": list(one.tags),
    }  # fmt: skip


def step(one: Step, world: World) -> Json:
    """A step."""
    now = world.now()
    complete = now >= one.end
    return {
        "buildid": one.build.id, "complete": complete, "complete_at": _at(world, one.end, now),
        "hidden": one.spec.hidden, "locks_acquired_at": _at(world, one.begin) if one.spec.seconds else None,
        "name": one.spec.name, "number": one.number, "results": one.results if complete else None,
        "started_at": _at(world, one.begin), "state_string": one.state_string(now), "stepid": one.id,
        "urls": _urls(one, world),
    }  # fmt: skip


def _urls(one: Step, world: World) -> list[Json]:
    started = [b for b in world.started() if b.request.parent == one.build.id]
    inner = started[0] if started else one.build
    facts = {"request": inner.request.id, "number": inner.number, "builder": inner.builder.id}
    return [{"name": name.format(**facts), "url": url.format(**facts)} for name, url in one.spec.urls.items()]


def log(one: Log, world: World) -> Json:
    """A log."""
    now = world.now()
    return {
        "complete": now >= one.step.end, "logid": one.id, "name": one.name, "num_lines": len(lines_of(one, now)),
        "slug": one.slug, "stepid": one.step.id, "type": one.type,
    }  # fmt: skip


def request(one: Request, world: World) -> Json:
    """A wish for a build."""
    now = world.now()
    ended = one.ended(now)
    claimed = min(one.claimed, one.cancelled)
    return {
        "builderid": one.builder.id, "buildrequestid": one.id, "buildsetid": one.buildset, "claimed": now >= claimed,
        "claimed_at": _at(world, claimed, now), "claimed_by_masterid": 1 if now >= claimed else None,
        "complete": ended is not None, "complete_at": _at(world, ended), "priority": 0, "properties": one.properties,
        "results": one.results(now), "submitted_at": _at(world, one.at), "waited_for": one.parent is not None,
    }  # fmt: skip


def buildset(one: Request, world: World) -> Json:
    """A buildset; here each has one request."""
    now = world.now()
    ended = one.ended(now)
    return {
        "bsid": one.buildset, "complete": ended is not None, "complete_at": _at(world, ended),
        "external_idstring": None, "parent_buildid": one.parent,
        "parent_relationship": "Triggered from" if one.parent else None, "reason": one.reason,
        "rebuilt_buildid": one.rebuilt, "results": one.results(now), "sourcestamps": [source(one.source, world)],
        "submitted_at": _at(world, one.at),
    }  # fmt: skip


def source(one: Source, world: World) -> Json:
    """A sourcestamp."""
    return {
        "branch": one.branch, "codebase": "", "created_at": _at(world, one.at), "patch": None, "project": one.project,
        "repository": REPOSITORY, "revision": one.revision, "ssid": one.id,
    }  # fmt: skip


def change(one: Change, world: World) -> Json:
    """A change."""
    stamp = next(each for each in world.sources if each.change is one)
    return {
        "author": one.author, "branch": one.branch, "category": None, "changeid": one.id, "codebase": "",
        "comments": one.comments, "committer": None, "files": list(one.files), "parent_changeids": [],
        "project": one.project, "properties": {}, "repository": REPOSITORY, "revision": one.revision,
        "revlink": f"{REPOSITORY}/commit/{one.revision}", "sourcestamp": source(stamp, world),
        "when_timestamp": _at(world, one.at),
    }  # fmt: skip


def worker(one: Worker, world: World) -> Json:
    """A worker."""
    own = [b for b in world.builders if one.name in b.workers]
    about = {"access_uri": None, "admin": "Ada Lane <ada@acme.example>\n", "host": f"{one.name}\n", "version": "4.3.0"}
    return {
        "configured_on": [{"builderid": b.id, "masterid": 1} for b in own],
        "connected_to": [{"masterid": 1}] if one.there else [], "graceful": one.graceful, "name": one.name,
        "pause_reason": one.pause_reason, "paused": one.paused, "workerid": one.id,
        "workerinfo": about if one.there else {},
    }  # fmt: skip


def master(_one: object, world: World) -> Json:
    """The only master."""
    return {"active": True, "last_active": _at(world, world.now()), "masterid": 1, "name": MASTER_NAME}


def scheduler(one: tuple[int, str], world: World) -> Json:
    """A scheduler, of which only whether it is enabled is told."""
    number, name = one
    enabled = name not in world.disabled
    return {"enabled": enabled, "master": master(None, world), "name": name, "schedulerid": number}


def project(_one: object, _world: World) -> Json:
    """The only project."""
    return {
        "active": None, "description": "The web shop", "description_format": None, "description_html": None,
        "name": "shop", "projectid": 1, "slug": "shop",
    }  # fmt: skip


def plain(one: Json, _world: World) -> Json:
    """What is a record already."""
    return one


SHAPES: dict[str, Callable[[Any, World], Json]] = {
    "builds": build, "builders": builder, "steps": step, "logs": log, "buildrequests": request,
    "buildsets": buildset, "sourcestamps": source, "changes": change, "workers": worker, "masters": master,
    "schedulers": scheduler, "projects": project,
}  # fmt: skip
