"""Each tool against the sandbox."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest

from ci_mcp.core.answer import plain
from ci_mcp.core.shapes import Prose
from ci_mcp.errors import AuthError, BadAnswerError, NotFoundError, PermissionDeniedError, UsageError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.circleci import starting
from ci_mcp.sandbox.circleci import world
from ci_mcp.sandbox.circleci.pipelines import SKIP_BRANCH
from ci_mcp.sandbox.serve import Service
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[Any]]
Open = Callable[..., HttpApi]
JOB = "gh/acme/shop/5281"
GREEN = "gh/acme/shop/5280"


async def test_followed_projects_are_listed_in_pages(api: HttpApi, call: Call) -> None:
    """With the slugs that every other tool takes."""
    first = await call(api, "projects_list", limit=2)
    assert ["gh/acme/shop", "gh/acme/storefront"] == [one.slug for one in first.items]
    rest = await call(api, "projects_list", limit=2, cursor=first.next)
    assert "bb/acme/warehouse" in [one.slug for one in rest.items]


@pytest.mark.parametrize(
    ("words", "slugs"),
    [
        ("shop", ["gh/acme/shop"]),
        ("ACME ware", ["bb/acme/warehouse"]),
        ("git@github.com:acme/shop.git", ["gh/acme/shop"]),
        ("store", ["gh/acme/storefront"]),
        ("nothing like it", []),
    ],
)
async def test_projects_are_found_by_words_or_repository(
    api: HttpApi, call: Call, words: str, slugs: list[str]
) -> None:
    """Among the followed ones."""
    page = await call(api, "projects_search", search=words)
    assert slugs == [one.slug for one in page.items]
    assert bool(slugs) is not bool(page.note)


async def test_projects_of_the_github_app_need_the_private_route(service: Service, opened: Open, call: Call) -> None:
    """Which only the settings allow."""
    async with opened(service) as api:
        assert [] == (await call(api, "projects_search", search="billing")).items
    async with opened(service, settings={"private_output": True}) as api:
        page = await call(api, "projects_search", search="billing")
        assert [world.BILLING] == [one.slug for one in page.items]


async def test_who_follows_nothing_is_told_so(fake: Open, call: Call) -> None:
    """An empty list says nothing."""
    page = await call(fake({"GET /v1.1/projects": []}), "projects_list")
    assert "follows no project" in page.note


@pytest.mark.parametrize("name", ["gh/acme/shop", "shop", "https://app.circleci.com/pipelines/gh/acme/shop"])
async def test_a_project_is_described(api: HttpApi, call: Call, name: str) -> None:
    """By slug, name or page."""
    found = await call(api, "projects_describe", project=name)
    assert ("shop", "gh/acme/shop", world.SHOP_PROJECT, "main") == (
        found.name,
        found.slug,
        found.id,
        found.default_branch,
    )


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("gh/acme/vault", NotFoundError, "no project gh/acme/vault at circleci.com, or none that this token may see"),
        ("nothing", NotFoundError, "no followed project is called nothing"),
        ("a/b", NotFoundError, "no followed project is called a/b: give its slug"),
        ("a/b/c/d", UsageError, "names no project"),
        ("https://app.circleci.com/dashboard", UsageError, "names no project"),
    ],
)
async def test_a_project_that_is_none_is_told(
    api: HttpApi, call: Call, name: str, error: type[Exception], said: str
) -> None:
    """With what to give instead."""
    with pytest.raises(error, match=said):
        await call(api, "projects_describe", project=name)


async def test_a_project_is_found_by_its_owner_and_name(fake: Open, call: Call) -> None:
    """As GitHub calls it; two of one name are told apart so."""
    both = [{"vcs_type": "github", "username": owner, "reponame": "web"} for owner in ("acme", "umbrella")]
    api = fake({"GET /v1.1/projects": both, "GET /v2/project/gh/umbrella/web": {"name": "web"}})
    assert "gh/umbrella/web" == (await call(api, "projects_describe", project="Umbrella/web")).slug


async def test_a_name_that_several_projects_have_is_refused(fake: Open, call: Call) -> None:
    """Their slugs are told."""
    both = [{"vcs_type": "github", "username": owner, "reponame": "web"} for owner in ("acme", "umbrella")]
    with pytest.raises(UsageError, match=r"several projects are called web: give one of gh/acme/web, gh/umbrella/web"):
        await call(fake({"GET /v1.1/projects": both}), "projects_describe", project="web")


async def test_pipelines_are_listed_with_their_real_status(either: HttpApi, call: Call) -> None:
    """CircleCI's state says "created" of all of them."""
    page = await call(either, "pipelines_list", project="gh/acme/shop", branch="main", limit=2)
    assert (Status.FAILED, 836, ("build-and-test: failed",)) == (
        page.items[0].status,
        page.items[0].number,
        page.items[0].workflows,
    )
    more = await call(either, "pipelines_list", project="gh/acme/shop", branch="main", limit=2, cursor=page.next)
    assert not {one.id for one in page.items} & {one.id for one in more.items}


