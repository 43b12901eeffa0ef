"""Capture the runs of the dataset workshop: `python notebooks/capture_desk.py`, in an environment of its own.

It needs `langchain langchain-openai langsmith openai anthropic google-genai`, the published packages. Five programs of a
bookshop answer its customers, each in its own way: a chain and an agent of LangChain's, and three that call OpenAI, Anthropic
and Gemini by LangSmith's wrappers; a sixth is somebody's script. Two servers on loopback stand where the providers and LangSmith
would be, as in `capture_runs.py`: the questions and the models' words are made up here (`desk_talk.py`), the runs are as
LangSmith's client posts them.

`--only chain agent` leaves programs out whose packages are not installed.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langsmith import Client, traceable, tracing_context

from capture_runs import DATA, Receiver, only_these_servers, serve, without_machine_facts
from desk_talk import ASKED, CUT_OFF, ORDERS, SYSTEM, TIMEOUT, Asked, Turn


class Model:
    """Stands in for OpenAI, Anthropic and Gemini: says what comes next, in the form that it is asked in."""

    def __init__(self) -> None:
        self.next: list[Any] = []

    def answer(self, _method: str, path: str, _content_type: str, body: bytes) -> dict[str, Any]:
        said = self.next.pop(0)
        digest = hashlib.sha256(body).hexdigest()[:24]  # the same ids on every capture
        tokens = len(body) // 4, len(json.dumps(said)) // 4  # about four characters a token
        if path.endswith("/chat/completions"):
            return _openai(said, digest, *tokens)
        if path.endswith("/messages"):
            return _anthropic(said, digest, *tokens)
        if path.endswith(":generateContent"):
            return _gemini(said, *tokens)
        raise LookupError(f"the model server has no {path}")


def _openai(said: Any, digest: str, prompt: int, completion: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    reason = "tool_calls"
    if isinstance(said, str):
        message["content"], cut_off, _ = said.partition(CUT_OFF)
        reason = "length" if cut_off else "stop"
    else:
        name, arguments = said
        function = {"name": name, "arguments": json.dumps(arguments)}
        message["tool_calls"] = [{"id": f"call_{digest}", "type": "function", "function": function}]
    return {
        "id": f"chatcmpl-{digest}",
        "object": "chat.completion",
        "created": 1795000000,
        "model": "gpt-4.1-mini-2025-04-14",
        "choices": [
            {
                "index": 0,
                "message": message | {"refusal": None},
                "logprobs": None,
                "finish_reason": reason,
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        },
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _anthropic(said: str, digest: str, prompt: int, completion: int) -> dict[str, Any]:
    return {
        "id": f"msg_{digest}",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": said}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": prompt, "output_tokens": completion},
    }


def _gemini(said: str, prompt: int, completion: int) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": said}]}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": prompt,
            "candidatesTokenCount": completion,
            "totalTokenCount": prompt + completion,
        },
        "modelVersion": "gemini-2.5-flash",
    }


# The programs. Each is made once, and then asked.

Program = Callable[[Asked, Turn], Any]


def chain_program(_: Client) -> Program:
    """A chat of LangChain's: each call sends the conversation so far."""
    model = ChatOpenAI(model="gpt-4.1-mini", temperature=0)
    chats: dict[str, list[Any]] = {}

    def ask(asked: Asked, turn: Turn) -> None:
        history = chats.setdefault(asked.thread, [SystemMessage(SYSTEM)])
        if turn.notice:
            history.append(SystemMessage(turn.notice))
        history.append(HumanMessage(turn.text))
        answer = model.invoke(history, {"metadata": _metadata(asked)})
        history.append(AIMessage(answer.content))

    return ask


def agent_program(_: Client) -> Program:
    """An agent of LangChain's that looks up orders and sends mail."""

    @tool
    def find_order(order: int) -> str:
        """Look up an order by its number."""
        return ORDERS[order]

    @tool
    def send_mail(to: str, text: str) -> str:  # noqa: ARG001 - the model says it
        """Send a mail to a customer."""
        return f"Sent to {to}."

    model = ChatOpenAI(model="gpt-4.1-mini", temperature=0, model_kwargs={"parallel_tool_calls": False})
    agent = create_agent(model, [find_order, send_mail], system_prompt=SYSTEM, name="orders")

    def ask(asked: Asked, turn: Turn) -> None:
        agent.invoke({"messages": [("user", turn.text)]}, {"metadata": _metadata(asked)})

    return ask


def widget_program(client: Client) -> Program:
    """The chat on the shop's pages, by OpenAI's SDK: each call sends the last message alone."""
    from langsmith.wrappers import wrap_openai
    from openai import OpenAI

    openai = wrap_openai(OpenAI(), tracing_extra={"client": client})

    def ask(asked: Asked, turn: Turn) -> None:
        openai.chat.completions.create(
            model="gpt-4.1-mini",
            messages=[{"role": "developer", "content": SYSTEM}, {"role": "user", "content": _content(turn)}],
            langsmith_extra={"metadata": _metadata(asked)},
        )

    return ask


