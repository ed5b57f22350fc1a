"""Buildbot's provider: what a real master answered once, read anew, and a whole server on loopback."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.auth.credentials import Credential
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.config import Config
from ci_mcp.core.call import call as call_tool
from ci_mcp.core.schema import check
from ci_mcp.core.services import Services, World
from ci_mcp.core.shapes import Checkout, Place, Run, RunQuery
from ci_mcp.errors import (
    AuthError,
    BadAnswerError,
    CiError,
    NotFoundError,
    PermissionDeniedError,
    UnsupportedError,
    UsageError,
)
from ci_mcp.logs.store import Store
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.buildbot import forms, hooks, ids, logs, provider, wire
from ci_mcp.sandbox.buildbot import world
from ci_mcp.sandbox.serve import Service, start
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

HOST = "buildbot.example.com"
Make = Callable[..., HttpApi]


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    """What a real master answered, by method and path."""
    return dict(json.loads((Path(__file__).parent / "recorded.json").read_text(encoding="utf-8")))


@pytest.fixture
def make(tmp_path: Path, recorded: Mapping[str, Any]) -> Make:
    """Make an Api that answers as recorded, whatever the query, but where a test says otherwise."""

    def api(
        answers: Mapping[str, Any] | None = None,
        asked: list[httpx.Request] | None = None,
        credential: Credential | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> HttpApi:
        known = {key.partition("?")[0]: value for key, value in recorded.items()} | dict(answers or {})

        def answer(request: httpx.Request) -> httpx.Response:
            if asked is not None:
                asked.append(request)
            key = f"{request.method} {request.url.raw_path.decode().partition('?')[0]}"
            found = known.get(key, {"status": 404, "body": {"error": "not found while getting from endpoint for …"}})
            found = found(request) if callable(found) else found
            body = found["body"] if isinstance(found["body"], str) else json.dumps(found["body"])
            return httpx.Response(found["status"], content=_pieces(body.encode()), headers=found.get("headers", {}))

        async def sleep(_seconds: float) -> None:
            """Wait for nothing."""

        return HttpApi(
            Endpoint("buildbot", HOST, f"https://{HOST}"),
            credential,
            Store(tmp_path / "logs"),
            settings=settings,
            transport=httpx.MockTransport(answer),
            sleep=sleep,
        )

    return api


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def called(api: HttpApi, name: str, **arguments: Any) -> Any:
    """What a tool gives, its arguments checked as a client's are."""
    tool = provider.tools[f"buildbot_{name}"]
    return await tool.function(api, **check(tool, arguments))


async def text_of(stream: AsyncIterator[bytes]) -> str:
    """A log as text."""
    return b"".join([piece async for piece in stream]).decode()


@pytest.fixture(scope="module")
def served() -> Iterator[Service]:
    """The sandbox's Buildbot."""
    with start(["buildbot"]) as services:
        yield services["buildbot"]


@pytest.fixture
async def opened(served: Service, tmp_path: Path) -> AsyncIterator[Callable[..., Services]]:
    """Open services over the sandbox, at one of its doors, as somebody."""
    made: list[Services] = []

    def make_services(door: str = "", who: str = "") -> Services:
        env = {"BUILDBOT_URL": served.urls[door] if door else served.url, "HOME": str(tmp_path)}
        if who:
            env |= {"BUILDBOT_USER": who, "BUILDBOT_PASSWORD": PASSWORDS.get(who, "wrong-password")}
        made.append(Services(World(Config.load({"CI_MCP_HOME": str(tmp_path)}), env), Store(tmp_path / "cache")))
        return made[-1]

    yield make_services
    for one in made:
        await one.aclose()


PASSWORDS = {world.USER: world.PASSWORD, world.OTHER_USER: world.OTHER_PASSWORD}


