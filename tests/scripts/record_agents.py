"""Record what LangChain's agents post: `python -m tests.scripts.record_agents`, in an environment of its own.

It needs `langchain deepagents langgraph langchain-openai langchain-anthropic langsmith`, the published packages;
the tests need none of them. `python -m tests.scripts.record_agents FOLDER` records those of `record_agents.mjs` instead,
in a folder where npm has put `langchain @langchain/core @langchain/langgraph @langchain/openai zod`. Two servers on loopback stand where the model's provider and LangSmith would be:
the words are made up, the runs and the requests are the packages' own. Each llm run is written beside the HTTP
call that it made, to `data/agents/<scenario>.json`, in the form of `data/wire`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from notebooks.capture_runs import Receiver, serve, without_machine_facts
from tests.support.paths import DATA

AGENTS = DATA / "agents"
ODD = 'He said "hi"\n北京 ✓\n'


class Model:
    """Answers as told, in the form that it is asked in, and keeps what was said."""

    def __init__(self, *answers: str | list[tuple[str, dict[str, Any]]]) -> None:
        self.answers = list(answers)
        self.said: list[dict[str, Any]] = []

    def answer(self, _method: str, path: str, _content_type: str, body: bytes) -> dict[str, Any]:
        request, number = json.loads(body), len(self.said)
        api = {"chat/completions": "chat", "responses": "responses", "messages": "anthropic"}[
            path.removeprefix("/v1/").partition("?")[0]
        ]
        said = self.answers[number]
        response = {"chat": _chat, "responses": _responses, "anthropic": _anthropic}[api](number, said)
        self.said.append({"api": api, "request": request, "response": response})
        return response


def _chat(number: int, said: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said if isinstance(said, str) else None}
    if not isinstance(said, str):
        message["tool_calls"] = [
            {
                "id": f"call_{number}_{at}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(args)},
            }
            for at, (name, args) in enumerate(said)
        ]
    reason = "stop" if isinstance(said, str) else "tool_calls"
    choice = {"index": 0, "message": message, "finish_reason": reason}
    usage = {"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 30}
    about = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini"}
    return about | {"choices": [choice], "usage": usage}


def _responses(number: int, said: Any) -> dict[str, Any]:
    part = {"type": "output_text", "text": said, "annotations": []}
    items: list[dict[str, Any]] = [
        {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
    ]
    if not isinstance(said, str):
        items = [
            {
                "id": f"fc_{number}_{at}",
                "call_id": f"call_{number}_{at}",
                "type": "function_call",
                "name": name,
                "arguments": json.dumps(args),
                "status": "completed",
            }
            for at, (name, args) in enumerate(said)
        ]
    about = {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5",
        "status": "completed",
    }
    usage = {"input_tokens": 21, "output_tokens": 9, "total_tokens": 30}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    settings = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    return about | settings | {"output": items, "usage": usage}


def _anthropic(number: int, said: Any) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": said}]
    if not isinstance(said, str):
        content = [
            {"type": "tool_use", "id": f"toolu_{number}_{at}", "name": name, "input": args}
            for at, (name, args) in enumerate(said)
        ]
    reason = "end_turn" if isinstance(said, str) else "tool_use"
    about = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5"}
    usage = {"input_tokens": 21, "output_tokens": 9}
    return about | {"content": content, "stop_reason": reason, "stop_sequence": None, "usage": usage}


# The scenarios. Each plays an application against a model, whose answers it tells first.


def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"Rain in {city}"


def _chat_model(**settings: Any) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model="gpt-4o-mini", **settings)


WEATHER = [[("get_weather", {"city": city})] for city in ("Paris", "北京", "Rome")]


def named(model: Any, prompt: str = "You are terse.") -> Any:
    from langchain.agents import create_agent
    from langgraph.checkpoint.memory import InMemorySaver

    return create_agent(
        model, [get_weather], system_prompt=prompt, name="support", checkpointer=InMemorySaver()
    )


def ask(agent: Any, text: str, thread: str = "thread-1") -> None:
    agent.invoke({"messages": [("user", text)]}, {"configurable": {"thread_id": thread}})


def named_agent() -> None:
    ask(named(_chat_model()), "Weather in three cities?")


def named_thread() -> None:
    agent = named(_chat_model())
    for text in ("Weather in Paris?", "And in Rome?", "Thanks"):
        ask(agent, text)


def named_react_agent() -> None:
    import warnings

    from langgraph.prebuilt import create_react_agent

    with warnings.catch_warnings(action="ignore"):
        agent = create_react_agent(_chat_model(), [get_weather], prompt="You are terse.", name="support")
    agent.invoke({"messages": [("user", "Weather in two cities?")]})


def named_responses_agent() -> None:
    ask(named(_chat_model(use_responses_api=True)), "Weather in two cities?")


def named_anthropic_agent() -> None:
    from langchain_anthropic import ChatAnthropic

    ask(named(ChatAnthropic(model="claude-sonnet-4-5")), "Weather in two cities?")


def summarizing_agent() -> None:
    from langchain.agents import create_agent
    from langchain.agents.middleware import SummarizationMiddleware
    from langgraph.checkpoint.memory import InMemorySaver

    short = SummarizationMiddleware(_chat_model(), trigger=("messages", 4), keep=("messages", 2))
    agent = create_agent(
        _chat_model(), [], system_prompt="You are terse.", middleware=[short], checkpointer=InMemorySaver()
    )
    for text in ("One?", "Two?", "Three?", "Four?"):
        ask(agent, text)


def selecting_agent() -> None:
    from langchain.agents import create_agent
    from langchain.agents.middleware import LLMToolEmulator, LLMToolSelectorMiddleware

    choose = LLMToolSelectorMiddleware(model=_chat_model(), max_tools=1)
    pretend = LLMToolEmulator(model=_chat_model())
    create_agent(_chat_model(), [get_weather], middleware=[choose, pretend]).invoke(
        {"messages": [("user", "Weather?")]}
    )


def sub_agents() -> None:
    """A supervisor and the sub-agent that it calls, told the same: the one's calls begin as the other's do."""
    from langchain.agents import create_agent
    from langchain_core.tools import tool

    research = create_agent(_chat_model(), [get_weather], system_prompt="You are terse.", name="research")

    @tool
    def ask_research(question: str) -> str:
        """Ask the researcher."""
        return str(research.invoke({"messages": [("user", question)]})["messages"][-1].text)

    main = create_agent(_chat_model(), [ask_research], system_prompt="You are terse.", name="main")
    main.invoke({"messages": [("user", "Weather?")]})


def sub_agent_with_a_thread() -> None:
    """The sub-agent remembers, under a thread of its own."""
    from langchain.agents import create_agent
    from langchain_core.tools import tool
    from langgraph.checkpoint.memory import InMemorySaver

    memory = InMemorySaver()
    research = create_agent(
        _chat_model(), [], system_prompt="Look it up.", name="research", checkpointer=memory
    )

    @tool
    def ask_research(question: str) -> str:
        """Ask the researcher."""
        thread = {"configurable": {"thread_id": "research-1"}}
        return str(research.invoke({"messages": [("user", question)]}, thread)["messages"][-1].text)

    main = create_agent(
        _chat_model(),
        [ask_research],
        system_prompt="You are terse.",
        name="main",
        checkpointer=InMemorySaver(),
    )
    ask(main, "Weather?")


def agents_as_nodes() -> None:
    """Two agents that take turns, each a graph inside of a graph, in a conversation of two turns."""
    from langchain.agents import create_agent
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import START, MessagesState, StateGraph

    graph = StateGraph(MessagesState)
    for name in ("asker", "teller"):
        agent = create_agent(_chat_model(), [], system_prompt=f"You are the {name}.", name=name)
        graph.add_node(name, agent)
    graph.add_edge(START, "asker")
    graph.add_edge("asker", "teller")
    team = graph.compile(checkpointer=InMemorySaver())
    for text in ("Hi", "And now?"):
        ask(team, text)


def deep_agent() -> None:
    from deepagents import create_deep_agent

    helper = {
        "name": "research",
        "description": "Looks things up.",
        "system_prompt": "Look it up.",
        "tools": [get_weather],
    }
    create_deep_agent(_chat_model(), system_prompt="You are terse.", subagents=[helper]).invoke(
        {"messages": [("user", "Weather in Paris?")]}
    )


def graph_of_nodes() -> None:
    from langgraph.graph import START, MessagesState, StateGraph

    def node(prompt: str) -> Callable[[MessagesState], dict[str, Any]]:
        return lambda state: {"messages": [_chat_model().invoke([("system", prompt), *state["messages"]])]}

    graph = StateGraph(MessagesState)
    steps = {"planner": "Plan.", "writer": "Write.", "generate_title": "Name this chat in three words."}
    for name, prompt in steps.items():
        graph.add_node(name, node(prompt))
    graph.add_edge(START, "planner")
    graph.add_edge("planner", "writer")
    graph.add_edge("writer", "generate_title")
    graph.compile(name="desk").invoke({"messages": [("user", "A letter, please.")]})


def summarizing_react_agent() -> None:
    """A model's call in `pre_model_hook`, as langgraph's own agent has in place of middleware."""
    import warnings

    from langgraph.prebuilt import create_react_agent

    def hook(state: dict[str, Any]) -> dict[str, Any]:
        summary = _chat_model().invoke([("user", f"Summarize: {state['messages'][-1].text}")])
        return {"llm_input_messages": [("user", summary.text)]}

    with warnings.catch_warnings(action="ignore"):
        agent = create_react_agent(_chat_model(), [], pre_model_hook=hook)
    agent.invoke({"messages": [("user", "A long story.")]})


SCENARIOS: dict[Callable[[], None], list[Any]] = {
    named_agent: [*WEATHER, ODD],
    named_thread: ["Rain.", "Sun.", ODD],
    named_react_agent: [*WEATHER[:2], ODD],
    named_responses_agent: [*WEATHER[:2], ODD],
    named_anthropic_agent: [*WEATHER[:2], ODD],
    summarizing_agent: ["1", "2", "Summary.", "3", "Summary of it.", "4"],
    selecting_agent: [
        '{"tools":["get_weather"]}',
        WEATHER[0],
        "Rain, pretended",
        '{"tools":["get_weather"]}',
        ODD,
    ],
    sub_agents: [[("ask_research", {"question": "Weather?"})], WEATHER[0], "Rain", ODD],
    sub_agent_with_a_thread: [[("ask_research", {"question": "Weather?"})], "Rain", ODD],
    agents_as_nodes: ["Who?", "You.", "What?", ODD],
    deep_agent: [
        [("task", {"description": "Weather in Paris?", "subagent_type": "research"})],
        WEATHER[0],
        "Rain",
        ODD,
    ],
    graph_of_nodes: ["1. Greet", "Dear all", "A letter to all"],
    summarizing_react_agent: ["Short.", ODD],
}


IN_JAVASCRIPT: dict[str, list[Any]] = {
    "js_named_agent": [*WEATHER[:2], "Rain", ODD],
    "js_sub_agents": [[("ask_research", {"question": "Weather?"})], WEATHER[0], "Rain", ODD],
    "js_summarizing_agent": ["1", "2", "Summary.", ODD],
}


class ReceiverOfBatches(Receiver):
    """Asks for batches: JavaScript's client sends forms in pieces of a length that it does not tell."""

    def answer(self, method: str, path: str, content_type: str, body: bytes) -> dict[str, Any]:
        if path == "/info":
            return {"batch_ingest_config": {"use_multipart_endpoint": False}}
        return super().answer(method, path, content_type, body)


