"""The answer of ``ci_explain``: the telling thing first, in the room there is."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ci_mcp.core.answer import tokens
from ci_mcp.core.fence import fence
from ci_mcp.core.services import Services
from ci_mcp.core.shapes import Failure, Prose, Run, TestCase
from ci_mcp.status import Status
from ci_mcp.triage import words
from ci_mcp.triage.cause import Blame
from ci_mcp.triage.data import record
from ci_mcp.triage.gather import Room, Story
from ci_mcp.triage.reading import Explained

_ID: Final = re.compile(r"[0-9a-f-]{32,}")  # a person's id tells a reader nothing
# What such a run took is that of a part of it, as of one whose failed jobs run again.
_GOES_ON: Final = frozenset({Status.QUEUED, Status.RUNNING, Status.FAILING})
_NEWLINE: Final = "\n"
_REASONS: Final = 3  # for which jobs came to nothing
_MESSAGE: Final = 200  # characters of a test's message
_FENCES: Final = ("<<<", ">>>")
_FENCE: Final = 20  # tokens of the lines around an excerpt
_PLACES: Final = 40  # tokens of the places in the checkout, which are known once the excerpts are
_LONG_AGO: Final = "1 h 59 min ago"
_LEAST: Final = 100  # tokens that an excerpt should have before anything else is said at length


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is said beside the excerpts: at most so many failures, tests, names, commits.

    ``whole`` is whether further calls and what changed are told, too.
    """

    failures: int = 99
    tests: int = 8
    names: int = 10
    commits: int = 10
    notes: bool = True
    whole: bool = True


_DETAILS: Final = (
    Detail(),
    Detail(tests=3, names=5, commits=5),
    Detail(failures=8, tests=2, names=3, commits=0),
    Detail(failures=6, tests=1, names=2, commits=0),
    Detail(failures=4, tests=1, names=2, commits=0, notes=False),
    Detail(failures=2, tests=1, names=1, commits=0, notes=False),
    Detail(failures=1, tests=1, names=0, commits=0, notes=False, whole=False),
)


def prose(services: Services, stories: Sequence[Story], problems: Sequence[str], budget: int) -> Prose:
    """The stories as text and as data, in ``budget`` tokens; ``problems`` are providers that could not be asked."""
    rest = budget - sum(story.budget for story in stories)
    share = max(0, rest) // max(1, sum(not story.budget for story in stories))
    parts = [_fitted(services, story, story.budget or share) for story in stories]
    text = "\n\n".join([*parts, *(f"not asked: {problem}" for problem in problems)])
    return Prose(text, {"runs": [record(story) for story in stories], "problems": list(problems)})


def room(services: Services, budget: int, story: Story) -> Room:
    """What a story has for excerpts in ``budget`` tokens."""
    detail = _detail(services, story, budget)
    left = budget - _frame(services, story, detail)
    return Room(budget, left, min(len(story.explained), detail.failures))


def size(services: Services, story: Story) -> int:
    """The tokens that a story takes without excerpts."""
    return _frame(services, story, _DETAILS[0])


def _detail(services: Services, story: Story, budget: int) -> Detail:
    for detail in _DETAILS:
        shown = min(len(story.explained), detail.failures)
        if _frame(services, story, detail) + _LEAST * shown <= budget:
            return detail
    return _DETAILS[-1]


def _frame(services: Services, story: Story, detail: Detail) -> int:
    bare = _Telling(services, story, detail, excerpts=False)
    shown = min(len(story.explained), detail.failures)
    return tokens(bare.text()) + (_FENCE + _PLACES * bool(story.here)) * shown


def _fitted(services: Services, story: Story, budget: int) -> str:
    text = ""
    for detail in _DETAILS[_DETAILS.index(_detail(services, story, budget)) :]:
        text = _Telling(services, story, detail).text()
        if tokens(text) <= budget:
            break
    return text


