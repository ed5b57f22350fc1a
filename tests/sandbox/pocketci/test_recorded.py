"""What a real server answered, request by request, held against what the sandbox answers in a world made alike.

``recorded.jsonl`` has 146 exchanges with a throwaway server in its three modes. What was done in between without
being recorded is done here before the exchange that it is needed for.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ci_mcp.sandbox.pocketci import make_app, tokens
from ci_mcp.sandbox.pocketci.model import Schedule, make_run_id
from ci_mcp.sandbox.pocketci.sources import group, job, pipeline, script, task
from ci_mcp.sandbox.pocketci.world import Limits, make_world

Exchange = dict[str, Any]
EXCHANGES = [json.loads(line) for line in (Path(__file__).parent / "recorded.jsonl").read_text("utf-8").splitlines()]
BASE = "http://localhost:8080"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
# What differs from server to server, and what the sandbox says in its own words.
LOOSE = {"content", "elapsed", "login_url", "share_path", "instructions", "description", "client_id_issued_at", "logs"}
IDS = {"id", "run_id", "pipeline_id", "client_id", "code"}


HOOKS = "on_failure:\n" + "\n".join(
    f"  {line.removeprefix('- ')}" if number == 0 else line
    for number, line in enumerate(task("notify-fail", "echo cleanup after failure").splitlines())
)
SOURCES = {
    "parallel": pipeline(
        job("test", group("in_parallel", [
            task("shard-1", "echo ok 1"),
            task("shard-2", "echo 'E   KeyError: x' >&2; echo bad; exit 1"),
            task("shard-3", "sleep 1; echo ok 3"),
        ]))
    ),
    "attempts": pipeline(job("test", task("flaky", "echo try; exit 1", attempts="3"))),
    "timeout": pipeline(job("test", task("slow", "echo start; sleep 60; echo end", timeout="20s"))),
    "hooks": pipeline(job("test", task("unit", "echo failing; exit 1"), more=HOOKS + "\n")),
    "try": pipeline(
        job("test", group("try", [task("mayfail", "echo boom; exit 9")]), task("after", "echo still here"))
    ),
    "missing": pipeline(job("test", task("nocmd", "this-command-does-not-exist"))),
    "across": pipeline(job("test", task("py", "echo no >&2; exit 2", across='[{var: v, values: ["3.11", "3.12"]}]'))),
    "compile": script([("compile", "echo compiling; echo 'src/main.c:10: error: expected ;' >&2; exit 1")]),
    "throws": script([("compile", "echo hi; exit 4")], throws="compile failed with"),
    "args": pipeline(job("test", task("show", "echo shown"))),
    "slow": pipeline(job("test", task("ticks", "for i in $(seq 1 40); do echo tick $i; sleep 1; done"))),
    "serial": pipeline(job("test", task("t", "sleep 4; echo done"))),
    "skipper": pipeline(job("test", task("t", "sleep 3; echo done"))),
    "canceller": pipeline(job("test", task("t", "sleep 6; echo done"))),
    "queue-superseded": pipeline(job("test", task("t", "sleep 3; echo done"))),
    "nightly": pipeline(job("test", task("t", "echo done"))),
    "gated": pipeline(job("ship", task("t", "echo done"), more="gate: {message: 'Deploy to production?'}\n")),
    "p": pipeline(job("t", task("t", "echo hi; exit 1"))),
}  # fmt: skip


def basic(password: str) -> str:
    """The header of the server's only user."""
    return "Basic " + base64.b64encode(f"{tokens.USER}:{password}".encode()).decode()


