import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.null
import keyring.errors
import pytest

from ci_mcp.auth import credentials
from ci_mcp.auth.credentials import (
    Credential,
    forget,
    header,
    home,
    keyring_state,
    made,
    mcp_token,
    missing,
    resolve,
    store,
)
from ci_mcp.auth.endpoints import Endpoint, add_note
from ci_mcp.auth.redact import redact
from ci_mcp.auth.service import Service
from ci_mcp.config import Config
from ci_mcp.errors import AuthError

ORGS = Service(
    name="semaphore",
    title="Semaphore",
    token_env=("SEMAPHORE_API_TOKEN",),
    host_env=("SEMAPHORE_HOST",),
    hosts_setting="hosts",
    token_page="https://me.{host}/account",
    cli_file="~/.sem.yaml",
)
VENDOR = Service(
    name="circleci",
    title="CircleCI",
    token_env=("CIRCLECI_TOKEN", "CIRCLE_TOKEN"),
    host_env=("CIRCLECI_BASE_URL",),
    default_host="circleci.com",
    hosts_setting="base_url",
    token_page="https://app.circleci.com/settings/user/tokens",
)
A = Endpoint("semaphore", "a.example.com", "https://a.example.com")
B = Endpoint("semaphore", "b.example.com", "https://b.example.com")
CLOUD = Endpoint("circleci", "circleci.com", "https://circleci.com")
CORP = Endpoint("circleci", "ci.corp", "https://ci.corp")


class Backend(keyring.backend.KeyringBackend):
    """A keyring in memory that can be told to misbehave."""

    priority = -1  # type: ignore[assignment]  # a class attribute stands in for keyring's property

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.forgets = self.fails = self.sticks = False
        self.hangs: threading.Event | None = None

    def _misbehave(self) -> None:
        if self.hangs is not None:
            self.hangs.wait(20)
        if self.fails:
            raise keyring.errors.KeyringLocked("locked")

    def get_password(self, service: str, username: str) -> str | None:
        """What was kept."""
        self._misbehave()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it, or seem to."""
        self._misbehave()
        if not self.forgets:
            self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Let go of it, or seem to."""
        self._misbehave()
        if not self.sticks:
            del self.kept[service, username]


