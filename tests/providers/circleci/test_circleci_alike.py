"""Jobs that likely fail alike: one is asked for its steps, of the others the same step is read at once."""

from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest

from ci_mcp.core.shapes import Job
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.circleci import alike, logs, read
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio
IDS = {number: f"8e50c384-0083-43d0-bc8f-93f0db589d{number:02}" for number in range(1, 4)}
FLOW = "3a1b5c84-0083-43d0-bc8f-93f0db589d00"
COMMAND = "pytest -q"
Fake = Callable[..., HttpApi]


def job(name: str, log_id: str = "") -> Job:
    """A failed job with a log."""
    return Job(status=Status.FAILED, name=name, id=log_id or name, log_id=log_id or name)


def said(code: int = 1, command: str = COMMAND) -> bytes:
    """What a failed step prints."""
    return f"#!/bin/bash -eo pipefail\r\n{command}\r\nno luck\r\n\r\nExited with code exit status {code}\r\n".encode()


def steps(*nodes: dict[str, Any], outcome: str = "failed") -> dict[str, Any]:
    """The steps of a job: one on each of these machines, after one that passed."""
    green = {"num": 101, "name": "checkout", "phase": "ended", "outcome": "succeeded", "exit_code": 0}
    red = {"num": 105, "name": "Unit tests", "command": COMMAND, "phase": "ended", "outcome": "failed", "exit_code": 1}
    runs = [{"steps": [green, red | {"stderr_bytes": 0} | node]} for node in nodes or ({},)]
    return {"data": {"attributes": {"phase": "ended", "outcome": outcome, "parallel_executions": runs}}}


def matrix(**outputs: Any) -> dict[str, Any]:
    """Three jobs of a workflow that all fail in their tests; ``stdoutN`` and ``stepsN`` are those of the Nth."""
    listed = [
        {"id": IDS[number], "job_number": number, "name": f"test-3.{number}", "project_slug": "gh/acme/web"}
        for number in IDS
    ]
    answers: dict[str, Any] = {f"GET /v2/workflow/{FLOW}/job": {"items": listed}}
    for number, known in IDS.items():
        answers[f"GET /v3/jobs/{known}"] = outputs.get(f"steps{number}", steps())
        answers[f"GET /v3/jobs/{known}/stdout"] = outputs.get(f"stdout{number}", said())
    return answers


async def read_all(api: HttpApi) -> list[str]:
    """The logs of the three, read side by side."""
    await read.jobs(api, FLOW)
    names = [f"gh/acme/web/{number}" for number in IDS]
    alike.few_logs(api, [job(f"test-3.{number}", name) for number, name in enumerate(names)])
    found = [""] * len(names)

    async def one(at: int) -> None:
        found[at] = b"".join([piece async for piece in logs.log(api, names[at])]).decode()

    async with anyio.create_task_group() as group:
        for at in range(len(names)):
            group.start_soon(one, at)
    return found


@pytest.mark.parametrize(
    ("names", "read_of"),
    [
        (["lint"], ["lint"]),
        ([f"test-{number}" for number in range(20)], [f"test-{number}" for number in range(11)]),
        (list("abcdefgh"), list("abcdef")),
        (["a-1", "a-2", "b-1", "b-2", "c", "d", "e"], ["a-1", "a-2", "b-1", "b-2", "c", "d", "e"]),
        (["a-1", "a-2", "b-1", "b-2", "c", "d", "e", "f"], ["a-1", "b-2", "c", "d", "e", "f"]),
    ],
)
async def test_few_logs_are_chosen_by_what_they_cost(fake: Fake, names: list[str], read_of: list[str]) -> None:
    """Two requests for one that is like no other, one for each further variant; the most different come first."""
    async with fake({}) as api:
        chosen = alike.few_logs(api, [job(name) for name in names])
    assert names == [one.name for one in chosen]
    assert set(read_of) == {one.log_id for one in chosen} - {""}


async def test_where_outputs_need_their_jobs_steps_none_is_guessed(fake: Fake) -> None:
    """A server without v3: two requests for each; what is no failed job stays as it is."""
    green = Job(status=Status.PASSED, name="green", id="1")
    async with fake({}, host="ci.example.com") as api:
        chosen = alike.few_logs(api, [green, *(job(f"test-{number}") for number in range(20))])
        assert alike.of(api, "test-0") is not alike.of(api, "test-1")
    assert green is chosen[0]
    assert 6 == sum(bool(one.log_id) for one in chosen)


