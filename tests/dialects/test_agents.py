"""What LangChain's agents post, captured with the calls that they made: `python -m tests.scripts.record_agents`."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import timedelta

import pytest

from langsmith_finetune import (
    LangSmithRunChatLoader,
    TrainingExample,
    examples_from_runs,
    run_files,
    save_runs,
    select_runs,
    training_examples,
)
from langsmith_finetune.dataset import (
    describe_examples,
    describe_runs,
    fold_traces,
    train_validation_split,
)
from langsmith_finetune.dataset.split import split_side
from langsmith_finetune.ledger.rows import ledger_row
from langsmith_finetune.runs import RunSource
from langsmith_finetune.runs.fields import role_of
from langsmith_finetune.runs.roles import AGENT_TYPES, SIDE_CALLS, Role, role_from
from tests.support import bulk_export, corpus
from tests.support.langsmith_runs import (
    NOW,
    client_of,
    no_connection_left_open,
    no_settings_of_this_machine,
    number,
)
from tests.support.reading import both, lines_of
from tests.support.standins.langsmith import PROJECT_ID, LangSmith, trace
from tests.support.wire import comparable, sent_and_received

__all__ = ["no_connection_left_open", "no_settings_of_this_machine"]


def runs_of(scenario):
    return [run for run, _ in corpus.agents(scenario)]


def examples_of(scenario):
    return list(examples_from_runs(runs_of(scenario)))


def answers_of(example):
    return [m for m in example.line["messages"] if m["role"] == "assistant"]


def trained(example):
    return [m for m in answers_of(example) if m.get("weight") != 0]


@pytest.mark.parametrize("scenario", corpus.agent_scenarios())
def test_each_call_of_an_agent_is_told_as_it_was_sent(scenario):
    for run, said in corpus.agents(scenario):
        assert comparable(**both(lines_of(run))) == sent_and_received(said)


@pytest.mark.parametrize(
    ("provider", "sdk", "name"),
    [
        ("openai", "langsmith-py", "support"),
        ("xai", "langsmith-py", "support"),
        ("anthropic", "langsmith-py", None),
        ("anthropic", "langsmith-js", None),
        ("amazon_bedrock", "langsmith-py", None),
        ("google_genai", "langsmith-js", None),
        ("groq", "langsmith-py", None),
        ("groq", "langsmith-js", "support"),
        ("ollama", "langsmith-py", None),
        (["x"], "langsmith-py", "support"),
    ],
)
def test_names_are_told_where_the_chat_model_sends_them(provider, sdk, name):
    run = runs_of("named_agent")[1]
    extra = {**run["extra"], "metadata": {"ls_provider": provider}, "runtime": {"sdk": sdk}}
    [called] = answers_of(next(iter(examples_from_runs([run | {"extra": extra}]))))[:1]
    assert called.get("name") == name


def test_outputs_repeating_named_inputs_are_read_once():
    def chat(role, content, **more):
        return {"role": role, "content": content, **more}

    asked = [chat("user", "Hi"), chat("assistant", "Hello"), chat("user", "Bye")]
    state = [asked[0], asked[1] | {"name": "support"}, asked[2], chat("assistant", "See you.")]
    run = {"id": "r", "run_type": "llm", "inputs": {"messages": asked}, "outputs": {"messages": state}}
    assert lines_of(run)["messages"] == [*asked, state[-1]]


# --- folding ---

FOLDED = {
    "named_agent": ("trace", 1),
    "named_react_agent": ("trace", 1),
    "named_responses_agent": ("trace", 1),
    "named_anthropic_agent": ("trace", 1),
    "named_thread": ("thread", 1),
    "sub_agents": ("trace", 2),
    "sub_agent_with_a_thread": ("thread", 2),
    "deep_agent": ("trace", 2),
    "agents_as_nodes": ("thread", 2),
    "graph_of_nodes": ("trace", 3),
    "js_named_agent": ("thread", 1),
    "js_sub_agents": ("trace", 2),
}


@pytest.mark.parametrize(("scenario", "fold"), FOLDED.items(), ids=FOLDED)
def test_the_calls_of_an_agent_fold_into_one_example(scenario, fold):
    across, count = fold
    examples = examples_of(scenario)
    for order in (examples, examples[::-1]):
        folded = list(fold_traces(order, across=across))
        assert len(folded) == count
        assert sum(len(trained(example)) for example in folded) == len(examples)
        for example in folded:
            sources = (example.source, *example.merged)
            assert len({(source.agent, source.node) for source in sources}) == 1
            if across == "trace":
                assert len({source.namespace for source in sources}) == 1


def test_a_folded_line_says_what_the_model_saw_in_the_last_call():
    last, said = corpus.agents("named_agent")[-1]
    [folded] = fold_traces(examples_of("named_agent"))
    assert comparable(**both(folded.line)) == sent_and_received(said)
    assert [m.get("name") for m in answers_of(folded)] == ["support", "support", "support", None]
    assert folded.line == lines_of(last)
    assert folded.source.run_id == last["id"]


def test_the_copy_of_the_last_call_counts_whichever_comes_first():
    hi, bye = {"role": "user", "content": "Hi"}, {"role": "user", "content": "Bye"}
    said = {"role": "assistant", "content": "Hello"}

    def call(name, *messages):
        return TrainingExample(line={"messages": list(messages)}, source=RunSource(run_id=name, trace_id="t"))

    calls = [
        call("1", hi, said),
        call("2", hi, said | {"name": "old"}, bye, said),
        call("3", hi, said | {"name": "new"}, bye, said | {"name": "new"}, bye, said),
    ]
    for order in (calls, calls[::-1], [calls[1], calls[2], calls[0]], [calls[1], calls[0], calls[2]]):
        [folded] = fold_traces(order)
        assert folded.line == calls[2].line
    branch = call("4", hi, said | {"name": "old"}, hi, said)
    assert [answers_of(example)[0].get("name") for example in fold_traces([*calls, branch])] == ["new", "old"]


def other(agent=None, node=None, agent_type=None, namespace=None):
    return {"agent": agent, "node": node, "agent_type": agent_type, "namespace": namespace}


APART = {
    "agents": (other(agent="main"), other(agent="research")),
    "an agent and none": (other(), other(agent="research")),
    "nodes": (other(node="planner"), other(node="writer")),
    "types": (other(agent_type="root"), other(agent_type="subagent")),
    "a graph and one inside": (other(), other(namespace="tools:1")),
    "runs of a graph": (other(namespace="tools:1"), other(namespace="tools:2")),
}


@pytest.mark.parametrize("parts", APART.values(), ids=APART)
def test_calls_of_other_parts_stay_apart_though_they_begin_alike(parts):
    first = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    lines = [first, [*first, *first]]
    calls = [
        TrainingExample(line={"messages": messages}, source=RunSource(run_id=f"{n}", trace_id="t", **part))
        for n, (messages, part) in enumerate(zip(lines, parts, strict=True))
    ]
    for grouped in (False, True):
        folded = list(fold_traces(calls, grouped=grouped))
        assert [example.merged for example in folded] == [(), ()]
        assert [len(trained(example)) for example in folded] == [1, 1]


def test_interleaved_calls_of_one_trace_fold():
    examples = examples_of("sub_agents")
    [alone] = [[*fold_traces(examples, grouped=True)]]
    assert [example.line for example in alone] == [example.line for example in fold_traces(examples)]
    assert len(alone) == 2


def test_assistant_names_do_not_split_duplicates_or_pairs():
    from langsmith_finetune.dataset import drop_duplicates, preferences_from_scores

    [hi, said] = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    named = [hi, said | {"name": "support"}, hi]
    plain = [hi, said, hi]

    def example(messages, answer, score):
        source = RunSource(run_id=answer, scores={"s": score})
        return TrainingExample(
            line={"messages": [*messages, {"role": "assistant", "content": answer}]}, source=source
        )

    same = [example(named, "A", 0.0), example(plain, "A", 1.0)]
    assert list(drop_duplicates(same)) == same[:1]
    [pair] = preferences_from_scores([example(named, "A", 0.0), example(plain, "B", 1.0)], "s")
    assert pair.line["preferred_output"] == [{"role": "assistant", "content": "B"}]
    assert list(preferences_from_scores(same, "s")) == []
    bare = [TrainingExample(line=one.line) for one in same]
    for seed in range(20):
        assert len({split_side(one, seed=seed, validation_size=0.5) for one in bare}) == 1


@pytest.mark.parametrize("by", ["thread", "trace", "user"])
def test_the_agents_of_a_thread_are_on_one_side(by):
    scenarios = ("sub_agents", "sub_agent_with_a_thread", "deep_agent", "selecting_agent")
    examples = [example for scenario in scenarios for example in examples_of(scenario)]
    traces = {example.source.trace_id for example in examples}
    for seed in range(10):
        sides = train_validation_split(examples, validation_size=0.5, group_by=by, seed=seed)
        train, validation = ({example.source.trace_id for example in side} for side in sides)
        assert not train & validation
        assert train | validation == traces


# --- what part a call plays ---

ROLES = {
    "named_agent": [Role("support", "model", "root")] * 4,
    "named_react_agent": [Role(None, "agent", "root")] * 3,
    "summarizing_agent": [
        *[Role(None, "model", "root")] * 2,
        *[Role(None, "SummarizationMiddleware.before_model", "compaction"), Role(None, "model", "root")] * 2,
    ],
    "selecting_agent": [
        Role(None, "model", "middleware"),
        Role(None, "model", "root"),
        Role(None, "tools", "middleware"),
        Role(None, "model", "middleware"),
        Role(None, "model", "root"),
    ],
    "js_named_agent": [Role("support", "model_request", "root")] * 4,
    "js_summarizing_agent": [
        *[Role(None, "model_request", "root")] * 2,
        Role(None, "SummarizationMiddleware.before_model", "compaction"),
        Role(None, "model_request", "root"),
    ],
    "summarizing_react_agent": [Role(None, "pre_model_hook", "middleware"), Role(None, "agent", "root")],
    "graph_of_nodes": [
        Role(None, "planner", "root"),
        Role(None, "writer", "root"),
        Role(None, "generate_title", "title"),
    ],
}


@pytest.mark.parametrize(("scenario", "roles"), ROLES.items(), ids=ROLES)
def test_a_source_knows_the_part_of_its_call(scenario, roles):
    runs = runs_of(scenario)
    for examples in (examples_of(scenario), examples_from_runs(json.dumps(run).encode() for run in runs)):
        sources = [example.source for example in examples]
        assert [Role(s.agent, s.node, s.agent_type, s.namespace) for s in sources] == roles
    moved = [{**run, "metadata": run["extra"]["metadata"], "extra": {}} for run in runs]  # as v2 has it
    assert [role_of(run) for run in moved] == roles


@pytest.mark.parametrize("scenario", ["sub_agents", "deep_agent", "js_sub_agents"])
def test_a_sub_agent_knows_the_way_to_it(scenario):
    [main, first, second, last] = [example.source for example in examples_of(scenario)]
    assert main.agent_type == last.agent_type == "root"
    assert main.namespace is last.namespace is None
    assert {first.agent, second.agent} == {"research"}
    assert first.agent_type == second.agent_type == "subagent"
    assert first.namespace == second.namespace
    assert first.namespace.startswith("tools:")
    assert "|" not in first.namespace


TOLD = {
    "nothing": ({}, "ChatOpenAI", None),
    "LangSmith's own word": ({"ls_agent_type": "middleware", "langgraph_node": "model"}, "", "middleware"),
    "a word that nobody knows": ({"ls_agent_type": "critic"}, "", "critic"),
    "root at the top": ({"ls_agent_type": "root"}, "ChatOpenAI", "root"),
    "root, for a summary": ({"ls_agent_type": "root", "lc_source": "summarization"}, "", "compaction"),
    "a sub-agent's summary": ({"ls_agent_type": "subagent", "lc_source": "summarization"}, "", "compaction"),
    "JavaScript's root in a tool": (
        {"ls_agent_type": "root", "langgraph_node": "model_request",
         "langgraph_checkpoint_ns": "tools:1|model_request:2"}, "", "subagent"),
    "JavaScript's choice of tools": ({"lc_source": "llmToolSelector"}, "", "middleware"),
    "a title by its source": ({"lc_source": "title_generation"}, "", "title"),
    "no source": ({"lc_source": "", "langgraph_node": "model"}, "", "root"),
    "middleware by its node": ({"langgraph_node": "Guard.after_model"}, "", "middleware"),
    "a summary by its node": ({"langgraph_node": "summarize_conversation"}, "", "compaction"),
    "a node that sums up the work": ({"langgraph_node": "summarize"}, "ChatOpenAI", "root"),
    "an application that sums up": ({}, "summarize_conversation", None),
    "a title by the run's name": ({}, "generateChatTitle", "title"),
    "a title in another thing": ({"langgraph_node": "title_search"}, "ChatOpenAI", "root"),
    "a graph inside, not in a tool": (
        {"langgraph_node": "model", "langgraph_checkpoint_ns": "teller:1|model:2"}, "", "root"),
    "a tool's own call": ({"langgraph_node": "tools", "langgraph_checkpoint_ns": "tools:1"}, "", "subagent"),
    "what is no text": (
        {"ls_agent_type": ["x"], "lc_source": {}, "langgraph_checkpoint_ns": 5, "langgraph_node": None}, 7, None),
}  # fmt: skip


@pytest.mark.parametrize(("metadata", "name", "kind"), TOLD.values(), ids=TOLD)
def test_what_a_call_is_for(metadata, name, kind):
    assert role_from(metadata, name).agent_type == kind


def test_side_calls_are_noted_and_can_be_refused():
    noted = []
    runs = [run for scenario in ROLES for run in runs_of(scenario)]
    examples = list(examples_from_runs(runs, on_note=noted.append))
    counts = Counter(note.kind for note in noted if note.kind in SIDE_CALLS.values())
    assert counts == {"compaction_call": 3, "middleware_call": 4, "title_call": 1}
    assert {note.detail for note in noted if note.kind == "title_call"} == {
        "agent_type title, by the run's metadata or name"
    }
    assert len(examples) == len(runs)
    skipped = []
    kept = list(examples_from_runs(runs, skip_notes=set(SIDE_CALLS.values()), on_skip=skipped.append))
    assert {example.source.agent_type for example in kept} == {"root"}
    assert {error.reason for error in skipped} == {"unwanted_note"}
    loader = LangSmithRunChatLoader(runs, skip_notes=set(SIDE_CALLS.values()))
    assert [one.line for one in training_examples(loader.lazy_load())] == [one.line for one in kept]


@pytest.mark.parametrize("settings", [{"lc_source": "summarization"}, {"langgraph_node": "generate_title"}])
def test_a_plain_side_call_is_noted_too(settings):
    message = {"role": "assistant", "content": "Hello"}
    run = {"id": "r", "run_type": "llm", "extra": {"metadata": settings}}
    run |= {
        "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
        "outputs": {"choices": [{"message": message}]},
    }
    noted = []
    list(examples_from_runs([run], on_note=noted.append))
    assert [note.kind in SIDE_CALLS.values() for note in noted] == [True]


def test_descriptions_count_roles():
    runs = [
        run for scenario in ("named_agent", "summarizing_agent", "sub_agents") for run in runs_of(scenario)
    ]
    for found in (describe_runs(runs), describe_examples(examples_from_runs(runs))):
        assert found.counts["agents"] == {"support": 4, "main": 2, "research": 2}
        assert found.counts["nodes"] == {"model": 12, "SummarizationMiddleware.before_model": 2}
        assert found.counts["agent types"] == {"root": 10, "subagent": 2, "compaction": 2}


def test_a_ledger_tells_the_role():
    [example] = fold_traces(examples_of("named_agent"))
    row = json.loads(ledger_row(b"{}", example)[0])
    assert [(s["agent"], s["node"], s["agent_type"]) for s in row["sources"]] == [
        ("support", "model", "root")
    ] * 4
    row, _ = ledger_row(b"{}", TrainingExample(line={"messages": []}, source=RunSource(run_id="r")))
    assert json.loads(row)["sources"] == [{"run": "r"}]


# --- choosing by it ---

WANTED = {
    "an agent": ({"agents": "research"}, ["sub_agents 1", "sub_agents 2"]),
    "agents": ({"agents": ["main", "support"]}, ["sub_agents 0", "sub_agents 3", *[f"named_agent {n}" for n in range(4)]]),
    "a node": ({"nodes": "SummarizationMiddleware.before_model"}, ["summarizing_agent 2", "summarizing_agent 4"]),
    "nodes": ({"nodes": ["planner", "writer"]}, ["graph_of_nodes 0", "graph_of_nodes 1"]),
    "the conversation": (
        {"agent_types": "root"},
        ["sub_agents 0", "sub_agents 3", *[f"named_agent {n}" for n in range(4)], "graph_of_nodes 0",
         "graph_of_nodes 1", *[f"summarizing_agent {n}" for n in (0, 1, 3, 5)], "plain 0"],
    ),
    "sub-agents": ({"agent_types": ["subagent"]}, ["sub_agents 1", "sub_agents 2"]),
    "titles and summaries": (
        {"agent_types": ("title", "compaction")},
        ["graph_of_nodes 2", "summarizing_agent 2", "summarizing_agent 4"],
    ),
    "an agent at a node": ({"agents": "main", "nodes": "model", "agent_types": "root"}, ["sub_agents 0", "sub_agents 3"]),
    "an agent elsewhere": ({"agents": "main", "nodes": "writer"}, []),
}  # fmt: skip


def chosen_from():
    """Runs by name, in LangSmith's project."""
    runs = {}
    for scenario in ("sub_agents", "named_agent", "graph_of_nodes", "summarizing_agent"):
        runs |= {f"{scenario} {n}": run for n, run in enumerate(runs_of(scenario))}
    metadata = {"agent": "research", "node": "writer", "note": 'langgraph_node "planner"'}
    runs["plain 0"] = {**runs["named_agent 0"], "extra": {"metadata": metadata}}
    found = {}
    for n, (name, run) in enumerate(runs.items()):
        at = (NOW - timedelta(minutes=n)).isoformat()
        found[name] = {
            **run, "id": number(n), "trace_id": number(n), "dotted_order": f"20260101T000000000000Z{number(n)}",
            "parent_run_id": None, "session_id": PROJECT_ID, "start_time": at, "end_time": at, "error": None,
        }  # fmt: skip
    return found