@pytest.fixture
def ring() -> Iterator[Backend]:
    """A keyring that works, in place of the null one."""
    before = keyring.get_keyring()
    backend = Backend()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def hanging(ring: Backend, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """A keyring that asks a person who is not there."""
    monkeypatch.setattr(credentials, "KEYRING_SECONDS", 0.05)
    ring.hangs = threading.Event()
    yield ring
    ring.hangs.set()
    _until_answered()


def _until_answered() -> None:
    """Wait for every call that the keyring owes an answer."""
    for thread in threading.enumerate():
        if thread.name == "keyring":
            thread.join(20)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Settings that say nothing."""
    return Config(config_dir=tmp_path / "config", data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")


def test_what_is_given_goes_before_everything(config: Config, ring: Backend) -> None:
    """Then the environment, the keyring, the vendor's own file."""
    env = {"SEMAPHORE_API_TOKEN": "from-env", "SEMAPHORE_HOST": A.host}
    ring.kept["ci-mcp", "semaphore@a.example.com"] = " from-ring\n"
    (Path.home() / ".sem.yaml").write_text("x")

    def tokens(_: str) -> dict[str, str]:
        return {"what is this": "no", "b.example.com": "other", "https://a.example.com": "from-file"}

    found = []
    for step in (
        lambda: resolve(ORGS, A, config, env, tokens, explicit="given"),
        lambda: resolve(ORGS, A, config, env, tokens),
        lambda: resolve(ORGS, A, config, {}, tokens),
        lambda: ring.kept.clear() or resolve(ORGS, A, config, {}, tokens),
        lambda: resolve(ORGS, A, config, {}),
    ):
        credential = step()
        found.append((credential.token, credential.source) if credential is not None else None)
    assert [
        ("given", "given"),
        ("from-env", "environment variable SEMAPHORE_API_TOKEN"),
        ("from-ring", "keyring"),
        ("from-file", "~/.sem.yaml"),
        None,
    ] == found


def test_a_token_of_the_environment_belongs_to_the_environments_host(config: Config) -> None:
    """No other host ever sees it."""
    env = {"SEMAPHORE_API_TOKEN": "from-env", "SEMAPHORE_HOST": "https://a.example.com/api/v1alpha"}
    assert resolve(ORGS, A, config, env) is not None
    assert resolve(ORGS, B, config, env) is None


def test_without_a_host_it_belongs_to_the_vendors_own(config: Config) -> None:
    """Also where another host was logged in to."""
    add_note(config, CORP)
    env = {"CIRCLE_TOKEN": "from-env"}
    assert resolve(VENDOR, CLOUD, config, env) is not None
    assert resolve(VENDOR, CORP, config, env) is None
    assert "circleci.com" == home(VENDOR, config, env)


def test_without_either_it_belongs_to_the_only_one(config: Config) -> None:
    """And to none where there are two."""
    env = {"SEMAPHORE_API_TOKEN": "from-env"}
    add_note(config, A)
    assert resolve(ORGS, A, config, env) is not None
    add_note(config, B)
    assert resolve(ORGS, A, config, env) is None
    assert "" == home(ORGS, config, env)


def test_user_and_password_of_a_url_are_basic(config: Config) -> None:
    """A token beside them goes first; neither is ever shown again."""
    service = Service(name="pocketci", title="PocketCI", token_env=("POCKETCI_TOKEN",), host_env=("POCKETCI_URL",))
    endpoint = Endpoint("pocketci", "localhost:8080", "http://localhost:8080")
    env = {"POCKETCI_URL": "http://admin:hunter2-hunter2@localhost:8080"}
    credential = resolve(service, endpoint, config, env)
    assert credential is not None
    assert ("Basic", "environment variable POCKETCI_URL") == (credential.scheme, credential.source)
    assert "Basic YWRtaW46aHVudGVyMi1odW50ZXIy" == header(credential)
    assert "x [redacted: token]" == redact("x hunter2-hunter2")
    assert "x [redacted: token]" == redact("x YWRtaW46aHVudGVyMi1odW50ZXIy")
    credential = resolve(service, endpoint, config, env | {"POCKETCI_TOKEN": "token"})
    assert credential is not None
    assert "Bearer token" == header(credential)


def test_a_token_is_in_no_repr_and_known_from_then_on(config: Config) -> None:
    """Whoever resolves it need not think of that."""
    credential = resolve(ORGS, A, config, {}, explicit="a-token-to-hide")
    assert "a-token-to-hide" not in repr(credential)
    assert "[redacted: token]" == redact("a-token-to-hide")


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "tab\there", "é", "\u2011x"])
def test_a_token_that_cannot_be_sent_is_named_by_its_source(config: Config, token: str) -> None:
    """It would fail in the middle of a request, with itself in the error."""
    env = {"SEMAPHORE_API_TOKEN": token, "SEMAPHORE_HOST": A.host}
    with pytest.raises(AuthError, match="environment variable SEMAPHORE_API_TOKEN") as caught:
        resolve(ORGS, A, config, env)
    assert token not in str(caught.value)


