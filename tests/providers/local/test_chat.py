import asyncio
import json
import re
import threading
import time
from pathlib import Path

import pytest
import trl
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.output_parsers import PydanticToolsParser
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from pydantic import BaseModel
from transformers import AutoTokenizer

from langsmith_finetune.errors import NotSupportedError
from langsmith_finetune.providers.local import LocalChatModel, tiny_model
from langsmith_finetune.providers.local.adapting import adapt
from langsmith_finetune.providers.local.chat import _read_call
from langsmith_finetune.providers.local.generation import Generator
from langsmith_finetune.providers.local.model_folder import response_template_of
from langsmith_finetune.providers.local.rows import rows_of_line
from langsmith_finetune.providers.local.sequences import Sequencer
from tests.support.local_calculator import SYSTEM, TOOL, asked, folder, lines, pupil, trained, untrained

QUESTION, ARGUMENTS = asked()[0]
ASKED = [("system", SYSTEM), ("user", QUESTION)]


def model(**settings):
    return LocalChatModel(model=str(untrained()), **{"temperature": 0, "max_tokens": 8, **settings})


class TestUnit(ChatModelUnitTests):
    chat_model_class = LocalChatModel

    @property
    def chat_model_params(self):
        return {"model": str(untrained())}

    @property
    def returns_usage_metadata(self):
        return True


@pytest.mark.slow
class TestIntegration(ChatModelIntegrationTests):
    """With a model that was taught the suite's own questions."""

    chat_model_class = LocalChatModel

    @property
    def chat_model_params(self):
        return {"model": pupil(), "max_tokens": 120, "temperature": 0}


class Calculator(BaseModel):
    """A calculator function"""

    num1: float
    num2: float
    operation: str


@pytest.fixture(scope="module")
def tuned():
    _, tuned_model = trained()
    return tuned_model.chat_model(temperature=0)


@pytest.mark.slow
class TestTuned:
    def test_the_chain_of_the_tutorial_works(self, tuned):
        chain = tuned.bind_tools([Calculator]) | PydanticToolsParser(tools=[Calculator], first_tool_only=True)
        assert chain.invoke(ASKED) == Calculator(**ARGUMENTS)

    def test_streamed_and_whole_answers_agree_without_markup(self, tuned):
        bound = tuned.bind_tools([TOOL])
        tokens = []

        class Listener(BaseCallbackHandler):
            def on_llm_new_token(self, token, **_):
                tokens.append(token)

        whole = bound.invoke(ASKED)
        chunks = list(bound.stream(ASKED, {"callbacks": [Listener()]}))
        added = sum(chunks[1:], chunks[0])
        assert [(call["name"], call["args"]) for call in whole.tool_calls] == [("Calculator", ARGUMENTS)]
        assert [(c["name"], c["args"]) for c in added.tool_calls] == [("Calculator", ARGUMENTS)]
        assert added.usage_metadata == whole.usage_metadata
        assert added.response_metadata == whole.response_metadata
        assert whole.response_metadata["finish_reason"] == "tool_calls"
        assert whole.content == "".join(chunk.text for chunk in chunks) == "".join(tokens) == ""

    async def test_it_answers_many_at_once_without_blocking_the_loop(self, tuned):
        questions = asked()[:3]
        answers = await asyncio.gather(
            *(tuned.bind_tools([TOOL]).ainvoke([("system", SYSTEM), ("user", text)]) for text, _ in questions)
        )
        assert [answer.tool_calls[0]["args"] for answer in answers] == [args for _, args in questions]

    @pytest.mark.parametrize(
        "choice", ["any", "required", True, "Calculator", {"function": {"name": "Calculator"}}]
    )
    def test_an_answer_can_be_begun_as_a_call(self, tuned, choice):
        message = tuned.bind_tools([TOOL], tool_choice=choice).invoke(ASKED)
        assert [(call["name"], call["args"]) for call in message.tool_calls] == [("Calculator", ARGUMENTS)]

    def test_structured_output_is_a_call_that_had_to_be(self, tuned):
        assert tuned.with_structured_output(Calculator).invoke(ASKED) == Calculator(**ARGUMENTS)

    def test_a_call_that_is_cut_off_is_invalid_whole_and_streamed(self, tuned):
        bound = tuned.bind_tools([TOOL]).bind(max_tokens=20)
        whole, chunks = bound.invoke(ASKED), list(bound.stream(ASKED))
        added = sum(chunks[1:], chunks[0])
        for message in (whole, added):
            assert message.tool_calls == []
            assert '{"name": "Calculator"' in json.dumps(message.invalid_tool_calls).replace(
                '\\"', '"'
            ).replace('\\\\"', '"')
            assert message.response_metadata["finish_reason"] == "length"


