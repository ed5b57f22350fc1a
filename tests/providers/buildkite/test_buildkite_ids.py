"""What a person may paste or type, and what it names."""

from collections.abc import Callable
from typing import Any

import pytest

from ci_mcp.core.shapes import Place
from ci_mcp.errors import NotFoundError, PermissionDeniedError, UsageError
from ci_mcp.providers.buildkite import hooks, ids, read
from ci_mcp.providers.buildkite.ids import Named

Make = Callable[..., Any]
pytestmark = pytest.mark.anyio

JOB = "0190a6d2-1111-4000-8000-000000000001"
WEB = "https://buildkite.com"
API = "https://api.buildkite.com/v2/organizations"
SHOP = Named(organization="acme", pipeline="shop")
BUILD = Named(organization="acme", pipeline="shop", number="42")
WITH_JOB = Named(organization="acme", pipeline="shop", number="42", job=JOB)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        (f"{WEB}/acme/shop", SHOP),
        (f"{WEB}/acme/shop/", SHOP),
        (f"{WEB}/acme/shop/builds", SHOP),
        (f"{WEB}/acme/shop/settings", SHOP),
        (f"{WEB}/acme/shop/builds?branch=feature%2Fx", Named(organization="acme", pipeline="shop", branch="feature/x")),
        (f"{WEB}/acme/shop/builds/latest", SHOP),
        (f"{WEB}/acme/shop/builds/latest?branch=main", Named(organization="acme", pipeline="shop", branch="main")),
        (f"{WEB}/acme/shop/builds/42", BUILD),
        (f"{WEB}/acme/shop/builds/42/", BUILD),
        (f"{WEB}/acme/shop/builds/42/canvas", BUILD),
        (f"{WEB}/acme/shop/builds/42/list?sid={JOB}&tab=output", BUILD),
        (f"{WEB}/acme/shop/builds/42#{JOB}", WITH_JOB),
        (f"{WEB}/acme/shop/builds/42#{JOB.upper()}", WITH_JOB),
        (f"{WEB}/acme/shop/builds/42#{JOB}/118-120", WITH_JOB),
        (f"{WEB}/acme/shop/builds/42#annotation-junit", BUILD),
        (f"{WEB}/acme/shop/builds/42/canvas?jid={JOB}&tab=output", WITH_JOB),
        (f"{WEB}/acme/shop/builds/42/jobs/{JOB}", WITH_JOB),
        (f"{WEB}/organizations/acme/pipelines/shop/builds/42/jobs/{JOB}/log", WITH_JOB),
        (f"{API}/acme/pipelines/shop", SHOP),
        (f"{API}/acme/pipelines/shop/builds/42", BUILD),
        (f"{API}/acme/pipelines/shop/builds/42/jobs/{JOB}/raw_log", WITH_JOB),
        (f"{API}/acme/jobs/{JOB}/log", Named(organization="acme", job=JOB)),
        (f"{WEB}/user/api-access-tokens", None),
        (f"{WEB}/docs/apis", None),
        (f"{WEB}/acme", None),
        (f"{WEB}/-acme/shop", None),
        (f"{WEB}/acme/sh%2Fop", None),
        (f"{WEB}/organizations/acme/agents", None),
        (f"{WEB}/organizations/acme/jobs/42", None),
        ("https://[oops/acme/shop", None),
        ("acme/shop", None),
    ],
)  # fmt: skip
def test_a_url_names_what_its_page_shows(url: str, named: Named | None) -> None:
    """Every form of the web and of the API; a step's id is no job's."""
    assert named == ids.read_url(url)


@pytest.mark.parametrize(
    ("kind", "text", "named"),
    [
        ("pipeline", "acme/shop", SHOP),
        ("pipeline", " shop ", Named(pipeline="shop")),
        ("pipeline", f"{WEB}/acme/shop/builds/42#{JOB}", SHOP),
        ("build", "acme/shop/42", BUILD),
        ("build", "acme/shop#42", BUILD),
        ("build", "shop/42", Named(pipeline="shop", number="42")),
        ("build", "shop#42", Named(pipeline="shop", number="42")),
        ("build", f"{WEB}/acme/shop/builds/42#{JOB}", WITH_JOB),
        ("job", JOB, Named(job=JOB)),
        ("job", f"acme/{JOB.upper()}", Named(organization="acme", job=JOB)),
        ("job", f"acme/shop/42/{JOB}", Named(organization="acme", job=JOB)),
        ("job", f"https://www.buildkite.com/acme/shop/builds/42#{JOB}", WITH_JOB),
    ],
)
def test_a_thing_is_named_by_path_id_or_url(kind: str, text: str, named: Named, fake: Make) -> None:
    """What is not said is left empty."""
    assert named == getattr(ids, kind)(fake({}), text)


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("pipeline", "acme/shop/builds", "names no pipeline: give ORGANIZATION/PIPELINE or its web URL"),
        ("pipeline", "../v2/user", "names no pipeline"),
        ("pipeline", f"{WEB}/acme", "that URL names no pipeline"),
        ("build", "acme/shop", "names no build: give ORGANIZATION/PIPELINE/NUMBER or its web URL"),
        ("build", "acme/shop/42?x=1", "names no build"),
        ("build", f"{WEB}/acme/shop", "that URL names no build"),
        ("job", "42", "names no job: give its id (a UUID) or its web URL"),
        ("job", f"acme/shop/42/{JOB}/../..", "names no job"),
        ("job", f"{WEB}/acme/shop/builds/42", 'find it with "ci-mcp buildkite jobs list --build acme/shop/42"'),
    ],
)
def test_what_names_nothing_is_refused_before_a_path_is_made(kind: str, text: str, said: str, fake: Make) -> None:
    """With the forms that are understood."""
    with pytest.raises(UsageError) as caught:
        getattr(ids, kind)(fake({}), text)
    assert said in str(caught.value)


