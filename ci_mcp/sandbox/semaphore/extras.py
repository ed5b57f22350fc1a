"""Artifacts that people upload: text, a picture, a log of megabytes, nested folders, more files than can be listed."""

import json
import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache

from ci_mcp.sandbox.semaphore.world import SHOP_MAIN_FAILED_JOB, SHOP_PROJECT

_LOG_LINES = 40_000
_WHEELS = 1_200
_SIDE = 48
_COVERAGE = """\
Name                 Stmts   Miss  Cover   Missing
--------------------------------------------------
shop/__init__.py         1      0   100%
shop/cart.py            58      3    95%   41, 77-78
shop/checkout.py        44      0   100%
shop/receipts.py        31      9    71%   12-20
--------------------------------------------------
TOTAL                  134     12    91%
"""
_CHANGES = {
    "1.3.0": "# 1.3.0\n\n- Shipping to Austria.\n- Receipts can be printed.\n",
    "1.4.0": "# 1.4.0\n\n- Discounts are shown on receipts.\n- Shipping is free from fifty euros.\n",
}


def _picture() -> bytes:
    """A small PNG: binary, and really one."""
    rows = b"".join(
        b"\0" + bytes((255 * x // _SIDE + y) % 256 for x in range(_SIDE) for _ in range(3)) for y in range(_SIDE)
    )
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


@cache
def _server_log() -> bytes:
    """Some three megabytes of a server's log; what matters is in its last third."""
    lines = [f"INFO  shop.server request={number:06d} GET /cart 200 {number % 37} ms" for number in range(_LOG_LINES)]
    lines[30_117] = "ERROR shop.server request=030117 POST /cart/discount 500: discount taken twice (1790 != 1800)"
    return ("\n".join(lines) + "\n").encode()


def _cart() -> bytes:
    return json.dumps({"cart": 42, "country": "DE", "lines": [{"sku": "mug", "count": 2, "cents": 1000}]}).encode()


def _archive() -> bytes:
    return zlib.compress(b"shop 1.4.0", wbits=31)


_JOB: dict[str, Callable[[], bytes]] = {
    "coverage.txt": _COVERAGE.encode,
    "debug/carts/eu/de/42.json": _cart,
    "logs/server.log": _server_log,
    "screenshots/cart.png": _picture,
}
_PROJECT: dict[str, Callable[[], bytes]] = {f"cache/wheels/{number:04d}.whl": bytes for number in range(_WHEELS)}
_PROJECT |= {f"releases/{version}/CHANGELOG.md": text.encode for version, text in _CHANGES.items()}
_PROJECT |= {"releases/1.4.0/shop-1.4.0.tar.gz": _archive}
_EXTRAS: dict[tuple[str, str], Mapping[str, Callable[[], bytes]]] = {
    ("jobs", SHOP_MAIN_FAILED_JOB): _JOB,
    ("projects", SHOP_PROJECT): _PROJECT,
}


def extra_files(scope: str, scope_id: str) -> Mapping[str, Callable[[], bytes]]:
    """What was uploaded to a scope, by path."""
    return _EXTRAS.get((scope, scope_id), {})