class _Telling:
    """One story, told at one length."""

    def __init__(self, services: Services, story: Story, detail: Detail, *, excerpts: bool = True) -> None:
        self.story, self.detail, self.excerpts = story, detail, excerpts
        self.title = services.service(story.target.provider).title
        tools = services.catalog.of(story.target.provider)
        logs = next((tool for tool in tools if tool.name.endswith("_logs")), None)
        self.log_tool = f"{logs.name}({logs.input_schema['required'][0]}" if logs else ""

    def text(self) -> str:
        """All of it."""
        story = self.story
        reason = story.run.reason
        # A vendor's summary of several lines repeats what the logs say better.
        late = "\n" in reason and any(one.excerpt or one.log or one.failure.tests for one in story.explained)
        parts = [self._head(*([reason] if reason and not late else []))]
        if story.target.place.job and not story.explained:
            parts.append(f"The job {self._job_name()} did not fail.")
        parts += [self._failed(number, one) for number, one in enumerate(story.explained[: self.detail.failures], 1)]
        parts += [part for part in (self._left_out(), self._aside(), self._changed()) if part]
        text = "\n\n".join(parts)
        return f"{text}\n\n{reason}" if late and self.detail.notes and not _said(reason, text) else text

    def _head(self, *more: str) -> str:
        run = self.story.run
        lines = [f"{run.status.value.upper()}  {self._where()}", *([run.url] if run.url else []), self._jobs(), *more]
        return "\n".join([*lines, *(self.story.notes if self.detail.notes else self.story.notes[:1])])

    def _where(self) -> str:
        run = self.story.run
        branch = f"@{words.line(run.branch)}" if run.branch else ""
        place = f"{self.story.target.provider} {words.line(run.project)}{branch}"
        title = f' "{words.line(run.title.strip().partition(_NEWLINE)[0], 80)}"' if run.title.strip() else ""
        parts = [
            place,
            f"commit {run.commit[:10]}{title}" if run.commit else "",
            f"by {words.line(run.actor, 80)}" if run.actor and not _ID.fullmatch(run.actor) else "",
            self._ago(run.created) if run.created else "",
            f"took {words.duration(run.duration)}" if run.duration and run.status not in _GOES_ON else "",
        ]
        return ", ".join(part for part in parts if part)

    def _jobs(self) -> str:
        run = self.story.run
        counts = dict(run.counts or Counter(job.status.value for job in run.jobs))
        if not counts:
            return f"run {run.id}"
        order = sorted(counts.items(), key=lambda pair: (pair[0] != "failed", pair[0]))
        said = ", ".join(f"{number:,} {status}" for status, number in order)
        return f"run {run.id}, {words.count(sum(counts.values()), 'job')}: {said}"

    def _job_name(self) -> str:
        wanted = self.story.target.place.job
        return next(
            (f'"{words.line(job.name)}" ({job.status.value})' for job in self.story.run.jobs if job.id == wanted),
            wanted,
        )

    def _failed(self, number: int, one: Explained) -> str:
        job = one.failure.job
        step = f" in `{words.line(one.step.strip().partition(_NEWLINE)[0])}`" if one.step.strip() else ""
        # A job that its service ended has no code of its own; the reason says more.
        told = one.exit_code is not None and not (one.exit_code < 0 and one.failure.reason)
        code = f", {words.exit_code(one.exit_code)}" if told and one.exit_code is not None else ""
        alike = f"; the same in {words.count(len(one.also), 'other job')}: {self._names(one.also)}" if one.also else ""
        lines = [f'{number}. Job "{words.line(job.name)}" {job.status.value}{step}{code}{self._blame(one)}{alike}']
        lines += [said for said in (one.failure.reason, one.problem) if said and said != self.story.run.reason]
        lines += self._tests(one)
        if places := self._places(one, "\n".join(lines)):
            lines.append(f"In this checkout: {places}")
        if one.excerpt is not None and self.excerpts:
            lines.append(fence(one.excerpt.text(), "log"))
        if job.log_id and self.log_tool and not one.problem and self.detail.whole:
            lines.append(f'more of this log: {self.log_tool}="{job.id}", around=LINE) or search="REGEX"')
        return "\n".join(lines)

    def _blame(self, one: Explained) -> str:
        cause = one.cause
        if cause is None:
            return ""
        if cause.source == "vendor":
            return f" ({cause.blame.value}, says {self.title}, not the code)"
        where = f", line {cause.line} of its log" if cause.line else ""
        if cause.blame is Blame.CODE:
            return f" (the code: {cause.what})"
        return f" (likely {cause.blame.value}, not the code: {cause.what}{where})"

    def _names(self, names: Sequence[str]) -> str:
        more = len(names) - max(1, self.detail.names)
        shown = ", ".join(words.line(name, 80) for name in names[: max(1, self.detail.names)])
        return f"{shown} and {more:,} more" if more > 0 else shown

    def _tests(self, one: Explained) -> list[str]:
        failing = one.failure.tests
        if not failing:
            return []
        total = f" of {one.failure.tests_total:,}" if one.failure.tests_total else ""
        lines = [f"Failing tests: {len(failing):,}{total}"]
        lines += [f"- {self._test(test)}" for test in failing[: self.detail.tests]]
        more = len(failing) - self.detail.tests
        return [*lines, f"- … {more:,} more"] if more > 0 else lines

    def _test(self, test: TestCase) -> str:
        file = words.line(test.file, _MESSAGE)
        place = f"{file}:{test.line} " if file and test.line else f"{file} " if file else ""
        message = words.line(test.message.strip().partition(_NEWLINE)[0], _MESSAGE)
        flaky = self.story.flaky.get(test.name)
        said = f" [{self.title} calls it flaky{': ' + words.line(flaky) if flaky else ''}]" if flaky is not None else ""
        return f"{place}{words.line(test.name, _MESSAGE)}" + (f": {message}" if message else "") + said

    def _places(self, one: Explained, said: str) -> str:
        """The places in the checkout that were not said in the same words, or that tell more."""
        changed = self.story.between.files if self.story.between else frozenset()
        shown = [place for place in one.places if place.path in changed or str(place) not in said]
        return ", ".join(
            f"{words.line(str(place), _MESSAGE)}{' (changed since green)' if place.path in changed else ''}"
            for place in shown
        )

    def _left_out(self) -> str:
        cut = self.story.explained[self.detail.failures :]
        names = [*(one.failure.job.name for one in cut), *(job.name for job in self.story.unread)]
        if not names:
            return ""
        count = sum(one.failure.jobs + len(one.also) for one in cut) + len(self.story.unread)
        said = words.count(count, "more failed job")
        url = self.story.unread[0].url if self.story.unread else ""
        how = "ask with more tokens" if cut else f"ask about one, such as {url}" if url else ""
        names = [self._names(names)] if self.detail.names else []
        return ": ".join([f"Left out{f' ({how})' if how else ''}", said, *names])

    def _aside(self) -> str:
        canceled = [one for one in self.story.aside if one.job.status is Status.CANCELED]
        never = [one for one in self.story.aside if one.job.status is not Status.CANCELED]
        said = (self._counted(canceled, "canceled"), self._counted(never, "never ran"))
        return "\n".join(part for part in said if part)

    def _counted(self, failures: Sequence[Failure], how: str) -> str:
        """How many jobs came to nothing, and why, by reason."""
        if not failures:
            return ""
        by_reason: dict[str, list[str]] = {}
        for one in failures:
            by_reason.setdefault(one.reason, []).append(one.job.name)
        count = words.count(sum(one.jobs for one in failures), "job")
        return "\n".join([f"{count} {how}:", *self._reasons(by_reason)])

    def _reasons(self, by_reason: Mapping[str, Sequence[str]]) -> list[str]:
        shown = list(by_reason.items())[:_REASONS]
        return [f"- {self._names(names)}" + (f": {reason}" if reason else "") for reason, names in shown]

    def _changed(self) -> str:
        story, past = self.story, self.story.past
        if past is None or not story.run.status.bad or not self.detail.whole:
            return ""
        lines = [self._green()]
        if past.same and past.same is not past.green:
            lines.append(self._same(past.same))
        lines += self._since_before()
        between = story.between
        if between and between.commits and self.detail.commits:
            shown = between.commits[: self.detail.commits]
            more = between.count - len(shown)
            lines.append(fence("\n".join([*shown, *([f"… {more:,} earlier"] if more > 0 else [])]), "commits"))
        return "\n".join(line for line in lines if line)

    def _green(self) -> str:
        run, green = self.story.run, self.story.past.green if self.story.past else None
        if green is None:
            return self._no_green()
        if green.commit and green.commit == run.commit:
            return self._same(green)
        between = self.story.between
        since = ""
        if between:
            differ = words.count(len(between.files), "file")
            since = f": {words.count(between.count, 'commit')} since, {differ} changed"
        elif green.commit and run.commit:
            since = f": commits {green.commit[:10]}..{run.commit[:10]} came since"
        of = words.line(green.branch or run.project)
        return f"Last green run of {of}: {green.id}{self._when(green)}{since}."

    def _no_green(self) -> str:
        run, past = self.story.run, self.story.past
        of = words.line(run.branch or run.project)
        if past is None or not of:
            return ""
        if past.unknown:
            unread = f"{words.count(past.unknown, 'earlier run')} not looked at: each costs a request"
        else:
            unread = "only the newest runs were looked at" if past.cut else ""
        return f"No green run of {of} was found to compare with{f' ({unread})' if unread else ''}."

    def _same(self, run: Run) -> str:
        return f"The same commit passed in run {run.id}{self._when(run)}: suspect a flaky test or the environment."

    def _when(self, run: Run) -> str:
        return f", {self._ago(run.created)}" if run.created else ""

    def _ago(self, when: datetime) -> str:
        # While room is counted every time is as long: the same run is told with the same lines a minute later.
        return words.ago(when) if self.excerpts else _LONG_AGO

    def _since_before(self) -> list[str]:
        past = self.story.past
        before = past.before if past else None
        if past is None or before is None:
            return []
        if not before.status.bad:
            return ["The run before this one passed: what fails is new."] if past.green is before else []
        if past.jobs is None:
            return [f"The run before this one ({before.id}{self._when(before)}) failed, too."]
        jobs = [name for one in self.story.explained for name in (one.failure.job.name, *one.also)]
        said = self._compared(jobs, past.jobs)
        lines = [f"The run before this one ({before.id}{self._when(before)}) failed, too; {'; '.join(said)}."]
        tests = [test.name for one in self.story.explained for test in one.failure.tests]
        if tests and past.tests:
            gone = sorted(past.tests.difference(tests))
            said = self._compared(list(dict.fromkeys(tests)), past.tests)
            said += [f"not failing now: {self._names(gone)}"] if gone else []
            lines.append(f"Tests: {'; '.join(said)}.")
        return lines

    def _compared(self, names: Sequence[str], before: frozenset[str]) -> list[str]:
        old, new = ([name for name in names if (name in before) is known] for known in (True, False))
        said = [f"failing there already: {self._names(old)}"] if old else []
        return said + ([f"new: {self._names(new)}"] if new else [])


def _said(words: str, text: str) -> bool:
    """Whether most lines of ``words`` stand in ``text``, too."""
    known = {line.lstrip(" >|") for line in text.splitlines()}
    lines = [bare for line in words.splitlines() if not line.startswith(_FENCES) and (bare := line.lstrip(" >|"))]
    return sum(line in known for line in lines) * 2 >= len(lines)
