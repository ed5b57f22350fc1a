"""What ``ci-mcp setup`` writes, read by the real agents: run on demand, never by pytest.

::

    python tests/clients/run.py [--installed FOLDER]

It installs the agents from the npm registry into a temporary folder (or takes them from one where they are), sets each
up in a scratch home and a scratch checkout, lets each list its servers, and prints what each said and which of our
variables reached the server. The server is ci-mcp itself behind a few lines that note its environment.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("@anthropic-ai/claude-code", "@openai/codex", "@google/gemini-cli", "opencode-ai")
PATIENCE = 90  # seconds

# Some set, and one not: what an agent makes of a declared variable that is not set is worth seeing.
GIVEN = {
    "CIRCLECI_TOKEN": "made-up-circleci-token",
    "SEMAPHORE_API_TOKEN": "made-up-semaphore-token",
    "SEMAPHORE_HOST": "acme.semaphoreci.com",
    "XDG_RUNTIME_DIR": "/run/user/made-up",
    "no_proxy": "made-up.example.com",
}
WATCHED = (*GIVEN, "CI_MCP_HOME", "SSL_CERT_FILE", "DBUS_SESSION_BUS_ADDRESS")

STAND_IN = """#!{python}
import json, os, sys
if "serve" in sys.argv:
    with open({log!r}, "a") as file:
        file.write(json.dumps(dict(os.environ)) + "\\n")
