"""What is trained follows the tokens that the model will see, for every template; or the line is refused by name."""

import json
from importlib.resources import files

import pytest
from transformers import AutoTokenizer

from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.providers.local import audit, preview
from langsmith_finetune.providers.local.adaptation import Adaptation, adaptation_in, with_defaults
from langsmith_finetune.providers.local.adapting import adapt
from langsmith_finetune.providers.local.marks import Marked
from langsmith_finetune.providers.local.rows import rows_of_line
from langsmith_finetune.providers.local.sequences import SAID, Sequencer
from tests.support.local_calculator import untrained
from tests.support.paths import DATA
from tests.support.template_conversations import CONVERSATIONS

TEMPLATES = {
    path.name.removesuffix(".jinja"): path.read_text(encoding="utf-8")
    for path in (files("trl") / "chat_templates").iterdir()
    if path.name.endswith(".jinja") and not path.name.endswith("_training.jinja")
}
OUTCOMES = json.loads((DATA / "template_outcomes.json").read_text(encoding="utf-8"))


def tokenizer_with(template):
    tokenizer = AutoTokenizer.from_pretrained(untrained())
    tokenizer.chat_template = template
    tokenizer.bos_token = tokenizer.pad_token  # some templates add it to a text
    return tokenizer


def outcome_of(template, line):
    tokenizer = tokenizer_with(template)
    try:
        found = preview(line, model=tokenizer)
    except InvalidExampleError as error:
        return f"{error.field}: {error.reason}"
    for sequence in found:
        assert is_as_asked(tokenizer, line, sequence)
    return ", ".join(sorted({note for sequence in found for note in sequence.notes})) or "as it is"


def is_as_asked(tokenizer, line, sequence):
    """True if the tokens before each answer are those that the tokenizer itself gives for the request."""
    has_reasoning = any(m.get("reasoning_content") for m in line["messages"] if m["role"] == "assistant")
    changes = adapt(tokenizer, has_reasoning=has_reasoning)
    rows = {row.field: row for row in rows_of_line(line, "line")}
    learned = [label != -100 for label in sequence.labels]
    for field in sequence.field.split(", "):
        asked = tokenizer.apply_chat_template(
            changes.messages(rows[field].prompt),
            tools=rows[field].tools or None,
            add_generation_prompt=True,
            return_dict=False,
            **sequence.chat_template_kwargs,
        )
        begin = len(asked)
        if sequence.input_ids[:begin] != asked or learned[begin - 1] or not learned[begin]:
            return False
        while begin < len(learned) and learned[begin]:
            learned[begin] = False
            begin += 1
    return not any(learned)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_template_trains_what_it_will_be_asked_or_refuses(name):
    found = {title: outcome_of(TEMPLATES[name], line) for title, line in CONVERSATIONS.items()}
    assert found == OUTCOMES[name]


def test_table_of_outcomes_has_every_template_and_no_other():
    assert OUTCOMES.keys() == TEMPLATES.keys()
    assert all(outcomes.keys() == CONVERSATIONS.keys() for outcomes in OUTCOMES.values())


_TURN = "<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}"
_CALLS = "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}" + _TURN
_ASKS = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
LEAVING_OUT = {
    "the arguments of the tool call": [(_CALLS + "{% endfor %}<|im_end|>\n{% endfor %}" + _ASKS, "one call")],
    "the tool's result": [
        (
            _CALLS.replace("messages %}", "messages if m.role != 'tool' %}")
            + "{{ c.function.arguments | tojson }}{% endfor %}<|im_end|>\n{% endfor %}"
            + _ASKS,
            "agent",
        )
    ],
}
KINDS = {
    "the text": "leaves the text of",
    "the reasoning": "leaves the reasoning of",
    "the tool call": "leaves the tool call",
    "the arguments of the tool call": "leaves the arguments",
    "the tool's result": "leaves the tool's result",
    "the tool": "leaves the tools that the model is offered out",
}


@pytest.mark.parametrize("kind", KINDS)
def test_table_of_outcomes_fails_where_a_mark_is_dropped(kind, monkeypatch):
    put = Marked.put

    def dropping(self, what, message):
        text = put(self, what, message)
        if what == kind:
            self.marks.pop()
        return text

    every = [
        (name, title)
        for name, found in OUTCOMES.items()
        for title, text in found.items()
        if KINDS[kind] in text
    ]
    found = (*every, *LEAVING_OUT.get(kind, ()))
    assert found
    name, title = found[0]
    template = TEMPLATES.get(name, name)
    whole = outcome_of(template, CONVERSATIONS[title])
    assert KINDS[kind] in whole
    monkeypatch.setattr(Marked, "put", dropping)
    assert outcome_of(template, CONVERSATIONS[title]) != whole


