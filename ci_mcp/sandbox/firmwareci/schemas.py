"""The JSON Schemas that documents are validated against: closed, so that a word too many is an error."""

from importlib.resources import files
from typing import Any

Json = dict[str, Any]
_DRAFT = "http://json-schema.org/draft-07/schema#"
_TEXT: Json = {"type": "string", "minLength": 1}
_NUMBER: Json = {"type": "integer"}
_YES: Json = {"type": "boolean"}
_TEXTS: Json = {"type": "array", "items": _TEXT}
_SECONDS: Json = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"}


def _closed(properties: Json, required: tuple[str, ...] = ()) -> Json:
    made: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": list(required)} if required else {})


def _one_of(*words: str) -> Json:
    return {"type": "string", "enum": list(words)}


_PATTERN = _closed({"regex": _TEXT}, ("regex",))
_JUMP = _closed({"host": _TEXT, "user": _TEXT, "identity_file": _TEXT}, ("host", "user"))
_SSH = {
    "host": _TEXT, "port": _NUMBER, "user": _TEXT, "password": _TEXT, "identity_file": _TEXT, "timeout": _SECONDS,
    "jump_host": _JUMP,
}  # fmt: skip
_TRANSPORT = _closed({"proto": _one_of("local", "ssh"), "options": _closed(_SSH)}, ("proto",))
_OPTIONS = _closed({"timeout": _SECONDS, "report_only": _YES})
_PROXY = _closed({"type": _one_of("ssh"), "host": _TEXT, "user": _TEXT, "identity_file": _TEXT}, ("type", "host"))
_SERIAL = _closed({"send": _TEXT, "expect": _PATTERN, "timeout": _SECONDS})

# What the parameters of each command are, and what it does; `steps/` has one step of each.
_COMMANDS: dict[str, tuple[Json, str]] = {
    "cmd": (
        _closed({"executable": _TEXT, "args": _TEXTS, "expect": {"type": "array", "items": _PATTERN},
                 "report_only": _YES}, ("executable",)),
        "Runs a program; it succeeds with exit code 0 and when every pattern of expect is found in its output.",
    ),
    "ping": (
        _closed({"host": _TEXT, "port": _NUMBER, "proxy": _PROXY}, ("host",)),
        "Waits until a host answers; give options.timeout.",
    ),
    "sleep": (
        _closed({"duration": _SECONDS}, ("duration",)),
        "Waits; prefer an expectation to a sleep.",
    ),
    "dutctl": (
        _closed({"host": _TEXT, "command": _one_of("power", "flash", "serial"), "args": _TEXTS},
                ("host", "command")),
        "Flashes, switches or listens to the board through its dutctl agent.",
    ),
    "newdutctl": (
        _closed({"agent": _TEXT, "device": _TEXT, "command": _TEXT, "args": _TEXTS}, ("agent", "device", "command")),
        "The same with an agent that has several devices.",
    ),
    "pikvm": (
        _closed({"command": _TEXT, "host": _TEXT, "auth": _TEXT, "image": _closed({"path": _TEXT}, ("path",))},
                ("command", "host")),
        "Drives a PiKVM: power, or a boot image.",
    ),
    "qemu": (
        _closed({"mode": _one_of("start", "run", "stop"), "args": _TEXTS, "executable": _TEXT, "firmware": _TEXT,
                 "variable": _TEXT, "serial": {"type": "array", "items": _SERIAL}}, ("mode",)),
        "Starts a virtual board with the firmware and talks to its serial console.",
    ),
    "cpuload": (
        _closed({"args": _TEXTS, "duration": _SECONDS}, ("duration",)),
        "Loads all cores.",
    ),
    "cpustats": (
        _closed({"interval": _SECONDS, "expect": {"type": "array", "items": _PATTERN}}),
        "Reports frequencies and temperatures.",
    ),
    "copy": (
        _closed({"source": _TEXT, "destination": _TEXT, "direction": _one_of("from", "to")},
                ("source", "destination")),
        "Copies a file to the board or from it.",
    ),
    "chipsec": (
        _closed({"modules": _TEXTS, "nixstate": _YES, "expect": {"type": "array", "items": _PATTERN}}),
        "Runs chipsec's modules; each has to pass.",
    ),
    "firmware-version": (
        _closed({"expect": _PATTERN}, ("expect",)),
        "Compares the firmware's version.",
    ),
}  # fmt: skip