async def test_what_is_remembered_of_alike_jobs_is_bounded(fake: Fake) -> None:
    """A server that runs for weeks forgets the oldest."""
    async with fake({}) as api:
        for number in range(200):
            alike.few_logs(api, [job(f"test-{number}-{at}") for at in range(9)])
        assert alike.of(api, "test-0-0") is None
        assert alike.of(api, "test-199-8") is not None


async def test_one_job_is_asked_for_its_steps_and_the_others_for_that_output(fake: Fake) -> None:
    """Each with its own exit code; where another command ran, the step is named after it."""
    asked: list[httpx.Request] = []
    async with fake(matrix(stdout2=said(137), stdout3=said(1, "pytest integration")), asked) as api:
        one, two, three = await read_all(api)
    wanted = [IDS[1], "stdout", "stdout", "stdout"]
    assert wanted == sorted(one.url.path.rpartition("/")[2] for one in asked if "/v3/" in one.url.path)
    assert one.startswith("##[group]Unit tests\n")
    assert two.startswith("##[group]Unit tests\n")
    assert "##[error]Process completed with exit code 137.\n" in two
    assert three.startswith("##[group]pytest integration\n")
    assert one.count("no luck") == two.count("no luck") == three.count("no luck") == 1


@pytest.mark.parametrize(
    "output",
    [b"all is well\n", b"", httpx.Response(500), b"Exited with code exit status 0\n", b"Exited with code exit status 1\nmore\n"],
)  # fmt: skip
async def test_a_step_that_did_not_fail_here_is_not_believed(fake: Fake, output: Any) -> None:
    """This job is asked for its own."""
    own = steps({"num": 107, "name": "Deploy", "exit_code": 3})

    def told(request: httpx.Request) -> Any:
        return output if request.url.params["filter[step_num]"] == "105" else said(3)

    async with fake(matrix(stdout2=told, steps2=own)) as api:
        _, two, _ = await read_all(api)
    assert two.startswith("##[group]Deploy\n")
    assert "exit code 3." in two


@pytest.mark.parametrize(
    "first",
    [
        httpx.Response(500),
        steps({}, {}),
        steps({"stderr_bytes": None}),
        steps({"stderr_bytes": 5}),
        steps({"outcome": "timedout", "exit_code": None}),
        steps({"exit_code": 0, "outcome": "succeeded"}, outcome="failed"),
    ],
    ids=["no answer", "parallel runs", "perhaps error output", "error output", "no exit code", "no failed step"],
)
async def test_a_first_job_that_is_no_help_leaves_each_to_itself(fake: Fake, first: Any) -> None:
    """Every job is asked for its steps, as if nobody had guessed."""
    asked: list[httpx.Request] = []
    answers = matrix(steps1=first)
    async with fake(answers, asked) as api:
        await read.jobs(api, FLOW)
        alike.few_logs(api, [job(f"test-3.{number}", f"gh/acme/web/{number}") for number in IDS])
        for number in IDS:
            try:
                text = b"".join([piece async for piece in logs.log(api, f"gh/acme/web/{number}")])
            except Exception:  # noqa: BLE001 - that of the first job, which is not what is asked about
                text = b""
            assert number == 1 or text.startswith(b"##[group]Unit tests\n")
    assert [f"/api/v3/jobs/{IDS[2]}", f"/api/v3/jobs/{IDS[3]}"] == [
        one.url.path for one in asked if one.url.path.endswith((IDS[2], IDS[3]))
    ]


@pytest.mark.parametrize(
    "end", ["\r\nCircleCI received exit code 7\r\n", "\n\n\nCircleCI received exit code 7", "\n", ""]
)
async def test_the_end_of_a_failed_step_is_known_in_all_its_forms(fake: Fake, end: str) -> None:
    """As the machines of several years wrote it."""
    async with fake(matrix(stdout2=f"oh\nExited with code exit status 7{end}".encode())) as api:
        _, two, _ = await read_all(api)
    assert two.startswith("##[group]Unit tests\noh\n")
    assert "##[error]Process completed with exit code 7.\n" in two


async def test_a_job_whose_id_is_not_known_is_asked_for_its_steps(fake: Fake) -> None:
    """Its output has no other address."""
    async with fake(matrix() | {"GET /v2/project/gh/acme/web/job/2": {"latest_workflow": {"id": FLOW}}}) as api:
        await read.jobs(api, FLOW)
        alike.few_logs(api, [job(f"test-3.{number}", f"gh/acme/web/{number}") for number in IDS])
        first = b"".join([piece async for piece in logs.log(api, "gh/acme/web/1")])
        read.forget()
        second = b"".join([piece async for piece in logs.log(api, "gh/acme/web/2")])
    assert first == second