@pytest.mark.parametrize(
    ("path", "run", "step"),
    [
        ("/#/builders/9/builds/4", "9#4", ""),
        ("/#/builders/many%20steps/builds/4?tags=x", "many steps#4", ""),
        ("/#/builders/inner%2Fone/builds/4/steps/2/logs/stdio", "inner/one#4", "2"),
        ("/#/buildrequests/34", "r34", ""),
        ("/#/builders/9", "", ""),
        ("/buildbot/#/builders/9/builds/4", "9#4", ""),
        ("/api/v2/builds/31/steps/lint", "31", "lint"),
        ("/api/v2/builders/9/builds/4", "9#4", ""),
        ("/builders/shop/builds/3", "shop#3", ""),
    ],
)
def test_urls_name_what_they_show(path: str, run: str, step: str) -> None:
    """Of every web page since the first, and of the API."""
    found = ids.read_url(f"https://{HOST}{path}")
    assert found is not None
    assert (run, step) == (found.run, found.step)


@pytest.mark.parametrize("url", ["/", "/#/builders", "/#/builders/9/builds/latest", "/#/about", "/#/buildrequests/x"])
def test_other_pages_name_nothing(url: str) -> None:
    """And are not guessed at."""
    assert ids.read_url(f"https://{HOST}{url}") is None
    assert ids.read_url("https://[") is None


def test_what_names_no_build_is_told(make: Make) -> None:
    """With the way to find one; a foreign URL with how to make it ours."""
    for odd in ("", "shop", "#4", "shop#x", f"https://{HOST}/#/builders/9"):
        with pytest.raises(UsageError, match="names no build"):
            ids.ref(make(), odd)
    with pytest.raises(UsageError, match="names no builder"):
        ids.builder(make(), f"https://{HOST}/#/buildrequests/9")
    for foreign in ("https://other.example.com/#/builders/9/builds/4", "https://["):
        with pytest.raises(NotFoundError, match="not a configured Buildbot"):
            ids.ref(make(), foreign)


def test_web_urls_know_the_path_that_a_server_is_behind(make: Make) -> None:
    """The host alone does not tell it; an address of another host does not count."""
    behind = make(settings={"url": f"https://{HOST}/buildbot/api/v2/"})
    assert f"https://{HOST}/buildbot/#/builders/a%2Fb" == ids.web(behind, "builders", "a/b")
    for url in ("https://other.example.com/x", "https://[", HOST):
        assert f"https://{HOST}/#/builders/9" == ids.web(make(settings={"url": url}), "builders", 9)


async def test_a_recorded_build_is_read(make: Make) -> None:
    """The revision is not on the build but in its properties; a step that does not exist has failed nothing."""
    run = await hooks.run(make(), "31")
    assert (Status.FAILED, "shop", "main", "abcmain") == (run.status, run.project, run.branch, run.commit)
    assert ("Ben Ode <ben@acme.example>", 9.0) == (run.actor, run.duration)
    assert f"https://{HOST}/#/builders/9/builds/9" == run.url
    assert [("lint", "236/stdio"), ("test", "238/stdio")] == [(job.name, job.log_id) for job in run.jobs]
    assert {"passed": 5, "failed": 2, "skipped": 1} == run.counts


async def test_a_failed_step_counts_only_in_a_build_that_failed(make: Make, recorded: Mapping[str, Any]) -> None:
    """A step may fail without its build: it then ends with warnings."""
    build = {**recorded["GET /api/v2/builds/31?property=*"]["body"]["builds"][0], "results": 1}
    run = await hooks.run(make({"GET /api/v2/builds/31": {"status": 200, "body": {"builds": [build]}}}), "31")
    assert (Status.PASSED, "warnings", ()) == (run.status, run.word, run.jobs)


