"""Workflows of the shop that were promoted, and one of each that ended (or does not end) in an unusual way."""

import math
from collections.abc import Iterator

from ci_mcp.sandbox.semaphore.model import BlockSpec, JobSpec, Parameter, Promotion
from ci_mcp.sandbox.semaphore.runs import DAY, HOUR, RunSpec, TriggerSpec, one_block, shop_blocks

_SMOKE = one_block("Smoke tests", "orders", "shop-integration-passed", 31)
_SMOKE_FAILED = one_block("Smoke tests", "orders", "shop-integration-failed", 31)
PROMOTIONS = (
    Promotion("Staging", "Deploy to staging", "staging.yml", _SMOKE, when="result = 'passed'", target="staging"),
    Promotion(
        "Production",
        "Deploy to production",
        "production.yml",
        _SMOKE,
        parameters=(
            Parameter(
                "ROLLOUT", required=True, options=("10%", "50%", "100%"), description="How many customers see it"
            ),
            Parameter("REASON", description="For the deployment's history"),
            Parameter("NOTIFY", default="#shop", description="Which channel is told"),
        ),
        target="production",
    ),
)
_PREVIEW = Promotion("Preview", "Deploy to preview", "preview.yml", _SMOKE, target="preview")

_CRAWL = (BlockSpec("Crawl", (JobSpec("crawl", "shop-integration-passed", 2 * HOUR),)),)
_RENDER = (
    BlockSpec("Lint", (JobSpec("ruff", "shop-ruff-passed", 20),)),
    BlockSpec(
        "Render",
        (
            JobSpec(
                "render",
                "",
                1,
                "e2-ultra-64",
                "Selected machine type is not available in this organization",
                refused=True,
            ),
        ),
        after=("Lint",),
    ),
)
_PHOTOS = (BlockSpec("Photos", (JobSpec("resize", "", math.inf, "s1-gpu"),)),)
_LIMIT = 'Error: "The limit of 1000 pipelines in same workflow reached."'


def _together() -> tuple[BlockSpec, ...]:
    """The shop's blocks side by side: when the linter fails, the others still run."""
    return tuple(BlockSpec(block.name, block.jobs) for block in shop_blocks(ruff="failed"))


def unusual_runs() -> Iterator[RunSpec]:
    """Promotions first; then stopped, refused and waiting ones."""
    in_vain = tuple(TriggerSpec("Staging", 60 * number, "ben", refused=True) for number in range(1, 9))
    yield RunSpec(
        "shop", "launch-1", "launch", 2 * DAY, shop_blocks(), "Sell gift wrap", "ben", reports="job",
        promotions=PROMOTIONS,
        triggers=(
            TriggerSpec("Staging", 1),
            *in_vain,
            TriggerSpec("Staging", 900, "ben"),
            TriggerSpec("Production", 3600, "ada", blocks=_SMOKE_FAILED, parameters=(("ROLLOUT", "100%"),)),
            TriggerSpec("Production", 5400, "ada", parameters=(("ROLLOUT", "10%"), ("REASON", "the second try"))),
        ),
    )  # fmt: skip
    yield RunSpec(
        "shop", "launch-2", "launch", 95 * 60, shop_blocks(), "Wrap several gifts at once", reports="job",
        promotions=PROMOTIONS, triggers=(TriggerSpec("Staging", 1),),
    )  # fmt: skip
    yield RunSpec("shop", "checkout-1", "checkout", 14 * HOUR, shop_blocks(), "Ask for the address first", "ben",
                  stopped_after=2, stopped_for="strategy")  # fmt: skip
    yield RunSpec("shop", "checkout-2", "checkout", 14 * HOUR - 2, shop_blocks(), "Ask for the address last", "ben")
    yield RunSpec("shop", "coupons-1", "coupons", 15 * HOUR, _together(), "Take coupons", "ben", fail_fast=True,
                  promotions=(*PROMOTIONS, _PREVIEW))  # fmt: skip
    yield RunSpec("shop", "crawl-1", "crawl", 17 * HOUR, _CRAWL, "Check every link", "ben",
                  stopped_after=HOUR, stopped_for="timeout")  # fmt: skip
    yield RunSpec("shop", "invoice-1", "invoice", 19 * HOUR, shop_blocks(), "Print invoices", "ben",
                  stopped_after=30, stopped_for="internal")  # fmt: skip
    yield RunSpec("shop", "banner-1", "banner", 21 * HOUR, shop_blocks(), "Try a banner", "ben",
                  stopped_after=40, stopped_for="deleted")  # fmt: skip
    yield RunSpec("shop", "flood-1", "flood", 22 * HOUR, (), "Promote in a loop", error=_LIMIT, refused_as="internal")
    yield RunSpec("shop", "render-1", "render", 23 * HOUR, _RENDER, "Render on a bigger machine", "ben")
    yield RunSpec("shop", "photos-1", "photos", 11 * HOUR, _PHOTOS, "Resize photos on our own machines", "ben")
