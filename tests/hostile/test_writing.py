"""What is written: to the services nothing where only reading is offered, to this machine nothing outside the cache."""

import hashlib
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from ci_mcp.core.call import call
from ci_mcp.core.catalog import TRIAGE, load
from ci_mcp.core.offer import Offer
from ci_mcp.errors import CiError
from ci_mcp.sandbox.serve import Service, service_names, start

pytestmark = pytest.mark.anyio

PROVIDERS = [name for name in service_names() if name in load().services]
# Every route but a GET that a tool without a write may ask for, and why it changes nothing.
READS = {
    "circleci": {
        "POST /api/v3/runs/search": "the vendor's search takes its filters as a body",
        "POST /api/v2/compile-config-with-defaults": "compiles a configuration and keeps nothing",
    },
    "semaphore": {
        "POST /api/v1alpha/yaml": "validates a pipeline's YAML and keeps nothing",
        "POST /mcp": "a call of the hosted MCP server: see TOOLS",
    },
    "pocketci": {"POST /mcp": "a call of the MCP endpoint: see TOOLS"},
    "firmwareci": {"POST /mcp": "a call of the MCP server: see TOOLS"},
}
# Tools of the vendors' MCP servers that may be called, by their names: all of them read.
TOOLS = re.compile(r"(?:fwci_)?(?:list|get|search|read|describe|validate)\w*|\w+_(?:list|get|search)")
METHODS = {"initialize", "notifications/initialized", "tools/list", "tools/call", "resources/read", "resources/list"}


@pytest.mark.parametrize("name", PROVIDERS)
async def test_read_only_changes_nothing_anywhere(
    name: str, calls: Any, proxied: Any, services_of: Any, untouched: Any
) -> None:
    """Every tool that is offered then was called: the service saw no request but those that read."""
    with start([name]) as fresh:
        async with proxied(fresh[name], untouched) as (service, proxy), services_of(service) as services:
            offered = Offer("all", read_only=True).tools(services.catalog, [name])
            assert all(spec.read_only for spec in offered.values())
            assert {spec.name for spec in load().of(name) if spec.read_only} < set(offered)
            for tool, spec in offered.items():
                ours = {"ci_echo": {"message": "x"}, "ci_wait": {"target": f"{name}:shop", "timeout": 0}}
                await call(
                    services,
                    tool,
                    ours.get(tool, {"target": f"{name}:shop"}) if spec.provider == TRIAGE else calls[tool],
                )
            asked = dict(fresh[name].requests)
    assert [line for line in asked if line.startswith("GET ")] or name == "firmwareci"
    assert set(READS.get(name, {})) == {line for line in asked if not line.startswith(("GET ", "HEAD "))}
    messages = [json.loads(body) for line, body in zip(proxy.seen, proxy.bodies, strict=True) if " /mcp " in line]
    assert METHODS >= {message["method"] for message in messages}
    called = {message["params"]["name"] for message in messages if message["method"] == "tools/call"}
    assert [] == [tool for tool in called if not TOOLS.fullmatch(tool)]


@pytest.mark.parametrize("name", [name for name in PROVIDERS if any(not one.read_only for one in load().of(name))])
async def test_what_writes_is_seen_to_write(name: str, calls: Any, services_of: Any) -> None:
    """The search above would find it: with the tools that write, other routes were asked for."""
    with start([name]) as fresh:
        async with services_of(fresh[name]) as services:
            for spec in load().of(name):
                if not spec.read_only:
                    await call(services, spec.name, calls[spec.name])
            assert {line for line in fresh[name].requests if not line.startswith("GET ")} - set(READS.get(name, {}))


PATHS = [
    "../../../../escaped/.bashrc",
    "/escaped/authorized_keys",
    "..\\..\\escaped\\autorun.inf",
    "C:\\escaped\\x.dll",
    "..",
    "out/..",
    "a\x00b",
    "a\nb\r\nc",
    "\u202egnp.exe",
    "-rf",
    "$(touch escaped)",
    "x" * 5_000,
    "CON",
    ".ssh",
    "é/漢字🙂",
    "file.txt::$DATA",
]
BINARY = b"\x89PNG\r\n\0" + bytes(20_000)
SAVING = {
    "buildkite": "buildkite_artifacts_describe",
    "circleci": "circleci_artifacts_list",
    "semaphore": "semaphore_artifacts_describe",
}


