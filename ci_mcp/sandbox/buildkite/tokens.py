"""The tokens that Buildkite takes, what each may do, and how often it may ask.

``scoped_token("read_builds", …)`` is a token with these scopes alone; the constants are those with few requests.
"""

import math
from dataclasses import dataclass, field

from ci_mcp.sandbox.buildkite.world import TOKEN
from ci_mcp.sandbox.faults import survives

_PREFIX = "demo-buildkite-scopes-"
MINIMUM = ("read_builds", "read_pipelines", "read_user")
READ = (*MINIMUM, "read_clusters", "read_artifacts", "read_build_logs", "read_organizations", "read_suites")
ALL = (
    *READ, "read_agents", "read_job_env", "read_accounts", "write_agents", "write_artifacts", "write_builds",
    "write_build_logs", "write_clusters", "write_pipelines", "write_suites",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limit:
    """How many requests a bucket holds, and for how many seconds it then is empty."""

    requests: int
    seconds: float = 60


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token may do: its scopes, and the buckets of its organization and of its user."""

    scopes: tuple[str, ...] = ALL
    organization: Limit = Limit(20_000)
    user: Limit = Limit(10_000)


USER_LIMITED_TOKEN = "demo-buildkite-user-limited"  # noqa: S105 - made up: five requests a minute
ORGANIZATION_LIMITED_TOKEN = "demo-buildkite-organization-limited"  # noqa: S105 - made up: the other bucket
BRIEFLY_LIMITED_TOKEN = "demo-buildkite-briefly-limited"  # noqa: S105 - made up: two requests in two seconds
REAL_LIMITS_TOKEN = "demo-buildkite-real-limits"  # noqa: S105 - made up: as many requests as Buildkite really allows

_GRANTS = {
    TOKEN: Grant(),
    USER_LIMITED_TOKEN: Grant(user=Limit(5), organization=Limit(200)),
    ORGANIZATION_LIMITED_TOKEN: Grant(user=Limit(50), organization=Limit(5)),
    BRIEFLY_LIMITED_TOKEN: Grant(user=Limit(2, 2), organization=Limit(200)),
    REAL_LIMITS_TOKEN: Grant(user=Limit(50), organization=Limit(200)),
}


def scoped_token(*scopes: str) -> str:
    """A token with these scopes alone."""
    return _PREFIX + ".".join(scopes)


def grant_of(token: str) -> Grant | None:
    """What a token may do; None for one that is not good."""
    if token.startswith(_PREFIX):
        return Grant(tuple(word for word in token.removeprefix(_PREFIX).split(".") if word in ALL))
    return Grant() if survives(token) else _GRANTS.get(token)


@dataclass(slots=True)
class Bucket:
    """The requests of one token within its window, which begins with the first of them."""

    limit: Limit
    began: float = -math.inf
    used: int = 0

    def take(self, now: float) -> bool:
        """Count a request; False where it is one too many."""
        if now - self.began >= self.limit.seconds:
            self.began, self.used = now, 0
        self.used += 1
        return self.used <= self.limit.requests

    def remaining(self) -> int:
        """How many requests are left."""
        return max(0, self.limit.requests - self.used)

    def reset(self, now: float) -> int:
        """Whole seconds until it is full again."""
        return max(1, math.ceil(self.began + self.limit.seconds - now))


@dataclass(slots=True)
class Meter:
    """Both buckets of every token."""

    buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    def of(self, token: str, grant: Grant) -> dict[str, Bucket]:
        """The buckets of a token by the name of their scope."""
        limits = {"rest": grant.organization, "rest_user": grant.user}
        return {name: self.buckets.setdefault((token, name), Bucket(limit)) for name, limit in limits.items()}
