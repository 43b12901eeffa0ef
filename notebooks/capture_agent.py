"""Capture what the notebook about an agent learns from and is measured on: `python notebooks/capture_agent.py`.

The support desk of a shop: a graph whose node `triage` sends a question to the agent `support` or to a person. The agent is
LangChain's own, with the tools of `shop.py`, and LangSmith tracing is on; then customers rate the answers. As in
`capture_runs.py`, the model's words and the ratings are ours, and the rest is as LangChain and LangSmith's client posted it
to a server on loopback.

`agent_runs.jsonl.gz` is what was asked first. Among it are:

- four traces in which the agent pays back without a look at the order, which the shop refuses and customers rate 0;
- four questions for a person, which the agent never sees;
- eight conversations that begin with the chat window's own greeting.

`agent_heldout_runs.jsonl.gz` is what was asked later, in wordings and with order numbers of its own.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command
from langsmith import Client, tracing_context

from capture_app import PROJECT, completion, write
from capture_runs import DATA, Receiver, only_these_servers, serve, without_machine_facts
from shop import RULES, SYSTEM, Shop

Wordings = dict[str, list[str]]
GREETING = "How can I help?"
"""What the chat window says of itself, before anybody asked the model."""

ASKED_FIRST: Wordings = {
    "status": [
        "Where is my order {n}?",
        "Has order {n} been sent?",
        "When will my order {n} come?",
        "I am waiting for order {n}.",
    ],
    "refund": [
        "Please refund order {n}.",
        "Order {n} came broken. I want my money back.",
        "I do not like order {n}. Pay me back, please.",
        "Can I have my money back for order {n}?",
    ],
    "returns": [
        "How long can I return things?",
        "Can I send something back?",
        "Do you take things back?",
    ],
    "shipping": [
        "How long does shipping take?",
        "How soon do you ship?",
        "How fast is delivery?",
    ],
    "warranty": [
        "How long is the warranty?",
        "Is there a warranty?",
        "Is a lamp under warranty?",
    ],
    "payment": [
        "How can I pay?",
        "Do you take cards?",
        "Can I get an invoice?",
    ],
    "person": [
        "I want to speak to your manager.",
        "My lawyer will write to you.",
        "Do you have a job for me?",
        "I am a journalist with a question.",
    ],
}
ASKED_LATER: Wordings = {
    "status": ["What is with order {n}?", "My order {n} is not here yet."],
    "refund": [
        "I want a refund for order {n}.",
        "Order {n} is too small, I want my money back.",
        "Order {n} does not work. Refund it, please.",
        "Pay me back order {n}, please.",
    ],
    "returns": ["Until when can I return a chair?"],
    "shipping": ["How many days is shipping?"],
    "warranty": ["What warranty do you give?"],
    "payment": ["Can I pay by card?"],
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question: what the model does, step by step, how the order stands, and how a customer rates the answer.

    A step is a tool's name with its arguments, or the words of the answer.
    """

    text: str
    steps: list[tuple[str, dict[str, Any]] | str] = field(default_factory=list)
    orders: dict[int, str] = field(default_factory=dict)
    greeted: bool = False
    score: int | None = 1

    @property
    def messages(self) -> list[tuple[str, str]]:
        greeting = [("assistant", GREETING)] if self.greeted else []
        return [*greeting, ("user", self.text)]


def asked_first() -> Iterator[Asked]:
    """What the desk was asked while its runs were collected."""
    numbers = random.Random(1)  # noqa: S311 - no secret
    asked = [
        *_about_orders("status", ASKED_FIRST, numbers, ["on its way", "delivered"]),
        *_about_orders("refund", ASKED_FIRST, numbers, ["delivered", "on its way", "delivered"]),
        *_about_rules(ASKED_FIRST),
        *_too_quick(ASKED_FIRST, numbers),
        *(Asked(text=text, score=None) for text in ASKED_FIRST["person"]),
    ]
    numbers.shuffle(asked)
    for number, question in enumerate(asked):
        yield replace(question, greeted=number % 5 == 0)


