"""Checkouts, the vendor's own file, and where tools refuse."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.auth.endpoints import configured, endpoints
from ci_mcp.config import Config
from ci_mcp.core.shapes import Checkout, Place
from ci_mcp.errors import BadAnswerError, NotFoundError, PermissionDeniedError, RateLimitedError, UsageError
from ci_mcp.providers.buildkite import hooks, provider, read, tokens

Make = Callable[..., Any]
pytestmark = pytest.mark.anyio

PIPELINES = "GET /organizations/acme/pipelines"
ONE = {"GET /organizations": [{"slug": "acme"}]}


def pipeline(slug: str, repository: str, **facts: Any) -> dict[str, Any]:
    """A pipeline of a list."""
    return {"slug": slug, "name": slug, "repository": repository} | facts


@pytest.mark.parametrize(
    ("remotes", "folder", "found"),
    [
        (("git@github.com:acme/web.git",), False, ["acme/web", "acme/web-deploy"]),
        (("https://token@github.com/Acme/Web",), False, ["acme/web", "acme/web-deploy"]),
        (("git@github.com:fork/web.git",), False, []),
        (("git@github.com:fork/web.git",), True, ["acme/web", "acme/web-deploy", "acme/elsewhere"]),
        (("/srv/git/web",), False, []),
        ((), False, []),
    ],
)
async def test_a_checkout_belongs_to_the_pipelines_of_its_remotes(
    remotes: tuple[str, ...], folder: bool, found: list[str], fake: Make, tmp_path: Path
) -> None:
    """A fork's own remote is not the one that is built; archived pipelines build nothing."""
    listed = [
        pipeline("web", "https://github.com/acme/web.git"),
        pipeline("web-deploy", "ssh://git@github.com/acme/web"),
        pipeline("elsewhere", "git@gitlab.com:acme/web.git"),
        pipeline("old", "git@github.com:acme/web.git", archived_at="2024-01-01T00:00:00Z"),
    ]
    if folder:
        (tmp_path / ".buildkite").mkdir()
    api = fake(ONE | {PIPELINES: listed})
    places = await hooks.discover(api, Checkout(root=str(tmp_path), remotes=remotes))
    assert [Place(host="api.buildkite.com", project=name) for name in found] == places


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("selected_org: b\norganizations:\n  a:\n    api_token: one\n  b:\n    api_token: two\n", "two"),
        ("organizations:\n  a:\n    api_token: one\n", "one"),
        ("selected_org: a\norganizations:\n  a: {}\n  b:\n    api_token: two\n", "two"),
        ("organizations: []\n", ""),
        ("selected_org: a\n", ""),
        ("- a list\n", ""),
        ("a: [", ""),
    ],
)
def test_the_vendors_own_file_gives_its_selected_organizations_token(text: str, token: str) -> None:
    """Whatever state it is in."""
    assert ({"api.buildkite.com": token} if token else {}) == hooks.tokens(text)


def test_the_web_and_the_api_have_hosts_of_their_own(home: Path) -> None:
    """A base URL moves the API; pages stay where they are."""
    service = provider.service
    assert service is not None
    config = Config.load({"CI_MCP_HOME": str(home)})
    env = {"BUILDKITE_API_TOKEN": "t", "HOME": str(home)}
    (usual,) = endpoints(service, config, env)
    assert ("api.buildkite.com", "https://api.buildkite.com") == (usual.host, usual.base_url)
    (moved,) = endpoints(service, config, env | {"BUILDKITE_BASE_URL": "http://127.0.0.1:9/v2/"})
    assert "http://127.0.0.1:9" == moved.base_url
    assert service.serves(usual.host, "buildkite.com")
    assert service.serves(moved.host, "buildkite.com")
    assert not service.serves(usual.host, "evil.example")
    assert "api.buildkite.com" == service.behind("buildkite.com")
    (home / ".config").mkdir()
    (home / ".config" / "bk.yaml").write_text("organizations: {}\n")
    assert configured(service, config, {"HOME": str(home)})


def test_the_page_where_a_token_is_made_has_the_scopes_chosen() -> None:
    """Those that an explanation reads with."""
    service = provider.service
    assert service is not None
    assert "scopes[]=read_build_logs" in service.token_page
    assert {scope for scope in tokens.NEEDS.values() if scope.startswith("read_")} - {
        "read_job_env",
        "read_agents",
    } == {scope for scope in provider_scopes() if scope != "read_user"}