async def test_a_running_build_that_broke_off_is_failing(make: Make, recorded: Mapping[str, Any]) -> None:
    """An exception ends a build; a step that failed need not."""
    running = recorded["GET /api/v2/builds/9"]
    broken = recorded["GET /api/v2/builds/3/steps"]
    run = await hooks.run(make({"GET /api/v2/builds/9": running, "GET /api/v2/builds/9/steps": broken}), "9")
    assert Status.FAILING == run.status
    failed = recorded["GET /api/v2/builds/31/steps"]
    run = await hooks.run(make({"GET /api/v2/builds/9": running, "GET /api/v2/builds/9/steps": failed}), "9")
    assert Status.RUNNING == run.status


async def test_a_request_that_was_never_served_says_so(make: Make) -> None:
    """It was canceled, or waits for a worker."""
    waits = await hooks.run(make(), "r32")
    assert (Status.QUEUED, "r32", "waits for a worker") == (waits.status, waits.id, waits.word)
    assert f"https://{HOST}/#/buildrequests/32" == waits.url
    with pytest.raises(NotFoundError, match="has no build yet: wait for it"):
        await called(make(), "builds_describe", build="r32")
    gone = {"buildrequests": [{"buildrequestid": 32, "complete": True, "results": 6, "submitted_at": 5}]}
    run = await hooks.run(make({"GET /api/v2/buildrequests/32": {"status": 200, "body": gone}}), "r32")
    assert (Status.CANCELED, "no build was made of it") == (run.status, run.reason)
    assert ["no build was made of it"] == [
        one.reason
        for one in await hooks.failures(make({"GET /api/v2/buildrequests/32": {"status": 200, "body": gone}}), run, "")
    ]


async def test_the_newest_try_of_a_request_counts(make: Make) -> None:
    """A worker was lost: the first build ended with retry."""
    run = await hooks.run(make({"GET /api/v2/builds/28/steps": {"status": 200, "body": {"steps": []}}}), "r31")
    assert "28" == run.id


async def test_a_lost_worker_is_infrastructure(make: Make) -> None:
    """So is an exception: no code under test is to blame."""
    (lost,) = await hooks.failures(make(), await hooks.run(make(), "24"), "")
    assert (True, "'bash -c ...' (retry)") == (lost.infrastructure, lost.reason)


async def test_builds_that_a_step_started_are_explained_below_it(make: Make, recorded: Mapping[str, Any]) -> None:
    """The step has no log: what failed is elsewhere."""
    steps = {**recorded["GET /api/v2/builds/31/steps"]}
    api = make({"GET /api/v2/builds/18/steps": steps})
    run = await hooks.run(api, "7")
    found = await hooks.failures(api, run, "")
    assert [("start others", ""), ("lint", "sub #1"), ("test", "sub #1")] == [(f.job.name, f.job.block) for f in found]
    assert ("triggered inner, 1 failure", "") == (found[0].reason, found[0].job.log_id)
    old = make({"GET /api/v2/builds/7/triggered_builds": {"status": 404, "body": {"error": "Invalid path"}}})
    assert 1 == len(await hooks.failures(old, run, ""))


async def test_one_step_alone_is_explained(make: Make) -> None:
    """Also one that passed, where its page was pasted."""
    run = await hooks.run(make(), "31")
    assert ["always"] == [one.job.name for one in await hooks.failures(make(), run, "s245")]


async def test_a_build_without_a_bad_step_still_has_a_reason(make: Make) -> None:
    """It may have failed before its first step."""
    bad = Run(status=Status.FAILED, id="31", reason="worker not ready")
    api = make({"GET /api/v2/builds/31/steps": {"status": 200, "body": {"steps": []}}})
    assert ["worker not ready"] == [one.reason for one in await hooks.failures(api, bad, "")]


async def test_a_log_has_no_environment_and_ends_with_its_exit_code(make: Make) -> None:
    """The worker writes secrets into it; stderr is kept."""
    api = make({"GET /api/v2/steps/238/logs/stdio/contents": {"status": 200, "body": LOG}})
    said = await text_of(logs.log(api, "238/stdio"))
    assert "hunter2" not in said
    assert "PATH" not in said
    assert said.startswith("bash -c '\necho\n in dir /srv (timeout 1200 secs)\nE   assert 41 == 42\nwarning: old\n")
    assert said.endswith("late\n##[error]Process completed with exit code 1.\n")


