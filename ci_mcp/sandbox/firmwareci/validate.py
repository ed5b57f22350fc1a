"""Validation of documents in YAML or JSON, with messages as the service's library for JSON Schema words them."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from ci_mcp.sandbox.firmwareci.schemas import VALIDATED

Json = dict[str, Any]
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object", "list": "array",
          "NoneType": "null"}  # fmt: skip


def validate(kind: str, text: str) -> Json:
    """What the service says of a document: ``valid``, and where it is not, its ``issues``.

    Args:
        kind: a key of ``schemas.VALIDATED``.
        text: the document.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return _invalid([("(root)", f"yaml: {' '.join(str(error).split())}")])
    errors = sorted(
        Draft7Validator(VALIDATED[kind]).iter_errors(document), key=lambda error: list(map(str, error.path))
    )
    issues = [(_place(error), said) for error in errors for said in _said(error)]
    issues += list(_repeated(document)) if kind == "test" and not issues else []
    return _invalid(issues) if issues else {"valid": True}


def _invalid(issues: list[tuple[str, str]]) -> Json:
    return {"valid": False, "issues": [{"field": field, "message": message} for field, message in issues]}


def _place(error: ValidationError) -> str:
    return ".".join(map(str, error.absolute_path)) or "(root)"


def _said(error: ValidationError) -> Iterator[str]:
    """One error in the words of gojsonschema."""
    value, instance = error.validator_value, error.instance
    if error.validator == "required":
        yield f"{error.message.split(chr(39))[1]} is required"
    elif error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        yield from (f"Additional property {name} is not allowed" for name in instance if name not in known)
    elif error.validator == "type":
        yield f"Invalid type. Expected: {value}, given: {_TYPES.get(type(instance).__name__, 'string')}"
    elif error.validator == "enum":
        allowed = ", ".join(f'"{word}"' for word in value)
        yield f"{_place(error)} must be one of the following: {allowed}"
    elif error.validator == "pattern":
        yield f"Does not match pattern '{value}'"
    elif error.validator == "minLength":
        yield f"String length must be greater than or equal to {value}"
    elif error.validator == "minItems":
        yield f"Array must have at least {value} items"
    else:
        yield f"Must have {'at least' if 'min' in str(error.validator) else 'at most'} {value} properties"


def _repeated(document: Json) -> Iterator[tuple[str, str]]:
    """Steps whose name another has already: logs are told apart by it."""
    stages = [("pre-stage", document.get("pre-stage") or [])]
    stages += [(f"stages.{number}.steps", stage["steps"]) for number, stage in enumerate(document["stages"])]
    stages.append(("post-stage", document.get("post-stage") or []))
    for place, steps in stages:
        names = [step["name"] for step in steps]
        for number, name in enumerate(names):
            if name in names[:number]:
                yield f"{place}.{number}.name", f"step name {name} is not unique in its stage"


@cache
def examples() -> dict[str, str]:
    """The example files by their path."""
    return dict(sorted(_walk(files(__package__) / "examples", ".firmwareci")))


def _walk(folder: Traversable, path: str) -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        inner = f"{path}/{entry.name}"
        if entry.is_dir():
            yield from _walk(entry, inner)
        else:
            yield inner, entry.read_text("utf-8")
