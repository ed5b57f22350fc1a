"""What a person may write, and every form of a web URL."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.errors import NotFoundError, UsageError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.circleci import ids
from ci_mcp.providers.circleci.ids import Named

A = "5034460f-c7c4-4c43-9457-de07e2029e7b"
B = "fda08377-fe7e-46b1-8992-3a7aaecac9c3"
APP = "app.circleci.com"
WEB = f"https://{APP}"
NATIVE = "circleci/43G3kM5RtfFE7v5sa4nWAU/44n9pujWcTnVZ2b5S8Fnat"


@pytest.mark.parametrize(
    ("url", "named"),
    [
        (f"{WEB}/pipelines/gh/acme/web", Named(host=APP, project="gh/acme/web")),
        (f"{WEB}/pipelines/github/acme/web", Named(host=APP, project="gh/acme/web")),
        (f"{WEB}/pipelines/bitbucket/acme/web/", Named(host=APP, project="bb/acme/web")),
        (f"{WEB}/pipelines/{NATIVE}", Named(host=APP, project=NATIVE)),
        (f"{WEB}/pipelines/gh/acme/web?branch=feature%2Fx", Named(host=APP, project="gh/acme/web", branch="feature/x")),
        (f"{WEB}/pipelines/gh/acme/web?branch=feature/x&filter=mine", Named(host=APP, project="gh/acme/web", branch="feature/x")),
        (f"{WEB}/pipelines/gh/acme/web?branch=pull/42/head", Named(host=APP, project="gh/acme/web", branch="pull/42/head")),
        (f"{WEB}/pipelines/gh/acme/web/25", Named(host=APP, project="gh/acme/web", number="25")),
        (f"{WEB}/pipelines/gh/acme/web/{A}", Named(host=APP, project="gh/acme/web", pipeline=A)),
        (f"{WEB}/pipelines/gh/acme/web/25/workflows/{B}", Named(host=APP, project="gh/acme/web", number="25", workflow=B)),
        (f"{WEB}/pipelines/gh/acme/web/25/workflows/{B.upper()}/jobs/123", Named(host=APP, project="gh/acme/web", number="25", workflow=B, job="123")),
        (f"{WEB}/pipelines/gh/acme/web/25/workflows/{B}/jobs/123/steps", Named(host=APP, project="gh/acme/web", number="25", workflow=B, job="123")),
        (f"{WEB}/pipelines/gh/acme/web/25/workflows/{B}/jobs/123/tests#3", Named(host=APP, project="gh/acme/web", number="25", workflow=B, job="123")),
        (f"{WEB}/pipelines/gh/acme/web/25/workflows/{B}/jobs/123/parallel-runs/0/steps/0-103", Named(host=APP, project="gh/acme/web", number="25", workflow=B, job="123")),
        (f"{WEB}/pipelines/{NATIVE}/25/workflows/{B}/jobs/{A}", Named(host=APP, project=NATIVE, number="25", workflow=B, job_id=A)),
        (f"{WEB}/pipelines/workflows/{B}", Named(host=APP, workflow=B)),
        (f"https://circleci.com/workflow-run/{B}", Named(host="circleci.com", workflow=B)),
        (f"{WEB}/pipeline/{A}", Named(host=APP, pipeline=A)),
        (f"{WEB}/workflow/{B}", Named(host=APP, workflow=B)),
        (f"{WEB}/workflow/{B}/job/{A}", Named(host=APP, workflow=B, job_id=A)),
        (f"{WEB}/projects/gh/acme/web", Named(host=APP, project="gh/acme/web")),
        (f"{WEB}/settings/project/gh/acme/web/environment-variables", Named(host=APP, project="gh/acme/web")),
        ("https://circleci.com/gh/acme/web/123", Named(host="circleci.com", project="gh/acme/web", job="123")),
        ("https://circleci.com/gh/acme/web/123#tests/containers/0", Named(host="circleci.com", project="gh/acme/web", job="123")),
        ("https://circleci.com/bitbucket/acme/web/123", Named(host="circleci.com", project="bb/acme/web", job="123")),
        ("https://circleci.com/gh/acme/web", Named(host="circleci.com", project="gh/acme/web")),
        ("https://circleci.com/gh/acme/web/tree/feature%2Fx", Named(host="circleci.com", project="gh/acme/web", branch="feature/x")),
        ("https://circleci.com/gh/acme/web/tree/feature/x", Named(host="circleci.com", project="gh/acme/web", branch="feature/x")),
        ("https://circleci.com/gh/acme/web/edit", Named(host="circleci.com", project="gh/acme/web")),
        (f"{WEB}/jobs/github/acme/web/123", Named(host=APP, project="gh/acme/web", job="123")),
        (f"https://ci.corp.example:8443/pipelines/gh/acme/web/25/workflows/{B}", Named(host="ci.corp.example:8443", project="gh/acme/web", number="25", workflow=B)),
        (f"{WEB}/pipelines/gh/acme/a.b-c_d", Named(host=APP, project="gh/acme/a.b-c_d")),
    ],
)  # fmt: skip
def test_every_form_of_a_web_url_is_read(url: str, named: Named) -> None:
    """Old and new, cloud and server, branches with slashes."""
    assert named == ids.read_url(url)


@pytest.mark.parametrize(
    "url",
    [
        WEB,
        f"{WEB}/pipelines/gh/acme",
        f"{WEB}/pipelines/gitlab",
        f"{WEB}/settings/user/tokens",
        f"{WEB}/dashboard",
        f"{WEB}/workflow/not-an-id",
        f"{WEB}/step/{A}",
        f"{WEB}/pipelines/svn/acme/web/25",
        f"{WEB}/pipelines/gh/../web/25",
        f"{WEB}/pipelines/gh/ac%2Fme/web",
        "https://[broken",
        "https://host:port/gh/a/b/1",
        "gh/acme/web/25",
        "",
    ],
)
def test_what_names_nothing_is_none(url: str) -> None:
    """Rather than a guess."""
    assert ids.read_url(url) is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading(text: str) -> None:
    """Whatever is pasted."""
    ids.read_url(f"https://{APP}/{text}")
    found = ids.read(text)
    assert not found.project or ids.slug(found.project) == found.project


@pytest.mark.parametrize(
    ("kind", "text", "named"),
    [
        ("pipeline", A, Named(pipeline=A, workflow=A, job_id=A)),
        ("pipeline", " gh/acme/web/25 ", Named(project="gh/acme/web", number="25", job="25")),
        ("pipeline", f"{WEB}/pipeline/{A}", Named(host=APP, pipeline=A)),
        ("workflow", f"workflow/{B}", Named(workflow=B)),
        ("workflow", B.upper(), Named(pipeline=B, workflow=B, job_id=B)),
        ("workflow", f"gh/acme/web/25/workflows/{B}", Named(project="gh/acme/web", number="25", workflow=B)),
        ("job", f"{NATIVE}/123", Named(project=NATIVE, number="123", job="123")),
        ("job", f"{WEB}/workflow/{B}/job/{A}", Named(host=APP, workflow=B, job_id=A)),
    ],
)
def test_a_thing_is_named_in_several_ways(fake: Callable[..., HttpApi], kind: str, text: str, named: Named) -> None:
    """By id, by number within its project, by URL."""
    api = fake({})
    assert (api, named) == ids.find(api, text, kind)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("pipeline", "gh/acme/web"),
        ("pipeline", f"workflow/{B}"),
        ("pipeline", f"{WEB}/workflow/{B}"),
        ("workflow", "gh/acme/web/25"),
        ("job", "123"),
        ("job", f"{WEB}/pipelines/gh/acme/web/25"),
        ("job", "../../etc/passwd"),
        ("job", "gh/acme/web/12a"),
    ],
)
def test_a_text_that_names_something_else_is_refused(fake: Callable[..., HttpApi], kind: str, text: str) -> None:
    """With the forms that are understood."""
    with pytest.raises(UsageError, match=f"names no {kind}: give .*ci-mcp circleci"):
        ids.find(fake({}), text, kind)


def test_a_url_of_another_host_is_not_asked(fake: Callable[..., HttpApi]) -> None:
    """Its token is not ours to send there."""
    with pytest.raises(NotFoundError, match=r"^ci\.example is not .* --host ci\.example\"$"):
        ids.find(fake({}), f"https://app.ci.example/pipeline/{A}", "pipeline")
    with pytest.raises(NotFoundError, match=r"evil\.example is not a configured host"):
        ids.find(fake({}), f"https://evil.example/pipeline/{A}", "pipeline")


@pytest.mark.parametrize(
    ("slug", "path", "old"),
    [
        ("gh/acme/web", "gh/acme/web", "github/acme/web"),
        ("bb/acme/web", "bb/acme/web", "bitbucket/acme/web"),
        (NATIVE, NATIVE, NATIVE),
        ("gh/acme/a b", "gh/acme/a%20b", "github/acme/a%20b"),
    ],
)
def test_a_slug_stays_three_segments_in_a_path(slug: str, path: str, old: str) -> None:
    """An encoded slash between them is a 404 on some routes."""
    assert (path, old) == (ids.path(slug), ids.old_path(slug))
