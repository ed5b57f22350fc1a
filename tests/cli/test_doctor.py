"""``ci-mcp doctor``: services that work, do not, or hang; the machine; for people, pipes and programs."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend

from ci_mcp.auth import credentials
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.cli.checks import (
    Checked,
    Fact,
    Report,
    cache_fact,
    check_machine,
    check_services,
    ending,
    proxy_to,
    told_by,
    without_userinfo,
)
from ci_mcp.cli.doctor import plain_lines
from ci_mcp.config import Config
from ci_mcp.core.services import Services, World
from ci_mcp.logs.store import Info, Store
from ci_mcp.net.heard import Heard
from ci_mcp.sandbox.buildkite.tokens import scoped_token
from ci_mcp.sandbox.faults import fault_token
from ci_mcp.sandbox.serve import Service

Run = Callable[..., Any]


class HangingKeyring(KeyringBackend):
    """A keyring that waits for a person."""

    priority = 0  # type: ignore[assignment]  # never chosen by itself

    def __init__(self) -> None:
        super().__init__()
        self.unlocked = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:  # noqa: ARG002 - keyring's signature
        """Wait, and have nothing."""
        self.unlocked.wait(30)
        return None

    def set_password(self, service: str, username: str, password: str) -> None:  # noqa: ARG002 - the same
        """Wait, and keep nothing."""
        self.unlocked.wait(30)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingKeyring]:
    """A keyring that hangs, and little patience with it."""
    before, made = keyring.get_keyring(), HangingKeyring()
    monkeypatch.setattr(credentials, "KEYRING_SECONDS", 0.05)
    keyring.set_keyring(made)
    yield made
    made.unlocked.set()
    for thread in threading.enumerate():
        if thread.name == "keyring":
            thread.join(20)
    keyring.set_keyring(before)


def report(ran: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The providers by name, and the facts of the machine by what they are about."""
    told = json.loads(ran.out)
    return {one["provider"]: one for one in told["providers"]}, {one["what"]: one for one in told["machine"]}


@pytest.mark.usefixtures("configured")
def test_all_that_works_is_shown_and_exits_0(ci_mcp: Run) -> None:
    """Token's source, who it is, scopes, how fast, how much is left; no token anywhere."""
    ran = ci_mcp("doctor", "--json")
    assert (0, "") == (ran.code, ran.err)
    providers, machine = report(ran)
    one = providers["buildkite"]
    assert (True, "environment variable BUILDKITE_API_TOKEN", "Ada Lane") == (one["ok"], one["source"], one["name"])
    assert "read_builds" in one["scopes"]
    assert one["remaining"] > 0
    assert one["seconds"] >= 0
    assert abs(one["skew"]) < 30
    assert None is providers["semaphore"]["scopes"]
    assert {"ci-mcp", "keyring", "certificates", "cache"} == set(machine)
    assert machine["cache"]["writable"]


def test_its_json_has_every_key_always(ci_mcp: Run) -> None:
    """A script needs no `if`."""
    (one, *others) = json.loads(ci_mcp("--demo", "doctor", "--json").out)["providers"]
    assert [
        "provider", "host", "ok", "source", "name", "scopes", "excluded", "audience", "expires", "seconds",
        "remaining", "skew", "proxy", "note", "warnings", "kind", "problem", "next",
    ] == list(one)  # fmt: skip
    assert others
    assert all(list(one) == list(other) for other in others)


def test_nothing_configured_says_what_to_do(ci_mcp: Run) -> None:
    """The machine is looked at all the same."""
    ran = ci_mcp("doctor")
    assert 3 == ran.code
    assert 'ci-mcp: no CI is configured: run "ci-mcp auth login PROVIDER"' in ran.err
    assert "keyring" in ran.out
    assert [] == json.loads(ci_mcp("doctor", "--json").out)["providers"]


