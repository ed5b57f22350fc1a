"""A real Buildbot, master and worker, whose builds really run and really fail, asked as agents and people ask."""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp_types import TextContent

pytestmark = [
    pytest.mark.real,
    pytest.mark.anyio,
    pytest.mark.skipif(os.name != "posix", reason="a Buildbot master does not run on Windows"),
]

PROGRAMS = Path(sys.executable).parent
PATIENCE = 120.0  # seconds for what takes a few: the machine may be busy
BIG = 50_000_000  # bytes of the long log
WIDE = 2_500  # of one line of it
NEEDLE = "ERROR: cannot open the warehouse: No such file or directory"
FAILING = ("tests", "compile", "hang", "killed", "big")

MASTER = """
    from buildbot.plugins import schedulers, steps, util, worker
    from sqlalchemy import Engine, event

    # Each piece of a log waits for the disk, which takes a minute for a long one; here nothing has to outlive a crash.
    @event.listens_for(Engine, "connect")
    def connected(connection, _):
        connection.execute("PRAGMA synchronous=OFF")

    def builder(name, *commands, **options):
        env = {"BRANCH": util.Property("branch", default="")}
        made = [
            steps.ShellCommand(name=step, command=[%(python)r, *command], workdir=%(source)r, env=env, **options)
            for step, command in commands
        ]
        return util.BuilderConfig(name=name, workernames=["real"], factory=util.BuildFactory(made))

    builders = [
        builder(
            "tests",
            ("prepare", ["-c", "print('prepared')"]),
            ("unit tests", ["-m", "pytest", "-q", "-n0", "--no-header", "-p", "no:cacheprovider", "-c", "empty.ini", "test_cart.py"]),
            haltOnFailure=True,
        ),
        builder("compile", ("build", ["compile.py"])),
        builder("hang", ("index", ["-u", "-c", "import time; print('begun'); time.sleep(600)"]), timeout=2),
        builder("killed", ("link", ["-c", "import os; print('linking', flush=True); os.kill(os.getpid(), 9)"])),
        builder("big", ("pack", ["big.py"])),
        builder("slow", ("deploy", ["-u", "-c", "import time; print('begun'); time.sleep(600)"])),
    ]
    BuildmasterConfig = {
        "title": "Real",
        "buildbotURL": "http://127.0.0.1:%(www)d/",
        "buildbotNetUsageData": None,
        "db": {"db_url": "sqlite:///state.sqlite"},
        "protocols": {"pb": {"port": "tcp:%(pb)d:interface=127.0.0.1"}},
        "www": {"port": "tcp:%(www)d:interface=127.0.0.1", "plugins": {}},
        "workers": [worker.Worker("real", "only-on-loopback", max_builds=4)],
        "builders": builders,
        "schedulers": [schedulers.ForceScheduler(name="force", builderNames=[one.name for one in builders])],
    }
"""

SOURCES = {
    "empty.ini": "[pytest]\n",
    "test_cart.py": """
        import os


        def total():
            return 42 if os.environ["BRANCH"] == "green" else 41


        def test_total_has_the_discount():
            assert total() == 42
    """,
    "cart.c": "int total(void) { return missing_price; }\n",
    # Without a compiler Python's own has the same to say.
    "compile.py": """
        import py_compile, shutil, subprocess, sys

        found = shutil.which("cc")
        if found:
            sys.exit(subprocess.call([found, "-c", "cart.c", "-o", "cart.o"]))
        py_compile.compile("cart.c", doraise=True)
    """,
    "big.py": f"""
        import sys

        for number in range({BIG // WIDE}):
            sys.stdout.write(f"{{number:09d}} packed " + "x" * {WIDE - 18} + "\\n")
            if number == 7_000:
                sys.stdout.write("{NEEDLE}\\n")
        sys.exit(3)
    """,
}


