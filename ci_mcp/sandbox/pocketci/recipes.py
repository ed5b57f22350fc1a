"""What a pipeline's source says is to be done: its jobs and their steps, as far as the sandbox can do them."""

import re
from functools import lru_cache
from typing import Any

import yaml

Json = dict[str, Any]
_UNREADABLE = "could not parse YAML pipeline: failed to parse pipeline config"
_TASK = re.compile(r'name:\s*"([^"]+)".*?args:\s*\["-c",\s*"((?:[^"\\]|\\.)*)"\]', re.DOTALL)
_THROW = re.compile(r"throw new Error\(\s*[\"'`]([^\"'`$]*)")


class Broken(Exception):  # noqa: N818 - what a run says of its pipeline, not a fault of the program
    """A source that nothing can be made of; says why."""


@lru_cache(maxsize=64)  # most runs of a world share a source, and YAML is read slowly
def read_jobs(content: str) -> list[Json]:
    """The jobs of a YAML pipeline, not to be changed; none where it has none.

    Raises:
        Broken: it is no pipeline.
    """
    try:
        sent = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise Broken(_complaint(content, error)) from None
    if not isinstance(sent, dict):
        line = content.splitlines()[0] if content.strip() else ""
        problem = "string was used where mapping is expected"
        raise Broken(f"{_UNREADABLE}: [1:1] {problem}\n>  1 | {line}\n       ^\n")
    jobs: list[Json] = sent.get("jobs") or []
    return jobs


def _complaint(content: str, error: yaml.YAMLError) -> str:
    """A syntax error as the server's library words it, with the line that it is about."""
    mark = getattr(error, "problem_mark", None)
    number = min(mark.line if mark else 0, max(0, content.count("\n")))
    line = (content.splitlines() or [""])[min(number, len(content.splitlines()) - 1)]
    column = line.find("[") + 1 or 1
    problem = "sequence end token ']' not found" if "[" in line else "unexpected key name"
    return f"{_UNREADABLE}: [{number + 1}:{column}] {problem}\n>  {number + 1} | {line}\n{' ' * (column + 6)}^\n"


def needs(job: Json) -> list[str]:
    """The jobs that must have passed before a job runs."""
    found = list(job.get("depends_on", ()))
    for step in job.get("plan", ()):
        found += [name for name in step.get("passed", ()) if name not in found]
    return found


def command_of(step: Json) -> str:
    """The shell script of a task."""
    args = step.get("config", {}).get("run", {}).get("args", [])
    return str(args[-1]) if args else ""


def combinations(step: Json) -> list[tuple[str, str]]:
    """The values that a step is run across: what its place is called, and what its name gets."""
    found: list[tuple[str, str]] = [("", "")]
    for variable in step["across"]:
        found = [
            ("_".join(filter(None, (place, f"{variable['var']}_{value}"))), "-".join(filter(None, (words, str(value)))))
            for place, words in found
            for value in variable["values"]
        ]
    return found


def seconds_of(text: str) -> float:
    """A time span such as ``20s`` or ``1h30m`` in seconds."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([0-9.]+)(ms|h|m|s)", text))


def read_calls(content: str) -> tuple[list[tuple[str, str]], str]:
    """The tasks that a TypeScript or JavaScript pipeline runs with their scripts, and what it throws if one fails."""
    calls = [(name, script.replace('\\"', '"')) for name, script in _TASK.findall(content)]
    thrown = _THROW.search(content)
    return calls, thrown[1].strip() if thrown else ""
