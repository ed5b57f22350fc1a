from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.core.shapes import Checkout, Place
from ci_mcp.errors import AuthError, NotFoundError, PermissionDeniedError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.semaphore import hooks
from ci_mcp.sandbox.faults import fault_token
from ci_mcp.sandbox.semaphore import world

pytestmark = pytest.mark.anyio

HOST = "acme.semaphoreci.com"
ROOT = f"https://{HOST}"
PAGE = f"{ROOT}/workflows/{world.SHOP_MAIN_WORKFLOW}?pipeline_id={world.SHOP_MAIN_PIPELINE}"


async def test_a_token_is_accepted_not_named(api: HttpApi, api_with: Callable[[str], HttpApi]) -> None:
    """Semaphore has no call that tells whose it is; a bad one is refused."""
    found = await hooks.identity(api)
    assert "accepted" == found.name
    assert "4 projects at acme.semaphoreci.com" in found.note
    async with api_with(fault_token("401")) as refused:
        with pytest.raises(AuthError):
            await hooks.identity(refused)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/projects/shop", Place(host=HOST, project="shop")),
        (f"/workflows/{world.SHOP_MAIN_WORKFLOW}?pipeline_id={world.SHOP_MAIN_PIPELINE}",
         Place(host=HOST, run=PAGE)),
        (f"/workflows/{world.SHOP_MAIN_WORKFLOW}/summary", Place(host=HOST, run=world.SHOP_MAIN_WORKFLOW)),
        (f"/jobs/{world.SHOP_MAIN_FAILED_JOB}",
         Place(host=HOST, project=world.SHOP_PROJECT, run=PAGE, job=world.SHOP_MAIN_FAILED_JOB)),
        ("/people", None),
    ],
)  # fmt: skip
async def test_a_web_url_names_a_place(api: HttpApi, path: str, expected: Place | None) -> None:
    """A job with its run, which costs one request; everything else none."""
    assert expected == await hooks.locate(api, ROOT + path)


async def test_a_branchs_page_names_its_project_and_branch(api: HttpApi) -> None:
    """The id is looked for among the projects' runs."""
    listed = (await api.get("/api/v1alpha/pipelines", {"wf_id": world.SHOP_RELEASE_WORKFLOW})).json()
    expected = Place(host=HOST, project="shop", branch="release")
    assert expected == await hooks.locate(api, f"{ROOT}/branches/{listed[0]['branch_id']}")


async def test_what_a_url_names_may_be_gone(api: HttpApi) -> None:
    """An old branch, a job that is not there, one that may not be seen."""
    gone = "99999999-9999-9999-9999-999999999999"
    with pytest.raises(NotFoundError, match="PROJECT@BRANCH"):
        await hooks.locate(api, f"{ROOT}/branches/{gone}")
    with pytest.raises(NotFoundError, match=f"no job {gone}"):
        await hooks.locate(api, f"{ROOT}/jobs/{gone}")
    with pytest.raises(PermissionDeniedError):
        await hooks.locate(api, f"{ROOT}/jobs/{world.HIDDEN_JOB}")


async def test_a_job_outside_blocks_has_no_run(fake: Callable[..., HttpApi]) -> None:
    """Its log can be read all the same, and the error says how."""
    job = "33333333-3333-3333-3333-333333333333"
    api = fake({f"GET /troubleshoot/job/{job}": httpx.Response(500, json="Internal error")})
    with pytest.raises(NotFoundError, match="semaphore jobs logs --job"):
        await hooks.locate(api, f"{ROOT}/jobs/{job}")


@pytest.mark.parametrize(
    ("remotes", "expected"),
    [
        (("https://github.com/acme/shop.git",), ["shop"]),
        (("git@gitlab.com:acme/billing.git", "git@github.com:ada/billing.git"), ["billing"]),
        (("git@github.com:ada/shop.git",), []),
        (("/srv/shop.git",), []),
        ((), []),
    ],
)
async def test_a_checkout_is_found_by_its_remotes(api: HttpApi, remotes: tuple[str, ...], expected: list[str]) -> None:
    """In any spelling of their URLs; a fork's remote alone names nothing."""
    places = await hooks.discover(api, Checkout(root="/nowhere", remotes=remotes))
    assert [Place(host=HOST, project=name) for name in expected] == places


async def test_a_forks_checkout_is_found_by_its_name_where_semaphore_builds_it(api: HttpApi, tmp_path: Path) -> None:
    """A `.semaphore` folder says that Semaphore does."""
    (tmp_path / ".semaphore").mkdir()
    places = await hooks.discover(api, Checkout(root=str(tmp_path), remotes=("git@github.com:ada/shop.git",)))
    assert [Place(host=HOST, project="shop")] == places


def test_tokens_are_read_from_the_vendors_own_file() -> None:
    """The active context first."""
    file = """
active-context: beta_semaphoreci_com
contexts:
  acme_semaphoreci_com:
    auth: {token: one}
    host: acme.semaphoreci.com
  beta_semaphoreci_com:
    auth: {token: two}
    host: beta.semaphoreci.com
"""
    assert [("beta.semaphoreci.com", "two"), ("acme.semaphoreci.com", "one")] == list(hooks.tokens(file).items())


@pytest.mark.parametrize(
    "file",
    [
        "",
        "- a",
        "a: [",
        "contexts: 3",
        "contexts: {a: 1, b: {auth: 2}, c: {auth: {token: 3}, host: h}}",
        "!!python/object:x {}",
    ],
)
def test_an_odd_file_has_no_tokens(file: str) -> None:
    """Whatever stands in it, nothing is run and nothing breaks."""
    assert {} == dict(hooks.tokens(file))


async def test_every_place_is_of_the_organization_that_was_asked(fake: Callable[..., Any]) -> None:
    """A URL of another configured organization goes there."""
    api = fake({}, hosts=(HOST, "beta.semaphoreci.com"))
    expected = Place(host="beta.semaphoreci.com", project="web")
    assert expected == await hooks.locate(api, "https://beta.semaphoreci.com/projects/web")