from ci_mcp.__main__ import main
main()
"""


@dataclass(frozen=True)
class Client:
    """An agent: its name for ``setup``, and the words with which it lists its servers.

    ``session`` are words that start a session of it, where listing servers does not start them.
    """

    name: str
    program: str
    words: tuple[str, ...] = ("mcp", "list")
    session: tuple[str, ...] = ()


CLIENTS = (
    Client("claude", "claude"),
    Client("codex", "codex", session=("exec", "--skip-git-repo-check", "say nothing")),
    Client("gemini", "gemini"),
    Client("opencode", "opencode"),
)


class Scratch:
    """A home, a checkout and a path of their own."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.home, self.checkout, self.log = folder / "home", folder / "checkout", folder / "environments"
        own = folder / "bin"
        for one in (self.home, self.checkout, own):
            one.mkdir(parents=True)
        (own / "ci-mcp").write_text(STAND_IN.format(python=sys.executable, log=str(self.log)), encoding="utf-8")
        (own / "ci-mcp").chmod(0o755)
        path = os.pathsep.join([str(own), str(programs), os.environ["PATH"]])
        self.env = {
            "PATH": path,
            "HOME": str(self.home),
            "TERM": "dumb",
            "CI_MCP_HOME": str(folder / "ci-mcp"),
            **GIVEN,
        }
        self.run("git", "init", "-q")
        (self.checkout / ".circleci").mkdir()

    def run(self, *words: str, **env: str) -> str:
        """What a command says, and its exit code where that is not 0."""
        program = shutil.which(words[0], path=self.env["PATH"]) or words[0]
        try:
            done = subprocess.run(
                [program, *words[1:]],
                cwd=self.checkout,
                env={**self.env, **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"(no end within {PATIENCE} s)"
        said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout.decode("utf-8", "replace")).strip()
        return said + (f"\n(exit code {done.returncode})" if done.returncode else "")

    def start(self, *words: str) -> None:
        """Start a command that never succeeds, for want of an account, and end it once it has started the server."""
        program = shutil.which(words[0], path=self.env["PATH"]) or words[0]
        # The model is at a port where nothing is.
        env = {**self.env, "OPENAI_API_KEY": "made-up", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
        with subprocess.Popen(
            [program, *words[1:]],
            cwd=self.checkout,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            end = time.monotonic() + PATIENCE
            while process.poll() is None and time.monotonic() < end and not self.log.exists():
                time.sleep(0.2)
            time.sleep(1)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def reached(self) -> list[str]:
        """Of the last start: which of the watched variables the server got, and with which text."""
        if not self.log.exists():
            return ["the server was not started"]
        got = json.loads(self.log.read_text(encoding="utf-8").splitlines()[-1])
        self.log.unlink()
        known = {**self.env, "SSL_CERT_FILE": None, "DBUS_SESSION_BUS_ADDRESS": None}
        return [f"{name}: {_told(got.get(name), known.get(name))}" for name in WATCHED]


def _told(got: str | None, given: str | None) -> str:
    if got is None:
        return "absent" if given is None else "KEPT BACK"
    if got == given:
        return "as given"
    return "empty" if not got else f"the text {got}"


def install(folder: Path, packages: Sequence[str]) -> Path:
    """Install the agents below a folder; gives the folder of their programs."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed to install the agents")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text("{}", encoding="utf-8")
    for package in packages:
        subprocess.run([npm, "install", "--no-audit", "--no-fund", "--silent", package], cwd=folder, check=True)
    return folder / "node_modules" / ".bin"


def _say(title: str, *lines: str) -> None:
    print(f"\n### {title}")
    for line in lines:
        print("\n".join(f"    {part}" for part in line.splitlines()))


def _trusted(scratch: Scratch) -> None:
    """What a person answers when an agent asks whether to trust the folder."""
    config = scratch.home / ".codex" / "config.toml"
    config.parent.mkdir(exist_ok=True)
    config.write_text(f'[projects."{scratch.checkout}"]\ntrust_level = "trusted"\n', encoding="utf-8")
    folders = scratch.home / ".gemini" / "trustedFolders.json"
    folders.parent.mkdir(exist_ok=True)
    folders.write_text(json.dumps({str(scratch.checkout): "TRUST_FOLDER"}), encoding="utf-8")


def show(client: Client, scope: str, scratch: Scratch) -> None:
    """Set one agent up, let it list its servers, and take everything out again."""
    words = ("ci-mcp", "setup", "--agent", client.name, "--scope", scope, "--yes")
    _trusted(scratch)
    before = _files(scratch)
    _say(f"{client.name}, {scope}: setup", *scratch.run(*words).splitlines()[-3:])
    _say(
        f"{client.name}, {scope}: {client.program} {' '.join(client.words)}", scratch.run(client.program, *client.words)
    )
    if client.session and not scratch.log.exists():
        scratch.start(client.program, *client.session)
    _say(f"{client.name}, {scope}: what reached the server", *scratch.reached())
    scratch.run(*words, "--remove")
    after = _files(scratch)
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    # Claude Code keeps a state of its own in its file, OpenCode adds the address of its schema.
    _say(f"{client.name}, {scope}: after --remove", f"files not as they were: {', '.join(changed) or 'none'}")
    named = sorted(name for name in changed if '"ci"' in after.get(name, ""))
    _say(f"{client.name}, {scope}: after --remove", f"of these, files with our server: {', '.join(named) or 'none'}")


def _files(scratch: Scratch) -> dict[str, str]:
    """The files of the checkout, and of the home those that agents are configured by."""
    names = (".claude.json", ".codex/config.toml", ".gemini/settings.json", ".config/opencode/opencode.json")
    files = [path for path in scratch.checkout.rglob("*") if path.is_file() and ".git/" not in path.as_posix()]
    files += [scratch.home / name for name in names if (scratch.home / name).is_file()]
    return {str(path): path.read_text(encoding="utf-8", errors="replace") for path in files}


def main() -> None:
    """Show every agent in both scopes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--installed", type=Path, help="a folder with node_modules/.bin, instead of installing")
    given = parser.parse_args().installed
    with tempfile.TemporaryDirectory(prefix="clients-") as name:
        folder = Path(name)
        programs = given.resolve() / "node_modules" / ".bin" if given else install(folder / "npm", PACKAGES)
        for client in CLIENTS:
            version = Scratch(folder / f"{client.name}-version", programs).run(client.program, "--version")
            _say(f"{client.name}: {version.splitlines()[-1]}")
            for scope in ("user", "project"):
                show(client, scope, Scratch(folder / f"{client.name}-{scope}", programs))


if __name__ == "__main__":
    main()
