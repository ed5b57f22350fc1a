"""The MCP server, made with the SDK: the only module here that imports it."""

import json
from collections.abc import Callable
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from starlette.applications import Starlette

from ci_mcp.sandbox.firmwareci import records
from ci_mcp.sandbox.firmwareci.texts import DOCS, PROMPTS, Prompt
from ci_mcp.sandbox.firmwareci.tools import TOOLS, Call, Failed, Variant, found_by_id, text_of
from ci_mcp.sandbox.firmwareci.world import World

_Context = ServerRequestContext[Any]
_Paged = types.PaginatedRequestParams | None
_TEMPLATES = {
    "fwci://workflow/{id}": "A workflow",
    "fwci://job/{id}": "A job",
    "fwci://dut/{id}": "A device under test",
    "fwci://docs/{+path}": "A page of the documentation",
}


def make_app(world: World, variant: Variant, *, sessions: bool) -> Starlette:
    """The server as an application, at ``/mcp``.

    Args:
        world: what it is about.
        variant: what its tools take.
        sessions: it wants a session id and answers with event streams; else it keeps nothing and answers in JSON.
    """
    server = Server(
        "firmwareci", version="1.4.0", on_list_tools=_list_tools(variant), on_call_tool=_call_tool(world, variant),
        on_list_prompts=_list_prompts, on_get_prompt=_get_prompt, on_list_resources=_list_resources,
        on_list_resource_templates=_list_templates, on_read_resource=_read_resource(world, variant),
    )  # fmt: skip
    return server.streamable_http_app(json_response=not sessions, stateless_http=not sessions)


def _list_tools(variant: Variant) -> Callable[..., Any]:
    hints = types.ToolAnnotations(read_only_hint=True, open_world_hint=False)
    found = [
        types.Tool(name=tool.name, description=tool.about, input_schema=tool.schema(variant), annotations=hints)
        for tool in TOOLS.values()
    ]

    async def list_tools(_: _Context, __: _Paged) -> types.ListToolsResult:
        return types.ListToolsResult(tools=found)

    return list_tools


def _call_tool(world: World, variant: Variant) -> Callable[..., Any]:
    async def call_tool(_: _Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name not in TOOLS:
            raise MCPError(types.INVALID_PARAMS, f'unknown tool "{params.name}"')
        try:
            result = TOOLS[params.name].call(params.arguments or {}, world, variant)
        except Failed as failed:
            return types.CallToolResult(content=[types.TextContent(type="text", text=str(failed))], is_error=True)
        content: list[types.ContentBlock] = [types.TextContent(type="text", text=text_of(result))]
        if variant.structured:
            return types.CallToolResult(content=content, structured_content=result)
        return types.CallToolResult(content=content)

    return call_tool


async def _list_prompts(_: _Context, __: _Paged) -> types.ListPromptsResult:
    return types.ListPromptsResult(
        prompts=[
            types.Prompt(
                name=one.name, description=one.about,
                arguments=[
                    types.PromptArgument(name=name, description=about, required=name in one.needs)
                    for name, about in {**one.needs, **one.takes}.items()
                ],
            )
            for one in PROMPTS.values()
        ]
    )  # fmt: skip


async def _get_prompt(_: _Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    prompt = PROMPTS.get(params.name)
    if prompt is None:
        raise MCPError(types.INVALID_PARAMS, f'unknown prompt "{params.name}"')
    text = types.TextContent(type="text", text=_filled(prompt, params.arguments or {}))
    return types.GetPromptResult(description=prompt.about, messages=[types.PromptMessage(role="user", content=text)])


def _filled(prompt: Prompt, given: dict[str, str]) -> str:
    missing = [name for name in prompt.needs if not given.get(name)]
    if missing:
        raise MCPError(types.INVALID_PARAMS, f"missing argument: {missing[0]}")
    return prompt.text.format(**(dict.fromkeys(prompt.takes, "any") | given))


async def _list_resources(_: _Context, __: _Paged) -> types.ListResourcesResult:
    return types.ListResourcesResult(resources=[])


async def _list_templates(_: _Context, __: _Paged) -> types.ListResourceTemplatesResult:
    found = [
        types.ResourceTemplate(
            name=uri.split("/")[2], uri_template=uri, description=about,
            mime_type="text/markdown" if "docs" in uri else "application/json",
        )
        for uri, about in _TEMPLATES.items()
    ]  # fmt: skip
    return types.ListResourceTemplatesResult(resource_templates=found)


def _read_resource(world: World, variant: Variant) -> Callable[..., Any]:
    async def read_resource(_: _Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(params.uri)
        mime, text = _resource(uri, Call({}, world, variant))
        return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, mime_type=mime, text=text)])

    return read_resource


def _resource(uri: str, call: Call) -> tuple[str, str]:
    """The type and the text of a resource."""
    kind, _, rest = uri.removeprefix("fwci://").partition("/")
    if kind == "docs" and rest in DOCS:
        return "text/markdown", DOCS[rest]
    shapes = {
        "workflow": (call.world.workflows, records.workflow),
        "job": (call.world.jobs, records.job),
        "dut": (call.world.duts, records.dut),
    }
    if kind not in shapes:
        raise MCPError(types.INVALID_PARAMS, f"resource not found: {uri}")
    things, shape = shapes[kind]
    try:
        record = shape(found_by_id(kind, things, rest), call.world, whole=True)  # type: ignore[operator]
    except Failed as failed:
        raise MCPError(types.INVALID_PARAMS, str(failed)) from None
    return "application/json", json.dumps(record, ensure_ascii=False)
