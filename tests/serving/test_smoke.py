"""What a smoke test says of a served model, by the kind of what differs."""

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import openai
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, convert_to_openai_messages
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import Field

from langsmith_finetune import TrainingExample
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.providers.local import LocalChatModel
from langsmith_finetune.providers.local.adaptation import Adaptation
from langsmith_finetune.runs import RunSource
from langsmith_finetune.serving import asmoke_test, smoke_test
from langsmith_finetune.serving.smoke import SmokeCase, SmokeTest
from tests.support.local_calculator import lines, untrained, write_lines

CALL = {"name": "Calculator", "args": {"num1": 45, "num2": 9, "operation": "/"}, "id": "call_1"}
HERE = AIMessage("", tool_calls=[CALL], response_metadata={"finish_reason": "tool_calls"})
SAID = AIMessage("It is 5.", response_metadata={"finish_reason": "stop"})
CUT = AIMessage("It is 5.", response_metadata={"finish_reason": "length"})


@cache
def local():
    return LocalChatModel(model=str(untrained()), max_tokens=1, temperature=0)


class Served(BaseChatModel):
    """A server that renders a chat template of its own and says what it is told to."""

    answer: AIMessage | None = None
    adds: int = 0
    tells: bool = True
    shows_tools: bool = True
    seen: list[Any] = Field(default_factory=list)

    def bind_tools(self, tools, **kwargs):
        return self.bind(tools=tools, **kwargs)

    def _generate(self, messages, stop=None, run_manager=None, tools=None, **kwargs):
        self.seen.append((convert_to_openai_messages(messages), tools, kwargs))
        asked = local().bind_tools(tools) if tools and self.shows_tools else local()
        count = asked.invoke(messages).usage_metadata["input_tokens"] + self.adds
        usage = {"input_tokens": count, "output_tokens": 1, "total_tokens": count + 1} if self.tells else None
        message = self.answer.model_copy(update={"usage_metadata": usage})
        return ChatResult(generations=[ChatGeneration(message=message)])

    @property
    def _llm_type(self):
        return "served"


@pytest.fixture
def here(monkeypatch):
    """Lets the model in this process say what a test wants."""

    def says(answer):
        real = LocalChatModel._generate

        def generate(self, messages, stop=None, run_manager=None, **kwargs):
            found = real(self, messages, stop, run_manager, **{**kwargs, "max_tokens": 1})
            if kwargs.get("max_tokens") == 77:
                usage = found.generations[0].message.usage_metadata
                found.generations[0].message = answer.model_copy(update={"usage_metadata": usage})
            return found

        monkeypatch.setattr(LocalChatModel, "_generate", generate)

    return says


def found_by(served, *, line=None, model=None, **settings):
    return smoke_test(model or untrained(), served, [line or lines()[0]], max_tokens=77, **settings)


def test_a_model_that_answers_alike_passes(here):
    here(HERE)
    served = Served(answer=HERE, seen=[])
    found = found_by(served)
    assert found.passed
    assert str(found) == (
        "1 of 1 prompts answered as in this process, with 1 tool calls; all with as many prompt tokens"
    )
    ((messages, tools, settings),) = served.seen
    assert messages == lines()[0]["messages"][:2]
    assert tools == lines()[0]["tools"]
    assert settings == {"temperature": 0, "max_tokens": 77}


async def test_it_works_in_a_loop_too(here):
    here(HERE)
    assert (await asmoke_test(untrained(), Served(answer=HERE), lines()[:1], max_tokens=77)).passed


def test_a_server_that_tells_no_tokens_is_compared_by_its_answers(here):
    here(HERE)
    found = found_by(Served(answer=HERE, tells=False))
    assert str(found).endswith("prompt tokens compared in 0")
    assert found.cases[0].served_prompt_tokens is None