async def test_a_branch_without_pipelines_is_told(api: HttpApi, call: Call) -> None:
    """An empty list alone does not say what there is none of."""
    page = await call(api, "pipelines_list", project="gh/acme/shop", branch="nope")
    assert ((), "no pipeline of branch nope") == (tuple(page.items), page.note)
    page = await call(api, "pipelines_list", project="gh/acme/shop", branch="gpu", mine=True)
    assert "no pipeline of branch gpu that you started" == page.note


async def test_only_my_pipelines(api: HttpApi, call: Call) -> None:
    """Of a branch, too, which CircleCI does not filter there."""
    page = await call(api, "pipelines_list", project="gh/acme/shop", mine=True, branch="main", limit=3)
    assert {("ada", "main")} == {(one.actor, one.branch) for one in page.items}


async def test_a_status_that_cannot_be_read_does_not_hide_the_others(fake: Open, call: Call) -> None:
    """It is unknown, and why is said."""
    raw = {
        "id": "5034460f-c7c4-4c43-9457-de07e2029e7b",
        "number": 25,
        "state": "created",
        "project_slug": "gh/acme/web",
    }
    page = await call(
        fake({"GET /v2/project/gh/acme/web/pipeline": {"items": [raw]}}), "pipelines_list", project="gh/acme/web"
    )
    assert Status.UNKNOWN is page.items[0].status
    assert "no pipeline" in page.items[0].reason


@pytest.mark.parametrize(
    "name", [world.SHOP_RETRIED_PIPELINE, "gh/acme/shop/822", "https://app.circleci.com/pipelines/gh/acme/shop/822"]
)
async def test_a_pipeline_is_described_with_its_reruns(either: HttpApi, call: Call, name: str) -> None:
    """The newest attempt counts, the first is superseded."""
    if either.host != "circleci.com":
        name = name.replace("circleci.com", either.host)
    found = await call(either, "pipelines_describe", pipeline=name)
    assert Status.PASSED is found.status
    assert [(Status.PASSED, None, 2), (Status.FAILED, True, 2)] == [
        (one.status, one.superseded, one.attempts) for one in found.workflows
    ]


async def test_a_setup_workflow_is_marked(api: HttpApi, call: Call) -> None:
    """It made the others."""
    found = await call(api, "pipelines_describe", pipeline=world.SHOP_DYNAMIC_PIPELINE)
    assert ["setup"] == [one.name for one in found.workflows if one.setup]
    assert "superseded" not in plain(found)["workflows"][-1]


async def test_a_pipeline_of_a_configuration_error_says_it(api: HttpApi, call: Call) -> None:
    """It has no workflows to look at."""
    found = await call(api, "pipelines_describe", pipeline=world.SHOP_MALFORMED_PIPELINE)
    assert (Status.FAILED, ()) == (found.status, found.workflows)
    assert found.reason.startswith("the configuration is invalid: ")


