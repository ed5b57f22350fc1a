"""Record the sandbox's job logs: run small projects for real and keep what their tools print.

Every scenario is a repository made from ``sources``, checked out into a neutral folder and run command by command
in one shell on a terminal, as a CI agent does. What is kept is what the terminal showed.

    python scripts/record_logs/record.py [NAME ...]

needs Linux, git, Python, gcc, g++, make, cargo, go, node, npm, Maven and a network, and a free ``/home/semaphore``.
"""

import argparse
import datetime as dt
import gzip
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scenarios import SCENARIOS, Scenario

HERE = Path(__file__).parent
LOGS = HERE.parent.parent / "ci_mcp" / "sandbox" / "logs"
HOME = Path("/home/semaphore")
MARK = re.compile(rb"\x1e(\d+)\x1e(.*?)\x1e(\d+)\x1e", re.DOTALL)
COMMITTED = "2026-03-02T09:30:00+00:00"
# What a job's own shell has and this machine does not: Semaphore's toolbox.
TOOLBOX = """
checkout() {
  echo "Performing shallow clone with depth: 50"
  git clone --depth 50 --branch "$SEMAPHORE_GIT_BRANCH" "$SEMAPHORE_GIT_URL" "$SEMAPHORE_GIT_DIR"
  cd "$SEMAPHORE_GIT_DIR"
  git log -1 --format="HEAD is now at %h %s"
}
sem-version() {
  echo "Changing '$1' to version $2"
  "$1" --version
}
"""


def main() -> None:
    """Record the scenarios named on the command line, or all of them, and write the index."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = parser.parse_args().names
    index_file = LOGS / "logs.json"
    index = json.loads(index_file.read_text("utf-8")) if index_file.exists() else {}
    LOGS.mkdir(exist_ok=True)
    for scenario in SCENARIOS:
        if not names or scenario.name in names:
            recording = record(scenario)
            index[scenario.name] = summary(scenario, recording)
            data = json.dumps(recording, ensure_ascii=False, separators=(",", ":")).encode()
            (LOGS / f"{scenario.name}.json.gz").write_bytes(gzip.compress(data, 9, mtime=0))
            print(scenario.name, index[scenario.name]["exit_code"], len(data))  # noqa: T201 - a script's progress
    index_file.write_text(json.dumps(dict(sorted(index.items())), indent=1, ensure_ascii=False) + "\n", "utf-8")


def record(scenario: Scenario) -> dict[str, Any]:
    """Run one scenario and give its steps, its commit and its report."""
    for name in (scenario.project, ".venv", ".m2", "origin"):
        shutil.rmtree(HOME / name, ignore_errors=True)
    HOME.mkdir(exist_ok=True)
    commit = make_origin(scenario)
    shell = Shell(environment(scenario))
    try:
        steps = run_steps(shell, scenario)
        tool = shell.run(f"({scenario.tool}) 2>&1 | head -1")[1].strip() if scenario.tool else ""
    finally:
        shell.close()
    report = HOME / scenario.project / scenario.report
    return {
        "commit": commit,
        "subject": scenario.subject,
        "tool": re.sub(r"\x1b\[[0-9;]*m", "", tool),
        "steps": steps,
        "epilogue": len(scenario.epilogue),
        "report": scrub(report.read_text("utf-8")) if scenario.report and report.exists() else "",
    }


def run_steps(shell: "Shell", scenario: Scenario) -> list[dict[str, Any]]:
    """Checkout, the commands up to the first that fails, then the epilogue."""
    steps = []
    for command in ("checkout", *scenario.commands):
        steps.append(run_step(shell, command))
        if steps[-1]["exit_code"]:
            break
    return steps + [run_step(shell, command) for command in scenario.epilogue]


def run_step(shell: "Shell", command: str) -> dict[str, Any]:
    """Run one command and give it with its exit code, its seconds and its output."""
    begin = time.monotonic()
    code, output = shell.run(command)
    return {
        "command": command,
        "exit_code": code,
        "seconds": round(time.monotonic() - begin, 2),
        "output": scrub(output),
    }


def summary(scenario: Scenario, recording: dict[str, Any]) -> dict[str, Any]:
    """The recording's line in the index: the telling command, its exit code, the tool that ran."""
    steps = recording["steps"][: len(recording["steps"]) - recording["epilogue"]]
    return {
        "command": steps[-1]["command"],
        "exit_code": steps[-1]["exit_code"],
        "tool": recording["tool"],
        "recorded": dt.datetime.now(dt.UTC).date().isoformat(),
        "sources": [name for name in (scenario.project, scenario.overlay) if name],
    }