def _step() -> Json:
    known = _closed(
        {
            "cmd": _one_of(*_COMMANDS), "name": _TEXT, "transport": _TRANSPORT, "parameters": {"type": "object"},
            "options": _OPTIONS,
        },
        ("cmd", "name"),
    )  # fmt: skip
    rules = [
        {
            "if": {"properties": {"cmd": {"const": cmd}}, "required": ["cmd"]},
            "then": {"properties": {"parameters": parameters}},
        }
        for cmd, (parameters, _) in _COMMANDS.items()
    ]
    return known | {"allOf": rules}


_STEPS: Json = {"type": "array", "items": _step()}
_STAGE = _closed({"name": _TEXT, "steps": _STEPS | {"minItems": 1}}, ("name", "steps"))
_TEST = _closed(
    {
        "name": _TEXT, "description": {"type": "string"}, "defaults": {"type": "object"}, "tools": _TEXTS,
        "pre-stage": _STEPS, "stages": {"type": "array", "minItems": 1, "items": _STAGE}, "post-stage": _STEPS,
    },
    ("name", "stages"),
)  # fmt: skip
_WORKFLOW = _closed(
    {"name": _TEXT, "description": {"type": "string"}, "runs-on": _TEXT}, ("name", "description", "runs-on")
)
_DUT = _closed(
    {
        "name": _TEXT, "label": _TEXT, "attributes": {"type": "object", "additionalProperties": {"type": "string"}},
        "reservation-system": _TEXT,
    },
    ("name", "label"),
)  # fmt: skip
_DUT_STAGES = _closed({"pre-stage": _STEPS, "post-stage": _STEPS}) | {"minProperties": 1, "maxProperties": 1}
_STORAGE = _closed({"name": _TEXT, "uri": {"type": "string", "pattern": "^[a-z][a-z0-9+]*://"}}, ("name", "uri"))

VALIDATED: dict[str, Json] = {
    "dut": _DUT, "dut-pre-post": _DUT_STAGES, "workflow": _WORKFLOW, "storage": _STORAGE, "test": _TEST,
}  # fmt: skip
"""What a document of each kind has to be."""

_GUIDES = {
    "test": (
        "A test: stages and their steps run in order; a failing step ends its stage, and the next stage still runs.",
        "linux-boot.yaml",
        _TEST,
    ),
    "workflow": ("A workflow: runs-on is the label of the devices that it may use.", "workflow.yaml", _WORKFLOW),
    "common:dut": ("A device under test and the attributes that steps refer to.", "dut.yaml", _DUT),
    "common:dut-pre-post": ("What runs before or after each test of a device.", "pre.yaml", _DUT_STAGES),
    "common:storage": ("A file that steps refer to as [[storage.NAME]].", "storage.yaml", _STORAGE),
    "common:transport": ("Where a step runs: here, or over ssh on the board.", "", _TRANSPORT),
    "common:options": ("How long a step may take, and whether its failure counts.", "", _OPTIONS),
}


def schema_names() -> list[str]:
    """The names of all schemas, those of tests and workflows first."""
    return [*_GUIDES, *(f"step:{cmd}" for cmd in _COMMANDS)]


def schema(name: str, examples: dict[str, str]) -> Json | None:
    """One schema with what an agent should know and an example in YAML; None where there is none of that name.

    Args:
        name: as `schema_names` has it.
        examples: the example files by the last part of their path.
    """
    head = {"$schema": _DRAFT, "$id": f"https://firmware-ci.com/schemas/{name.replace(':', '/')}.json", "title": name}
    if name in _GUIDES:
        guide, file, body = _GUIDES[name]
        example = examples.get(file, "")
    elif (cmd := name.removeprefix("step:")) in _COMMANDS and cmd != name:
        parameters, guide = _COMMANDS[cmd]
        example = (files(__package__) / "steps" / f"{cmd}.yaml").read_text("utf-8")
        body = _closed(
            {"cmd": {"const": cmd}, "name": _TEXT, "transport": _TRANSPORT, "parameters": parameters,
             "options": _OPTIONS}, ("cmd", "name"),
        )  # fmt: skip
    else:
        return None
    return head | {"description": guide} | ({"x-example-yaml": example} if example else {}) | body
