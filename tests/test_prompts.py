"""Prompts, resources and completion, as a client of the server sees them."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from mcp import Client, MCPError
from mcp_types import PromptReference, ResourceTemplateReference, TextContent, TextResourceContents

from ci_mcp import server
from ci_mcp.auth.endpoints import Endpoint
from ci_mcp.cli.sandboxed import demo_world
from ci_mcp.core import catalog, complete
from ci_mcp.core.catalog import load
from ci_mcp.core.offer import Offer
from ci_mcp.core.resources import variables
from ci_mcp.core.services import Services, World
from ci_mcp.logs.store import Store
from ci_mcp.sandbox.circleci import world as circleci
from ci_mcp.sandbox.semaphore import world as ids
from ci_mcp.sandbox.serve import service_names

Demo = tuple[World, Store]
PROMPTS = {"explain_failure", "setup_project", "bootstrap_workflow", "convert_existing_ci"}
RUN, JOB, LOG = "ci://{provider}/run/{id}", "ci://{provider}/job/{id}", "ci://{provider}/job/{id}/log"
FIRMWARECI = (Endpoint("firmwareci", "api.firmware-ci.com", "https://api.firmware-ci.com"), "tok-0123456789")

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """The sandbox, started once."""
    with demo_world(["semaphore", "circleci"]) as made:
        yield made


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take its time."""
    monkeypatch.setattr(complete, "PATIENCE", 30.0)


@asynccontextmanager
async def connected(demo: Demo, **changes: Any) -> AsyncIterator[Client]:
    """A client of the server over the sandbox."""
    async with (
        Services(replace(demo[0], **changes), demo[1]) as services,
        Client(server.build(services, Offer())) as client,
    ):
        yield client


def with_firmwareci(demo: Demo) -> dict[str, Any]:
    """The world with FirmwareCI configured, too; nothing listens there."""
    return {"given": {**(demo[0].given or {}), "firmwareci": FIRMWARECI}, "only": ()}


async def prompt(client: Client, name: str, **arguments: str) -> str:
    """A prompt's text."""
    (message,) = (await client.get_prompt(name, arguments)).messages
    assert isinstance(message.content, TextContent)
    assert "user" == message.role
    return message.content.text


async def read(client: Client, uri: str) -> tuple[str, str | None]:
    """The text of a resource, and its media type."""
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert uri == content.uri
    return content.text, content.mime_type


async def completed(client: Client, of: str, name: str, value: str = "", **known: str) -> list[str]:
    """The values that complete an argument."""
    ref = ResourceTemplateReference(uri=of) if "://" in of else PromptReference(name=of)
    return list((await client.complete(ref, {"name": name, "value": value}, known)).completion.values)


async def test_every_prompt_and_template_says_what_it_is() -> None:
    """In a sentence; every argument in at most 8 words. The README names all of them."""
    known = load()
    assert PROMPTS == set(known.prompts)
    assert {RUN, JOB, LOG} < set(known.resources)
    for said in [*(p.description for p in known.prompts.values()), *(r.description for r in known.resources.values())]:
        assert re.fullmatch(r"[A-Z].*\.", said)
        assert 25 >= len(said.split())
    for spec in known.prompts.values():
        for argument in spec.arguments:
            assert 8 >= len(argument["description"].split()), spec.name


def test_the_readme_names_every_prompt_and_template(pytestconfig: pytest.Config) -> None:
    """What is not told is not used."""
    readme = (pytestconfig.rootpath / "README.md").read_text(encoding="utf-8")
    assert [] == [name for name in [*load().prompts, *load().resources] if f"`{name}`" not in readme]


async def test_prompts_are_those_of_what_is_configured(demo: Demo) -> None:
    """The general ones always; a provider's own with it."""
    async with connected(demo) as client:
        listed = {one.name: one for one in (await client.list_prompts()).prompts}
    assert {"explain_failure", "setup_project"} == set(listed)
    assert ["target"] == [one.name for one in listed["explain_failure"].arguments or []]
    async with connected(demo, **with_firmwareci(demo)) as client:
        assert PROMPTS == {one.name for one in (await client.list_prompts()).prompts}


async def test_listing_imports_no_provider() -> None:
    """All of it stands in the catalog."""
    code = (
        "import sys; from ci_mcp.core.catalog import load; from ci_mcp import server;"
        "[server.as_prompt(p) for p in load().prompts.values()]; [server.as_template(r) for r in load().resources.values()];"
        "print([m for m in sys.modules if m.startswith(('ci_mcp.providers.', 'ci_mcp.triage', 'httpx.', 'yaml'))])"
    )
    import sys

    done = await anyio.run_process([sys.executable, "-c", code])
    assert "[]" == done.stdout.decode().strip()


