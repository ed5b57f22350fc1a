"""What to do about a pipeline or job that ended, or did not begin, for a reason that is in no log."""

import re
from collections.abc import Mapping
from typing import Final

from ci_mcp.core.wire import text
from ci_mcp.providers.semaphore import grouping, wire
from ci_mcp.providers.semaphore.wire import Json

_STEPS: Final[Mapping[str, str]] = {
    "malformed": 'correct its YAML, and check it with "ci-mcp semaphore pipelines validate --file …" before the push',
    "stuck": "run its failed blocks again, ci_rerun(); if it gets stuck again, ask Semaphore's support",
    "internal": "run it again; where the organization is suspended ask its owner, else Semaphore's support",
    "strategy": "look at the newest run of the branch; auto_cancel in the YAML decides which runs are stopped",
    "fast_failing": "look at the jobs that failed by themselves",
    "timeout": "find what hangs at the end of its log, or raise execution_time_limit in the YAML",
    "deleted": "push the branch again if it is still needed",
    "user": "run it again if that was not meant",
}
# Semaphore's own words for why something could not run, and what they ask for; the first that fits.
_BY_WORDS: Final[Mapping[str, str]] = {
    r"pipelines in same workflow": "its promotions trigger each other: look for a loop in their auto_promote rules",
    r"limit of queu\w+|too many .{0,20}queu": "cancel queued pipelines that nobody needs, or wait for them to end",
    r"quota|parallel\w* limit": "wait for other jobs to end, or ask the organization's owner for a higher quota",
    r"no agents? of type": "connect an agent of that type, or correct agent.machine.type in the YAML",
    r"machine type|agent type|os.?image": (
        "give agent.machine in the YAML a type and image that this organization has: "
        '"ci-mcp semaphore jobs describe" of a green job shows one'
    ),
    r"suspended|trial|expired|billing|payment|credit|spending": (
        "ask the organization's owner: its plan or payment stops it"
    ),
    r"cordon|deployment target": "ask who looks after the deployment target: it takes nothing from this run now",
    r"secrets? .{0,80}(?:not found|missing|does not exist|not allowed)|(?:missing|unknown|no) secret": (
        "make the secret, or allow this project, branch and pipeline to use it"
    ),
    r"(?:branch|tag|commit|revision|reference).{0,80}(?:not found|missing|does not exist|deleted)": (
        "push that branch or commit, or correct its name: the repository does not have it"
    ),
    r"no such file|(?:yml|yaml|pipeline file|file).{0,80}(?:not found|missing|does not exist|cannot be found)": (
        "add the pipeline's file at that path, or correct the path in the project's settings"
    ),
    r"before it started": "it was stopped early: its pipeline says why, semaphore_pipelines_describe()",
    r"never started": "its pipeline says why, semaphore_pipelines_describe(); else run it again, ci_rerun()",
}


def advice(said: str) -> str:
    """What to do about a failure, by Semaphore's words for it; empty where they are not known."""
    words = " ".join(said.lower().split())
    return next((step for sign, step in _BY_WORDS.items() if re.search(sign, words)), "")


def told(raw: Json) -> str:
    """Why a pipeline or block is not green, where its jobs cannot tell, and what to do; empty where they can."""
    said = grouping.why(raw)
    if not said:
        return ""
    step = advice(text(raw, "error_description")) or _STEPS.get(wire.word(raw.get("result_reason")), "")
    return with_step(said, step)


def with_step(said: str, step: str) -> str:
    """A reason and what to do about it, as one text."""
    if not step:
        return said
    return f"{said}\n{step}" if "\n" in said else f"{said.rstrip('.')}; {step}"