def test_a_machine_without_a_keyring_has_no_token_there(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers have none, and every call to it raises."""

    def none(*_: object) -> str:
        raise keyring.errors.NoKeyringError

    monkeypatch.setattr(keyring, "get_password", none)
    monkeypatch.setattr(keyring, "set_password", none)
    assert resolve(ORGS, A, config, {}) is None
    assert not forget(A)
    with pytest.raises(AuthError, match="this machine has no keyring") as caught:
        store(A, "token-to-keep")
    assert "set the token in the environment" in caught.value.next_step


def test_a_keyring_that_hangs_counts_as_absent(
    config: Config, hanging: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    """With a hint, after its time."""
    assert hanging.hangs is not None
    assert resolve(ORGS, A, config, {}) is None
    assert "the keyring does not answer" in caplog.text
    with pytest.raises(AuthError, match="does not answer"):
        store(A, "token-to-keep")
    with pytest.raises(AuthError, match="does not answer"):
        forget(A)


def test_once_a_keyring_hangs_nothing_else_waits_for_it(
    config: Config, hanging: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it has answered the call that it owes: then it is asked again."""
    assert hanging.hangs is not None
    assert "the keyring does not answer" == keyring_state().problem
    monkeypatch.setattr(credentials, "KEYRING_SECONDS", 60)
    running = threading.active_count()
    assert [None] * 5 == [resolve(ORGS, A, config, {}) for _ in range(5)]
    assert running == threading.active_count()
    hanging.hangs.set()
    _until_answered()
    hanging.kept["ci-mcp", "semaphore@a.example.com"] = "token-to-find"
    found = resolve(ORGS, A, config, {})
    assert found is not None
    assert "token-to-find" == found.token


def test_a_keyring_that_works_has_a_name(ring: Backend) -> None:
    """And the null one, which keeps nothing, is none."""
    assert ("", "") == (keyring_state().problem, keyring_state().next_step)
    assert keyring_state().backend
    keyring.set_keyring(keyring.backends.null.Keyring())
    assert "this machine has no keyring" == keyring_state().problem
    keyring.set_keyring(ring)


def test_a_keyring_that_is_locked_says_so(config: Config, ring: Backend) -> None:
    """Reading goes on without it; writing cannot."""
    ring.fails = True
    assert resolve(ORGS, A, config, {}) is None
    with pytest.raises(AuthError, match="the keyring is locked"):
        store(A, "token-to-keep")
    with pytest.raises(AuthError, match="the keyring is locked"):
        forget(A)
    assert ("", "the keyring is locked") == (keyring_state().backend, keyring_state().problem)


def test_what_is_stored_is_found_and_forgotten_again(config: Config, ring: Backend) -> None:
    """Under our name, for provider and host."""
    store(A, "token-to-keep")
    assert {("ci-mcp", "semaphore@a.example.com"): "token-to-keep"} == ring.kept
    credential = resolve(ORGS, A, config, {})
    assert credential == Credential("token-to-keep", "keyring")
    assert forget(A)
    assert not forget(A)
    assert resolve(ORGS, A, config, {}) is None


def test_a_keyring_that_only_says_it_kept_it_is_found_out(ring: Backend) -> None:
    """What cannot be read back was not stored; what is still there was not removed."""
    ring.forgets = True
    with pytest.raises(AuthError, match="did not keep it"):
        store(A, "token-to-keep")
    ring.forgets, ring.sticks = False, True
    store(A, "token-to-keep")
    with pytest.raises(AuthError, match="still has"):
        forget(A)


@pytest.mark.parametrize(
    ("service", "host", "said"),
    [
        (
            VENDOR,
            "",
            (
                'no token for circleci: run "ci-mcp auth login circleci", or set CIRCLECI_TOKEN; '
                "a token is made at https://app.circleci.com/settings/user/tokens"
            ),
        ),
        (
            VENDOR,
            "ci.corp",
            (
                'no token for circleci at ci.corp: run "ci-mcp auth login circleci --host ci.corp", '
                "or set CIRCLECI_TOKEN and CIRCLECI_BASE_URL=ci.corp; "
                "a token is made at https://app.circleci.com/settings/user/tokens"
            ),
        ),
        (
            ORGS,
            "a.example.com",
            (
                'no token for semaphore at a.example.com: run "ci-mcp auth login semaphore --host a.example.com", '
                "or set SEMAPHORE_API_TOKEN and SEMAPHORE_HOST=a.example.com; "
                "a token is made at https://me.a.example.com/account"
            ),
        ),
        (
            ORGS,
            "",
            (
                'no token for semaphore: run "ci-mcp auth login semaphore --host HOST", '
                "or set SEMAPHORE_API_TOKEN and SEMAPHORE_HOST"
            ),
        ),
        (
            Service(name="x", title="X", default_host="x.example"),
            "",
            'no token for x: run "ci-mcp auth login x"',
        ),
    ],
)
def test_a_missing_token_says_how_to_give_one(service: Service, host: str, said: str) -> None:
    """Log in, or set the variable; and where tokens are made."""
    assert said == str(missing(service, host))


OWN = Service(
    name="buildbot",
    title="Buildbot",
    user_env=("BUILDBOT_USER",),
    password_env=("BUILDBOT_PASSWORD",),
    basic=True,
    host_env=("BUILDBOT_URL",),
    mcp_token_env=("BUILDBOT_MCP_TOKEN",),
    open=True,
)
BOT = Endpoint("buildbot", "bot.example.com", "https://bot.example.com")


def test_user_and_password_of_the_environment_are_sent_as_basic(config: Config) -> None:
    """Both are needed, and they belong to the environment's host."""
    env = {"BUILDBOT_URL": "https://bot.example.com", "BUILDBOT_USER": "ada", "BUILDBOT_PASSWORD": "pass:word-1234"}
    credential = resolve(OWN, BOT, config, env)
    assert credential is not None
    assert ("Basic", "ada:pass:word-1234") == (credential.scheme, credential.token)
    assert "environment variables BUILDBOT_USER and BUILDBOT_PASSWORD" == credential.source
    assert "[redacted: token]" == redact("pass:word-1234")
    assert resolve(OWN, replace(BOT, host="other.example.com"), config, env) is None
    assert resolve(OWN, BOT, config, {**env, "BUILDBOT_PASSWORD": ""}) is None


def test_a_token_with_a_colon_is_basic_where_the_service_knows_that() -> None:
    """So the keyring and standard input can hold user and password, too."""
    assert "Basic" == made(OWN, Credential("ada:secret-words here", "keyring")).scheme
    assert "Bearer" == made(OWN, Credential("opaque", "keyring")).scheme
    assert "Bearer" == made(replace(OWN, basic=False), Credential("a:b", "keyring")).scheme


def test_what_to_set_is_named_where_there_is_no_token_but_a_user() -> None:
    """With the host's variable where the host is not the vendor's own."""
    said = str(missing(OWN, "bot.example.com"))
    assert "set BUILDBOT_USER and BUILDBOT_PASSWORD and BUILDBOT_URL=bot.example.com" in said


def test_of_a_service_that_may_be_open_the_server_is_missing() -> None:
    """It may need no token at all."""
    said = 'no server for buildbot: set BUILDBOT_URL; where it asks who you are, run "ci-mcp auth login buildbot --host HOST"'
    assert said == str(missing(OWN))


def test_a_token_of_its_own_for_mcp_goes_to_the_environment_s_host_only(config: Config) -> None:
    """It is redacted from then on."""
    env = {"BUILDBOT_URL": "https://bot.example.com", "BUILDBOT_MCP_TOKEN": "mcp-token-1234"}
    found = mcp_token(OWN, BOT, config, env)
    assert found is not None
    assert ("mcp-token-1234", "environment variable BUILDBOT_MCP_TOKEN") == (found.token, found.source)
    assert "[redacted: token]" == redact("mcp-token-1234")
    assert mcp_token(OWN, replace(BOT, host="other.example.com"), config, env) is None
    assert mcp_token(OWN, BOT, config, {}) is None
    with pytest.raises(AuthError, match="holds a space"):
        mcp_token(OWN, BOT, config, {**env, "BUILDBOT_MCP_TOKEN": "two words"})
