"""Files of a CI as they come: their beginning, to see whether they can be shown, and all of them, to be kept."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable

from ci_mcp.core.provider import Api


async def beginning(body: AsyncIterator[bytes], most: int) -> tuple[bytes, bool]:
    """The first bytes of a file, not many more than ``most``, and whether they are all of it."""
    data = bytearray()
    async for chunk in body:
        data += chunk
        if len(data) > most:
            return bytes(data), False
    return bytes(data), True


def whole(
    api: Api, url: str, begun: bytes, body: AsyncIterator[bytes] | None
) -> Callable[[], AsyncGenerator[bytes, None]]:
    """What gives a file whose beginning was read: the first time as it goes on, after that fetched anew.

    Args:
        api: the service that named it.
        url: where it is; it gets no credential unless it is the service's own.
        begun: what `beginning` read.
        body: what follows; ``None`` where nothing does.
    """
    times = 0

    async def fetch() -> AsyncGenerator[bytes, None]:
        nonlocal times
        times += 1
        if body is None or times == 1:
            yield begun
            if body is not None:
                async for chunk in body:
                    yield chunk
            return
        # The disk gave out half way: what had come by then is gone.
        async with api.stream(url, foreign=True) as again:
            async for chunk in again:
                yield chunk

    return fetch
