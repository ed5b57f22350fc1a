"""Full-text search as the server's index does it: every word of a query begins some word of the text."""

import re
from collections.abc import Iterable

from ci_mcp.sandbox.pocketci.model import Pipeline, Row, Run
from ci_mcp.sandbox.pocketci.runs import prefix_of
from ci_mcp.sandbox.pocketci.world import World

_WORD = re.compile(r"[^\W_]+")
_BIG = 1_000_000


def terms_of(query: str) -> list[list[str]]:
    """A query as the words that it wants side by side: operators are words, and quotes are nothing."""
    return [words for term in query.split() if (words := [word.casefold() for word in _WORD.findall(term)])]


def matches(terms: Iterable[list[str]], *texts: str) -> bool:
    """Whether each term is in one of the texts: its words one after the other, the last as a beginning."""
    return all(any(_contains(term, text) for text in texts) for term in terms)


def _contains(term: list[str], text: str) -> bool:
    # A word ends where letters and digits do; an underscore divides words too.
    pattern = r"[\W_]+".join(re.escape(word) for word in term)
    if len(text) > _BIG and term[0] not in text.casefold():
        return False
    return re.search(rf"(?:^|[\W_]){pattern}", text, re.IGNORECASE) is not None


def search_rows(world: World, run: Run, query: str) -> list[Row]:
    """The rows of a run that a query finds, in the order in which they were written; none for an empty one."""
    terms, now = terms_of(query), world.now()
    if not terms:
        return []
    found = []
    for row in run.visible_rows(now):
        path = prefix_of(run) + row.path
        # The path alone is enough for the query that wants every row: a log may have megabytes.
        if matches(terms, path) or matches(terms, path, *_strings(row.payload(now, world.clock))):
            found.append(row)
    return found


def _strings(value: object) -> list[str]:
    """Every text in a value, its keys apart; what follows one another in a log is one text."""
    if isinstance(value, dict):
        found = [text for key, inside in value.items() if key != "logs" for text in _strings(inside)]
        chunks = value.get("logs", ())
        return [*found, "".join(one["content"] for one in chunks), *{one["type"] for one in chunks}]
    if isinstance(value, list):
        return [text for inside in value for text in _strings(inside)]
    return [value] if isinstance(value, str) else []


def search_runs(world: World, pipeline_id: str, query: str) -> list[Run]:
    """The runs of a pipeline that a query finds, newest first; all for an empty one."""
    terms, now = terms_of(query), world.now()
    if query.strip() and not terms:
        return []
    return [
        run
        for run in world.newest(pipeline_id)
        if matches(terms, run.id, run.status(now), _error(run, now), run.trigger_type, run.triggered_by)
    ]


def _error(run: Run, now: float) -> str:
    return run.error if now >= run.end else (run.before or (0, ""))[1]


def search_pipelines(pipelines: Iterable[Pipeline], query: str) -> list[Pipeline]:
    """The pipelines whose name or source a query finds; all for an empty one."""
    terms = terms_of(query)
    if query.strip() and not terms:
        return []
    return [one for one in pipelines if matches(terms, one.name, one.content)]
