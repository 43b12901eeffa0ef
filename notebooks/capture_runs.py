"""Capture the runs that the walkthrough learns from: `python notebooks/capture_runs.py`.

A real LangChain chain answers the twenty questions of `data/questions.json` with LangSmith tracing on. Two
small servers on loopback stand where OpenAI and LangSmith would be, so this needs no account:

- the model's words are ours: a parser turns "45 除以 9" into a call of the `Calculator` tool;
- the runs are not: chain, tracer and LangSmith client are the published packages, and every run is written
  as the client posted it, its start and its end merged. Only what tells of this machine is taken out
  (`without_machine_facts`).

A last question asks for a power. The model answers with an operation that the tool does not have, and the
chain fails after a language model run in which nothing looks wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.parser import BytesParser
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from langchain_core.output_parsers import PydanticToolsParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable
from langchain_openai import ChatOpenAI
from langsmith import Client, tracing_context
from pydantic import BaseModel, Field, ValidationError

DATA = Path(__file__).parent / "data"

BEYOND_THE_TOOL = "2 的 10 次方等于多少？"  # What is 2 to the power of 10?


# The chain, as the walkthrough builds it. The notebook defines it in its own cells, where it is part of the
# story; this is a copy.


class Operation(Enum):
    add = "+"
    subtract = "-"
    multiply = "*"
    divide = "/"


class Calculator(BaseModel):
    """A calculator function"""  # the tool's description, word for word the tutorial's

    num1: float
    num2: float
    operation: Operation = Field(..., description="+,-,*,/")

    def calculate(self) -> float:
        if self.operation is Operation.add:
            return self.num1 + self.num2
        if self.operation is Operation.subtract:
            return self.num1 - self.num2
        if self.operation is Operation.multiply:
            return self.num1 * self.num2
        return self.num1 / self.num2


def calculator_chain() -> Runnable[dict[str, str], float]:
    prompt = ChatPromptTemplate.from_messages(
        [("system", "You are an accounting assistant."), ("user", "{input}")]
    )
    model = ChatOpenAI(model="gpt-4o-mini", temperature=0).bind_tools([Calculator])
    parser = PydanticToolsParser(tools=[Calculator], first_tool_only=True)
    return prompt | model | parser | (lambda x: x.calculate())


# The two servers.


@contextmanager
def serve(answer: Callable[[str, str, str, bytes], Any]) -> Iterator[str]:
    """Serve `answer(method, path, content_type, body)` as JSON on a free loopback port; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            try:
                result = answer(self.command, self.path, self.headers.get("content-type", ""), body)
                status = 200
            except LookupError as error:
                status, result = 404, {"error": {"message": str(error)}}
            content = json.dumps(result).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


# What the model makes of a word. There is no "^" in the tool: asked for a power, it invents one, as models do.
OPERATIONS = {"加": "+", "减去": "-", "乘以": "*", "除以": "/", "的": "^"}
QUESTION = re.compile(rf"(\d+) ({'|'.join(OPERATIONS)}) (\d+)")