@dataclass
class Real:
    """A master and a worker in one folder.

    Attributes:
        folder: where all of it is.
        www: the master's port for its API, ``pb`` that for its worker.
        running: the processes, by name.
    """

    folder: Path
    www: int
    pb: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the master is."""
        return f"http://127.0.0.1:{self.www}"

    def run(self, *words: str) -> None:
        """Run one of Buildbot's programs to its end."""
        subprocess.run(
            [PROGRAMS / words[0], *words[1:]],
            cwd=self.folder,
            env=self._env(),
            check=True,
            timeout=PATIENCE,
            capture_output=True,
        )

    def start(self, name: str, program: str) -> None:
        """Start the master or the worker in the foreground."""
        with (self.folder / f"{name}.out").open("ab") as out:
            self.running[name] = subprocess.Popen(
                [PROGRAMS / program, "start", "--nodaemon", name],
                cwd=self.folder,
                env=self._env(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def stop(self, name: str) -> None:
        """Stop it, by force where it does not want to."""
        process = self.running.pop(name)
        process.terminate()
        try:
            process.wait(PATIENCE / 4)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)

    def ready(self) -> None:
        """Wait until the master answers and has its worker."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and all(one.poll() is None for one in self.running.values()):
            try:
                answer = httpx.get(f"{self.url}/api/v2/workers/real", timeout=PATIENCE)
                if answer.json()["workers"][0]["connected_to"]:
                    return
            except (httpx.TransportError, ValueError, KeyError):  # it is not up yet
                pass
            time.sleep(0.2)
        logs = [*self.folder.glob("*/twistd.log"), *self.folder.glob("*.out")]
        said = "\n".join(path.read_text(errors="replace")[-2000:] for path in logs)
        raise AssertionError(f"Buildbot did not start: {said}")

    def _env(self) -> dict[str, str]:
        # Nothing of the tests' own environment: what measures coverage would measure the master.
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "LANG": "C.UTF-8"}


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens at.

    They lie below those that a system gives out by itself: the master is stopped and started again, and any
    connection of another test could have taken its port in between.
    """
    one, other, *_ = filter(is_free, random.sample(range(15_000, 32_000), 50))
    return one, other


def is_free(port: int) -> bool:
    """Whether nobody listens at a port."""
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


@contextmanager
def real_buildbot(folder: Path) -> Iterator[Real]:
    """Make a master and a worker, and stop what was started."""
    real = Real(folder, *free_ports())
    source = folder / "source"
    source.mkdir()
    for name, text in SOURCES.items():
        (source / name).write_text(dedent(text))
    real.run("buildbot", "create-master", "--quiet", "master")
    values = {"python": sys.executable, "source": str(source), "www": real.www, "pb": real.pb}
    (folder / "master" / "master.cfg").write_text(dedent(MASTER) % values)
    real.run(
        "buildbot-worker",
        "create-worker",
        "--quiet",
        "--maxdelay=1",
        "worker",
        f"127.0.0.1:{real.pb}",
        "real",
        "only-on-loopback",
    )
    with ExitStack() as stack:
        stack.callback(lambda: [real.stop(name) for name in list(real.running)])
        real.start("master", "buildbot")
        real.start("worker", "buildbot-worker")
        real.ready()
        yield real


@dataclass
class Agent:
    """A client of ``ci-mcp serve``; ``progress`` is what it was told while it waited."""

    client: Client
    progress: list[str] = field(default_factory=list)

    async def ask(self, tool: str, **arguments: Any) -> str:
        """What a tool says."""

        async def heard(_done: float, _total: float | None, message: str | None) -> None:
            self.progress.append(message or "")

        result = await self.client.call_tool(tool, arguments, progress_callback=heard, read_timeout_seconds=PATIENCE)
        (content,) = result.content
        assert isinstance(content, TextContent)
        assert not result.is_error, content.text
        return content.text

    async def start(self, builder: str, *fields: str) -> str:
        """Force a build; the id of what was started."""
        return str(json.loads(await self.ask("buildbot_builds_run", builder=builder, fields=list(fields)))["id"])

    async def wait(self, run: str) -> str:
        """Wait for the end of a run, however often one call is too short."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            said = await self.ask("ci_wait", target=f"buildbot:#{run}", timeout=30)
            if said.startswith(("FAILED", "PASSED", "CANCELED")):
                return said
        raise AssertionError(f"it did not end: {said}")


@pytest.fixture
def shell(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``ci-mcp`` in a shell; each ``place`` has a cache of its own."""

    def run(url: str, *words: str, place: str = "shell") -> subprocess.CompletedProcess[str]:
        env = os.environ | {"BUILDBOT_URL": url, "CI_MCP_HOME": str(home / place)}
        return subprocess.run(
            [PROGRAMS / "ci-mcp", *words], capture_output=True, text=True, env=env, timeout=PATIENCE, check=False
        )

    return run


async def test_a_real_buildbot_is_started_asked_stopped_and_asked_again(tmp_path: Path, shell: Any) -> None:
    """One master for all of it: starting it is what takes long."""
    with real_buildbot(tmp_path) as real:
        env = os.environ | {"BUILDBOT_URL": real.url}
        server = StdioServerParameters(
            command=str(PROGRAMS / "ci-mcp"), args=["serve", "--toolset", "all"], env=dict(env)
        )
        async with Client(server) as client:
            agent = Agent(client)
            runs = await everything_is_started(agent)
            await failures_are_explained(agent, runs)
            await builds_and_logs_are_read(agent, runs)
            await what_runs_is_stopped(agent, runs["slow"])
        page = the_shell_says_the_same(real.url, shell)
        real.stop("master")
        gone = shell(real.url, "explain", page)
        assert (6, "") == (gone.returncode, gone.stdout), gone
        assert "no connection to 127.0.0.1" in gone.stderr, gone
        real.start("master", "buildbot")
        real.ready()
        a_build_from_before_runs_again(real.url, page, shell)


async def everything_is_started(agent: Agent) -> dict[str, str]:
    """A green run first, then one of each kind; the big one last, as it takes the longest."""
    listed = json.loads(await agent.ask("buildbot_builders_list"))
    assert sorted([*FAILING, "slow"]) == [builder["name"] for builder in listed["items"]]
    green = await agent.wait(await agent.start("tests", "branch=green", "reason=it was green once"))
    assert green.startswith("PASSED")
    assert agent.progress, "nothing was said while it was waited for"
    return {
        name: await agent.start(name, "branch=main") for name in ("big", "slow", "hang", "tests", "compile", "killed")
    }


async def failures_are_explained(agent: Agent, runs: dict[str, str]) -> None:
    """Each by the line that tells why."""
    compiler = "missing_price" if shutil.which("cc") else "SyntaxError"
    telling = {
        "tests": "E       assert 41 == 42",
        "compile": compiler,
        "hang": "command timed out: 2 seconds without output",
        "killed": "process killed by signal 9",
        "big": NEEDLE,
    }
    for name in ("tests", "compile", "hang", "killed", "big"):
        said = await agent.wait(runs[name])
        assert said.startswith(f"FAILED  buildbot {name}@main"), said
        why = await agent.ask("ci_explain", target=f"buildbot:{name}")
        assert telling[name] in why, why
        assert "PATH=" not in why


async def builds_and_logs_are_read(agent: Agent, runs: dict[str, str]) -> None:
    """Lists, one build, and 50 MB of log searched and cut to its end."""
    failed = json.loads(await agent.ask("buildbot_builds_list", status="failed", branch="main"))["items"]
    assert sorted(FAILING) == sorted(run["project"] for run in failed)
    build = json.loads(await agent.ask("buildbot_builds_describe", build=runs["tests"]))
    assert ("failed", "main", "real") == (build["status"], build["branch"], build["worker"])
    assert [("prepare", "passed"), ("unit tests", "failed")] == [
        (step["name"], step["status"]) for step in build["steps"][-2:]
    ]
    found = await agent.ask("buildbot_steps_logs", build=runs["big"], search="warehouse")
    assert NEEDLE in found
    assert f"{BIG // WIDE - 1:09d} packed" in await agent.ask("buildbot_steps_logs", build=runs["big"], tail=3)
    assert "1 worker" not in await agent.ask("buildbot_workers_list")
    assert "connected" in await agent.ask("buildbot_workers_list")


async def what_runs_is_stopped(agent: Agent, run: str) -> None:
    """And ends as canceled, not as failed."""
    assert "was told to stop" in await agent.ask("buildbot_builds_cancel", build=run, reason="enough")
    assert (await agent.wait(run)).startswith("CANCELED")


def the_shell_says_the_same(url: str, shell: Any) -> str:
    """As a command; the web page of the failed build."""
    listed = shell(url, "buildbot", "builds", "list", "--builder=tests", "--format=json")
    newest, *_ = json.loads(listed.stdout)["items"]
    done = shell(url, "explain", newest["url"])
    assert (1, "") == (done.returncode, done.stderr)
    assert "E       assert 41 == 42" in done.stdout
    assert "test_cart.py:" in done.stdout
    print(f"$ ci-mcp explain {newest['url']}\n{done.stdout}")  # noqa: T201 - shown by pytest -rP
    return str(newest["url"])


def a_build_from_before_runs_again(url: str, page: str, shell: Any) -> None:
    """The master has forgotten nothing, and its worker has come back."""
    again = shell(url, "explain", page, place="anew")
    assert 1 == again.returncode
    assert "E       assert 41 == 42" in again.stdout
    rerun = shell(url, "rerun", page, "--all", "--format=json")
    assert 0 == rerun.returncode, rerun.stderr
    started = json.loads(rerun.stdout)["id"]
    ended = shell(url, "wait", f"buildbot:#{started}", "--timeout=90")
    assert (1, True) == (ended.returncode, ended.stdout.startswith("FAILED  buildbot tests@main")), ended
