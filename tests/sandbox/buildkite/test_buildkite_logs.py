"""Raw job logs: their bytes, their tails, and what a job's environment was."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.buildkite import history, world
from ci_mcp.sandbox.buildkite.output import Log, log_of
from ci_mcp.sandbox.serve import Service

MARKER = rb"\x1b_bk;t=\d{13}\x07"
ORG = "/organizations/acme"
PLAIN = {"Accept": "text/plain"}


@pytest.fixture(scope="module")
def fetch(client: httpx.Client) -> Callable[..., httpx.Response]:
    """Asks for the log of a job."""

    def ask(
        job: str = world.SHOP_MAIN_FAILED_JOB, ending: str = "", method: str = "GET", **headers: str
    ) -> httpx.Response:
        return client.request(method, f"{ORG}/jobs/{job}/log{ending}", headers=headers)

    return ask


Fetch = Callable[..., httpx.Response]


def test_a_raw_log_has_the_agents_marks(fetch: Fetch) -> None:
    """Markers of time, two kinds of line ends, groups, and the hint at the group that failed."""
    raw = fetch(**PLAIN).content
    lines = raw.split(b"\n")
    assert b"" == lines.pop()
    marked = [re.match(MARKER, line) for line in lines]
    assert len(lines) * 0.9 < sum(map(bool, marked)) < len(lines)
    assert any(line.endswith(b"\r\r") for line in lines)
    assert any(line.endswith(b"\r") and not line.endswith(b"\r\r") for line in lines)
    bare = [re.sub(MARKER, b"", line).rstrip(b"\r") for line in lines]
    for prefix in (b"--- ", b"~~~ ", b"\x1b]1338;url=artifact://"):
        assert any(line.startswith(prefix) for line in bare)
    assert b"^^^ +++" in bare
    assert any("🚨 Error: The command exited with status 1".encode() in line for line in bare)
    assert b"E       AssertionError: assert 1790 == 1800" in raw


def test_progress_has_markers_in_the_middle_of_a_line(fetch: Fetch) -> None:
    """One before each redraw."""
    raw = fetch(**PLAIN).content
    assert re.search(rb"\x1b\[K" + MARKER + rb"\r\S", raw)


def test_times_go_forward(fetch: Fetch) -> None:
    """And lie within the job's."""
    times = [int(found) for found in re.findall(rb"\x1b_bk;t=(\d{13})\x07", fetch(**PLAIN).content)]
    assert sorted(times) == times
    assert 40_000 < times[-1] - times[0] < 50_000


def test_three_representations_of_one_log(client: httpx.Client, fetch: Fetch) -> None:
    """By the ending or by the Accept header; within the build and the organization the same."""
    raw = fetch(**PLAIN)
    assert raw.content == fetch(ending=".txt").content
    within = f"{ORG}/pipelines/shop/builds/{world.SHOP_MAIN_BUILD}/jobs/{world.SHOP_MAIN_FAILED_JOB}/log.txt"
    assert raw.content == client.get(within).content
    assert raw.headers["content-length"] == str(len(raw.content))
    said = fetch().json()
    assert raw.text == said["content"]
    assert len(raw.content) == said["size"]
    assert all(time > 1e18 for time in said["header_times"])
    assert "AssertionError" in fetch(ending=".html").text
    assert fetch(ending=".html").text == fetch(Accept="text/html").text


def test_head_says_the_size_alone(fetch: Fetch) -> None:
    """Before anything is loaded."""
    answer, whole = fetch(method="HEAD"), fetch(**PLAIN)
    assert (200, b"", "bytes") == (answer.status_code, answer.content, answer.headers["accept-ranges"])
    assert len(whole.content) == int(answer.headers["content-length"])


@pytest.mark.parametrize("size", [1, 4096, 10**9])
def test_the_last_bytes_of_a_log(fetch: Fetch, size: int) -> None:
    """A range of a suffix, even one longer than the log."""
    whole, tail = fetch(**PLAIN).content, fetch(**PLAIN, Range=f"bytes=-{size}")
    assert (206, whole[-size:]) == (tail.status_code, tail.content)
    first = max(0, len(whole) - size)
    assert f"bytes {first}-{len(whole) - 1}/{len(whole)}" == tail.headers["content-range"]


