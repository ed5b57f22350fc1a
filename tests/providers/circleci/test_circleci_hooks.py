"""Who the token is, what a URL or a checkout names, the vendor's own file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.core.shapes import Checkout, Place
from ci_mcp.errors import AuthError, NotFoundError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.circleci import hooks, provider
from ci_mcp.sandbox.circleci import world
from ci_mcp.status import Status

pytestmark = pytest.mark.anyio

Fake = Callable[..., HttpApi]
HOST = "circleci.com"
WEB = "https://app.circleci.com"
FLOW = world.SHOP_MAIN_WORKFLOW
JOB = "gh/acme/shop/5281"


async def test_the_token_tells_whose_it_is(api: HttpApi) -> None:
    """And what it cannot do."""
    found = await hooks.identity(api)
    assert found.name.startswith("ada")
    assert "project tokens" in found.note
    assert "machine account" in found.note


@pytest.mark.parametrize(
    ("headers", "remaining"),
    [({"X-RateLimit-Remaining": "300", "RateLimit-Remaining": "20"}, 20), ({"X-RateLimit-Remaining": "?"}, None), ({}, None)],
)  # fmt: skip
async def test_the_lower_limit_counts(fake: Fake, headers: dict[str, str], remaining: int | None) -> None:
    """Where both families of headers are there."""
    api = fake({"GET /v2/me": httpx.Response(200, json={"id": "u1", "login": "ada", "name": "ada"}, headers=headers)})
    found = await hooks.identity(api)
    assert ("ada", remaining) == (found.name, found.remaining)


async def test_a_bad_token_is_told(fake: Fake) -> None:
    """With where a good one is made."""
    with pytest.raises(AuthError, match=r"https://app\.circleci\.com/settings/user/tokens"):
        await hooks.identity(fake({"GET /v2/me": httpx.Response(401, json={"message": "Invalid token provided."})}))


@pytest.mark.parametrize(
    ("page", "place", "requests"),
    [
        ("pipelines/gh/acme/shop", Place(host=HOST, project="gh/acme/shop"), 0),
        ("pipelines/github/acme/shop?branch=feature%2Fgift-cards", Place(host=HOST, project="gh/acme/shop", branch="feature/gift-cards"), 0),
        ("gh/acme/shop/tree/feature/gift-cards", Place(host=HOST, project="gh/acme/shop", branch="feature/gift-cards"), 0),
        ("pipelines/gh/acme/shop/836", Place(host=HOST, project="gh/acme/shop", run="gh/acme/shop/836"), 0),
        (f"pipelines/gh/acme/shop/836/workflows/{FLOW}", Place(host=HOST, project="gh/acme/shop", run=f"gh/acme/shop/836/workflows/{FLOW}"), 0),
        (f"pipelines/gh/acme/shop/836/workflows/{FLOW}/jobs/5281/tests", Place(host=HOST, project="gh/acme/shop", run=f"gh/acme/shop/836/workflows/{FLOW}", job=JOB), 0),
        (f"pipeline/{world.SHOP_MAIN_PIPELINE}", Place(host=HOST, run=world.SHOP_MAIN_PIPELINE), 0),
        (f"workflow/{FLOW}", Place(host=HOST, run=f"workflow/{FLOW}"), 0),
        (f"pipelines/workflows/{FLOW}", Place(host=HOST, run=f"workflow/{FLOW}"), 0),
        (f"workflow/{FLOW}/job/{world.SHOP_MAIN_FAILED_JOB}", Place(host=HOST, project="gh/acme/shop", run=f"workflow/{FLOW}", job=JOB), 1),
        (f"workflow/{world.SHOP_HOLD_WORKFLOW}/job/{world.SHOP_HOLD_JOB}", Place(host=HOST, project="gh/acme/shop", run=f"workflow/{world.SHOP_HOLD_WORKFLOW}", job=world.SHOP_HOLD_JOB), 1),
        ("gh/acme/shop/5281", Place(host=HOST, project="gh/acme/shop", run=f"workflow/{FLOW}", job=JOB), 1),
        ("dashboard", None, 0),
    ],
)  # fmt: skip
async def test_every_page_leads_to_its_place(
    api: HttpApi, service: Any, page: str, place: Place | None, requests: int
) -> None:
    """Most of them without a request."""
    service.requests.clear()
    assert place == await hooks.locate(api, f"{WEB}/{page}")
    assert requests == service.requests.total()


async def test_a_page_of_a_job_that_is_not_there_is_told(api: HttpApi, fake: Fake) -> None:
    """Or that belongs to no workflow, whose log can still be read."""
    with pytest.raises(NotFoundError, match="no job gh/acme/shop/99999"):
        await hooks.locate(api, f"{WEB}/gh/acme/shop/99999")
    with pytest.raises(NotFoundError, match=f"no job {world.SHOP_HOLD_JOB} in workflow"):
        await hooks.locate(api, f"{WEB}/workflow/{FLOW}/job/{world.SHOP_HOLD_JOB}")
    alone = fake({"GET /v2/project/gh/acme/web/job/1": {"name": "build"}})
    with pytest.raises(NotFoundError, match="ci-mcp circleci jobs logs --job gh/acme/web/1"):
        await hooks.locate(alone, f"{WEB}/gh/acme/web/1")


async def test_a_page_of_a_server_is_asked_there(fake: Fake) -> None:
    """With or without the prefix of its web application."""
    api = fake({}, host="ci.example.com")
    for host in ("ci.example.com", "app.ci.example.com"):
        place = await hooks.locate(api, f"https://{host}/pipelines/gh/acme/web/25")
        assert Place(host="ci.example.com", project="gh/acme/web", run="gh/acme/web/25") == place


def checkout(folder: Path, *remotes: str, ci: bool = True, info: str = "") -> Checkout:
    """A checkout with these remotes."""
    if ci:
        (folder / ".circleci").mkdir()
    if info:
        (folder / ".circleci" / "info.yml").write_text(info, encoding="utf-8")
    return Checkout(root=str(folder), remotes=remotes)


@pytest.mark.parametrize(
    ("remote", "project"),
    [
        ("git@github.com:acme/shop.git", "gh/acme/shop"),
        ("https://github.com/acme/shop", "gh/acme/shop"),
        ("ssh://git@bitbucket.org/acme/warehouse.git", "bb/acme/warehouse"),
    ],
)
async def test_a_checkout_is_known_by_its_remote(api: HttpApi, tmp_path: Path, remote: str, project: str) -> None:
    """Where the slug is a project's, no list is read."""
    assert [Place(host=HOST, project=project)] == await hooks.discover(api, checkout(tmp_path, remote, ci=False))