# --- a minimal form of each kind of trouble --------------------------------------------------------------

TURN = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
ASKING = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
PLAIN = "{% for m in messages %}" + TURN + "{% endfor %}" + ASKING

SYSTEM_IN_LAST_TURN = (  # Mistral's
    "{% set rest = messages[1:] if messages[0].role == 'system' else messages %}{% for m in rest %}"
    "{% if m.role == 'user' %}[INST]{% if loop.last and messages[0].role == 'system' %}{{ messages[0].content }}\n\n"
    "{% endif %}{{ m.content }}[/INST]{% else %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}"
)
PREFILLED_THOUGHT = (  # Qwen3.5's
    "{% for m in messages %}" + TURN + "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}{% else %}<think>\n{% endif %}{% endif %}"
)
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    + PLAIN
)
NINE_LETTERS = (
    "{% for m in messages %}{% for c in m.tool_calls or [] %}{% if c.id|length != 9 %}"
    "{{ raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}{% endif %}"
    "<|im_start|>assistant\n{{ c.id }} {{ c.function.name }} {{ c.function.arguments | tojson }}<|im_end|>\n{% else %}"
    + TURN
    + "{% endfor %}{% endfor %}"
    + ASKING
)
TEXT_ARGUMENTS = (
    "{% for m in messages %}{% for c in m.tool_calls or [] %}<|im_start|>assistant\n"
    "{{ c.function.name + ' ' + c.function.arguments }}<|im_end|>\n{% else %}"
    + TURN
    + "{% endfor %}{% endfor %}"
    + ASKING
)
CONTENT_PARTS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for p in m.content %}{{ p.text }}{% endfor %}<|im_end|>\n"
    "{% endfor %}" + ASKING
)
NO_END = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
EMPTY_THOUGHT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n"
    "{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}" + ASKING
)
CLOSED_THOUGHTS = (
    *("<|channel>thought\n<channel|>", "<think>\n</think>", "<think></think>"),
    "<|START_THINKING|><|END_THINKING|>",
)


def asked_behind(thought):
    """A template that asks behind a thought, and leaves it out once there is an answer: Gemma 4's, QwQ's, Cohere's."""
    return PLAIN.replace("assistant\n{% endif %}", "assistant\n" + thought + "{% endif %}")


SINGLE_CALL = (
    "{% for m in messages %}{% if m.tool_calls %}{% if m.tool_calls|length > 1 %}"
    "{{ raise_exception('This model only supports single tool-calls at once!') }}{% endif %}<|im_start|>assistant\n"
    "{{ m.tool_calls[0].function.name }} {{ m.tool_calls[0].function.arguments | tojson }}<|im_end|>\n{% else %}"
    + TURN
    + "{% endif %}{% endfor %}"
    + ASKING
)
FIRST_CALL_ALONE = SINGLE_CALL.replace("{% if m.tool_calls|length > 1 %}", "{% if false %}")
CALLS_LEFT_OUT = PLAIN
WITHOUT_TOOLS = {title: {"messages": line["messages"]} for title, line in CONVERSATIONS.items()}


@pytest.mark.parametrize(
    ("template", "title", "outcome"),
    [
        (PLAIN, "turns", "as it is"),
        (SYSTEM_IN_LAST_TURN, "turns", "answer_taken_apart"),
        *((asked_behind(thought), "turns", "answer_taken_apart") for thought in CLOSED_THOUGHTS),
        (
            asked_behind("<think>\n"),
            "turns",
            "messages[2]: the model's chat template begins this answer otherwise than it asks for one, so what is learned "
            "would follow other tokens than the model will see",
        ),
        (PREFILLED_THOUGHT, "turns", "chat_template_kwargs"),
        (NO_SYSTEM, "turns", "system_folded"),
        (NINE_LETTERS, "one call", "short_ids"),
        (NINE_LETTERS, "agent", "short_ids"),
        (TEXT_ARGUMENTS, "agent", "arguments_text"),
        (CONTENT_PARTS, "turns", "content_parts"),
        (NO_END, "turns", "end_token_added, tokenized_apart"),
        (EMPTY_THOUGHT, "plain", "empty_thought"),
        (SINGLE_CALL, "agent", "as it is"),
        (
            SINGLE_CALL,
            "two calls",
            "messages[2]: the model's chat template refuses the conversation up to here: "
            '"This model only supports single tool-calls at once!"',
        ),
        (
            FIRST_CALL_ALONE,
            "two calls",
            "messages[2]: the model's chat template leaves the tool call out, so there is nothing to learn",
        ),
        (
            FIRST_CALL_ALONE,
            "text beside a call",
            "messages[2]: the model's chat template leaves the text of the answer out",
        ),
        (
            PLAIN,
            "reasoning",
            "messages[2]: the model's chat template leaves the reasoning of the answer out",
        ),
        (
            PREFILLED_THOUGHT.replace("enable_thinking", "no_such_switch"),
            "plain",
            "messages[2]: the model's chat template begins this answer otherwise than it asks for one, so what is learned "
            "would follow other tokens than the model will see",
        ),
    ],
)
def test_template_of_each_kind_is_put_right_or_refused(template, title, outcome):
    assert outcome_of(template, WITHOUT_TOOLS[title]) == outcome


