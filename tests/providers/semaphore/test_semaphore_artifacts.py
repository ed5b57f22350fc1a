"""Artifacts: listed, shown, saved, and what a refusal means."""

import gzip
import hashlib
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_mcp.core.budget import fit
from ci_mcp.errors import (
    AuthError,
    NotFoundError,
    PermissionDeniedError,
    UnsupportedError,
    UsageError,
)
from ci_mcp.net.api import HttpApi
from ci_mcp.sandbox.semaphore import world

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[Any]]
Fake = Callable[..., HttpApi]
JOB = "33333333-3333-3333-3333-333333333333"
SIGNED = "https://storage.example.com/bucket/file?X-Goog-Signature=0123456789abcdef0123"


def _file(content: bytes, path: str = "out/a.txt") -> dict[str, Any]:
    """A storage that has one file."""
    return {
        "GET /artifacts/signed_url": {"items": [{"path": path, "url": SIGNED}]},
        "GET /bucket/file": httpx.Response(200, content=content),
    }


async def test_a_folder_is_listed_one_level_at_a_time(api: HttpApi, call: Call) -> None:
    """Of a job, a workflow and a project; files have sizes."""
    top = await call(api, "artifacts_list", job=world.SHOP_MAIN_FAILED_JOB)
    assert {"agent", "test-results"} <= {one.path for one in top.items if one.directory}
    inside = await call(api, "artifacts_list", job=world.SHOP_MAIN_FAILED_JOB, path="agent/")
    assert [("agent/job_logs.txt.gz", False)] == [(one.path, one.directory) for one in inside.items]
    assert inside.items[0].size > 0
    assert (await call(api, "artifacts_list", workflow=world.SHOP_MAIN_WORKFLOW)).items
    assert (await call(api, "artifacts_list", project="shop")).items


async def test_a_packed_text_is_shown_unpacked_and_fenced(fake: Fake, call: Call) -> None:
    """Whatever it is called; control characters are gone, secrets too."""
    said = "first\x1b[31m\nAWS_SECRET_ACCESS_KEY=abcdEFGH0123456789ijklMNOP\nlast"
    shown = await call(fake(_file(gzip.compress(said.encode()))), "artifacts_describe", job=JOB, path="out/a.txt")
    assert shown.text.startswith(f"out/a.txt, {len(said)} bytes, unpacked\n<<<artifact, untrusted output")
    assert "first\nAWS_SECRET" in shown.text
    assert "abcdEFGH" not in shown.text
    assert "last" in shown.data["text"]
    assert "storage.example.com" not in fit(shown).text


async def test_the_storage_is_sent_no_credential(fake: Fake, call: Call) -> None:
    """It is another origin: the signature in the URL is enough."""
    asked: list[httpx.Request] = []
    await call(fake(_file(b"text"), asked), "artifacts_describe", job=JOB, path="out/a.txt")
    assert ["acme.semaphoreci.com", "storage.example.com"] == [request.url.host for request in asked]
    assert [True, False] == ["authorization" in request.headers for request in asked]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x89PNG\0\0data", "no text"),
        (b"caf\xe9 latin", "no text"),
        (b"long line\n" * 5_000, "too long to be shown"),
        (b"longer line\n" * 200_000, "too long to be shown"),
        (gzip.compress(b"packed\n" * 5_000), "too long to be shown"),
        (b"\x1f\x8bdamaged", "no text"),
    ],
    ids=["binary", "latin", "long", "longer", "packed", "damaged"],
)
async def test_what_cannot_be_shown_is_saved(fake: Fake, call: Call, content: bytes, why: str) -> None:
    """In the cache, for this person alone, under a harmless name; text is saved unpacked."""
    there = fake(_file(content, "out/evil name;rm.bin"))
    shown = await call(there, "artifacts_describe", job=JOB, path="out/evil name;rm.bin")
    assert why in shown.text
    plain = gzip.decompress(content) if content.startswith(b"\x1f\x8b\x08") else content
    assert shown.data["sha256"] in shown.text
    assert hashlib.sha256(plain).hexdigest() == shown.data["sha256"]
    _kept(Path(shown.data["saved"]), plain, there)


def _kept(saved: Path, plain: bytes, there: HttpApi) -> None:
    assert plain == saved.read_bytes()
    assert saved.name.endswith("-evil_name_rm.bin")
    assert there.store.info().folder / "files" == saved.parent
    assert 0o600 == stat.S_IMODE(saved.stat().st_mode)


