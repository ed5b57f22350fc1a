from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.providers.semaphore import ids

W = "11111111-1111-1111-1111-11111111111a"
P = "22222222-2222-2222-2222-22222222222b"
J = "33333333-3333-3333-3333-33333333333c"
HOST = "acme.semaphoreci.com"
ROOT = f"https://{HOST}"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/projects/shop", {"project": "shop"}),
        (f"/projects/{W}/branches", {"project": W}),
        ("/projects/my%20shop", None),
        (f"/branches/{W}", {"branch_id": W}),
        (f"/workflows/{W}", {"workflow": W}),
        (f"/workflows/{W.upper()}?pipeline_id={P.upper()}", {"workflow": W, "pipeline": P}),
        (f"/workflows/{W}?pipeline_id=x", {"workflow": W}),
        (f"/workflows/{W}/pipelines/{P}", {"workflow": W, "pipeline": P}),
        (f"/workflows/{W}/summary?report_id=1", {"workflow": W}),
        (f"/workflows/{W}/artifacts", {"workflow": W}),
        (f"/jobs/{J}", {"job": J}),
        (f"/jobs/{J}/plain_logs.json#L12", {"job": J}),
        (f"/agents/{J}", None),
        ("/jobs/12", None),
        ("/", None),
    ],
)
def test_every_form_of_web_url_is_read(path: str, expected: dict[str, str] | None) -> None:
    """Projects, branches, workflows with and without a pipeline, jobs; nothing else."""
    wanted = ids.WebUrl(host=HOST, **expected) if expected is not None else None
    assert wanted == ids.read_url(ROOT + path)


@pytest.mark.parametrize(
    "text", ["shop", "ftp://acme.semaphoreci.com/jobs/1", "https://[::1/jobs", "http://x:99999999/y"]
)
def test_what_is_no_web_url_names_nothing(text: str) -> None:
    """Other schemes and broken addresses are no URLs of Semaphore."""
    assert ids.read_url(text) is None


def test_a_thing_is_named_by_id_organization_or_url(fake: Callable[..., Any]) -> None:
    """The id as it is, behind its organization's handle, or in a web URL; ids become lower case."""
    api = fake({}, hosts=(HOST, "beta.semaphoreci.com"))
    assert (HOST, J) == _named(ids.job(api, f" {J.upper()} "))
    assert ("beta.semaphoreci.com", J) == _named(ids.job(api, f"Beta/{J}"))
    assert ("beta.semaphoreci.com", W) == _named(ids.workflow(api, f"https://beta.semaphoreci.com/workflows/{W}"))
    assert (HOST, P) == _named(ids.pipeline(api, f"{ROOT}/workflows/{W}?pipeline_id={P}"))
    assert (HOST, "shop") == _named(ids.project(api, "shop"))
    assert (HOST, W) == _named(ids.project(api, W.upper()))
    assert ("beta.semaphoreci.com", "shop") == _named(ids.project(api, "beta/shop"))
    assert (HOST, "shop") == _named(ids.project(api, f"{ROOT}/projects/shop/settings"))


def _named(found: tuple[Any, str]) -> tuple[str, str]:
    return found[0].host, found[1]


@pytest.mark.parametrize(
    "text", ["12", "", "../../secrets", f"{J}/stop", "a b", f"{ROOT}/workflows/{W}", f"acme/{J}/x"]
)
def test_what_names_no_job_is_refused_before_any_request(fake: Callable[..., Any], text: str) -> None:
    """No path is made of it; the error says how to find a job."""
    asked: list[Any] = []
    with pytest.raises((UsageError, NotFoundError), match=r"job|organization"):
        ids.job(fake({}, asked), text)
    assert [] == asked


def test_a_workflows_page_tells_how_its_pipelines_are_found(fake: Callable[..., Any]) -> None:
    """People paste the page of a run where a pipeline is asked for."""
    with pytest.raises(UsageError, match=f"pipelines list --workflow {ROOT}/workflows/{W}") as caught:
        ids.pipeline(fake({}), f"{ROOT}/workflows/{W}?x=1")
    assert "x=1" not in str(caught.value)


@pytest.mark.parametrize("text", [".", "..", "a?b", "a#b", "a%2fb", "acme/", "a\nb", "x" * 201])
def test_what_cannot_be_a_projects_name_is_refused(fake: Callable[..., Any], text: str) -> None:
    """Names that would change the path are no names."""
    with pytest.raises(UsageError, match="names no project"):
        ids.project(fake({}), text)


def test_an_unknown_organization_or_host_is_not_found(fake: Callable[..., Any]) -> None:
    """Requests go to configured organizations only; the error names them."""
    api = fake({})
    with pytest.raises(NotFoundError, match=r"configured: acme"):
        ids.job(api, f"other/{J}")
    with pytest.raises(NotFoundError, match=r"other\.semaphoreci\.com"):
        ids.job(api, f"https://other.semaphoreci.com/jobs/{J}")


@given(st.text(max_size=60))
def test_no_text_becomes_a_path(text: str) -> None:
    """Whatever is given for a job, what is left is a UUID, or an error of ours."""
    try:
        _, named = ids.job(_Api(), text)
    except (UsageError, NotFoundError):
        return
    assert ids.UUID.fullmatch(named)


class _Api:
    host = HOST
    hosts = (HOST,)

    def at(self, host: str) -> "_Api":
        if host != HOST:
            raise NotFoundError("not configured")
        return self
