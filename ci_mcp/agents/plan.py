"""What setting up would change, worked out before anything is touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ci_mcp.agents import base, guide
from ci_mcp.agents.base import Agent, Entry, ForeignError, Machine, is_ours, merged
from ci_mcp.agents.files import Change, LeftAloneError, look, real


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be set up, or taken out.

    Attributes:
        agents: for which agents.
        machine: where.
        root: the project's folder; ``None`` for the user's own configuration.
        entry: how our server is started; ``None`` to take it out.
        section: the guide's section.
        found: whether that section names what was found; if not, one that is there stays as it is.
    """

    agents: Sequence[Agent]
    machine: Machine
    root: Path | None
    entry: Entry | None
    section: str = ""
    found: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A program of an agent's own to be run: the agent, its path, and the words that follow it."""

    agent: Agent
    program: str
    words: tuple[str, ...]


@dataclass(slots=True)
class Plan:
    """What is to be done.

    Attributes:
        changes: files to write.
        calls: programs to run, in this order.
        left: what is left alone, and why.
        changed: the agents that something changes for.
    """

    changes: list[Change] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    left: list[LeftAloneError] = field(default_factory=list)
    changed: list[Agent] = field(default_factory=list)


@dataclass(slots=True)
class _Draft:
    """A file on its way: what is there, what is to be there, and what is a person's own of it."""

    path: Path
    before: str | None
    text: str | None
    own: str | None


class _Drafts:
    """The files by where they really are, so that two names of one file are one."""

    def __init__(self, machine: Machine, root: Path | None) -> None:
        self.drafts: dict[Path, _Draft] = {}
        self.top = root or Path(machine.home)

    def open(self, path: Path) -> _Draft:
        """The draft for a path; raises `LeftAloneError` where it cannot be edited."""
        target = real(path)
        if target not in self.drafts:
            raw = look(path)
            try:
                text = raw.decode() if raw is not None else None
            except UnicodeDecodeError as error:
                raise LeftAloneError(f"{path} is not UTF-8") from error
            self.drafts[target] = _Draft(path, text, text, text)
        return self.drafts[target]

    def changes(self) -> list[Change]:
        """What differs."""
        return [
            Change(path=one.path, before=_raw(one.before), after=_raw(one.text), own=_raw(one.own), top=self.top)
            for one in self.drafts.values()
            if one.text != one.before
        ]


def _raw(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def plan(task: Task) -> Plan:
    """Work out what a task changes; nothing is written and no program is run."""
    made = Plan()
    drafts = _Drafts(task.machine, task.root)
    guided: list[Agent] = []
    for agent in task.agents:
        try:
            if _through(task, agent):
                calls = _calls(task, agent)
                made.calls += calls
                changed = bool(calls)
            else:
                changed = _configure(task, agent, drafts)
            if changed:
                made.changed.append(agent)
        except LeftAloneError as error:
            made.left.append(_by_hand(task, agent, error))
            if task.entry and isinstance(error.__cause__, ForeignError):  # a guide would send it to another's server
                continue
        guided.append(agent)
    if task.root is not None:
        for name, agents in _guides(guided).items():
            try:
                _guide(task, task.root / name, agents, drafts)
            except LeftAloneError as error:
                made.left.append(error)
    made.changes = drafts.changes()
    return made


def _through(task: Task, agent: Agent) -> str:
    """The path of the agent's own program, where that edits this configuration."""
    return (task.machine.which(agent.through.program) or "") if agent.through and task.root is None else ""


def _path(task: Task, agent: Agent) -> Path:
    path = agent.file(task.machine, task.root)
    if path is None:
        raise LeftAloneError(f"{agent.title} knows no projects", "give --scope user")
    return Path(path)


def _configure(task: Task, agent: Agent, drafts: _Drafts) -> bool:
    """Put our server into an agent's file or take it out; gives whether that changes it."""
    path = _path(task, agent)
    draft = drafts.open(path)
    before = draft.text
    if task.entry is None and not _ours_in(before):
        return False
    try:
        draft.own = agent.form.remove(draft.own) if draft.own is not None else None
        draft.text = agent.form.add(before, task.entry) if task.entry else agent.form.remove(before or "")
    except ValueError as error:
        raise _unreadable(path, error) from error
    return draft.text != before


def _ours_in(text: str | None) -> bool:
    """Whether a text may start our server, be it broken or not."""
    return text is not None and any(name in text.lower() for name in ("ci-mcp", "ci_mcp"))


def _unreadable(path: Path, error: ValueError) -> LeftAloneError:
    step = "rename that server, or change it by hand" if isinstance(error, ForeignError) else "correct it"
    return LeftAloneError(f"{path} was left alone: {error}", step)


def _by_hand(task: Task, agent: Agent, error: LeftAloneError) -> LeftAloneError:
    if task.entry is None:
        return LeftAloneError(error.message, f'{error.next_step or "correct it"}; or remove its server "ci" by hand')
    snippet = agent.form.snippet(agent.form.fields(task.entry))
    return LeftAloneError(error.message, f"{error.next_step or 'correct it'}; or add by hand {snippet}")


def _calls(task: Task, agent: Agent) -> list[Call]:
    """The calls of an agent's own program that bring its configuration about; none where it is so already."""
    path = _path(task, agent)
    through = agent.through
    if through is None:
        return []
    raw = look(path)
    try:
        text = None if raw is None else raw.decode()
        if task.entry is None and not _ours_in(text):
            return []
        old = agent.form.read(text) if text is not None else None
    except ValueError as error:
        raise _unreadable(path, error) from error
    program = _through(task, agent)
    remove = Call(agent=agent, program=program, words=through.remove)
    if task.entry is None:
        return [remove] if is_ours(old) else []
    add = Call(agent=agent, program=program, words=through.add(task.entry))
    if old is None:
        return [add]
    if not is_ours(old):
        raise _unreadable(path, ForeignError())
    return [] if merged(old, agent.form.fields(task.entry)) == old else [remove, add]


def _guides(agents: Sequence[Agent]) -> Mapping[str, list[Agent]]:
    found: dict[str, list[Agent]] = {}
    for agent in agents:
        if agent.guide:
            found.setdefault(agent.guide, []).append(agent)
    return found


def _guide(task: Task, path: Path, agents: Sequence[Agent], drafts: _Drafts) -> None:
    if task.entry is None and _shared(task, path, agents):
        return
    draft = drafts.open(path)
    head = agents[0].guide_head
    draft.own = guide.take(draft.own, head) if draft.own is not None else None
    if task.entry is None:
        draft.text = guide.take(draft.text, head) if draft.text is not None else None
    elif task.found or draft.text is None or not guide.present(draft.text):
        draft.text = guide.put(draft.text, task.section, head)


def _shared(task: Task, path: Path, agents: Sequence[Agent]) -> bool:
    """Whether an agent that stays set up in the project reads this guide too."""
    others = [one for one in base.agents().values() if one.guide and one not in task.agents and one not in agents]
    same = [one for one in others if task.root and real(task.root / one.guide) == real(path)]
    return any(configured(agent, task.machine, task.root) for agent in same)


def configured(agent: Agent, machine: Machine, root: Path | None) -> list[str]:
    """The command line with which an agent starts our server; empty where it does not."""
    path = agent.file(machine, root)
    try:
        text = look(Path(path), to_change=False) if path is not None else None
        entry = agent.form.read(text.decode()) if text is not None else None
    except (LeftAloneError, ValueError):
        return []
    return base.words(entry) if is_ours(entry) else []
