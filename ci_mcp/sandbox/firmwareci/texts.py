"""The prompts and the documents that the server has beside its tools."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt: ``text`` with its arguments in braces; those of ``needs`` have to be given."""

    name: str
    about: str
    needs: Mapping[str, str]
    takes: Mapping[str, str]
    text: str


PROMPTS = {
    one.name: one
    for one in (
        Prompt(
            "bootstrap_workflow", "Writes a first workflow for a device.", {},
            {"label": "Label of the devices", "goal": "What is to be tested"},
            "Write a workflow for devices labelled {label!r} with a test for this: {goal}.\nRead fwci_list_duts, "
            "fwci_list_examples and fwci_get_schema first, and validate what you wrote with fwci_validate and "
            "fwci_validate_test.",
        ),
        Prompt(
            "explain_failure", "Explains why a job failed.", {"job_id": "ULID of the job"}, {},
            "Job {job_id} failed. Read fwci_get_job and fwci_get_job_logs, find the first step that failed, and say "
            "why in a few sentences with the lines that show it.",
        ),
        Prompt(
            "convert_existing_ci", "Turns another CI's pipeline into a test.", {"config": "That pipeline's YAML"},
            {"system": "github-actions or gitlab-ci"},
            "Turn this {system} pipeline into a FirmwareCI test, using fwci_get_schema and fwci_get_example, and "
            "validate it with fwci_validate_test:\n\n{config}",
        ),
    )
}  # fmt: skip

DOCS = {
    "introduction/2_architecture": (
        "# Architecture\n\nAn organization has projects, a project has workflows and devices under test (DUT). A job "
        "request submits a workflow with its binaries; it becomes one job for each test.\n"
    ),
    "introduction/3_test-execution-model": (
        "# How a test runs\n\nThe stages of a test run in order: pre-stage, its own stages, post-stage. A step that "
        "fails ends its stage; execution moves to the next stage.\n"
    ),
    "usage/2_repository_setup": (
        "# Repository\n\nEverything lies in `.firmwareci`: `duts/NAME/dut.yaml`, `storage/NAME/storage.yaml`, "
        "`workflows/NAME/workflow.yaml` and `workflows/NAME/tests/*.yaml`.\n"
    ),
    "usage/10_mcp_server": "# MCP server\n\nIt only reads. A token is good for one organization.\n",
    "references/2_commands": "# Commands\n\nEach command has a schema: `step:cmd`, `step:ping`, `step:dutctl`.\n",
}