def letters_program(client: Client) -> Program:
    """Drafts of answers to letters, by Anthropic's SDK."""
    from anthropic import Anthropic
    from langsmith.wrappers import wrap_anthropic

    anthropic = wrap_anthropic(Anthropic(max_retries=0), tracing_extra={"client": client})

    def ask(asked: Asked, turn: Turn) -> None:
        anthropic.messages.create(
            model="claude-sonnet-4-5",
            max_tokens=400,
            system=SYSTEM,
            messages=[{"role": "user", "content": turn.text}],
            langsmith_extra={"metadata": _metadata(asked)},
        )

    return ask


def gemini_program(client: Client) -> Program:
    """A phone app, by Gemini's SDK."""
    from google.genai import Client as Gemini
    from google.genai.types import GenerateContentConfig, Part
    from langsmith.wrappers import wrap_gemini

    gemini = wrap_gemini(Gemini(), tracing_extra={"client": client})

    def ask(asked: Asked, turn: Turn) -> None:
        photo = [Part.from_bytes(data=_png(*turn.color), mime_type="image/png")] if turn.color else []
        gemini.models.generate_content(
            model="gemini-2.5-flash",
            contents=[*photo, turn.text],
            config=GenerateContentConfig(system_instruction=SYSTEM),
            langsmith_extra={"metadata": _metadata(asked)},
        )

    return ask


def script_program(client: Client) -> Program:
    """Somebody's script, traced by hand; once it waited for its model in vain."""

    @traceable(run_type="llm", name="my_model", client=client)
    def my_model(messages: list[dict[str, str]]) -> dict[str, str]:
        said = answers[messages[-1]["content"]]
        if said == TIMEOUT:
            raise TimeoutError("no answer within 60 seconds")
        return {"role": "assistant", "content": said}

    answers: dict[str, str] = {}

    def ask(asked: Asked, turn: Turn) -> None:
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": turn.text}]
        [answers[turn.text]] = turn.says
        my_model(messages, langsmith_extra={"metadata": _metadata(asked)})

    return ask


PROGRAMS: dict[str, Callable[[Client], Program]] = {
    "chain": chain_program,
    "agent": agent_program,
    "widget": widget_program,
    "letters": letters_program,
    "gemini": gemini_program,
    "script": script_program,
}


def _metadata(asked: Asked) -> dict[str, str]:
    return {"user_id": asked.user, "thread_id": asked.thread}


def _content(turn: Turn) -> Any:
    """What a user says, in OpenAI's form."""
    if not turn.color:
        return turn.text
    address = "data:image/png;base64," + base64.b64encode(_png(*turn.color)).decode()
    return [{"type": "text", "text": turn.text}, {"type": "image_url", "image_url": {"url": address}}]


def _png(red: int, green: int, blue: int) -> bytes:
    """A picture of 8 by 8 points of one color."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes((red, green, blue)) * 8) * 8
    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def capture(asked: Iterable[Asked]) -> Iterator[dict[str, Any]]:
    """Ask the programs, and return every run that LangSmith's client posted."""
    model, receiver = Model(), Receiver()
    with serve(model.answer) as model_url, serve(receiver.answer) as receiver_url:
        only_these_servers(model_url)
        os.environ |= {"ANTHROPIC_BASE_URL": model_url, "ANTHROPIC_API_KEY": "local"}
        os.environ |= {"GOOGLE_GEMINI_BASE_URL": model_url, "GEMINI_API_KEY": "local"}
        client = Client(api_url=receiver_url, api_key="local")
        programs: dict[str, Program] = {}
        for each in asked:
            if each.by not in programs:
                programs[each.by] = PROGRAMS[each.by](client)
            for turn in each.turns:
                model.next = list(turn.says)
                with (
                    tracing_context(enabled=True, client=client, project_name="bookshop"),
                    suppress(TimeoutError),  # one of the runs that we came for
                ):
                    programs[each.by](each, turn)
                client.flush()
        client.close(timeout=60)  # waits until everything is posted
    for run in receiver.runs():
        yield without_machine_facts(run)


def main() -> None:
    parser = argparse.ArgumentParser(description="Capture the runs of the dataset workshop.")
    parser.add_argument("--folder", type=Path, default=DATA)
    parser.add_argument(
        "--only", nargs="+", choices=list(PROGRAMS), default=list(PROGRAMS), metavar="PROGRAM"
    )
    args = parser.parse_args()
    runs = list(capture(asked for asked in ASKED if asked.by in args.only))
    lines = "".join(json.dumps(run, ensure_ascii=False) + "\n" for run in runs)
    path = args.folder / "desk_runs.jsonl.gz"
    path.write_bytes(gzip.compress(lines.encode(), mtime=0))
    llm = sum(run["run_type"] == "llm" for run in runs)
    print(f"{path}: {len(runs)} runs, {llm} of them llm runs")


if __name__ == "__main__":
    main()