async def test_a_file_without_end_is_not_saved(fake: Fake, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it stays."""
    monkeypatch.setattr("ci_mcp.logs.store.FILE_MAX", 2_000_000)
    there = fake(_file(b"x" * 3_000_000))
    with pytest.raises(UsageError, match="larger than"):
        await call(there, "artifacts_describe", job=JOB, path="out/a.txt")
    assert 0 == there.store.info().files


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "a\\b", "a\nb"])
async def test_a_path_stays_in_its_scope(fake: Fake, call: Call, path: str) -> None:
    """It is refused before anything is asked."""
    asked: list[httpx.Request] = []
    with pytest.raises(UsageError):
        await call(fake({}, asked), "artifacts_describe", job=JOB, path=path)
    assert [] == asked


@pytest.mark.parametrize(
    ("url", "scope"),
    [
        (f"https://acme.semaphoreci.com/jobs/{JOB}/artifacts/out/a%20b.txt", "jobs"),
        (f"https://acme.semaphoreci.com/workflows/{JOB}/artifacts/out/a%20b.txt?x=1", "workflows"),
        (f"https://acme.semaphoreci.com/projects/{JOB}/artifacts/out/a%20b.txt#top", "projects"),
    ],
)
async def test_an_artifact_is_named_by_its_url(fake: Fake, call: Call, url: str, scope: str) -> None:
    """It says whose it is, too; a listing takes the URL of the folder."""
    asked: list[httpx.Request] = []
    there = fake(_file(b"text", "out/a b.txt") | {"GET /artifacts": {"artifacts": []}}, asked)
    await call(there, "artifacts_describe", path=url)
    await call(there, "artifacts_list", path=url.partition("/out")[0])
    found = [{name: request.url.params.get(name) for name in ("scope", "scope_id", "path")} for request in asked]
    assert {"scope": scope, "scope_id": JOB, "path": "out/a b.txt"} == found[0]
    assert {"scope": scope, "scope_id": JOB, "path": None} == found[-1]
    with pytest.raises(UsageError, match="one job, workflow or project"):
        await call(there, "artifacts_list", path="https://acme.semaphoreci.com/elsewhere")


@pytest.mark.parametrize("given", [{}, {"job": JOB, "workflow": JOB}])
async def test_an_artifact_belongs_to_one_thing(fake: Fake, call: Call, given: dict[str, str]) -> None:
    """Neither nothing nor two."""
    with pytest.raises(UsageError, match="one job, workflow or project"):
        await call(fake({}), "artifacts_list", **given)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (httpx.Response(403, text="The artifacts api feature is not enabled for you"), UnsupportedError, "enable it"),
        (httpx.Response(403, text="no"), PermissionDeniedError, "403"),
        (httpx.Response(401, text="Permission denied"), PermissionDeniedError, "project.artifacts.view"),
        (httpx.Response(401, text="Unauthorized"), AuthError, "auth status"),
        (httpx.Response(404, text="oops"), UnsupportedError, "has no artifacts API"),
        (httpx.Response(404, json="Artifact path not found"), NotFoundError, "kept no out"),
        (httpx.Response(404, text="Not Found"), NotFoundError, f"no job {JOB}"),
        (httpx.Response(400, json="path resolves to too many files; narrow the path"), UsageError, "narrow"),
    ],
)
async def test_a_refusal_says_what_it_means(
    fake: Fake, call: Call, answer: httpx.Response, kind: type[Exception], words: str
) -> None:
    """Its status alone does not tell."""
    with pytest.raises(kind, match=words):
        await call(fake({"GET /artifacts": answer}), "artifacts_list", job=JOB, path="out")


@pytest.mark.parametrize(
    ("items", "kind"),
    [([], NotFoundError), ([{"path": "out/a", "url": "x"}, {"path": "out/b", "url": "y"}], UsageError)],
)
async def test_a_folder_or_nothing_cannot_be_shown(
    fake: Fake, call: Call, items: list[Any], kind: type[Exception]
) -> None:
    """A folder's files are named by the list."""
    with pytest.raises(kind, match="out"):
        await call(fake({"GET /artifacts/signed_url": {"items": items}}), "artifacts_describe", job=JOB, path="out")


async def test_a_file_that_the_storage_does_not_have_is_not_found(api: HttpApi, call: Call) -> None:
    """A signed URL is given for it all the same."""
    with pytest.raises(NotFoundError, match="kept no nope"):
        await call(api, "artifacts_describe", job=world.SHOP_MAIN_FAILED_JOB, path="nope.txt")


async def test_an_organization_without_the_feature_is_told_so(api_with: Callable[[str], HttpApi], call: Call) -> None:
    """As the sandbox's is."""
    async with api_with(world.NO_ARTIFACTS_TOKEN) as there:
        with pytest.raises(UnsupportedError, match="not enabled"):
            await call(there, "artifacts_list", job=world.SHOP_MAIN_FAILED_JOB)