async def test_a_workflow_is_described_with_its_jobs(api: HttpApi, call: Call) -> None:
    """Failed ones first; the page of a description is the workflow's."""
    found = await call(api, "workflows_describe", workflow=world.SHOP_MAIN_WORKFLOW)
    assert ["test", "lint", "integration"] == [job.name for job in found.jobs]
    assert (JOB, Status.FAILED, ("lint", "test")) == (found.jobs[0].id, found.jobs[0].status, found.jobs[2].after)
    wide = await call(api, "workflows_describe", workflow=world.SHOP_WIDE_WORKFLOW)
    assert (40, 160) == (len(wide.jobs), wide.more_jobs)


async def test_jobs_are_listed_with_approvals(api: HttpApi, call: Call) -> None:
    """One that waits has no number yet: its id names it."""
    page = await call(api, "jobs_list", workflow=world.SHOP_HOLD_WORKFLOW, status="blocked")
    assert [("hold", "approval", "on_hold", world.SHOP_HOLD_JOB)] == [
        (job.name, job.type, job.word, job.id) for job in page.items
    ]


@pytest.mark.parametrize(
    "job",
    [
        JOB,
        "5281",
        world.SHOP_MAIN_FAILED_JOB,
        f"https://app.circleci.com/pipelines/gh/acme/shop/836/workflows/{world.SHOP_MAIN_WORKFLOW}/jobs/5281",
        f"https://app.circleci.com/workflow/{world.SHOP_MAIN_WORKFLOW}/job/{world.SHOP_MAIN_FAILED_JOB}",
    ],
)
async def test_a_job_is_described_with_its_steps(api: HttpApi, call: Call, job: str) -> None:
    """Whatever names it."""
    found = await call(api, "jobs_describe", job=job, project="shop")
    assert ("test", Status.FAILED, JOB, "docker") == (found.name, found.status, found.id, found.machine)
    assert [("pytest --junitxml=junit.xml", 1)] == [
        (step.name, step.exit_code) for step in found.steps if step.status is Status.FAILED
    ]


async def test_a_parallel_job_tells_its_nodes(either: HttpApi, call: Call) -> None:
    """Each with its own steps."""
    name = next(
        job.id for job in (await call(either, "workflows_describe", workflow=world.workflow_id("shop", "split-1"))).jobs
    )
    found = await call(either, "jobs_describe", job=name)
    assert ([0, 1, 2, 3], ()) == ([node.index for node in found.nodes], found.steps)
    assert {Status.FAILED} == {node.status for node in found.nodes}


async def test_a_job_without_steps_tells_what_circleci_says(api: HttpApi, call: Call) -> None:
    """Its machine was lost."""
    (job,) = (await call(api, "workflows_describe", workflow=world.workflow_id("shop", "infra-1", "train"))).jobs
    found = await call(api, "jobs_describe", job=job.id)
    assert found.reason.startswith("CircleCI's machine or network failed")
    assert "Infrastructure failure" in found.messages[0]


@pytest.mark.parametrize("tool", ["jobs_describe", "jobs_logs", "tests_list", "artifacts_list"])
async def test_a_job_that_has_not_started_has_nothing_to_show(api: HttpApi, call: Call, tool: str) -> None:
    """It is in its workflow."""
    with pytest.raises(UsageError, match="has not started"):
        await call(api, tool, job=world.SHOP_HOLD_JOB)
    with pytest.raises(UsageError, match="is a number within a project"):
        await call(api, tool, job="5281")


async def test_steps_that_cannot_be_read_do_not_hide_the_job(fake: Open, call: Call) -> None:
    """Why is noted."""
    found = await call(
        fake({"GET /v2/project/gh/acme/web/job/1": {"name": "test", "status": "failed"}}),
        "jobs_describe",
        job="gh/acme/web/1",
    )
    assert (Status.FAILED, "no job gh/acme/web/1 at circleci.com") == (found.status, found.note.partition(",")[0])


