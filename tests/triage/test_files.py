"""Places in the checkout: what git tracks there, whatever a log names."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_mcp.core.shapes import TestCase
from ci_mcp.logs.clean import Log
from ci_mcp.logs.excerpt import excerpt
from ci_mcp.status import Status
from ci_mcp.triage.files import MOST, Place, chosen, named, tracked
from ci_mcp.triage.git import git


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with files that are tracked, files that are not, and links."""
    base = tmp_path_factory.mktemp("checkout")
    (base / "outside.py").write_text("secret")
    root = base / "web"
    for name in ("src/a.py", "lib/src/a.py", "tests/test_a.py", "deep/down/only.ts", "one/x.go", "two/x.go", "setup.py", "Makefile", "json/decoder.py"):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x\n")
    (root / "out.py").symlink_to(base / "outside.py")
    (root / "in.py").symlink_to("src/a.py")
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@e", "commit", "-qm", "x"]):
        git(str(root), *words)
    (root / ".env").write_text("TOKEN=1")
    (root / "gone.py").write_text("x")
    git(str(root), "add", "gone.py")
    (root / "gone.py").unlink()
    return root


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("src/a.py", "src/a.py"),
        ("./src/a.py", "src/a.py"),
        ("/home/runner/_work/web/web/src/a.py", "src/a.py"),
        ("/builds/web/lib/src/a.py", "lib/src/a.py"),
        ("D:\\a\\web\\web\\src\\a.py", "src/a.py"),
        ("../src/a.py", "src/a.py"),
        ("build/../src/a.py", "src/a.py"),
        ("only.ts", "deep/down/only.ts"),
        ("down/only.ts", "deep/down/only.ts"),
        ("/home/ci/project/setup.py", "setup.py"),
        ("/somewhere/web/setup.py", "setup.py"),
        ("in.py", "in.py"),
        ("Makefile", "Makefile"),
        ("x.go", ""),
        ("three/x.go", ""),
        ("/opt/strange/setup.py", ""),
        (".env", ""),
        ("gone.py", ""),
        ("out.py", ""),
        ("../../etc/passwd", ""),
        ("/etc/passwd", ""),
        ("../outside.py", ""),
        (".git/config", ""),
        ("/usr/lib/python3.11/json/decoder.py", ""),
        ("/home/ci/.pyenv/versions/3.11.7/lib/python3.11/json/decoder.py", ""),
        ("node_modules/json/decoder.py", ""),
        ("*.py", ""),
        ("a\x00b.py", ""),
        ("", ""),
        ("/", ""),
        ("..", ""),
    ],
)
def test_a_place_is_named_only_where_git_tracks_it(said: str, path: str, checkout: Path) -> None:
    """By the longest end that git tracks; a relative one also as the end of one tracked file alone."""
    found = tracked(str(checkout), [Place(said, 3)], ["web"])
    assert ({Place(said, 3): Place(path, 3)} if path else {}) == found


@settings(max_examples=30, deadline=None)
@given(paths=st.lists(st.text(alphabet="./\\aepy:~*?[]! \n", max_size=20), max_size=5))
def test_whatever_is_named_nothing_else_is_found(paths: list[str], checkout: Path) -> None:
    """A hostile name never leads out of the checkout or to a file that is not tracked."""
    listed = set(git(str(checkout), "ls-files").splitlines())
    found = tracked(str(checkout), [Place(path, 1) for path in paths])
    assert {place.path for place in found.values()} <= listed - {"out.py", "gone.py"}


def test_outside_of_a_checkout_nothing_is_found(tmp_path: Path) -> None:
    """Git refuses, and so nothing is named."""
    assert {} == tracked(str(tmp_path), [Place("src/a.py", 1)])


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("E   src/a.py:7: AssertionError", Place("src/a.py", 7)),
        ('E     File "/w/web/src/a.py", line 12, in total', Place("/w/web/src/a.py", 12)),
        ("error: src/price.ts(7,3): TS2322", Place("src/price.ts", 7)),
        ("error: src/price.ts:7:3 - TS2322", Place("src/price.ts", 7)),
        ("Error: at file:///var/lib/web/test/price.test.js:12:12", Place("/var/lib/web/test/price.test.js", 12)),
        ("error: D:\\a\\web\\src\\a.cs:line 9", Place("D:\\a\\web\\src\\a.cs", 9)),
        ("make: *** [Makefile:12: all] Error 2", Place("Makefile", 12)),
    ],
)
def test_a_place_is_read_from_a_line(line: str, place: Place) -> None:
    """As compilers, test runners and traces write it."""
    shown = excerpt(Log.of_bytes(f"{line}\n##[error]Process completed with exit code 1.\n".encode()))
    assert place in named((), shown)


def test_tests_come_first_and_few_places_of_one_file() -> None:
    """The report knows best; a log that names one file a hundred times does not fill the answer."""
    tests = (TestCase(status=Status.FAILED, name="t", file="tests/test_a.py", line=7),)
    text = "".join(f"E   src/a.py:{number}: AssertionError\n" for number in range(1, 30))
    wanted = named(tests, excerpt(Log.of_bytes(text.encode())))
    assert Place("tests/test_a.py", 7) == wanted[0]
    shown = chosen(wanted, {place: place for place in wanted})
    assert [7, 1, 2, 3] == [place.line for place in shown]
    many = [Place(f"{number}.py", 1) for number in range(20)]
    assert MOST == len(chosen(many, {place: place for place in many}))


def test_a_place_is_written_as_editors_take_it() -> None:
    """With its line where it has one."""
    assert ["a.py:3", "a.py"] == [str(Place("a.py", 3)), str(Place("a.py"))]