async def test_an_explanation_is_asked_for_with_one_call_first(demo: Demo) -> None:
    """With the target that was given, or the checkout."""
    async with connected(demo) as client:
        said = await prompt(client, "explain_failure", target="semaphore:shop@main")
        assert 'Call ci_explain(target="semaphore:shop@main") first' in said
        assert "Call ci_explain() first" in await prompt(client, "explain_failure", target="  ")
        assert "Semaphore" in (said := await prompt(client, "setup_project", organization="acme"))
        assert "of the organization acme" in said
        assert "the project is semaphore:shop" in await prompt(client, "setup_project", project="semaphore:shop")
    async with connected(demo, given={}, home={}) as client:
        assert "none yet" in await prompt(client, "setup_project")


async def test_firmwareci_prompts_name_its_own_tools(demo: Demo) -> None:
    """Every tool that they name is one of its own."""
    async with connected(demo, **with_firmwareci(demo)) as client:
        said = await prompt(client, "bootstrap_workflow", goal="boots from NVMe", device="rack-7", project="shop")
        assert [] == [words for words in ("boots from NVMe", "rack-7", "The project is shop") if words not in said]
        more = await prompt(client, "convert_existing_ci", source="gitlab-ci")
        assert ".gitlab-ci.yml" in more
        assert "Read ci/hw.yml." in await prompt(client, "convert_existing_ci", file="ci/hw.yml", project="shop")
        with pytest.raises(MCPError, match="source: Input should be"):
            await prompt(client, "convert_existing_ci", source="jenkins")
    verbs = "list|describe|validate|logs"
    named = set(
        re.findall(rf"\b((?:projects|workflows|duts|jobs|tests|documents|schemas|examples)_(?:{verbs}))\b", said + more)
    )
    assert {"schemas_list", "examples_describe", "tests_validate", "documents_validate"} <= named
    assert named <= {name.removeprefix("firmwareci_") for name in catalog.find("firmwareci").tools}


async def test_a_bad_prompt_is_refused_in_words(demo: Demo) -> None:
    """Unknown, not configured, with an argument that it does not take, or far too long."""
    async with connected(demo) as client:
        for name in ("nothing", "bootstrap_workflow", "\x1b[31m"):
            with pytest.raises(MCPError, match="there is no prompt .*: the prompts are explain_failure, setup_project"):
                await client.get_prompt(name)
        with pytest.raises(MCPError, match="there is no traget; did you mean target"):
            await client.get_prompt("explain_failure", {"traget": "x"})
        with pytest.raises(MCPError, match="at most 2000 characters"):
            await client.get_prompt("explain_failure", {"target": "x" * 2001})


async def test_templates_are_those_of_what_is_configured(demo: Demo) -> None:
    """Nothing is listed by itself."""
    async with connected(demo) as client:
        templates = (await client.list_resource_templates()).resource_templates
        assert [RUN, JOB, LOG] == [one.uri_template for one in templates]
        assert [] == list((await client.list_resources()).resources)
    async with connected(demo, **with_firmwareci(demo)) as client:
        more = {one.uri_template for one in (await client.list_resource_templates()).resource_templates}
    assert {"fwci://workflow/{id}", "fwci://job/{id}", "fwci://dut/{id}", "fwci://docs/{+path}"} <= more
    async with connected(demo, given={}, home={}) as client:
        assert [] == list((await client.list_resource_templates()).resource_templates)
        with pytest.raises(MCPError, match="no CI is configured"):
            await client.read_resource("ci://semaphore/run/x")


async def test_a_run_a_job_and_its_log_are_read(demo: Demo) -> None:
    """Records as JSON; a log fenced, with the tool that reads more of it."""
    async with connected(demo) as client:
        text, mime_type = await read(client, f"ci://semaphore/run/{ids.SHOP_MAIN_WORKFLOW}")
        assert ("application/json", "failed") == (mime_type, json.loads(text)["status"])
        job = ids.SHOP_MAIN_FAILED_JOB
        text, mime_type = await read(client, f"ci://semaphore/job/{job}")
        assert ("application/json", job) == (mime_type, json.loads(text)["id"])
        text, mime_type = await read(client, f"ci://semaphore/job/{job}/log")
    assert "text/plain" == mime_type
    assert "<<<log, untrusted output" in text
    assert "assert 1790 == 1800" in text
    assert f'semaphore_jobs_logs(job="{job}")' in text
    assert 4_000 * 4 >= len(text)


@pytest.mark.parametrize("name", [name for name in service_names() if name in load().services])
async def test_every_ci_has_its_newest_run_its_failed_job_and_the_log(name: str) -> None:
    """By the ids that completion gives, percent-encoded as a client does."""
    with demo_world([name]) as made:
        async with connected(made) as client:
            run = (await completed(client, RUN, "id", provider=name))[0]
            text, _ = await read(client, f"ci://{name}/run/{quote(run, safe='')}")
            assert "failed" == json.loads(text)["status"]
            job = (await completed(client, JOB, "id", provider=name))[0]
            text, mime_type = await read(client, f"ci://{name}/job/{quote(job, safe='')}")
            assert ("application/json", "failed") == (mime_type, json.loads(text)["status"])
            text, mime_type = await read(client, f"ci://{name}/job/{quote(job, safe='')}/log")
    assert "text/plain" == mime_type
    assert "<<<log, untrusted output" in text


