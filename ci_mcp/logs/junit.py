"""Test reports to failing tests: JUnit XML in its dialects, and the JSON that Semaphore's ``test-results`` writes.

A report comes from a build, so it is hostile: it may be a bomb (gzip, XML entities), broken off, or very large.
XML is read as a stream and only failing tests are kept, so that memory stays small.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from ci_mcp.errors import BadAnswerError
from ci_mcp.logs import testresults
from ci_mcp.logs.report import DETAILS_MAX, Failed, Report, Tally, TestCase, located, merge
from ci_mcp.logs.text import clean_text
from ci_mcp.status import Status

__all__ = ["Report", "TestCase", "merge", "parse"]

LARGEST: Final = 32 << 20
"""Most bytes of a report, decompressed."""

_GZIP: Final = b"\x1f\x8b"
_DEEPEST: Final = 200
_BAD_BYTES: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BAD_REFERENCES: Final = re.compile(rb"&#(?:[xX]0*(?:[0-8bcefBCEF]|1[0-9a-fA-F])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));")


def parse(data: bytes) -> Report:
    """Read one report, whatever its form: XML or JSON, gzipped or not.

    Raises:
        BadAnswerError: it is no report, too large, or a bomb.
    """
    text = _gunzip(data).lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in {b"{", b"["}:
        return testresults.parse(text)
    if text[:1] == b"<" or text[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return _xml(text)
    raise BadAnswerError("that is no test report: neither XML nor JSON")


def _gunzip(data: bytes) -> bytes:
    if data.startswith(_GZIP):
        engine = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            data = engine.decompress(data, LARGEST + 1)
        except zlib.error as error:
            raise BadAnswerError("the test report's compression is damaged") from error
    if len(data) > LARGEST:
        raise BadAnswerError(f"the test report is larger than {LARGEST >> 20} MB", "look at the log instead")
    return data


@dataclass(slots=True)
class _Element:
    """One open element of the XML."""

    tag: str
    attributes: Mapping[str, str]
    text: list[str] = field(default_factory=list)
    size: int = 0


# What decides over a test, the worst first; a "flaky" one passed in the end, a "rerun" one failed again.
_VERDICTS: Final[Mapping[str, str]] = {
    "failure": "failed",
    "error": "errors",
    "rerunFailure": "",
    "rerunError": "",
    "flakyFailure": "",
    "flakyError": "",
    "skipped": "skipped",
    "ignored": "skipped",
    "disabled": "skipped",
}


class _Reader:
    """Reads JUnit XML as a stream of elements."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.open: list[_Element] = []
        self.seen = False
        self._verdict: tuple[str, _Element] | None = None
        self._output: dict[str, str] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if len(self.open) >= _DEEPEST:
            raise BadAnswerError("the test report nests too deep")
        if not self.open:
            self.seen = tag in {"testsuites", "testsuite", "testcase", "test-results"}
            if not self.seen:
                raise BadAnswerError(f"that is no test report: its root is <{clean_text(tag)[:40]}>")
        if tag == "testcase":
            self._verdict, self._output = None, {}
        self.open.append(_Element(tag, attributes))

    def data(self, text: str) -> None:
        element = self.open[-1]
        if element.size < DETAILS_MAX * 8:
            element.text.append(text)
            element.size += len(text)

    def end(self, _: str) -> None:
        element = self.open.pop()
        parent = self.open[-1].tag if self.open else ""
        if element.tag == "testcase":
            self._finish(element)
        elif element.tag in _VERDICTS:
            if parent == "testcase":
                self._judge(element)
            elif parent == "testsuite" and _VERDICTS[element.tag] in {"failed", "errors"}:
                # A suite that could not be set up has no tests to show for it.
                suite = _Element("testcase", {"name": self.open[-1].attributes.get("name", "")})
                self._verdict = (_VERDICTS[element.tag], element)
                self._finish(suite)
        elif element.tag in {"system-out", "system-err"} and parent == "testcase":
            self._output[element.tag] = "".join(element.text)

    def _judge(self, element: _Element) -> None:
        kind = _VERDICTS[element.tag]
        order = ("failed", "errors", "skipped")
        if kind and (self._verdict is None or order.index(kind) < order.index(self._verdict[0])):
            self._verdict = (kind, element)

    def _finish(self, case: _Element) -> None:
        kind, verdict = self._verdict or ("passed", case)
        self._verdict = None
        attributes = case.attributes
        status = attributes.get("status", "").lower()
        if kind == "passed" and status in {"notrun", "skipped", "disabled", "ignored"}:
            kind = "skipped"
        made = TestCase(
            status=Status.PASSED,
            name=attributes.get("name", ""),
            duration=_seconds(attributes.get("time") or attributes.get("duration")),
        )
        if kind in {"failed", "errors"}:
            made = located(made, self._said(attributes, verdict))
        self.tally.add(kind, made)

    def _said(self, attributes: Mapping[str, str], verdict: _Element) -> Failed:
        suite = next((element for element in reversed(self.open) if element.tag == "testsuite"), None)
        around = suite.attributes if suite is not None else {}
        details = "".join(verdict.text).strip("\r\n") or self._output.get("system-err", "").strip("\r\n")
        return Failed(
            suite=attributes.get("classname") or attributes.get("class") or around.get("name", ""),
            file=_first(attributes, "file", "filepath") or _first(around, "file", "filepath"),
            line=_first(attributes, "line", "lineno") or _first(verdict.attributes, "line"),
            message=verdict.attributes.get("message") or verdict.attributes.get("type", ""),
            details=details,
        )


def _xml(data: bytes) -> Report:
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=":")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(_mended(data), True)  # noqa: FBT003 - expat takes no keyword
    except LookupError as error:
        raise BadAnswerError("the test report names an encoding that does not exist") from error
    except expat.ExpatError as error:
        # What a killed run wrote until then is worth having.
        if not reader.seen or not reader.tally.report().total:
            raise BadAnswerError(f"the test report is not XML: {expat.ErrorString(error.code)}") from error
        return reader.tally.report(cut_off=True)
    return reader.tally.report()


def _refuse(*_: object) -> None:
    """No report needs entities of its own; a few of them can stand for gigabytes."""
    raise BadAnswerError("the test report declares entities, which no report needs")


def _mended(data: bytes) -> bytes:
    """The XML without the control characters that test tools copy into it, and in valid UTF-8."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data
    data = _BAD_REFERENCES.sub(b"", _BAD_BYTES.sub(b"", data))
    declared = re.match(rb"<\?xml[^>]*encoding=[\"']([\w.-]+)", data[:200])
    if declared is None or declared[1].lower() in {b"utf-8", b"utf8"}:
        data = data.decode("utf-8", "replace").encode()
    return data


def _first(values: Mapping[str, str], *keys: str) -> str:
    return next((values[key] for key in keys if values.get(key)), "")


def _seconds(value: str | None) -> float | None:
    """A duration as tools write it: ``1.5``, ``1,234.5``, ``1.5s``."""
    try:
        seconds = float((value or "").strip().rstrip("s").replace(",", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e9 else None  # noqa: PLR2004 - thirty years: not a duration
