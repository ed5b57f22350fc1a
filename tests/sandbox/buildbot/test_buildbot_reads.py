"""What is read: builders, builds, steps, logs, and how lists are asked for."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_mcp.sandbox.buildbot import world
from ci_mcp.sandbox.buildbot.model import CANCELLED, EXCEPTION, FAILURE, RETRY, SKIPPED, SUCCESS, WARNINGS
from ci_mcp.sandbox.buildbot.output import lines_of

Get = Callable[..., Any]
Make = Callable[[float], world.World]


@pytest.mark.parametrize(
    ("build", "results"),
    [
        (world.SHOP_MAIN_BUILD, FAILURE),
        (world.SHOP_MAIN_GREEN_BUILD, SUCCESS),
        (world.SHOP_RELEASE_BUILD, SUCCESS),
        (world.SHOP_WARNS_BUILD, WARNINGS),
        (world.SHOP_STOPPED_BUILD, CANCELLED),
        (world.SHOP_LOST_BUILD, RETRY),
        (world.BROKEN_BUILD, EXCEPTION),
        (world.SKIPS_BUILD, SUCCESS),
        (world.HANG_BUILD, FAILURE),
        (world.SLOW_BUILD, None),
    ],
)
def test_builds_end_in_every_way(get: Get, build: int, results: int | None) -> None:
    """Success, warnings, failure, exception, retry, cancelled; a build of skipped steps is one that passed."""
    assert results == get(f"/builds/{build}")["results"]


def test_the_newest_build_of_main_failed(get: Get) -> None:
    """The branch is a property; the API has no filter for it."""
    builds = get(f"/builders/{world.SHOP_BUILDER}/builds?order=-number&property=branch&limit=50")
    main = [build for build in builds if build["properties"]["branch"][0] == "main"]
    assert world.SHOP_MAIN_BUILD == main[0]["buildid"]
    assert world.SHOP_MAIN_NUMBER == main[0]["number"]
    assert {"main", "release", "fails-soon", "passes-soon", "-x/topic"} == {
        b["properties"]["branch"][0] for b in builds
    }


def test_the_steps_of_a_build(get: Get) -> None:
    """A failed step fails its build, those after it run, and one is skipped without a log."""
    steps = get(f"/builds/{world.SHOP_MAIN_BUILD}/steps")
    told = {step["name"]: step["results"] for step in steps}
    assert {"unit tests": FAILURE, "integration": SUCCESS, "deploy": SKIPPED} == {
        name: told[name] for name in ("unit tests", "integration", "deploy")
    }
    assert list(range(len(steps))) == [step["number"] for step in steps]
    assert [] == get(f"/builds/{world.SHOP_MAIN_BUILD}/steps/deploy/logs")
    assert next(step for step in steps if step["name"] == "clean")["hidden"]


def test_a_build_of_two_hundred_steps(get: Get) -> None:
    """Twelve of them failed."""
    failed = get(f"/builds/{world.MANY_BUILD}/steps?results=2&field=name&field=results")
    assert 12 == len(failed)
    assert 201 == len(get(f"/builds/{world.MANY_BUILD}/steps"))


def test_a_failing_log_says_why(get: Get) -> None:
    """Each line has the letter of its stream; the worker's own words have the environment and the exit code."""
    log = get(f"/builds/{world.SHOP_MAIN_BUILD}/steps/unit tests/logs")[0]
    content = get(f"/logs/{log['logid']}/contents")["content"]
    lines = content.splitlines()
    assert log["num_lines"] == len(lines)
    assert {"h", "o"} == {line[0] for line in lines}
    assert "hprogram finished with exit code 1" in lines
    assert any("SHOP_DB_PASSWORD" in line for line in lines)
    assert "2 failed" in content


def test_a_part_of_a_log(get: Get) -> None:
    """Offset and limit count lines; a tail is what begins so many lines before the end."""
    log = get(f"/builds/{world.SHOP_MAIN_BUILD}/steps/unit tests/logs")[0]
    lines = get(f"/logs/{log['logid']}/contents")["content"].splitlines(keepends=True)
    part = get(f"/logs/{log['logid']}/contents?offset={log['num_lines'] - 3}&limit=2")
    assert "".join(lines[-3:-1]) == part["content"]
    assert log["num_lines"] - 3 == part["firstline"]


def test_a_raw_log(make_client: Callable[..., httpx.Client], get: Get) -> None:
    """Without letters, with three lines before it, and always whole."""
    log = get(f"/builds/{world.SHOP_MAIN_BUILD}/steps/unit tests/logs")[0]
    answer = make_client().get(f"/api/v2/logs/{log['logid']}/raw", headers={"Range": "bytes=-5"})
    assert 200 == answer.status_code
    assert ["Builder: shop", f"Build number: {world.SHOP_MAIN_NUMBER}"] == answer.text.splitlines()[:2]
    assert log["num_lines"] + 3 == len(answer.text.splitlines())


def test_fifty_megabytes(make_client: Callable[..., httpx.Client], get: Get) -> None:
    """A large log is made while it is sent; its last lines can be had alone."""
    log = get(f"/builds/{world.BIG_BUILD}/steps/index/logs")[0]
    tail = get(f"/logs/{log['logid']}/contents?offset={log['num_lines'] - 40}&limit=40")["content"]
    assert "FAIL" in tail
    size = 0
    with make_client().stream("GET", f"/api/v2/logs/{log['logid']}/raw") as answer:
        for piece in answer.iter_bytes():
            size += len(piece)
    assert 45_000_000 < size < 60_000_000


