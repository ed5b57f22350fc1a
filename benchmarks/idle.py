"""What does a server hold, at its start and after 100 explanations, and what does it do while nobody asks?

The yardstick is a server of one tool on the same SDK. The sandbox is a process of its own.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import sandbox
from benchmarks.measure import table
from benchmarks.startup import BARE_SERVER, INITIALIZE, INITIALIZED, LIST

EXPLANATIONS = 100
SECONDS = 5.0


class Client:
    """One client of a server on stdio."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        """Say hello, and list the tools."""
        self.process, self._id = process, 2
        for message in (INITIALIZE, INITIALIZED, LIST):
            self._send(message)
        self._answer(1)
        self._answer(2)

    def call(self, name: str, **arguments: object) -> Any:
        """Call a tool and give its result."""
        self._id += 1
        params = {"name": name, "arguments": arguments}
        self._send({"jsonrpc": "2.0", "id": self._id, "method": "tools/call", "params": params})
        result = self._answer(self._id)
        if result.get("isError"):
            sys.exit(f"failed: {result}")
        return result

    def megabytes(self) -> tuple[float, float]:
        """Its memory now, and the most it ever had (Linux; elsewhere 0)."""
        file = Path(f"/proc/{self.process.pid}/status")
        said = file.read_text() if file.exists() else ""
        found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", said, re.MULTILINE))
        return int(found.get("VmRSS", 0)) / 1024, int(found.get("VmHWM", 0)) / 1024

    def seconds(self) -> float:
        """The processor's time so far (Linux; elsewhere 0)."""
        file = Path(f"/proc/{self.process.pid}/stat")
        fields = file.read_text().rpartition(")")[2].split() if file.exists() else ["0"] * 13
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _send(self, message: Mapping[str, object]) -> None:
        if self.process.stdin is None:
            raise RuntimeError("no pipe")
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def _answer(self, number: int) -> Any:
        while self.process.stdout is not None:
            message = json.loads(self.process.stdout.readline())
            if message.get("id") == number:
                return message["result"]
        raise RuntimeError("no pipe")


@contextmanager
def client(command: Sequence[str], env: Mapping[str, str]) -> Iterator[Client]:
    """A server, from its answer to ``tools/list`` on."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=dict(env), **pipes)  # type: ignore[call-overload]  # noqa: S603 - ours
    try:
        yield Client(process)
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def main() -> None:
    """Print the table."""
    with sandbox.started() as served, tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ) | {"CI_MCP_HOME": folder}
        for one in served.services.values():
            env |= one.env
        with client([sys.executable, "-c", BARE_SERVER], os.environ) as bare:
            yardstick, _ = bare.megabytes()
        with client([str(Path(sys.executable).with_name("ci-mcp")), "serve", "--toolset", "all"], env) as ours:
            rows = [["after its start", *_memory(ours, yardstick), served.requests()]]
            targets = [sandbox.target(name) for name in served.services]
            targets += [
                sandbox.target(name, branch) for name, branch in sandbox.WIDE.items() if name in served.services
            ]
            for number in range(EXPLANATIONS):
                ours.call("ci_explain", target=targets[number % len(targets)])
                if number + 1 in {len(targets), EXPLANATIONS}:
                    said = f"after {number + 1} explanations"
                    rows.append([said, *_memory(ours, yardstick), served.requests()])
            before, spent = served.requests(), ours.seconds()
            time.sleep(SECONDS)
            idle, spent = served.requests() - before, ours.seconds() - spent
    columns = ["serve", "memory, MB", "most, MB", "times the yardstick", "requests so far"]
    table(f"Memory: the yardstick has {yardstick:.0f} MB", columns, rows)
    print(f"\nIn {SECONDS:.0f} s without a question: {idle} requests, {spent * 1000:.0f} ms of the processor.")


def _memory(ours: Client, yardstick: float) -> list[object]:
    now, most = ours.megabytes()
    return [now, most, now / yardstick if yardstick else ""]


if __name__ == "__main__":
    main()