@pytest.mark.parametrize(
    ("fault", "code", "kind"),
    [
        (fault_token("401", tag="doctor"), 1, "auth"),
        (fault_token("403", tag="doctor"), 1, "permission"),
        (fault_token("429-now", tag="doctor"), 0, "rate_limited"),
        (fault_token("502", tag="doctor"), 1, "unreachable"),
        (fault_token("broken-json", tag="doctor"), 1, "bad_answer"),
    ],
)
@pytest.mark.usefixtures("configured")
def test_one_that_does_not_work_exits_1(
    fault: str, code: int, kind: str, ci_mcp: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that wants fewer requests works; the others are shown as they are."""
    monkeypatch.setenv("BUILDKITE_API_TOKEN", fault)
    ran = ci_mcp("doctor", "--json")
    providers, _ = report(ran)
    assert (code, kind) == (ran.code, providers["buildkite"]["kind"])
    assert providers["buildkite"]["problem"]
    assert providers["circleci"]["ok"]
    assert providers["buildkite"]["seconds"] is not None
    assert fault not in ran.out


def test_tools_that_a_token_may_not_use_are_named(
    ci_mcp: Run, configured: dict[str, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the scope that it lacks."""
    reader = scoped_token("read_builds", "read_pipelines")
    monkeypatch.setenv("BUILDKITE_API_TOKEN", reader)
    providers, _ = report(ci_mcp("doctor", "--json"))
    assert configured["buildkite"].token != reader
    assert ["buildkite_jobs_logs"] == providers["buildkite"]["excluded"]["read_build_logs"]
    assert "buildkite_builds_list" not in str(providers["buildkite"]["excluded"])
    assert "buildkite_jobs_logs (needs read_build_logs)" in ci_mcp("doctor").out


@pytest.mark.anyio
async def test_a_host_that_hangs_holds_up_no_other(services: dict[str, Service], home: Path) -> None:
    """Each has its own time, all run side by side."""
    env = {"CI_MCP_HOME": str(home)}
    given = {
        name: (Endpoint(name, one.host, one.url), fault_token("stall") if name == "circleci" else one.token)
        for name, one in services.items()
    }
    async with Services(World(Config.load(env), env, given=given), Store(home / "logs")) as opened:
        found = {one.provider: one for one in await check_services(opened, patience=1.0)}
    assert (False, "timed_out", "check the network and the host") == (
        found["circleci"].ok,
        found["circleci"].kind,
        found["circleci"].next,
    )
    assert found["buildkite"].ok
    assert found["semaphore"].ok


def test_a_token_without_a_host_is_told(ci_mcp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Semaphore has none of its own."""
    monkeypatch.setenv("SEMAPHORE_API_TOKEN", "made-up-token")
    providers, _ = report(ci_mcp("doctor", "--json"))
    assert ("", "set SEMAPHORE_HOST to your own host") == (
        providers["semaphore"]["host"],
        providers["semaphore"]["next"],
    )


@pytest.mark.usefixtures("configured")
def test_a_host_that_is_written_wrongly_hides_no_other(ci_mcp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the problem of its provider."""
    monkeypatch.setenv("SEMAPHORE_HOST", "http://ci.example.com")
    providers, _ = report(ci_mcp("doctor", "--json"))
    assert ("usage", False) == (providers["semaphore"]["kind"], providers["semaphore"]["ok"])
    assert (
        "SEMAPHORE_HOST: http://ci.example.com would send the token in clear text" in providers["semaphore"]["problem"]
    )
    assert providers["circleci"]["ok"]


def test_a_keyring_that_hangs_is_named_once(ci_mcp: Run, hanging: HangingKeyring, home: Path) -> None:
    """However many hosts wait for it."""
    folder = home / "ci-mcp" / "data"
    folder.mkdir(parents=True)
    notes = [{"provider": "semaphore", "host": f"{name}.example"} for name in ("a", "b", "c")]
    (folder / "hosts.json").write_text(json.dumps(notes))
    ran = ci_mcp("--quiet", "doctor", "--json")
    told = json.loads(ran.out)
    assert 1 == ran.code
    assert ["no token for semaphore at a.example", "no token for semaphore at b.example"] == [
        one["problem"] for one in told["providers"][:2]
    ]
    (ring,) = [one for one in told["machine"] if one["what"] == "keyring"]
    assert ("the keyring does not answer", True) == (ring["problem"], "unlock it" in ring["next"])
    assert not hanging.unlocked.is_set()


@pytest.mark.parametrize(
    ("env", "what", "found", "problem"),
    [
        ({"HTTPS_PROXY": "http://ada:geheim@proxy.corp:3128"}, "proxy", "HTTPS_PROXY=http://proxy.corp:3128", ""),
        ({"no_proxy": ".corp"}, "proxy", "no_proxy=.corp", ""),
        (
            {"SSL_CERT_FILE": "/nowhere.pem"},
            "certificates",
            "SSL_CERT_FILE=/nowhere.pem",
            "SSL_CERT_FILE names no file",
        ),
        ({"SSL_CERT_DIR": "/nowhere"}, "certificates", "SSL_CERT_DIR=/nowhere", "SSL_CERT_DIR names no folder"),
        ({"NODE_EXTRA_CA_CERTS": "/corp.pem"}, "certificates", "NODE_EXTRA_CA_CERTS=/corp.pem is not read", ""),
        ({}, "certificates", "the system's store", ""),
    ],
)
@pytest.mark.anyio
async def test_what_stands_between_is_named(
    env: dict[str, str], what: str, found: str, problem: str, home: Path
) -> None:
    """Proxies without their passwords, certificates that are not there, and those that only others read."""
    world = World(Config.load({"CI_MCP_HOME": str(home)}), env, given={})
    facts = [one for one in await check_machine(Services(world, Store(home / "logs"))) if one.what == what]
    assert found in facts[-1].found
    assert problem == facts[-1].problem
    assert "geheim" not in str(facts)


@pytest.mark.parametrize(
    ("host", "env", "proxy"),
    [
        ("ci.corp", {}, ""),
        ("ci.corp", {"HTTPS_PROXY": "http://u:p@proxy:1"}, "HTTPS_PROXY=http://proxy:1"),
        ("ci.corp:8443", {"all_proxy": "http://proxy:1"}, "all_proxy=http://proxy:1"),
        ("ci.corp", {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "a.example, .corp"}, ""),
        ("cicorp", {"HTTPS_PROXY": "http://proxy:1", "no_proxy": ".corp"}, "HTTPS_PROXY=http://proxy:1"),
        ("127.0.0.1:80", {"HTTPS_PROXY": "http://proxy:1"}, ""),
        ("ci.example.com", {"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "internal, *"}, ""),
        ("", {"HTTPS_PROXY": "http://proxy:1"}, ""),
    ],
)
def test_the_proxy_to_a_host_is_named(host: str, env: dict[str, str], proxy: str) -> None:
    """Where NO_PROXY does not exempt it."""
    assert proxy == proxy_to(host, env)


@pytest.mark.parametrize(
    ("address", "shown"),
    [("http://a:b@c:1", "http://c:1"), ("a:b@c", "c"), ("http://c:1", "http://c:1"), ("http://a@b@c", "http://c")],
)
def test_a_proxy_is_shown_without_its_user(address: str, shown: str) -> None:
    """Whatever it looks like."""
    assert shown == without_userinfo(address)


def test_a_cache_that_cannot_be_written_is_told(home: Path) -> None:
    """A file stands where the folder should be."""
    (home / "file").write_text("")
    assert "cannot be written" in cache_fact(Info(home / "file" / "logs", 0, 0)).problem
    fact = cache_fact(Info(home / "not" / "yet", 3, 2_500_000))
    assert ("", True) == (fact.problem, fact.numbers["writable"])
    assert "3 logs, 2.5 MB" in fact.found


def test_agents_that_start_what_is_not_there_are_named(ci_mcp: Run, home: Path) -> None:
    """In the user's own configuration and in the checkout's."""
    subprocess.run(["git", "init", "--quiet", str(home)], check=True)  # noqa: S607 - the git of this machine
    (home / ".claude.json").write_text('{"mcpServers": {"ci": {"command": "/gone/ci-mcp", "args": ["serve"]}}}')
    (home / ".mcp.json").write_text(
        json.dumps({"mcpServers": {"ci": {"command": sys.executable, "args": ["-m", "ci_mcp", "serve"]}}})
    )
    (home / ".cursor").mkdir()
    (home / ".cursor" / "mcp.json").write_text('{"mcpServers": {"ci": {"command": "another"}}}')
    told = [one for one in json.loads(ci_mcp("doctor", "--json").out)["machine"] if one["what"] == "agent"]
    assert [("claude", "user", False), ("claude", "project", True)] == [
        (one["agent"], one["scope"], one["there"]) for one in told
    ]
    assert ("/gone/ci-mcp is not there", 'run "ci-mcp setup --agent claude --scope user" again') == (
        told[0]["problem"],
        told[0]["next"],
    )
    assert "look  agent  Claude Code starts /gone/ci-mcp serve" in ci_mcp("doctor").out


@pytest.mark.parametrize(
    ("skew", "warnings"),
    [
        (None, ()),
        (-59.0, ()),
        (300.4, ("this machine's clock is 300 s behind the service's: set it",)),
        (-7200.0, ("this machine's clock is 7200 s ahead of the service's: set it",)),
    ],
)
def test_a_clock_that_is_off_is_warned_of(skew: float | None, warnings: tuple[str, ...]) -> None:
    """From a minute on, with the direction."""
    assert {"seconds": 0.2, "remaining": 7, "skew": skew, "warnings": warnings} == told_by(Heard(0.2, skew, 7))
    assert {} == told_by(None)


@pytest.mark.parametrize(
    ("left", "warnings"),
    [
        (None, ()),
        (timedelta(days=14), ()),
        (timedelta(days=3, hours=1), ("the token ends in 3 days: make a new one",)),
        (timedelta(seconds=-1), ("the token has ended: make a new one",)),
    ],
)
def test_a_token_that_ends_soon_is_warned_of(left: timedelta | None, warnings: tuple[str, ...]) -> None:
    """Two weeks before."""
    now = datetime.now(UTC)
    assert warnings == ending(now + left if left is not None else None, now)


def test_what_is_known_of_a_service_is_shown() -> None:
    """Nothing is left out; many tools are counted."""
    expires = datetime.now(UTC) + timedelta(days=3, hours=1)
    one = Checked(
        provider="a",
        host="a.example",
        ok=True,
        name="Ada",
        audience="api",
        expires=expires,
        warnings=("the token ends in 3 days: make a new one",),
        excluded={"write": [f"a_t{number}_list" for number in range(9)]},
    )
    text = "\n".join(plain_lines(Report([one], [Fact("cache", "x", "full", "empty it")])))
    assert "ok  a  a.example" in text
    assert f"ends        {expires:%Y-%m-%d}" in text
    assert "a_t5_list and 3 more (needs write)" in text
    assert "look  cache  x\n    problem     full: empty it" in text
    limited = Checked(provider="b", ok=True, kind="rate_limited", problem="too many", next="wait")
    broken = Checked(provider="c", host="c.example", kind="auth", problem="no", next="log in")
    assert ["rate limited  b", "fails  c  c.example"] == [
        line for line in plain_lines(Report([limited, broken], [])) if not line.startswith(" ")
    ]
    assert Report([limited], []).ok
    assert not Report([limited, broken], []).ok
    assert not Report([], []).ok


def test_it_is_panels_on_a_terminal(ci_mcp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is amiss in colour."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    out = ci_mcp("--demo", "doctor").out
    assert "ok  buildkite  api.buildkite.com" in out
    assert "this machine" in out
    assert max(map(len, out.splitlines())) <= 80


def test_debug_shows_requests_and_no_token(
    ci_mcp: Run, configured: dict[str, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither those that work nor one that does not."""
    monkeypatch.setenv("BUILDKITE_API_TOKEN", "not-a-token-of-buildkite")
    tokens = {one.token for name, one in configured.items() if name != "buildkite" and one.token}
    tokens |= {"not-a-token-of-buildkite"}
    odd = "/v2/user?access_token=not-a-token-of-buildkite"
    for words in (("doctor",), ("auth", "status"), ("api", "buildkite", odd)):
        ran = ci_mcp("--debug", *words)
        assert "ci_mcp.net.api: " in ran.err
        assert [] == [token for token in tokens if token in ran.err + ran.out]
