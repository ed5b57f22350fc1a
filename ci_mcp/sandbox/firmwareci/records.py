"""Records as the tools give them, and the per-step logs of a job."""

import datetime as dt
from functools import cache
from importlib.resources import files
from typing import Any

from ci_mcp.sandbox.firmwareci.model import NEVER, Dut, Job, Project, Step, Workflow
from ci_mcp.sandbox.firmwareci.world import World
from ci_mcp.sandbox.plan import Clock

Json = dict[str, Any]
_ZERO = "0001-01-01T00:00:00Z"
_PCIE = {
    True: "[ERROR]  PCI: 00:00:1d.4: link training timed out, no device behind this port",
    False: "[DEBUG]  PCI: 00:02:00.0 [144d/a80a] enabled",
}


@cache
def text(name: str) -> str:
    """What a terminal or a serial console showed."""
    return (files(__package__) / "console" / f"{name}.txt").read_text("utf-8")


def iso(clock: Clock, at: float, now: float = NEVER) -> str:
    """A time as the service writes it; what is not yet is Go's zero time."""
    if at in {NEVER, -NEVER} or at > now:
        return _ZERO
    return dt.datetime.fromtimestamp(clock.unix(at), dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def duration(seconds: float) -> str:
    """Seconds as Go writes a duration: ``10m32s``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"


def project(one: Project, world: World) -> Json:
    """A project."""
    return {
        "id": one.id, "name": one.name, "repository_url": one.repository, "created_at": iso(world.clock, -400 * 86_400),
    }  # fmt: skip


def workflow(one: Workflow, _world: World, *, whole: bool = False) -> Json:
    """A workflow; its tests and inputs only where it is asked for alone."""
    known: Json = {
        "id": one.id, "name": one.name, "description": one.description, "project_id": one.project.id,
        "runs_on": one.runs_on,
    }  # fmt: skip
    if whole:
        known["tests"] = [{"name": test.name, "description": test.description} for test in one.tests]
        known["inputs"] = list(one.inputs)
    return known


def dut(one: Dut, world: World, *, whole: bool = False) -> Json:
    """A device; its attributes only where it is asked for alone."""
    busy = any(job.dut is one and job.status(world.now()) in {"preparing", "running"} for job in world.jobs)
    known = {
        "id": one.id, "name": one.name, "label": one.label, "project_id": one.project.id,
        "status": "busy" if busy else "idle",
    }  # fmt: skip
    return known | ({"attributes": dict(one.attributes)} if whole else {})


def job(one: Job, world: World, *, whole: bool = False) -> Json:
    """A job; lists leave out its device's facts and where its workflow's files came from."""
    now, clock = world.now(), world.clock
    status = one.status(now)
    ended = status in {"succeeded", "failed", "aborted"}
    known: Json = {
        "id": one.id, "job_request_id": one.request, "workflow_id": one.workflow.id,
        "workflow_name": one.workflow.name, "status": status, "error": one.error if ended else "",
        "test": {"name": one.test.name, "description": one.test.description},
        "dut": {"id": one.dut.id, "name": one.dut.name} if one.dut else None,
        "created_at": iso(clock, one.created), "start_time": iso(clock, one.started, now),
        "end_time": iso(clock, one.finished, now),
        "duration": duration(one.finished - one.started) if ended and one.started != NEVER else "0s",
    }  # fmt: skip
    if whole:
        known["project_id"] = one.workflow.project.id
        known["info"] = {"meta": {"Trigger": "push", "SHA": one.commit, "Branch": "main"}}
        known["binaries"] = {"Binary": f"s3://acme-binaries/{one.request}/coreboot.rom"}
        if one.dut:
            known["dut"] |= {"label": one.dut.label}
    return known


def steps(one: Job, world: World) -> list[Json]:
    """The per-step logs as far as they have got, in order; of a job that never started none."""
    now = world.now()
    until = min(now, one.finished)
    found = []
    for step in one.steps:
        if step.begin > until:
            break
        status = step.status(now, one.finished)
        known: Json = {
            "stage": step.spec.stage, "name": step.spec.name, "cmd": step.spec.cmd, "status": status,
            "started_at": iso(world.clock, step.begin), "finished_at": iso(world.clock, min(step.end, until), now),
            "output": output(one, step, until),
        }  # fmt: skip
        if status in {"succeeded", "failed"}:
            known["exit_code"] = step.spec.exit_code
        if status == "failed":
            known["error"] = step.spec.error
        if status == "running":
            known["finished_at"] = _ZERO
        found.append(known)
    return found


def output(one: Job, step: Step, until: float) -> str:
    """What a step has shown until a moment: its lines are spread evenly over the first half of its time."""
    hangs = "hang" in step.spec.text
    lines = "".join(text(name) for name in step.spec.text).replace("@pcie", _PCIE[hangs]).splitlines(keepends=True)
    lines = [line.replace("5d8a1c2f7b3e", one.commit[:12]) for line in lines]
    begin, span = step.begin, (step.end - step.begin) / 2
    shown = [line for number, line in enumerate(lines) if begin + span * number / len(lines) <= until]
    if step.end <= until and step.spec.error:
        shown.append(f"{step.spec.error}\n")
    return "".join(shown)
