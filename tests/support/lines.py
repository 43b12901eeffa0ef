"""Training lines, sound and broken, and what is said of each."""

from __future__ import annotations

from dataclasses import replace

from langsmith_finetune.targets.registry import TARGETS
from tests.support.strategies import conversations, objects

U = {"role": "user", "content": "Hi"}


A = {"role": "assistant", "content": "Hello!"}


PNG = "data:image/png;base64,iVBORw0KGgo="


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "d",
            "parameters": {"type": "object", "properties": {}},
        },
    }
]


def call(i="call_1", name="get_weather", args='{"city":"Paris"}', **more):
    return {"id": i, "type": "function", "function": {"name": name, "arguments": args}, **more}


def asks(*calls):
    return {"role": "assistant", "content": None, "tool_calls": list(calls) or [call()]}


def answer(i="call_1", content="rain"):
    return {"role": "tool", "content": content, "tool_call_id": i}


def said(*messages, **more):
    return {"messages": list(messages), **more}


def tooled(*messages):
    return said(*messages, tools=TOOLS)


def offers(**function):
    return said(U, A, tools=[{"type": "function", "function": {"name": "f", **function}}])


def image(url, **more):
    return {"type": "image_url", "image_url": {"url": url, **more}}


def sees(*parts, role="user"):
    return {"role": role, "content": list(parts)}


def prefers(i=None, p=None, n=None, **more):
    return {
        "input": {"messages": [U]} if i is None else i,
        "preferred_output": [A] if p is None else p,
        "non_preferred_output": [{**A, "content": "No."}] if n is None else n,
        **more,
    }


