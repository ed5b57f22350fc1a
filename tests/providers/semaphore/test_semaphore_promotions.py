"""Promotions: triggered ones, waiting ones, and triggering one."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from ci_mcp.errors import CiError, NotFoundError, UsageError
from ci_mcp.net.api import HttpApi
from ci_mcp.providers.semaphore import promotions
from ci_mcp.sandbox.semaphore import world

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[Any]]
Fake = Callable[..., HttpApi]
Make = Callable[..., dict[str, Any]]
PIPELINE = "00000000-0000-0000-0000-000000000001"
YAML = """
promotions:
  - name: Production
    pipeline_file: production.yml
    parameters:
      env_vars:
        - {name: ROLLOUT, required: true, options: ["10%", 100]}
        - {name: NOTIFY, required: true, default_value: "#shop"}
  - name: Staging
    auto_promote: {when: "result = 'passed'"}
  - {pipeline_file: nameless.yml}
"""


def _answers(pipeline: dict[str, Any], *events: dict[str, Any], yaml: str | None = YAML) -> dict[str, Any]:
    stored = {} if yaml is None else {"GET /yaml": httpx.Response(200, text=yaml)}
    return {
        f"GET /pipelines/{PIPELINE}": {"pipeline": pipeline, "blocks": []},
        "GET /promotions": list(events),
        "GET /artifacts/signed_url": {"items": [{"path": "x", "url": "https://storage.example.com/yaml"}]},
        **stored,
    }


async def test_what_waits_comes_first_then_what_was_triggered(api: HttpApi, call: Call) -> None:
    """With its condition, its parameters, and the pipeline that it started."""
    page = await call(api, "promotions_list", pipeline=world.SHOP_BLOCKED_PIPELINE)
    waiting, triggered = page.items
    assert ("not triggered", "Production", "production.yml") == (waiting.status, waiting.name, waiting.file)
    assert ("ROLLOUT*", "REASON", "NOTIFY") == waiting.parameters
    assert ("passed", "Staging", world.AUTOMATIC) == (triggered.status, triggered.name, triggered.by)
    assert triggered.pipeline
    assert triggered.triggered
    assert "" == page.note


async def test_every_event_is_listed_page_by_page(api: HttpApi, call: Call) -> None:
    """Failed ones are those that were not triggered after all."""
    page = await call(api, "promotions_list", pipeline=world.SHOP_PROMOTED_PIPELINE, limit=5)
    rest = await call(api, "promotions_list", pipeline=world.SHOP_PROMOTED_PIPELINE, limit=50, cursor=page.next)
    assert 12 == len(page.items) + len(rest.items)
    assert 8 == sum(one.status == "failed" for one in [*page.items, *rest.items])


async def test_a_pipeline_without_promotions_says_so(fake: Fake, call: Call, pipeline: Make) -> None:
    """Nothing more is asked."""
    asked: list[httpx.Request] = []
    page = await call(fake(_answers(pipeline(1)), asked), "promotions_list", pipeline=PIPELINE)
    assert ([], "this pipeline has no promotions", 1) == (page.items, page.note, len(asked))


@pytest.mark.parametrize("yaml", [None, "[", "just text", "x" * 2_000_000])
async def test_without_the_yaml_it_says_what_is_not_known(
    fake: Fake, call: Call, pipeline: Make, yaml: str | None
) -> None:
    """Missing, broken, something else, or endless."""
    event = {"name": "Old", "status": "processing", "triggered_at": {"seconds": 1_700_000_000}, "override": True}
    there = fake(_answers(pipeline(1, switch_id="s"), event, yaml=yaml))
    page = await call(there, "promotions_list", pipeline=PIPELINE)
    assert [("processing", "Old", True)] == [(one.status, one.name, one.override) for one in page.items]
    assert "stand in the pipeline's YAML" in page.note


async def test_a_pipeline_whose_yaml_has_no_place_is_not_looked_for(fake: Fake, pipeline: Make) -> None:
    """Such as one from before there were workflows."""
    asked: list[httpx.Request] = []
    assert None is await promotions.of_yaml(fake({}, asked), pipeline(1, wf_id=""))
    assert [] == asked


async def test_a_promotion_is_triggered_with_a_token_and_parameters_as_top_level_texts(fake: Fake, call: Call) -> None:
    """So a retry triggers nothing twice: after a 503 the same token is sent again."""
    asked: list[httpx.Request] = []
    replies = iter([httpx.Response(503, text="busy"), httpx.Response(200, json="Promotion successfully triggered.")])
    there = fake({"POST /promotions": lambda _: next(replies)}, asked)
    given = {"pipeline": PIPELINE, "promotion": "Production", "parameters": ["ROLLOUT=10%", "X=a=b"]}
    done = await call(there, "promotions_run", override=True, **given)
    assert done.note.startswith("Promotion successfully triggered.")
    first, second = (httpx.Response(200, content=request.content).json() for request in asked)
    assert first == second
    assert first.pop("request_token")
    expected = {"pipeline_id": PIPELINE, "name": "Production", "override": True, "ROLLOUT": "10%", "X": "a=b"}
    assert expected == first


async def test_the_sandbox_takes_it_too(api: HttpApi, call: Call) -> None:
    """And lists it a little later."""
    given = {"pipeline": world.SHOP_PROMOTED_PIPELINE, "promotion": "Production"}
    before = await call(api, "promotions_list", pipeline=world.SHOP_PROMOTED_PIPELINE, limit=50)
    await call(api, "promotions_run", parameters=["ROLLOUT=50%"], **given)
    after = await call(api, "promotions_list", pipeline=world.SHOP_PROMOTED_PIPELINE, limit=50)
    assert 1 == len(after.items) - len(before.items)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"promotion": "Nope"}, "it has: Production, Staging"),
        ({"promotion": "Production"}, "needs the parameter ROLLOUT"),
        ({"promotion": "Production", "parameters": ["ROLLOUT=11%"]}, "ROLLOUT is one of 10%, 100"),
        ({"promotion": "Production", "parameters": ["ROLLOUT=100", "OTHER=1"]}, "it has no parameter OTHER"),
        ({"promotion": "Production", "parameters": ["ROLLOUT=100"]}, "answered 500"),
    ],
)
async def test_a_refusal_without_a_word_is_explained_by_the_yaml(
    fake: Fake, call: Call, pipeline: Make, given: dict[str, Any], words: str
) -> None:
    """Semaphore calls a wrong parameter an internal error."""
    refused = {"POST /promotions": httpx.Response(500, text="Internal error")}
    there = fake(_answers(pipeline(1, switch_id="s")) | refused)
    with pytest.raises(CiError, match=words):
        await call(there, "promotions_run", pipeline=PIPELINE, **given)


async def test_an_internal_error_without_the_yaml_points_to_it(fake: Fake, call: Call, pipeline: Make) -> None:
    """To try again alone would never help where a parameter is missing."""
    refused = {"POST /promotions": httpx.Response(500, text="Internal error")}
    there = fake(_answers(pipeline(1, switch_id="s"), yaml=None) | refused)
    with pytest.raises(CiError, match=r"answered 500 .*: look whether its YAML \(promotions:\) has it by this name"):
        await call(there, "promotions_run", pipeline=PIPELINE, promotion="Production")


async def test_other_refusals_stay_as_they_are(fake: Fake, call: Call, pipeline: Make) -> None:
    """A pipeline that is not there; one without promotions; one whose YAML is not to be had; a bad token."""
    given = {"pipeline": PIPELINE, "promotion": "Production"}
    with pytest.raises(NotFoundError, match="no pipeline"):
        await call(fake({}), "promotions_run", **given)
    refused = {"POST /promotions": httpx.Response(400, json="Switch with id  not found.")}
    with pytest.raises(UsageError, match="has no promotions"):
        await call(fake(_answers(pipeline(1)) | refused), "promotions_run", **given)
    with pytest.raises(UsageError, match="Switch with id"):
        await call(fake(_answers(pipeline(1, switch_id="s"), yaml=None) | refused), "promotions_run", **given)
    with pytest.raises(CiError, match="401"):
        await call(fake({"POST /promotions": httpx.Response(401, text="Unauthorized")}), "promotions_run", **given)


@pytest.mark.parametrize("parameter", ["no equals sign", "name=x", "request_token=x"])
async def test_a_parameter_has_a_name_of_its_own(fake: Fake, call: Call, parameter: str) -> None:
    """Every other key of the request is Semaphore's."""
    with pytest.raises(UsageError):
        await call(fake({}), "promotions_run", pipeline=PIPELINE, promotion="P", parameters=[parameter])


async def test_what_has_not_passed_wants_to_be_overridden(api: HttpApi, call: Call) -> None:
    """Semaphore's own words say so."""
    with pytest.raises(UsageError, match="has no promotions"):
        await call(api, "promotions_run", pipeline=world.SHOP_MAIN_PIPELINE, promotion="Staging")
