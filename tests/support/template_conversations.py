"""Thirteen conversations with unique words in every field, to see what a chat template does with them."""


def _call(name, arguments, call_id):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _tool(name):
    schema = {"type": "object", "properties": {"city": {"type": "string", "description": "A city."}}}
    return {"type": "function", "function": {"name": name, "description": "Looks.", "parameters": schema}}


SYSTEM = {"role": "system", "content": "SYSTEMONE be brief."}
ASKED = {"role": "user", "content": "USERONE weather?"}
ANSWERED = {"role": "assistant", "content": "ANSWERONE fine."}
ONE = {
    "role": "assistant",
    "content": None,
    "tool_calls": [_call("get_weather", '{"city": "Rome"}', "call_abc12345")],
}
FOUND = {"role": "tool", "tool_call_id": "call_abc12345", "content": "RESULTONE sunny"}
TWO = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        _call("get_weather", '{"city": "Rome"}', "call_abc12345"),
        _call("get_weather", '{"city": "Oslo"}', "call_def67890"),
    ],
}
AGAIN = {"role": "tool", "tool_call_id": "call_def67890", "content": "RESULTTWO snow"}
TOOLS = [_tool("get_weather")]
THOUGHT = {**ANSWERED, "reasoning_content": "THOUGHTONE look up."}
NEXT = [{"role": "user", "content": "USERTWO and then?"}, {"role": "assistant", "content": "ANSWERTWO rain."}]

CONVERSATIONS = {
    "plain": {"messages": [SYSTEM, ASKED, ANSWERED]},
    "no system": {"messages": [ASKED, ANSWERED]},
    "turns": {"messages": [SYSTEM, ASKED, ANSWERED, *NEXT]},
    "weight 0": {"messages": [SYSTEM, ASKED, {**ANSWERED, "weight": 0}, *NEXT]},
    "one call": {"messages": [SYSTEM, ASKED, ONE], "tools": TOOLS},
    "text beside a call": {
        "messages": [SYSTEM, ASKED, {**ONE, "content": "TEXTONE get_weather."}],
        "tools": TOOLS,
    },
    "two calls": {"messages": [SYSTEM, ASKED, TWO], "tools": TOOLS},
    "agent": {"messages": [SYSTEM, ASKED, ONE, FOUND, ANSWERED], "tools": TOOLS},
    "parallel": {"messages": [SYSTEM, ASKED, TWO, FOUND, AGAIN, ANSWERED], "tools": TOOLS},
    "reasoning": {"messages": [SYSTEM, ASKED, THOUGHT]},
    "reasoning in turns": {"messages": [SYSTEM, ASKED, THOUGHT, *NEXT]},
    "reasoning and a call": {
        "messages": [SYSTEM, ASKED, {**ONE, "reasoning_content": "THOUGHTONE look up."}, FOUND, ANSWERED],
        "tools": TOOLS,
    },
    "tools unused": {"messages": [SYSTEM, ASKED, ANSWERED], "tools": TOOLS},
}
