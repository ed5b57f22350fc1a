"""What all benchmarks share: tables, whole processes, and a network that counts, measures and delays."""

import os
import resource
import ssl
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

import anyio
import httpx

MB = 1 << 20


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table in Markdown: the first column to the left, numbers to the right."""
    texts = [[_text(cell) for cell in row] for row in rows]
    wide = [max(len(row[at]) for row in [list(columns), *texts]) for at in range(len(columns))]
    print(f"\n**{title}**\n")
    print(_row(columns, wide))
    print("|" + "|".join(f"{'-' * (width + 1)}{':' if at else '-'}" for at, width in enumerate(wide)) + "|")
    for row in texts:
        print(_row(row, wide), flush=True)


def _row(cells: Sequence[str], wide: Sequence[int]) -> str:
    pairs = zip(cells, wide, strict=True)
    padded = [cell.rjust(width) if at else cell.ljust(width) for at, (cell, width) in enumerate(pairs)]
    return "| " + " | ".join(padded) + " |"


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.2f}" if cell < 100 else f"{cell:,.0f}"  # noqa: PLR2004 - three digits tell enough
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a whole process took: seconds on the wall and of the processor, and its peak memory in MB."""

    seconds: float
    cpu: float
    peak: float


def ended(process: "subprocess.Popen[bytes]", begun: float) -> Cost:
    """Wait for a process that began at ``begun`` (`time.perf_counter`), and tell what it took."""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.stdout:
        process.stdout.close()
    return Cost(seconds, usage.ru_utime + usage.ru_stime, _megabytes(usage))


def run(command: Sequence[str], env: Mapping[str, str] | None = None, worst: int = 1) -> Cost:
    """Run a command to its end; one that exits with more than ``worst`` ends the benchmark."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)  # noqa: S603 - ours
    if process.stdout:
        while process.stdout.read(MB):
            pass
    cost = ended(process, begun)
    if process.returncode > worst:
        sys.exit(f"failed: {command}")
    return cost


def _megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (MB if sys.platform == "darwin" else 1 << 10)


class Wire(httpx.AsyncHTTPTransport):
    """The network with ``latency`` seconds before each answer: counts requests and bytes, and remembers when they were.

    Attributes:
        spans: when each request was sent, and when its answer was whole.
        received: bytes of all bodies, those of zipped files when unzipped.
    """

    def __init__(self, latency: float = 0.0) -> None:
        """Open nothing yet."""
        super().__init__(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # certificates that nobody asks for take 30 ms
        self.latency = latency
        self.clear()

    def clear(self) -> None:
        """Count from nothing again."""
        self.spans: list[tuple[float, float]] = []
        self.received = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait, and ask; bodies come as they are, so that bytes are those of the text."""
        begun = time.perf_counter()
        await anyio.sleep(self.latency)
        request.headers["Accept-Encoding"] = "identity"
        response = await super().handle_async_request(request)
        return httpx.Response(
            response.status_code, headers=response.headers, stream=_Counted(response, self, begun), request=request
        )

    def depth(self) -> int:
        """Round trips one after the other: the most requests of which each began after the one before had ended."""
        count, last = 0, 0.0
        for begun, end in sorted(self.spans, key=lambda span: span[1]):
            if begun >= last:
                count, last = count + 1, end
        return count


class _Counted(httpx.AsyncByteStream):
    """A body whose bytes are counted, and whose end is noticed."""

    def __init__(self, response: httpx.Response, wire: Wire, begun: float) -> None:
        self._response, self._wire, self._begun = response, wire, begun

    async def __aiter__(self) -> AsyncIterator[bytes]:
        unzip = zlib.decompressobj(wbits=31)
        zipped: bool | None = None
        async for chunk in self._response.aiter_raw():
            zipped = chunk.startswith(b"\x1f\x8b") if zipped is None else zipped
            self._wire.received += len(unzip.decompress(chunk) if zipped else chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
        self._wire.spans.append((self._begun, time.perf_counter()))
