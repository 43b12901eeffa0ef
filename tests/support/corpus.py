"""Every captured llm run, by name; spans of OpenTelemetry as the runs that LangSmith makes of them."""

from __future__ import annotations

import json
from typing import Any

from tests.support import wire
from tests.support.paths import DATA

RUN_SHAPES = DATA / "run_shapes"
AGENTS = DATA / "agents"


def captured(producer: str) -> list[tuple[str, dict[str, Any]]]:
    """(case, run) of each llm run of one file of `run_shapes`; the cases of `traceable` go by run name."""
    cases = json.loads((RUN_SHAPES / f"{producer}.json").read_text(encoding="utf-8"))["cases"]
    found = []
    for case in cases:
        for posted in case.get("runs", ()):
            run = posted["run"]
            if run["run_type"] == "llm":
                name = run["name"] if producer == "traceable" else case["case"]
                attached = {"attachments": posted["attachments"]} if "attachments" in posted else {}
                found.append((name, run | attached))
        spans = case.get("spans", [])
        sent = [spans] if isinstance(spans, dict) else spans
        found += [(case["case"], run_of_span(one)) for one in sent]
    return found


def producers() -> list[str]:
    """The files of `run_shapes`."""
    return sorted(path.stem for path in RUN_SHAPES.glob("*.json"))


def agent_scenarios() -> list[str]:
    """The applications of LangChain's whose calls `tests.scripts.record_agents` recorded."""
    return sorted(path.stem for path in AGENTS.glob("*.json"))


def agents(scenario: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(run, wire) of each call of one of them."""
    cases = json.loads((AGENTS / f"{scenario}.json").read_text(encoding="utf-8"))["cases"]
    return [(case["run"], case["wire"]) for case in cases]


def traces(producer: str, case: str) -> list[dict[str, Any]]:
    """All runs of one case, llm runs or not."""
    cases = json.loads((RUN_SHAPES / f"{producer}.json").read_text(encoding="utf-8"))["cases"]
    return [posted["run"] for found in cases if found["case"] == case for posted in found["runs"]]


def everything() -> list[dict[str, Any]]:
    """All llm runs of both collections."""
    runs = [run for producer in producers() for _, run in captured(producer)]
    return runs + [run for _, run, _ in wire.cases("")]


def run_of_span(sent: dict[str, Any]) -> dict[str, Any]:
    """The run that LangSmith makes of a span, as its documentation says it does.

    https://docs.langchain.com/langsmith/trace-with-opentelemetry#supported-opentelemetry-attribute-mapping
    """
    (span,) = sent["resourceSpans"][0]["scopeSpans"][0]["spans"]
    said = {item["key"]: next(iter(item["value"].values())) for item in span["attributes"]}

    def parsed(key: str) -> Any:
        return json.loads(said[key]) if key in said else None

    run: dict[str, Any] = {"id": span["spanId"], "trace_id": span["traceId"], "name": span["name"]}
    run |= {"run_type": "llm", "start_time": span["startTimeUnixNano"], "end_time": span["endTimeUnixNano"]}
    if "gen_ai.prompt" in said:
        run |= {"inputs": parsed("gen_ai.prompt"), "outputs": parsed("gen_ai.completion")}
    else:
        run["inputs"] = {"messages": parsed("gen_ai.input.messages")}
        run["outputs"] = {"messages": parsed("gen_ai.output.messages")}
    tools = parsed("gen_ai.tool.definitions")
    params = {"model": said.get("gen_ai.request.model")} | ({"tools": tools} if tools else {})
    return run | {"extra": {"invocation_params": params}}
