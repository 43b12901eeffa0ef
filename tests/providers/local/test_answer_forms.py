"""How a chat template writes answers is found by marked answers, read back, and kept to."""

import asyncio
import json
from pathlib import Path

import llguidance
import pytest
import trl
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.providers.local import LocalChatModel, preview
from langsmith_finetune.providers.local.adapting import adapt
from langsmith_finetune.providers.local.answer_forms import TOOLS, AnswerForms, call_of
from langsmith_finetune.providers.local.batching import Answer, Batcher, Sampling
from langsmith_finetune.providers.local.chat import _read_call
from langsmith_finetune.providers.local.constraints import CallGrammar
from langsmith_finetune.providers.local.model_folder import response_template_of, with_response_template
from langsmith_finetune.providers.local.reading import AnswerReader, decoded, until_stop
from tests.support.local_calculator import TOOL, asked, call, lines, trained, untrained

START = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
END = "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
SHOWN = "{% if tools %}{{ tools | tojson }}{% endif %}"


def written(calls, *, between="", around=("", "")):
    """A template that writes each call so."""
    body = (
        "{% if m.tool_calls %}" + around[0] + "{% for c in m.tool_calls %}{% set f = c.function %}" + calls
        + "{% if not loop.last %}" + between + "{% endif %}{% endfor %}" + around[1] + "{% endif %}"
    )  # fmt: skip
    return SHOWN + START + body + END


NAMED = '{"name": "{{ f.name }}", "arguments": {{ f.arguments | tojson }}}'
ARGUMENTS = "{{ f.arguments | tojson }}"
TAGS = "{% for k, v in f.arguments.items() %}<parameter={{ k }}>\n{{ v }}\n</parameter>\n{% endfor %}"
FORMS = {
    "hermes": written("<tool_call>\n" + NAMED + "\n</tool_call>", between="\n"),
    "list of objects": written(NAMED, between=", ", around=("[TOOL_CALLS][", "]")),
    "list in tags": written(
        '{"tool_name": "{{ f.name }}", "parameters": {{ f.arguments | tojson }}}',
        between=",\n    ",
        around=("<|START_ACTION|>[\n    ", "\n]<|END_ACTION|>"),
    ),
    "name before": written("[TOOL_CALLS]{{ f.name }}[ARGS]" + ARGUMENTS),
    "name and id before": written("[TOOL_CALLS]{{ f.name }}[CALL_ID]{{ c.id }}[ARGS]" + ARGUMENTS),
    "name in a tag": written("<function={{ f.name }}>" + ARGUMENTS + "</function>", between="\n"),
    "numbered": written(
        "<|call|>functions.{{ f.name }}:{{ loop.index0 }}<|args|>" + ARGUMENTS + "<|end|>",
        around=("<|calls|>", "<|calls_end|>"),
    ),
    "fenced": written("<|call|>{{ f.name }}\n```json\n" + ARGUMENTS + "\n```<|call_end|>", between="\n"),
    "tags": written(
        "<tool_call>\n<function={{ f.name }}>\n" + TAGS + "</function>\n</tool_call>", between="\n"
    ),
}


def tokenizer_with(template):
    tokenizer = AutoTokenizer.from_pretrained(untrained())
    tokenizer.chat_template, tokenizer.response_template = template, None
    return tokenizer


def forms_of(template):
    tokenizer = tokenizer_with(template)
    return AnswerForms(tokenizer, adapt(tokenizer, has_reasoning=False))


@pytest.mark.parametrize("name", FORMS)
def test_form_of_calls_is_found_and_reads_them_back(name):
    forms = forms_of(FORMS[name])
    reader = AnswerReader(forms.response_template(), ["<|im_end|>"])
    given = [{"qzkey_a": 'a "b"\nc, d}', "qzkey_b": 3}, {"qzkey_c": "<x> & 日本"}]
    for arguments in (given[:1], given):
        said = forms.calls(*arguments)
        for texts in ([said.answer], list(said.answer)):
            pieces = list(reader.pieces(texts, said.prompt, TOOLS))
            calls = [_read_call(value) for field, value in pieces if field == "tool_calls"]
            wanted = [call_of(number, one)["function"] for number, one in enumerate(arguments)]
            assert [(kind, {"name": c["name"], "arguments": c["args"]}) for kind, c in calls] == [
                ("call", one) for one in wanted
            ]
            assert "".join(value for field, value in pieces if field == "content") == ""
    text = forms.written({"content": "Just [this] <text> {here}."})
    assert list(reader.pieces([text.answer], text.prompt, [])) == [("content", "Just [this] <text> {here}.")]


