from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ci_mcp.core.answer import plain
from ci_mcp.errors import AuthError, BadAnswerError, NotFoundError, PermissionDeniedError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.semaphore import read
from ci_mcp.sandbox.faults import fault_token
from ci_mcp.sandbox.semaphore import world

pytestmark = pytest.mark.anyio

ACME, BETA = "acme.semaphoreci.com", "beta.semaphoreci.com"
Call = Callable[..., Awaitable[Any]]
Fake = Callable[..., HttpApi]


def _project(name: str, number: int = 1, **repository: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "id": f"22222222-2222-2222-2222-{number:012}", "org_id": "o-1", "description": ""},
        "spec": {"repository": {"url": f"git@github.com:acme/{name}.git", "owner": "acme", "name": name, **repository}},
    }


async def test_organizations_come_from_the_configuration(fake: Fake, call: Call) -> None:
    """With their ids where a project gives one, and the trouble of those that do not answer."""

    def projects(request: httpx.Request) -> Any:
        return [_project("shop")] if request.url.host == ACME else httpx.Response(401, text="Unauthorized")

    page = await call(fake({"GET /projects": projects}, hosts=(ACME, BETA)), "organizations_list")
    assert [("acme", "o-1", ""), ("beta", "", "beta.semaphoreci.com")] == [
        (one.name, one.id, one.note[: len(BETA)]) for one in page.items
    ]


async def test_an_organization_without_projects_says_so(fake: Fake, call: Call) -> None:
    """A good token of nobody's project."""
    page = await call(fake({"GET /projects": []}), "organizations_list")
    assert "no project that this token may see" == page.items[0].note


async def test_projects_are_listed_page_by_page(fake: Fake, call: Call) -> None:
    """500 a page, more where the header says so; the cursor is a number, not a URL."""

    def projects(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        found = [_project(f"p{page}-{number}", number) for number in range(3)]
        return httpx.Response(200, json=found, headers={"x-page": str(page), "x-has-more": str(page < 2).lower()})

    api = fake({"GET /projects": projects})
    first = await call(api, "projects_list", limit=4)
    rest = await call(api, "projects_list", limit=4, cursor=first.next)
    assert ["p1-0", "p1-1", "p1-2", "p2-0"] == [one.name for one in first.items]
    assert ["p2-1", "p2-2"] == [one.name for one in rest.items]
    assert "http" not in first.next
    assert rest.next is None


async def test_another_organizations_projects_carry_their_address(fake: Fake, call: Call) -> None:
    """Their ids alone would be looked for in the first organization."""
    api = fake({"GET /projects": [_project("shop")]}, hosts=(ACME, BETA))
    assert "" == (await call(api, "projects_list")).items[0].url
    assert f"https://{BETA}/projects/shop" == (await call(api, "projects_list", organization="beta")).items[0].url
    with pytest.raises(NotFoundError, match="no organization 'gamma'"):
        await call(api, "projects_list", organization="gamma")


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("shop", ["shop"]),
        ("front", ["storefront"]),
        ("the web SHOP", ["shop"]),
        ("customers see", ["storefront"]),
        ("https://github.com/acme/shop", ["shop"]),
        ("git@gitlab.com:acme/billing.git", ["billing"]),
        ("acme", ["shop", "storefront", "billing", "warehouse"]),
        ("vault", []),
        ("no such thing", []),
    ],
)
async def test_projects_are_found_by_words_and_repository(
    api: HttpApi, call: Call, search: str, expected: list[str]
) -> None:
    """Name, description and repository, in any spelling of its URL."""
    assert expected == [one.name for one in (await call(api, "projects_search", search=search)).items]


async def test_a_search_looks_into_every_organization(fake: Fake, call: Call) -> None:
    """The exact name first."""
    api = fake({"GET /projects": [_project("shop-api"), _project("shop", 2)]}, hosts=(ACME, BETA))
    page = await call(api, "projects_search", search="Shop", limit=3)
    assert ["shop", "shop-api", "shop"] == [one.name for one in page.items]
    assert 1 == len((await call(api, "projects_search", search="shop", limit=3, cursor=page.next)).items)


@pytest.mark.parametrize(
    "named", ["shop", world.SHOP_PROJECT, "acme/shop", "https://acme.semaphoreci.com/projects/shop"]
)
async def test_a_project_is_described_by_name_id_or_url(api: HttpApi, call: Call, named: str) -> None:
    """The API knows names only: an id is looked for in the list."""
    found = await call(api, "projects_describe", project=named)
    assert ("shop", world.SHOP_PROJECT, "git@github.com:acme/shop.git") == (found.name, found.id, found.repository)
    assert ("branches", "tags", "pull_requests") == found.run_on
    assert ".semaphore/semaphore.yml" == found.pipeline_file


async def test_a_projects_tasks_and_limits_are_told(fake: Fake, call: Call) -> None:
    """What runs it by the clock, and which branches it builds."""
    made = _project("shop", whitelist={"branches": ["main"], "tags": None}, run_on=None)
    made["spec"]["tasks"] = [{"id": "t", "name": "nightly", "status": "ACTIVE", "branch": "main", "at": "0 3 * * *"}]
    found = plain(await call(fake({"GET /projects/shop": made}), "projects_describe", project="shop"))
    assert ["main"] == found["branches"]
    assert [{"status": "active", "name": "nightly", "id": "t", "branch": "main", "at": "0 3 * * *"}] == found["tasks"]


@pytest.mark.parametrize("named", ["nothing", "vault", "99999999-9999-9999-9999-999999999999"])
async def test_a_project_that_is_not_there_is_not_found(api: HttpApi, call: Call, named: str) -> None:
    """Neither is one that the token may not see."""
    with pytest.raises((NotFoundError, PermissionDeniedError), match=named):
        await call(api, "projects_describe", project=named)


async def test_a_bad_token_and_a_blocked_address_are_told_apart(api_with: Callable[[str], HttpApi], call: Call) -> None:
    """Plain "Unauthorized" means the token; one kind of 404 means where we come from."""
    async with api_with(fault_token("401")) as api:
        with pytest.raises(AuthError):
            await call(api, "projects_list")
    async with api_with(fault_token("404-address")) as api:
        with pytest.raises(PermissionDeniedError, match="IP address"):
            await call(api, "projects_list")
    async with api_with(fault_token("404-access")) as api:
        with pytest.raises(NotFoundError, match="no organization acme"):
            await call(api, "projects_list")


async def test_a_401_in_json_is_a_missing_permission(fake: Fake, call: Call) -> None:
    """The projects service says "Unauthorized" for a project that one may not view."""
    api = fake({"GET /projects/shop": httpx.Response(401, json={"message": "Unauthorized"})})
    with pytest.raises(PermissionDeniedError, match="may not read project shop"):
        await call(api, "projects_describe", project="shop")


async def test_a_project_without_an_id_is_an_error(fake: Fake) -> None:
    """Nothing could be asked of it."""
    with pytest.raises(BadAnswerError, match="no id for project shop"):
        await read.project_id(fake({"GET /projects/shop": {"metadata": None}}), "shop")


async def test_a_name_seen_lately_costs_no_request(fake: Fake) -> None:
    """Name and id stand for each other for ten minutes."""
    asked: list[httpx.Request] = []
    api = fake({"GET /projects/shop": _project("shop")}, asked)
    known = await read.project_id(api, "shop")
    assert known == await read.project_id(api, "shop") == await read.project_id(api, known)
    assert "shop" == read.project_name(api, known)
    assert 1 == len(asked)
    read.forget()
    assert known == read.project_name(api, known)
