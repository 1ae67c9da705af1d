"""The reference client of the Model Context Protocol, driven by a test: a JSON object a line in, one a line out.

In: {"list": true} or {"call": name, "arguments": {...}}. The first line out says how it was greeted. Where "agrees" is said, it can
ask its person, who agrees or not.
"""

import json
import os
import sys

import anyio
import anyio.to_thread
import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult

questions = []


def say(value):
    print(json.dumps(value), flush=True)


def shown(tool):
    hints = tool.annotations
    return {
        "name": tool.name,
        "read_only": hints.read_only_hint,
        "destructive": hints.destructive_hint,
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
    }


def answered(result):
    return {
        "is_error": bool(result.is_error),
        "structured": result.structured_content,
        "text": [block.text for block in result.content],
        "questions": questions,
    }


async def answer(client, asked):
    if "list" in asked:
        return {"tools": [shown(tool) for tool in (await client.list_tools(cache_mode="refresh")).tools]}
    return answered(await client.call_tool(asked["call"], asked.get("arguments") or {}))


def person(agrees):
    async def ask(_context, params):
        questions.append(params.message)
        if agrees:
            return ElicitResult(action="accept", content={"agree": True})
        return ElicitResult(action="decline")

    return ask


async def drive(server, how):
    asks = person(how["agrees"]) if "agrees" in how else None
    async with Client(server, mode=how["mode"], elicitation_callback=asks) as client:
        say({"version": client.protocol_version, "instructions": client.instructions})
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            try:
                say(await answer(client, json.loads(line)))
            except Exception as error:  # what the server refuses is an answer too
                say({"error": f"{type(error).__name__}: {error}"})


async def main():
    how = json.loads(sys.argv[1])
    if "url" in how:
        headers = {"Authorization": f"Bearer {os.environ['MCP_KEY']}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            await drive(streamable_http_client(how["url"], http_client=http), how)
    else:
        program, *arguments = how["command"]
        env = {name: value for name, value in os.environ.items() if name.startswith("WAZAPP_")}
        await drive(StdioServerParameters(command=program, args=arguments, env=env), how)


anyio.run(main)