async def test_the_log_of_failed_steps_is_shown_and_searched(either: HttpApi, call: Call) -> None:
    """The same lines by the same numbers, from whichever route."""
    shown = await call(either, "jobs_logs", job=JOB, search="assert 1790 == 1800")
    assert "assert 1790 == 1800" in shown.text
    assert "failed steps only (step=all for every one)" in shown.text
    end = await call(either, "jobs_logs", job=JOB, tail=3)
    assert "##[error]Process completed with exit code 1." in end.text


async def test_another_step_can_be_read(api: HttpApi, call: Call) -> None:
    """By its name; a green job's log is all of it."""
    assert "Cloning git repository" in (await call(api, "jobs_logs", job=JOB, step="checkout")).text
    green = await call(api, "jobs_logs", job=GREEN, start=1)
    assert "##[group]Spin up environment" in green.text
    assert "failed steps only" not in green.text


async def test_tests_are_listed_failing_first(api: HttpApi, call: Call) -> None:
    """With where they failed, and how many there are."""
    page = await call(api, "tests_list", job=JOB, limit=3)
    assert ("29 tests, 2 failed", [29, 34, None]) == (page.note, [case.line for case in page.items])
    assert "\x1b" not in page.items[1].message
    assert "#x1B" not in page.items[1].message
    assert {Status.PASSED} == {
        case.status for case in (await call(api, "tests_list", job=JOB, status="passed", limit=100)).items
    }


async def test_a_job_without_results_says_why(fake: Open, call: Call) -> None:
    """CircleCI keeps none where the job stores none."""
    page = await call(fake({"GET /v2/project/gh/acme/web/1/tests": {"items": []}}), "tests_list", job="gh/acme/web/1")
    assert "no store_test_results step" in page.note


async def test_flaky_tests_are_told_once_each(api: HttpApi, call: Call) -> None:
    """CircleCI has a row for each time."""
    page = await call(api, "tests_flaky", project="gh/acme/shop")
    assert [("test_orders_are_kept", 3), ("test_a_receipt_names_its_currency", 2)] == [
        (one.name, one.times) for one in page.items
    ]
    assert "knows no flaky test" in (await call(api, "tests_flaky", project="gh/acme/storefront")).note


async def test_numbers_of_a_project(api: HttpApi, call: Call) -> None:
    """By workflow and by branch."""
    found = await call(api, "insights_summary", project="shop", branch="main", window="last-7-days")
    assert (True, "last-7-days") == (bool(found.runs), found.window)
    assert {"main"} == {row.branch for row in found.branches}
    assert found.success_rate.endswith("%")
    assert found.total_duration > max(row.p95_duration for row in found.workflows)  # of all runs, not of one


async def test_a_window_without_numbers_says_so(fake: Open, call: Call) -> None:
    """They are made once a day."""
    found = await call(
        fake({"GET /v2/insights/pages/gh/acme/web/summary": {}}), "insights_summary", project="gh/acme/web"
    )
    assert "no numbers for this window" in found.note


GOOD = "version: 2.1\njobs:\n  a:\n    docker: [{image: x}]\n    steps: [checkout]\nworkflows:\n  w:\n    jobs: [a]\n"


async def test_a_configuration_is_compiled(either: HttpApi, call: Call) -> None:
    """For an organization, where a project tells it."""
    found = await call(either, "configs_validate", config=GOOD)
    assert (True, (), True) == (found.valid, found.errors, "private orbs" in found.note)
    assert "workflows:" in found.compiled
    private = f"{GOOD}orbs:\n  p: acme-private/p@1\n"
    assert not (await call(either, "configs_validate", config=private)).valid
    assert (await call(either, "configs_validate", config=private, project="gh/acme/shop")).valid