def test_tool_choice_takes_its_words_and_the_names_of_tools():
    for choice in ("none", "auto", None):
        assert (
            model().bind_tools([TOOL], tool_choice=choice).invoke("hi").usage_metadata["output_tokens"] == 8
        )
    with pytest.raises(ValueError) as caught:
        model().bind_tools([TOOL], tool_choice="Abacus")
    assert str(caught.value) == (
        "tool_choice must be 'auto', 'none', 'any', 'required' or a bound tool's name (Calculator), got 'Abacus'"
    )


def generator_prompt(messages, tools, forced=None):
    return Generator(str(untrained())).prompt(messages, tools, forced=forced)


def test_a_forced_answer_begins_as_a_call_of_that_tool_or_of_any():
    user = [{"role": "user", "content": "hi"}]
    other = {"type": "function", "function": {"name": "Abacus"}}
    free = generator_prompt(user, [TOOL, other])
    assert free.endswith("<|im_start|>assistant\n")
    assert "Calculator(num1, num2, operation): A calculator function\nAbacus(): \n" in free
    assert generator_prompt(user, [TOOL, other], "Abacus") == free + '<tool_call>\n{"name": "Abacus'
    assert generator_prompt(user, [TOOL, other], "") == free + '<tool_call>\n{"name": "'


