"""Record a new user's first minutes on a terminal: setup, doctor, explain, against the sandbox.

    python scripts/record_first_minutes.py docs/first-minutes.cast

It makes an empty home and a checkout below a temporary folder, types the answers, and writes an asciicast (version 2:
``asciinema play FILE`` shows it). Nothing of the machine that records is in it: paths and ports are those of Ada.
"""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ci_mcp.sandbox.serve import Service, start

COLUMNS, ROWS = 100, 40
PATIENCE = 60.0  # seconds until a question that does not come is missed
TYPING, READING = 0.06, 1.5  # seconds of the recording for a letter, and to read an answer
PROMPT = "\x1b[1;36m$ \x1b[0m"
# The cursor hidden, a line taken back, a spinner's line.
PROGRESS = re.compile(r"\r?\x1b\[\?25[lh]|\r?(?:\x1b\[1A)?\x1b\[2K|[^\n]*[\u2800-\u28ff][^\n]*\n")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
BOX_SIDE = re.compile(r"(?:\x1b\[[\d;]*m)*│(?:\x1b\[[\d;]*m)*\r?$")
STEPS: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (
    ("ci-mcp setup", (("approve)? [Y/n]: ", "n"), ("Do it? [Y/n]: ", "y"))),
    ("ci-mcp doctor", ()),
    ("ci-mcp explain --tokens 900", ()),
)


def main() -> None:
    """Record into the file that the command line names."""
    with tempfile.TemporaryDirectory() as folder, start(["semaphore"]) as services:
        events = record(Path(folder).resolve(), services["semaphore"])
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": "ci-mcp: the first minutes"}
    lines = [json.dumps(header), *(json.dumps([round(at, 2), "o", text]) for at, text in events)]
    Path(sys.argv[1]).write_text("\n".join(lines) + "\n", encoding="utf-8")


def record(folder: Path, service: Service) -> list[tuple[float, str]]:
    """What the terminal shows, and at which second of the recording."""
    home, env = prepare(folder, service)
    events: list[tuple[float, str]] = []
    at = 0.5
    for command, answers in STEPS:
        events.append((at, PROMPT))
        at = typed(events, at, command)
        for text, answer in run(command, answers, home / "shop", env):
            events.append((at, told(text, folder, home, service)))
            at = typed(events, at + READING, answer) if answer else at
        at += 2 * READING
    return events


def typed(events: list[tuple[float, str]], at: float, text: str) -> float:
    """Letters as a person types them; gives the second at which the last one is there."""
    for letter in [*text, "\r\n"]:
        at += TYPING
        events.append((at, letter))
    return at + TYPING


def prepare(folder: Path, service: Service) -> tuple[Path, dict[str, str]]:
    """A home in which Codex is used, and in it a checkout that Semaphore builds."""
    home, programs = folder / "ada", folder / "bin"
    checkout = home / "shop"
    (checkout / ".semaphore").mkdir(parents=True)
    (home / ".codex").mkdir()
    (checkout / ".semaphore" / "semaphore.yml").write_text("version: v1.0\n", encoding="utf-8")
    programs.mkdir()
    for program in (shutil.which("git"), str(Path(sys.executable).with_name("ci-mcp"))):
        if program:
            (programs / Path(program).name).symlink_to(program)
    env = {"HOME": str(home), "PATH": str(programs), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    env |= {"GIT_AUTHOR_DATE": "2026-01-05T09:00:00Z", "GIT_COMMITTER_DATE": "2026-01-05T09:00:00Z"}
    env |= {"COLUMNS": str(COLUMNS), "LINES": str(ROWS), **service.env}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    for words in (
        ["init", "-q", "-b", "main"],
        ["remote", "add", "origin", "git@github.com:acme/shop.git"],
        [*who, "commit", "-q", "--allow-empty", "-m", "Round discounts per line"],
    ):
        subprocess.run(["git", *words], cwd=checkout, env=env, check=True)  # noqa: S603, S607 - our own words, the path above
    return home, env


def run(
    command: str, answers: Sequence[tuple[str, str]], folder: Path, env: Mapping[str, str]
) -> list[tuple[str, str]]:
    """What a command shows up to each question with the answer that was typed, and after the last one."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command.split(), stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=env)  # noqa: S603 - one of STEPS
    os.close(slave)
    shown = []
    for question, answer in answers:
        text = read(master, question)
        os.write(master, f"{answer}\n".encode())
        read(master, "\n")  # the terminal's own echo
        shown.append((text, answer))
    shown.append((read(master, ""), ""))
    process.wait(PATIENCE)
    os.close(master)
    return shown


def read(master: int, until: str) -> str:
    """What comes up to this text; with none, up to the end."""
    seen = b""
    while not (until and seen.endswith(until.encode())):
        if not select.select([master], [], [], PATIENCE)[0]:
            raise TimeoutError(f"no {until!r} in {seen!r}")
        try:
            more = os.read(master, 1 if until else 4096)
        except OSError:  # how Linux says that the other side has gone
            more = b""
        if not more:
            break
        seen += more
    return seen.decode("utf-8", "replace")


def told(text: str, folder: Path, home: Path, service: Service) -> str:
    """The text without progress, and with Ada's paths and host for the machine's own."""
    text = PROGRESS.sub("", text)
    text = text.replace(str(home), "/home/ada").replace(str(folder / "bin"), "/home/ada/.local/bin")
    text = text.replace(service.url.removeprefix("http://"), service.host)
    return "\n".join(squared(line) for line in text.split("\n"))


def squared(line: str) -> str:
    """A line of a box with its right side in its place again, for paths have become shorter."""
    missing = COLUMNS - len(COLOUR.sub("", line).rstrip("\r"))
    side = BOX_SIDE.search(line)
    return line[: side.start()] + " " * missing + line[side.start() :] if side and missing > 0 else line


if __name__ == "__main__":
    main()
