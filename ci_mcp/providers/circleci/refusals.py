"""What CircleCI refuses because of how a thing stands, in its own words and with what to do instead."""

from collections.abc import Iterator
from contextlib import contextmanager

from ci_mcp.errors import UsageError
from ci_mcp.net.failures import words


@contextmanager
def refused(what: str, instead: str) -> Iterator[None]:
    """Put a refusal into words: what could not be done, why, and what to do.

    Raises:
        UsageError: CircleCI refused it.
    """
    try:
        yield
    except UsageError as error:
        if error.status is None:
            raise
        said = (words(error.body) or error.message).removesuffix(".")
        raise UsageError(f"{what}: {said}", instead, status=error.status, body=error.body) from None