@pytest.mark.slow
@pytest.mark.parametrize("apis", [{"v1": False}, {"v2": False, "version": "0.13.37"}], ids=["v2", "v1"])
@pytest.mark.parametrize(("wanted", "expected"), WANTED.values(), ids=WANTED)
def test_runs_are_selected_by_role(apis, wanted, expected):
    runs = chosen_from()
    with LangSmith(runs.values(), **apis) as server:
        found = select_runs(client_of(server), project_id=PROJECT_ID, **wanted)
        assert sorted(run.id for run in found) == sorted(runs[name]["id"] for name in expected)
        narrow = select_runs(client_of(server), project_id=PROJECT_ID, fields=["ID"], **wanted)
        assert sorted(run.id for run in narrow) == sorted(runs[name]["id"] for name in expected)

        async def count():
            return len([run async for run in select_runs(client_of(server), project_id=PROJECT_ID, **wanted)])

        assert asyncio.run(count()) == len(expected)


def test_the_server_is_asked_for_agents_and_nodes_and_checked():
    runs = chosen_from()
    with LangSmith(runs.values()) as server:
        found = list(select_runs(client_of(server), project_id=PROJECT_ID, agents="main", nodes=["model"]))
        asked = [
            json.loads(request.body) for request in server.requests if request.path.endswith("runs/query")
        ]
    assert len(found) == 2
    assert all(
        'and(eq(metadata_key, "lc_agent_name"), eq(metadata_value, "main"))' in body["filter"]
        for body in asked
    )
    assert all(
        'and(eq(metadata_key, "langgraph_node"), eq(metadata_value, "model"))' in body["filter"]
        for body in asked
    )