def provider_scopes() -> set[str]:
    """What the page asks for."""
    service = provider.service
    assert service is not None
    return {part.partition("=")[2] for part in service.token_page.partition("?")[2].split("&")}


async def test_who_the_token_is_without_a_name(fake: Make) -> None:
    """Its address, else that it was accepted; the smaller of both budgets."""
    headers = {"RateLimit-Remaining": "180", "RateLimit-User-Remaining": "42"}
    body = {"scopes": ["read_user"], "user": {"email": "ada@example.com"}}
    found = await hooks.identity(fake({"GET /access-token": httpx.Response(200, headers=headers, json=body)}))
    assert ("ada@example.com", 42) == (found.name, found.remaining)
    assert "accepted" == (await hooks.identity(fake({"GET /access-token": {}}))).name


async def test_a_token_that_may_not_tell_its_organization_is_described_without(fake: Make, call: Make) -> None:
    """No error for what only adds."""
    body = {"scopes": ["read_organizations"], "user": {}, "created_at": "2025-01-01 00:00:00 UTC"}
    token = await call(fake({"GET /access-token": body, "GET /organizations": []}), "tokens_describe")
    assert ("", 2025) == (token.organization, token.created.year)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("builds_list", {"pipeline": "acme/shop", "state": "green"}, "no state of a build: green"),
        ("builds_list", {"pipeline": "acme/shop", "since": "yesterday"}, "'yesterday' is no time"),
        ("builds_list", {"pipeline": "acme/shop", "meta_data": "x"}, "metadata is not KEY=VALUE"),
        ("builds_list", {"pipeline": "acme/shop", "creator": "ada"}, "no id of a user"),
        ("builds_run", {"pipeline": "acme/shop", "branch": "main", "author": "Ada"}, "that is no author"),
        ("builds_run", {"pipeline": "acme/shop", "branch": "main", "environment": ["=x"]}, "environment is not KEY=VALUE"),
        ("pipelines_search", {}, "nothing to search for"),
        ("pipelines_update", {"pipeline": "acme/shop"}, "nothing to change"),
        ("pipelines_update", {"pipeline": "acme/shop", "configuration": "a: ["}, "the configuration is not YAML at line 1"),
        ("pipelines_update", {"pipeline": "acme/shop", "configuration": "hello"}, "the configuration has no steps"),
        ("annotations_list", {}, "annotations are listed of one build or job"),
        ("artifacts_list", {"build": "a", "job": "b"}, "artifacts are listed of one build or job"),
        ("artifacts_describe", {"artifact": "x"}, "give JOB/ARTIFACT, two UUIDs, as"),
        ("artifacts_describe", {"artifact": "0190a6d2-0000-4000-8000-000000000001"}, "'0190a6d2-0000-4000-8000-000000000001' names no artifact"),
        ("agents_list", {"organization": "a/b"}, "no slug of an organization"),
    ],
)  # fmt: skip
async def test_arguments_that_cannot_work_are_refused_without_a_request(
    name: str, arguments: dict[str, Any], said: str, fake: Make, call: Make
) -> None:
    """With what would work."""
    asked: list[Any] = []
    with pytest.raises(UsageError) as caught:
        await call(fake({}, asked), name, **arguments)
    assert said in str(caught.value)
    assert [] == asked


async def test_filters_are_sent_as_buildkite_takes_them(fake: Make, call: Make, build: Make) -> None:
    """Brackets for lists and maps; jobs and pipelines left out each time."""
    asked: list[httpx.Request] = []
    api = fake({"GET /organizations/acme/pipelines/shop/builds": [build()]}, asked)
    user = "0190a6d2-0000-4000-8000-000000000001"
    await call(api, "builds_list", pipeline="acme/shop", state="failed, blocked", branch="main release/*", commit="c" * 40, creator=user, meta_data="k=v=w", since="2025-01-01", until="2025-02-01T00:00:00Z", limit=7)  # fmt: skip
    params = asked[0].url.params
    assert ["failed", "blocked"] == params.get_list("state[]")
    assert ["main", "release/*"] == params.get_list("branch[]")
    assert ("v=w", "7", "2025-01-01") == (params["meta_data[k]"], params["per_page"], params["created_from"])
    assert ("true", "true") == (params["exclude_jobs"], params["exclude_pipeline"])