LOG = {
    "logchunks": [
        {
            "firstline": 0,
            "logid": 1,
            "content": "hbash -c '\nhecho\nh in dir /srv (timeout 1200 secs)\nh argv: [b'x']\nh environment:\n"
            "h  PATH=/bin\nh  SECRET=hunter2\nhof two lines\nh using PTY: False\noE   assert 41 == 42\newarning: old\n"
            "hprogram finished with exit code 1\nhelapsedTime=0.1\nolate\n",
        }
    ]
}


@pytest.mark.parametrize(
    ("stream", "lines"),
    [
        ("stdout", ["E   assert 41 == 42", "late"]),
        ("stderr", ["warning: old"]),
        ("header", ["bash -c '", "  PATH=[redacted]", "  SECRET=[redacted]", "elapsedTime=0.1"]),
    ],
)
async def test_each_stream_can_be_read_alone(make: Make, stream: logs.Stream, lines: list[str]) -> None:
    """The header has the environment's names."""
    api = make({"GET /api/v2/logs/1/contents": {"status": 200, "body": LOG}})
    said = (await text_of(logs.contents(api, {"type": "s", "logid": 1}, stream))).splitlines()
    assert lines == [line for line in said if line in lines]
    assert "hunter2" not in "".join(said)
    assert len(said) == len(lines) or stream == "header"


async def test_a_recorded_log_keeps_what_came_last(make: Make) -> None:
    """A last line without a newline is kept below the exit code by the server."""
    said = await text_of(logs.contents(make(), {"type": "s", "logid": 17}))
    assert said.endswith("no newline at end\n50%\n100%\n\tindent\n\ufffd\ufffd bytes\nlast\n")


async def test_a_long_log_comes_in_pieces_that_miss_no_line(make: Make) -> None:
    """By line, as the server counts; the pieces grow to a useful size."""
    asked: list[tuple[int, int]] = []
    total = 12_345

    def piece(request: httpx.Request) -> dict[str, Any]:
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        asked.append((offset, limit))
        content = "".join(f"oline {number}\n" for number in range(offset, min(total, offset + limit)))
        return {"status": 200, "body": {"logchunks": [{"content": content}], "meta": {}}}

    api = make({"GET /api/v2/logs/5/contents": piece})
    said = await text_of(logs.contents(api, {"type": "s", "logid": 5}))
    assert [f"line {number}" for number in range(total)] == said.splitlines()
    assert 2 == len(asked)
    assert asked[1][1] > asked[0][1]


async def test_a_step_without_stdio_shows_its_other_logs(make: Make, recorded: Mapping[str, Any]) -> None:
    """Not the ones made for browsers."""
    boom = recorded["GET /api/v2/builds/3/steps/boom/logs"]
    for log_id in ("20", "20/stdio"):
        said = await text_of(logs.log(make({"GET /api/v2/steps/20/logs": boom}), log_id))
        assert said.startswith("##[group]err.text\n")
        assert "RuntimeError: the step broke" in said
        assert "err.html" not in said


FORM = {
    "name": "release-form",
    "all_fields": [
        {
            "type": "nested",
            "fullName": None,
            "fields": [{"type": "text", "fullName": "reason", "required": True, "default": ""}],
        },
        {
            "type": "nested",
            "fullName": "Main",
            "fields": [{"type": "fixed", "fullName": "Main_revision", "default": ""}],
        },
        {
            "type": "nested",
            "fullName": "options",
            "fields": [
                {"type": "text", "fullName": "options_version", "required": True, "default": "1.0"},
                {"type": "bool", "fullName": "options_dry_run", "default": False},
                {"type": "int", "fullName": "options_jobs", "default": 2},
                {"type": "list", "fullName": "options_target", "choices": ["staging", "production"], "strict": True},
                {
                    "type": "list",
                    "fullName": "options_parts",
                    "choices": ["a", "b", "c"],
                    "multiple": True,
                    "default": ["a"],
                },
            ],
        },
    ],
}