def test_numbers_of_arguments_are_equal_by_their_value(here):
    here(HERE)
    call = {**CALL, "args": {"operation": "/", "num2": 9.0, "num1": 45.0}, "id": "x"}
    assert found_by(Served(answer=AIMessage("", tool_calls=[call]))).passed


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"shows_tools": False}, "it is as long without the tools, so its chat template leaves them out"),
        (
            {"shows_tools": False, "adds": 9},
            "it is as long without the tools, so its chat template leaves them out",
        ),
        ({"adds": 1}, "a token is put before what the chat template writes, mostly a second beginning of the text"),
        ({"adds": -7}, "its chat template is another one; give it that of the model's folder"),
    ],
)  # fmt: skip
def test_another_template_is_told_by_the_tokens(settings, why, here):
    here(HERE)
    (case,) = found_by(Served(answer=HERE, **settings)).cases
    assert case.difference == "template"
    assert (
        case.says
        == f"the prompt has {case.prompt_tokens} tokens here and {case.served_prompt_tokens} there: {why}"
    )


def test_changes_that_the_server_does_not_make_are_told_by_the_tokens(here, tmp_path):
    here(HERE)
    folder = Path(shutil.copytree(untrained(), tmp_path / "model"))
    Adaptation(folded_system=True).save(folder)
    (case,) = found_by(Served(answer=HERE), model=folder).cases
    assert case.says.endswith(
        "its chat template gets the conversation without the changes that training made"
    )


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "Calculator", "arguments": {"num1": 45}}\n</tool_call>',
        '{"name": "Calculator", "argu',
    ],
)
def test_a_call_in_the_text_is_the_parsers_fault(text, here):
    here(HERE)
    (case,) = found_by(Served(answer=AIMessage(text))).cases
    assert (case.difference, case.says) == (
        "parser",
        "a call came back as text: the server's tool-call parser reads another form than the chat template writes; "
        "serve_command names the right one",
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SAID, AIMessage("It is 5.<|im_end|>\n<|im_start|>user")),
        (SAID, AIMessage("It is 5. And so on.")),
        (HERE, AIMessage("", tool_calls=[CALL, {**CALL, "id": "call_2"}])),
    ],
)
def test_an_answer_that_goes_on_needs_stop_words(ours, theirs, here):
    here(ours)
    (case,) = found_by(Served(answer=theirs)).cases
    assert (case.difference, case.says) == (
        "stop words",
        'the server goes on where the answer ends: name them in each request, stop=["<|im_end|>"]',
    )


def test_an_answer_that_was_cut_off_here_may_go_on_there(here):
    here(CUT)
    (case,) = found_by(Served(answer=AIMessage("It is 5. And so on."))).cases
    assert case.difference == "text"


def test_other_calls_are_named_without_their_arguments(here):
    here(HERE)
    call = {**CALL, "args": {"num1": "a secret"}}
    found = found_by(Served(answer=AIMessage("", tool_calls=[call])))
    assert found.cases[0].says == "calls Calculator(num1, num2, operation) here and Calculator(num1) there"
    assert found_by(Served(answer=AIMessage("No."))).cases[0].says == (
        "calls Calculator(num1, num2, operation) here and nothing there"
    )
    assert "secret" not in str(found)


def test_other_texts_count_unless_calls_alone_are_compared(here):
    here(SAID)
    served = Served(answer=AIMessage("It is V."))
    found = found_by(served)
    assert found.cases[0].says == (
        "the texts differ from character 7 on: the weights or the sampling are others; of a quantized model compare='calls'"
    )
    assert str(found).splitlines()[1] == f"example 1: text: {found.cases[0].says}"
    assert found_by(served, compare="calls").passed


def test_a_server_that_is_not_there_is_an_error_of_the_case(here):
    here(HERE)
    nobody = ChatOpenAI(model="m", base_url="http://127.0.0.1:9/v1", api_key="none", max_retries=0)
    (case,) = found_by(nobody).cases
    assert (case.difference, case.there) == ("error", None)
    assert case.says == "there is no answer (OpenAIConnectionError); its log says more"


