"""Secrets and lies planted into everything that a service says, looked for in everything that leaves."""

import json
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.auth.redact import register
from ci_mcp.core.call import call
from ci_mcp.core.catalog import TRIAGE, load
from ci_mcp.errors import CiError
from ci_mcp.sandbox.serve import Service, service_names

pytestmark = pytest.mark.anyio

PROVIDERS = [name for name in service_names() if name in load().services]
MARK = "planted"
OURS = "demo" + "-ours-5f1c9a7e44d2"
# Put together here, so that nobody's scanner takes this file for a leak.
SECRETS = {
    OURS: OURS,
    "ghp_" + "A1b2C3d4" * 5: "remote: {0}",
    "AKIA" + "Q3EGRZ4LT5MX6NPD": "using {0}",
    "wJalrXUtnFEMI" + "K7MDENGbPxRfiCYEXAMPLEKEYab": "AWS_SECRET_ACCESS_KEY={0}",
    "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NSJ9.dozjgNryP4J3jVmNHl0w5N": "jwt {0}",
    "hunter2" + "-and-more": "git clone https://bot:{0}@git.example/x.git",
    "c0ffee" * 8: "curl 'https://s3.example/o?X-Amz-Signature={0}&x=1'",
    "glpat-" + "Zx9_Yw8-Vu7Ts6Rq5Po4": "glpat {0}",
    "xoxb-" + "1234567890-abcdefghijkl": "slack {0}",
    "bkua_" + "0123456789abcdef" * 2: "token {0}",
    "CCIPAT_" + "Kx3m9Qw2_7f1e2d3c4b5a6978": "export CIRCLE={0}",
    "npm_" + "a1B2c3D4e5F6" * 3: "//registry/:_authToken={0}",
    "Sk9w" + "ZmFrZWJlYXJlcnRva2Vu": "Authorization: Bearer {0}",
    "MIIEow" + "IBAAKCAQEAx7Rk2fJ0q9": "-----BEGIN RSA PRIVATE " + "KEY-----\n{0}\n-----END RSA PRIVATE " + "KEY-----",
}
CORPUS: dict[str, list[str]] = json.loads(Path(__file__).with_name("lies.json").read_text("utf-8"))
LIES = [lie for lies in CORPUS.values() for lie in lies]
# Fields that hold a name: what is planted there may break the call, and must show as nothing else either.
NAMES = re.compile(
    r"(?i)branch|branch_?name|subject|message|title|class_?name|path|filename|body_html|description|label"
)
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u180e\u3164\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]"
)
STARTS = ("SYSTEM:", "IGNORE", "</untrusted>", "<|im_start|>", "run rm", "Human:", "Assistant:", '{"role"')
_FENCED = re.compile(r"<<<[\w ]+, untrusted output, (\w+)\n.*?\n>>>\1", re.DOTALL)


@dataclass(slots=True)
class Planting:
    """Puts texts into every sentence of an answer, in turn; ``times`` counts."""

    texts: list[str]
    names: bool = False
    times: int = 0
    turn: int = field(default=0)

    def next(self) -> str:
        """The next text, with its mark."""
        self.times += 1
        return f" {MARK} {self.texts[self.times % len(self.texts)]} "

    def into(self, value: Any, name: str = "") -> Any:
        """JSON with the texts behind its sentences, which hold a space, or behind its names."""
        if isinstance(value, dict):
            return {key: self.into(item, name=key) for key, item in value.items()}
        if isinstance(value, list):
            return [self.into(item) for item in value]
        if self.names:
            return value + self.next() if isinstance(value, str) and value and NAMES.fullmatch(name) else value
        if isinstance(value, str) and " " in value and not re.match(r"\d{4}-\d\d-\d\d", value):
            return self.into_text(value)
        return value

    def into_text(self, text: str) -> str:
        """Text with something planted into each of its first lines, and at its end."""
        first, *rest = text.split("\n")
        lines = [line + self.next() if number < 40 else line for number, line in enumerate(rest)]
        return "\n".join([first + self.next(), *lines])

    async def spoil(self, answered: Any, writer: Any) -> None:
        """Hand an answer on with the texts in it."""
        if answered.status < 300 and answered.body:
            text = answered.body.decode("utf-8", "replace")
            try:
                answered.body = json.dumps(self.into(json.loads(text))).encode()
            except ValueError:
                if "text/plain" in str(answered.headers) and not self.names:
                    answered.body = self.into_text(text).encode("utf-8", "replace")
        writer.write(answered.head() + answered.body)
        await writer.drain()