def test_a_form_is_shown_by_its_leaves() -> None:
    """Groups have no value; what is fixed takes none."""
    shown = forms.form(FORM)
    assert ["reason", "options_version", "options_dry_run", "options_jobs", "options_target", "options_parts"] == [
        one.name for one in shown.fields
    ]
    assert ("lists", ("a", "b", "c"), "a") == (
        shown.fields[-1].type,
        shown.fields[-1].choices,
        shown.fields[-1].default,
    )


def test_fields_are_checked_before_anything_is_sent() -> None:
    """By what the server says of them: its own names, types and choices."""
    given = {
        "reason": "out",
        "options_version": "1.2",
        "options_jobs": "3",
        "options_dry_run": "yes",
        "options_parts": "a,c",
        "options_target": "production",
    }
    sent = forms.filled(FORM, given)
    assert (3, True, ["a", "c"], "production") == tuple(
        sent[f"options_{name}"] for name in ("jobs", "dry_run", "parts", "target")
    )
    for wrong, said in (
        ({}, "needs reason"),
        ({"options_jobs": "many"}, "whole number"),
        ({"options_dry_run": "perhaps"}, "true or false"),
        ({"options_target": "moon"}, "one of staging, production"),
        ({"options_parts": "a,z"}, "cannot be z"),
        ({"version": "1"}, "has no field version"),
        ({"Main_revision": "x"}, "has no field Main_revision"),
    ):
        with pytest.raises(UsageError, match=said):
            forms.filled(FORM, {**({"reason": "r"} if wrong else {}), **wrong})
    for odd in ("x", "=x"):
        with pytest.raises(UsageError, match="not NAME=VALUE"):
            forms.pairs([odd])


def test_a_scheduler_is_chosen_only_where_one_is_meant() -> None:
    """One that is switched off starts nothing."""
    one, off = {"name": "force"}, {"name": "off", "enabled": False}
    assert one == forms.chosen([one, off], "", "shop")
    with pytest.raises(UsageError, match="give one of force, form"):
        forms.chosen([one, {"name": "form"}], "", "shop")
    with pytest.raises(UsageError, match="no force scheduler 'off'"):
        forms.chosen([one, off], "off", "shop")
    with pytest.raises(UnsupportedError, match="nothing starts it by hand"):
        forms.chosen([off], "", "shop")


async def test_what_the_server_refuses_is_told_field_by_field(make: Make, recorded: Mapping[str, Any]) -> None:
    """As it says it, without its code's words."""
    api = make(
        {
            "GET /api/v2/builders/9/forceschedulers": {"status": 200, "body": {"forceschedulers": [{"name": "force"}]}},
            "POST /api/v2/forceschedulers/force": recorded["force: bad fields"],
        }
    )
    with pytest.raises(UsageError, match="options_version: Version:'x' does not match"):
        await called(api, "builds_run", builder="9")
    internal = {"error": {"code": -32603, "message": "TypeError(\"'NoneType' object is not subscriptable\")"}}
    api = make({"POST /api/v2/builds/31": {"status": 500, "body": internal}})
    with pytest.raises(BadAnswerError, match="could not rebuild it"):
        await called(api, "builds_rerun", build="31")
    api = make({"POST /api/v2/builds/31": {"status": 200, "body": {"result": None}}})
    with pytest.raises(BadAnswerError, match="began nothing"):
        await hooks.rerun(api, "31", failed_only=True)
    api = make({"POST /api/v2/builds/31": {"status": 400, "body": "no JSON"}})
    with pytest.raises(UsageError, match="answered 400"):
        await called(api, "builds_rerun", build="31")


