"""Every tool as a command: ``ci-mcp PROVIDER NOUN VERB``, made from the catalog."""

from typing import Any, BinaryIO

import click

from ci_mcp.cli.complete import branches
from ci_mcp.cli.context import Options, run_tool
from ci_mcp.cli.output import FORMATS, show
from ci_mcp.core.catalog import ToolSpec, load


def provider_group(name: str) -> click.Group:
    """The commands of one provider, a group for each noun."""
    service = load().services[name]
    specs = sorted(load().of(name), key=lambda spec: not spec.core)  # the most useful one is the example
    group = click.Group(
        name, help=f"{service.title}: its tools as commands.", short_help=service.title, epilog=_shown(specs[0])
    )
    for spec in load().of(name):
        noun, verb = spec.words
        nouns = group.commands.get(noun)
        if not isinstance(nouns, click.Group):
            first = next(one for one in specs if one.words[0] == noun)
            nouns = click.Group(noun, help=f"{service.title} {noun}.", epilog=_shown(first))
            group.add_command(nouns)
        nouns.add_command(_command(spec, verb))
    for nouns in group.commands.values():
        if isinstance(nouns, click.Group):
            nouns.short_help = ", ".join(nouns.commands)
    return group


def _command(spec: ToolSpec, verb: str) -> click.Command:
    document, required = _document(spec), _required(spec)
    # A shell command always does what it is told: `force` is only for agents.
    properties = {k: v for k, v in spec.input_schema["properties"].items() if not (spec.starts and k == "force")}
    options: list[click.Parameter] = [_option(key, value, key in required) for key, value in properties.items()]
    if document:
        said = f"The same as --{document} from a file; - is standard input."
        options.append(click.Option(["--file", "file_"], type=click.File("rb"), help=said))
    options.append(click.Option(["--format", "format_"], type=click.Choice(FORMATS), help="Table or text, or JSON."))
    return click.Command(
        verb,
        params=options,
        help=spec.description,
        epilog=_shown(spec),
        callback=_callback(spec),
    )


def _document(spec: ToolSpec) -> str:
    """The parameter that takes a whole document, which a schema marks with its media type; empty where none does."""
    return next((k for k, v in spec.input_schema["properties"].items() if "contentMediaType" in v), "")


def _needs_document(spec: ToolSpec) -> bool:
    """Whether it cannot be called without its document."""
    return _document(spec) in spec.input_schema.get("required", [])


def _required(spec: ToolSpec) -> list[str]:
    """The options without which it cannot be called; a document may come from a file."""
    return [name for name in spec.input_schema.get("required", []) if name != _document(spec)]


def _shown(spec: ToolSpec) -> str:
    """An example of how a tool is typed."""
    noun, verb = spec.words
    keys = [*_required(spec), *(["file"] if _needs_document(spec) else [])]
    given = "".join(f" --{key.replace('_', '-')}{_such_as(key, spec)}" for key in keys)
    return f"\b\nExample:\n  ci-mcp {spec.provider} {noun} {verb}{given}"


def _such_as(key: str, spec: ToolSpec) -> str:
    """What stands behind an option in an example: nothing behind a flag, the first of several words, else its name."""
    schema = spec.input_schema["properties"].get(key, {})
    return "" if schema.get("type") == "boolean" else f" {schema['enum'][0] if 'enum' in schema else key.upper()}"


def _option(name: str, schema: dict[str, Any], required: bool) -> click.Option:
    flag = f"--{name.replace('_', '-')}"
    text = schema.get("description", "")
    kind = schema.get("type", "string")
    if kind == "boolean":
        return click.Option([f"{flag}/--no-{name.replace('_', '-')}", name], default=None, help=text)
    many = kind == "array"
    if many or kind == "object":
        schema = schema.get("items", {}) if many else {}
    return click.Option(
        [flag, name],
        type=_type(schema, kind),
        required=required,
        multiple=many or kind == "object",
        help=f"{text} (repeatable)" if many else f"{text} (KEY=VALUE, repeatable)" if kind == "object" else text,
        metavar="KEY=VALUE" if kind == "object" else None,
        shell_complete=branches if name == "branch" else None,
    )


def _type(schema: dict[str, Any], kind: str) -> click.ParamType[Any]:
    if "enum" in schema:
        return click.Choice([str(value) for value in schema["enum"]])
    if kind == "integer":
        return click.IntRange(schema.get("minimum"), schema.get("maximum"))
    return click.FLOAT if kind == "number" else click.STRING


def _callback(spec: ToolSpec) -> Any:
    document = _document(spec)
    objects = {k for k, v in spec.input_schema["properties"].items() if v.get("type") == "object"}

    @click.pass_obj
    def run(options: Options, /, format_: str | None, file_: BinaryIO | None = None, **given: Any) -> int:
        if document:
            given[document] = _text(document, given[document], file_, needed=_needs_document(spec))
        arguments = {key: _value(key, value, key in objects) for key, value in given.items() if value not in (None, ())}
        answer = run_tool(options, spec.name, arguments, (spec.provider,))
        show(answer, format_)
        return int(answer.data.get("valid") is False)  # a script that checks a definition asks for the exit code

    return run


def _text(name: str, text: str | None, file: BinaryIO | None, *, needed: bool) -> str | None:
    """A document from where it was given; ``None`` where it was not, and need not be."""
    given = (text is not None) + (file is not None)
    if given > 1 or (needed and not given):
        raise click.UsageError(f"give either --{name} or --file")
    if file is None:
        return text
    try:
        return file.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter("it is no text in UTF-8", param_hint="--file") from error


def _value(key: str, value: Any, is_object: bool) -> Any:
    if is_object:
        pairs = [item.partition("=") for item in value]
        if any(not separator for _, separator, _ in pairs):
            raise click.BadParameter("give it as KEY=VALUE", param_hint=f"--{key}")
        return {name: text for name, _, text in pairs}
    return list(value) if isinstance(value, tuple) else value
