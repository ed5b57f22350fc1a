"""What is known of each agent: its files on each system, the entry it gets, and how a file of its own changes."""

import json
from collections.abc import Callable, Iterable
from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest

from ci_mcp.agents.base import ALWAYS, Agent, Entry, ForeignError, Machine, agents, is_ours, names_for
from ci_mcp.auth.service import Service
from ci_mcp.environment import drop_placeholders

NAMES = ("claude", "claude-desktop", "codex", "cursor", "gemini", "opencode", "vscode")
ENTRY = Entry(command="ci-mcp", args=("serve", "--read-only"), names=("ACME_TOKEN", "SSL_CERT_FILE"))


def machine(system: str, there: Iterable[str] = (), programs: Iterable[str] = (), **env: str) -> Machine:
    """A machine of a system, with these files and programs on it."""
    windows = system == "win32"
    home: PurePath = PureWindowsPath(r"C:\Users\ada") if windows else PurePosixPath("/home/ada")
    if system == "darwin":
        home = PurePosixPath("/Users/ada")
    files, known = set(there), set(programs)
    return Machine(
        system=system,
        home=home,
        env=env,
        exists=lambda path: str(path) in files,
        which=lambda program: f"/bin/{program}" if program in known else None,
    )


def test_every_module_is_found() -> None:
    """By its presence."""
    assert NAMES == tuple(agents())
    assert all(name == agent.name for name, agent in agents().items())


USER_FILES = {
    ("claude", "linux"): "/home/ada/.claude.json",
    ("claude", "darwin"): "/Users/ada/.claude.json",
    ("claude", "win32"): r"C:\Users\ada\.claude.json",
    ("codex", "linux"): "/home/ada/.codex/config.toml",
    ("codex", "darwin"): "/Users/ada/.codex/config.toml",
    ("codex", "win32"): r"C:\Users\ada\.codex\config.toml",
    ("cursor", "linux"): "/home/ada/.cursor/mcp.json",
    ("cursor", "darwin"): "/Users/ada/.cursor/mcp.json",
    ("cursor", "win32"): r"C:\Users\ada\.cursor\mcp.json",
    ("vscode", "linux"): "/home/ada/.config/Code/User/mcp.json",
    ("vscode", "darwin"): "/Users/ada/Library/Application Support/Code/User/mcp.json",
    ("vscode", "win32"): r"C:\Users\ada\AppData\Roaming\Code\User\mcp.json",
    ("opencode", "linux"): "/home/ada/.config/opencode/opencode.json",
    ("opencode", "darwin"): "/Users/ada/.config/opencode/opencode.json",
    ("opencode", "win32"): r"C:\Users\ada\.config\opencode\opencode.json",
    ("gemini", "linux"): "/home/ada/.gemini/settings.json",
    ("gemini", "darwin"): "/Users/ada/.gemini/settings.json",
    ("gemini", "win32"): r"C:\Users\ada\.gemini\settings.json",
    ("claude-desktop", "linux"): "/home/ada/.config/Claude/claude_desktop_config.json",
    ("claude-desktop", "darwin"): "/Users/ada/Library/Application Support/Claude/claude_desktop_config.json",
    ("claude-desktop", "win32"): r"C:\Users\ada\AppData\Roaming\Claude\claude_desktop_config.json",
}


@pytest.mark.parametrize(("name", "system"), USER_FILES, ids="-".join)
def test_a_users_file_is_where_each_system_has_it(name: str, system: str) -> None:
    """Literally."""
    assert USER_FILES[name, system] == str(agents()[name].user_file(machine(system)))


@pytest.mark.parametrize(
    ("name", "system", "env", "path"),
    [
        ("claude", "linux", {"CLAUDE_CONFIG_DIR": "/c"}, "/c/.claude.json"),
        ("codex", "linux", {"CODEX_HOME": "/c"}, "/c/config.toml"),
        ("gemini", "linux", {"GEMINI_CLI_HOME": "/g"}, "/g/.gemini/settings.json"),
        ("opencode", "linux", {"XDG_CONFIG_HOME": "/x"}, "/x/opencode/opencode.json"),
        ("vscode", "linux", {"XDG_CONFIG_HOME": "/x"}, "/x/Code/User/mcp.json"),
        ("vscode", "win32", {"APPDATA": r"D:\Roam"}, r"D:\Roam\Code\User\mcp.json"),
        ("claude-desktop", "win32", {"APPDATA": r"D:\Roam"}, r"D:\Roam\Claude\claude_desktop_config.json"),
        ("claude-desktop", "darwin", {"XDG_CONFIG_HOME": "/x"}, USER_FILES["claude-desktop", "darwin"]),
    ],
)
def test_a_variable_moves_it(name: str, system: str, env: dict[str, str], path: str) -> None:
    """As the agent itself has it."""
    assert path == str(agents()[name].user_file(machine(system, **env)))


