"""Carrying a run out: which rows its steps leave, when each begins and ends, and how the run ends."""

from ci_mcp.sandbox.pocketci.model import NEVER, STOPPED, Gate, Json, Row, Run, make_gate_id
from ci_mcp.sandbox.pocketci.output import Outcome, of_recording, of_script
from ci_mcp.sandbox.pocketci.recipes import Broken, combinations, command_of, needs, read_calls, read_jobs, seconds_of

_BEFORE_JOBS = 0.02
_POLL_SECONDS = 2.0  # how often a job looks at its gate
_RESUMED_SECONDS = 0.4  # so long a stopped run that is resumed seems to run
_GROUPS = ("in_parallel", "try", "do")


class Waiting(Exception):  # noqa: N818 - nobody has opened the gate yet
    """The run does not get any further for now."""


class Failed(Exception):  # noqa: N818 - a step's, not the program's
    """A step has failed; says what the job says of it."""

    def __init__(self, message: str, at: float) -> None:
        """Fail at a moment."""
        super().__init__(message)
        self.at = at


def carry_out(run: Run, begin: float) -> None:
    """Settle everything about a run that leaves the queue at ``begin``."""
    run.begin, run.shown, run.rows, run.end = begin, begin, [], NEVER
    engine = Engine(run)
    if run.stopped:
        run.rows = list(run.kept.values())
        run.end, run.result, run.error = begin + _RESUMED_SECONDS, "failed", STOPPED
        return
    try:
        end = engine.script(begin) if run.pipeline.content_type != "yaml" else engine.jobs(begin)
        run.result, run.error = ("failed" if engine.swallowed else "success"), ""
    except Waiting:
        end = NEVER
    except Broken as broken:
        end, run.result, run.error = begin + _BEFORE_JOBS, "failed", str(broken)
    except Failed as failed:
        end, run.result, run.error = failed.at, "failed", f"could not execute pipeline: {failed}"
    run.end = end
    run.rows.sort(key=lambda row: row.at)
    for place, row in enumerate(run.rows):
        row.number = run.serial * 1000 + place * 2 + 1


