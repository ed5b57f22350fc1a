"""``python scripts/build_binary.py [FOLDER]``: a binary for the platform that this runs on, tried where no Python is.

It installs the checkout into a fresh environment, freezes it with PyInstaller into one folder, and packs that as
``FOLDER/ci-mcp-VERSION-SYSTEM-MACHINE`` (``dist`` by default). Before it is packed the binary is tried with an
environment in which no Python can be found: its version, the demo, the server with a client, and ``setup`` writing
its own path. Sizes and times are printed; it fails where the binary does.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
FREEZER: Final = "pyinstaller>=6.16,<7"
WINDOWS: Final = sys.platform == "win32"
PATIENCE: Final = 120.0
"""Seconds for one thing that is tried."""

_START: Final = "from ci_mcp.__main__ import main\n\nmain()\n"
# What is found by its presence, or named only while it runs, is not seen by who reads imports.
_OPTIONS: Final = (
    *("--onedir", "--noconfirm", "--log-level=ERROR", "--name=ci-mcp"),
    *("--collect-submodules=ci_mcp", "--collect-data=ci_mcp"),
    *("--collect-submodules=keyring.backends", "--collect-submodules=uvicorn"),
    "--recursive-copy-metadata=ci-mcp",  # entry points among it: keyring finds its backends by them
    "--exclude-module=mcp.cli",  # without typer, importing it ends the process
)
_KEPT: Final = ("SYSTEMROOT", "TEMP", "TMP")  # without these Windows starts nothing
_BACKENDS: Final = ("SecretService", "libsecret", "kwallet", "macOS", "Windows")


def main() -> None:
    """Build, try, pack, and say how it went."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").resolve()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name).resolve()
        begun = time.monotonic()
        built = freeze(work)
        files = [path for path in built.rglob("*") if path.is_file() and not path.is_symlink()]
        size = sum(path.stat().st_size for path in files) / 1e6
        say(f"built in {time.monotonic() - begun:.0f} s: {size:.0f} MB in {len(files)} files")
        version = attempt(Tried(built / ("ci-mcp.exe" if WINDOWS else "ci-mcp"), work / "home"))
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"ci-mcp-{version}-{platform.system()}-{platform.machine()}".lower()
        packed = Path(shutil.make_archive(str(target), "zip" if WINDOWS else "gztar", built.parent, built.name))
    say(f"packed: {packed.name}, {packed.stat().st_size / 1e6:.0f} MB")


def freeze(work: Path) -> Path:
    """Freeze the checkout; gives the folder that has all of it."""
    venv.create(work / "venv", with_pip=True)
    python = str(work / "venv" / ("Scripts/python.exe" if WINDOWS else "bin/python"))
    subprocess.run([python, "-m", "pip", "install", "--quiet", FREEZER, str(ROOT)], check=True)  # noqa: S603 - our own words
    (work / "start.py").write_text(_START, encoding="utf-8")
    subprocess.run([python, "-m", "PyInstaller", *_OPTIONS, "start.py"], cwd=work, check=True)  # noqa: S603 - the same
    return work / "dist" / "ci-mcp"


class Tried:
    """A program run with an environment of its own, in which there is nothing but a home."""

    def __init__(self, program: Path, home: Path) -> None:
        """Make the home."""
        self.program = program
        self.home = home
        home.mkdir()
        self.env = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self.env |= {"PATH": str(home / "nowhere"), "CI_MCP_HOME": str(home / "ci-mcp")}
        self.env |= {"HOME": str(home), "USERPROFILE": str(home)}

    def run(self, *words: str, code: int = 0, given: str = "", more: Mapping[str, str] | None = None) -> str:
        """What it says on stdout; raises `SystemExit` where it ends with another code than it should."""
        begun = time.monotonic()
        done = subprocess.run(  # noqa: S603 - what was just built
            [str(self.program), *words],
            input=given,
            capture_output=True,
            encoding="utf-8",
            env={**self.env, **(more or {})},
            cwd=self.home,
            timeout=PATIENCE,
            check=False,
        )
        say(f"  {time.monotonic() - begun:5.2f} s  ci-mcp {' '.join(words)}")
        see(done.returncode == code, f"exit code {done.returncode}, not {code}: {done.stderr[-2000:]}")
        return done.stdout


