"""A conversation costs one pass: what begins another sequence is not repeated, and trains the same."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from langsmith_finetune.providers.local import TrainedSequence, audit, preview
from langsmith_finetune.providers.local.adaptation import Adaptation
from langsmith_finetune.providers.local.joining import joined
from langsmith_finetune.providers.local.rows import rows_of_line
from langsmith_finetune.providers.local.sequences import Sequencer
from langsmith_finetune.providers.local.tokenizing import TextTokens
from tests.support.local_calculator import TOOL, call, untrained


def trace(answers, system="You count."):
    """An agent's conversation with a tool, so many answers long."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "Count."}]
    for number in range(answers - 1):
        calls = [call("Calculator", json.dumps({"num1": number, "num2": 1, "operation": "+"}), f"c{number}")]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": str(number + 1)})
    messages.append({"role": "assistant", "content": "Done."})
    return {"messages": messages, "tools": [TOOL]}


def calls_of(line):
    """The same conversation as a line an answer, as the runs of an agent are."""
    for end, message in enumerate(line["messages"]):
        if message["role"] == "assistant":
            before = [m | {"weight": 0} if m["role"] == "assistant" else m for m in line["messages"][:end]]
            yield {**line, "messages": [*before, message]}


def tokenizer():
    return AutoTokenizer.from_pretrained(untrained())


def separate(line):
    sequencer = Sequencer(tokenizer(), Adaptation())
    return [sequencer.sequence(row) for row in rows_of_line(line, "line")]


def numbers(*ids, learned):
    return TrainedSequence(
        input_ids=list(ids),
        labels=[token if index in learned else -100 for index, token in enumerate(ids)],
        where="line",
        field=f"messages[{len(ids)}]",
        notes=(),
        chat_template_kwargs={},
        parts=tuple((chr(97 + token), index in learned) for index, token in enumerate(ids)),
    )


@pytest.mark.parametrize("answers", [1, 6, 41])
def test_trace_costs_the_tokens_of_its_longest_call(answers):
    line = trace(answers)
    (sequence,) = preview(line, model=tokenizer())
    rows = separate(line)
    assert sequence.input_ids == rows[-1].input_ids
    assert sequence.trained_tokens == sum(row.trained_tokens for row in rows)
    assert sum(is_learned for _, is_learned in sequence.parts) == answers
    assert sequence.text == rows[-1].text
    assert sequence.field.count("messages[") == answers


@pytest.mark.parametrize("order", [1, -1])
def test_lines_of_one_trace_are_joined_in_either_order(tmp_path, order):
    path = tmp_path / "train.jsonl"
    lines = list(calls_of(trace(8)))[::order]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found, whole = audit(path, model=tokenizer()), preview(trace(8), model=tokenizer())
    assert (found.answers, found.sequences) == (8, 1)
    assert found.tokens == len(next(iter(whole)).input_ids)
    assert found.trained_tokens == next(iter(whole)).trained_tokens


def test_lines_of_two_agents_at_once_are_joined_each(tmp_path):
    path = tmp_path / "train.jsonl"
    both = zip(calls_of(trace(5)), calls_of(trace(5, system="You add.")), strict=True)
    path.write_text("".join(json.dumps(line) + "\n" for pair in both for line in pair))
    found = audit(path, model=tokenizer())
    assert (found.answers, found.sequences) == (10, 2)


def test_line_that_is_there_twice_is_learned_twice(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text((json.dumps(trace(3)) + "\n") * 2)
    found = audit(path, model=tokenizer())
    assert (found.answers, found.sequences) == (6, 2)


def test_branches_of_one_beginning_share_it_with_one_of_them():
    start, one, other = (
        numbers(1, 2, learned={1}),
        numbers(1, 2, 3, 4, learned={3}),
        numbers(1, 2, 5, 6, learned={3}),
    )
    found = [sequence.labels for sequence in joined([start, one, other])]
    assert found == [[-100, 2, -100, 4], [-100, -100, -100, 6]]


def test_template_that_changes_its_beginning_keeps_rows_apart():
    changing = tokenizer()
    changing.chat_template = (
        "{{ messages | length }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ).replace(
        "{{ messages | length }}", "{{ (messages | selectattr('role', 'equalto', 'user') | list) | length }}"
    )
    messages = [{"role": role, "content": role} for _ in range(3) for role in ("user", "assistant")]
    assert len(preview({"messages": messages}, model=changing)) == 3


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 3), min_size=2, max_size=6), st.integers(1, 5)), max_size=12)
)
def test_joined_sequences_learn_each_token_after_the_same_ones(rows):
    sequences = [numbers(*ids, learned=set(range(min(begin, len(ids) - 1), len(ids)))) for ids, begin in rows]

    def learned(of):
        return sorted(
            tuple(one.input_ids[: index + 1])
            for one in of
            for index, label in enumerate(one.labels)
            if label != -100
        )

    found = list(joined(sequences))
    assert learned(found) == learned(sequences)
    assert len(found) <= len(sequences)
    for one in found:
        assert one.text == "".join(chr(97 + token) for token in one.input_ids)
        assert sum(len(text) for text, is_learned in one.parts if is_learned) == one.trained_tokens


def test_loss_and_gradient_equal_those_of_separate_rows():
    line = trace(6)
    (whole,) = preview(line, model=tokenizer())
    assert whole.trained_tokens > 100

    def loss_and_gradients(sequences):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_pretrained(untrained()).double()
        total = 0.0
        for sequence in sequences:
            ids, labels = torch.tensor([sequence.input_ids]), torch.tensor([sequence.labels])
            logits = model(input_ids=ids, use_cache=False).logits[0, :-1]
            loss = torch.nn.functional.cross_entropy(
                logits, labels[0, 1:], ignore_index=-100, reduction="sum"
            )
            loss.backward()
            total += loss.item()
        return total, [parameter.grad.clone() for parameter in model.parameters()]

    one, several = loss_and_gradients([whole]), loss_and_gradients(separate(line))
    assert one[0] == pytest.approx(several[0], rel=1e-9)
    for a, b in zip(one[1], several[1], strict=True):
        assert (a - b).norm() <= 1e-5 * b.norm()


@given(
    st.lists(
        st.sampled_from(
            ["<|im_start|>", "<|im_end|>", "\n", "user", " x", "Grüße", "<|im", "|>", "<tool_call>", "  "]
        ),
        max_size=30,
    )
)
def test_tokens_by_stretches_equal_those_of_the_tokenizer(pieces):
    text = "".join(pieces)
    assert STRETCHES.ids(text) == WHOLE(text, add_special_tokens=False).input_ids


WHOLE = AutoTokenizer.from_pretrained(untrained())
STRETCHES = TextTokens(WHOLE)


@pytest.mark.parametrize("flag", ["lstrip", "single_word"])
def test_tokenizer_whose_stretches_depend_on_each_other_is_asked_whole(flag):
    from tokenizers import AddedToken

    other = tokenizer()
    other.add_special_tokens(
        {"additional_special_tokens": [AddedToken("<|sep|>", special=True, **{flag: True})]}
    )
    text = "a  <|sep|> b<|im_end|>\n <|sep|>c"
    assert TextTokens(other).ids(text) == other(text, add_special_tokens=False).input_ids