@pytest.mark.parametrize("wanted", ["bytes=0-10", "bytes=10-", "bytes=-0", "bytes=-5,-9", "lines=-5", "bytes=-"])
def test_any_other_range_is_400(fetch: Fetch, wanted: str) -> None:
    """There is no access in the middle."""
    assert 400 == fetch(**PLAIN, Range=wanted).status_code


def test_a_range_needs_plain_text(fetch: Fetch) -> None:
    """Of JSON there is none."""
    assert 400 == fetch(Range="bytes=-5").status_code


def test_an_empty_log_is_no_error_but_for_a_range(fetch: Fetch) -> None:
    """416, and how many bytes there are."""
    assert (200, b"") == (
        fetch(world.SHOP_EMPTY_JOB, **PLAIN).status_code,
        fetch(world.SHOP_EMPTY_JOB, **PLAIN).content,
    )
    refused = fetch(world.SHOP_EMPTY_JOB, **PLAIN, Range="bytes=-5")
    assert (416, "bytes */0") == (refused.status_code, refused.headers["content-range"])
    assert ("", 0) == tuple(fetch(world.SHOP_EMPTY_JOB).json()[key] for key in ("content", "size"))


@pytest.mark.parametrize(
    "job", [world.SHOP_STUCK_JOB, world.SHOP_BLOCKED_JOB, world.job_id("shop", "main-12", "orders")]
)
def test_what_never_ran_has_no_log(fetch: Fetch, job: str) -> None:
    """Scheduled jobs, block steps, and jobs behind a failure."""
    assert (404, "No log found") == (fetch(job).status_code, fetch(job).json()["message"])


def test_a_log_may_be_deleted(fetch: Fetch) -> None:
    """It is answered; the next test still has it."""
    assert 204 == fetch(method="DELETE").status_code


def test_fifty_megabytes_are_read_from_their_end(fetch: Fetch) -> None:
    """The failure is in the last 200 KB, and the bytes are those of the whole log."""
    size = int(fetch(world.SHOP_BIG_JOB, method="HEAD").headers["content-length"])
    assert 50_000_000 < size < 52_000_000
    tail = fetch(world.SHOP_BIG_JOB, **PLAIN, Range="bytes=-200000").content
    assert 200_000 == len(tail)
    assert b"assert 1790 == 1800" in tail
    assert tail[-5_000:] == fetch(world.SHOP_BIG_JOB, **PLAIN, Range="bytes=-5000").content


@pytest.mark.parametrize("start", [0, 1, 4, 5, 200, 271, 331, 700, 1_000_000])
def test_a_log_in_three_parts_is_one(start: int) -> None:
    """From wherever it is read."""
    log = Log(b"head\n", 5, b"tail\n", 1_700_000_000_000)
    whole = b"".join(log.read())
    assert len(whole) == log.size
    assert whole[start:] == b"".join(log.read(start))
    assert 5 == len(re.findall(MARKER, whole))


def test_a_log_grows_while_its_job_runs(made: Callable[[float], world.World]) -> None:
    """What was there stays as it was."""
    sizes = []
    for at in (-40.0, -12.0, 1.0, 5.0, 50.0):
        demo = made(at)
        log = log_of(demo.jobs[world.SHOP_FAILS_SOON_JOB], demo.clock)
        sizes.append(log.size if log else 0)
    assert 0 < sizes[0] < sizes[1] < sizes[2] < sizes[3] == sizes[4]


def test_a_promised_failure_is_in_the_log_of_the_running_job(fetch: Fetch) -> None:
    """Its lines are there before the job has ended."""
    raw = fetch(world.SHOP_PROMISING_JOB, **PLAIN).content
    assert b"AssertionError" in raw
    assert b"pre-exit" not in raw


def test_jobs_that_were_stopped_say_so(fetch: Fetch) -> None:
    """Canceled and timed out; one whose agent was lost has no last words."""
    assert b"Received cancellation signal" in fetch(world.job_id("shop", "canceled-1", "unit"), **PLAIN).content
    assert b"Job timed out" in fetch(world.job_id("shop", "problems-1", "slow"), **PLAIN).content
    assert b"pre-exit" not in fetch(world.job_id("shop", "problems-1", "spot"), **PLAIN).content


