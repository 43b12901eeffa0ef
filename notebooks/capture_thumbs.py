"""Capture what the notebook on preferences learns from and is measured on: `python notebooks/capture_thumbs.py`.

The help desk of a bicycle shop in use. Its chain calls a model twice: the first call names the topic of a question, and the
second answers from what the shop says of that topic. LangSmith's tracing is on, and users give thumbs. As in `capture_app.py`,
the model's words and the thumbs are ours, and the rest is as LangChain and LangSmith's client posted it to a server on
loopback.

`thumbs_runs.jsonl.gz` is what was asked first, the questions `asked` of `data/help_desk.json`. Among it are:

- brief answers, which users liked, and answers with much around them, which they did not; one of each was rated the other way;
- questions that were asked again after a thumb down, one of them in vain;
- thumbs down with a better answer in the user's own words (`thumbs_feedback.jsonl`);
- answers that nobody rated, an e-mail address, and a trace that failed since the shop says nothing of its topic.

`thumbs_later.jsonl.gz` is what was asked later, the questions `later`: other questions on the same topics.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_openai import ChatOpenAI
from langsmith import Client, tracing_context

from capture_app import PROJECT, completion
from capture_runs import DATA, Receiver, only_these_servers, serve, without_machine_facts

DESK: dict[str, Any] = json.loads((DATA / "help_desk.json").read_text(encoding="utf-8"))
TOPIC = "Name the topic of the question, one of these: " + ", ".join(DESK["facts"])
BEYOND_THE_DESK = "Will it rain on Saturday?"
SEED = 4


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question, what the model makes of it, and what the user says of the answer.

    Args:
        text: The question.
        topic: The model's first answer.
        answer: Its second one.
        score: The thumb, 1 or 0; None where the user gives none.
        correction: A better answer that the user gives.
    """

    text: str
    topic: str
    answer: str
    score: int | None
    correction: str | None = None


def asked_first() -> Iterator[Asked]:
    """What users asked while the model still said too much."""
    dice = random.Random(SEED)  # noqa: S311 - no secret
    ways: list[Way] = ["again"] * 8 + ["corrected"] * 8 + ["liked"] * 9 + ["disliked"] * 7 + ["unrated"] * 2
    ways += ["again in vain"]
    dice.shuffle(ways)
    ways += ["liked"]  # the question with an address
    turned = {"liked": ways.index("liked"), "disliked": ways.index("disliked")}  # rated the other way
    for number, (question, way) in enumerate(zip(DESK["asked"], ways, strict=True)):
        text, topic, brief = question["question"], question["topic"], question["answer"]
        score: int | None = {"liked": 1, "unrated": None}.get(way, 0)
        if turned.get(way) == number:
            score = 1 - score
        answer = brief if way == "liked" else padded(brief, dice)
        correction = brief if way == "corrected" else None
        yield Asked(text=text, topic=topic, answer=answer, score=score, correction=correction)
        if way == "again":
            yield Asked(text=text, topic=topic, answer=brief, score=1)
        if way == "again in vain":
            yield Asked(text=text, topic=topic, answer=padded(brief, dice), score=0)
    yield Asked(text=BEYOND_THE_DESK, topic="weather", answer="", score=0)


Way = Literal["again", "again in vain", "corrected", "liked", "disliked", "unrated"]
"""How a question goes."""


def padded(answer: str, dice: random.Random) -> str:
    """The same answer with much around it."""
    return " ".join([dice.choice(DESK["openers"]), answer, dice.choice(DESK["padding"])]).strip()


def asked_later() -> Iterator[Asked]:
    """What users asked afterwards, and were answered as they like it."""
    for question in DESK["later"]:
        yield Asked(text=question["question"], topic=question["topic"], answer=question["answer"], score=1)


def help_desk() -> Runnable[dict[str, str], str]:
    """The application. The notebook builds the second half of it in its own cells."""
    model = ChatOpenAI(model="gpt-4o-mini", temperature=0)
    topic = (
        ChatPromptTemplate.from_messages([("system", TOPIC), ("user", "{question}")])
        | model.with_config(run_name="topic")
        | StrOutputParser()
    )
    prompt = ChatPromptTemplate.from_messages(
        [("system", "You are the help desk of a bicycle shop. {fact}"), ("user", "{question}")]
    )
    look_up = RunnableLambda(lambda known: {**known, "fact": DESK["facts"][known["topic"]]}, name="look_up")
    answer = prompt | model.with_config(run_name="answer") | StrOutputParser()
    chain = RunnablePassthrough.assign(topic=topic) | look_up | answer
    return chain.with_config(run_name="help desk")


class Model:
    """Stands in for OpenAI: names the topic of a question, and gives the answer that was prepared for it."""

    asked: Asked

    def answer(self, _method: str, path: str, _content_type: str, body: bytes) -> dict[str, Any]:
        if path != "/v1/chat/completions":
            raise LookupError(f"the model server has no {path}")
        is_topic = json.loads(body)["messages"][0]["content"] == TOPIC
        return completion(body, self.asked.topic if is_topic else self.asked.answer)


class Listener(Receiver):
    """Keeps what users said as well, as `Client.list_feedback` gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.feedback: list[dict[str, Any]] = []

    def _rate(self, feedback: dict[str, Any]) -> None:
        super()._rate(feedback)
        self.feedback.append({key: value for key, value in feedback.items() if value is not None})


def capture(questions: Iterable[Asked]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Ask the application, and return every run and every feedback that LangSmith's client posted."""
    model, receiver = Model(), Listener()
    with serve(model.answer) as model_url, serve(receiver.answer) as receiver_url:
        only_these_servers(model_url)
        client = Client(api_url=receiver_url, api_key="local")
        chain = help_desk()
        for asked in questions:
            model.asked = asked
            # A topic of which the shop says nothing is one of the runs we came for; anything else is a bug.
            with (
                tracing_context(enabled=True, client=client, project_name="help-desk"),
                suppress(KeyError),
            ):
                chain.invoke({"question": asked.text})
            client.flush()
            if asked.score is not None:
                correction = None if asked.correction is None else {"output": asked.correction}
                root = receiver.newest_root()["id"]
                said: dict[str, Any] = {"score": asked.score, "correction": correction}
                client.create_feedback(root, "user_score", session_id=PROJECT, trace_id=root, **said)
        client.close(timeout=60)  # waits until everything is posted
    return [without_machine_facts(run) for run in receiver.runs()], receiver.feedback


def main() -> None:
    parser = argparse.ArgumentParser(description="Capture the runs of the notebook on preferences.")
    parser.add_argument("--folder", type=Path, default=DATA)
    folder: Path = parser.parse_args().folder
    for name, questions in (("thumbs_runs", asked_first()), ("thumbs_later", asked_later())):
        runs, feedback = capture(questions)
        path = folder / f"{name}.jsonl.gz"
        path.write_bytes(gzip.compress(_lines(runs), mtime=0))
        print(f"{path}: {len(runs)} runs in {sum(run['id'] == run['trace_id'] for run in runs)} traces")
        corrections = [each for each in feedback if "correction" in each]
        if corrections:
            path = folder / "thumbs_feedback.jsonl"
            path.write_bytes(_lines(corrections))
            print(f"{path}: {len(corrections)} corrections")


def _lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


if __name__ == "__main__":
    main()
