"""What can go wrong, in words for the person it happens to.

::

    CiError                    exit  kind
    ├── UsageError                2  usage         the command or its arguments are off
    │   └── UnsupportedError      2  unsupported   this CI cannot do that
    ├── AuthError                 3  auth          no token, or one the service does not take
    ├── PermissionDeniedError     3  permission    the token is good, and not allowed to do this
    ├── NotFoundError             4  not_found     no such thing, or none that this token may see
    ├── RateLimitedError          5  rate_limited  the service wants fewer requests
    ├── UnreachableError          6  unreachable   no connection, or the service is down
    ├── BadAnswerError            6  bad_answer    the service answered nonsense
    └── TimedOutError             7  timed_out     the time allowed ran out

Every error says what happened and what to do next.
Neither text may hold a token, a signed URL or a traceback: whoever raises one sees to it.
"""

from typing import ClassVar


class CiError(Exception):
    """An error with an exit code, a kind for programs, and the next step for a person.

    Args:
        message: what happened, without a full stop.
        next_step: what to do about it, without a full stop; empty where there is nothing to do.
        status: the service's HTTP status, where the error comes from one.
        body: what the service said (capped text), for a provider that knows better what it means.
    """

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 6

    def __init__(self, message: str, next_step: str = "", *, status: int | None = None, body: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.status = status
        self.body = body

    def __str__(self) -> str:
        """The error as one line: what happened, then what to do."""
        return f"{self.message}: {self.next_step}" if self.next_step else self.message


class UsageError(CiError):
    """The command or its arguments are off."""

    kind = "usage"
    exit_code = 2


class UnsupportedError(UsageError):
    """This CI cannot do what was asked."""

    kind = "unsupported"


class AuthError(CiError):
    """There is no token, or the service does not take it."""

    kind = "auth"
    exit_code = 3


class PermissionDeniedError(CiError):
    """The token is good and may not do this."""

    kind = "permission"
    exit_code = 3


class NotFoundError(CiError):
    """There is no such thing, or none that this token may see."""

    kind = "not_found"
    exit_code = 4


class RateLimitedError(CiError):
    """The service wants fewer requests; ``retry_after`` says for how many seconds, where it told."""

    kind = "rate_limited"
    exit_code = 5

    def __init__(
        self,
        message: str,
        next_step: str = "",
        *,
        status: int | None = None,
        body: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, next_step, status=status, body=body)
        self.retry_after = retry_after


class UnreachableError(CiError):
    """There is no connection to the service, or it is down."""

    kind = "unreachable"
    exit_code = 6


class BadAnswerError(CiError):
    """The service answered something that cannot be read."""

    kind = "bad_answer"
    exit_code = 6


class TimedOutError(CiError):
    """The time allowed for the call ran out."""

    kind = "timed_out"
    exit_code = 7
