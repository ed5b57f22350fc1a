"""``ci-mcp api`` against the sandbox: paths, fields, pages, refusals."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ci_mcp.auth.service import Service as Facts
from ci_mcp.cli.api import Call, parsed, redacted, refuse_without_api
from ci_mcp.errors import UnsupportedError, UsageError
from ci_mcp.sandbox.faults import fault_token
from ci_mcp.sandbox.plan import Clock
from ci_mcp.sandbox.serve import Service, start

Run = Callable[..., Any]


class Still(Clock):
    """A world in which no job ends, and so no list moves from one page to the next."""

    def now(self) -> float:
        """The moment at which the sandbox started."""
        return 0.0


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, Service]]:
    """Every service of the sandbox, its time held still."""
    with start(clock=Still()) as served:
        yield served


@pytest.fixture
def buildkite(services: dict[str, Service], monkeypatch: pytest.MonkeyPatch) -> Service:
    """Buildkite alone."""
    for name, value in services["buildkite"].env.items():
        monkeypatch.setenv(name, value)
    return services["buildkite"]


@pytest.mark.parametrize(
    ("method", "path", "fields", "call"),
    [
        ("GET", "/v2/x", (), Call("GET", "/v2/x", {})),
        ("GET", "v2/x?a=1&a=2&b=", ("state[]=failed", "c=d=e"), Call("GET", "/v2/x", {"a": ["1", "2"], "b": [""], "state[]": ["failed"], "c": ["d=e"]})),
        ("GET", "https://a.example/v2/x?a=1#top", (), Call("GET", "https://a.example/v2/x", {"a": ["1"]})),
        ("POST", "/x?a=1", (), Call("POST", "/x", {"a": ["1"]})),
        ("POST", "/x", ("a=true", "b=null", "c=-7", "d=007", "e=1.5", "f="), Call("POST", "/x", {}, {"a": True, "b": None, "c": -7, "d": "007", "e": "1.5", "f": ""})),
        ("PUT", "/x", ("a[b]=1", "a[c][d]=x", "l[]=1", "l[]=two"), Call("PUT", "/x", {}, {"a": {"b": 1, "c": {"d": "x"}}, "l": [1, "two"]})),
        ("PUT", "/x", ("a=1", "a=2"), Call("PUT", "/x", {}, {"a": 2})),
    ],
)  # fmt: skip
def test_a_path_and_fields_make_a_call(method: str, path: str, fields: tuple[str, ...], call: Call) -> None:
    """A GET's fields are its query; else they are JSON, with the values that JSON knows."""
    assert call == parsed(method, path, fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [(("a",), "a field is not KEY=VALUE"), (("=x",), "a field is not KEY=VALUE"), (("a=1", "a[b]=2"), "the field a[b] contradicts another"), (("a[]=1", "a[b]=2"), "contradicts another"), (("a[b]=2", "a[]=1"), "contradicts another")],
)  # fmt: skip
def test_fields_that_make_no_call_are_refused(fields: tuple[str, ...], said: str) -> None:
    """With what is wrong with them."""
    with pytest.raises(UsageError, match=said.replace("[", r"\[")):
        parsed("POST", "/x", fields)


def test_an_answer_comes_as_it_is_into_a_pipe(ci_mcp: Run) -> None:
    """JSON as the service wrote it."""
    ran = ci_mcp("--demo", "api", "buildkite", "v2/access-token")
    assert (0, "") == (ran.code, ran.err)
    assert "Ada Lane" == json.loads(ran.out)["user"]["name"]
    assert 1 == len(ran.out.splitlines())