async def test_a_project_of_the_github_app_is_found_among_the_followed(fake: Fake, tmp_path: Path) -> None:
    """By owner and repository; by its organization's name where no repository is told."""
    here = checkout(tmp_path, "git@github.com:acme/billing.git")
    native = [
        {"vcs_type": "circleci", "username": "43G3", "reponame": "44n9", "vcs_url": "https://github.com/Acme/billing"}
    ]
    other = [
        {
            "vcs_type": "github",
            "username": "umbrella",
            "reponame": "billing",
            "vcs_url": "https://github.com/umbrella/billing",
        }
    ]
    assert [Place(host=HOST, project="circleci/43G3/44n9")] == await hooks.discover(
        fake({"GET /v1.1/projects": native + other}), here
    )
    followed = {
        "GET /v1.1/projects": [],
        "GET /private/me/followed-projects": {
            "items": [{"slug": "circleci/43G3/44n9", "name": "billing", "organization_name": "acme"}, {"slug": ""}]
        },
    }
    assert [] == await hooks.discover(fake(followed), here)
    found = await hooks.discover(fake(followed, settings={"private_output": True}), here)
    assert [Place(host=HOST, project="circleci/43G3/44n9")] == found


async def test_a_lone_fork_is_built_by_the_only_project_of_its_name(fake: Fake, tmp_path: Path) -> None:
    """Of several of one name none is taken: nothing tells which one it was made from."""
    here = checkout(tmp_path, "git@github.com:somebody/shop.git")
    followed = [{"vcs_type": "github", "username": "acme", "reponame": name} for name in ("Shop", "web")]
    assert [Place(host=HOST, project="gh/acme/Shop")] == await hooks.discover(
        fake({"GET /v1.1/projects": followed}), here
    )
    other = {"vcs_type": "github", "username": "umbrella", "reponame": "shop"}
    assert [] == await hooks.discover(fake({"GET /v1.1/projects": [*followed, other]}), here)