def answer_as_model(_method: str, path: str, _content_type: str, body: bytes) -> dict[str, Any]:
    """Answer an OpenAI chat completion request with a call of the tool it offers."""
    if path != "/v1/chat/completions":
        raise LookupError(f"the model server has no {path}")
    request = json.loads(body)
    question = request["messages"][-1]["content"]
    found = QUESTION.match(question)
    if found is None:
        raise LookupError(f"the model server cannot read the question {question!r}")
    num1, word, num2 = found.groups()
    arguments = json.dumps({"num1": int(num1), "num2": int(num2), "operation": OPERATIONS[word]})
    digest = hashlib.sha256(question.encode()).hexdigest()  # the same ids on every capture
    # About four characters a token: the size of the thing, not a tokenizer's count.
    prompt_tokens, completion_tokens = len(body) // 4, len(arguments) // 4
    return {
        "id": f"chatcmpl-{digest[:29]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "refusal": None,
                    "tool_calls": [
                        {
                            "id": f"call_{digest[-24:]}",
                            "type": "function",
                            "function": {
                                "name": request["tools"][0]["function"]["name"],
                                "arguments": arguments,
                            },
                        }
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
        "service_tier": "default",
        "system_fingerprint": None,
    }


class Receiver:
    """Stands in for LangSmith's ingestion: keeps what the client posts, by any of its three ways."""

    def __init__(self) -> None:
        self._posts: dict[str, dict[str, Any]] = defaultdict(dict)
        self._patches: dict[str, dict[str, Any]] = defaultdict(dict)

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs, post and patch merged, trace after trace and parents before children."""
        merged: dict[str, dict[str, Any]] = defaultdict(dict)
        for kept in (self._posts, self._patches):  # a patch may have overtaken its post
            for run_id, run in kept.items():
                self._keep(merged, run_id, run)
        return sorted(merged.values(), key=lambda run: run["dotted_order"])

    def newest_root(self) -> dict[str, Any]:
        """The root of the trace that began last."""
        return next(run for run in reversed(self.runs()) if run["id"] == run["trace_id"])

    def answer(self, method: str, path: str, content_type: str, body: bytes) -> dict[str, Any]:
        match method, path.strip("/").split("/"):
            case "GET", ["info"]:
                return {}  # no wishes: the client's defaults, which is to post multipart forms
            case "POST", ["runs", "multipart"]:
                self._keep_multipart(content_type, body)
            case "POST", ["runs", "batch"]:
                batch = json.loads(body)
                for run in batch.get("post") or []:
                    self._keep(self._posts, run["id"], run)
                for run in batch.get("patch") or []:
                    self._keep(self._patches, run["id"], run)
            case "POST", ["runs"]:
                run = json.loads(body)
                self._keep(self._posts, run["id"], run)
            case "PATCH", ["runs", run_id]:
                self._keep(self._patches, run_id, json.loads(body))
            case "POST", ["feedback"]:
                self._rate(json.loads(body))
            case _:
                raise LookupError(f"the receiver has no {method} {path}")
        return {}

    def _keep_multipart(self, content_type: str, body: bytes) -> None:
        # The names of the parts: "post.<run id>" for the run, "post.<run id>.inputs" for one of its fields.
        form = BytesParser().parsebytes(f"content-type: {content_type}\r\n\r\n".encode() + body)
        for part in form.walk():
            name = part.get_param("name", header="content-disposition")
            if not isinstance(name, str):
                continue  # the form itself
            operation, run_id, *field = name.split(".")
            kept = {"post": self._posts, "patch": self._patches}[operation]
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            value = json.loads(content)
            self._keep(kept, run_id, {field[0]: value} if field else value)

    def _rate(self, feedback: dict[str, Any]) -> None:
        """Put a first score on its run, as LangSmith shows scores when runs are read back."""
        score = feedback["score"]
        stats = {feedback["key"]: {"n": 1, "avg": score, "values": {}}}
        self._keep(self._patches, feedback["run_id"], {"feedback_stats": stats})

    @staticmethod
    def _keep(kept: dict[str, dict[str, Any]], run_id: str, fields: dict[str, Any]) -> None:
        # A null says "not given here": it must not cover a value given elsewhere.
        run = kept[run_id]
        for key, value in fields.items():
            if value is not None or key not in run:
                run[key] = value


# What is kept.

RUNTIME_KEPT = {"sdk", "sdk_version", "library", "library_version", "langchain_core_version", "runtime"}


def without_machine_facts(run: dict[str, Any]) -> dict[str, Any]:
    """Return the run without what the client said about this machine; nothing else is changed.

    `extra.runtime` keeps the names and versions of the libraries, `extra.metadata` loses the environment's
    variables and the git revision, and the paths in a traceback start at the package they lie in.
    """
    extra = dict(run["extra"])
    extra["runtime"] = {k: v for k, v in extra["runtime"].items() if k in RUNTIME_KEPT}
    extra["metadata"] = {
        key: value
        for key, value in extra["metadata"].items()
        if key != "revision_id" and not key.startswith(("LANGSMITH_", "LANGCHAIN_"))
    }
    cleaned = run | {"extra": extra}
    if cleaned.get("error"):
        cleaned["error"] = re.sub(r'File "([^"]+)"', _shorten, cleaned["error"])
    return cleaned


def _shorten(found: re.Match[str]) -> str:
    path = found[1].replace("\\", "/")
    _, in_package, inside = path.rpartition("/site-packages/")
    return f'File "{inside if in_package else path.rsplit("/", 1)[-1]}"'


def only_these_servers(model_url: str) -> None:
    """Let nothing else reach the libraries: no key, no project, no proxy of the person who runs this."""
    for name in list(os.environ):
        if name.startswith(("LANGSMITH_", "LANGCHAIN_", "OPENAI_")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ |= {
        # Not by `ChatOpenAI(base_url=...)`: a base_url would be part of the posted runs.
        "OPENAI_BASE_URL": f"{model_url}/v1",
        "OPENAI_API_KEY": "local",
        "LANGSMITH_DISABLE_RUN_COMPRESSION": "true",  # the receiver reads plain forms only
    }


def capture(questions: list[str]) -> list[dict[str, Any]]:
    """Run the chain on each question and return every run that LangSmith's client posted meanwhile."""
    receiver = Receiver()
    with serve(answer_as_model) as model_url, serve(receiver.answer) as receiver_url:
        only_these_servers(model_url)
        client = Client(api_url=receiver_url, api_key="local")
        chain = calculator_chain()
        with tracing_context(enabled=True, client=client, project_name="calculator"):
            for question in questions:
                # A call that the tool refuses is one of the runs we came for; anything else is a bug.
                with suppress(ValidationError):
                    chain.invoke({"input": question})
        client.close(timeout=60)  # waits until everything is posted
    return [without_machine_facts(run) for run in receiver.runs()]


def main() -> None:
    parser = argparse.ArgumentParser(description="Capture the runs that the walkthrough learns from.")
    parser.add_argument("--output", type=Path, default=DATA / "calculator_runs.jsonl")
    output: Path = parser.parse_args().output

    questions = json.loads((DATA / "questions.json").read_text(encoding="utf-8"))
    runs = capture([question["zh"] for question in questions] + [BEYOND_THE_TOOL])
    lines = [json.dumps(run, ensure_ascii=False) + "\n" for run in runs]
    output.write_text("".join(lines), encoding="utf-8", newline="\n")

    roots = [run for run in runs if run["id"] == run["trace_id"]]
    failed = sum("error" in root for root in roots)
    print(f"{output}: {len(runs)} runs in {len(roots)} traces, {failed} of them failed")


if __name__ == "__main__":
    main()