class Stage:
    """One server of the recording: its world, its client, and which of its ids are which of ours."""

    def __init__(self, mode: str, clock: Any) -> None:
        """Start with nothing in the world."""
        self.clock = clock
        self.world = make_world(self.clock, limits=Limits(3, 4))
        app = make_app(self.world, BASE, mode)
        self.client = TestClient(app, BASE, raise_server_exceptions=False, follow_redirects=False)
        now = self.clock.unix(0)
        self.headers = {
            "Basic <admin:s3cret>": basic(tokens.PASSWORD),
            "Basic <admin:wrong>": basic("wrong"),
            "Bearer <aud=api>": "Bearer " + tokens.make_token("api", now),
            "Bearer <aud=mcp scope ci:read>": "Bearer " + tokens.make_token("mcp", now, scopes=("ci:read",)),
            "Bearer <aud=mcp, no scope>": "Bearer " + tokens.make_token("mcp", now),
            "Bearer <aud=api, expired>": "Bearer " + tokens.make_token("api", now, lifetime=-60),
            "Bearer <aud=mcp, expired>": "Bearer " + tokens.make_token("mcp", now, lifetime=-60, scopes=("ci:read",)),
            "Bearer <bad signature>": "Bearer " + tokens.make_token("api", now) + "x",
        }  # fmt: skip
        self.auth = {"basic": self.headers["Basic <admin:s3cret>"], "oauth": self.headers["Bearer <aud=api>"]}.get(mode)
        self.ids: dict[str, str] = {}

    def ours(self, text: str) -> str:
        """A text with our ids in the place of the recorded ones."""
        for theirs, our in self.ids.items():
            text = text.replace(theirs, our)
        return text

    def align(self) -> None:
        """Go on to where a second begins: lists are sorted by whole seconds."""
        self.clock.wait(1 - self.clock.now() % 1)

    def put(self, name: str, recorded: str = "", **settings: Any) -> str:
        """Make a pipeline; its id."""
        kind = "ts" if name in {"compile", "throws"} else "yaml"
        self.align()
        made = self.world.put(name, SOURCES[name], kind, "native", settings)
        made.created = self.clock.now()
        if recorded:
            self.ids[recorded] = made.id
        return made.id

    def trigger(self, pipeline_id: str, recorded: str = "") -> str:
        """Start a run; its id."""
        headers = {"Authorization": self.auth} if self.auth else {}
        answer = self.client.post(f"/api/pipelines/{self.ours(pipeline_id)}/trigger", json={}, headers=headers)
        assert 202 == answer.status_code, answer.text
        run: str = answer.json()["run_id"]
        if recorded:
            self.ids[recorded] = run
        return run

    def send(self, request: dict[str, Any]) -> Any:
        """Send what was sent, with our ids and tokens."""
        headers = {name: self.headers.get(value, value) for name, value in request["headers"].items()}
        body = request["body"]
        content = None if body is None else self.ours(body if isinstance(body, str) else json.dumps(body))
        return self.client.request(request["method"], self.ours(request["path"]), content=content, headers=headers)


def ended(name: str, pipeline_id: str, run: str, seconds: float = 30) -> Callable[[Stage], None]:
    """A pipeline that was made and run to its end."""

    def act(stage: Stage) -> None:
        made = stage.put(name, pipeline_id) if name in SOURCES else pipeline_id
        stage.trigger(made, run)
        stage.clock.wait(seconds)

    return act


def waiting(seconds: float) -> Callable[[Stage], None]:
    """Nothing but time."""
    return lambda stage: stage.clock.wait(seconds)


def running(stage: Stage) -> None:
    """A slow run, looked at after five seconds."""
    stage.put("slow", SLOW, resume_enabled=True)
    stage.trigger(SLOW, "bH6pwlQ3RRVBpYSXK9MxQ")
    stage.clock.wait(5)


def skipping(stage: Stage) -> None:
    """One run of a pipeline that runs alone."""
    stage.clock.wait(60)
    stage.put("skipper", SKIPPER, concurrency_mode="skip-if-running")
    stage.trigger(SKIPPER, "xI8Dn2MXUtKXqhH83Lq3B")


def cancelling(stage: Stage) -> None:
    """One run of a pipeline whose next one cancels it."""
    stage.clock.wait(60)
    settings = {"concurrency_mode": "group", "concurrency_group_template": "all"}
    stage.put("canceller", CANCELLER, concurrency_cancel_running=True, **settings)
    stage.put("queue-superseded", "24eea4c12ff6af0ddb2a725a2156718a", **settings)
    stage.trigger(CANCELLER, "hFGFiCWB_P9_2npDQb0mD")


def filling(stage: Stage) -> None:
    """As many runs as the server takes, within one second."""
    stage.align()
    for _ in range(6):
        stage.trigger(SLOW)