def test_call_in_the_history_that_a_template_leaves_out_is_refused():
    messages = WITHOUT_TOOLS["agent"]["messages"]
    line = {"messages": [*messages[:2], {**messages[2], "weight": 0}, *messages[3:]]}
    assert outcome_of(CALLS_LEFT_OUT, line) == (
        "messages[4]: the model's chat template leaves the tool call of messages[2] out, so the answer would be learned "
        "without it"
    )


def test_tools_that_a_template_hides_are_refused():
    with pytest.raises(InvalidExampleError) as caught:
        preview(CONVERSATIONS["tools unused"], model=tokenizer_with(PLAIN))
    assert str(caught.value) == (
        "line: messages[2]: the model's chat template leaves the tools that the model is offered out, so the answer would "
        "be learned without it. Take a model whose template shows it, or leave the line out"
    )


def test_words_of_a_template_are_quoted_and_words_of_a_line_never():
    template = "{{ raise_exception('No ' + messages[0].content) }}"
    assert outcome_of(template, CONVERSATIONS["plain"]) == (
        "messages[2]: the model's chat template refuses the conversation up to here (TemplateError)"
    )


def test_prompt_and_answer_are_tokenized_apart_where_they_would_melt():
    tokenizer = tokenizer_with(NO_END)
    (sequence,) = preview(CONVERSATIONS["no system"], model=tokenizer)
    begin = sequence.labels.count(-100)
    assert sequence.input_ids[:begin] == tokenizer(sequence.parts[0][0], add_special_tokens=False).input_ids
    assert tokenizer.decode(sequence.input_ids[begin:]) == "ANSWERONE fine.\n<|im_end|>"
    assert sequence.notes == ("end_token_added", "tokenized_apart")


def test_first_user_message_takes_the_system_text():
    (sequence,) = preview(CONVERSATIONS["plain"], model=tokenizer_with(NO_SYSTEM))
    assert sequence.parts[0][0] == (
        "<|im_start|>user\nSYSTEMONE be brief.\n\nUSERONE weather?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_users_template_settings_are_taken_and_not_chosen_again():
    tokenizer = tokenizer_with(PREFILLED_THOUGHT)
    kwargs = {"enable_thinking": True}
    with pytest.raises(InvalidExampleError, match="begins this answer otherwise"):
        preview(CONVERSATIONS["plain"], model=tokenizer, chat_template_kwargs=kwargs)
    (sequence,) = preview(CONVERSATIONS["plain"], model=tokenizer)
    assert sequence.chat_template_kwargs == {"enable_thinking": False}


def test_answer_behind_a_closed_thought_follows_it_and_does_not_repeat_it():
    behind = asked_behind("<think></think>")
    closing = behind.replace(
        "{{ m.content }}", "{% if m.role == 'assistant' %}</think>{% endif %}{{ m.content }}"
    )
    for template in (behind, closing):
        (sequence,) = preview(CONVERSATIONS["no system"], model=tokenizer_with(template))
        (prompt, _), (answer, _) = sequence.parts
        assert prompt.endswith("<|im_start|>assistant\n<think></think>")
        assert answer == "ANSWERONE fine.<|im_end|>\n"


# --- what travels with the model -------------------------------------------------------------------------


def test_adaptation_is_read_back_as_it_was_saved(tmp_path):
    changes = Adaptation(
        chat_template_kwargs={"enable_thinking": False},
        short_ids=True,
        text_arguments=True,
        folded_system=True,
    )
    changes.save(tmp_path)
    assert adaptation_in(str(tmp_path)) == changes
    assert adaptation_in(str(tmp_path / "none")) == Adaptation()


def test_adaptation_that_changes_nothing_leaves_no_file(tmp_path):
    Adaptation().save(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"adaptation": 1}', '{"adaptation": {"chat_template_kwargs": [1]}}', "[" * 100_000],
)
def test_adaptation_of_a_strange_folder_is_none(tmp_path, content):
    (tmp_path / "langsmith_finetune.json").write_text(content)
    assert adaptation_in(str(tmp_path)) == Adaptation()