async def test_a_refusal_says_how_to_be_let_in(make: Make, recorded: Mapping[str, Any]) -> None:
    """Without a user: which variables to set; with one that may not: who was asked for."""
    refused = recorded["[control] force, anonymous"]
    with pytest.raises(PermissionDeniedError, match="role 'admins'.*set BUILDBOT_USER and BUILDBOT_PASSWORD"):
        await called(make({"POST /api/v2/builds/31": refused}), "builds_rerun", build="31")
    shut = {"status": 403, "body": "<html>"}
    with pytest.raises(PermissionDeniedError, match="it is shut"):
        await called(make({"GET /api/v2/workers": shut}), "workers_list")
    who = Credential("ada:some-password", "here", "Basic")
    with pytest.raises(PermissionDeniedError, match="ada may not do this"):
        await called(make({"GET /api/v2/workers": shut}, credential=who), "workers_list")


async def test_nonsense_is_a_bad_answer(make: Make) -> None:
    """Something answers at that address, and it is no Buildbot."""
    for body in ({"x": [], "y": []}, {"workers": {}}, []):
        with pytest.raises(BadAnswerError):
            await called(make({"GET /api/v2/workers": {"status": 200, "body": body}}), "workers_list")
    with pytest.raises(NotFoundError, match="has no builder 'x'"):
        await hooks.runs(
            make({"GET /api/v2/builders/x": {"status": 200, "body": {"builders": []}}}), RunQuery(project="x")
        )
    with pytest.raises(NotFoundError, match="^.* has no builder 'none': check its name or id$"):
        await hooks.runs(make(), RunQuery(project="none"))


@pytest.mark.parametrize("number", [None, "", "nine", [], True])
async def test_a_builder_without_an_id_is_a_bad_answer(make: Make, number: Any) -> None:
    """What its runs are asked by is missing: no crash, and no request for the runs of a builder named None."""
    body = {"builders": [{"builderid": number, "name": "x"}]}
    with pytest.raises(BadAnswerError, match="gave builder 'x' no id"):
        await hooks.runs(make({"GET /api/v2/builders/x": {"status": 200, "body": body}}), RunQuery(project="x"))


@pytest.mark.parametrize(
    ("value", "found"),
    [(["main", "Build"], ["main"]), ([{"a": "x", "b": ""}, "Build"], ["x"]), ([["a", "b"], "Build"], ["a", "b"])],
)
def test_a_property_may_have_a_value_for_each_codebase(value: Any, found: list[str]) -> None:
    """Or for each owner."""
    assert found == wire.values({"properties": {"branch": value}}, "branch")


def test_odd_values_are_nothing() -> None:
    """An old or a new master may say other things."""
    assert [] == [
        one for odd in (None, [], [None], "x", [True, ""]) for one in wire.values({"properties": {"b": odd}}, "b")
    ]
    assert [None] * 4 == [wire.when(odd) for odd in (None, True, -5, 1e300)]
    assert Status.UNKNOWN == wire.ending({"complete": True, "results": 7})[0]
    assert Status.UNKNOWN == wire.ending({"complete": True, "results": None})[0]
    assert Status.QUEUED == wire.ending({"complete": False, "started_at": None})[0]


async def test_everything_answers_in_the_sandbox(opened: Callable[..., Services], pytestconfig: pytest.Config) -> None:
    """One good call of each tool that reads."""
    calls = json.loads((pytestconfig.rootpath / "tests/providers/buildbot/calls.json").read_text(encoding="utf-8"))
    assert set(provider.tools) == set(calls)
    services = opened()
    for name, arguments in calls.items():
        if provider.tools[name].read_only:
            answer = await call_tool(services, name, arguments)
            assert len(answer.text) > 100, name