def test_a_history_of_calls_and_answers_reaches_the_template(monkeypatch):
    prompts = []
    monkeypatch.setattr(
        Generator,
        "answer",
        lambda self, prompt, answer=Generator.answer, **kw: (
            prompts.append(prompt) or answer(self, prompt, **kw)
        ),
    )
    model().bind_tools([TOOL]).invoke(
        [
            HumanMessage("45 / 9?"),
            AIMessage("", tool_calls=[{"name": "Calculator", "args": {"num1": 45}, "id": "a"}]),
            ToolMessage("5", tool_call_id="a"),
        ]
    )
    assert prompts[0].endswith(
        "<|im_start|>assistant\n"
        '<tool_call>\n{"name": "Calculator", "arguments": {"num1": 45}}\n</tool_call><|im_end|>\n'
        "<|im_start|>tool\n5<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_seed_makes_the_same_random_choices_again():
    def answers(**settings):
        return model(temperature=2.0, max_tokens=20, **settings).invoke("hi").content

    assert answers(seed=1) == answers(seed=1) != answers(seed=2)


class Saying:
    """In place of a batcher: every answer is these tokens."""

    def __init__(self, generator, ids):
        self.stop_ids, self.ids = frozenset(generator.stop_ids), ids

    def add(self, answer):
        for token in self.ids:
            answer.take(token, self.stop_ids)
        answer.end(None)


def read(text, *, stop=(), stream=True, generator=None, prompt="<|im_start|>assistant\n"):
    """What comes of an answer of these words, token by token, without a model in between."""
    generator = generator or Generator(str(untrained()))
    generation = generator.answer(prompt, max_tokens=2000, temperature=0, seed=None, stop=stop)
    generator.batcher = Saying(generator, generator.tokenizer(text, add_special_tokens=False).input_ids)
    pieces = list(generation.pieces([TOOL], stream=stream))
    text = "".join(value for field, value in pieces if field == "content")
    return text, [_read_call(value) for field, value in pieces if field == "tool_calls"], generation


GOOD = '<tool_call>\n{"name": "Calculator", "arguments": {"num1": 1}}\n</tool_call>'
BAD = '<tool_call>\n{"name": "Calculator", "arguments": {"num1": \n</tool_call>'


def test_text_and_several_calls_are_told_apart():
    text, calls, generation = read(f"Let me see.\n{GOOD}\n{GOOD}<|im_end|>")
    assert text == "Let me see."
    assert [(kind, call["name"], call["args"]) for kind, call in calls] == [
        ("call", "Calculator", {"num1": 1})
    ] * 2
    assert calls[0][1]["id"] != calls[1][1]["id"]
    assert not generation.cut_off


@pytest.mark.parametrize(
    "written",
    ['{"name": "Calculator", "arguments": {"num1":', "[1, 2]", '"text"', '{"arguments": {}}', '{"name": 7}'],
)
def test_a_call_that_is_none_is_kept_as_an_invalid_call(written):
    text, calls, _ = read(f"{GOOD}\n<tool_call>\n{written}\n</tool_call><|im_end|>")
    assert text == ""
    assert [kind for kind, _ in calls] == ["call", "invalid"]
    assert calls[1][1]["args"].strip('"') == written.strip('"')


def test_arguments_written_as_json_text_are_read_once_more():
    _, [(kind, call)], _ = read('<tool_call>\n{"name": "f", "arguments": "{\\"a\\": 1}"}\n</tool_call>')
    assert (kind, call["args"]) == ("call", {"a": 1})


def test_stream_keeps_long_characters_and_spaces_whole():
    text = "你好，世界 🙂\n\n  Grüße  "
    assert read(f"{text}<|im_end|>")[0] == text.strip()
    without_template = Generator(str(untrained()))
    without_template.read_by(None)
    assert read(f"{text}<|im_end|>", generator=without_template)[0] == text.strip()


@pytest.mark.parametrize("stop", [["STOP"], ["nothing", "STOP", "OP and"]])
def test_a_stop_text_ends_the_answer_and_is_no_part_of_it(stop):
    text, calls, generation = read(f"one STO two STOP and {GOOD}", stop=stop)
    assert (text, calls, generation.cut_off) == ("one STO two", [], False)
    assert read("no end STO", stop=stop)[0] == "no end STO"


def test_who_stops_listening_stops_the_model():
    stream = model(max_tokens=1500, temperature=5.0, seed=1).stream("hi")
    next(stream)
    assert "generate" in [thread.name for thread in threading.enumerate()]
    stream.close()
    until = time.monotonic() + 20
    while "generate" in [thread.name for thread in threading.enumerate()]:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_an_error_while_generating_reaches_the_caller(monkeypatch):
    chat = model()
    chat.invoke("hi")

    def fail(**_):
        raise MemoryError("no room")

    monkeypatch.setattr(chat._generator.model, "generate", fail)
    with pytest.raises(MemoryError, match="no room"):
        chat.invoke("hi")


def test_chat_refuses_long_prompts_and_images():
    with pytest.raises(
        ContextOverflowError, match=r"^the prompt is \d+ tokens long, and the model takes 2048"
    ):
        model().invoke("1 2 3 " * 2000)
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    with pytest.raises(NotSupportedError) as caught:
        model().invoke([HumanMessage([image])])
    assert str(caught.value) == (
        "LocalChatModel does not support messages[0].content[0]: it is an image_url, and local models read text only"
    )
    with pytest.raises(NotSupportedError) as unknown:
        model().invoke("hi", logit_bias={})
    assert str(unknown.value) == "LocalChatModel does not support the setting logit_bias"


def test_a_model_whose_template_cannot_do_tools_says_so():
    path = tiny_model(folder() / "no-tools", lines()[:1])
    tokenizer = AutoTokenizer.from_pretrained(path)
    tokenizer.chat_template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    tokenizer.save_pretrained(path)
    chat = LocalChatModel(model=str(path), max_tokens=4)
    assert chat.invoke("hi").usage_metadata["output_tokens"] > 0
    with pytest.raises(NotSupportedError, match=re.escape("tools: its chat template leaves them out")):
        chat.bind_tools([TOOL]).invoke("hi")
    tokenizer.response_template = None
    tokenizer.save_pretrained(path)
    with pytest.raises(NotSupportedError, match="reading its tool calls: nothing says how its chat template"):
        LocalChatModel(model=str(path)).bind_tools([TOOL]).invoke("hi")


FAMILIES = [
    *("qwen2_5", "qwen3", "qwen3_instruct_2507", "qwen3_5_nothink", "qwen3_5_think", "qwen3_8"),
    *("llama3_1", "gptoss", "gemma4_v5", "glm4moe", "lfm2_2_5_v2", "nemotron_3_nano"),
]


@pytest.fixture(scope="module")
def any_family():
    return Generator(str(untrained()))


@pytest.mark.parametrize("family", FAMILIES)
def test_known_template_reads_back_the_learned_call(any_family, family):
    tokenizer = any_family.tokenizer
    template = Path(trl.__path__[0]) / "chat_templates" / f"{family}.jinja"
    tokenizer.chat_template, tokenizer.response_template = template.read_text(encoding="utf-8"), None
    (row,) = rows_of_line(lines()[0], "x:1")
    any_family.adaptation = adapt(tokenizer, has_reasoning=False)
    any_family.read_by(response_template_of(tokenizer, any_family.adaptation))
    encoded = Sequencer(tokenizer, any_family.adaptation).sequence(row)
    given = encoded.labels.count(-100)
    prompt, said = (tokenizer.decode(ids) for ids in (encoded.input_ids[:given], encoded.input_ids[given:]))
    assert "Calculator" in prompt
    assert QUESTION in prompt
    for stream in (False, True):
        _, calls, _ = read(said, generator=any_family, prompt=prompt, stream=stream)
        assert [(kind, call["name"], call["args"]) for kind, call in calls] == [
            ("call", "Calculator", ARGUMENTS)
        ]
    for forced in ("", "Calculator"):
        begun = any_family.prompt(row.prompt, row.tools, forced=forced)
        rest = (prompt + said).removeprefix(begun)
        assert len(rest) < len(said)
        _, calls, _ = read(rest, generator=any_family, prompt=begun, stream=False)
        assert [(kind, call["name"], call["args"]) for kind, call in calls] == [
            ("call", "Calculator", ARGUMENTS)
        ]