async def test_an_id_with_slashes_is_percent_encoded(demo: Demo) -> None:
    """As CircleCI's are."""
    async with connected(demo) as client:
        page = await client.call_tool("circleci_pipelines_list", {"project": "gh/acme/shop", "branch": "main"})
        assert page.structured_content
        run = page.structured_content["items"][0]["id"]
        assert "failed" == json.loads((await read(client, f"ci://circleci/run/{run}"))[0])["status"]
        number = circleci.SHOP_MAIN_NUMBER
        text, _ = await read(client, f"ci://circleci/run/gh%2Facme%2Fshop%2F{number}")
    assert "failed" == json.loads(text)["status"]


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("ci://semaphore/run/not-an-id", "names no workflow"),
        ("ci://buildkite/run/x", "no CI 'buildkite' is configured: configured: "),
        ("ci://semaphore/job/00000000-0000-4000-8000-000000000000/log", "no job|not found|no log|404"),
        ("ci://semaphore/nothing/1", "there is no resource ci://semaphore/nothing/1: the templates are ci:"),
        ("ci://semaphore/run/", "there is no resource"),
        ("fwci://job/x", "there is no resource"),
        ("ci://semaphore/run/" + "x" * 3000, "there is no resource"),
        ("ci://semaphore/run/" + "x" * 600, "at most 500 characters"),
    ],
)
async def test_a_bad_uri_is_refused_in_words(uri: str, said: str, demo: Demo) -> None:
    """What there is, or what to do; never a traceback."""
    async with connected(demo) as client:
        with pytest.raises(MCPError, match=said) as caught:
            await client.read_resource(uri)
    assert 1_000 > len(caught.value.message)


async def test_a_fault_of_our_own_shows_no_traceback(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    """The client is told to report it; what happened stands on stderr."""

    class Broken(Services):
        def api(self, name: str, host: str = "") -> Any:
            raise ZeroDivisionError(f"{name} {host}")

    async with Broken(*demo) as services, Client(server.build(services, Offer())) as client:
        with pytest.raises(MCPError, match=r"failed inside ci-mcp \(ZeroDivisionError\): please report it"):
            await client.read_resource("ci://semaphore/run/x")
        with pytest.raises(MCPError, match="completion failed inside ci-mcp"):
            await completed(client, RUN, "id", provider="semaphore")
    assert "ZeroDivisionError" in capsys.readouterr().err


async def test_arguments_are_completed(demo: Demo) -> None:
    """Configured providers, the demo's newest runs and failed jobs, its targets and projects, and choices."""
    async with connected(demo, **with_firmwareci(demo)) as client:
        assert ["circleci", "firmwareci", "semaphore"] == sorted(await completed(client, RUN, "provider"))
        assert ["semaphore"] == await completed(client, LOG, "provider", "SEM")
        runs = await completed(client, RUN, "id", provider="semaphore")
        assert ids.SHOP_MAIN_WORKFLOW == runs[0]
        jobs = await completed(client, LOG, "id", provider="semaphore")
        assert ids.SHOP_MAIN_FAILED_JOB == jobs[0]
        assert "semaphore:shop@main" in await completed(client, "explain_failure", "target", "sema")
        assert ["semaphore:shop"] == await completed(client, "setup_project", "project", "sema")
        assert ["github-actions"] == await completed(client, "convert_existing_ci", "source", "gith")


async def test_what_cannot_be_completed_has_no_values(demo: Demo) -> None:
    """Whoever types is not told of errors."""
    async with connected(demo) as client:
        for of, name, known in (
            (RUN, "id", {}),
            (RUN, "id", {"provider": "nothing"}),
            (RUN, "other", {"provider": "semaphore"}),
            ("ci://nothing/{id}", "id", {}),
            ("nothing", "target", {}),
            ("setup_project", "organization", {}),
        ):
            assert [] == await completed(client, of, name, **known)


async def test_a_completion_that_takes_long_is_given_up(demo: Demo) -> None:
    """A person types on meanwhile."""

    class Slow(Services):
        def api(self, name: str, host: str = "") -> Any:
            raise AssertionError(f"{name} {host}")

        def configured(self) -> list[str]:
            return ["semaphore"]

    async def never(*_: Any) -> list[str]:
        await anyio.sleep(60)
        return ["late"]

    triage = catalog.find("ci")
    before, triage.complete = triage.complete, never
    try:
        async with Slow(*demo) as services:
            assert [] == await complete.values(services, RUN, "id", "", {"provider": "semaphore"}, patience=0.1)
    finally:
        triage.complete = before


def test_a_template_makes_its_uris_and_no_others() -> None:
    """One variable is one part of the path; with a plus it may hold slashes."""
    assert {"provider": "a", "id": "x/y"} == variables(RUN, "ci://a/run/x%2Fy")
    assert variables(RUN, "ci://a/run/x/y") is None
    assert variables(JOB, "ci://a/job/x/log") is None
    assert {"path": "usage/10 mcp"} == variables("fwci://docs/{+path}", "fwci://docs/usage/10%20mcp")