def test_a_limit_counts_only_what_is_wanted():
    runs = chosen_from()
    with LangSmith(runs.values()) as server:
        found = list(select_runs(client_of(server), project_id=PROJECT_ID, agent_types="compaction", limit=1))
        assert len(found) == 1
        first = select_runs(client_of(server), project_id=PROJECT_ID, agent_types="root")
        read = iter(first)
        taken = [next(read).id for _ in range(5)]
        rest = select_runs(client_of(server), project_id=PROJECT_ID, agent_types="root", resume=first.state)
        assert len(set(taken) | {run.id for run in rest}) == 13
        with pytest.raises(ValueError, match="with a different agent_types"):
            select_runs(client_of(server), project_id=PROJECT_ID, agent_types="title", resume=first.state)


def test_a_few_rare_calls_take_few_requests():
    metadata = [{"lc_source": "summarization"}, *[{"langgraph_node": "model"}] * 49]
    runs = [
        run
        for n in range(1000)
        for run in trace(
            run_id=number(n), started=NOW - timedelta(minutes=n), extra={"metadata": metadata[n % 50]}
        )
    ]
    with LangSmith(runs) as server:
        found = list(
            select_runs(client_of(server), project_id=PROJECT_ID, agent_types="compaction", limit=10)
        )
        assert [run.id for run in found] == [number(50 * n) for n in range(10)]
        assert sum(request.path.endswith("runs/query") for request in server.requests) <= 10


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize(("wanted", "expected"), WANTED.values(), ids=WANTED)
def test_runs_of_files_are_chosen_by_role(tmp_path, kind, decode, wanted, expected):
    runs = chosen_from()
    if kind == "jsonl":
        save_runs(runs.values(), tmp_path / "runs.jsonl")
    else:
        bulk_export.write(tmp_path / "runs.parquet", runs.values(), rows_per_group=3)
    found = run_files(tmp_path, decode=decode, **wanted)
    assert [run["id"] for run in found] == sorted(runs[name]["id"] for name in expected)


