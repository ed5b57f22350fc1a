"""Secrets in environments, configurations and artifacts: kept back by the tools that show these."""

import gzip
import json
from dataclasses import dataclass
from typing import Any

import pytest

from ci_mcp.core.call import call
from ci_mcp.sandbox.serve import Service

pytestmark = pytest.mark.anyio

# Put together here, so that nobody's scanner takes this file for a leak.
NAMED = "c0ffee" + "d00d5eed77"
SHAPED = "ghp_" + "A1b2C3d4" * 5
KEY = "-----BEGIN EC PRIVATE " + "KEY-----\n" + "MHcCAQEEIIrYSSNQFaA2Hw\n" * 3 + "-----END EC PRIVATE " + "KEY-----\n"
YAML = f'env:\n  DEPLOY_TOKEN: "{NAMED}"\n  API_TOKEN: {NAMED}\n  X: {SHAPED}\nrun: curl -H "Authorization: Bearer {NAMED}{NAMED}"\n'
TEXT = f"planted\n{YAML}export DB_PASSWORD={NAMED}\n{KEY}end\n"
PAIRS = {"DEPLOY_TOKEN": NAMED, "DB_PASSWORD": NAMED, "PLAIN": SHAPED, "KEY": KEY, "COOKIE": f"session={NAMED}{NAMED}"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A tool, the part of a request line whose answer is changed, and what into."""

    tool: str
    where: str
    change: Any
    arguments: dict[str, Any]


def with_(**more: Any) -> Any:
    """JSON with these fields."""

    def change(body: bytes) -> bytes:
        return json.dumps(json.loads(body) | more).encode()

    return change


def instead(text: bytes) -> Any:
    """Another body."""
    return lambda _: text


SEMAPHORE = {"job": "019f68d0-9f1d-5f20-9f78-2c908cf44275", "path": "test-results/junit.xml"}
SHOWN = [
    Shown("buildkite_jobs_environment", "/env ", with_(env=PAIRS | {"BUILDKITE_AGENT_ACCESS_TOKEN": NAMED}), {}),
    Shown("buildkite_pipelines_describe", "/pipelines/", with_(configuration=f"# planted\n{YAML}", env=PAIRS), {}),
    Shown("buildkite_artifacts_describe", "/download", instead(TEXT.encode()), {}),
    Shown(
        "circleci_configs_validate",
        "compile",
        with_(valid=True, errors=[], **{"output-yaml": f"# planted\n{YAML}"}),
        {},
    ),
    Shown("semaphore_artifacts_describe", "storage", instead(TEXT.encode()), SEMAPHORE),
    Shown("semaphore_artifacts_describe", "storage", instead(gzip.compress(TEXT.encode())), SEMAPHORE),
]


@pytest.mark.parametrize("shown", SHOWN, ids=[f"{one.tool}-{number}" for number, one in enumerate(SHOWN)])
async def test_a_secret_in_what_a_tool_shows_is_kept_back(
    shown: Shown, sandbox: dict[str, Service], calls: Any, proxied: Any, services_of: Any
) -> None:
    """What stands around it is shown."""
    changed = 0

    async def spoil(answered: Any, writer: Any) -> None:
        nonlocal changed
        asked = answered.request
        stored = not any(part in asked for part in ("/api/", "/v2/"))  # else it is the storage
        if answered.body.startswith(b"{") and b"sha1sum" in answered.body:
            answered.body = with_(sha1sum="", sha256sum="", mime_type="text/plain")(answered.body)
        if answered.status < 400 and (shown.where in asked or (shown.where == "storage" and stored)):
            answered.status, answered.body = 200, shown.change(answered.body)
            changed += 1
        writer.write(answered.head() + answered.body)

    name = shown.tool.partition("_")[0]
    async with proxied(sandbox[name], spoil) as (spoilt, _), services_of(spoilt) as services:
        answer = await call(services, shown.tool, shown.arguments or calls[shown.tool])
    said = answer.text + json.dumps(answer.data)
    assert changed
    assert "planted" in said or "DEPLOY_TOKEN" in said
    assert "[redacted" in said
    assert [] == [secret for secret in (NAMED, SHAPED, "MHcCAQEEIIrYSSNQFaA2Hw") if secret in said]