async def test_an_invalid_configuration_is_no_error_of_the_tool(api: HttpApi, call: Call) -> None:
    """It is the answer."""
    found = await call(api, "configs_validate", config="version: 2.1\n")
    assert (False, "") == (found.valid, found.compiled)
    assert "Cannot find a job named `build`" in found.errors[0]


async def test_where_the_old_compiler_is_gone_the_new_one_is_asked(fake: Open, call: Call) -> None:
    """And where neither is there, the first refusal is told."""
    bad = {"data": {"attributes": {"outcome": "failed"}}, "meta": {"messages": [{"title": "no jobs"}]}}
    found = await call(fake({"POST /v3/configs/compile": bad}), "configs_validate", config="x")
    assert (False, ("no jobs",)) == (found.valid, found.errors)
    answers = {
        "POST /v3/configs/compile": {"data": {"attributes": {"outcome": "succeeded", "compiled_config": "v"}}},
        "GET /v2/project/gh/acme/web": {"id": "1", "organization_id": "2"},
    }
    assert "v" == (await call(fake(answers), "configs_validate", config="x", project="gh/acme/web")).compiled
    with pytest.raises(NotFoundError):
        await call(fake({}), "configs_validate", config="x")


async def test_artifacts_are_listed_and_short_text_is_shown(api: HttpApi, call: Call) -> None:
    """No address of one is in an answer."""
    page = await call(api, "artifacts_list", job=JOB)
    assert {"test-results/junit.xml", "summary.txt"} <= {one.path for one in page.items}
    assert "http" not in str(plain(page))
    shown = await call(api, "artifacts_list", job=JOB, path="summary.txt")
    assert isinstance(shown, Prose)
    assert "failure: 2" in shown.text
    with pytest.raises(NotFoundError, match="no artifact 'nothing'"):
        await call(api, "artifacts_list", job=JOB, path="nothing")


@pytest.mark.parametrize("data", [b"\x89PNG\x00\xff", b"text\0", b"long" * 4000])
async def test_an_artifact_that_is_no_short_text_is_saved(fake: Open, call: Call, data: bytes, tmp_path: Any) -> None:
    """In the cache, under a name of ours; the storage that its address leads to gets no credential."""
    items = [
        {"path": "a/../.x y.png", "node_index": node, "url": f"https://output.circle-artifacts.com/{node}"}
        for node in (0, 1)
    ]
    asked: list[httpx.Request] = []
    answers = {
        "GET /v2/project/gh/acme/web/1/artifacts": {"items": items},
        "GET https://output.circle-artifacts.com/1": httpx.Response(
            302, headers={"location": "https://storage.example.com/f?sig=1"}
        ),
        "GET https://storage.example.com/f": data,
    }
    api = fake(answers, asked, files=("output.circle-artifacts.com",))
    page = await call(api, "artifacts_list", job="gh/acme/web/1")
    assert [None, 1] == [one.node for one in page.items]
    shown = await call(api, "artifacts_list", job="gh/acme/web/1", path="1:a/../.x y.png")
    assert f"{len(data):,} bytes, saved to" in shown.text
    assert data == await anyio.Path(shown.data["file"]).read_bytes()
    assert shown.data["file"].startswith(str(tmp_path / "logs" / "files"))
    assert shown.data["file"].endswith("-x_y.png")
    assert hashlib.sha256(data).hexdigest() == shown.data["sha256"]
    assert ["Bearer tok-0123456789", None] == [one.headers.get("authorization") for one in asked[-2:]]


async def test_a_job_without_artifacts_says_why(fake: Open, call: Call) -> None:
    """It stores none, or they are gone."""
    page = await call(
        fake({"GET /v2/project/gh/acme/web/1/artifacts": {"items": []}}), "artifacts_list", job="gh/acme/web/1"
    )
    assert "no store_artifacts step" in page.note


