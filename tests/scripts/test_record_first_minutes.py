"""The recording of a new user's first minutes is what the program shows."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pty", reason="Windows has no pseudo-terminals of this kind")

TIMES = re.compile(r"\d+ (?:s|min|h|d)\b(?: \d+ (?:s|min|h)\b)?")


def shown(file: Path) -> list[str]:
    """What each command showed, without its times; the second, doctor, tells of the machine and is left out."""
    header, *events = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    assert (2, 100) == (header["version"], header["width"])
    times = [at for at, kind, _ in events if kind == "o"]
    assert times == sorted(times)
    text = TIMES.sub("N", "".join(text for _, _, text in events))
    _, setup, doctor, explain = text.split("$ \x1b[0m")
    assert "ok  semaphore  acme.semaphoreci.com" in doctor
    return [setup, explain]


def test_it_is_what_the_program_shows(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """After a change: python scripts/record_first_minutes.py docs/first-minutes.cast."""
    root, made = pytestconfig.rootpath, tmp_path / "made.cast"
    subprocess.run([sys.executable, str(root / "scripts" / "record_first_minutes.py"), str(made)], check=True)
    kept = root / "docs" / "first-minutes.cast"
    assert shown(made) == shown(kept)
    assert not re.search(r"/tmp|127\.0\.0\.1|venv", kept.read_text(encoding="utf-8"))  # noqa: S108 - looked for, not used