@pytest.mark.parametrize("name", ["hermes", "list of objects", "list in tags", "name before", "tags"])
def test_broken_call_is_an_invalid_call_in_every_form(name):
    forms = forms_of(FORMS[name])
    reader = AnswerReader(forms.response_template(), [])
    said = forms.calls({"qzkey_a": "x", "qzkey_b": 1})
    broken = said.answer.replace('"qzkey_a": "x"', '"qzkey_a": "x').replace("qzname_one", "")
    calls = [
        _read_call(v) for field, v in reader.pieces([broken], said.prompt, TOOLS) if field == "tool_calls"
    ]
    assert [kind for kind, _ in calls] in (["invalid"], [])


@pytest.mark.slow
def test_templates_of_trl_that_train_calls_are_read_nearly_all():
    found = {}
    for path in sorted((Path(trl.__path__[0]) / "chat_templates").glob("*.jinja")):
        tokenizer = tokenizer_with(path.read_text(encoding="utf-8"))
        tokenizer.bos_token = tokenizer.pad_token
        try:
            preview(lines()[0], model=tokenizer)
        except InvalidExampleError:
            continue
        adaptation = adapt(tokenizer, has_reasoning=False)
        found[path.stem] = response_template_of(tokenizer, adaptation) is not None
    assert len(found) > 20
    assert {name for name, is_read in found.items() if not is_read} <= {"muse_glimmer"}


def test_calls_that_cannot_be_read_back_are_refused_before_training():
    unreadable = written("CALL {{ f.name }} WITH {{ f.arguments | items | list }}")
    line = {
        "messages": [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": None, "tool_calls": [call("f", '{"a": "b"}')]},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    }
    with pytest.raises(InvalidExampleError) as caught:
        preview(line, model=tokenizer_with(unreadable))
    assert str(caught.value) == (
        "line: messages[1]: its calls would be written in a form that nothing says how to read back, so the tuned "
        "model could be offered no tools. Set tokenizer.response_template and save the tokenizer into the model's "
        "folder, see https://huggingface.co/docs/transformers/chat_response_parsing"
    )


def test_found_form_is_kept_with_the_tokenizer(tmp_path):
    tokenizer = tokenizer_with(FORMS["list of objects"])
    with_response_template(tokenizer, adapt(tokenizer, has_reasoning=False)).save_pretrained(tmp_path)
    template = AutoTokenizer.from_pretrained(tmp_path).response_template
    assert template["fields"]["tool_calls"]["transform_each"]


# --- constraints -----------------------------------------------------------------------------------------


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "how": {"enum": ["up", "down"]}},
    "required": ["n", "how"],
    "additionalProperties": False,
}
COUNT = {"type": "function", "function": {"name": "count", "parameters": SCHEMA}}
STOP = {"type": "function", "function": {"name": "stop"}}


def grammar_of(name):
    forms = forms_of(FORMS[name])
    return CallGrammar(tokenizer_with(FORMS[name]), forms.call_form()), forms


def kept_to(constraint, text):
    """How much of a text a constraint lets through, token by token."""
    tokenizer = constraint.tokens
    ids = tokenizer(text, add_special_tokens=False).input_ids
    for index, token in enumerate(ids):
        allowed = constraint.allowed()
        if allowed is not None and not (token < len(allowed) and allowed[token]):
            return tokenizer.decode(ids[:index])
        constraint.take(token)
    return text


@pytest.mark.parametrize("name", [name for name in FORMS if name != "tags"])
def test_call_is_free_to_begin_and_bound_to_its_schema(name):
    grammar, forms = grammar_of(name)
    calls = [
        {
            "id": "qz1aacall",
            "type": "function",
            "function": {"name": "count", "arguments": {"n": 3, "how": "up"}},
        }
    ]
    answer = forms.written({"tool_calls": calls}).answer
    good = f"Let me see. {answer}"
    assert kept_to(grammar.constraint([COUNT, STOP], begun=None), good) == good
    for wrong, right in (('"n": "3"', '"n": 3'), ('"how": "left"', '"how": "up"'), ("recount", "count")):
        bad = good.replace(right, wrong, 1)
        stopped = kept_to(grammar.constraint([COUNT, STOP], begun=None), bad)
        assert stopped != bad
        assert good.startswith(stopped)


def test_call_that_was_begun_goes_on_by_its_schema():
    grammar, _ = grammar_of("hermes")
    rest = '", "arguments": {"n": 1, "how": "down"}}\n</tool_call>'
    assert kept_to(grammar.constraint([COUNT, STOP], begun="count"), rest) == rest
    assert kept_to(grammar.constraint([COUNT, STOP], begun="count"), rest.replace("1", "true")) != rest
    assert kept_to(grammar.constraint([COUNT, STOP], begun=""), f"count{rest}") == f"count{rest}"
    assert kept_to(grammar.constraint([COUNT, STOP], begun=""), f"other{rest}") != f"other{rest}"


def test_schema_beyond_the_grammar_leaves_an_object_of_any_kind():
    grammar, _ = grammar_of("hermes")
    odd = {
        "type": "function",
        "function": {"name": "odd", "parameters": {"type": "object", "not": {"const": 1}}},
    }
    rest = '", "arguments": {"x": [1]}}\n</tool_call>'
    assert kept_to(grammar.constraint([odd], begun="odd"), rest) == rest
    assert kept_to(grammar.constraint([odd], begun="odd"), rest.replace("{", "[")) != rest


