"""What a person is shown: every report, plan, job, list and example as text and as a card, and no escape in either."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from langsmith_finetune import (
    FineTunedModel,
    FineTuneJob,
    LangSmithDatasetChatLoader,
    LangSmithRunChatLoader,
    PreferenceExample,
    TrainingExample,
    check,
    evaluate,
    select_runs,
)
from langsmith_finetune._printable import printable
from langsmith_finetune.cost import CostEstimate
from langsmith_finetune.dataset import (
    DatasetChange,
    DatasetReport,
    Distribution,
    WrittenShards,
    describe_examples,
)
from langsmith_finetune.evaluation import Evaluation, LangSmithExperiments, plan_evaluation
from langsmith_finetune.examples.example import LabelExample
from langsmith_finetune.jobs import Deployment
from langsmith_finetune.jobs.records import JobRecord
from langsmith_finetune.jobs.tables import checkpoint_rows, event_rows, metric_rows, record_rows
from langsmith_finetune.jsonl import WrittenFile
from langsmith_finetune.ledger import Exposure, FileExposure, Ledger
from langsmith_finetune.providers.values import (
    Checkpoint,
    DeploymentInfo,
    FileInfo,
    JobEvent,
    JobInfo,
    ModelInfo,
)
from langsmith_finetune.runs import RunSource, runs_from_annotation_queue, runs_from_dataset
from langsmith_finetune.testing import FakeProvider
from tests.support.messages import CALL

EVIL = "<script>alert('$')</script>\x1b[2J\u202e"
NOW = datetime(2026, 11, 28, 1, 2, 3, 456, tzinfo=UTC)
LINE = {"messages": [{"role": "user", "content": EVIL}, {"role": "assistant", "content": EVIL, "name": EVIL}]}
SOURCE = RunSource(run_id=EVIL, model=EVIL, scores={EVIL: 1.0})


def report() -> DatasetReport:
    found = DatasetReport()
    list(found.writing(EVIL, found.reading(EVIL, [1, 2])))
    found.add(DatasetChange(step=EVIL, what=EVIL, example="e"))
    return found


def loader(**kwargs) -> LangSmithRunChatLoader:
    found = LangSmithRunChatLoader([{"id": EVIL, "run_type": "chain"}], **kwargs)
    found.load()
    return found


def info(**kwargs) -> JobInfo:
    return JobInfo(
        id=EVIL,
        status="running",
        provider_status=EVIL,
        model=EVIL,
        metrics={EVIL: 0.5},
        created_at=NOW,
        **kwargs,
    )


def evaluation() -> Evaluation:
    models = {EVIL: lambda messages: EVIL, EVIL * 2: lambda messages: "no"}
    return evaluate(models, [LINE], groups=lambda case: {"evil": EVIL}, progress=False)


def record() -> JobRecord:
    return JobRecord(
        fingerprint="f", provider=EVIL, home=EVIL, stage="created", model=EVIL, method="supervised",
        training_file=EVIL, training_sha256="s", created_at="2026-11-28T01:02:03", number=1, names=(EVIL,), job_id=EVIL,
    )  # fmt: skip


SHOWN = {
    "report": report,
    "report of nothing": DatasetReport,
    "selection": lambda: select_runs(project_name=EVIL, tags=EVIL),
    "loader": loader,
    "dataset loader": lambda: LangSmithDatasetChatLoader(dataset_name=EVIL),
    "skipped": lambda: loader().skipped,
    "written": lambda: WrittenFile(path=Path(EVIL), count=1, bytes=2, sha256="s", ledger=Path(EVIL)),
    "example": lambda: TrainingExample(line=LINE, source=SOURCE, merged=(SOURCE,), changes=(EVIL,)),
    "example with calls": lambda: TrainingExample(line=CALL),
    "preference": lambda: PreferenceExample(
        line={"input": LINE, "preferred_output": LINE["messages"], "non_preferred_output": LINE["messages"]}
    ),
    "label": lambda: LabelExample(
        line={"prompt": LINE["messages"], "completion": LINE["messages"], "label": True}
    ),
    "job": lambda: FineTuneJob(FakeProvider(), info()),
    "job info": info,
    "deployment info": lambda: DeploymentInfo(id=EVIL, model_id=EVIL, status="ready", provider_status=EVIL),
    "model info": lambda: ModelInfo(id=EVIL, base_model=EVIL),
    "file info": lambda: FileInfo(id=EVIL, name=EVIL),
    "model": lambda: FineTunedModel(id=EVIL, base_model=EVIL, job_id=EVIL, provider=FakeProvider()),
    "deployment": lambda: Deployment(
        FakeProvider(), DeploymentInfo(id=EVIL, model_id=EVIL, status="ready", provider_status=EVIL)
    ),
    "shards": lambda: WrittenShards(files=(), skipped={EVIL: 3}),
    "record": record,
    "records": lambda: record_rows([record()]),
    "events": lambda: event_rows(
        [JobEvent(id=EVIL, created_at=NOW, level="info", message=EVIL, metrics={EVIL: 1.0})]
    ),
    "no events": lambda: event_rows([]),
    "checkpoints": lambda: checkpoint_rows([Checkpoint(id=EVIL, model=EVIL, metrics={EVIL: 1.0})]),
    "metrics": lambda: metric_rows([{"step": 1, EVIL: 0.5}, {"step": 2, "valid_loss": 0.25}]),
    "exposure": lambda: Exposure(
        files=(FileExposure(path=Path(EVIL), sha256="s", lines=(1, 2), replaced=True),),
        jobs=({"provider": EVIL, "job_id": EVIL, "role": "training", "status": EVIL},),
        models=(EVIL,),
    ),
    "no exposure": lambda: Exposure(files=(), jobs=(), models=()),
    "cost": lambda: CostEstimate(
        usd=1.5, tokens=1000, n_epochs=1, usd_per_million_tokens=3.0, minimum=True, exact=False,
        source=EVIL, checked_on=date(2026, 1, 2), caveat=EVIL,
    ),
    "check": lambda: check(
        [{"messages": [{"role": EVIL, "content": "x"}, *LINE["messages"]], EVIL: EVIL}] * 7, "openai", show_content=True
    ),
    "clean check": lambda: check([LINE] * 10, "local"),
    "evaluation": evaluation,
    "evaluated cases": lambda: evaluation().show_cases(),
    "evaluated groups": lambda: evaluation().by_group("evil"),
    "comparison": lambda: evaluation().compare(),
    "best model": lambda: evaluation().best(),
    "evaluation plan": lambda: plan_evaluation({EVIL: lambda messages: EVIL}, [LINE]),
    "experiments": lambda: LangSmithExperiments(dataset_id="d", experiments={EVIL: EVIL}, url="https://x.example/" + EVIL),
    "description": lambda: describe_examples([TrainingExample(line=LINE, source=SOURCE)]),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_it_shows_itself_without_markup_or_escapes(name):
    thing = SHOWN[name]()
    for text in (str(thing), repr(thing)):
        assert text
        assert "object at 0x" not in text
    assert printable(str(thing)) == str(thing)
    page = thing._repr_html_()
    assert page.startswith("<div ")
    assert not BeautifulSoup(page, "html.parser").find_all("script")
    assert "<script" not in page
    assert printable(page) == page


ROWS = ["report", "report of nothing", "records", "events", "no events", "checkpoints", "metrics", "exposure",
        "no exposure", "check", "description"]  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_what_has_rows_is_a_table_of_pandas(name):
    pytest.importorskip("pandas")
    frame = SHOWN[name]().to_pandas()
    assert len(frame.columns) > 1
    assert frame.empty == (name.startswith("no ") or name == "report of nothing")


def test_example_in_a_shell_is_a_line_and_printed_it_is_a_chat():
    example = TrainingExample(
        line={
            "tools": CALL["tools"],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {}}],
                },
                {"role": "assistant", "content": "A cat.", "weight": 0},
                {"role": "user", "content": "And\nthere?"},
                {
                    "role": "assistant",
                    "content": None,
                    "reasoning_content": "Hm.",
                    "tool_calls": [
                        {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
                    ],
                },
            ],
        },
        source=RunSource(run_id="d2a3", model="gpt-4.1", scores={"user_score": 1.0}),
        changes=("redacted",),
    )
    assert repr([example]) == (
        "[<TrainingExample of run d2a3, 5 messages: And\\nthere? -> [thinks] Hm.\\n[calls] look({})>]"
    )
    assert str(example).splitlines() == [
        "TrainingExample of run d2a3, 5 messages",
        "  [tools: get_weather]",
        "  system: Be brief.",
        "  user: Look",
        "    [image_url]",
        "  assistant (context only): A cat.",
        "  user: And",
        "    there?",
        "  assistant: [thinks] Hm.",
        "    [calls] look({})",
        "  [changed: redacted]",
        "  [model: gpt-4.1]",
        "  [scores: user_score 1]",
    ]


def test_a_long_example_is_shown_from_its_beginning_and_its_end():
    messages = [{"role": "user", "content": f"{n} " + "x" * 5000} for n in range(100)]
    text = str(TrainingExample(line={"messages": messages}))
    assert len(text) < 7000
    assert "  [... 92 more messages ...]" in text.splitlines()
    assert "... (4,402 more characters)" in text
    assert "\n  user: 99 xxx" in text


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"messages": None},
        {
            "messages": [None, 7, {"role": None, "content": {"a": 1}, "tool_calls": [1, {"function": 2}]}],
            "tools": 5,
        },
        {"input": 3, "preferred_output": "x", "non_preferred_output": None},
        {"prompt": [{}], "completion": [[]], "label": "yes"},
    ],
    ids=["empty", "null", "strange", "preference", "label"],
)
def test_a_line_of_any_form_is_shown(line):
    example = TrainingExample(line=line)
    assert str(example)
    assert repr(example)
    assert example._repr_html_()


def test_equal_warnings_are_one_row_with_their_count():
    quiet = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": ""}]}
    found = check([quiet] * 789, "openai")
    rows = BeautifulSoup(found._repr_html_(), "html.parser").find_all("tr")
    assert len(rows) == 2
    assert [cell.text for cell in rows[1].find_all("td")] == [
        "789",
        "warning: empty_contenta message says something",
        "1, 2, 3, 4, 5, 6, 7, 8 and 781 more",
        "messages[1].content is empty text",
        "Leave the message out, or the line",
    ]
    assert str(found).splitlines() == [
        "examples for openai: 789 lines, 0 with errors",
        "warnings: empty_content 789",
        str(found.problems[0]),
        "... and 788 more warnings of the rule empty_content, in lines 2, 3, 4, 5, 6, 7, 8, 9 and 780 more",
    ]


def test_different_faults_of_one_rule_are_told_apart():
    def said(role):
        return {"messages": [{"role": role, "content": "hi"}, {"role": "assistant", "content": "x"}]}

    found = check([said("bad"), said("bad"), said("worse")] * 4, "openai", show_content=True)
    [row] = BeautifulSoup(found._repr_html_(), "html.parser").find_all("tr")[1:]
    assert "is 'bad'" in row.text
    assert "is 'worse'" in row.text
    assert str(found).splitlines()[-1] == (
        "... and 10 more errors of the rule role, in lines 2, 4, 5, 6, 7, 8, 9, 10 and 2 more"
    )


def test_everything_public_says_what_it_is(tmp_path):
    for thing in (
        runs_from_annotation_queue(queue_name=EVIL),
        runs_from_dataset(dataset_name=EVIL),
        Ledger(tmp_path),
        Distribution([1, 2000]),
        Distribution(),
    ):
        assert "object at 0x" not in repr(thing)
        assert printable(repr(thing)) == repr(thing)
    assert repr(runs_from_dataset(dataset_name="good")) == "<ListedRuns of dataset good>"
    assert repr(Distribution([1, 3])) == (
        "<Distribution 1 to 3, mean 2.0, median 1, 90% up to 3, 99% up to 3, 4 in all>"
    )


def test_selection_shows_itself_without_a_request():
    runs = select_runs(project_name="bot", limit=5)
    assert repr(runs) == "<Selection of project bot: nothing is requested before the first run is asked for>"
    assert runs.state.count == 0


def test_written_file_is_told_in_a_line():
    written = WrittenFile(
        path=Path("a/train.jsonl"), count=1, bytes=2000, sha256="s", ledger=Path("a/train.ledger.jsonl")
    )
    assert str(written) == "a/train.jsonl: 1 line, 2,000 bytes, with its ledger train.ledger.jsonl"
    assert repr(written) == f"<WrittenFile {written}>"


def test_report_is_a_table_with_a_column_for_each_thing_done():
    pytest.importorskip("pandas")
    found = DatasetReport()
    for step, what in (("fold_traces", "merged"), ("redact", "redacted")):
        list(found.writing(step, found.reading(step, [1, 2])))
        found.add(DatasetChange(step=step, what=what, example="e"))
    assert found.to_pandas().to_dict("records") == [
        {"step": "fold_traces", "in": 2, "out": 2, "merged": 1, "redacted": 0},
        {"step": "redact", "in": 2, "out": 2, "merged": 0, "redacted": 1},
    ]