def test_an_answer_is_indented_on_a_terminal(ci_mcp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And still JSON."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    out = ci_mcp("--demo", "api", "circleci", "/api/v2/me").out
    assert '\n  "login": "ada"' in out
    assert "ada" == json.loads(out)["login"]


@pytest.mark.parametrize(
    ("provider", "path", "fields", "key"),
    [
        ("buildkite", "/v2/organizations/acme/pipelines", ("per_page=1",), "slug"),
        ("semaphore", "/api/v1alpha/projects", (), "metadata"),
        ("semaphore", "/api/v1alpha/jobs", ("states=FINISHED", "page_size=2"), "metadata"),
        ("circleci", "/api/v2/project/gh/acme/shop/pipeline", (), "number"),
    ],
)
@pytest.mark.usefixtures("configured")
def test_every_page_of_a_list_is_one_array(
    provider: str, path: str, fields: tuple[str, ...], key: str, ci_mcp: Run
) -> None:
    """However the service pages: more than the first page has, and nothing twice."""
    words = ["api", provider, path, *(word for field in fields for word in ("--field", field))]
    first, every = json.loads(ci_mcp(*words).out), json.loads(ci_mcp(*words, "--paginate").out)
    some = first if isinstance(first, list) else next(value for value in first.values() if isinstance(value, list))
    values = [json.dumps(record[key]) for record in every]
    assert {json.dumps(record[key]) for record in some} <= set(values)
    assert len(values) == len(set(values))
    if fields:
        assert len(every) > len(some)


def test_what_changes_something_is_asked_about(
    ci_mcp: Run, buildkite: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal it needs --yes; a no is an interruption."""
    words = ["api", "buildkite", "/v2/organizations/acme/pipelines/shop/builds", "--method", "post"]
    words += ["--field", "commit=HEAD", "--field", "branch=release", "--field", "message=by hand"]
    before = buildkite.requests.total()
    ran = ci_mcp(*words)
    assert (2, "", before) == (ran.code, ran.out, buildkite.requests.total())
    assert "there is no terminal to ask on: add --yes" in ran.err
    assert "release" == json.loads(ci_mcp(*words, "--yes").out)["branch"]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    asked = ci_mcp("--quiet", *words)
    assert 130 == asked.code
    assert "" == asked.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nosuch", "/x"), 2, "there is no provider nosuch"),
        (("buildkite", "https://evil.example/v2/user"), 2, "evil.example is not the host that is configured"),
        (("buildkite", "/v2/../admin"), 2, "is not a path of the service"),
        (("buildkite", "/v2/x", "--paginate", "--method", "POST"), 2, "only a GET has pages"),
        (("buildkite", "/v2/x", "--method", "BREW"), 2, "'BREW' is not one of"),
        (("buildkite", "/v2/organizations/acme/pipelines/nosuch"), 4, "answered 404"),
        (("semaphore", "/api/v1alpha/projects"), 3, "no token for semaphore"),
    ],
)
@pytest.mark.usefixtures("buildkite")
def test_what_cannot_be_called_says_why(words: tuple[str, ...], code: int, said: str, ci_mcp: Run) -> None:
    """By the table of exit codes, before anything is sent where it can be."""
    ran = ci_mcp("api", *words)
    assert code == ran.code
    assert said in ran.err
    assert 1 == len(ran.err.splitlines())


@pytest.mark.usefixtures("configured")
def test_secrets_in_an_answer_are_not_shown(ci_mcp: Run) -> None:
    """Values of variables that are named as secrets; the mark of the next page is none."""
    out = ci_mcp("api", "semaphore", "/api/v1alpha/jobs", "--field", "states=FINISHED", "--field", "page_size=1").out
    answer = json.loads(out)
    values = {one["name"]: one["value"] for one in answer["jobs"][0]["spec"]["env_vars"]}
    assert "[redacted: secret]" == values["STRIPE_API_KEY"]
    assert answer["next_page_token"]
    assert "redacted" not in answer["next_page_token"]


def test_a_refusal_shows_what_the_service_said(ci_mcp: Run, buildkite: Service) -> None:
    """On stdout, as an answer comes; secrets in it redacted."""
    ran = ci_mcp("api", "buildkite", f"{buildkite.url}/v2/organizations/acme/pipelines/nosuch")
    assert (4, "No pipeline found") == (ran.code, json.loads(ran.out)["message"])


@pytest.mark.parametrize(("fault", "code"), [("429-now", 5), ("502", 6), ("cut", 6), ("401", 3)])
@pytest.mark.usefixtures("buildkite")
def test_a_service_in_trouble_has_the_exit_code_of_its_trouble(
    fault: str, code: int, ci_mcp: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for every other command."""
    monkeypatch.setenv("BUILDKITE_API_TOKEN", fault_token(fault, tag="api"))
    assert code == ci_mcp("api", "buildkite", "/v2/access-token").code


@pytest.mark.usefixtures("buildkite")
def test_a_passing_trouble_is_not_seen(ci_mcp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GET is tried again as everywhere."""
    monkeypatch.setenv("BUILDKITE_API_TOKEN", fault_token("503", once=True, tag="api"))
    assert 0 == ci_mcp("api", "buildkite", "/v2/access-token").code


def test_a_service_without_an_api_is_refused() -> None:
    """By a fact of the service, whichever it is."""
    refuse_without_api(Facts(name="a", title="A", token_env=()))
    with pytest.raises(UnsupportedError, match="A has an MCP server and no API beside it"):
        refuse_without_api(Facts(name="a", title="A", token_env=(), mcp_only=True))


def test_redaction_leaves_json_that_can_be_read() -> None:
    """Also where what looks like one secret goes from one text into the next."""
    body = {"a": "-----BEGIN RSA PRIVATE KEY-----", "b": [1, "MIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"]}
    shown, value = redacted(json.dumps(body))
    assert value == json.loads(shown)
    assert ["a", "b"] == list(value)
    assert "BEGIN" not in shown
    assert ("no JSON [redacted: GitHub token]", None) == redacted(f"no JSON ghp_{'aB3d' * 9}")
