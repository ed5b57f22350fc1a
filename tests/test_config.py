import os
import subprocess
import sys
from pathlib import Path

import pytest

from ci_mcp.config import Config
from ci_mcp.environment import drop_placeholders
from ci_mcp.errors import UsageError

ALL = """
read_only = true
toolset = "all"
providers = ["semaphore", "circleci"]
allow_http = ["ci.corp"]

[cache]
max_mb = 10
max_days = 2

[semaphore]
hosts = ["a.semaphoreci.com", "b.semaphoreci.com"]

[circleci]
base_url = "https://ci.corp"
private_output = true

[buildkite]
base_url = "https://api.buildkite.com"

[pocketci]
url = "http://ci.corp:8080"

[firmwareci]
mcp_url = "https://api.firmware-ci.com/mcp"
org = "acme"

[buildbot]
url = "https://buildbot.corp"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the settings file is."""
    path = tmp_path / "config" / "config.toml"
    path.parent.mkdir()
    return path


def load(path: Path) -> Config:
    """The settings of the home around this file."""
    return Config.load({"CI_MCP_HOME": str(path.parent.parent)})


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    """One folder holds settings, notes and cache."""
    config = Config.load({"CI_MCP_HOME": str(tmp_path)})
    assert [tmp_path / kind for kind in ("config", "data", "cache")] == [
        config.config_dir,
        config.data_dir,
        config.cache_dir,
    ]
    assert (False, "core", (), ()) == (config.read_only, config.toolset, config.providers, config.allow_http)
    assert config.cache_max_mb > 0
    assert config.cache_max_days > 0
    assert () == config.hosts("semaphore", "hosts")
    assert config.setting("circleci", "private_output") is None


def test_every_setting_is_read(path: Path) -> None:
    """As COMMANDS.md lists them; what cannot change is a tuple."""
    path.write_text(ALL)
    config = load(path)
    assert config.read_only
    assert ("all", ("semaphore", "circleci"), ("ci.corp",)) == (config.toolset, config.providers, config.allow_http)
    assert (10, 2) == (config.cache_max_mb, config.cache_max_days)
    assert ("a.semaphoreci.com", "b.semaphoreci.com") == config.hosts("semaphore", "hosts")
    assert ("https://ci.corp",) == config.hosts("circleci", "base_url")
    assert config.setting("circleci", "private_output") is True
    assert "acme" == config.setting("firmwareci", "org")
    assert ("https://buildbot.corp",) == config.hosts("buildbot", "url")


def test_a_file_with_a_mark_of_windows_is_read(path: Path) -> None:
    """Editors there write one before the first key."""
    path.write_bytes(b"\xef\xbb\xbfread_only = true\r\n")
    assert load(path).read_only


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("readonly = true", "no such setting: readonly: did you mean read_only?"),
        ("[semaphor]\nhosts = []", "no such setting: semaphor: did you mean semaphore?"),
        ("[semaphore]\nhost = []", "no such setting: semaphore.host: did you mean hosts?"),
        ("[cache]\nx = 1", "no such setting: cache.x: the settings here are max_mb, max_days"),
        ("[cache]\nallow_http = []", "cache.allow_http: it belongs above the first [section]"),
        ("read_only = 1", "read_only has a wrong value: it is true or false"),
        ('[cache]\nmax_mb = "1"', "cache.max_mb has a wrong value: it is a whole number above 0"),
        ("[cache]\nmax_mb = true", "cache.max_mb has a wrong value"),
        ("[cache]\nmax_mb = 0", "cache.max_mb has a wrong value"),
        ("providers = ['a', 1]", "providers has a wrong value: it is a list of texts"),
        ("allow_http = 'a'", "allow_http has a wrong value: it is a list of texts"),
        ("[buildkite]\nbase_url = []", "buildkite.base_url has a wrong value: it is a text"),
        ("cache = 1", "cache is a section: write [cache]"),
        ("toolset = 'some'", "toolset is 'some'"),
        ("toolset = ", "is not TOML"),
    ],
)
def test_a_wrong_file_is_a_usage_error(path: Path, text: str, said: str) -> None:
    """It names the file, the key, and what to do."""
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert said in str(caught.value)
    assert str(path) in caught.value.message


def test_a_file_that_cannot_be_read_is_a_usage_error(path: Path) -> None:
    """Not text, or not a file."""
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not UTF-8"):
        load(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match="cannot read"):
        load(path)


def test_without_a_home_of_ours_the_folders_are_the_systems() -> None:
    """Each its own, named for us."""
    config = Config.load({})
    folders = {config.config_dir, config.data_dir, config.cache_dir}
    assert all("ci-mcp" in str(folder) for folder in folders)
    assert config.cache_dir != config.config_dir


def test_a_home_of_ours_needs_no_library_to_find() -> None:
    """Start-up imports neither platformdirs nor tomllib for it."""
    code = (
        "import sys; before = set(sys.modules); from ci_mcp.config import Config; Config.load({'CI_MCP_HOME': '.'}); "
        "print({'platformdirs', 'tomllib', 'difflib', 'keyring', 'httpx'} & set(sys.modules) - before)"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}  # coverage imports tomllib
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert "set()" == ran.stdout.strip()


def test_what_an_agent_could_not_fill_in_is_dropped() -> None:
    """Empty, or nothing but the name of a variable in any of three ways."""
    environ = {
        "EMPTY": "",
        "BLANK": "  ",
        "PLAIN": "$PLAIN",
        "BRACED": "${OTHER_1}",
        "PREFIXED": "${env:TOKEN}",
        "SPACED": " $X ",
        "PRICE": "$5",
        "PATH": "$HOME/bin",
        "TWO": "$A$B",
        "HALF": "${A",
        "DOLLAR": "$",
        "VALUE": "env:X",
        "DASH": "${A-B}",
    }
    drop_placeholders(environ)
    assert ["PRICE", "PATH", "TWO", "HALF", "DOLLAR", "VALUE", "DASH"] == list(environ)