async def test_builds_of_a_branch_are_found_among_all(opened: Callable[..., Services]) -> None:
    """No filter of the server's knows branches."""
    api = opened().api("buildbot")
    found = await hooks.runs(api, RunQuery(project="shop", branch="release", limit=5))
    assert {"release"} == {run.branch for run in found}
    one = found[0]
    assert one.id in {run.id for run in await hooks.runs(api, RunQuery(project="shop", commit=one.commit[:8]))}
    for status in (Status.FAILED, Status.PASSED, Status.RUNNING):
        known = await hooks.runs(api, RunQuery(project="shop", status=status, limit=3))
        assert {run.status for run in known} <= {status}
    waiting = await hooks.runs(api, RunQuery(project="waiting", status=Status.QUEUED))
    assert {Status.QUEUED} == {run.status for run in waiting}
    page = await called(api, "builds_list", status="failed", branch="main", limit=3)
    assert {"main"} == {run.branch for run in page.items}


async def test_a_checkout_finds_the_builders_of_its_repository(opened: Callable[..., Services], make: Make) -> None:
    """By what they built, else by their name."""
    api = opened().api("buildbot")
    found = await hooks.discover(api, Checkout(root="/x", remotes=("git@github.com:acme/shop.git",)))
    assert "shop" in {place.project for place in found}
    named = await hooks.discover(api, Checkout(root="/x", remotes=("git@example.com:other/storefront.git",)))
    assert [Place(host=api.host, project="storefront")] == named
    assert [] == await hooks.discover(make(), Checkout(root="/x"))


async def test_a_pasted_url_is_located(opened: Callable[..., Services]) -> None:
    """A step's page takes one request for its id."""
    api = opened().api("buildbot")
    page = f"https://{HOST}/#/builders/1/builds/13"
    assert Place(host=api.host, run="1#13") == await hooks.locate(api, page)
    assert Place(host=api.host, project="1") == await hooks.locate(api, f"https://{HOST}/#/builders/1")
    assert await hooks.locate(api, f"https://{HOST}/#/about") is None
    step = await hooks.locate(api, f"{page}/steps/3/logs/stdio")
    assert step is not None
    assert step.job
    assert step == await hooks.locate(api, f"https://{HOST}/api/v2/steps/{step.job.removeprefix('s')}")
    assert step == await hooks.locate(api, f"https://{HOST}/api/v2/builds/{step.run}/steps/3")


async def test_logs_say_what_they_lack(opened: Callable[..., Services]) -> None:
    """Which steps and logs there are, where the one asked for is none of them."""
    api = opened().api("buildbot")
    by_url = await called(api, "steps_logs", build=f"http://{api.host}/#/builders/1/builds/13/steps/3/logs/stdio")
    by_default = await called(api, "steps_logs", build="shop#13")
    assert by_url.text.splitlines()[0] == by_default.text.splitlines()[0]
    step = (await hooks.run(api, "shop#13")).jobs[0].id
    for named in (step, f"http://{api.host}/api/v2/steps/{step.removeprefix('s')}"):
        assert "unit tests" in (await called(api, "steps_logs", build=named, stream="stdout")).text
    with pytest.raises(NotFoundError, match="no step 'nope'.*its steps are"):
        await called(api, "steps_logs", build="shop#13", step="nope")
    with pytest.raises(NotFoundError, match="no log 'nope'.*its logs are stdio"):
        await called(api, "steps_logs", build="shop#13", step="3", log="nope")
    with pytest.raises(NotFoundError, match="it never ran"):
        await called(api, "steps_logs", build="shop#13", step="deploy")


async def test_a_step_is_described_by_its_own_id(opened: Callable[..., Services]) -> None:
    """As an explanation names it; a build's id is another count."""
    api = opened().api("buildbot")
    job = (await hooks.run(api, "shop#13")).jobs[0]
    step = await called(api, "steps_describe", step=job.id)
    assert (job.id, "unit tests", Status.FAILED, ("stdio",)) == (step.id, step.name, step.status, step.logs)
    assert job.url == step.url
    assert step == await called(api, "steps_describe", step=job.url)
    with pytest.raises(NotFoundError):
        await called(api, "steps_describe", step="s999999")