def asked_later() -> Iterator[Asked]:
    """What it was asked afterwards, in other words and with other numbers."""
    numbers = random.Random(2)  # noqa: S311 - no secret
    yield from _about_orders("status", ASKED_LATER, numbers, ["on its way"])
    for number, text in enumerate(ASKED_LATER["refund"]):
        state = ["delivered", "on its way"][number % 2]
        yield from _about_orders("refund", {"refund": [text]}, numbers, [state])
    yield from _about_rules(ASKED_LATER)


def _about_orders(
    kind: str, wordings: Wordings, numbers: random.Random, states: list[str]
) -> Iterator[Asked]:
    """Each wording once with an order in each of these states."""
    for wording in wordings[kind]:
        for state in states:
            n = numbers.randint(1000, 9999)
            steps: list[Any] = [("find_order", {"order": n})]
            if kind == "status":
                steps += [f"It is {state}."]
            elif state == "delivered":
                steps += [("refund", {"order": n}), "It is paid back."]
            else:
                steps += [f"It is {state}, so it cannot be paid back."]
            yield Asked(text=wording.format(n=n), steps=steps, orders={n: state})


def _about_rules(wordings: Wordings) -> Iterator[Asked]:
    for topic, rule in RULES.items():
        for text in wordings[topic]:
            yield Asked(text=text, steps=[("read_rules", {"topic": topic}), rule])


def _too_quick(wordings: Wordings, numbers: random.Random) -> Iterator[Asked]:
    """The model asks for a refund without a look at the order, and gives up."""
    for wording in wordings["refund"]:
        n = numbers.randint(1000, 9999)
        steps: list[Any] = [("refund", {"order": n}), "I am sorry, that did not work."]
        yield Asked(text=wording.format(n=n), steps=steps, orders={n: "on its way"}, score=0)


class Model:
    """Stands in for OpenAI: takes the steps that were prepared for a question."""

    def __init__(self) -> None:
        self.asked = Asked(text="")

    def answer(self, _method: str, path: str, _content_type: str, body: bytes) -> dict[str, Any]:
        if path != "/v1/chat/completions":
            raise LookupError(f"the model server has no {path}")
        request = json.loads(body)
        if not request.get("tools"):  # triage
            return completion(body, "agent" if self.asked.steps else "person")
        taken = sum(message["role"] == "tool" for message in request["messages"])
        return completion(body, self.asked.steps[taken])


def support_desk(shop: Shop) -> Any:
    """The application: a node that says who answers, and the agent that does."""
    model = ChatOpenAI(model="gpt-4o-mini", temperature=0)

    def triage(state: MessagesState) -> Command[Any]:
        who = model.invoke([("system", "Who answers: agent or person?"), *state["messages"]]).text
        return Command(goto="support" if who == "agent" else END)

    graph = StateGraph(MessagesState)
    graph.add_node("triage", triage, destinations=("support", END))
    graph.add_node("support", create_agent(model, shop.tools(), system_prompt=SYSTEM, name="support"))
    graph.add_edge(START, "triage")
    return graph.compile(name="desk")


def capture(questions: Iterable[Asked]) -> list[dict[str, Any]]:
    """Ask the desk, rate its answers, and return every run that LangSmith's client posted."""
    model, shop, receiver = Model(), Shop({}), Receiver()
    with serve(model.answer) as model_url, serve(receiver.answer) as receiver_url:
        only_these_servers(model_url)
        client = Client(api_url=receiver_url, api_key="local")
        desk = support_desk(shop)
        for asked in questions:
            model.asked, shop.orders = asked, dict(asked.orders)
            with tracing_context(enabled=True, client=client, project_name="shop"):
                desk.invoke({"messages": asked.messages})
            client.flush()
            if asked.score is not None:
                root = receiver.newest_root()
                client.create_feedback(root["id"], "user_score", score=asked.score, session_id=PROJECT)
        client.close(timeout=60)  # waits until everything is posted
    return [without_machine_facts(run) for run in receiver.runs()]


def main() -> None:
    parser = argparse.ArgumentParser(description="Capture the runs of a support agent.")
    parser.add_argument("--folder", type=Path, default=DATA)
    folder: Path = parser.parse_args().folder
    write(folder / "agent_runs.jsonl.gz", capture(asked_first()))
    write(folder / "agent_heldout_runs.jsonl.gz", capture(asked_later()))


if __name__ == "__main__":
    main()
