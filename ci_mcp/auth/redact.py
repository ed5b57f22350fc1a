"""What must never be shown: a token that we know, and what has the shape of a secret.

A secret becomes ``[redacted: kind]``; what stands around it stays.
Hashes, ids and base64 in a log are no secrets: every shape here has a vendor's prefix or a telling name before it.
Give `redact` the whole text, not its lines: a private key is a block of lines.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote

import re2

_SHORTEST: Final = 6
"""A shorter token is not looked for: it would be found in ordinary words."""

_HEADERS: Final = (
    r"\b(?i:x-(?:api-key|auth-token|vault-token|amz-security-token)|(?:circle|private|job|buildkite)-token)"
    r"[\"']?[ \t]*[:=][ \t]*[\"']?([\w.~+/-]{8,}=*)"
)
_QUERY: Final = (
    r"(?:[?&;]|u0026)(?i:x-(?:amz|goog|oss|ms)-(?:signature|credential|security-token)|signature|sig|jwt|api_?key"
    r"|(?:(?:access|refresh|id|auth|private)_|circle-)?token|client_secret|awsaccesskeyid|password)"
    r"=([^\s&\"'<>\[\]\\;)`]{8,})"
)
_VARIABLE: Final = (
    r"(?:TOKEN|SECRET|PASSWORD|PASSWD|APIKEY|API_KEY|ACCESS_KEY|PRIVATE_KEY)[A-Z0-9_]{0,40}"
    r"=[\"']?([^\s\"'\[;,&|)]{8,})"
)
_NAMED: Final = (
    r"(?i:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)"
    r"\\?[\"']?[ \t]*[:=][ \t]*\\?[\"']([^\s\"'\[\\]{12,})[\"'\\]"
)
_PAIR: Final = (  # {"name": "API_TOKEN", "value": "…"}, as services list variables
    r"[\"']name\\?[\"'][ \t]*:[ \t]*\\?[\"'][^\"'\s]{0,60}"
    r"(?i:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)[^\"'\s]{0,20}[\"']"
    r"[ \t]*,[ \t]*\\?[\"']value\\?[\"'][ \t]*:[ \t]*\\?[\"']([^\s\"'\[\\]{8,})[\"'\\]"
)
_SETTING: Final = (  # a line of YAML with its value bare, which may stand behind the line numbers of an answer
    r"(?m:^[ \t\d|>+-]{0,40}[\w.-]{0,60}(?i:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)"
    r"[ \t]*:[ \t]+([^\s\"'\[\]{}$<>*,;()&|]{12,200})[ \t\r]*$)"
)
# No repetition before a secret is without bound or goes over a line's end: that is what keeps the search linear.
# Each shape has one group, the secret; what stands before it is shown.
_SHAPES: Final[tuple[tuple[str, str], ...]] = (
    # the services that we speak to
    ("CircleCI token", r"\b((?i:ccipat|cciprj)_[A-Za-z0-9_-]{16,})"),
    ("Buildkite token", r"\b(bk(?:ua|pt|aj|ct|at|ps|t)_[A-Za-z0-9_-]{20,})"),
    # where code and packages live
    ("GitHub token", r"\b(gh[oprsu]_[A-Za-z0-9_.-]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    ("GitLab token", r"\b(gl(?:pat|rt|dt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.-]{20,}|GR1348941[\w-]{20})"),
    ("Atlassian token", r"\b(ATBB[A-Za-z0-9]{28,}|AT[AC]TT3[\w=-]{60,})"),
    ("npm token", r"\b(npm_[A-Za-z0-9]{36})\b"),
    ("PyPI token", r"\b(pypi-AgE[\w-]{50,})"),
    ("RubyGems token", r"\b(rubygems_[0-9a-f]{48})\b"),
    ("Docker token", r"\b(dckr_[po]at_[\w-]{20,})"),
    ("Hugging Face token", r"\b(hf_[A-Za-z]{34})\b"),
    # clouds and services that builds talk to
    ("AWS key", r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b"),
    (
        "AWS secret",
        r"(?i:aws_?(?:secret|session)_?(?:access_?)?(?:key|token))[\"']?[ \t]*[=:][ \t]*[\"']?([\w/+]{40,}=*)",
    ),
    ("Google key", r"\b(AIza[\w-]{35}|ya29\.[\w-]{30,}|GOCSPX-[\w-]{28})"),
    ("Azure key", r"(?i:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,}={0,2})"),
    ("DigitalOcean token", r"\b(do[opr]_v1_[0-9a-f]{64})\b"),
    ("Slack token", r"\b(xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{20,})"),
    ("webhook", r"https://hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/+_-]{20,})"),
    ("webhook", r"https://discord(?:app)?\.com/api/webhooks/(\d{10,}/[\w-]{40,})"),
    ("Stripe key", r"\b((?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,})"),
    ("API key", r"\b(sk-(?:proj|svcacct|admin|ant|or)-[\w-]{20,}|sk-[A-Za-z0-9]{48})\b"),
    ("SendGrid key", r"\b(SG\.[\w-]{22}\.[\w-]{43})\b"),
    ("Vault token", r"\b(hv[sbr]\.[\w-]{24,})"),
    ("Terraform token", r"\b([A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,})"),
    ("Sentry token", r"\b(sntry[su]_[A-Za-z0-9+/=_-]{40,})"),
    ("Grafana token", r"\b(gl(?:sa|c)_[A-Za-z0-9+/=_]{32,})"),
    ("Tailscale key", r"\b(tskey-[a-z]+-[A-Za-z0-9-]{16,})"),
    ("Databricks token", r"\b(dapi[0-9a-f]{32})\b"),
    ("Doppler token", r"\b(dp\.(?:pt|st|ct|scim|audit|sa)\.[A-Za-z0-9.]{40,})"),
    ("Pulumi token", r"\b(pul-[0-9a-f]{40})\b"),
    ("Shopify token", r"\b(shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})\b"),
    ("age key", r"\b(AGE-SECRET-KEY-1[0-9A-Z]{58})\b"),
    # shapes of no vendor
    ("JWT", r"\b(ey[IJ][A-Za-z0-9_-]{10,}\.ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"),
    (
        "authorization",
        r"(?i:authorization)[\"']?[ \t]*[:=][ \t]*[\"']?(?i:(?:basic|bearer|token|apikey)[ \t]+)?([\w.~+/:-]{8,}=*)",
    ),
    ("authorization", r"\b(?i:bearer)[ \t]+([\w.~+/-]{20,}=*)"),
    ("authorization", _HEADERS),
    ("cookie", r"\b(?i:(?:set-)?cookie):[ \t]*([\w.-]{1,100}=[^\s;\"'\[]{16,}[^\r\n\"']*)"),
    ("password", r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@\"'<>\[\]()]{0,100}:([^\s/@\"'<>\[\]]{3,200})@[\w\[-]"),
    ("token", r"\b(?i:https?)://([A-Za-z0-9_-]{20,})@[\w-]"),
    ("signature", _QUERY),
    ("secret", _VARIABLE),
    ("secret", _NAMED),
    ("secret", _PAIR),
    ("setting", _SETTING),
)
# These rest on a name before the value, so the value must look like one.
_BY_NAME: Final = frozenset({"authorization", "cookie", "password", "signature", "secret", "setting", "token"})
_NO_VALUE: Final = ("$", "*", "<", "{", "%(", "...", "…", "xxxx", "redacted", "://", "secure]")
_KEY_MARK: Final = re2.compile(r"-----(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LONGEST: Final = 20_000
HIDDEN_KEY: Final = "[redacted: private key]"
_KEY_LINE: Final = re2.compile(r"[ \t\d|:>]*[A-Za-z0-9+/=]{16,}[ \t\r]*")

_known: set[str] = set()


def register(token: str) -> None:
    """Never show this token again, as it is or as it stands in a URL or a Basic header."""
    token = token.strip()
    if len(token) >= _SHORTEST:
        _known.update({token, quote(token, safe=""), base64.b64encode(token.encode()).decode()})


def redact(text: str) -> str:
    """The text with ``[redacted: kind]`` in place of every secret; the same text twice is the same as once."""
    for token in sorted(_known, key=len, reverse=True):
        if token in text:
            text = text.replace(token, "[redacted: token]")
    try:
        return _shapes(_private_keys(text))
    except UnicodeEncodeError:  # a lone surrogate, as broken JSON can hold
        return _shapes(_private_keys(text.encode("utf-8", "replace").decode()))


def redact_keys(lines: Sequence[str]) -> list[str]:
    """The lines, as many as they were, with ``[redacted: private key]`` for each that is part of a private key.

    `redact` sees a key only in a whole text: this is for lines that are handed on one by one.
    """
    text = "\n".join(lines)
    if "PRIVATE KEY" not in text:
        return list(lines)
    hidden: set[int] = set()
    for begin, end in _key_spans(text):
        hidden.update(range(text.count("\n", 0, begin), text.count("\n", 0, end) + 1))
    return [HIDDEN_KEY if number in hidden else line for number, line in enumerate(lines)]


def looks_like_key(line: str) -> bool:
    """Whether a line may stand in the middle of a private key; many others look so, too."""
    return _KEY_LINE.fullmatch(line) is not None


def redact_environment(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Variables with their names kept and their values redacted; an empty value stays empty, which may be the news."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return [(name, "[redacted]" if value else "") for name, value in items]


@cache
def _pattern() -> Any:
    return re2.compile("|".join(pattern for _, pattern in _SHAPES))


def _shapes(text: str) -> str:
    parts: list[str] = []
    done = 0
    for match in _pattern().finditer(text):
        kind = _SHAPES[match.lastindex - 1][0]
        start, end = match.span(match.lastindex)
        if kind in _BY_NAME and (not _is_value(text[start:end], kind) or _is_page(text, match.start(), start)):
            continue
        parts += (text[done:start], f"[redacted: {kind}]")
        done = end
    return "".join((*parts, text[done:])) if parts else text


def _is_page(text: str, begin: int, start: int) -> bool:
    """Whether the name before a value is that of a list's next page, as in ``next_page_token``."""
    return re.search(r"page[_-]?token", text[max(0, begin - 5) : start], re.IGNORECASE) is not None