def make_origin(scenario: Scenario) -> str:
    """Make the repository that is checked out, and give its newest commit."""
    origin = HOME / "origin" / scenario.project
    shutil.copytree(HERE / "sources" / scenario.project, origin)
    git(origin, "init", "--quiet", "--initial-branch=main")
    commit_all(origin, "Import")
    if scenario.overlay:
        shutil.copytree(HERE / "sources" / scenario.overlay, origin, dirs_exist_ok=True)
    if scenario.project == "storefront":
        subprocess.run(["npm", "install", "--package-lock-only", "--silent"], cwd=origin, check=True)  # noqa: S607 - npm of the PATH
    commit_all(origin, scenario.subject)
    return git(origin, "rev-parse", "HEAD")


def commit_all(folder: Path, subject: str) -> None:
    """Commit everything, also where nothing changed."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", subject)


def git(folder: Path, *arguments: str) -> str:
    """Run git as a made-up person at a fixed time."""
    who = {"NAME": "Ada", "EMAIL": "ada@example.com", "DATE": COMMITTED}
    env = {**os.environ, **{f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in who.items()}}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout.strip()  # noqa: S603 - our own arguments


def environment(scenario: Scenario) -> dict[str, str]:
    """The environment of a job: nothing of this machine but its tools and its way to the network."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key.lower().endswith("_proxy") or key in {"PATH", "SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS"}
    }
    real_home = Path.home()
    return {
        **kept,
        "HOME": str(HOME),
        "CARGO_HOME": str(HOME / ".cargo"),
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(real_home / ".rustup")),
        "PYENV_ROOT": os.environ.get("PYENV_ROOT", str(real_home / ".pyenv")),
        "PYENV_VERSION": ".".join(map(str, sys.version_info[:3])),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "CI": "true",
        "MAVEN_OPTS": f"-Duser.home={HOME}",  # Java does not read HOME
        "GIT_PAGER": "cat",
        "VIRTUAL_ENV_DISABLE_PROMPT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
        "SEMAPHORE_GIT_BRANCH": "main",
        "SEMAPHORE_GIT_URL": f"file://{HOME}/origin/{scenario.project}",
        "SEMAPHORE_GIT_DIR": scenario.project,
        **scenario.env,
    }


class Shell:
    """One bash on a terminal that keeps its state from command to command."""

    def __init__(self, env: dict[str, str]) -> None:
        """Start it with that environment in the jobs' home folder."""
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.chdir(HOME)
            os.execvpe("bash", ["bash", "--noprofile", "--norc"], env)  # noqa: S606, S607 - the job's own shell
        script = HOME / ".toolbox"
        script.write_text(TOOLBOX, "utf-8")
        os.write(self.fd, b"stty -echo cols 100; bind 'set enable-bracketed-paste off'; PS1=; PS2=\n")
        os.write(self.fd, b"source ~/.toolbox; printf '\\036%d\\036' 0 0\n")
        self._until_mark()

    def run(self, command: str) -> tuple[int, str]:
        """Run a command; give its exit code and what the terminal showed, with plain newlines."""
        script = HOME / ".command"
        script.write_text(command, "utf-8")
        os.write(self.fd, b"printf '\\036%d\\036' 0; eval \"$(cat ~/.command)\"; printf '\\036%d\\036' $?\n")
        return self._until_mark()

    def _until_mark(self) -> tuple[int, str]:
        data = b""
        while not (found := MARK.search(data)):
            if not select.select([self.fd], [], [], 600)[0]:
                raise TimeoutError(data[-2000:])
            data += os.read(self.fd, 65536)
        return int(found[3]), found[2].decode("utf-8", "replace").replace("\r\n", "\n")

    def close(self) -> None:
        """End the shell."""
        os.close(self.fd)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def scrub(text: str) -> str:
    """Take this machine out of a text: its home folder, its name, its repository's path."""
    text = re.sub(rf"\b{re.escape(os.uname().nodename)}\b", "semaphore-vm", text.replace(str(Path.home()), str(HOME)))
    return text.replace(f"file://{HOME}/origin/", "git@github.com:acme/")


if __name__ == "__main__":
    main()
