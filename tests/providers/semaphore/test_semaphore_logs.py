import gzip
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ci_mcp.errors import (
    AuthError,
    BadAnswerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    UnreachableError,
)
from ci_mcp.logs.store import UNSETTLED
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.semaphore import events, logs
from ci_mcp.sandbox.faults import fault_id, fault_token
from ci_mcp.sandbox.semaphore import world

pytestmark = pytest.mark.anyio

JOB = "33333333-3333-3333-3333-333333333333"
LOG, SELF_HOSTED = f"GET /logs/{JOB}", f"GET /api/v1/logs/{JOB}"
STORAGE = "https://storage.example.com/log?X-Goog-Signature=5ec2e7"
Call = Callable[..., Awaitable[Any]]
Fake = Callable[..., HttpApi]


async def _text(api: Any, job: str = JOB) -> str:
    return b"".join([piece async for piece in logs.log(api, job)]).decode()


async def test_a_hosted_jobs_log_has_its_commands_as_groups(api: HttpApi) -> None:
    """The failing command, its output, its exit code."""
    text = await _text(api, world.SHOP_MAIN_FAILED_JOB)
    assert "##[group]pytest --junitxml=junit.xml\n" in text
    assert "test_discount_is_taken_once_from_the_subtotal" in text
    assert "##[error]Process completed with exit code 1.\n##[endgroup]\n" in text


async def test_a_self_hosted_jobs_log_is_read_through_its_redirect(api: HttpApi) -> None:
    """The same form, two requests, and nothing of the token in the redirect."""
    text = await _text(api, world.WAREHOUSE_SELF_HOSTED_JOB)
    assert "kubeapply: command not found" in text
    assert "jwt" not in text


async def test_a_redirect_of_the_same_host_is_followed_and_its_jwt_is_not_shown(fake: Fake) -> None:
    """An error of the second request names the path without its query."""
    moved = httpx.Response(302, headers={"location": f"https://acme.semaphoreci.com/api/v1/logs/{JOB}?jwt=5ec2e7"})
    asked: list[httpx.Request] = []
    answers = {LOG: moved, f"GET /api/v1/logs/{JOB}": {"events": [{"event": "cmd_output", "output": "hi"}], "next": 1}}
    assert "hi\n" == await _text(fake(answers, asked))
    assert {"jwt": "5ec2e7"} == dict(asked[1].url.params)
    with pytest.raises(NotFoundError) as caught:
        await _text(fake({LOG: moved}))
    assert "5ec2e7" not in str(caught.value) + caught.value.body


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (world.SHOP_STUCK_JOB, "There are no agents of type a1-gpu-large in this organization."),
        (JOB, "This job never started, so no logs were produced."),
    ],
)
async def test_why_there_is_no_log_is_the_log(api: HttpApi, fake: Fake, job: str, reason: str) -> None:
    """A 404 whose body is a JSON string is Semaphore's diagnosis; what to do about it comes next."""
    there = fake({LOG: httpx.Response(404, json=reason)}) if job == JOB else api
    lines = (await _text(there, job)).splitlines()
    assert f"##[error]{reason}" == lines[0]
    assert lines[1].startswith("What to do: ")


_HALF: dict[str, Any] = {"events": [{"event": "cmd_output", "output": "hi"}]}
_WHOLE: dict[str, Any] = {"events": [*_HALF["events"], {"event": "job_finished", "result": "failed"}]}
_NOWHERE = "Log not found neither in the archive nor in the virtual machine"


@pytest.mark.parametrize(
    ("answers", "settled"),
    [
        ({LOG: _WHOLE}, True),
        ({LOG: _HALF}, False),
        ({LOG: httpx.Response(404, json=_NOWHERE)}, False),
        ({LOG: httpx.Response(404, json="This job never started, so no logs were produced.")}, True),
    ],
)
async def test_a_log_that_may_still_come_is_not_settled(fake: Fake, answers: dict[str, Any], settled: bool) -> None:
    """Of a job that just ended it is on its way to the archive: what is there now must not be kept for good."""
    pieces = [piece async for piece in logs.log(fake(answers), JOB)]
    assert settled is all(piece is not UNSETTLED for piece in pieces)
    assert pieces[0]


@pytest.mark.parametrize("body", ["Not found", "\"Job with id 'x' not found\""])
async def test_a_job_that_is_not_there_is_not_found(fake: Fake, body: str) -> None:
    """Plain text means no access, and one JSON string means no such job."""
    with pytest.raises(NotFoundError, match=f"no job {JOB} at acme.semaphoreci.com, or none that this token may see"):
        await _text(fake({LOG: httpx.Response(404, text=body)}))


async def test_a_401_on_logs_is_a_missing_permission(api: HttpApi) -> None:
    """The token is good: it may not read this project."""
    with pytest.raises(PermissionDeniedError, match="may not read job"):
        await _text(api, world.HIDDEN_JOB)


async def test_a_bad_token_is_told_from_a_missing_permission(api_with: Callable[[str], HttpApi]) -> None:
    """The plain text "Unauthorized" means the token."""
    async with api_with(fault_token("401")) as api:
        with pytest.raises(AuthError):
            await _text(api, world.SHOP_MAIN_FAILED_JOB)