@pytest.mark.parametrize("shape", ["cloud", "server"])
async def test_a_pipeline_is_started(fresh: Service, opened: Open, call: Call, shape: str) -> None:
    """By a definition where the host has them, else the old way."""
    fresh.requests.clear()
    async with opened(fresh, shape) as api:
        started = await call(api, "pipelines_run", project="gh/acme/shop", branch="main")
        assert started.number
        assert started.url.endswith(f"/pipelines/gh/acme/shop/{started.number}")
    assert ("cloud" == shape) is any(route.endswith("/pipeline/run") for route in fresh.requests)


async def test_a_pipeline_that_was_not_started_is_told(api: HttpApi, call: Call) -> None:
    """CircleCI answers 200 with a reason."""
    with pytest.raises(UsageError, match=r"CircleCI started no pipeline: .*CI skip"):
        await call(api, "pipelines_run", project="gh/acme/shop", branch=SKIP_BRANCH)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"branch": "main", "tag": "v1"}, "give branch or tag, not both"),
        ({"parameters": ["DEBUG=1"]}, "an environment variable cannot be given to a run"),
        ({"parameters": ["=1"]}, "is not NAME=VALUE"),
        ({"parameters": ["a"]}, "is not NAME=VALUE"),
        ({"parameters": ["a=" + "x" * 513]}, "more than 512 characters"),
        ({"branch": "no-such"}, "must have a .circleci/config.yml"),
        ({"definition": "Nightly"}, "has no pipeline definition 'Nightly': it has Build"),
    ],
)
async def test_a_start_that_is_refused_says_what_to_change(
    api: HttpApi, call: Call, arguments: dict[str, Any], said: str
) -> None:
    """In CircleCI's words, and then in ours."""
    with pytest.raises(UsageError) as caught:
        await call(api, "pipelines_run", project="gh/acme/shop", **arguments)
    assert said in str(caught.value)


def test_parameters_have_the_types_that_circleci_wants() -> None:
    """Quotes keep a text."""
    pairs = ("a=true", "b=false", "c=-3", 'd="3"', "e=x=y", "f=", "g=True")
    assert {"a": True, "b": False, "c": -3, "d": "3", "e": "x=y", "f": "", "g": "True"} == starting.typed(pairs)


def _definitions(*providers: str) -> dict[str, Any]:
    known = "3f0b5f0e-1111-4111-8111-000000000001"
    items = [{"id": known, "name": provider, "config_source": {"provider": provider}} for provider in providers]
    return {
        "GET /v2/project/gh/acme/web": {"id": known},
        f"GET /v2/projects/{known}/pipeline-definitions": {"items": items},
    }


async def test_a_definition_is_chosen_by_what_can_be_started(fake: Open, call: Call) -> None:
    """One of GitLab cannot; where there are none CircleCI chooses; a type is told where it is wrong."""
    run = "POST /v2/project/gh/acme/web/pipeline/run"
    made = httpx.Response(201, json={"id": world.SHOP_PROJECT, "number": 7, "state": "created"})
    asked: list[httpx.Request] = []
    await call(
        fake(_definitions("gitlab", "github_app") | {run: made}, asked),
        "pipelines_run",
        project="gh/acme/web",
        tag="v1",
        parameters=["x=1"],
    )
    assert (
        b'{"definition_id":"3f0b5f0e-1111-4111-8111-000000000001","config":{"tag":"v1"},"checkout":{"tag":"v1"},"parameters":{"x":1}}'
        == asked[-1].content.replace(b": ", b":").replace(b", ", b",")
    )
    assert "" == (await call(fake(_definitions() | {run: made}, asked), "pipelines_run", project="gh/acme/web")).note
    assert b"{}" == asked[-1].content
    with pytest.raises(UsageError, match="can be started by the API"):
        await call(fake(_definitions("gitlab")), "pipelines_run", project="gh/acme/web")
    wrong = httpx.Response(400, json={"message": 'Type error for argument x: expected type: string, actual value: "1"'})
    with pytest.raises(UsageError, match="give it the declared type"):
        await call(fake(_definitions() | {run: wrong}), "pipelines_run", project="gh/acme/web")
    with pytest.raises(UsageError, match="change what was asked"):
        await call(
            fake(_definitions() | {run: httpx.Response(400, json={"message": "no"})}),
            "pipelines_run",
            project="gh/acme/web",
        )
    with pytest.raises(BadAnswerError, match="did not say what it started"):
        await call(fake(_definitions() | {run: httpx.Response(201, json={})}), "pipelines_run", project="gh/acme/web")
    none = {"GET /v2/project/gh/acme/web": {"id": world.SHOP_PROJECT}}
    with pytest.raises(UsageError, match="has no pipeline definitions"):
        await call(fake(none), "pipelines_run", project="gh/acme/web", definition="x")