def test_what_a_server_refuses_is_told_without_its_words(here, monkeypatch):
    here(HERE)

    def refuse(self, *args, **kwargs):
        import httpx2

        response = httpx2.Response(400, request=httpx2.Request("POST", "http://127.0.0.1"))
        raise openai.BadRequestError("your prompt: a secret", response=response, body=None)

    monkeypatch.setattr(Served, "_generate", refuse)
    (case,) = found_by(Served(answer=HERE)).cases
    assert case.says == "the server answered 400 (BadRequestError); its log says more"


def test_the_last_answer_of_each_line_is_asked_for_in_the_order_of_the_file(here, tmp_path):
    here(HERE)
    line = lines()[0]
    longer = [
        *line["messages"],
        {"role": "tool", "tool_call_id": "call_1", "content": "5"},
        {"role": "assistant", "content": "5", "weight": 1},
        {"role": "user", "content": "Thanks"},
    ]
    served = Served(answer=HERE, seen=[])
    file = write_lines(tmp_path / "held.jsonl", [{**line, "messages": longer}, *lines()[1:]])
    found = smoke_test(untrained(), served, file, count=2, max_tokens=77)
    assert [case.where for case in found.cases] == ["held.jsonl:1", "held.jsonl:2"]
    assert [message["role"] for message in served.seen[0][0]] == ["system", "user", "assistant", "tool"]


def test_examples_may_be_objects_and_are_by_default_those_of_the_job(here, tmp_path):
    here(HERE)
    example = TrainingExample(line=lines()[0], source=RunSource(run_id="r"))
    assert smoke_test(untrained(), Served(answer=HERE), [example], max_tokens=77).passed
    job = tmp_path / "ft-0123456789abcdef-1"
    shutil.copytree(untrained(), job / "model")
    (job / "request.json").write_text("{}")
    write_lines(job / "training.jsonl", lines()[:1])
    found = smoke_test(job / "model", Served(answer=HERE), max_tokens=77)
    assert [case.where for case in found.cases] == ["training.jsonl:1"]
    write_lines(job / "validation.jsonl", lines()[1:2])
    found = smoke_test(job / "model", Served(answer=HERE), max_tokens=77)
    assert [case.where for case in found.cases] == ["validation.jsonl:1"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"examples": []}, "examples has no lines; pass a JSONL file of training lines, best one that was held out"),
        ({"count": 0}, "count must be at least 1, not 0"),
        ({"compare": "words"}, "compare must be 'answers' or 'calls', not 'words'"),
        ({}, f"examples is needed: there is no job's folder around {untrained()}. Pass a JSONL file of training lines, best one "
             "that was held out"),
    ],
)  # fmt: skip
def test_settings_of_another_kind_are_refused(settings, text):
    with pytest.raises(ValueError) as caught:
        smoke_test(untrained(), Served(answer=HERE), **settings)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ({"messages": [{"role": "user", "content": "Hi"}]},
         "example 1: messages: has no answer to a prompt. Leave the line out"),
        ({"messages": [{"role": "assistant", "content": "Hi"}]},
         "example 1: messages: has no answer to a prompt. Leave the line out"),
        ({"prompt": [], "completion": [], "label": True}, "example 1: is a preference or a label. Pass training lines"),
    ],
)  # fmt: skip
def test_a_line_without_an_answer_is_named(line, text):
    with pytest.raises(InvalidExampleError) as caught:
        smoke_test(untrained(), Served(answer=HERE), [line])
    assert str(caught.value) == text


def test_what_is_printed_is_safe_for_a_terminal():
    case = SmokeCase(
        where="a\x1b[2J.jsonl:1", here=HERE, there=None, prompt_tokens=1, served_prompt_tokens=None,
        difference="error", says="x",
    )  # fmt: skip
    assert str(SmokeTest(cases=(case,))).splitlines()[1] == r"a\x1b[2J.jsonl:1: error: x"