@pytest.mark.parametrize(
    ("name", "there", "path"),
    [
        ("vscode", "/home/ada/.config/Code - Insiders/User", "/home/ada/.config/Code - Insiders/User/mcp.json"),
        ("opencode", "/home/ada/.config/opencode/opencode.jsonc", "/home/ada/.config/opencode/opencode.jsonc"),
    ],
)
def test_the_file_that_is_in_use_is_edited(name: str, there: str, path: str) -> None:
    """Another edition, another ending."""
    assert path == str(agents()[name].user_file(machine("linux", [there])))


@pytest.mark.parametrize(
    ("name", "posix", "windows"),
    [
        ("claude", "/p/.mcp.json", r"C:\p\.mcp.json"),
        ("codex", "/p/.codex/config.toml", r"C:\p\.codex\config.toml"),
        ("cursor", "/p/.cursor/mcp.json", r"C:\p\.cursor\mcp.json"),
        ("vscode", "/p/.vscode/mcp.json", r"C:\p\.vscode\mcp.json"),
        ("opencode", "/p/opencode.json", r"C:\p\opencode.json"),
        ("gemini", "/p/.gemini/settings.json", r"C:\p\.gemini\settings.json"),
    ],
)
def test_a_projects_file_is_below_its_folder(name: str, posix: str, windows: str) -> None:
    """On every system."""
    agent = agents()[name]
    assert posix == str(agent.file(machine("linux"), PurePosixPath("/p")))
    assert posix == str(agent.file(machine("darwin"), PurePosixPath("/p")))
    assert windows == str(agent.file(machine("win32"), PureWindowsPath(r"C:\p")))


def test_claude_desktop_knows_no_projects() -> None:
    """It has one configuration."""
    assert agents()["claude-desktop"].file(machine("linux"), PurePosixPath("/p")) is None


def test_guides_are_in_the_files_that_agents_read() -> None:
    """Two of them share one."""
    assert {
        "claude": "CLAUDE.md",
        "claude-desktop": "",
        "codex": "AGENTS.md",
        "cursor": ".cursor/rules/ci-mcp.mdc",
        "gemini": "GEMINI.md",
        "opencode": "AGENTS.md",
        "vscode": ".github/copilot-instructions.md",
    } == {name: agent.guide for name, agent in agents().items()}


@pytest.mark.parametrize(
    ("name", "there", "programs"),
    [
        ("claude", ["/home/ada/.claude"], []),
        ("claude", ["/home/ada/.claude.json"], []),
        ("claude", ["/p/.mcp.json"], []),
        ("claude", [], ["claude"]),
        ("codex", ["/home/ada/.codex"], []),
        ("codex", ["/p/.codex"], []),
        ("codex", [], ["codex"]),
        ("cursor", ["/home/ada/.cursor"], []),
        ("cursor", ["/p/.cursor"], []),
        ("vscode", ["/home/ada/.config/Code/User"], []),
        ("vscode", ["/p/.github/copilot-instructions.md"], []),
        ("opencode", ["/home/ada/.config/opencode"], []),
        ("opencode", ["/p/opencode.jsonc"], []),
        ("gemini", ["/home/ada/.gemini"], []),
        ("gemini", ["/p/GEMINI.md"], []),
        ("claude-desktop", ["/home/ada/.config/Claude"], []),
    ],
)
def test_an_agent_in_use_is_found_by_its_signs(name: str, there: list[str], programs: list[str]) -> None:
    """A program, a folder of its own, a file in the project; no other agent is taken for it."""
    here = machine("linux", there, programs)
    assert [name] == [agent.name for agent in agents().values() if agent.present(here, PurePosixPath("/p"))]


def test_no_agent_is_found_where_none_is() -> None:
    """Nor do a project's files count outside of it."""
    here = machine("linux", ["/p/.codex", "/p/.mcp.json"])
    assert [] == [agent.name for agent in agents().values() if agent.present(here, None)]


def test_every_agent_says_its_next_step() -> None:
    """For each scope that it has."""
    for agent in agents().values():
        assert ({"user", "project"} if agent.project_file else {"user"}) == set(agent.steps)