def emptying(stage: Stage) -> None:
    """All runs that wait or run are stopped."""
    for run in reversed(list(stage.world.runs.values())):
        if run.status(stage.clock.now()) in {"queued", "running"}:
            stage.client.post(f"/api/runs/{run.id}/stop")
    last = list(stage.world.runs)[-3:]
    recorded = ("Xw2PhamkpzD-C8IylduSp", "q5L8bCsujLc0UUGfawaJy", "Gyv6DwGINI1v0qTVqzx_L")
    stage.ids |= dict(zip(recorded, last, strict=True))
    stage.clock.wait(10)


def together(stage: Stage) -> None:
    """These four were made within one second, in this order."""
    made = [one for one in stage.world.pipelines.values() if one.name in {"across", "compile", "throws", "args"}]
    for one in made:
        one.created = made[0].created


def scheduled(stage: Stage) -> None:
    """A pipeline that runs every night."""
    made = stage.put("nightly", "9805a853dff11ed36bebee67c34ac688")
    now = stage.clock.now()
    schedule = Schedule(make_run_id("nightly"), "test", "cron", "0 2 * * *", "test", now)
    stage.world.pipelines[made].schedules.append(schedule)


SLOW, SERIAL, SKIPPER, CANCELLER, GATED = (
    "6f8adfc2ac54887f5005471fc9901a62", "23332473a8881f50b26b389338e788ea", "984f9aa26cbe48bd6fde4d6a28105318",
    "11abca49781e3eacfe945786e5827732", "0e3ef81589072a1f523b95c4392dcb8a",
)  # fmt: skip
BEFORE: dict[str, Callable[[Stage], None]] = {
    "failed run": waiting(30),
    "blocked": ended("", "f5f092d5d8d069162b383757b24369eb", "w2autCGMCa6WI5kY-Qay1"),
    "parallel: run": ended("parallel", "8ddf7c796d7f19e5de557966f5767dfe", "pOF7GA7c76h1mDnj0bkH3"),
    "attempts: run": ended("attempts", "1ad145e9f1ffba2d92b76583c19af984", "WvOanE2DypYfvlkWtO6R9"),
    "timeout: run": ended("timeout", "49731bee155f95e68d8284553c8f9a53", "o1c2a8gOOvhCKL56Lhmya"),
    "hooks: run": ended("hooks", "f5695c247d99c286199f36ae7c132ed0", "gzIPoP-bA5KLRGmiHuT61"),
    "try: run": ended("try", "0a5cfc96e50712d3525caae4c8a24a1a", "APGn9w0ht9GD2zBo8cypY"),
    "missing: run": ended("missing", "310af6fc0b4e442468a2cddc94c54a28", "_-JF8Ob_VArpVk3jxVbwV"),
    "badyaml: run": ended("", "785b0e3878cd98bcebb6d76908da0cc8", "Nf28yu4afO8zG3aVJilJj"),
    "across: run": ended("across", "292391d2c9f9282038efb9eeb9f3ad02", "Hq51AqXQ65E9rtR_xaf1z"),
    "TypeScript: the run is success though a task failed": ended(
        "compile", "a1ecb6bd1d98618e3404b4d19a8ae5f5", "V4AcofH2_Ot-6ny-vxIS_"
    ),
    "TypeScript: throws": ended("throws", "87678e65c91ce9cfcd9b1f6cf2812051", "1DvBq7l5pFwfRxuc9Ox07"),
    "trigger with args": lambda stage: stage.ids.update({"5287cc24b61607f3b46c67775738e2c0": stage.put("args")}),
    "args run": waiting(10),
    "trigger one job": Stage.align,
    "one job run": waiting(0.1),
    "trigger with a bad body": waiting(0),
    "running": running,
    "running, 4 s later": waiting(4),
    "stopped": waiting(1),
    "resumed": waiting(0.05),
    "after resume": waiting(10),
    "serial 1": lambda stage: stage.ids.update({SERIAL: stage.put("serial", concurrency_mode="serial")}),
    "stop a queued run": waiting(1),
    "skip-if-running, second": skipping,
    "cancel-running, second": cancelling,
    "superseded": waiting(1),
    "queue full": filling,
    "list runs of a pipeline": emptying,
    "pipelines page 2": together,
    "schedules": scheduled,
    "gated run": ended("gated", GATED, "F0fEYCooP4ZKFYm-04yqT", 0.1),
    "gates": waiting(1),
    "gated run after": waiting(5),
    "server killed while it ran": ended("", SLOW, "vJHmwSIS-uCktX4tn2eib", 3),
    "triggered_by under basic": ended("args", "e9c653f9b099e15f5e562b24b98c8e24", "FfKCsHkJvTQEG8omTfuBz"),
    "trigger with a login token": lambda stage: stage.ids.update({"8adfc0542ede54106291c3c8d196f2b6": stage.put("p")}),
    "triggered_by under OAuth": waiting(0.1),
}


