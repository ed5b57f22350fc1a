"""What setting up would change, over several agents and in both scopes."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ci_mcp.agents.base import Entry, Machine, agents
from ci_mcp.agents.files import write
from ci_mcp.agents.plan import Plan, Task, configured, plan

ENTRY = Entry(command="ci-mcp", names=("ACME_TOKEN",))
SECTION = "<!-- ci-mcp: begin -->\nAsk.\n<!-- ci-mcp: end -->"
ALL = tuple(name for name in agents() if name != "claude-desktop")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project's folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def task(root: Path | None, home: Path, names: Sequence[str], entry: Entry | None = ENTRY, **more: object) -> Task:
    """A task on a Linux machine without any agent's program."""
    machine = Machine(system="linux", home=home, env={}, exists=lambda path: Path(path).exists(), which=lambda _: None)
    made = Task(agents=[agents()[name] for name in names], machine=machine, root=root, entry=entry, section=SECTION)
    return replace(made, **more)  # type: ignore[arg-type]


def do(made: Plan) -> None:
    """Write what a plan says."""
    assert [] == made.left
    for change in made.changes:
        write(change)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with what is in it, and every folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


def test_a_project_gets_every_agents_file_and_guide(root: Path, home: Path) -> None:
    """One guide for the two that share it."""
    do(plan(task(root, home, ALL)))
    assert {
        ".codex",
        ".codex/config.toml",
        ".cursor",
        ".cursor/mcp.json",
        ".cursor/rules",
        ".cursor/rules/ci-mcp.mdc",
        ".gemini",
        ".gemini/settings.json",
        ".github",
        ".github/copilot-instructions.md",
        ".mcp.json",
        ".vscode",
        ".vscode/mcp.json",
        "AGENTS.md",
        "CLAUDE.md",
        "GEMINI.md",
        "opencode.json",
    } == set(tree(root))
    assert f"{SECTION}\n" == (root / "AGENTS.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("scope", ["project", "user"])
def test_set_up_twice_then_removed_everything_is_as_it_was(root: Path, home: Path, scope: str) -> None:
    """Files and folders that were made are gone, files that were there have their first bytes, no backup is left."""
    place = root if scope == "project" else home
    names = ALL if scope == "project" else tuple(agents())
    given = root if scope == "project" else None
    (root / "CLAUDE.md").write_bytes(b"# Mine\r\n\r\nRules")
    (root / ".mcp.json").write_bytes(b'{"mcpServers": {"a": {}}}')
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_bytes(b'model = "o5"')
    (home / ".claude.json").write_bytes(b'\xef\xbb\xbf{"numStartups": 3}')
    before = tree(place)
    do(plan(task(given, home, names)))
    assert set(before) < set(tree(place))
    assert [] == plan(task(given, home, names)).changes
    do(plan(task(given, home, names, replace(ENTRY, args=("serve", "--read-only")))))
    do(plan(task(given, home, names, None)))
    assert before == tree(place)
    assert [] == plan(task(given, home, names, None)).changes


def test_a_shared_guide_stays_while_one_of_them_is_set_up(root: Path, home: Path) -> None:
    """It goes with the last."""
    do(plan(task(root, home, ["codex", "opencode"])))
    do(plan(task(root, home, ["codex"], None)))
    assert ["AGENTS.md", "opencode.json"] == sorted(tree(root))
    do(plan(task(root, home, ["opencode"], None)))
    assert {} == tree(root)


def test_two_names_of_one_file_are_one_file(root: Path, home: Path) -> None:
    """CLAUDE.md is a link to AGENTS.md in many projects."""
    (root / "AGENTS.md").write_bytes(b"# All\n")
    (root / "CLAUDE.md").symlink_to("AGENTS.md")
    do(plan(task(root, home, ["claude", "codex"])))
    assert 1 == (root / "AGENTS.md").read_text(encoding="utf-8").count(SECTION)
    do(plan(task(root, home, ["claude"], None)))
    assert SECTION in (root / "AGENTS.md").read_text(encoding="utf-8")
    do(plan(task(root, home, ["codex"], None)))
    assert b"# All\n" == (root / "AGENTS.md").read_bytes()


def test_a_guide_that_names_projects_is_kept_when_none_is_found(root: Path, home: Path) -> None:
    """A service that does not answer takes nothing away."""
    better = SECTION.replace("Ask.", "Ask acme.")
    do(plan(task(root, home, ["claude"], section=better, found=True)))
    assert [] == plan(task(root, home, ["claude"])).changes
    [change] = plan(task(root, home, ["claude"], found=True)).changes
    assert root / "CLAUDE.md" == change.path


def test_what_cannot_be_edited_is_left_alone_and_the_rest_is_done(root: Path, home: Path) -> None:
    """With what to add by hand, in that file's notation."""
    (root / ".mcp.json").write_bytes(b'{"mcpServers": ')
    (root / ".codex").write_bytes(b"")
    (root / "opencode.json").mkdir()
    (root / "GEMINI.md").write_bytes(b"\xff\xfe")
    made = plan(task(root, home, ["claude", "codex", "opencode", "gemini"]))
    said = [str(one).replace(str(root), "") for one in made.left]
    by_hand = '"ci": {"type": "stdio", "command": "ci-mcp", "args": ["serve"]}'
    assert (
        f'/.mcp.json was left alone: it is not JSON in line 1: correct it; or add by hand in its "mcpServers": {by_hand}'
        == said[0]
    )
    assert said[1].startswith(
        "cannot read /.codex/config.toml: Not a directory: make it readable; or add by hand [mcp_servers.ci]\n"
    )
    assert said[2].startswith("/opencode.json is a folder: move it away; or add by hand ")
    assert "/GEMINI.md is not UTF-8" == said[3]
    assert {".gemini/settings.json", "AGENTS.md", "CLAUDE.md"} == {
        c.path.relative_to(root).as_posix() for c in made.changes
    }
    assert ["gemini"] == [agent.name for agent in made.changed]


def test_what_cannot_be_read_is_not_removed(root: Path, home: Path) -> None:
    """And says what to remove; one that has nothing of ours is none of our business."""
    (root / ".mcp.json").write_bytes(b"{")
    assert [] == plan(task(root, home, ["claude"], None)).left
    (root / ".mcp.json").write_bytes(b'{"mcpServers": {"ci": {"command": "ci-mcp"')
    [left] = plan(task(root, home, ["claude"], None)).left
    assert str(left).endswith('it is not JSON in line 1: correct it; or remove its server "ci" by hand')


def test_another_server_of_our_name_is_left_alone(root: Path, home: Path) -> None:
    """In a file, and where the agent's own program would be called; no guide sends its agent there."""
    (root / ".mcp.json").write_bytes(b'{"mcpServers": {"ci": {"command": "npx"}}}')
    made = plan(task(root, home, ["claude"]))
    [left] = made.left
    assert [] == made.changes
    assert "does not start ci-mcp: rename that server, or change it by hand; or add by hand" in str(left)
    (home / ".claude.json").write_bytes(b'{"mcpServers": {"ci": {"command": "npx"}}}')
    assert [] == plan(with_claude(task(None, home, ["claude"]))).calls
    assert 1 == len(plan(with_claude(task(None, home, ["claude"]))).left)
    assert [] == plan(with_claude(task(None, home, ["claude"], None))).calls


def with_claude(made: Task) -> Task:
    """The same where Claude Code's program is on the path."""
    which = {"claude": "/bin/claude"}.get
    return replace(made, machine=replace(made.machine, which=which))


ADD = ("mcp", "add", "--scope", "user", "ci", "--", "ci-mcp", "serve")
REMOVE = ("mcp", "remove", "--scope", "user", "ci")


@pytest.mark.parametrize(
    ("there", "entry", "calls"),
    [
        (None, ENTRY, [ADD]),
        ({}, ENTRY, [ADD]),
        ({"ci": {"type": "stdio", "command": "ci-mcp", "args": ["serve"], "env": {}}}, ENTRY, []),
        ({"ci": {"type": "stdio", "command": "/old/ci-mcp", "args": ["serve"], "env": {}}}, ENTRY, [REMOVE, ADD]),
        (None, None, []),
        ({"ci": {"type": "stdio", "command": "ci-mcp", "args": ["serve"], "env": {}}}, None, [REMOVE]),
    ],
)
def test_a_users_claude_is_changed_by_its_own_program(
    home: Path, there: object, entry: Entry | None, calls: list[tuple[str, ...]]
) -> None:
    """Its file is only read, so that nothing is called for nothing."""
    if there is not None:
        (home / ".claude.json").write_text(json.dumps({"mcpServers": there}), encoding="utf-8")
    made = plan(with_claude(task(None, home, ["claude"], entry)))
    assert calls == [call.words for call in made.calls]
    assert {"/bin/claude"} >= {call.program for call in made.calls}
    assert [] == made.changes
    assert (["claude"] if calls else []) == [agent.name for agent in made.changed]


def test_a_users_claude_that_cannot_be_read_is_left_alone(home: Path) -> None:
    """Its own program would stumble too."""
    (home / ".claude.json").write_bytes(b"{")
    made = plan(with_claude(task(None, home, ["claude"])))
    assert [] == made.calls
    assert 1 == len(made.left)
    assert [] == plan(with_claude(task(None, home, ["claude"], None))).left


def test_claude_desktop_has_no_project(root: Path, home: Path) -> None:
    """Said, not ignored."""
    [left] = plan(task(root, home, ["claude-desktop"])).left
    assert str(left).startswith("Claude Desktop knows no projects: give --scope user")


def test_what_starts_our_server_is_told(root: Path, home: Path) -> None:
    """For those who look whether it is still there."""
    made = task(root, home, ["codex"])
    codex = agents()["codex"]
    assert [] == configured(codex, made.machine, root)
    do(plan(made))
    assert ["ci-mcp", "serve"] == configured(codex, made.machine, root)
    (root / ".codex" / "config.toml").write_bytes(b"x = ")
    assert [] == configured(codex, made.machine, root)
    assert [] == configured(agents()["claude-desktop"], made.machine, root)