def test_template_without_json_is_not_constrained():
    assert forms_of(FORMS["tags"]).call_form() is None
    assert llguidance.get_version()


@pytest.mark.slow
def test_untrained_model_calls_by_the_schema_or_is_cut_off():
    schema = {
        "type": "object",
        "properties": {"on": {"type": "boolean"}},
        "required": ["on"],
        "additionalProperties": False,
    }
    tool = {"type": "function", "function": {"name": "switch", "parameters": schema}}
    chat = LocalChatModel(model=str(untrained()), temperature=1.5, seed=3, max_tokens=200)
    bound = chat.bind_tools([tool], tool_choice="any")
    for seed in range(4):
        message = bound.bind(seed=seed).invoke("hi")
        # The call is whole and right, or it was cut off; an untrained model says more behind it.
        if message.invalid_tool_calls or not message.tool_calls:
            assert message.response_metadata["finish_reason"] == "length"
        for made in message.tool_calls:
            assert made["name"] == "switch"
            assert set(made["args"]) == {"on"}
            assert isinstance(made["args"]["on"], bool)


# --- batches ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_batch_answers_as_single_calls_do_and_in_few_passes(monkeypatch):
    chat = trained()[1].chat_model(temperature=0).bind_tools([TOOL])
    questions = [text for text, _ in asked()]
    single = [chat.invoke(text).tool_calls for text in questions[:5]]
    generator = chat.bound._generator
    sizes = []
    generate = generator.batcher._generate
    monkeypatch.setattr(
        generator.batcher, "_generate", lambda batch: sizes.append(len(batch)) or generate(batch)
    )
    several = chat.batch(questions)
    without_ids = [[c["args"] for c in message.tool_calls] for message in several]
    assert without_ids[:5] == [[c["args"] for c in calls] for calls in single]
    assert sum(sizes) == len(questions)
    assert len(sizes) <= 4
    sizes.clear()
    again = asyncio.run(chat.abatch(questions[:8]))
    assert [[c["args"] for c in message.tool_calls] for message in again] == without_ids[:8]
    assert len(sizes) <= 2


def test_failures_of_a_batch_are_each_their_own():
    chat = LocalChatModel(model=str(untrained()), temperature=0, max_tokens=3)
    found = chat.batch(["hi", "1 2 3 " * 2000, "ho"], return_exceptions=True)
    assert [type(one).__name__ for one in found] == ["AIMessage", "ContextOverflowError", "AIMessage"]
    assert chat.batch([]) == []


def test_answers_of_other_settings_and_seeds_do_not_share_a_batch():
    batches = []

    def generate(batch):
        batches.append([one.sampling for one in batch])

    batcher = Batcher(generate)
    plain, warm, seeded = Sampling(0, None), Sampling(1.0, None), Sampling(1.0, 5)
    with batcher.expecting(6):
        answers = [batcher.add(Answer([1], 1, one)) for one in (plain, warm, seeded, plain, seeded, warm)]
    assert [list(answer) for answer in answers] == [[]] * 6
    assert batches == [[plain, plain], [warm, warm], [seeded], [seeded]]


def test_answer_that_is_given_up_is_not_generated():
    gate = []
    batcher = Batcher(lambda batch: gate.append(len(batch)))
    answer = Answer([1], 1, Sampling(0, None))
    answer.stopped.set()
    batcher.add(answer)
    assert list(answer) == []
    assert gate == []


# --- text as it comes ------------------------------------------------------------------------------------


@given(st.text(max_size=60))
@settings(deadline=None)
def test_decoded_pieces_add_up_to_the_text(text):
    ids = TOKENIZER(text, add_special_tokens=False).input_ids
    pieces = list(decoded(ids, TOKENIZER.decode))
    assert "".join(pieces) == TOKENIZER.decode(ids)
    assert not any(piece.endswith("\ufffd") for piece in pieces if "\ufffd" not in text)


def test_decoding_looks_at_a_few_tokens_each_time():
    looked_at = []

    def decode(ids):
        looked_at.append(len(ids))
        return TOKENIZER.decode(ids)

    ids = TOKENIZER("no line ends here, " * 400, add_special_tokens=False).input_ids
    assert "".join(decoded(ids, decode)) == "no line ends here, " * 400
    assert max(looked_at) < 10


TOKENIZER = AutoTokenizer.from_pretrained(untrained())


def test_stop_text_is_found_across_pieces():
    ended = []
    assert "".join(until_stop(list("one STOP two"), ["STOP"], lambda: ended.append(1))) == "one "
    assert ended == [1]
    assert json.dumps(list(until_stop(["a"], [], lambda: None))) == '["a"]'