async def test_a_project_without_an_id_cannot_be_started(fake: Open, call: Call) -> None:
    """CircleCI answered nonsense."""
    with pytest.raises(BadAnswerError, match="no id for project"):
        await call(fake({"GET /v2/project/gh/acme/web": {}}), "pipelines_run", project="gh/acme/web")


async def test_workflows_are_run_again(fresh: Service, opened: Open, call: Call) -> None:
    """All of it, from its failed jobs, or named jobs."""
    async with opened(fresh) as api:
        new = {
            (await call(api, "workflows_rerun", workflow=world.SHOP_MAIN_WORKFLOW, **how)).workflow
            for how in ({}, {"failed": True}, {"jobs": ["test"]}, {"jobs": [JOB]})
        }
        assert 4 == len(new)
        with pytest.raises(UsageError, match="not both"):
            await call(api, "workflows_rerun", workflow=world.SHOP_MAIN_WORKFLOW, failed=True, jobs=["test"])
        with pytest.raises(UsageError, match="has no job 'deploy': its jobs are lint, test, integration|its jobs are"):
            await call(api, "workflows_rerun", workflow=world.SHOP_MAIN_WORKFLOW, jobs=["deploy"])


async def test_a_rerun_that_names_nothing_is_nonsense(fake: Open, call: Call) -> None:
    """Its id is the answer."""
    api = fake({f"POST /v2/workflow/{world.SHOP_MAIN_WORKFLOW}/rerun": {}})
    with pytest.raises(BadAnswerError, match="did not say what it started"):
        await call(api, "workflows_rerun", workflow=world.SHOP_MAIN_WORKFLOW)


async def test_stopping_a_workflow_wants_to_be_confirmed(fresh: Service, opened: Open, call: Call) -> None:
    """Nothing is sent without."""
    async with opened(fresh) as api:
        fresh.requests.clear()
        with pytest.raises(UsageError, match="confirm=true"):
            await call(api, "workflows_cancel", workflow=world.SHOP_RUNNING_WORKFLOW)
        assert 0 == fresh.requests.total()
        stopping = await call(api, "workflows_cancel", workflow=world.SHOP_RUNNING_WORKFLOW, confirm=True)
        assert world.SHOP_RUNNING_WORKFLOW == stopping.id


async def test_a_workflow_that_has_ended_is_not_said_to_stop(fresh: Service, opened: Open, call: Call) -> None:
    """CircleCI accepts it all the same."""
    async with opened(fresh) as api:
        with pytest.raises(UsageError, match=r"has ended \(failed\): there is nothing to stop"):
            await call(api, "workflows_cancel", workflow=world.SHOP_MAIN_WORKFLOW, confirm=True)