ENV = {"ACME_TOKEN": "${env:ACME_TOKEN}", "SSL_CERT_FILE": "${env:SSL_CERT_FILE}"}
STDIO = {"command": "ci-mcp", "args": ["serve", "--read-only"]}
ENTRIES = {
    "claude": {"type": "stdio", **STDIO},
    "claude-desktop": STDIO,
    "codex": {**STDIO, "env_vars": ["ACME_TOKEN", "SSL_CERT_FILE"], "startup_timeout_sec": 30, "tool_timeout_sec": 300},
    "cursor": {**STDIO, "env": ENV},
    "gemini": {**STDIO, "env": {"ACME_TOKEN": "$ACME_TOKEN", "SSL_CERT_FILE": "$SSL_CERT_FILE"}},
    "opencode": {"type": "local", "command": ["ci-mcp", "serve", "--read-only"], "enabled": True},
    "vscode": {"type": "stdio", **STDIO, "env": ENV},
}


@pytest.mark.parametrize("name", NAMES)
def test_the_entry_is_what_the_agent_reads(name: str) -> None:
    """Variables by name alone, in the agent's notation."""
    agent = agents()[name]
    assert ENTRIES[name] == agent.form.fields(ENTRY)
    assert ENTRIES[name] == agent.form.read(agent.form.add(None, ENTRY))


@pytest.mark.parametrize("name", NAMES)
def test_a_variable_that_is_not_set_reaches_no_one(name: str) -> None:
    """Whatever an agent hands on literally, our start removes."""
    env = agents()[name].form.fields(ENTRY).get("env", {})
    literally = {**env, **dict.fromkeys(("A", "B"), "")}
    drop_placeholders(literally)
    assert {} == literally


ROOTS = {
    "claude": "mcpServers",
    "cursor": "mcpServers",
    "gemini": "mcpServers",
    "claude-desktop": "mcpServers",
    "opencode": "mcp",
    "vscode": "servers",
}
OLD = {"command": "/old/ci-mcp", "args": ["serve", "--toolset", "all"]}


def _json_files(root: str, old: object) -> dict[str, str]:
    other = '{\n  "a": {"command": "other", "env": {"TOKEN": "x"}}\n}'
    return {
        "empty": "",
        "an empty object": "{}\n",
        "no servers": '{"theme": "dark"}\n',
        "comments and a trailing comma": f'{{\n  // mine\n  "{root}": {other}, /* end */\n}}\n',
        "other servers": f'{{"{root}": {other}}}\n',
        "CRLF": f'{{\r\n\t"{root}": {{\r\n\t\t"a": {{}}\r\n\t}}\r\n}}\r\n',
        "BOM": f'\ufeff{{"{root}": {{}}}}',
        "ours in an older form": f'{{\n  "{root}": {{\n    "ci": {json.dumps(old)}\n  }}\n}}\n',
    }


TOML_FILES = {
    "empty": "",
    "no servers": 'model = "o5"\n',
    "comments": '# mine\nmodel = "o5" # best\n',
    "other servers": '[mcp_servers.a]\ncommand = "other"\n\n[mcp_servers.a.env]\nTOKEN = "x"\n\n[tui]\ntheme = "dark"',
    "CRLF": 'model = "o5"\r\n\r\n[tui]\r\ntheme = "dark"\r\n',
    "BOM": '\ufeffmodel = "o5"\n',
    "ours in an older form": '[mcp_servers.ci]\ncommand = "/old/ci-mcp"\nargs = ["serve", "--toolset", "all"]\n',
}


def _cases() -> Iterable[tuple[str, str, str]]:
    for name in NAMES:
        old = {"type": "local", "command": [OLD["command"], *OLD["args"]]} if name == "opencode" else OLD
        files = TOML_FILES if name == "codex" else _json_files(ROOTS[name], old)
        yield from ((name, kind, text) for kind, text in files.items())


CASES = list(_cases())


@pytest.mark.parametrize(("name", "kind", "before"), CASES, ids=[f"{name}-{kind}" for name, kind, _ in CASES])
def test_twice_is_once_and_removing_gives_the_first_text_back(name: str, kind: str, before: str) -> None:
    """For each agent and each form of its file; an older entry of ours goes too."""
    form = agents()[name].form
    after = form.add(before, ENTRY)
    assert after == form.add(after, ENTRY)
    if kind == "ours in an older form":
        further = ["--toolset", "all"]
        expected = dict(ENTRIES[name])
        key = "command" if name == "opencode" else "args"
        expected[key] = [*ENTRIES[name][key], *further]  # type: ignore[misc]
        assert expected == form.read(after)
        assert form.remove(after) is None
    else:
        assert ENTRIES[name] == form.read(after)
        assert before == form.remove(after)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("call", ["add", "remove"])