class Engine:
    """Carries out the steps of one run."""

    def __init__(self, run: Run) -> None:
        """Begin with nothing done."""
        self.run = run
        self.swallowed = 0

    def jobs(self, at: float) -> float:
        """Run a YAML pipeline's jobs one after the other; when the last one ends."""
        jobs = read_jobs(self.run.pipeline.content)
        wanted = self.run.trigger_input.get("jobs") or [job["name"] for job in jobs]
        known = {job["name"]: job for job in jobs}
        passed: set[str] = set()
        rows = {name: self._row(f"jobs/{name}", at, "pending", facts=_before(job)) for name, job in known.items()}
        at += _BEFORE_JOBS
        for name in wanted:
            if name not in known:
                self.run.rows = [row for row in self.run.rows if row.path.removeprefix("jobs/") in passed]
                raise Failed(f'target job "{name}" not found in pipeline', at)
            behind = needs(known[name])
            if not set(behind) <= passed:
                continue
            at = self._job(known[name], rows[name], at)
            passed.add(name)
            if behind:
                rows[name].facts.pop("blockedBy", None)
        for name, row in rows.items():
            if name not in passed and self.run.trigger_input.get("jobs"):
                row.status, row.ended = "skipped", at
        return at

    def _job(self, job: Json, row: Row, at: float) -> float:
        try:
            at = self._gate(job, at)
        except Failed as failed:
            row.status, row.ended = "failure", failed.at
            raise Failed(f'job "{job["name"]}": {failed}', failed.at) from None
        plan, base = job.get("plan", []), f"jobs/{job['name']}"
        for number, step in enumerate(plan):
            try:
                at = self.step(step, f"{base}/{_padded(number, len(plan))}", at)
            except Failed as failed:
                at = failed.at
                for place in range(number + 1, len(plan)):
                    self._skip(plan[place], f"{base}/{_padded(place, len(plan))}", at)
                if "on_failure" not in job:
                    row.status, row.ended, row.ending = "failure", at, {"errorMessage": str(failed)}
                    raise Failed(f'job "{job["name"]}": {failed}', at) from None
                self.swallowed += 1
                at = self.step(job["on_failure"], f"{base}/job/on_failure", at)
                break
        row.status, row.ended = "success", at
        return at

    def _gate(self, job: Json, at: float) -> float:
        """When a job gets past its gate."""
        if "gate" not in job:
            return at
        name, gates = job["name"], self.run.gates
        if name not in gates:
            gate_id = make_gate_id(self.run.id, name)
            gates[name] = Gate(gate_id, name, str(job["gate"].get("message", "")), at)
        gate = gates[name]
        if gate.status == "pending":
            raise Waiting
        noticed = gate.created + -(-(gate.resolved - gate.created) // _POLL_SECONDS) * _POLL_SECONDS
        if gate.status == "rejected":
            raise Failed(f'gate: gate "{name}": rejected by {gate.by}', noticed)
        return noticed

    def _skip(self, step: Json, path: str, at: float) -> None:
        kind = next((kind for kind in ("task", "get", "put", *_GROUPS) if kind in step), "")
        if kind:
            place = f"tasks/{step['task']}" if kind == "task" else f"{kind}/{step[kind]}"
            self._row(f"{path}/{kind if kind in _GROUPS else place}", at, "skipped", ended=at, status="skipped")

    def step(self, step: Json, path: str, at: float) -> float:
        """Run one step, whatever it is; when it ends. Raises `Failed`."""
        if "across" in step:
            return self._across(step, path, at)
        if "attempts" in step:
            return self._attempts(step, path, at)
        if "on_failure" in step:
            bare = {key: value for key, value in step.items() if key != "on_failure"}
            try:
                return self.step(bare, path, at)
            except Failed as failed:
                self.swallowed += 1
                return self.step(step["on_failure"], f"{path}/on_failure", failed.at)
        kind = next(kind for kind in ("task", "get", "put", "agent", *_GROUPS) if kind in step)
        doers = {"task": self._task, "in_parallel": self._parallel, "try": self._try, "do": self._do}
        return doers.get(kind, self._resource)(step, path, at)

    def _across(self, step: Json, path: str, at: float) -> float:
        group = self._row(f"{path}/across", at, "pending")
        first: Failed | None = None
        for number, (place, word) in enumerate(combinations(step)):
            inner = {key: value for key, value in step.items() if key != "across"} | {"task": f"{step['task']}-{word}"}
            try:
                at = self.step(inner, f"{path}/across/{number}_{place}", at)
            except Failed as failed:
                first, at = first or failed, failed.at
        return self._close(group, at, f"across: {first}" if first else "")

    def _attempts(self, step: Json, path: str, at: float) -> float:
        bare = {key: value for key, value in step.items() if key != "attempts"}
        for attempt in range(1, int(step["attempts"]) + 1):
            try:
                return self.step(bare, f"{path}/attempt/{attempt}", at)
            except Failed as failed:
                at, last = failed.at, failed
        raise last

    def _parallel(self, step: Json, path: str, at: float) -> float:
        """Steps side by side; the one that was started last is written down first."""
        steps = step["in_parallel"]["steps"]
        group = self._row(f"{path}/in_parallel", at, "pending")
        ends, first = [at], None
        for place, number in enumerate([len(steps) - 1, *range(len(steps) - 1)]):
            try:
                inner = f"{path}/in_parallel/{_padded(number, len(steps))}"
                ends.append(self.step(steps[number], inner, at + (place + 1) * 1e-4))
            except Failed as failed:
                ends.append(failed.at)
                first = first if first and first.at <= failed.at else failed
        return self._close(group, max(ends), f"in parallel: {first}" if first else "")

    def _try(self, step: Json, path: str, at: float) -> float:
        group = self._row(f"{path}/try", at, "pending")
        for number, inner in enumerate(step["try"]):
            try:
                at = self.step(inner, f"{path}/try/{_padded(number, len(step['try']))}", at)
            except Failed as failed:
                self.swallowed += 1
                at = failed.at
                break
        return self._close(group, at, "")

    def _do(self, step: Json, path: str, at: float) -> float:
        group = self._row(f"{path}/do", at, "pending")
        for number, inner in enumerate(step["do"]):
            try:
                at = self.step(inner, f"{path}/do/{_padded(number, len(step['do']))}", at)
            except Failed as failed:
                return self._close(group, failed.at, str(failed))
        return self._close(group, at, "")

    def _close(self, group: Row, at: float, message: str) -> float:
        group.status, group.ended = ("failure" if message else "success"), at
        if message:
            raise Failed(message, at)
        return at

    def _resource(self, step: Json, path: str, at: float) -> float:
        """A ``get`` or ``put``: its version comes from what its source is said to have; or an agent's work."""
        if "agent" in step:
            row = self._row(f"{path}/run", at, "running", timed=True)
            row.facts, row.status, row.ended = dict(step["answer"]), "success", at + 9.4
            return row.ended
        kind = "get" if "get" in step else "put"
        row = self._row(f"{path}/{kind}/{step[kind]}", at, "pending", facts={"resource": step[kind]})
        row.ending, row.status, row.ended = {"version": {"version": "1.0"}}, "success", at + 0.05
        return row.ended

    def _task(self, step: Json, path: str, at: float) -> float:
        name = step["task"]
        full = f"{path}/tasks/{name}"
        if full in self.run.kept:
            self.run.rows.append(self.run.kept[full])
            return at
        outcome = self._outcome(name, command_of(step))
        seconds = outcome.seconds
        limit = seconds_of(str(step.get("timeout", ""))) or NEVER
        row = self._row(full, at, "running", timed=True)
        row.log, row.planned, row.ended = outcome.log, at + seconds, at + min(seconds, limit)
        if seconds > limit:
            row.status = "abort"
            raise Failed(f'task "{name}" aborted', row.ended)
        row.status, row.ending = ("failure" if outcome.code else "success"), {"code": outcome.code}
        if outcome.code:
            raise Failed(f'task "{name}" failed with exit code {outcome.code}', row.ended)
        return row.ended

    def script(self, at: float) -> float:
        """Run a TypeScript or JavaScript pipeline: a task that fails fails nothing unless its author says so."""
        calls, thrown = read_calls(self.run.pipeline.content)
        for number, (name, command) in enumerate(calls):
            outcome = self._outcome(name, command)
            row = self._row(f"tasks/{number}-{name}", at, "running", timed=True)
            row.whole, row.planned, row.ended = True, at + outcome.seconds, at + outcome.seconds
            row.log = type(outcome.log)(outcome.log.recorded, outcome.log.said, merged=True)
            row.status, row.ending = ("failure" if outcome.code else "success"), {"code": outcome.code}
            at = row.ended
            if outcome.code and thrown:
                said = f"{thrown} {outcome.code}" if thrown.endswith("with") else thrown
                stack = "\tat pipeline (main.js:3:28(31))\n"
                raise Failed(f"promise rejected: Error: {said}\nError: {said}\n{stack}", at)
        return at

    def _outcome(self, name: str, command: str) -> Outcome:
        known = self.run.recordings.get(name) or self.run.pipeline.recordings.get(name)
        if not known:
            return of_script(command)
        outcome = of_recording(known)
        return Outcome(outcome.code, outcome.seconds * self.run.pace, outcome.log)

    def _row(  # noqa: PLR0913 - what is stored about a thing
        self,
        path: str,
        at: float,
        begun: str,
        *,
        status: str = "",
        ended: float = NEVER,
        facts: Json | None = None,
        timed: bool = False,
    ) -> Row:
        row = Row(path, at, begun, status, ended, facts=facts or {}, timed=timed)
        self.run.rows.append(row)
        return row


def _before(job: Json) -> Json:
    """What is written about a job before anything has run: of what it needs only what has to have passed."""
    behind = [name for name in needs(job) if name not in job.get("depends_on", ())]
    blocked = [{"job": name, "lastStatus": "never-run"} for name in behind]
    return {"dependsOn": behind} | ({"blockedBy": blocked} if blocked else {})


def _padded(number: int, length: int) -> str:
    return f"{number:0{len(str(max(0, length - 1)))}d}"
