import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_mcp.errors import BadAnswerError
from ci_mcp.net.body import PIECE, decoded

pytestmark = pytest.mark.anyio


async def read(data: bytes, encoding: str, size: int = 7) -> list[bytes]:
    """The pieces of a body that comes in chunks of this size."""

    async def raw() -> AsyncIterator[bytes]:
        for start in range(0, len(data), size):
            yield data[start : start + size]

    return [piece async for piece in decoded(raw(), encoding)]


def deflated(data: bytes, wbits: int) -> bytes:
    """Compressed in one of zlib's forms."""
    engine = zlib.compressobj(wbits=wbits)
    return engine.compress(data) + engine.flush()


@given(st.binary(max_size=2000), st.integers(1, 400), st.sampled_from(["gzip", "zlib", "raw", "plain"]))
async def test_a_body_comes_out_as_it_went_in(data: bytes, size: int, form: str) -> None:
    """However it was cut."""
    wbits = {"gzip": 31, "zlib": 15, "raw": -15, "plain": 0}[form]
    sent = deflated(data, wbits) if wbits else data
    encoding = {"gzip": "gzip", "plain": " identity, "}.get(form, "deflate")
    assert data == b"".join(await read(sent, encoding, size if form != "raw" else 5000))


async def test_several_members_are_one_body() -> None:
    """With padding behind the last."""
    data = gzip.compress(b"one ") + gzip.compress(b"two") + bytes(10)
    for size in (1, 7, 1000):
        assert b"one two" == b"".join(await read(data, "gzip", size))


async def test_no_piece_is_large() -> None:
    """Whatever a few bytes stand for."""
    pieces = await read(gzip.compress(bytes(4 << 20)), "gzip", 100_000)
    assert 4 << 20 == sum(map(len, pieces))
    assert max(map(len, pieces)) <= PIECE


async def test_a_body_cut_off_gives_what_came() -> None:
    """That it is cut off is for the transport to say."""
    data = gzip.compress(b"hello world, hello world")
    assert b"hello" == b"".join(await read(data[:-12], "gzip"))[:5]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"not gzip", "gzip"),
        (gzip.compress(b"good") + b"not gzip", "gzip"),
        (gzip.compress(b"x" * 10_000)[:-8] + b"\xff" * 8, "gzip"),
        (b"x", "br"),
        (gzip.compress(gzip.compress(b"x")), "gzip, gzip"),
    ],
    ids=["no gzip", "no member", "wrong sum", "brotli", "twice"],
)
async def test_what_cannot_be_decoded_is_a_bad_answer(data: bytes, encoding: str) -> None:
    """Damaged, or in a way that nobody asked for."""
    with pytest.raises(BadAnswerError):
        await read(data, encoding, 1000)


@pytest.mark.parametrize("more", range(-300, 300, 60))
async def test_what_the_decoder_holds_back_comes_at_the_end(more: int) -> None:
    """The last byte of a deflate without a trailer can stand for more than a piece."""
    data = bytes(PIECE + more)
    assert data == b"".join(await read(deflated(data, -15), "deflate", 100_000))