async def test_a_log_cut_in_the_middle_is_an_error(api: HttpApi) -> None:
    """Half a log must not pass for a whole one; a rate limit is told as such."""
    with pytest.raises((BadAnswerError, UnreachableError)):
        await _text(api, fault_id("cut-body"))
    with pytest.raises(RateLimitedError):
        await _text(api, fault_id("429"))


def _trimmed(*outputs: str) -> list[dict[str, Any]]:
    said = [{"event": "cmd_started", "directive": "make"}, *({"event": "cmd_output", "output": o} for o in outputs)]
    return [*said, {"event": "cmd_output", "output": events.TRIMMED}]


def _log_or(moved: httpx.Response, said: list[dict[str, Any]]) -> Callable[[httpx.Request], Any]:
    return lambda request: moved if request.url.params.get("artifact_job_logs") else {"events": said}


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["packed", "plain"])
async def test_the_rest_of_a_trimmed_log_comes_from_its_artifact(fake: Fake, pack: Callable[[bytes], bytes]) -> None:
    """What was already shown is skipped but for some overlap; the signed URL gets no credential."""
    begun = "".join(f"line {number}\n" for number in range(20_000))
    whole = f"make\n{begun}the end\nexit 1".encode()
    asked: list[httpx.Request] = []
    moved = httpx.Response(302, headers={"location": STORAGE})
    api = fake({LOG: _log_or(moved, _trimmed(begun)), "GET /log": httpx.Response(200, content=pack(whole))}, asked)
    text = await _text(api)
    head, _, rest = text.partition("##[group]The rest, from the job's artifact agent/job_logs.txt\n")
    assert head.endswith(f"{events.TRIMMED}\n")
    assert rest.endswith("line 19999\nthe end\nexit 1\n##[endgroup]\n")
    assert rest.startswith("line ")
    assert len(rest) < 70_000
    assert "authorization" not in asked[-1].headers
    assert "5ec2e7" not in text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(401, text="Permission denied"), "may not read artifacts"),
        (httpx.Response(403, text="The artifacts api feature is not enabled"), "no artifacts API"),
        (httpx.Response(404, json="Artifact job logs not found"), "kept no agent/job_logs.txt"),
        (httpx.Response(500, json="Internal error"), "500"),
    ],
)
async def test_a_trimmed_log_without_its_rest_says_why(fake: Fake, answer: httpx.Response, words: str) -> None:
    """What is there is shown, and what is missing is said."""
    pieces = [piece async for piece in logs.log(fake({LOG: _log_or(answer, _trimmed("one\n"))}), JOB)]
    assert (answer.status_code == 500) is any(piece is UNSETTLED for piece in pieces)
    text = b"".join(pieces).decode()
    assert "one\n" in text
    assert text.splitlines()[-1].startswith("##[warning]the rest of the log is not to be had")
    assert words in text


async def test_a_damaged_artifact_ends_where_it_is_damaged(fake: Fake) -> None:
    """What could be unpacked is shown."""
    lines = [f"two {number * 7919 % 100_003}\n".encode() for number in range(20_000)]
    engine = zlib.compressobj(wbits=31)
    data = engine.compress(b"make\none\n" + b"".join(lines)) + engine.flush(zlib.Z_FULL_FLUSH)
    broken = httpx.Response(200, content=data + b"\xff" * 40_000)
    moved = httpx.Response(302, headers={"location": STORAGE})
    text = await _text(fake({LOG: _log_or(moved, _trimmed("one\n")), "GET /log": broken}))
    assert text.endswith("##[endgroup]\n")
    assert "two 7919\n" in text


async def test_an_artifact_of_one_byte_is_shown(fake: Fake) -> None:
    """Too short for any magic number."""
    moved = httpx.Response(302, headers={"location": STORAGE})
    one = httpx.Response(200, content=b"x")
    assert "txt\nx\n##[endgroup]\n" in await _text(fake({LOG: _log_or(moved, _trimmed()), "GET /log": one}))


async def test_jobs_logs_shows_the_end_a_match_or_a_place(
    api: HttpApi, call: Call, requests: Callable[[], int]
) -> None:
    """The parameters of every provider's logs tool; the log itself is fetched once."""
    job = world.SHOP_MAIN_FAILED_JOB
    end = await call(api, "jobs_logs", job=job, tail=3)
    found = await call(api, "jobs_logs", job=f"https://acme.semaphoreci.com/jobs/{job}", search="cart.total.. == 1800")
    assert "Job failed." in end.text
    assert f"Semaphore job 'pytest', failed, https://acme.semaphoreci.com/jobs/{job}\n" in end.text
    assert "AssertionError: assert 1790 == 1800" in found.text
    assert 3 == requests()
    around = await call(api, "jobs_logs", job=job, around=72)
    assert "assert 1790 == 1800" in around.text
    assert "1| ##[group]" in (await call(api, "jobs_logs", job=job, start=1, tail=2)).text