def attempt(tried: Tried) -> str:
    """Try what a person does first; gives the version."""
    version = tried.run("--version").split()[-1]
    see("AssertionError" in tried.run("--demo", "explain", "semaphore", code=1), "the demo's failure is not explained")
    committed = json.loads((ROOT / "ci_mcp" / "tools.json").read_text(encoding="utf-8"))
    answers = serve(tried)
    served = {tool["name"] for tool in answers["tools/list"]["tools"]}
    see(served == offered(committed), f"other tools are served: {sorted(served ^ offered(committed))}")
    see("AssertionError" in json.dumps(answers["tools/call"]), "a client gets no explanation")
    attempt_setup(tried)
    for backend in _BACKENDS:
        name = {"PYTHON_KEYRING_BACKEND": f"keyring.backends.{backend}.Keyring"}
        facts = json.loads(tried.run("doctor", "--json", code=3, more=name))["machine"]
        found = next(fact["problem"] for fact in facts if fact["what"] == "keyring")
        see("ModuleNotFound" not in found and "ImportError" not in found, f"keyring backend {backend}: {found}")
    return version


def offered(committed: Mapping[str, Any]) -> set[str]:
    """The tools of the services that the demo has, and triage's."""
    demo = {path.name for path in (ROOT / "ci_mcp" / "sandbox").iterdir() if (path / "__init__.py").is_file()}
    return {name for name, tool in committed["tools"].items() if tool["provider"] in {"ci", *demo}}


def serve(tried: Tried) -> dict[str, Any]:
    """What the server answers a client, by method."""
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "try", "version": "0"}}
    call = {"name": "ci_explain", "arguments": {"target": "semaphore:shop"}}
    methods = [("initialize", about), ("tools/list", {}), ("tools/call", call)]
    lines: list[Mapping[str, Any]] = [
        {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        for number, (method, params) in enumerate(methods)
    ]
    lines.insert(1, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    return _answers(tried, lines, [method for method, _ in methods])


def _answers(tried: Tried, lines: Sequence[Mapping[str, Any]], methods: Sequence[str]) -> dict[str, Any]:
    begun = time.monotonic()
    words = [str(tried.program), "--demo", "serve", "--toolset", "all"]
    with subprocess.Popen(  # noqa: S603 - the same; its input stays open until all is answered
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=tried.env, cwd=tried.home, encoding="utf-8"
    ) as server:
        found: dict[str, Any] = {}
        for line in lines:
            print(json.dumps(line), file=server.stdin, flush=True)
            while "id" in line and methods[line["id"]] not in found:
                said = json.loads(server.stdout.readline() if server.stdout else "")
                if "id" in said:
                    found[methods[said["id"]]] = said["result"]
    say(f"  {time.monotonic() - begun:5.2f} s  ci-mcp --demo serve, with a client")
    see(server.returncode == 0, f"the server ends with {server.returncode}")
    return found


def attempt_setup(tried: Tried) -> None:
    """``setup`` names the binary, and writes its path for every agent."""
    printed = json.loads(tried.run("setup", "--print"))
    see(Path(printed["command"]) == tried.program, f"setup names {printed['command']}")
    modules = (ROOT / "ci_mcp" / "agents").glob("*.py")
    agents = [path.stem for path in modules if "\nagent = Agent(" in path.read_text(encoding="utf-8")]
    before = files(tried.home)
    for name in agents:
        tried.run("setup", "--agent", name.replace("_", "-"), "--scope", "user", "--yes")
    wrote = [path for path in files(tried.home) - before if json.dumps(str(tried.program)) in path.read_text("utf-8")]
    see(len(wrote) == len(agents), f"setup wrote its path in {len(wrote)} files, for {len(agents)} agents")


def files(folder: Path) -> set[Path]:
    """Every file below a folder."""
    return {path for path in folder.rglob("*") if path.is_file()}


def see(fine: object, otherwise: str) -> None:
    """End with what is wrong, unless it is fine."""
    if not fine:
        sys.exit(f"the binary does not work: {otherwise}")


def say(text: str) -> None:
    """Tell how it goes."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