def traced(scenario: Callable[[], None]) -> Callable[[str], None]:
    """Play it with tracing on, until all is posted."""
    from langsmith import Client, tracing_context

    def play(receiver_url: str) -> None:
        client = Client(api_url=receiver_url, api_key="local")
        with tracing_context(enabled=True, client=client, project_name="agents"):
            scenario()
        client.close(timeout=60)

    return play


def in_javascript(name: str, folder: Path) -> Callable[[str], None]:
    """Play it by node, where its packages are."""
    script = shutil.copy(Path(__file__).with_suffix(".mjs"), folder)

    def play(receiver_url: str) -> None:
        settings = {"LANGSMITH_TRACING": "true", "LANGSMITH_API_KEY": "local", "LANGSMITH_PROJECT": "agents"}
        settings |= {"LANGSMITH_ENDPOINT": receiver_url, "LANGCHAIN_CALLBACKS_BACKGROUND": "false"}
        subprocess.run(["node", script, name], env=os.environ | settings, check=True)

    return play


def record(play: Callable[[str], None], answers: list[Any], receiver: Receiver) -> list[dict[str, Any]]:
    """The llm runs of a scenario, each with the call that it made."""
    model = Model(*answers)
    with serve(model.answer) as model_url, serve(receiver.answer) as receiver_url:
        os.environ |= {
            "OPENAI_BASE_URL": f"{model_url}/v1",
            "OPENAI_API_KEY": "local",
            "ANTHROPIC_BASE_URL": model_url,
            "ANTHROPIC_API_KEY": "local",
            "LANGSMITH_DISABLE_RUN_COMPRESSION": "true",  # the receiver reads plain forms only
        }
        play(receiver_url)
    runs = [without_machine_facts(run) for run in receiver.runs() if run["run_type"] == "llm"]
    runs.sort(key=lambda run: run["start_time"])
    assert len(runs) == len(model.said) == len(answers), (len(runs), len(model.said))
    cases = [{"run": run, "wire": said} for run, said in zip(runs, model.said, strict=True)]
    return json.loads(json.dumps(cases).replace(model_url, "http://the-model"))


def main() -> None:
    AGENTS.mkdir(exist_ok=True)
    if folder := sys.argv[1:]:
        plays = {name: (in_javascript(name, Path(folder[0])), said) for name, said in IN_JAVASCRIPT.items()}
    else:
        plays = {scenario.__name__: (traced(scenario), said) for scenario, said in SCENARIOS.items()}
    for name, (play, answers) in plays.items():
        cases = record(play, answers, ReceiverOfBatches() if folder else Receiver())
        text = json.dumps({"name": name, "cases": cases}, ensure_ascii=False, indent=1)
        (AGENTS / f"{name}.json").write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