async def test_a_checkout_without_circleci_asks_for_no_list(fake: Fake, tmp_path: Path) -> None:
    """One request for each of its remotes; a remote elsewhere is not CircleCI's."""
    asked: list[httpx.Request] = []
    here = checkout(tmp_path, "git@github.com:acme/web.git", "git@git.corp.example:acme/web.git", "nonsense", ci=False)
    assert [] == await hooks.discover(fake({}, asked), here)
    assert ["/api/v2/project/gh/acme/web"] == [one.url.path for one in asked]


async def test_a_server_builds_from_a_github_of_its_own(fake: Fake, tmp_path: Path) -> None:
    """Its slug begins like any other's."""
    api = fake({"GET /v2/project/gh/acme/web": {"slug": "gh/acme/web"}}, host="ci.example.com")
    here = checkout(tmp_path, "git@git.corp.example:acme/web.git", ci=False)
    assert [Place(host="ci.example.com", project="gh/acme/web")] == await hooks.discover(api, here)


@pytest.mark.parametrize(
    ("info", "project"),
    [
        ("project: {slug: gh/acme/other, id: x}", "gh/acme/other"),
        ("organization: {id: 5034460f-c7c4-4c43-9457-de07e2029e7b}\nproject: {slug: circleci/a/b, id: fda08377-fe7e-46b1-8992-3a7aaecac9c3}", "circleci/5034460f-c7c4-4c43-9457-de07e2029e7b/fda08377-fe7e-46b1-8992-3a7aaecac9c3"),
        ("organization: {id: 5034460f-c7c4-4c43-9457-de07e2029e7b}\nproject: {slug: gh/a/b, id: fda08377-fe7e-46b1-8992-3a7aaecac9c3}", "gh/a/b"),
        ("project: {slug: circleci/a/b}", "circleci/a/b"),
    ],
)  # fmt: skip
async def test_an_info_file_decides(fake: Fake, tmp_path: Path, info: str, project: str) -> None:
    """Its ids address a project of CircleCI's own kind, and no other."""
    asked: list[httpx.Request] = []
    here = checkout(tmp_path, "git@github.com:acme/web.git", info=info)
    assert [Place(host=HOST, project=project)] == await hooks.discover(fake({}, asked), here)
    assert [] == asked


@pytest.mark.parametrize("info", ["project: {slug: nonsense}", "[", "- a", "project: 3"])
async def test_an_info_file_that_says_nothing_is_passed_over(fake: Fake, tmp_path: Path, info: str) -> None:
    """The remotes decide then."""
    api = fake({"GET /v2/project/gh/acme/web": {"slug": "gh/acme/web"}})
    here = checkout(tmp_path, "git@github.com:acme/web.git", info=info)
    assert [Place(host=HOST, project="gh/acme/web")] == await hooks.discover(api, here)


async def test_flaky_tests_are_told_in_words(api: HttpApi) -> None:
    """They are neither failed nor passed."""
    found = await hooks.flaky(api, "shop")
    assert (Status.UNKNOWN, "passed and failed on the same commit 3 times in the last two weeks") == (
        found[0].status,
        found[0].message,
    )


@pytest.mark.parametrize(
    ("file", "tokens"),
    [
        ("host: https://circleci.com\nendpoint: graphql-unstable\ntoken: abc\n", {"https://circleci.com": "abc"}),
        ("token: abc\n", {"circleci.com": "abc"}),
        ("host: https://ci.example.com\ntoken: ''\n", {}),
        ("- a\n", {}),
        ("[", {}),
        ("", {}),
    ],
)
def test_the_vendors_own_file_has_one_token(file: str, tokens: dict[str, str]) -> None:
    """For the host that it names."""
    assert tokens == hooks.tokens(file)


def test_the_service_says_where_it_is() -> None:
    """Variables, settings and pages as the documentation has them."""
    service = provider.service
    assert service
    assert ("CIRCLECI_TOKEN", "CIRCLE_TOKEN", "CIRCLE_CLI_TOKEN") == service.token_env
    assert ("CIRCLECI_BASE_URL", "CIRCLE_HOST", "circleci.com", "base_url") == (
        *service.host_env,
        service.default_host,
        service.hosts_setting,
    )
    assert service.serves("circleci.com", "app.circleci.com")
    assert not service.serves("circleci.com", "evil.circleci.com")
