"""What a service of the sandbox is given, and what it gives back."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.applications import Starlette


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the demo worlds count it: seconds since the sandbox started, the past negative."""

    started: float = field(default_factory=time.time)

    def now(self) -> float:
        """Seconds since the sandbox started."""
        return time.time() - self.started

    def unix(self, offset: float) -> float:
        """An offset as seconds since 1970."""
        return self.started + offset


@dataclass(frozen=True, slots=True)
class Site:
    """Where a service will stand.

    Attributes:
        urls: the base URL of each of its origins, without a slash at the end.
        clock: when the sandbox started.
    """

    urls: Mapping[str, str]
    clock: Clock


@dataclass(frozen=True, slots=True)
class Built:
    """A service ready to be served.

    Attributes:
        apps: one application for each of its origins.
        token: the token that it takes.
        env: the environment that points a client at it.
        host: the vendor's host, which its web URLs carry.
    """

    apps: Mapping[str, Starlette]
    token: str
    env: Mapping[str, str]
    host: str


@dataclass(frozen=True, slots=True)
class Run:
    """What all origins of one running sandbox share: its end, and which faults have already struck."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    struck: Counter[str] = field(default_factory=Counter)