def test_the_log_of_an_exception(get: Get) -> None:
    """Text and HTML, whose lines have no letters."""
    logs = get(f"/builds/{world.BROKEN_BUILD}/steps/boom/logs")
    assert [("err_text", "t"), ("err_html", "h")] == [(log["slug"], log["type"]) for log in logs]
    assert get(f"/logs/{logs[0]['logid']}/contents")["content"].startswith("Traceback")


def test_the_log_of_a_step_that_was_killed(get: Get) -> None:
    """A stopped step has one more log that says why; a silent one the worker's words."""
    logs = {log["slug"]: log for log in get(f"/builds/{world.SHOP_STOPPED_BUILD}/steps/unit tests/logs")}
    assert "not needed any more\n" == get(f"/logs/{logs['cancelled']['logid']}/contents")["content"]
    end = get(f"/logs/{logs['stdio']['logid']}/contents")["content"].splitlines()[-4:]
    assert ["hcommand interrupted, attempting to kill", "hprocess killed by signal 9"] == end[:2]
    silent = get(f"/builds/{world.HANG_BUILD}/steps/index/logs")[0]
    assert "without output running" in get(f"/logs/{silent['logid']}/contents")["content"]


def test_a_line_without_an_end_comes_last(get: Get) -> None:
    """The master learns of it when all else has been said."""
    log = get(f"/builds/{world.INNER_BUILD}/steps/raw/logs")[0]
    assert "olast" == get(f"/logs/{log['logid']}/contents")["content"].splitlines()[-1]


def test_a_triggered_build(get: Get) -> None:
    """The step that started it has its web page, the build its number."""
    inner = get(f"/builds/{world.NIGHTLY_BUILD}/triggered_builds")[0]
    urls = get(f"/builds/{world.NIGHTLY_BUILD}/steps/start others")["urls"]
    assert world.INNER_BUILD == inner["buildid"]
    assert f"https://buildbot.example.com/#/builders/{inner['builderid']}/builds/1" == urls[1]["url"]


def test_a_request_had_two_builds(get: Get) -> None:
    """The first lost its worker."""
    request = get(f"/builds/{world.SHOP_LOST_BUILD}")["buildrequestid"]
    assert [RETRY, SUCCESS] == [build["results"] for build in get(f"/buildrequests/{request}/builds")]


def test_requests_without_builds(get: Get) -> None:
    """One waits for a worker, another was cancelled while it did."""
    builder = get("/builders/waiting")["builderid"]
    pending, cancelled = sorted(get(f"/builders/{builder}/buildrequests"), key=lambda one: one["complete"])
    assert (False, -1) == (pending["claimed"], pending["results"])
    assert CANCELLED == cancelled["results"]
    assert [] == get(f"/buildrequests/{pending['buildrequestid']}/builds")
    assert [[]] == [one["connected_to"] for one in get(f"/builders/{builder}/workers")]


def test_pages_of_builds(get: Get, make_client: Callable[..., httpx.Client]) -> None:
    """All builds come without a limit, oldest first, and the total of a page counts that page."""
    everything = get("/builds")
    assert [1, 2, 3] == [build["buildid"] for build in everything[:3]]
    assert len(everything) > 80
    page = make_client().get("/api/v2/builds?order=-buildid&limit=7&offset=80").json()
    assert {"total": len(page["builds"])} == page["meta"]
    assert 13 == make_client().get("/api/v2/builders?limit=1").json()["meta"]["total"]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/builds?order=number&field=buildid", "cannot order on un-selected fields"),
        ("/builds?offset=x", "invalid offset"),
        (f"/builds/{1}?number=1", "unrecognized query parameter 'number'"),
    ],
)
def test_queries_that_cannot_be(make_client: Callable[..., httpx.Client], path: str, error: str) -> None:
    """They are told what is wrong."""
    answer = make_client().get(f"/api/v2{path}")
    assert (400, {"error": error}) == (answer.status_code, answer.json())


def test_builders_by_name(get: Get, make_client: Callable[..., httpx.Client]) -> None:
    """A slash in a name is encoded; what hangs on a build is not to be had by its builder's name."""
    assert get("/builders/inner%2Fone") == get(f"/builders/{get('/builders/inner%2Fone')['builderid']}")
    assert 404 == make_client().get("/api/v2/builders/inner/one").status_code
    assert 404 == make_client().get("/api/v2/builders/shop/builds/1/properties").status_code
    assert [] == get("/builders/none/builds")
    assert [] == get("/builders/retired")["masterids"]


def test_builds_that_end_soon(made: Make) -> None:
    """They run when the sandbox starts, their logs grow, and then they end."""
    for build_id, results in ((world.SHOP_FAILS_SOON_BUILD, FAILURE), (world.SHOP_PASSES_SOON_BUILD, SUCCESS)):
        sizes = []
        for at in (0.0, 1.5, 60.0):
            shop = made(at)
            build = shop.builds[build_id - 1]
            sizes.append(sum(len(lines_of(log, at)) for step in build.visible(at) for log in step.logs))
        assert sizes == sorted(set(sizes))
        assert (build.started < 0 < build.finished < 30, results) == (True, build.results)


def test_ids_are_the_same_in_every_process(made: Make) -> None:
    """They count up by age, whatever the time is."""
    assert [b.id for b in made(0).builds] == [b.id for b in made(1000).builds]
    assert made(0).builds[world.SHOP_MAIN_BUILD - 1] is not None
    assert "main-8" == next(key for key, build in made(0).keys.items() if build.id == world.SHOP_MAIN_BUILD)