def _is_value(value: str, kind: str) -> bool:
    """Whether this looks like a value, not like a placeholder, a variable or a word of a sentence."""
    if any(sign in value.lower() for sign in _NO_VALUE) or len(set(value)) < 3:  # noqa: PLR2004 - "xxx", "aaaa"
        return False
    if kind == "setting":  # nothing quotes it: it may as well be a word
        return any(sign.isdigit() for sign in value) and any(sign.isalpha() for sign in value)
    return kind in {"password", "signature", "cookie"} or not value.isalpha()


def _private_keys(text: str) -> str:
    parts: list[str] = []
    done = 0
    for begin, end in _key_spans(text):
        parts += (text[done:begin], HIDDEN_KEY)
        done = end
    return "".join((*parts, text[done:])) if parts else text


def _key_spans(text: str) -> Iterator[tuple[int, int]]:
    marks = [(match.start(), match.end(), match[1] == "BEGIN") for match in _KEY_MARK.finditer(text)]
    begun = False
    for (start, end, begins), (_, last, follows) in pairwise([*marks, (0, 0, True)]):
        if not begins:
            first = start if begun else _key_lines_before(text, start)
            begun = False
            if first < start:
                yield first, end
            continue
        begun = True
        # Another beginning, or an end far away, is no end of this key: a page of log must not vanish between them.
        whole = not follows and last - end < _KEY_LONGEST
        yield start, last if whole else _key_lines(text, end)


def _key_lines_before(text: str, at: int) -> int:
    """Where a key whose beginning was cut off begins: before the lines of base64 that its end follows."""
    while (end := text.rfind("\n", 0, at)) >= 0:
        start = text.rfind("\n", 0, end) + 1
        if not _KEY_LINE.fullmatch(text[start:end]):
            return at
        at = start
    return at


def _key_lines(text: str, at: int) -> int:
    """Where a key whose end was cut off stops: behind the lines of base64 that follow its beginning."""
    while (newline := text.find("\n", at)) >= 0:
        end = text.find("\n", newline + 1)
        line = text[newline + 1 : end if end >= 0 else len(text)]
        if not _KEY_LINE.fullmatch(line):
            return at
        at = newline + 1 + len(line)
    return at