def named(path: str, there: dict[str, str]) -> Any:
    """An answer's JSON with another path for every artifact, no checksum of the true one, and files that are binary.

    ``there`` says under ``url`` where the storage is.
    """

    def change(value: Any) -> Any:
        if isinstance(value, dict):
            other = {"path": path, "filename": path, "sha1sum": "", "sha256sum": "", "mime_type": "image/png"}
            return {key: other.get(key, change(item)) for key, item in value.items()}
        return [change(item) for item in value] if isinstance(value, list) else value

    async def spoil(answered: Any, writer: Any) -> None:
        asked = answered.request.lower()
        if "/signed_url" in asked:
            answered.status, answered.body = 200, json.dumps({"items": [{"url": there["url"]}]}).encode()
        elif re.search(r"/stored|/download|/output/job", asked):
            answered.status, answered.body = 200, BINARY
        if answered.status < 400:
            try:
                answered.body = json.dumps(change(json.loads(answered.body))).encode()
            except ValueError:
                answered.body = BINARY
        writer.write(answered.head() + answered.body)

    return spoil


def everywhere(folder: Path) -> set[Path]:
    """Every file below a folder."""
    return {path for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


@pytest.mark.parametrize("name", SAVING)
async def test_no_path_of_an_artifact_leads_out_of_the_cache(  # noqa: PLR0913, PLR0917 - fixtures
    name: str,
    sandbox: dict[str, Service],
    calls: Any,
    proxied: Any,
    services_of: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The vendor's or the model's: a harmless name in the cache, for this person alone, with its checksum; or refused."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    saved = 0
    for path in PATHS:
        there: dict[str, str] = {}
        async with proxied(sandbox[name], named(path, there)) as (spoilt, proxy), services_of(spoilt) as services:
            there["url"] = proxy.urls[sandbox[name].urls["storage"]] + "/stored"
            tool = SAVING[name]
            arguments = calls[tool] if name == "buildkite" else calls[tool] | {"path": path}
            try:
                answer = await call(services, tool, arguments)
            except CiError:
                answer = None
            folder = services.store.info().folder
        outside = {file for file in everywhere(tmp_path) if not file.resolve().is_relative_to(folder.parent.parent)}
        assert set() == outside, path
        assert set() == {file for file in everywhere(tmp_path) if "escaped" in str(file.parent)}, path
        for file in everywhere(folder):
            assert folder / "files" == file.parent, path
            assert re.fullmatch(r"[0-9a-f]{12}-[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}", file.name), path
            assert 0o600 == stat.S_IMODE(file.stat().st_mode)
            assert answer is not None
            assert str(file) in json.dumps(answer.data)
            assert hashlib.sha256(file.read_bytes()).hexdigest() in answer.text
            saved += 1
    assert saved >= 5


@pytest.mark.parametrize("name", SAVING)
async def test_an_artifact_without_end_is_refused(  # noqa: PLR0913, PLR0917 - fixtures
    name: str,
    sandbox: dict[str, Service],
    calls: Any,
    proxied: Any,
    services_of: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond 100 MB (here less) nothing of it is kept."""
    monkeypatch.setattr("ci_mcp.logs.store.FILE_MAX", 15_000)
    there: dict[str, str] = {}
    async with proxied(sandbox[name], named("a.png", there)) as (spoilt, proxy), services_of(spoilt) as services:
        there["url"] = proxy.urls[sandbox[name].urls["storage"]] + "/stored"
        arguments = calls[SAVING[name]] if name == "buildkite" else calls[SAVING[name]] | {"path": "a.png"}
        with pytest.raises(CiError, match="larger than"):
            await call(services, SAVING[name], arguments)
        assert 0 == services.store.info().files