async def test_what_was_started_has_to_be_said(fake: Make, call: Make) -> None:
    """An answer without a number starts a search, not a guess."""
    api = fake({"POST /organizations/acme/pipelines/shop/builds": httpx.Response(201, json={"state": "scheduled"})})
    with pytest.raises(BadAnswerError, match="did not say what it started"):
        await call(api, "builds_run", pipeline="acme/shop", branch="main")


async def test_a_build_knows_where_it_comes_from(fake: Make, call: Make, build: Make) -> None:
    """Rebuilt from, triggered by; metadata of any kind as text."""
    raw = build(
        rebuilt_from={"id": "x", "number": 41, "url": None},
        triggered_from={"build_id": "x", "build_number": 7, "build_pipeline_slug": "deploy"},
        meta_data={"number": 3, "flag": True},
        web_url=None,
        url=None,
        pull_request={"id": "42", "base": None},
        author="ada@example.com",
    )
    found = await call(fake({"GET /organizations/acme/pipelines/shop/builds/42": raw}), "builds_describe", build="acme/shop/42")  # fmt: skip
    assert ("41", "acme/deploy/7", "#42") == (found.rebuilt_from, found.triggered_from, found.pull_request)
    assert {"number": "3", "flag": "True"} == found.meta_data
    assert "https://buildkite.com/acme/shop/builds/42" == found.url


async def test_a_job_is_described_without_people_and_addresses(fake: Make, call: Make, job: Make) -> None:
    """Its agent by name; matrix, parallel and retries as they are."""
    raw = job(1, matrix={"os": "linux", "py": "3.12"}, parallel_group_index=1, parallel_group_total=3, retry_source={"job_id": "a", "retry_type": "automatic"}, artifact_paths="a/*;b")  # fmt: skip
    found = await call(
        fake({f"GET /organizations/acme/jobs/{raw['id']}": raw}), "jobs_describe", job=f"acme/{raw['id']}"
    )
    assert ("linux-1", "os=linux, py=3.12", "2 of 3", "a", "automatic", ("a/*", "b")) == (
        found.agent,
        found.matrix,
        found.parallel,
        found.retry_of,
        found.retry,
        found.artifacts,
    )
    assert "10.0.0.1" not in str(found)


async def test_jobs_as_a_bare_list_are_taken_too(fake: Make, call: Make, job: Make) -> None:
    """As they came before lists of jobs had cursors."""
    api = fake({"GET /organizations/acme/pipelines/shop/builds/42/jobs": [job(1), job(2)]})
    assert 2 == len((await call(api, "jobs_list", build="acme/shop/42")).items)


async def test_a_refused_retry_of_a_fresh_job_is_told_as_it_is(fake: Make, call: Make, job: Make) -> None:
    """Only one that was retried before has a newer id to name."""
    raw = job(1, state="passed")
    path = f"/organizations/acme/jobs/{raw['id']}"
    api = fake({f"GET {path}": raw, f"PUT {path}/retry": httpx.Response(400, json={"message": "Only failed jobs"})})
    with pytest.raises(UsageError, match="Only failed jobs"):
        await call(api, "jobs_rerun", job=f"acme/{raw['id']}")


JOB, ARTIFACT = "0190a6d2-0000-4000-8000-000000000001", "0190a6d2-0000-4000-8000-000000000002"
FILE = f"/organizations/acme/jobs/{JOB}/artifacts/{ARTIFACT}"


