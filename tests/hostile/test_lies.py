"""Text that lies stays text, and text that does not comes out as it went in."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client

from ci_mcp import server
from ci_mcp.cli.app import run
from ci_mcp.core.budget import fit
from ci_mcp.core.call import call
from ci_mcp.core.catalog import load
from ci_mcp.core.fence import fence
from ci_mcp.core.offer import Offer
from ci_mcp.core.shapes import Prose
from ci_mcp.sandbox.semaphore import world as ids
from ci_mcp.sandbox.serve import Service

CORPUS: dict[str, list[str]] = json.loads(Path(__file__).with_name("lies.json").read_text("utf-8"))
MARK = "planted"


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["firmwareci", "semaphore"])
async def test_what_a_hosted_server_says_of_its_tools_reaches_no_client(
    name: str, sandbox: dict[str, Service], calls: Any, proxied: Any, services_of: Any
) -> None:
    """Neither the list of tools, prompts and resources nor the instructions change, nor does an answer hold it."""
    heard = 0
    lies = CORPUS["tool description"]

    async def spoil(answered: Any, writer: Any) -> None:
        nonlocal heard
        body = answered.body.decode("utf-8", "replace")
        if '"inputSchema"' in body or '"serverInfo"' in body:
            words = json.dumps(f"{MARK} {lies[heard % len(lies)]} ")[:-1]
            body = re.sub(r'("description": ?)"', lambda found: found[1] + words, body)
            body = re.sub(r'"serverInfo": ?\{', f'"instructions": "{MARK}", "serverInfo": {{', body)
            heard += MARK in body
            answered.body = body.encode()
        writer.write(answered.head() + answered.body)

    async def listed(client: Client) -> str:
        found = [await client.list_tools(), await client.list_prompts(), await client.list_resource_templates()]
        return "".join(one.model_dump_json() for one in found)

    async with (
        proxied(sandbox[name], spoil) as (spoilt, _),
        services_of(spoilt) as services,
        Client(server.build(services, Offer("all"))) as client,
    ):
        before = await listed(client)
        said = [str(await client.call_tool(spec.name, calls[spec.name])) for spec in load().of(name)]
        after = await listed(client)
        assert MARK not in str(client.instructions)
    assert heard
    assert before == after
    assert MARK not in after
    assert MARK not in "".join(said)


_FENCED = re.compile(r"<<<log, untrusted output, (\w+)\n.*?\n>>>\1(?=\n|$)", re.DOTALL)
_PIECES = st.sampled_from(
    [">>>", "<<<", "\n", "\r", "\u200b", "\x1b[0m", "\x1b]8;;", "\x07", "ab", "f0", " ", "é", "\x9b"]
)


@settings(max_examples=80, deadline=None)
@given(st.lists(_PIECES | st.text(max_size=8), max_size=30).map("".join), st.integers(0, 2))
def test_no_text_ends_its_fence(text: str, times: int) -> None:
    """Not even one that was in a fence before, once it has been made safe and cut to its budget."""
    for _ in range(times):
        text += "\n" + fence(text, "log")
    answer = fit(Prose(f"title\n{fence(text, 'log')}\nhint", {}), 10_000)
    assert "title\n\nhint" == _FENCED.sub("", answer.text)


TRUE = [
    "std::vector<int> v; std::map<std::string, std::vector<T*>>& m = a < b && c > d;",
    "[ERROR] <dependency><groupId>org.x</groupId><version>1.2</version></dependency>",
    "<testcase name='a &lt; b' classname=\"C\"/>",
    "--- a/src/cart.c\t2026-01-01",
    "+++ b/src/cart.c\t2026-01-02",
    "@@ -1,3 +1,4 @@ int main(void)",
    "-    return 0;",
    "+\treturn 1;",
    "┌──────────┬───┐ │ ✗ failed │ 2 │ └──────────┴───┘ ╭─╮ ▶ █▓▒░ ━╸",
    "    ^~~~~~~~~ note: expected 'int *' but argument is of type 'char *'",
    "エラー: ファイルが見つかりません。 错误 找不到文件 오류 ошибка שגיאה خطأ",
    "🔥 🎉 ✅ ❌ 🇪🇺 naïve Ångström ½ µs 10⁻³ ∑ ≤ “quoted” — …",
    r"C:\Users\me\x.txt \n \x1b[31m \u0041 %20 $HOME `tick` {{ x }} ${y} #{z}",
    '{"a": [1, 2.50, null], "b": "c\\"d"}',
    "trailing spaces and tabs\there",
    "        deeply indented",
    "===== 1 failed, 2 passed in 0.03s =====",
]


@pytest.mark.anyio
async def test_what_does_not_lie_comes_out_as_it_went_in(
    sandbox: dict[str, Service], proxied: Any, services_of: Any
) -> None:
    """Through the service's answer, cleaning, redaction and the fence: every character where it was."""
    whole = "\n".join(TRUE) + "\n"

    async def spoil(answered: Any, writer: Any) -> None:
        if "/logs/" in answered.request:
            log = json.loads(answered.body)
            first = next(event for event in log["events"] if event["event"] == "cmd_output")
            kept = [event for event in log["events"] if event["event"] != "cmd_output" or event is first]
            first["output"] = whole
            answered.body = json.dumps(log | {"events": kept}, ensure_ascii=False).encode()
        writer.write(answered.head() + answered.body)

    async with proxied(sandbox["semaphore"], spoil) as (spoilt, _), services_of(spoilt) as services:
        logs = await call(services, "semaphore_jobs_logs", {"job": ids.SHOP_MAIN_FAILED_JOB})
    shown = [line.partition("| ")[2] for line in logs.text.splitlines()]
    assert [] == [line for line in TRUE if line not in shown]
    assert [] == [line for line in TRUE if line not in {one["text"] for one in logs.data["lines"]}]


def test_an_excerpt_shows_lines_as_they_are(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text and JSON alike."""
    lines = [
        "cart.cc:12:5: error: no match for 'operator<' in 'a < b'",
        *TRUE,
        "make: *** [Makefile:3: cart.o] Error 1",
    ]
    log = home / "build.log"
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert 0 == run(["excerpt", str(log)])
    shown = [line.partition("| ")[2] for line in capsys.readouterr().out.splitlines()]
    assert {""} >= set(shown) - set(lines)
    assert 6 <= len(set(shown) & set(lines))
    assert 0 == run(["excerpt", str(log), "--format", "json"])
    blocks = json.loads(capsys.readouterr().out)["blocks"]
    found = {line["text"] for block in blocks for line in block}
    assert set(lines) >= found
    assert 6 <= len(found)