def test_adaptation_of_a_strange_folder_takes_plain_settings_alone(tmp_path):
    kept = {
        "chat_template_kwargs": {"a": True, "b": {"c": 1}, "d e": 1, "tokenize": True, "chat_template": ""},
        "short_ids": 1,
        "folded_system": True,
    }
    (tmp_path / "langsmith_finetune.json").write_text(json.dumps({"adaptation": kept}))
    assert adaptation_in(str(tmp_path)) == Adaptation(chat_template_kwargs={"a": True}, folded_system=True)


def test_settings_become_the_templates_own_defaults():
    template = "{{ 'thinks' if enable_thinking else 'does not' }} {{ effort }}"
    changed = with_defaults(template, {"enable_thinking": False, "effort": 'a "b"'})
    tokenizer = tokenizer_with(changed)
    asked = [{"role": "user", "content": "Hi"}]
    assert tokenizer.apply_chat_template(asked, tokenize=False) == 'does not a "b"'
    assert tokenizer.apply_chat_template(asked, tokenize=False, enable_thinking=True, effort=1) == "thinks 1"
    assert with_defaults(template, {}) == template


# --- preview and audit -----------------------------------------------------------------------------------


def test_preview_marks_what_is_learned_and_escapes_the_rest():
    line = {
        "messages": [{"role": "user", "content": "<b>\x1b[2J"}, {"role": "assistant", "content": "</pre>Yes"}]
    }
    shown = preview(line, model=tokenizer_with(PLAIN))
    assert len(shown) == 1
    assert str(shown).endswith("<|im_start|>assistant\n⟦</pre>Yes<|im_end|>\n⟧")
    assert "\x1b" not in str(shown)
    assert "\x1b[1;32m</pre>Yes" in shown.text("terminal")
    page = shown._repr_html_()
    assert "<b>" not in page
    assert "&lt;/pre&gt;Yes" in page
    assert str(shown).startswith("line messages[1]: ")


def test_audit_counts_tokens_notes_and_refused_lines(tmp_path):
    path = tmp_path / "train.jsonl"
    lines = [CONVERSATIONS["no system"], CONVERSATIONS["two calls"], CONVERSATIONS["turns"]]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    tokenizer = tokenizer_with(NO_END)
    found = audit(path, model=tokenizer)
    sequences = [*preview(lines[0], model=tokenizer), *preview(lines[2], model=tokenizer)]
    assert found.answers == len(sequences) == 3
    assert found.tokens == sum(len(one.input_ids) for one in sequences)
    assert found.trained_tokens == sum(label != -100 for one in sequences for label in one.labels)
    assert found.longest == max(len(one.input_ids) for one in sequences)
    assert found.longest_line == "train.jsonl:3"
    assert found.notes == {"end_token_added": 3, "tokenized_apart": 3}
    assert found.refused_count == len(found.refused) == 1
    assert str(found.refused[0]).startswith("train.jsonl:2: messages[2]: the model's chat template leaves")
    text = str(found)
    assert text.startswith("3 answers in 3 sequences: ")
    assert f"3 answers: {SAID['end_token_added']}" in text
    assert "1 lines cannot be trained on" in text


def test_audit_of_a_model_folder_refuses_what_is_longer_than_its_context(tmp_path):
    path = tmp_path / "train.jsonl"
    long = {"messages": [{"role": "user", "content": "1 " * 3000}, {"role": "assistant", "content": "2"}]}
    path.write_text(json.dumps(long) + "\n")
    found = audit(path, model=untrained())
    assert found.answers == 0
    assert "and the model takes 2048" in str(found.refused[0])


def test_sequence_uses_the_reasoning_where_a_template_shows_it():
    template = PREFILLED_THOUGHT.replace(
        "{{ m.content }}",
        "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}{{ m.content }}",
    )
    (row,) = rows_of_line(CONVERSATIONS["reasoning"], "line")
    tokenizer = tokenizer_with(template)
    sequence = Sequencer(tokenizer, adapt(tokenizer, has_reasoning=True)).sequence(row)
    ((prompt, _), (answer, _)) = sequence.parts
    assert prompt.endswith("<think>\n")
    assert answer == "THOUGHTONE look up.\n</think>\n\nANSWERONE fine.<|im_end|>\n"
