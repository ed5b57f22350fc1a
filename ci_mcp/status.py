"""One vocabulary for how a run, a job or a step stands, whatever its CI calls it."""

from enum import StrEnum


class Status(StrEnum):
    """How something stands. Where the vendor's own word says more, it is kept beside this."""

    QUEUED = "queued"
    RUNNING = "running"
    FAILING = "failing"  # still running, and its failure is certain
    BLOCKED = "blocked"  # waits for a person
    PASSED = "passed"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"

    @property
    def finished(self) -> bool:
        """True where nothing will change any more."""
        return self in _FINISHED

    @property
    def bad(self) -> bool:
        """True where it failed, will fail, or was canceled: what makes a command exit 1."""
        return self in _BAD


_FINISHED = frozenset({Status.PASSED, Status.FAILED, Status.CANCELED, Status.SKIPPED})
_BAD = frozenset({Status.FAILED, Status.FAILING, Status.CANCELED})
