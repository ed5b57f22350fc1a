"""The sources of the demo's pipelines, as a person would write them."""

import textwrap
from collections.abc import Iterable

IMAGE = "{type: registry-image, source: {repository: python, tag: '3.13'}}"
_RUNTIME = "runtime.run"


def task(name: str, script: str, **more: str) -> str:
    """One task step; ``more`` are its other keys."""
    lines = [f"- task: {name}", *(f"  {key}: {value}" for key, value in more.items())]
    lines += [
        "  config:",
        "    platform: linux",
        f"    image_resource: {IMAGE}",
        f'    run: {{path: sh, args: ["-c", "{script}"]}}',
    ]
    return "\n".join(lines) + "\n"


def job(name: str, *steps: str, more: str = "") -> str:
    """One job; ``more`` are its other keys, as lines."""
    plan = textwrap.indent("".join(steps), "  ")
    return textwrap.indent(f"- name: {name}\n{textwrap.indent(more, '  ')}  plan:\n{plan}", "  ")


def pipeline(*jobs: str, more: str = "") -> str:
    """A whole source."""
    return "jobs:\n" + "".join(jobs) + more


def group(kind: str, steps: Iterable[str]) -> str:
    """A step that holds others: ``try``, ``do`` or ``in_parallel``."""
    inside = textwrap.indent("".join(steps), "    ")
    return f"- {kind}:\n    steps:\n{inside}" if kind == "in_parallel" else f"- {kind}:\n{inside}"


def script(tasks: Iterable[tuple[str, str]], *, throws: str = "") -> str:
    """A TypeScript pipeline that runs tasks, and throws if it is told to."""
    calls = "".join(
        f'  result = await {_RUNTIME}({{name: "{name}", image: "python:3.13", command: '
        f'{{path: "sh", args: ["-c", "{command}"]}}}});\n'
        for name, command in tasks
    )
    thrown = f'  if (result.code !== 0) throw new Error("{throws} " + result.code);\n' if throws else ""
    return f"const pipeline = async () => {{\n  let result;\n{calls}{thrown}}};\nexport {{ pipeline }};\n"


SOURCE = """resources:
  - name: source
    type: git
    source: {uri: "https://github.com/acme/shop.git", branch: main}
"""

SHOP = pipeline(
    job("lint", "- get: source\n", task("ruff", "pip install -r requirements.txt; ruff check .")),
    job(
        "test",
        "- get: source\n",
        task("pytest", "pip install -r requirements.txt; pytest --junitxml=junit.xml", timeout="15m"),
        task("coverage", "echo 91% of all lines"),
    ),
    job("publish", "- get: source\n  passed: [test]\n", task("push", "echo pushed registry.example.com/shop")),
    more=SOURCE,
)
DEPLOY = pipeline(
    job("build", task("image", "echo built registry.example.com/shop")),
    job("ship", task("rollout", "echo rolled out"), more="gate: {message: 'Deploy to production?'}\n"),
)
NIGHTLY = pipeline(
    job("orders", task("pytest", "pytest integration --junitxml=junit.xml")),
    more="# The recommendations are trained elsewhere.\n",
)
MATRIX_NAMES = [f"part-{number:03d}" for number in range(195)] + [f"cart-{number}" for number in range(5)]
MATRIX = pipeline(job("test", group("in_parallel", (task(name, "pytest --part") for name in MATRIX_NAMES))))
REVIEW = pipeline(
    job("review", """- agent: reviewer
  prompt: Say what could go wrong with this change.
  answer:
    stdout: The discount is rounded once for each line, so an order may be a cent off.
    usage: {promptTokens: 5120, completionTokens: 210, totalTokens: 5330, llmRequests: 3, toolCallCount: 2}
    audit_log:
      - {type: user_message, text: Say what could go wrong with this change.}
      - {type: tool_call, toolName: run_script, toolArgs: {script: git diff HEAD~1}}
      - {type: tool_response, toolName: run_script, toolResult: {exit_code: 0, stdout: sum(round(line))}}
      - {type: model_final, text: The discount is rounded once for each line.}
""", task("post", "echo posted")),
)  # fmt: skip
