"""How a workflow of the history is written down, and the blocks that many of them hold."""

from dataclasses import dataclass

from ci_mcp.sandbox.semaphore.model import BlockSpec, JobSpec, Promotion

HOUR = 3600
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class TriggerSpec:
    """A promotion that was triggered.

    Attributes:
        promotion: which.
        after: how many seconds after its pipeline's end.
        who: who did it; empty for the rule in its YAML.
        refused: True where it came to nothing.
        blocks: what its pipeline held, where that ended otherwise than usual.
        parameters: what was given along.
    """

    promotion: str
    after: float
    who: str = ""
    refused: bool = False
    blocks: tuple[BlockSpec, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One workflow.

    Attributes:
        project: its project.
        key: its name in that project; ids and the commit come from it.
        branch: the branch as the API says it.
        age: how many seconds before the sandbox's start it was created.
        blocks: what its pipeline holds.
        message: the commit's message.
        who: who caused it.
        label: what it is found by, where that is not the branch.
        commit: the key that the commit comes from, where several workflows share one.
        reports: which test reports its jobs leave: full, job, xml or none.
        error: why it is refused before it has blocks.
        refused_as: the reason of that refusal.
        ends_in: ends that many seconds after the sandbox's start, whatever its age.
        stopped_after: stopped that many seconds after it was created.
        stopped_for: the reason of that stop; for ``user`` its token's owner did it.
        fail_fast: its first failed block stops those beside it.
        promotions: what can be triggered once it is done.
        triggers: which of those were.
        rebuilt_after: rebuilt in part that many seconds after it was created.
    """

    project: str
    key: str
    branch: str
    age: float
    blocks: tuple[BlockSpec, ...]
    message: str
    who: str = "ada"
    label: str = ""
    commit: str = ""
    reports: str = "none"
    trigger: str = "HOOK"
    name: str = "Build"
    yaml_file: str = "semaphore.yml"
    error: str = ""
    refused_as: str = "malformed"
    ends_in: float | None = None
    stopped_after: float = 0
    stopped_for: str = "user"
    fail_fast: bool = False
    promotions: tuple[Promotion, ...] = ()
    triggers: tuple[TriggerSpec, ...] = ()
    rebuilt_after: float = 0


def shop_blocks(
    pytest: str = "passed", ruff: str = "passed", orders: str = "passed", *, skip: bool = False, again: str = ""
) -> tuple[BlockSpec, ...]:
    """The blocks of the shop: how its tests, its linter and its orders end."""
    job = f"shop-integration-{orders}"
    repeat = f"shop-integration-{again}" if again else ""
    return (
        BlockSpec("Lint", (JobSpec("ruff", f"shop-ruff-{ruff}", 21),)),
        BlockSpec("Unit tests", (JobSpec("pytest", f"shop-pytest-{pytest}", 48),)),
        BlockSpec(
            "Integration",
            tuple(JobSpec(f"orders - {n}/2", job, 30 + n, again=repeat) for n in (1, 2)),
            after=("Lint", "Unit tests"),
            skipped=skip,
        ),
    )


def one_block(
    block: str, job: str, recording: str, seconds: float = 40, agent: str = "f1-standard-2"
) -> tuple[BlockSpec, ...]:
    """A block of one job."""
    return (BlockSpec(block, (JobSpec(job, recording, seconds, agent),)),)