# A line, where it is to go, and everything that is said of it. What is called secret must never be said.
BROKEN = [
    ("no messages", "openai", {},
     ['messages: is null, not a list of messages (error: messages). Write {"messages": [...]} on each line']),
    ("messages are text", "openai", {"messages":"secret"},
     ['messages: is text of 6 characters, not a list of messages (error: messages). Write {"messages": [...]} on each line']),
    ("messages are empty", "openai", {"messages":[]},
     ['messages: is an empty list, not a list of messages (error: messages). Write {"messages": [...]} on each line']),
    ("a message is text", "openai", said("secret",A),
     ["messages[0]: is text of 6 characters, not an object (error: type). Make lines with training_examples(sessions)"]),
    ("a message is null", "openai", said(None,A),
     ["messages[0]: is null, not an object (error: type). Make lines with training_examples(sessions)"]),
    ("an extra key", "openai", said(U,A,secret_key=1),
     ["a key of 10 characters is not the format's (error: line_key). Remove it; data worth keeping belongs in the ledger"]),
    ("provenance in the line", "openai", said(U,A,run_id="x"),
     ['the key "run_id" is not the format\'s (error: line_key). Remove it; data worth keeping belongs in the ledger']),
    ("an extra key, ignored there", "trl", said(U,A,run_id="x"),
     ['the key "run_id" is not the format\'s (warning: line_key). Remove it; data worth keeping belongs in the ledger']),
    ("response_format", "openai", said(U,A,response_format={}),
     ['the key "response_format" is not the format\'s (error: line_key). Remove it, or call check(..., fix=True)']),
    ("parallel_tool_calls for Together", "together", said(U,A,parallel_tool_calls=False),
     ['the key "parallel_tool_calls" is not the format\'s (error: line_key). Remove it, or call check(..., fix=True)']),
    ("parallel_tool_calls as text", "openai", said(U,A,parallel_tool_calls="no"),
     ["parallel_tool_calls: is text of 2 characters (error: type). Write true or false"]),
    ("a weight of the row as text", "fireworks", said(U,A,weight="2"),
     ["weight: is text of 1 character (error: type). Write a number"]),
    ("no role", "openai", said({"content":"Hi"},A),
     ["messages[0].role: is null (error: role). Write one of system, user, assistant, tool"]),
    ("role developer", "openai", said({"role":"developer","content":"x"},U,A),
     ['messages[0].role: is "developer" (error: role). Write system, which says the same; or call check(..., fix=True)']),
    ("role function", "openai", said(U,{"role":"function","name":"f","content":"x"},A),
     ['messages[1].role: is "function" (error: role). Write a tool message with tool_call_id; or call check(..., fix=True)']),
    ("role human", "openai", said({"role":"human","content":"x"},A),
     ['messages[0].role: is "human" (error: role). Write one of system, user, assistant, tool']),
    ("somebody's role", "openai", said({"role":"secret","content":"x"},A),
     ["messages[0].role: is text of 6 characters (error: role). Write one of system, user, assistant, tool"]),
    ("role is a list", "openai", said({"role":["user"],"content":"x"},A),
     ["messages[0].role: is a list of 1 (error: role). Write one of system, user, assistant, tool"]),
    ("an index in a message", "openai", said(U,{**A,"index":0}),
     ['messages[1]: the key "index" is not the format\'s (error: message_key). Remove it, or call check(..., fix=True)']),
    ("an index in a call", "openai", tooled(U,asks(call(index=0))),
     ['messages[1].tool_calls[0]: the key "index" is not the format\'s (error: message_key). Remove it, or call check(..., fix=True)']),
    ("an index in a call", "together", tooled(U,asks(call(index=0))),
     ['messages[1].tool_calls[0]: the key "index" is not the format\'s (warning: message_key). Remove it, or call check(..., fix=True)']),
    ("audio", "openai", said(U,{**A,"audio":{"id":"x"}}),
     ['messages[1]: the key "audio" is not the format\'s (error: message_key). Remove it, or call check(..., fix=True)']),
    ("reasoning_content", "openai", said(U,{**A,"reasoning_content":"x"}),
     ['messages[1]: the key "reasoning_content" is not the format\'s (error: message_key). Remove it, or call check(..., fix=True)']),
    ("cache_control", "openai", said(sees({"type":"text","text":"x","cache_control":{}}),A),
     ['messages[0].content[0]: the key "cache_control" is not the format\'s (error: message_key). Remove it, or call check(..., fix=True)']),
    ("an extra key in a function", "openai", said(U,A,tools=[{"type":"function","function":{"name":"f","secret":1}}]),
     ["tools[0].function: a key of 6 characters is not the format's (error: message_key). Remove it; data worth keeping belongs in the ledger"]),
    ("content is a number", "openai", said({"role":"user","content":5},A),
     ["messages[0].content: is an integer (error: content). Write text or a list of parts"]),
    ("content is an object", "openai", said({"role":"user","content":{"a":1}},A),
     ["messages[0].content: is an object (error: content). Write text or a list of parts"]),
    ("content is null", "openai", said({"role":"user","content":None},A),
     ["messages[0].content: is null (error: content). Write text or a list of parts"]),
    ("content is missing", "openai", said({"role":"user"},A),
     ["messages[0].content: is missing (error: content). Write text or a list of parts"]),
    ("a tool's content is null", "openai", tooled(U,asks(),answer(content=None),A),
     ['messages[2].content: is null (error: content). Write "" if the tool said nothing; or call check(..., fix=True) for null']),
    ("null without calls", "openai", said(U,{"role":"assistant","content":None}),
     ["messages[1].content: is null, without tool calls beside it (error: content). Leave the message out, or the line"]),
    ("empty content", "openai", said(U,{"role":"assistant","content":" "}),
     ["messages[1].content: is empty text (warning: empty_content). Leave the message out, or the line"]),
    ("empty content", "bedrock", said(U,{"role":"assistant","content":""}),
     ["messages[1].content: is empty text (error: empty_content). Leave the message out, or the line"]),
    ("no parts", "openai", said(sees(),A),
     ["messages[0].content: is a list of no parts (error: content). Write text, or at least one part"]),
    ("a part is text", "openai", said(sees("secret"),A),
     ['messages[0].content[0]: is text of 6 characters, not a part with a type (error: type). Write {"type": "text", "text": ...}']),
    ("a part without type", "openai", said(sees({"text":"x"}),A),
     ['messages[0].content[0]: is an object, not a part with a type (error: type). Write {"type": "text", "text": ...}']),
    ("a part of another kind", "openai", said(sees({"type":"video_url"}),A),
     ["messages[0].content[0].type: is text of 9 characters (error: content). A user message takes parts of type text and image_url"]),
    ("a text part without text", "openai", said(sees({"type":"text","text":None}),A),
     ["messages[0].content[0].text: is null (error: type). Write text"]),
    ("a refusal part", "openai", said(U,sees({"type":"refusal","refusal":"no"},role="assistant")),
     ["messages[1].content[0]: is a refusal part (warning: refusal). Write it as a text part, or call check(..., fix=True)"]),
    ("audio part", "openai", said(sees({"type":"input_audio","input_audio":{"data":"x","format":"wav"}}),A),
     ['messages[0].content[0]: is a part of type "input_audio" (warning: media). Leave the line out']),
    ("file part", "together", said(sees({"type":"file"}),A),
     ['messages[0].content[0]: is a part of type "file" (error: media). Leave the line out', "messages[0].content[0].file: is null, not an object (error: type). Leave the line out", 'messages: have text in one content and a list of parts in another (error: mixed_content). Write each text as [{"type": "text", "text": ...}]; or call check(..., fix=True)']),
    ("a refusal", "openai", said(U,{"role":"assistant","content":None,"refusal":"no"}),
     ["messages[1].refusal: is text of 2 characters (warning: refusal). Put the words into content, or call check(..., fix=True), or leave the line out"]),
    ("a name with a space", "openai", said({**U,"name":"John Doe"},A),
     ["messages[0].name: is text of 8 characters of another form (warning: name). Write letters, digits, _ and -, at most 64; fix=True drops the name"]),
    ("a name that is a number", "openai", said({**U,"name":5},A),
     ["messages[0].name: is an integer (error: type). Write text, or leave the key out"]),
    ("weight 2", "openai", said(U,{**A,"weight":2}),
     ["messages[1].weight: is 2, neither 0 nor 1 (error: weight). Write 0 for context only; else 1, or no weight"]),
    ("weight 0.5", "openai", said(U,{**A,"weight":0.5}),
     ["messages[1].weight: is 0.5, neither 0 nor 1 (error: weight). Write 0 for context only; else 1, or no weight"]),
    ("weight true", "openai", said(U,{**A,"weight":True}),
     ["messages[1].weight: is True, neither 0 nor 1 (error: weight). Write 0 for context only; else 1, or no weight"]),
    ("weight as text", "openai", said(U,{**A,"weight":"1"}),
     ["messages[1].weight: is text of 1 character, neither 0 nor 1 (error: weight). Write 0 for context only; else 1, or no weight"]),
    ("weight on a user message", "openai", said({**U,"weight":0},A),
     ["messages[0].weight: stands on a user message (error: weight). Remove it, or call check(..., fix=True): no other message is trained"]),
    ("weight where there are none", "gemini", said(U,{**A,"weight":0},U,A),
     ['messages[1].weight: is 0, but gemini is not known to have weights: it would train this message too (error: weight). Write the file with write_jsonl(examples, path, target=...), which trains it and says how often; or take a target with weights, such as "together"']),
    ("weight 0 after a trained answer", "trl", said(U,A,U,{**A,"weight":0},U,A),
     ["messages[3].weight: is 0 after a message that is trained, and this target has no weights (error: weight). Write the file with write_jsonl(examples, path, target=...), which makes two lines of it"]),
    ("functions of the legacy form", "local", said(U,A,functions=[{"name":"secret"}]),
     ["functions: is a list of 1 (error: legacy_function). Write tools, or call check(..., fix=True)"]),
    ("functions that are null", "fireworks", said(U,A,functions=None),
     ["functions: is null (error: legacy_function). Remove it"]),
    ("what is learned comes first", "local", said(A,U,A),
     ["messages[0]: is an assistant message that answers nothing (error: order). Give it weight 0, or leave the line out"]),
    ("audio, which no template takes", "local", said({**U,"content":[{"type":"input_audio","input_audio":{"data":"UklG","format":"wav"}}]},A),
     ['messages[0].content[0]: is a part of type "input_audio" (error: media). Leave the line out']),
    ("all weights 0", "openai", said(U,{**A,"weight":0}),
     ["messages: have weight 0 on every answer (error: nothing_trained). Leave the line out: there is nothing to learn"]),
    ("no answer", "openai", said(U),
     ["messages: hold no assistant message (error: nothing_trained). Leave the line out: there is nothing to learn"]),
    ("the last message is the user's", "openai", said(U,A,U),
     ["messages: go on after the last answer, for 1 (error: last_message). Cut the line after the last answer; or call check(..., fix=True)"]),
    ("the last message is the user's", "together", said(U,A,U),
     ["messages: go on after the last answer, for 1 (warning: last_message). Cut the line after the last answer; or call check(..., fix=True)"]),
    ("two answers in a row", "azure", said(U,A,A),
     ["messages[2]: is a second assistant message in a row (error: order). Join the two"]),
    ("a call and text", "azure", tooled(U,asks(),A),
     ["messages[1].tool_calls[0].id: is the id of a call without an answer (error: unanswered_call). Add the tool message that answers it, or cut the line there: the last message may be a call", "messages[2]: is a second assistant message in a row (error: order). Join the two"]),
    ("two questions in a row", "bedrock", said(U,U,A),
     ["messages[1]: is a second user message in a row (error: order). Join the two; or call check(..., fix=True)"]),
    ("begins with the assistant", "bedrock", said(A,U,A),
     ["messages[0]: is an assistant message that answers nothing (error: order). Begin with what the assistant answers, or leave the line out"]),
    ("a system message late", "fireworks", said(U,{"role":"system","content":"x"},A),
     ["messages[1]: is a system message after others (error: system_place). Move it to the front, or say it in a user message"]),
    ("an id is missing", "openai", tooled(U,asks({"type":"function","function":{"name":"get_weather","arguments":"{}"}})),
     ["messages[1].tool_calls[0].id: is null (error: call_id). Give each call an id of its own"]),
    ("an id twice in a message", "openai", tooled(U,asks(call(),call())),
     ["messages[1].tool_calls[1].id: is the id of another call of the message (error: call_id). Give each call of a message an id of its own"]),
    ("an id twice in a line", "openai", tooled(U,asks(),answer(),asks(),answer(),A),
     ["messages[3].tool_calls[0].id: is the id of an earlier call of the line (warning: call_id). Give each call of a line an id of its own"]),
    ("tool_calls is an object", "openai", tooled(U,{"role":"assistant","content":"x","tool_calls":{}}),
     ["messages[1].tool_calls: is an object (error: type). Write a list of calls, or leave the key out"]),
    ("a call is text", "openai", tooled(U,asks("secret")),
     ['messages[1].tool_calls[0]: is text of 6 characters without a function (error: type). Write {"id", "type": "function", "function": {"name", "arguments"}}']),
    ("a call without type", "openai", tooled(U,asks({k:v for k,v in call().items() if k!="type"})),
     ['messages[1].tool_calls[0].type: is null (error: type). Write "function"; fix=True adds it where it is missing']),
    ("a custom call", "openai", tooled(U,asks({"id":"c","type":"custom","custom":{"name":"x","input":"y"}})),
     ['messages[1].tool_calls[0]: is an object without a function (error: type). Write {"id", "type": "function", "function": {"name", "arguments"}}']),
    ("a legacy call", "openai", said(U,{"role":"assistant","content":None,"function_call":{"name":"f","arguments":"{}"}}),
     ["messages[1].function_call: is a call of the legacy form (error: legacy_function). Write tool_calls, or call check(..., fix=True)"]),
    ("a legacy call that is null", "openai", said(U,{**A,"function_call":None}),
     ["messages[1].function_call: is null (warning: legacy_function). Remove the key, or call check(..., fix=True)"]),
    ("a function's name", "openai", tooled(U,asks(call(name="get weather"))),
     ["messages[1].tool_calls[0].function.name: is text of 11 characters that does not match [a-zA-Z0-9_-]{1,64} (error: function_name). Rename the function, in tools and calls alike"]),
    ("a function's name for Gemini", "gemini", said(U,A,tools=[{"type":"function","function":{"name":"1st"}}]),
     ["tools[0].function.name: is text of 3 characters that does not match [a-zA-Z_][a-zA-Z0-9_.-]{0,63} (error: function_name). Rename the function, in tools and calls alike"]),
    ("no tools", "openai", said(U,asks()),
     ["messages[1].tool_calls[0].function.name: is called, but tools is missing (warning: undefined_tool). Add the tool to tools, so that the model learns to call what it is offered"]),
    ("another tool", "openai", tooled(U,asks(call(name="other"))),
     ["messages[1].tool_calls[0].function.name: is none of the line's tools (warning: undefined_tool). Add the tool to tools, so that the model learns to call what it is offered"]),
    ("arguments are an object", "openai", tooled(U,asks(call(args={"city":"Paris"}))),
     ["messages[1].tool_calls[0].function.arguments: is an object, not its JSON text (error: type). Write it as JSON text; or call check(..., fix=True)"]),
    ("arguments are null", "openai", tooled(U,asks(call(args=None))),
     ["messages[1].tool_calls[0].function.arguments: is null (error: type). Write the JSON text of an object"]),
    ("arguments are empty", "openai", tooled(U,asks(call(args=""))),
     ["messages[1].tool_calls[0].function.arguments: is empty text (warning: arguments). Write {}; or call check(..., fix=True)"]),
    ("arguments are no JSON", "openai", tooled(U,asks(call(args="{'city'"))),
     ["messages[1].tool_calls[0].function.arguments: is not the JSON text of an object (warning: arguments). Leave the line out, or correct it: a model trained on it would learn to fail"]),
    ("arguments hold NaN", "trl", tooled(U,asks(call(args='{"a":NaN}'))),
     ["messages[1].tool_calls[0].function.arguments: is not the JSON text of an object (error: arguments). Leave the line out, or correct it: a model trained on it would learn to fail"]),
    ("arguments are a list", "gemini", tooled(U,asks(call(args="[1]"))),
     ["messages[1].tool_calls[0].function.arguments: is not the JSON text of an object (error: arguments). Leave the line out, or correct it: a model trained on it would learn to fail"]),
    ("an answer without a call", "openai", tooled(U,answer(),A),
     ["messages[1].tool_call_id: answers no call of the assistant message before it (error: orphan_answer). Put back the call that it answers, or remove it"]),
    ("an answer after the user", "openai", tooled(U,asks(),answer(),U,answer(),A),
     ["messages[4].tool_call_id: answers no call of the assistant message before it (error: orphan_answer). Put back the call that it answers, or remove it"]),
    ("an answer twice", "openai", tooled(U,asks(),answer(),answer(),A),
     ["messages[3].tool_call_id: answers a call a second time (error: orphan_answer). Keep one answer a call"]),
    ("an answer without id", "openai", tooled(U,asks(),{"role":"tool","content":"x"},A),
     ["messages[2].tool_call_id: is null (error: type). Name the call that it answers", "messages[1].tool_calls[0].id: is the id of a call without an answer (error: unanswered_call). Add the tool message that answers it, or cut the line there: the last message may be a call"]),
    ("a call without an answer", "openai", tooled(U,asks(),U,A),
     ["messages[1].tool_calls[0].id: is the id of a call without an answer (error: unanswered_call). Add the tool message that answers it, or cut the line there: the last message may be a call"]),
    ("one of two calls without an answer", "openai", tooled(U,asks(call(),call("call_2")),answer(),A),
     ["messages[1].tool_calls[1].id: is the id of a call without an answer (error: unanswered_call). Add the tool message that answers it, or cut the line there: the last message may be a call"]),
    ("the last call half answered", "openai", tooled(U,asks(call(),call("call_2")),answer()),
     ["messages[1].tool_calls[1].id: is the id of a call without an answer (error: unanswered_call). Add the tool message that answers it, or cut the line there: the last message may be a call", "messages: go on after the last answer, for 1 (error: last_message). Cut the line after the last answer; or call check(..., fix=True)"]),
    ("tools are an object", "openai", said(U,A,tools={}),
     ["tools: is an object, not a list (error: tools). Write a list of tools"]),
    ("no tools at all", "openai", said(U,A,tools=[]),
     ["tools: is a list of none (warning: tools). Leave the key out; or call check(..., fix=True)"]),
    ("129 tools", "openai", said(U,A,tools=[{"type":"function","function":{"name":f"f{i}"}} for i in range(129)]),
     ["tools: is a list of 129 (error: tools). Offer at most 128"]),
    ("a tool is text", "openai", said(U,A,tools=["secret"]),
     ['tools[0]: is text of 6 characters without a function (error: tools). Write {"type": "function", "function": {"name", "description", "parameters"}}']),
    ("a tool without type", "openai", said(U,A,tools=[{"function":{"name":"f"}}]),
     ['tools[0].type: is null (error: tools). Write "function"; fix=True adds it where it is missing']),
    ("a bare function", "openai", said(U,A,tools=[{"name":"f","parameters":{}}]),
     ['tools[0]: is an object without a function (error: tools). Write {"type": "function", "function": {"name", "description", "parameters"}}']),
    ("a tool twice", "openai", said(U,A,tools=TOOLS*2),
     ["tools[1].function.name: is the name of another tool of the line (warning: tools). Keep one definition a name"]),
    ("a description is a number", "openai", offers(description=1),
     ["tools[0].function.description: is an integer (error: tools). Write text, or leave the key out"]),
    ("strict is text", "openai", offers(strict="yes"),
     ["tools[0].function.strict: is text of 3 characters (error: tools). Write true or false"]),
    ("parameters are a list", "openai", offers(parameters=[]),
     ['tools[0].function.parameters: is an empty list, not an object (error: tools). Write a JSON Schema of {"type": "object", "properties": {...}}']),
    ("parameters are text", "openai", offers(parameters={"type":"string"}),
     ['tools[0].function.parameters.type: is text of 6 characters (error: tools). Write a JSON Schema of {"type": "object", "properties": {...}}']),
    ("tools for Bedrock", "bedrock", said(U,A,tools=TOOLS),
     ["tools: is a list of 1 (error: tools). Leave the line out: this target trains no tool calls"]),
    ("calls for Bedrock", "bedrock", said(U,asks(),answer(),A),
     ["messages[1].tool_calls: is a list of 1 (error: tools). Leave the line out: this target trains no tool calls", 'messages[2].role: is "tool" (error: tools). Leave the line out: this target trains no tool calls']),
    ("half of a surrogate pair", "trl", said(U, {**A, "content": "cut \ud83d"}),
     ["messages[1].content: holds half of a surrogate pair, which is no character (error: surrogate). Write the character whole, or leave the line out: no tokenizer has a token for half of one"]),
    ("half of a surrogate pair, where another character is read", "openai", said({**U, "content": "\ude00"}, A),
     ["messages[0].content: holds half of a surrogate pair, which is no character (warning: surrogate). Write the character whole, or leave the line out: no tokenizer has a token for half of one"]),
    ("a special token", "openai", said(U,{**A,"content":"a <|im_end|>"}),
     ["messages[1].content: holds what looks like a control token at character 2 (error: special_token). Take it out, or leave the line out: a tokenizer may read it as the end of a turn"]),
    ("DeepSeek's special token", "trl", said({**U,"content":"<\uff5cUser\uff5c>"},A),
     ["messages[0].content: holds what looks like a control token at character 0 (error: special_token). Take it out, or leave the line out: a tokenizer may read it as the end of a turn"]),
    ("a special token in arguments", "openai", tooled(U,asks(call(args='{"a":"<|endoftext|>"}'))),
     ["messages[1].tool_calls[0].function.arguments: holds what looks like a control token at character 6 (error: special_token). Take it out, or leave the line out: a tokenizer may read it as the end of a turn"]),
    ("Bedrock's words", "bedrock", said({**U,"content":"User: Hi"},A),
     ['messages[0].content: holds "User:" (error: forbidden_word). Write it otherwise, or leave the line out']),
    ("an image of the assistant", "openai", said(U,sees(image(PNG),role="assistant")),
     ["messages[1].content[0]: is an image in an assistant message (error: image_place). Remove it, or leave the line out"]),
    ("an image that is text", "openai", said(sees({"type":"image_url","image_url":"https://x"}),A),
     ['messages[0].content[0].image_url: is no object with a url (error: type). Write {"type": "image_url", "image_url": {"url": ...}}']),
    ("an image elsewhere", "openai", said(sees(image("gs://bucket/secret.png")),A),
     ["messages[0].content[0].image_url.url: is an address that begins with gs: (error: image). It must begin with one of: https://, http://, data:image/jpeg;, data:image/png;, data:image/webp;"]),
    ("an image of no address", "openai", said(sees(image("secret.png")),A),
     ["messages[0].content[0].image_url.url: is text of 10 characters (error: image). It must begin with one of: https://, http://, data:image/jpeg;, data:image/png;, data:image/webp;"]),
    ("a GIF", "openai", said(sees(image("data:image/gif;base64,x")),A),
     ["messages[0].content[0].image_url.url: is an address that begins with data:image/gif; (error: image). It must begin with one of: https://, http://, data:image/jpeg;, data:image/png;, data:image/webp;"]),
    ("an image's detail", "openai", said(sees(image(PNG,detail="secret")),A),
     ["messages[0].content[0].image_url.detail: is text of 6 characters (error: image). Write auto, low or high, or leave the key out"]),
    ("an http image for Together", "together", said(sees(image("https://example.com/secret.png")),sees({"type":"text","text":"x"},role="assistant")),
     ["messages[0].content[0].image_url.url: is an address that begins with https: (error: image). It must begin with one of: data:image/jpeg;base64,, data:image/png;base64,, data:image/webp;base64,"]),
    ("an http image for Gemini", "gemini", said(sees(image("https://example.com/secret.png")),A),
     ["messages[0].content[0].image_url.url: is an address that begins with https: (error: image). It must begin with one of: gs://"]),
    ("an image for Nebius", "nebius", said(sees(image(PNG)),A),
     ["messages[0].content[0].image_url.url: is an image, and this target takes none (error: image). Remove the image, or leave the line out"]),
    ("11 images", "openai", said(sees(*[image(PNG)]*11),A),
     ["messages: hold 11 images (error: image_count). Keep at most 10 an example"]),
    ("a large image", "openai", said(sees(image("data:image/png;base64,"+"A"*13_400_000)),A),
     ["messages[0].content[0].image_url.url: is an image of about 10,050,000 bytes (error: image_size). Make it smaller than 10,000,000 bytes"]),
    ("text and parts mixed", "together", said(sees(image(PNG)),A),
     ['messages: have text in one content and a list of parts in another (error: mixed_content). Write each text as [{"type": "text", "text": ...}]; or call check(..., fix=True)']),
    ("an image to prefer on", "openai", prefers({"messages":[sees(image(PNG))]}),
     ["input.messages[0].content[0]: is an image in a preference line (error: image_place). Remove it, or leave the line out"]),
    ("preference without input", "openai", {"preferred_output":[A],"non_preferred_output":[U]},
     ['input: is null, not an object with messages (error: preference). Write {"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}', "non_preferred_output: does not hold the assistant's answer alone (error: preference). Write the answer alone, and what came before it into input"]),
    ("preference's input ends with the assistant", "openai", prefers({"messages":[U,A]}),
     ["input.messages: end with an assistant message (error: preference). End the input with what the answers answer"]),
    ("preference of two messages", "openai", prefers(p=[A,A]),
     ["preferred_output: is a list of 2, not a list of one assistant message (error: preference). Write a list of one assistant message"]),
    ("no preferred output", "openai", prefers(p=[]),
     ["preferred_output: is an empty list, not a list of one assistant message (error: preference). Write a list of one assistant message"]),
    ("preference of text", "azure", prefers(n="secret"),
     ["non_preferred_output: is text of 6 characters, not a list of assistant and tool messages (error: preference). Write a list of assistant and tool messages"]),
    ("preference of a user message", "openai", prefers(n=[U]),
     ["non_preferred_output: does not hold the assistant's answer alone (error: preference). Write the answer alone, and what came before it into input"]),
    ("preference of a tool message", "azure", prefers(p=[answer()]),
     ["preferred_output: does not hold the assistant's answer alone (error: preference). Write the answer alone, and what came before it into input"]),
    ("an extra key of a preference", "openai", prefers(score=1),
     ['the key "score" is not the format\'s (error: line_key). Remove it; data worth keeping belongs in the ledger']),
    ("an extra key of its input", "together", prefers({"messages":[U],"parallel_tool_calls":True}),
     ['input: the key "parallel_tool_calls" is not the format\'s (error: line_key). Remove it, or call check(..., fix=True)']),
    ("nothing to prefer", "openai", prefers(n=[A]),
     ["non_preferred_output: is the same as preferred_output (warning: preference). Leave the line out: there is nothing to prefer"]),
    ("a bad message of a preference", "openai", prefers(p=[{**A,"index":0}]),
     ['preferred_output[0]: the key "index" is not the format\'s (error: message_key). Remove it, or call check(..., fix=True)']),
]  # fmt: skip


NINE = replace(TARGETS["trl"], call_id="[a-zA-Z0-9]{9}")


SYSTEM = {"role": "system", "content": "Be brief."}


WEATHER = said(
    SYSTEM,
    {"role": "user", "content": "Weather in Paris and Rome?"},
    asks(call("a"), call("b", args='{"city":"Rome"}')),
    answer("b", '{"sky": "clear"}'),
    answer("a", "rain"),
    {"role": "assistant", "content": "Rain in Paris."},
    tools=TOOLS,
    parallel_tool_calls=True,
)


def answered(line):
    """The line with an answer to each call but the last message's, and no tool defined twice."""
    messages = []
    for index, message in enumerate(line["messages"]):
        messages.append(message)
        after = line["messages"][index + 1 : index + 2]
        if message.get("tool_calls") and after and after[0]["role"] != "tool":
            messages += [answer(c["id"], "done") for c in message["tool_calls"]]
    return {**line, "messages": messages}


sound = conversations(arguments_are=objects).map(answered)