def test_a_broken_file_is_refused(name: str, call: str) -> None:
    """Whatever is wrong with it."""
    form = agents()[name].form
    refused: Callable[[], object] = (lambda: form.add("{[", ENTRY)) if call == "add" else lambda: form.remove("{[")
    with pytest.raises(ValueError, match="it is not"):
        refused()


@pytest.mark.parametrize("name", NAMES)
def test_another_server_of_our_name_is_left_alone(name: str) -> None:
    """It is neither changed nor taken out."""
    agent: Agent = agents()[name]
    text = agent.form.put(None, {"command": "npx", "args": ["-y", "circle"]})
    with pytest.raises(ForeignError, match='has a server named "ci" that does not start ci-mcp'):
        agent.form.add(text, ENTRY)
    assert text == agent.form.remove(text)


def test_what_a_person_set_in_our_entry_stays() -> None:
    """Their variables and switches; how it starts is ours."""
    form = agents()["cursor"].form
    theirs = {
        "command": "ci-mcp",
        "args": ["serve"],
        "disabled": True,
        "env": {"SSL_CERT_FILE": "/ca.pem", "MINE": "1"},
    }
    text = form.add(json.dumps({"mcpServers": {"ci": theirs}}), ENTRY)
    assert {
        **STDIO,
        "disabled": True,
        "env": {"SSL_CERT_FILE": "/ca.pem", "MINE": "1", "ACME_TOKEN": "${env:ACME_TOKEN}"},
    } == form.read(text)


def test_codex_keeps_its_own_settings_of_our_server() -> None:
    """Names are added, times that a person chose stay."""
    form = agents()["codex"].form
    old = '[mcp_servers.ci]\ncommand = "ci-mcp"\nargs = ["serve"]\nenv_vars = ["MINE"]\ntool_timeout_sec = 9\n'
    found = form.read(form.add(old, ENTRY))
    assert ["MINE", "ACME_TOKEN", "SSL_CERT_FILE"] == found["env_vars"]
    assert 9 == found["tool_timeout_sec"]


@pytest.mark.parametrize(
    ("entry", "ours"),
    [
        ({"command": "ci-mcp", "args": ["serve"]}, True),
        ({"command": "/opt/ci-mcp"}, True),
        ({"command": r"C:\x\CI-MCP.exe"}, True),
        ({"command": "uvx", "args": ["ci-mcp", "serve"]}, True),
        ({"command": "python", "args": ["-m", "ci_mcp", "serve"]}, True),
        ({"command": ["ci-mcp", "serve"]}, True),
        ({"command": "npx", "args": ["ci-mcp-other"]}, False),
        ({"command": 1}, False),
        ({"url": "https://ci.example.com"}, False),
        ("ci-mcp", False),
        (None, False),
    ],
)
def test_ours_is_known_by_what_it_starts(entry: object, ours: bool) -> None:
    """Not by its name."""
    assert ours == is_ours(entry)


def test_the_names_are_those_of_the_services_and_what_is_always_needed() -> None:
    """Every field of a service that names variables counts."""
    service = Service(
        name="acme",
        title="Acme",
        token_env=("ACME_TOKEN",),
        host_env=("ACME_URL",),
        mcp_env=("ACME_MCP",),
        settings_env=("org=ACME_ORG",),
    )
    assert ("ACME_TOKEN", "ACME_URL", "ACME_MCP", "ACME_ORG", *ALWAYS) == names_for([service, service])


def test_by_hand_is_said_in_the_files_own_notation() -> None:
    """What a person copies."""
    value = {"command": "ci-mcp", "args": ["serve"]}
    assert 'in its "servers": "ci": {"command": "ci-mcp", "args": ["serve"]}' == agents()["vscode"].form.snippet(value)
    assert '[mcp_servers.ci]\ncommand = "ci-mcp"\nargs = ["serve"]' == agents()["codex"].form.snippet(value)


def test_this_machine_is_read_from_the_process(home: PurePath) -> None:
    """Its home, its environment."""
    here = Machine.here()
    assert home == here.home
    assert here.exists(home)
    assert here.which("no-such-program") is None
