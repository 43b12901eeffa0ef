"""Capture what the walkthrough learns from and is measured on: `python notebooks/capture_app.py`.

An accounting assistant in use. Its chain, and an agent with the same tool, answer the twenty questions of
`data/questions.json` and questions in the wordings of `data/wordings.json`, each for a named user, with LangSmith tracing
on; then users rate the answers. As in `capture_runs.py`, the model's words and the ratings are ours, and the rest is as
LangChain and LangSmith's client posted it to a server on loopback.

`app_runs.jsonl.gz` is what was asked first. Among it are:

- a trace that failed, since the model invented an operation;
- four wrong answers, which users rated 0, and three answers that nobody rated;
- a question that was asked twice, word for word;
- an e-mail address;
- twenty-four agents, each of two calls, one of which has a middleware that chooses tools by a call of its own.

`heldout_runs.jsonl.gz` is what was asked later: twenty questions in wordings and with numbers of their own.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from langchain.agents import create_agent
from langchain.agents.middleware import LLMToolSelectorMiddleware
from langchain_core.tools import StructuredTool
from langchain_openai import ChatOpenAI
from langsmith import Client, tracing_context
from pydantic import ValidationError

from capture_runs import (
    BEYOND_THE_TOOL,
    DATA,
    OPERATIONS,
    QUESTION,
    Calculator,
    Receiver,
    calculator_chain,
    only_these_servers,
    serve,
    without_machine_facts,
)

USERS = ("ada", "bob", "chen", "dana")
WITH_AN_ADDRESS = "What is 18 plus 7? Please mail it to ann.miller@example.com"
PROJECT = "7a5c31f0-0f6e-4d1c-9b1e-2f6f0c1b7d10"  # LangSmith's id of the project, which feedback has to name
WRONG = {"+": "-", "-": "+", "*": "+", "/": "*"}
"""What the model mistakes an operation for, in the answers that users rated 0."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question: the call that the model makes of it, who asks, and what that person says of the answer."""

    text: str
    call: dict[str, Any]
    user: str
    score: int | None = 1
    by: Literal["chain", "agent", "agent with middleware"] = "chain"


class Dice:
    """Chooses numbers, each pair once.

    Args:
        seed: The same seed chooses the same.
        taken: Calls whose pairs are not to come again.
    """

    def __init__(self, seed: int, *, taken: Iterable[dict[str, Any]]) -> None:
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self._taken = {(call["num1"], call["num2"]) for call in taken}

    def with_numbers(self, sign: str, wording: str) -> tuple[str, dict[str, Any]]:
        """A question of this wording, and the call that answers it."""
        while True:
            a, b = self.random.randint(21, 99), self.random.randint(3, 20)
            if sign == "/":
                a = b * self.random.randint(3, 20)  # so that it divides
            if (a, b) not in self._taken:
                self._taken.add((a, b))
                return wording.format(a=a, b=b), {"num1": a, "num2": b, "operation": sign}


def asked_first() -> Iterator[Asked]:
    """What the application was asked while its runs were collected."""
    seeds = [question["zh"] for question in _read("questions.json")]
    dice = Dice(1, taken=map(_call_of_seed, seeds))
    for number, text in enumerate(seeds):
        yield Asked(text=text, call=_call_of_seed(text), user=USERS[number % 4])
    yield Asked(text=seeds[0], call=_call_of_seed(seeds[0]), user="bob")  # word for word once more
    yield Asked(
        text=WITH_AN_ADDRESS,
        call={"num1": 18, "num2": 7, "operation": "+"},
        user="ada",
    )
    for number, (text, call) in enumerate(_worded("asked", dice, times=3)):
        yield Asked(text=text, call=call, user=USERS[number % 4])
    for number, (text, call) in enumerate(_some("asked", dice, 24)):
        by: Any = "agent with middleware" if number == 0 else "agent"
        yield Asked(text=text, call=call, user=USERS[number % 4], by=by)
    for number, (text, call) in enumerate(_some("asked", dice, 4)):
        wrong = call | {"operation": WRONG[call["operation"]]}
        yield Asked(text=text, call=wrong, user=USERS[number % 4], score=0)
    for number, (text, call) in enumerate(_some("asked", dice, 3)):
        yield Asked(text=text, call=call, user=USERS[number % 4], score=None)
    yield Asked(text=BEYOND_THE_TOOL, call=_call_of_seed(BEYOND_THE_TOOL), user="dana", score=None)


def asked_later() -> Iterator[Asked]:
    """What it was asked afterwards, in other words and with other numbers."""
    dice = Dice(2, taken=(asked.call for asked in asked_first()))
    for number, (text, call) in enumerate(_worded("heldout", dice, times=1)):
        yield Asked(text=text, call=call, user=USERS[number % 4])