def test_parquet_finds_names_that_json_escapes(tmp_path):
    runs = [run for run in chosen_from().values() if run["id"] == number(0)]
    for name in ("Über/uns", 'say "hi"', "研究", "a.b"):
        for ascii_only in (True, False):
            extra = json.dumps({"metadata": {"lc_agent_name": name}}, ensure_ascii=ascii_only)
            near = json.dumps({"metadata": {"lc_agent_name": "aXb", "user": name}})
            rows = [runs[0] | {"extra": extra}, runs[0] | {"extra": near}]
            path = bulk_export.write(tmp_path / "runs.parquet", rows)
            assert len(list(run_files(path, agents=name))) == 1


def test_what_cannot_be_asked_of_roles_says_so(tmp_path):
    with pytest.raises(ValueError) as caught:
        select_runs(project_name="p", agent_types=["root", "sub-agent"])
    assert str(caught.value) == (
        f"agent_types must be {', '.join(map(repr, AGENT_TYPES[:-1]))} or {AGENT_TYPES[-1]!r}, or a list of these, not "
        "'sub-agent': did you mean 'subagent'?"
    )
    for name in ("agents", "nodes", "agent_types"):
        with pytest.raises(ValueError, match=f"{name} is empty: leave it out where it is no condition"):
            run_files(tmp_path, **{name: []})


def test_a_file_without_metadata_cannot_be_asked_for_roles(tmp_path):
    from langsmith_finetune import InvalidExampleError

    pq = pytest.importorskip("pyarrow.parquet")
    [run, *_] = chosen_from().values()
    (tmp_path / "a.jsonl").write_text(json.dumps({key: run[key] for key in run if key != "extra"}) + "\n")
    with pytest.raises(
        InvalidExampleError, match=r"a\.jsonl:1: extra: is not there, and is asked for\. Export extra"
    ):
        list(run_files(tmp_path / "a.jsonl", nodes="model"))
    pq.write_table(bulk_export.table([run]).drop_columns(["extra"]), tmp_path / "a.parquet")
    with pytest.raises(InvalidExampleError, match=r"a\.parquet: lacks the columns extra\. Export them too"):
        list(run_files(tmp_path / "a.parquet", nodes="model"))
    bulk_export.write(tmp_path / "b.parquet", [run | {"extra": '{"broken'}])
    with pytest.raises(InvalidExampleError, match=r"b\.parquet, row group 0, run .*: extra: is not JSON"):
        list(run_files(tmp_path / "b.parquet", agent_types="root", decode=False))