@pytest.mark.parametrize(
    ("facts", "body", "error", "said"),
    [
        ({"state": "expired"}, b"", NotFoundError, "its state is expired"),
        ({"sha1sum": "0" * 40}, b"hello", BadAnswerError, "its sha1 is not the one"),
        ({"sha256sum": "0" * 64}, b"hello", BadAnswerError, "its sha256 is not the one"),
    ],
)
async def test_a_file_that_is_not_what_was_kept_is_not_kept(  # noqa: PLR0913, PLR0917 - the columns of the table
    facts: dict[str, Any],
    body: bytes,
    error: type[Exception],
    said: str,
    fake: Make,
    call: Make,
    tmp_path: Path,
) -> None:
    """Nothing of it stays on disk."""
    raw = {"id": ARTIFACT, "job_id": JOB, "path": "a.bin", "state": "finished", "mime_type": "application/zip"} | facts
    api = fake(ONE | {f"GET {FILE}": raw, f"GET {FILE}/download": httpx.Response(200, content=body)})
    with pytest.raises(error, match=said):
        await call(api, "artifacts_describe", artifact=f"{JOB}/{ARTIFACT}")
    assert [] == files(tmp_path / "artifacts")


def files(folder: Path) -> list[Path]:
    """Every file in a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("facts", "body", "name"),
    [
        ({"path": "../../.bashrc", "filename": "..\\..\\.bashrc"}, b"\0", "bashrc"),
        ({"path": "x/y z$(rm).log", "mime_type": "text/plain"}, b"line\n" * 20_000, "y_z_rm_.log"),
        ({"path": "..."}, b"\0\1", "file"),
        ({"path": "odd.txt", "mime_type": "text/plain"}, b"\0binary", "odd.txt"),
    ],
)
async def test_a_file_is_saved_under_a_harmless_name(  # noqa: PLR0913, PLR0917 - the columns of the table
    facts: dict[str, Any], body: bytes, name: str, fake: Make, call: Make, tmp_path: Path
) -> None:
    """In the cache, never where its path points; no credential goes to its storage."""
    raw = {"id": ARTIFACT, "job_id": JOB, "state": "finished", "mime_type": "application/zip"} | facts
    asked: list[httpx.Request] = []
    moved = httpx.Response(302, headers={"Location": "https://files.example/x?sig=1"})
    served = {"GET /x": httpx.Response(200, content=body)}
    found = await call(fake(ONE | served | {f"GET {FILE}": raw, f"GET {FILE}/download": moved}, asked), "artifacts_describe", artifact=f"{JOB}/{ARTIFACT}")  # fmt: skip
    (saved,) = files(tmp_path)
    assert (str(saved), "files", name) == (found.saved, saved.parent.name, saved.name[13:])
    assert hashlib.sha256(body).hexdigest() == found.sha256
    assert ["files.example"] == [one.url.host for one in asked if "authorization" not in one.headers]
    assert "no checksum to verify" == found.checksum


async def test_markup_in_a_file_is_shown_as_it_stands(fake: Make, call: Make) -> None:
    """Nothing is escaped or sanitised; XML that is no report is text."""
    raw = {"id": ARTIFACT, "job_id": JOB, "state": "finished", "mime_type": "text/xml", "path": "a.xml"}
    body = b'<a b="c">in <module></a>'
    api = fake(ONE | {f"GET {FILE}": raw, f"GET {FILE}/download": httpx.Response(200, content=body)})
    assert body.decode() == (await call(api, "artifacts_describe", artifact=f"{JOB}/{ARTIFACT}")).text


QUEUE, CLUSTER = "0190a6d2-0000-4000-8000-000000000008", "0190a6d2-0000-4000-8000-000000000009"


@pytest.mark.parametrize(
    ("facts", "found", "said"),
    [
        ({"state": "waiting"}, [], "the job waits for steps before it"),
        ({"state": "limited"}, [], "the job waits for others of its concurrency group"),
        ({"state": "scheduled"}, [], "none of the 0 connected agents has what the job wants: queue=mac"),
        ({"state": "scheduled"}, [{"queue": "mac"}, {"queue": "mac", "job": {"id": "x"}}, {"meta_data": ["queue=mac"], "paused": True}], "3 connected agents have what the job wants (queue=mac), 1 of them idle"),
        ({"state": "scheduled", "cluster_id": CLUSTER, "cluster_queue_id": QUEUE}, [{"queue": "mac"}], "1 agents of the queue mac are connected, 0 of them busy: it waits its turn"),
        ({"state": "scheduled", "cluster_id": CLUSTER, "cluster_queue_id": QUEUE, "agent_query_rules": ["queue=mac", "xcode=16"]}, [{"queue": "mac", "meta_data": ["xcode=15"]}], "no agent of the queue mac has what the job wants: queue=mac, xcode=16"),
    ],
)  # fmt: skip
async def test_why_a_job_waits(  # noqa: PLR0913, PLR0917 - the columns of the table
    facts: dict[str, Any], found: list[dict[str, Any]], said: str, fake: Make, call: Make, job: Make
) -> None:
    """Clusters or not; steps before it, its concurrency group, its agents."""
    raw = job(1, **{"agent_query_rules": ["queue=mac"]} | facts)
    answers = {
        f"GET /organizations/acme/jobs/{raw['id']}": raw,
        "GET /organizations/acme/agents": found,
        f"GET /organizations/acme/clusters/{CLUSTER}/queues": [{"id": QUEUE, "key": "mac"}],
    }
    assert said == (await call(fake(answers), "queues_list", job=f"acme/{raw['id']}")).note


async def test_a_queue_that_is_gone_is_said(fake: Make, call: Make, job: Make) -> None:
    """The job names one that its cluster does not have."""
    raw = job(1, state="scheduled", cluster_id=CLUSTER, cluster_queue_id=QUEUE)
    answers = {
        f"GET /organizations/acme/jobs/{raw['id']}": raw,
        f"GET /organizations/acme/clusters/{CLUSTER}/queues": [],
    }
    with pytest.raises(NotFoundError, match="is not in its cluster"):
        await call(fake(answers), "queues_list", job=f"acme/{raw['id']}")


async def test_queues_of_many_clusters_are_listed_up_to_five(fake: Make, call: Make, uuid: Make) -> None:
    """And it is said that there are more."""
    found = [{"id": uuid(n)} for n in range(1, 8)]
    answers = ONE | {"GET /organizations/acme/clusters": found}
    answers |= {f"GET /organizations/acme/clusters/{uuid(n)}/queues": [] for n in range(1, 8)}
    assert "2 more clusters: name one" == (await call(fake(answers), "queues_list")).note


async def test_a_build_without_test_runs_says_where_reports_may_be(fake: Make, call: Make, build: Make) -> None:
    """JUnit files among its artifacts."""
    api = fake({"GET /organizations/acme/pipelines/shop/builds/42": build()})
    assert "*junit*.xml" in (await call(api, "tests_list", build="acme/shop/42")).note


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, text="<html>"), BadAnswerError),
        (httpx.Response(200, content=b"x" * (9 << 20)), BadAnswerError),
    ],
)
async def test_metrics_that_are_no_json_are_a_bad_answer(
    answer: httpx.Response, error: type[Exception], fake: Make, call: Make
) -> None:
    """A web page, or far too much."""
    api = fake(ONE | {f"GET /analytics/organizations/acme/suites/s/tests/{JOB}": answer})
    with pytest.raises(error):
        await call(api, "tests_describe", test=JOB, suite="s")


async def test_a_refusal_without_words_has_its_status_and_scope() -> None:
    """A body that is no JSON says nothing."""
    with pytest.raises(PermissionDeniedError, match=r"change agents \(403\): it takes the scope read_agents"), read.explained("agents", "read_agents"):  # fmt: skip
        raise PermissionDeniedError("x", status=403, body="<html>")


async def test_our_own_not_found_is_left_as_it_is() -> None:
    """It has been put into words before."""
    with pytest.raises(NotFoundError, match="^mine$"), read.explained("agents", "read_agents"):
        raise NotFoundError("mine")


async def test_a_limit_too_long_to_wait_for_is_told(fake: Make, call: Make) -> None:
    """By the budget that ``scope`` names, not by the other one's earlier reset."""
    headers = {
        "RateLimit-Scope": "rest", "RateLimit-Remaining": "3", "RateLimit-Reset": "2",
        "RateLimit-User-Scope": "rest_user", "RateLimit-User-Remaining": "0", "RateLimit-User-Reset": "90",
    }  # fmt: skip
    body = {"message": "slow down", "scope": "rest_user", "limit": 50, "current": 51, "reset": 90}
    asked: list[Any] = []
    api = fake({"GET /access-token": httpx.Response(429, headers=headers, json=body)}, asked)
    with pytest.raises(RateLimitedError, match="slow down") as caught:
        await call(api, "tokens_describe")
    assert (90, 1) == (caught.value.retry_after, len(asked))