def test_one_log_is_as_bad_as_bytes_can_be(fetch: Fetch) -> None:
    """A title of 0.8 MB, bytes that are no text, marks that are none; and the failure after them."""
    raw = fetch(world.SHOP_HOSTILE_JOB, **PLAIN).content
    assert 800_000 < max(map(len, raw.split(b"\n")))
    assert all(f"E{number}".encode() in raw for number in range(1001, 1007))
    assert b"\xff\xfe" in raw
    assert raw.index(b"E1006") < raw.index(b"assert 1790 == 1800")
    assert "\ufffd" in fetch(world.SHOP_HOSTILE_JOB).json()["content"]


def test_an_upload_of_steps_has_a_log(fetch: Fetch) -> None:
    """Of the agent's own lines alone."""
    raw = fetch(world.job_id("shop", "main-12", "upload"), **PLAIN).content
    assert b"Successfully uploaded and parsed pipeline config for shop" in raw
    assert b"\r\r\n" not in raw


def test_every_job_that_ran_has_a_log(made: Callable[[float], world.World]) -> None:
    """With the commit of its build, and nothing of where it was recorded."""
    demo = made(100)
    seen = {}
    for job in demo.jobs.values():
        if job.has_run(100) and job.recording and job.recording not in seen and job.id != world.SHOP_BIG_JOB:
            log = log_of(job, demo.clock)
            assert log is not None
            seen[job.recording] = b"".join(log.read())
            assert b"semaphore" not in seen[job.recording]
            assert job.build.commit[:7].encode() in seen[job.recording]
    assert len(seen) > 20


def test_the_environment_holds_secrets(client: httpx.Client, get: Callable[..., Any]) -> None:
    """As JSON and as lines; no secret is in the log."""
    path = f"jobs/{world.SHOP_MAIN_FAILED_JOB}/env"
    found = get(path)["env"]
    assert ("true", "main", "staging") == tuple(found[key] for key in ("CI", "BUILDKITE_BRANCH", "DEPLOY_ENVIRONMENT"))
    assert 4 == sum(world.SECRET_VALUE in value for value in found.values())
    lines = client.get(f"{ORG}/{path}.txt").text
    assert lines == client.get(f"{ORG}/{path}", headers=PLAIN).text
    assert f"GITHUB_TOKEN={world.SECRET_VALUE}\n" in lines
    assert world.SECRET_VALUE not in client.get(f"{ORG}/jobs/{world.SHOP_MAIN_FAILED_JOB}/log.txt").text
    assert 404 == client.get(f"{ORG}/jobs/{world.SHOP_BLOCKED_JOB}/env").status_code


def test_requests_are_counted_by_route(service: Service, client: httpx.Client) -> None:
    """Those of the organization apart from those of a build, and of the storage beside them."""
    service.requests.clear()
    client.get(f"{ORG}/jobs/{world.SHOP_MAIN_FAILED_JOB}/log.txt")
    client.head(f"{ORG}/pipelines/shop/builds/{world.SHOP_MAIN_BUILD}/jobs/{world.SHOP_MAIN_FAILED_JOB}/log")
    base = "/v2/organizations/{org}"
    expected = {
        f"GET {base}/jobs/{{job}}/log.txt": 1,
        f"HEAD {base}/pipelines/{{pipeline}}/builds/{{number}}/jobs/{{job}}/log": 1,
    }
    assert expected == dict(service.requests)


def test_the_demo_builds_end_soon(made: Callable[[float], world.World]) -> None:
    """Both run when the sandbox starts; one fails and one passes within seconds."""
    for number, state in ((world.SHOP_FAILS_SOON_BUILD, "failed"), (world.SHOP_PASSES_SOON_BUILD, "passed")):
        early, late = made(0.5), made(5)
        assert "running" == early.builds["shop", number].state(early.now())
        assert state == late.builds["shop", number].state(late.now())


def test_every_build_is_steady_once_the_demo_builds_have_ended(made: Callable[[float], world.World]) -> None:
    """Their states are those that the specifications say, and none moves by itself."""
    one, two = made(10), made(3600)
    assert len(history.BUILDS) == len(one.builds)
    assert {key: build.state(10) for key, build in one.builds.items()} == {
        key: build.state(3600) for key, build in two.builds.items()
    }