async def test_what_circleci_refuses_is_told_in_its_words(fresh: Service, opened: Open, call: Call) -> None:
    """With what to look at, and without the request."""
    workflow, job = world.SHOP_HOLD_WORKFLOW, f"gh/acme/shop/{world.SHOP_MAIN_FAILED_JOB_NUMBER}"
    async with opened(fresh) as api:
        with pytest.raises(UsageError) as caught:
            await call(api, "workflows_rerun", workflow=workflow, failed=True)
        assert f"workflow {workflow} cannot be run again: Workflow is still running" == caught.value.message
        assert f'see how it stands: circleci_workflows_describe(workflow="{workflow}")' == caught.value.next_step
        with pytest.raises(UsageError) as caught:
            await call(api, "jobs_cancel", job=job)
        assert f"job {job} cannot be stopped: Job is not running" == caught.value.message
        assert f'see how it stands: circleci_jobs_describe(job="{job}")' == caught.value.next_step


async def test_stopping_a_pipeline_stops_its_active_workflows(fresh: Service, opened: Open, call: Call) -> None:
    """One that has ended has none."""
    async with opened(fresh) as api:
        stopping = await call(api, "pipelines_cancel", pipeline=world.SHOP_RUNNING_PIPELINE)
        assert ("soak",) == stopping.workflows
        with pytest.raises(UsageError, match="has no active workflow"):
            await call(api, "pipelines_cancel", pipeline=world.SHOP_MAIN_PIPELINE)


async def test_a_job_is_stopped_by_number_or_id(fresh: Service, opened: Open, call: Call) -> None:
    """Each has a route of its own."""
    async with opened(fresh) as api:
        (job,) = (await call(api, "jobs_list", workflow=world.SHOP_RUNNING_WORKFLOW)).items
        assert job.id == (await call(api, "jobs_cancel", job=job.id)).id
        assert world.SHOP_RUNNING_JOB == (await call(api, "jobs_cancel", job=world.SHOP_RUNNING_JOB)).id


async def test_a_job_on_hold_is_approved(fresh: Service, opened: Open, call: Call) -> None:
    """The only one by default; then nothing waits any more."""
    async with opened(fresh) as api:
        with pytest.raises(UsageError, match="no job 'ship' waits for approval: give job: one of hold"):
            await call(api, "workflows_approve", workflow=world.SHOP_HOLD_WORKFLOW, job="ship")
        approved = await call(api, "workflows_approve", workflow=world.SHOP_HOLD_WORKFLOW)
        assert ("hold", world.SHOP_HOLD_WORKFLOW) == (approved.job, approved.workflow)
        with pytest.raises(UsageError, match="waits for approval"):
            await call(api, "workflows_approve", workflow=world.SHOP_HOLD_WORKFLOW)


async def test_several_jobs_on_hold_have_to_be_told_apart(fake: Open, call: Call) -> None:
    """By their names; without an id nothing can be approved."""
    held = [{"name": name, "type": "approval", "status": "on_hold", "id": ""} for name in ("a", "b")]
    api = fake({f"GET /v2/workflow/{world.SHOP_HOLD_WORKFLOW}/job": {"items": held}})
    with pytest.raises(UsageError, match="several jobs wait for approval: give job: one of a, b"):
        await call(api, "workflows_approve", workflow=world.SHOP_HOLD_WORKFLOW)
    with pytest.raises(BadAnswerError, match="no id for the approval"):
        await call(api, "workflows_approve", workflow=world.SHOP_HOLD_WORKFLOW, job="b")


async def test_a_token_that_may_only_read_is_told_so(fresh: Service, opened: Open, call: Call) -> None:
    """And a project's token that it does not work here."""
    async with opened(fresh, token=world.READER_TOKEN) as api:
        with pytest.raises(PermissionDeniedError, match="this token may not do that with workflow"):
            await call(api, "workflows_rerun", workflow=world.SHOP_MAIN_WORKFLOW)
    async with opened(fresh, token=world.PROJECT_TOKEN) as api:
        with pytest.raises(AuthError, match="project tokens and tokens made before June 2023"):
            await call(api, "workflows_describe", workflow=world.SHOP_MAIN_WORKFLOW)