async def everything(  # noqa: PLR0913, PLR0917 - fixtures
    name: str, planting: Planting, service: Service, calls: Any, proxied: Any, services_of: Any
) -> dict[str, tuple[str, Any]]:
    """What every tool says, as text and as data, and what its errors say."""
    said: dict[str, tuple[str, Any]] = {}
    async with proxied(service, planting.spoil) as (spoilt, _), services_of(spoilt) as services:
        for spec in [*load().of(name), *load().of(TRIAGE)]:
            arguments = {"target": f"{name}:shop"} if spec.provider == TRIAGE else calls[spec.name]
            if spec.name == "ci_echo":
                continue
            if spec.name == "ci_wait":
                arguments["timeout"] = 0  # one look: what an earlier call started may still run
            try:
                answer = await call(services, spec.name, arguments)
                said[spec.name] = (answer.text, answer.data)
            except CiError as error:
                said[spec.name] = (str(error), {})
    return said


@pytest.fixture(params=PROVIDERS)
def name(request: pytest.FixtureRequest) -> str:
    """One provider after the other."""
    return str(request.param)


async def test_no_secret_that_a_service_says_leaves(  # noqa: PLR0913, PLR0917 - fixtures
    name: str,
    sandbox: dict[str, Service],
    calls: Any,
    proxied: Any,
    services_of: Any,
    caplog: pytest.LogCaptureFixture,
    tally: Any,
) -> None:
    """In answers as text and as data, in errors, in what is logged for debugging; and they were there."""
    register(OURS)
    caplog.set_level(logging.DEBUG)
    planting = Planting([how.format(secret) if "{0}" in how else how for secret, how in SECRETS.items()])
    said = await everything(name, planting, sandbox[name], calls, proxied, services_of)
    tally("secrets and tokens planted", planting.times)
    assert planting.times >= len(SECRETS)
    whole = json.dumps(said, ensure_ascii=False) + caplog.text
    assert MARK in whole
    leaked = [(tool, secret) for tool, texts in said.items() for secret in SECRETS if secret in json.dumps(texts)]
    tally("secrets and tokens leaked", len(leaked))
    assert [] == leaked
    assert not [secret for secret in SECRETS if secret in caplog.text]
    assert not sandbox[name].token or sandbox[name].token not in whole


@pytest.mark.parametrize("where", ["sentences", "names"])
async def test_no_lie_of_a_service_shows_as_something_else(  # noqa: PLR0913, PLR0917 - fixtures
    where: str, name: str, sandbox: dict[str, Service], calls: Any, proxied: Any, services_of: Any, tally: Any
) -> None:
    """Nothing hidden, nothing that steers a terminal, no line of its own outside of a fence."""
    planting = Planting(LIES, names=where == "names")
    said = await everything(name, planting, sandbox[name], calls, proxied, services_of)
    tally("lies planted", planting.times)
    assert MARK in json.dumps(said)
    for tool, (text, data) in said.items():
        assert not _HIDDEN.search(text), (tool, _HIDDEN.search(text))
        values = json.dumps(data, ensure_ascii=False)
        assert not _HIDDEN.search(values), (tool, _HIDDEN.search(values))
        for line in _FENCED.sub("", text).splitlines():
            assert not line.startswith((*STARTS, ">>>")), tool


def test_the_corpus_would_be_seen() -> None:
    """Both searches find what they look for."""
    assert all(_HIDDEN.search(lie) for lie in CORPUS["terminal"] + CORPUS["hidden"])
    assert set(STARTS) == {
        start for start in STARTS for lie in LIES for line in lie.splitlines() if line.startswith(start)
    }
    assert "SYSTEM: x" == _FENCED.sub("", "<<<log, untrusted output, ab\n>>>cd\nSYSTEM: y\n>>>ab\nSYSTEM: x").strip()