def _read(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def _call_of_seed(text: str) -> dict[str, Any]:
    found = QUESTION.match(text)
    assert found is not None, text
    return {"num1": int(found[1]), "num2": int(found[3]), "operation": OPERATIONS[found[2]]}


def _worded(name: str, dice: Dice, *, times: int) -> list[tuple[str, dict[str, Any]]]:
    """Each wording so many times, each time with other numbers, in a random order."""
    wordings = [(sign, text) for sign, texts in _read("wordings.json")[name].items() for text in texts]
    made = [dice.with_numbers(sign, text) for sign, text in wordings for _ in range(times)]
    dice.random.shuffle(made)
    return made


def _some(name: str, dice: Dice, count: int) -> list[tuple[str, dict[str, Any]]]:
    """So many questions, each operation as often."""
    wordings = _read("wordings.json")[name]
    signs = [list(wordings)[number % 4] for number in range(count)]
    return [dice.with_numbers(sign, dice.random.choice(wordings[sign])) for sign in signs]


class Model:
    """Stands in for OpenAI: makes the call that was prepared for a question, and tells a tool's result in words."""

    def __init__(self) -> None:
        self._calls: dict[str, Any] = {}

    def expect(self, asked: Asked) -> None:
        """Answer this question from now on as it says."""
        self._calls[asked.text] = asked.call

    def answer(self, _method: str, path: str, _content_type: str, body: bytes) -> dict[str, Any]:
        if path != "/v1/chat/completions":
            raise LookupError(f"the model server has no {path}")
        request = json.loads(body)
        messages = request["messages"]
        question = next(message["content"] for message in messages if message["role"] == "user")
        if request.get("response_format"):  # the middleware asks which tools to offer
            return completion(body, json.dumps({"tools": ["Calculator"]}))
        if messages[-1]["role"] == "tool":
            return completion(body, f"The result is {float(messages[-1]['content']):g}.")
        return completion(body, ("Calculator", self._calls[question]))


def completion(body: bytes, answer: str | tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """What OpenAI answers to a request: words, or a call of a tool by its name and arguments."""
    digest = hashlib.sha256(body).hexdigest()  # the same ids on every capture
    if isinstance(answer, str):
        message: dict[str, Any] = {"content": answer}
    else:
        function = {"name": answer[0], "arguments": json.dumps(answer[1])}
        call = {"id": f"call_{digest[-24:]}", "type": "function", "function": function}
        message = {"content": None, "tool_calls": [call]}
    tokens = len(body) // 4, len(json.dumps(message)) // 4  # about four characters a token
    return {
        "id": f"chatcmpl-{digest[:29]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "refusal": None, **message},
                "logprobs": None,
                "finish_reason": "tool_calls" if message.get("tool_calls") else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1],
            "total_tokens": sum(tokens),
        },
        "service_tier": "default",
        "system_fingerprint": None,
    }


def calculator_agents() -> dict[str, Any]:
    """The application's agents: LangChain's own, with the chain's tool and system prompt."""

    def calculate(num1: float, num2: float, operation: Any) -> float:
        return Calculator(num1=num1, num2=num2, operation=operation).calculate()

    tool = StructuredTool.from_function(
        calculate, name="Calculator", description="A calculator function", args_schema=Calculator
    )
    model = ChatOpenAI(model="gpt-4o-mini", temperature=0)
    system = "You are an accounting assistant."
    choosing = LLMToolSelectorMiddleware(max_tools=1)
    return {
        "agent": create_agent(model, [tool], system_prompt=system),
        "agent with middleware": create_agent(model, [tool], system_prompt=system, middleware=[choosing]),
    }


def capture(questions: Iterable[Asked]) -> list[dict[str, Any]]:
    """Ask the application, rate its answers, and return every run that LangSmith's client posted."""
    model, receiver = Model(), Receiver()
    with serve(model.answer) as model_url, serve(receiver.answer) as receiver_url:
        only_these_servers(model_url)
        client = Client(api_url=receiver_url, api_key="local")
        chain, agents = calculator_chain(), calculator_agents()
        for asked in questions:
            model.expect(asked)
            settings: Any = {"metadata": {"user_id": asked.user}}
            # A call that the tool refuses is one of the runs we came for; anything else is a bug.
            with (
                tracing_context(enabled=True, client=client, project_name="calculator"),
                suppress(ValidationError),
            ):
                if asked.by == "chain":
                    chain.invoke({"input": asked.text}, settings)
                else:
                    agents[asked.by].invoke({"messages": [("user", asked.text)]}, settings)
            client.flush()
            if asked.score is not None:
                root = receiver.newest_root()
                client.create_feedback(root["id"], "user_score", score=asked.score, session_id=PROJECT)
        client.close(timeout=60)  # waits until everything is posted
    return [without_machine_facts(run) for run in receiver.runs()]


def write(path: Path, runs: list[dict[str, Any]]) -> None:
    """Write the runs of a capture, and say how many they are."""
    lines = "".join(json.dumps(run, ensure_ascii=False) + "\n" for run in runs)
    path.write_bytes(gzip.compress(lines.encode(), mtime=0))
    roots = [run for run in runs if run["id"] == run["trace_id"]]
    failed = sum(1 for root in roots if root.get("error"))
    print(f"{path}: {len(runs)} runs in {len(roots)} traces, {failed} of them failed")


def main() -> None:
    parser = argparse.ArgumentParser(description="Capture the runs of the walkthrough's application.")
    parser.add_argument("--folder", type=Path, default=DATA)
    folder: Path = parser.parse_args().folder
    for name, questions in (("app_runs", asked_first()), ("heldout_runs", asked_later())):
        write(folder / f"{name}.jsonl.gz", capture(questions))


if __name__ == "__main__":
    main()
