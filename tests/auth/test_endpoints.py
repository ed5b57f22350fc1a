import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.auth.endpoints import (
    Endpoint,
    add_note,
    address,
    configured,
    endpoints,
    loopback,
    read_notes,
    remove_note,
)
from ci_mcp.auth.service import Service
from ci_mcp.config import Config
from ci_mcp.errors import UsageError

ORGS = Service(
    name="semaphore",
    title="Semaphore",
    token_env=("SEMAPHORE_API_TOKEN",),
    host_env=("SEMAPHORE_HOST",),
    hosts_setting="hosts",
    cli_file="~/.sem.yaml",
)
VENDOR = Service(
    name="circleci",
    title="CircleCI",
    token_env=("CIRCLECI_TOKEN", "CIRCLE_TOKEN"),
    host_env=("CIRCLECI_BASE_URL", "CIRCLE_HOST"),
    default_host="circleci.com",
    hosts_setting="base_url",
)
OPEN = Service(
    name="pocketci",
    title="PocketCI",
    token_env=("POCKETCI_TOKEN", "CI_AUTH_TOKEN"),
    host_env=("POCKETCI_URL", "CI_SERVER_URL"),
    hosts_setting="url",
    open=True,
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Settings that say nothing."""
    return make(tmp_path)


def make(tmp_path: Path, **sections: Any) -> Config:
    """Settings with these sections."""
    return Config(
        config_dir=tmp_path / "config", data_dir=tmp_path / "data", cache_dir=tmp_path / "cache", sections=sections
    )


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("[::1]", True),
        ("::1", True),
        ("127.0.0.1.example.com", False),
        ("127.example.com.x", False),
        ("1270.0.0.1", False),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_this_machine_is_told_from_others(host: str, *, here: bool) -> None:
    """Also from those whose names only begin like it."""
    assert here is loopback(host)


@pytest.mark.parametrize(
    ("value", "host", "base_url"),
    [
        ("acme.semaphoreci.com", "acme.semaphoreci.com", "https://acme.semaphoreci.com"),
        (" https://Acme.semaphoreci.com/ ", "acme.semaphoreci.com", "https://acme.semaphoreci.com"),
        ("https://acme.semaphoreci.com/api/v1alpha", "acme.semaphoreci.com", "https://acme.semaphoreci.com"),
        ("https://circleci.com/api/v2/", "circleci.com", "https://circleci.com"),
        ("https://api.buildkite.com/v2", "api.buildkite.com", "https://api.buildkite.com"),
        ("circleci.com/api/v1.1", "circleci.com", "https://circleci.com"),
        ("https://api.firmware-ci.com/mcp", "api.firmware-ci.com", "https://api.firmware-ci.com"),
        ("https://host:443/ci/", "host", "https://host/ci"),
        ("https://host:8443/ci?x=1#y", "host:8443", "https://host:8443/ci"),
        ("host:8443", "host:8443", "https://host:8443"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost:8080", "localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080/", "[::1]:8080", "http://[::1]:8080"),
        ("http://inside.corp/ci", "inside.corp", "http://inside.corp/ci"),
        ("http://inside.corp:81", "inside.corp:81", "http://inside.corp:81"),
        ("http://other.corp:81", "other.corp:81", "http://other.corp:81"),
    ],
)
def test_an_address_is_understood_as_people_write_it(value: str, host: str, base_url: str) -> None:
    """Host or URL, with or without the path of its API."""
    found = address(value, allow_http=("inside.corp", "other.corp:81"))
    assert (host, base_url, "") == (found.host, found.base_url, found.userinfo)


def test_user_and_password_are_taken_out_of_a_url() -> None:
    """They are decoded, and stand in no repr."""
    found = address("http://ad%40min:p%3Aw@localhost:8080")
    assert ("http://localhost:8080", "ad@min:p:w") == (found.base_url, found.userinfo)
    assert "p:w" not in repr(found)


@pytest.mark.parametrize(
    "value",
    [
        "http://ci.example.com",
        "http://other.corp",
        "ftp://ci.example.com",
        "file:///etc/passwd",
        "https://",
        "",
        "a b",
        "https://a\nb",
        "https://exa_mple..com-/",
        "https://host:99999",
        "https://[::1",
        "hôte.example.com",
        "https://evil\\@host",
    ],
)
def test_what_is_no_address_is_a_usage_error(value: str) -> None:
    """Clear text to another machine, too."""
    with pytest.raises(UsageError):
        address(value, allow_http=("other.corp:81",))


def test_a_wrong_address_does_not_show_its_password() -> None:
    """The error shows what follows it."""
    with pytest.raises(UsageError) as caught:
        address("https://me:hunter2@ho st")
    assert "hunter2" not in str(caught.value)


def test_the_environment_comes_first_then_the_settings(tmp_path: Path) -> None:
    """Every host once, in the order found."""
    config = make(tmp_path, semaphore={"hosts": ("b.example.com", "https://a.example.com", "c.example.com")})
    add_note(config, Endpoint("semaphore", "d.example.com", "https://d.example.com"))
    (tmp_path / ".sem.yaml").write_text("x")
    env = {"SEMAPHORE_HOST": "a.example.com", "HOME": str(tmp_path)}
    found = endpoints(ORGS, config, env, tokens=lambda _: {"e.example.com": "t", "b.example.com": "t", "no host": "t"})
    assert [f"{name}.example.com" for name in "abcde"] == [endpoint.host for endpoint in found]
    assert Endpoint("semaphore", "a.example.com", "https://a.example.com") == found[0]


def test_the_vendors_own_host_stands_where_no_other_does(tmp_path: Path, config: Config) -> None:
    """Or where a token of the environment belongs to it."""

    def hosts(config: Config, **env: str) -> list[str]:
        return [endpoint.host for endpoint in endpoints(VENDOR, config, env)]

    assert ["circleci.com"] == hosts(config)
    assert ["ci.corp"] == hosts(config, CIRCLE_HOST="https://ci.corp")
    assert ["ci.corp"] == hosts(make(tmp_path, circleci={"base_url": "https://ci.corp"}))
    add_note(config, Endpoint("circleci", "noted.corp", "https://noted.corp"))
    assert ["noted.corp"] == hosts(config)
    assert ["circleci.com", "noted.corp"] == hosts(config, CIRCLE_TOKEN="t")


@pytest.mark.parametrize(
    ("pasted", "host"),
    [
        ("https://app.circleci.com", "circleci.com"),
        ("app.circleci.com", "circleci.com"),
        ("https://circleci.com/api/v2", "circleci.com"),
        ("https://app.circleci.corp", "app.circleci.corp"),
    ],
)
def test_the_vendors_web_pages_stand_for_its_api(pasted: str, host: str, config: Config) -> None:
    """People copy what their browser shows; of a host of their own only they know what is where."""
    service = replace(VENDOR, web_prefix="app.")
    assert [host] == [endpoint.host for endpoint in endpoints(service, config, {"CIRCLE_HOST": pasted})]
    page = replace(VENDOR, web_host="pages.example")
    assert ["circleci.com"] == [one.host for one in endpoints(page, config, {"CIRCLE_HOST": "https://pages.example"})]


def test_a_service_of_many_hosts_has_none_by_itself(config: Config) -> None:
    """There is no telling which organization."""
    assert () == endpoints(ORGS, config, {})


def test_the_vendors_mcp_server_is_known_for_the_vendors_hosts_only(tmp_path: Path) -> None:
    """A token goes to no host that its person did not name, but to the vendor itself."""
    service = replace(
        ORGS, web_hosts=("*.semaphoreci.com",), mcp_env=("SEMAPHORE_MCP_URL",), mcp_url="https://mcp.semaphoreci.com"
    )
    config = make(tmp_path, semaphore={"hosts": ("acme.semaphoreci.com", "ci.example.com")})
    assert ["https://mcp.semaphoreci.com", ""] == [place.mcp_url for place in endpoints(service, config, {})]
    env = {"SEMAPHORE_MCP_URL": "https://mcp.ci.example.com/mcp"}
    assert {"https://mcp.ci.example.com"} == {place.mcp_url for place in endpoints(service, config, env)}
    with pytest.raises(UsageError, match="SEMAPHORE_MCP_URL: http://"):
        endpoints(service, config, {"SEMAPHORE_MCP_URL": "http://mcp.example.com"})


def test_a_wrong_host_is_named_by_where_it_stands(tmp_path: Path) -> None:
    """The variable, or the setting."""
    with pytest.raises(UsageError, match="SEMAPHORE_HOST: "):
        endpoints(ORGS, make(tmp_path), {"SEMAPHORE_HOST": "a b"})
    with pytest.raises(UsageError, match=r"semaphore\.hosts in config\.toml: "):
        endpoints(ORGS, make(tmp_path, semaphore={"hosts": ("http://a.corp",)}), {})


def test_gitlabs_own_variables_are_not_pocketcis(config: Config) -> None:
    """Inside a GitLab job they name GitLab."""
    env = {"CI_SERVER_URL": "https://pocket.example.com", "CI_AUTH_TOKEN": "t"}
    assert ["pocket.example.com"] == [endpoint.host for endpoint in endpoints(OPEN, config, env)]
    assert configured(OPEN, config, env)
    assert () == endpoints(OPEN, config, env | {"GITLAB_CI": "true"})
    assert not configured(OPEN, config, env | {"GITLAB_CI": "true"})


@pytest.mark.parametrize(
    ("service", "env", "expected"),
    [
        (ORGS, {}, False),
        (ORGS, {"SEMAPHORE_API_TOKEN": "t"}, True),
        (ORGS, {"SEMAPHORE_HOST": "a.example.com"}, False),
        (ORGS, {"SEMAPHORE_API_TOKEN": "  "}, False),
        (VENDOR, {}, False),
        (VENDOR, {"CIRCLE_TOKEN": "t"}, True),
        (OPEN, {}, False),
        (OPEN, {"POCKETCI_URL": "localhost:8080"}, True),
        (VENDOR, {"CIRCLE_HOST": "https://a:b@ci.corp"}, True),
    ],
)
def test_a_service_is_configured_by_a_token_or_where_it_is_open_by_a_url(
    config: Config, tmp_path: Path, service: Service, env: dict[str, str], *, expected: bool
) -> None:
    """Nothing else is asked."""
    assert expected is configured(service, config, env | {"HOME": str(tmp_path)})


def test_a_service_is_configured_by_a_note_a_setting_or_the_vendors_file(tmp_path: Path) -> None:
    """What they hold is read later."""
    config = make(tmp_path, pocketci={"url": "https://pocket.example.com"})
    env = {"USERPROFILE": str(tmp_path)}
    assert configured(OPEN, config, env)
    assert not configured(ORGS, config, env)
    (tmp_path / ".sem.yaml").write_text("x")
    assert configured(ORGS, config, env)
    assert not configured(VENDOR, config, env)
    add_note(config, Endpoint("circleci", "circleci.com", "https://circleci.com"))
    assert configured(VENDOR, config, env)


def test_the_vendors_file_is_found_at_home(home: Path, config: Config) -> None:
    """Also where the environment given does not say where that is."""
    (home / ".sem.yaml").write_text("x")
    assert configured(ORGS, config, {})


def test_the_vendors_file_in_any_state_is_no_error(tmp_path: Path, config: Config) -> None:
    """A parser that fails on it finds no hosts."""
    (tmp_path / ".sem.yaml").write_bytes(b"\xff\x00")

    def fail(_: str) -> dict[str, str]:
        raise KeyError("contexts")

    assert () == endpoints(ORGS, config, {"HOME": str(tmp_path)}, tokens=fail)


def test_notes_are_added_once_and_removed(config: Config) -> None:
    """A host that is not simply https is noted with its URL; nothing else is lost."""
    plain = Endpoint("semaphore", "a.example.com", "https://a.example.com")
    local = Endpoint("pocketci", "127.0.0.1:8080", "http://127.0.0.1:8080")
    for endpoint in (plain, local, plain):
        add_note(config, endpoint)
    assert {"semaphore": ("a.example.com",), "pocketci": ("http://127.0.0.1:8080",)} == read_notes(config)
    remove_note(config, plain)
    remove_note(config, plain)
    assert {"pocketci": ("http://127.0.0.1:8080",)} == read_notes(config)
    assert (local,) == endpoints(OPEN, config, {})
    assert ["hosts.json"] == [path.name for path in config.data_dir.iterdir()]


@pytest.mark.parametrize("text", ["", "{", "{}", '[1, {"provider": 1, "host": 2}, {"provider": "x"}]'])
def test_notes_in_any_state_are_no_error(config: Config, text: str) -> None:
    """They read as none, and are written anew."""
    config.data_dir.mkdir()
    (config.data_dir / "hosts.json").write_text(text)
    assert {} == read_notes(config)
    add_note(config, Endpoint("semaphore", "a.example.com", "https://a.example.com"))
    assert [{"provider": "semaphore", "host": "a.example.com"}] == json.loads(
        (config.data_dir / "hosts.json").read_text()
    )


def test_notes_that_cannot_be_written_are_a_usage_error(config: Config) -> None:
    """A file where the folder should be; nothing half written is left."""
    config.data_dir.write_text("in the way")
    with pytest.raises(UsageError, match="cannot write"):
        add_note(config, Endpoint("semaphore", "a.example.com", "https://a.example.com"))


def test_a_note_that_cannot_take_its_place_leaves_nothing_behind(config: Config) -> None:
    """A folder where the file should be."""
    (config.data_dir / "hosts.json").mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot write"):
        add_note(config, Endpoint("semaphore", "a.example.com", "https://a.example.com"))
    assert ["hosts.json"] == [path.name for path in config.data_dir.iterdir()]


def test_a_service_is_configured_by_user_and_password_together(config: Config) -> None:
    """One without the other is nothing."""
    service = replace(OPEN, user_env=("BOT_USER",), password_env=("BOT_PASSWORD",))
    assert configured(service, config, {"BOT_USER": "ada", "BOT_PASSWORD": "x"})
    assert not configured(service, config, {"BOT_USER": "ada"})


def test_a_token_of_its_own_for_mcp_means_a_server_at_the_service_s_root(config: Config) -> None:
    """Without one, whoever asks it takes the API's token."""
    service = replace(OPEN, mcp_token_env=("POCKETCI_MCP_TOKEN",))
    env = {"POCKETCI_URL": "https://ci.example.com/base"}
    assert [""] == [place.mcp_url for place in endpoints(service, config, env)]
    env["POCKETCI_MCP_TOKEN"] = "t"
    assert ["https://ci.example.com/base"] == [place.mcp_url for place in endpoints(service, config, env)]


def test_the_vendors_file_may_be_elsewhere(tmp_path: Path, config: Config) -> None:
    """Its own command line has a variable for that."""
    service = replace(VENDOR, cli_file="~/.pocketci/auth.config", cli_env=("CI_AUTH_CONFIG",))
    file = tmp_path / "auth.config"
    assert not configured(service, config, {"CI_AUTH_CONFIG": str(file)})
    file.write_text("{}")
    assert configured(service, config, {"CI_AUTH_CONFIG": str(file)})