async def test_a_build_is_started_read_stopped_and_built_again(opened: Callable[..., Services]) -> None:
    """The id of a request is taken wherever a build's is."""
    services = opened()
    api = services.api("buildbot")
    started = await called(api, "builds_run", builder="shop", scheduler="force", fields=["branch=main", "reason=once"])
    assert started.status in {Status.QUEUED, Status.RUNNING}
    again = await called(api, "builds_rerun", build="shop#13")
    assert again.id != started.id
    waits = await called(api, "builds_run", builder="waiting", scheduler="force")
    assert (True, Status.QUEUED) == (waits.id.startswith("r"), waits.status)
    assert "waits for a worker" in waits.note
    assert Status.CANCELED == (await called(api, "builds_cancel", build=waits.id)).status
    for ended in (waits.id, "shop#13"):
        with pytest.raises(UsageError, match="has ended"):
            await called(api, "builds_cancel", build=ended)
    assert "was told to stop" in (await called(api, "builds_cancel", build="slow#2")).note


async def test_a_login_opens_what_is_shut(opened: Callable[..., Services]) -> None:
    """Basic counts for the login alone; its session is sent from then on."""
    for door in ("closed", "private"):
        api = opened(door, world.USER).api("buildbot")
        assert (await called(api, "builds_rerun", build="shop#13")).id
        assert world.USER == (await hooks.identity(api)).name
        with pytest.raises(PermissionDeniedError, match=f"{world.OTHER_USER} may not do this"):
            await called(opened(door, world.OTHER_USER).api("buildbot"), "builds_rerun", build="shop#13")
    with pytest.raises(PermissionDeniedError, match="BUILDBOT_USER"):
        await called(opened("private").api("buildbot"), "builders_list")
    with pytest.raises(AuthError, match="takes no such user and password"):
        await hooks.identity(opened("closed", "nobody").api("buildbot"))


async def test_nobody_is_told_as_nobody(opened: Callable[..., Services], make: Make) -> None:
    """With the server's version, and how it signs people in."""
    found = await hooks.identity(opened().api("buildbot"))
    assert "anonymous" == found.name
    assert "Buildbot 4." in found.note
    elsewhere = Credential("ada:some-password", "here", "Basic")
    answers = {"GET /auth/login": {"status": 302, "body": "", "headers": {"location": "https://id.example.com/"}}}
    assert "takes no user and password here" in (await hooks.identity(make(answers, credential=elsewhere))).note


async def test_properties_named_like_secrets_are_kept_back(make: Make, recorded: Mapping[str, Any]) -> None:
    """The others are what a build was made with."""
    (known,) = recorded["GET /api/v2/builds/31/properties"]["body"]["properties"]
    body = {"properties": [{**known, "deploy_token": ["abcdef", "Force"], "flavour": ["sweet", "Force"]}]}
    build = await called(
        make({"GET /api/v2/builds/31/properties": {"status": 200, "body": body}}), "builds_describe", build="31"
    )
    assert ("sweet", "[redacted]") == (build.properties["flavour"], build.properties["deploy_token"])
    assert ["Change the cart"] == [change.title for change in build.changes]


async def test_names_that_cannot_be_read_are_told_by_id(make: Make) -> None:
    """A builder may be gone, or shut."""
    request = {"buildrequests": [{"buildrequestid": 32, "builderid": 99, "complete": False, "submitted_at": 5}]}
    run = await hooks.run(make({"GET /api/v2/buildrequests/32": {"status": 200, "body": request}}), "r32")
    assert "99" == run.project
    with pytest.raises(CiError):
        await hooks.run(make(), "99999")