def compare(stage: Stage, expected: Any, got: Any, where: str = "") -> None:
    """Hold an answer against the recorded one: keys, types, and every word that is no id and no time."""
    key = where.rpartition(".")[2]
    assert type(expected) is type(got), f"{where}: {expected!r} and {got!r}"
    if isinstance(expected, dict):
        assert set(expected) == set(got), where
        for name in expected:
            compare(stage, expected[name], got[name], f"{where}.{name}")
    elif isinstance(expected, list):
        same = key == "logs" or len(expected) == len(got)
        assert same, f"{where}: {len(expected)} and {len(got)}"
        for one, other in zip(expected, got, strict=key != "logs"):
            compare(stage, one, other, where)
    elif isinstance(expected, str) and TIME.fullmatch(expected):
        assert TIME.fullmatch(got), f"{where}: {got}"
        assert ("." in expected) == ("." in got), f"{where}: {got}"
    elif isinstance(expected, str) and key in IDS:
        assert stage.ids.setdefault(expected, got) == got, where
    elif key == "id":
        assert isinstance(got, int)
    elif isinstance(expected, str) and key == "text":
        compare_text(stage, expected, got, where)
    elif key not in LOOSE:
        assert (stage.ours(expected) if isinstance(expected, str) else expected) == got, where


def compare_text(stage: Stage, expected: str, got: str, where: str) -> None:
    """The text of a tool's answer: JSON, or a message."""
    try:
        value = json.loads(expected)
    except ValueError:
        assert expected == got, where
    else:
        compare(stage, value, json.loads(got), where)


def events(text: str) -> list[Any]:
    """The events of a stream, or of a page the rows of runs, as far as a client reads them."""
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def rows(page: str) -> list[tuple[str, str]]:
    """The runs on a page with their statuses."""
    return re.findall(r'<tr[^>]*\sdata-run-id="([^"]+)"\s+data-run-status="([^"]+)"', page)


def check(stage: Stage, exchange: Exchange) -> None:
    """Send one request again, and hold the answer against the recorded one."""
    answer, recorded = stage.send(exchange["request"]), exchange["response"]
    assert recorded["status"] == answer.status_code, answer.text
    for name, value in recorded["headers"].items():
        got = answer.headers[name]
        assert name == "mcp-session-id" or value.lower() == got.lower(), name
    body, kind = recorded["body"], recorded["headers"].get("content-type", "")
    if kind == "application/json":
        compare(stage, body, answer.json(), "body")
    elif kind == "text/event-stream" and exchange["request"]["path"].endswith("/run"):
        streamed = events(answer.text)
        assert {frozenset(one) for one in events(body)} == {frozenset(one) for one in streamed}
        compare(stage, events(body)[-1], streamed[-1], "body")
    elif kind == "text/event-stream":
        assert body.splitlines()[0] == answer.text.splitlines()[0]
        compare(stage, events(body), events(answer.text), "body")
    elif kind.startswith("text/html"):
        assert [(stage.ours(run), status) for run, status in rows(body)] == rows(answer.text)
    else:
        assert body == answer.text


@pytest.fixture(params=["open", "basic", "oauth"])
def stage(request: pytest.FixtureRequest, make_clock: Callable[[], Any]) -> Iterator[Stage]:
    """One server of the recording."""
    made = Stage(request.param, make_clock())
    yield made
    made.client.close()


def test_the_sandbox_answers_as_the_server_did(stage: Stage, request: pytest.FixtureRequest) -> None:
    """Every recorded request again, in the order in which they were sent; what does not hold is told all at once."""
    mode = request.node.callspec.params["stage"]
    wrong = []
    exchanges = [one for one in EXCHANGES if one["server"] == mode]
    for number, exchange in enumerate(exchanges, 1):
        BEFORE.get(exchange["note"], waiting(0))(stage)
        try:
            check(stage, exchange)
        except AssertionError as error:
            wrong.append(f"{number} {exchange['note']}: {error}")
    assert not wrong, "\n".join(wrong)
    assert exchanges