def test_a_url_of_another_host_is_not_asked(fake: Make) -> None:
    """A pasted URL selects, it does not send us anywhere."""
    with pytest.raises(NotFoundError, match="evil.example is not Buildkite"):
        ids.build(fake({}), "https://evil.example/acme/shop/builds/42")


def test_a_moved_api_still_knows_the_vendors_pages(fake: Make) -> None:
    """A base URL moves the API only."""
    assert ids.build(fake({}, host="proxy.example:8080"), f"{WEB}/acme/shop/builds/42") == BUILD


@pytest.mark.parametrize(("text", "said"), [("42", "no id of a queue"), ("", "no id of a queue")])
def test_an_id_is_checked(text: str, said: str) -> None:
    """Before it becomes part of a path."""
    with pytest.raises(UsageError, match=said):
        ids.uuid(text, "queue")


def test_a_slug_is_checked() -> None:
    """Before it becomes part of a path."""
    with pytest.raises(UsageError, match="no slug of a suite"):
        ids.slug("a/b", "suite")


async def test_a_pasted_url_is_located_without_a_request(fake: Make) -> None:
    """The URL says it all; a branch too."""
    api = fake({})
    place = Place(host="api.buildkite.com", project="acme/shop", run="acme/shop/42", job=JOB)
    assert place == await hooks.locate(api, f"{WEB}/acme/shop/builds/42#{JOB}")
    branch = Place(host="api.buildkite.com", project="acme/shop", branch="x")
    assert branch == await hooks.locate(api, f"{WEB}/acme/shop/builds?branch=x")
    assert await hooks.locate(api, f"{WEB}/docs/apis") is None


async def test_a_job_of_an_organization_is_located_by_its_build(fake: Make, job: Make) -> None:
    """One request, whichever URL the job gives of its build."""
    asked: list[Any] = []
    api = fake({f"GET /organizations/acme/jobs/{JOB}": job(build_url=f"{WEB}/acme/shop/builds/42")}, asked)
    place = Place(host="api.buildkite.com", project="acme/shop", run="acme/shop/42", job=JOB)
    assert place == await hooks.locate(api, f"{API}/acme/jobs/{JOB}")
    assert 1 == len(asked)
    silent = fake({f"GET /organizations/acme/jobs/{JOB}": job(build_url=None, web_url=None)})
    with pytest.raises(NotFoundError, match="does not say its build"):
        await hooks.locate(silent, f"{API}/acme/jobs/{JOB}")


async def test_the_tokens_organization_is_asked_for_once(fake: Make) -> None:
    """A token is for one organization: a bare slug is enough."""
    asked: list[Any] = []
    api = fake({"GET /organizations": [{"slug": "acme"}]}, asked)
    for _ in range(2):
        assert "acme/shop" == (await read.placed(api, ids.pipeline(api, "shop"))).project
    assert 1 == len(asked)


async def test_an_organization_that_cannot_be_told_has_to_be_named(fake: Make) -> None:
    """Or was named before in this process."""
    import httpx

    api = fake({"GET /organizations": httpx.Response(403, json={"message": "no scope"})})
    with pytest.raises(PermissionDeniedError, match="name it: ORGANIZATION/PIPELINE"):
        await read.organization(api)
    await read.placed(api, SHOP)
    assert "acme" == await read.organization(api)


@pytest.mark.parametrize(
    ("organizations", "said"),
    [([], "for no organization"), ([{"slug": "a"}, {"slug": "b"}], "for 2 organizations: a, b")],
)
async def test_several_organizations_or_none_are_said(organizations: list[Any], said: str, fake: Make) -> None:
    """Nothing is guessed."""
    with pytest.raises(UsageError, match=said):
        await read.organization(fake({"GET /organizations": organizations}))
