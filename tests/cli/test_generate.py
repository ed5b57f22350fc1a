"""All that is made from the code is written by one command."""

from pathlib import Path

import pytest

from ci_mcp.cli import generate

MADE = [
    "ci_mcp/tools.json",
    "server.json",
    "completions/ci-mcp.bash",
    "completions/ci-mcp.zsh",
    "completions/ci-mcp.fish",
]


def test_it_writes_what_is_committed(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Into a checkout that has only the README's marks."""
    for folder in ("ci_mcp", "completions"):
        (tmp_path / folder).mkdir()
    readme = pytestconfig.rootpath / "README.md"
    (tmp_path / "README.md").write_text(readme.read_text(encoding="utf-8"), encoding="utf-8")
    generate.main(tmp_path)
    for name in MADE:
        assert (pytestconfig.rootpath / name).read_text(encoding="utf-8") == (tmp_path / name).read_text(
            encoding="utf-8"
        )
    assert (tmp_path / generate.PICTURE).read_text(encoding="utf-8").startswith("<svg ")
