"""Redaction: nothing private is left, and what is left can be trained on."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langsmith.anonymizer import create_anonymizer, create_secret_anonymizer

from langsmith_finetune import PreferenceExample, TrainingExample
from langsmith_finetune.dataset.redaction import PERSONAL_RULES, redact
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.runs import RunSource
from tests.support.strategies import conversations, texts

KEY = "sk-proj-" + "a1B2" * 8


def one(line, *redactors, **settings):
    [example] = redact([TrainingExample(line=line, source=RunSource(run_id="r"))], *redactors, **settings)
    return example


def text(said, *redactors):
    return one({"messages": [{"role": "assistant", "content": said}]}, *redactors).line["messages"][0][
        "content"
    ]


def arguments(given_text, *redactors):
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": given_text}}
    example = one({"messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]}, *redactors)
    return example.line["messages"][0]["tool_calls"][0]["function"]["arguments"]


AGENT = {
    "messages": [
        {"role": "system", "content": "Help ann@example.com."},
        {"role": "user", "name": "ann@example.com", "content": "Mail Bob@Example.com, not ann@example.com"},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "bob@example.com, he says",
            "tool_calls": [
                {
                    "id": "call_ann@example.com",
                    "type": "function",
                    "function": {
                        "name": "mail",
                        "arguments": '{"to":"bob@example.com","n":123456789012345678901234567890}',
                    },
                }
            ],
        },
        {
            "role": "tool",
            "tool_call_id": "call_ann@example.com",
            "name": "mail",
            "content": [{"type": "text", "text": "sent to bob@example.com"}],
        },
        {"role": "assistant", "content": None, "refusal": "I told ann@example.com"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "mail",
                "description": "Ask carl@example.com",
                "parameters": {"properties": {"description": {"description": "carl@example.com"}}},
            },
        }
    ],
}


def test_a_value_has_one_placeholder_wherever_it_stands():
    before = copy.deepcopy(AGENT)
    report = DatasetReport()
    example = one(AGENT, report=report)
    system, user, call, answer, end = example.line["messages"]
    assert system["content"] == "Help <EMAIL_1>."
    assert user == {"role": "user", "name": "EMAIL_1", "content": "Mail <EMAIL_2>, not <EMAIL_1>"}
    assert call["reasoning_content"] == "<EMAIL_2>, he says"
    assert call["tool_calls"][0]["function"]["arguments"] == (
        '{"to":"<EMAIL_2>","n":123456789012345678901234567890}'
    )
    assert answer["content"] == [{"type": "text", "text": "sent to <EMAIL_2>"}]
    assert end["refusal"] == "I told <EMAIL_1>"
    # Names of functions and ids of calls hold the conversation together.
    assert (answer["tool_call_id"], answer["name"]) == ("call_ann@example.com", "mail")
    assert example.line["tools"] == AGENT["tools"]
    assert before == AGENT
    assert example.changes == ("redacted EMAIL 8",)
    assert str(report) == "redact: 1 in, 1 out; 1 redacted"
    assert (report.changes["redact"][0].example, report.changes["redact"][0].detail) == ("r", "EMAIL 8")


def test_tool_descriptions_are_redacted_on_request():
    [tool] = one(AGENT, tool_descriptions=True).line["tools"]
    assert tool["function"]["description"] == "Ask <EMAIL_3>"
    assert tool["function"]["parameters"] == {"properties": {"description": {"description": "<EMAIL_3>"}}}


def test_an_example_with_nothing_private_is_the_same_object():
    example = TrainingExample(line={"messages": [{"role": "assistant", "content": "Hello!"}]})
    assert next(redact([example])) is example


FOUND = {
    "ann+tag@mail.example.co.uk.": "<EMAIL_1>.",
    "a@b.de and A@B.DE, c@d.de": "<EMAIL_1> and <EMAIL_1>, <EMAIL_2>",
    "call +49 170 1234567 or +491701234567": "call <PHONE_1> or <PHONE_1>",
    "+1 (415) 555-0132": "<PHONE_1>",
    "4111 1111 1111 1111, 4111111111111111": "<CARD_1>, <CARD_1>",
    "DE89 3704 0044 0532 0130 00": "<IBAN_1>",
    f"key {KEY}!": "key <SECRET_DETECTED_1>!",
    "password=hunter22 password=hunter22": "password=<SECRET_DETECTED_1> password=<SECRET_DETECTED_1>",
    "postgres://me:hunter22@db.example.com/x": "postgres://me:<SECRET_DETECTED_1>@db.example.com/x",
}
LEFT = [
    "order 0012345678", "2026-11-22 08:51:21", "1763801481000000000", "10.0.0.1:8080", "@ann", "3+4=7",
    "ISO 8601", "<div>[x]</div>", "<EMAIL_1> was here", "US12 is a highway", "v1.2.3+4567890",
]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), FOUND.items(), ids=FOUND)
def test_the_rules_that_come_with_it(said, expected):
    assert text(said) == expected


@pytest.mark.parametrize("said", LEFT)
def test_what_only_looks_private_is_left(said):
    assert text(said) == said


def test_rules_of_one_s_own_take_the_place_of_those():
    rules = [("ORDER", r"ORD-\d+"), ("NUMBER", re.compile(r"\d+"))]
    assert text("ORD-7, ORD-8, 7, a@b.de", rules) == "<ORDER_1>, <ORDER_2>, <NUMBER_1>, a@b.de"
    assert text("ORD-7 a@b.de", PERSONAL_RULES, rules) == "<ORDER_1> <EMAIL_1>"


def test_numbers_that_a_text_uses_already_are_not_given_again():
    assert (
        text("<EMAIL_1> said <EMAIL_3>: a@b.de, c@d.de") == "<EMAIL_1> said <EMAIL_3>: <EMAIL_2>, <EMAIL_4>"
    )


LANGSMITH = {
    "secrets": (create_secret_anonymizer(), f"{KEY} and {KEY}", "<SECRET_DETECTED_1> and <SECRET_DETECTED_1>"),
    "rules": (create_anonymizer([{"pattern": r"\S+@\S+", "replace": "<email-address>"}]), "a@b c@d a@b", "<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2> <EMAIL_ADDRESS_1>"),
    "rules before they are one": ([{"pattern": r"\S+@\S+"}], "a@b c@d", "<REDACTED_1> <REDACTED_2>"),
    "by function and path": (create_anonymizer(lambda value, path: value.replace("Ann", "<PERSON>")), "Ann, Ann", "<PERSON_1>, <PERSON_1>"),
    "beside the same mark": (create_anonymizer([{"pattern": "Ann"}]), "[redacted] Ann", "[redacted] <REDACTED_1>"),
    "beside HTML": (create_anonymizer([{"pattern": "Ann", "replace": "<name>"}]), "<div>Ann</div><div>", "<div><NAME_1></div><div>"),
    "no space between": (create_anonymizer([{"pattern": "[ab]"}]), "xabx", "x<REDACTED_1><REDACTED_2>x"),
    "no brackets": (lambda text: text.replace("Ann", "***"), "Ann", "***"),
    "more than it marks": (lambda text: "[NAME] SAID", "Ann said", "[NAME] SAID"),
    "numbers of its own": (lambda text: text.replace("Ann", "<PERSON_7>"), "Ann", "<PERSON_7>"),
    "scrubadub's form": (lambda text: text.replace("Ann", "{{NAME}}"), "Ann", "<NAME_1>"),
}  # fmt: skip


@pytest.mark.parametrize(("redactor", "said", "expected"), LANGSMITH.values(), ids=LANGSMITH)
def test_anonymizers_and_functions(redactor, said, expected):
    assert text(said, redactor) == expected


ARGUMENTS = {
    "in depth": ('{"a":[{"b":"a@b.de"}],"c":[1,1.5,null,true]}', '{"a":[{"b":"<EMAIL_1>"}],"c":[1,1.5,null,true]}'),
    "a key": ('{"a@b.de":1,"A@B.DE":2}', '{"<EMAIL_1>":1,"<EMAIL_1>_":2}'),
    "a secret by its key": ('{"password":"hunter22"}', '{"password":"<SECRET_DETECTED_1>"}'),
    "secrets in a list": ('{"api_key":["hunter22"]}', '{"api_key":["<SECRET_DETECTED_1>"]}'),
    "escaped": ('{"a":"\\u0061@b.de"}', '{"a":"<EMAIL_1>"}'),
    "quotes": ('{"a":"\\"a@b.de\\""}', '{"a":"\\"<EMAIL_1>\\""}'),
    "a list": ('["a@b.de"]', '["<EMAIL_1>"]'),
    "no JSON": ("{'a': 'a@b.de'", "{'a': '<EMAIL_1>'"),
    "no finite number": ('{"a":"a@b.de","n":1e999}', '{"a":"<EMAIL_1>","n":1e999}'),
    "nothing private": ('{ "n": 1.50 }', '{ "n": 1.50 }'),
    "too deep": ("[" * 100_000, "[" * 100_000),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_stay_what_they_are(before, after):
    assert arguments(before) == after


@given(conversations(), st.lists(texts.filter(bool), min_size=1, max_size=3))
def test_no_planted_value_is_left_and_arguments_stay_json(line, people):
    people = [f"{number}@example.com" for number, _ in enumerate(people)]
    for message, person in zip(line["messages"], people, strict=False):
        if isinstance(message["content"], str):
            message["content"] += f" {person} "
        for call in message.get("tool_calls", ()):
            try:
                found = json.loads(call["function"]["arguments"])
            except ValueError:
                continue
            call["function"]["arguments"] = json.dumps({"given": found, "to": person})
    after = one(line).line
    assert not any(person in json.dumps(after) for person in people)
    for message, was in zip(after["messages"], line["messages"], strict=True):
        assert message.keys() == was.keys()
        for call, old in zip(message.get("tool_calls", ()), was.get("tool_calls", ()), strict=True):
            try:
                json.loads(old["function"]["arguments"])
            except ValueError:
                continue
            json.loads(call["function"]["arguments"])


def test_redacting_twice_changes_nothing_more():
    once = one(AGENT)
    [twice] = redact([once])
    assert twice is once


@pytest.mark.slow
def test_numbers_are_given_alike_in_every_process():
    code = """
from langsmith_finetune import TrainingExample
from langsmith_finetune.dataset.redaction import redact
keys = ("refusal", "reasoning_content", "name", "content")
line = {"messages": [{"role": "assistant"} | {key: f"{key}@example.com" for key in keys}]}
print(*(example.line for example in redact([TrainingExample(line=line)])))
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("0", "1", "2", "3")
    }
    assert len(told) == 1
    assert b"<EMAIL_3>" in told.pop()


def test_media_are_kept_or_dropped():
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,a@b.de"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,a@b.de"}},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "BB"}},
        {"type": "text", "text": "What is it?"},
    ]
    line = {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "A cat"}]}
    assert one(line).line == line
    dropped = one(line, media="drop")
    assert [part["text"] for part in dropped.line["messages"][0]["content"]] == [
        "<IMAGE_1>", "<IMAGE_2>", "<IMAGE_1>", "<AUDIO_1>", "<FILE_1>", "What is it?",
    ]  # fmt: skip
    assert dropped.changes == ("redacted IMAGE 3, AUDIO 1, FILE 1",)


def test_preferences_are_redacted_alike_on_both_sides():
    line = {
        "input": {"messages": [{"role": "user", "content": "I am a@b.de"}], "tools": []},
        "preferred_output": [{"role": "assistant", "content": "Hello a@b.de"}],
        "non_preferred_output": [{"role": "assistant", "content": "Hello c@d.de"}],
    }
    [example] = redact([PreferenceExample(line=line)])
    assert example.line == {
        "input": {"messages": [{"role": "user", "content": "I am <EMAIL_1>"}], "tools": []},
        "preferred_output": [{"role": "assistant", "content": "Hello <EMAIL_1>"}],
        "non_preferred_output": [{"role": "assistant", "content": "Hello <EMAIL_2>"}],
    }


@pytest.mark.parametrize("redactor", [lambda text: text.replace("Ann", "<secretAnn>"), [("NAME", "Ann")]])
def test_nothing_of_the_original_is_told(redactor):
    report = DatasetReport()
    example = one({"messages": [{"role": "assistant", "content": "Ann"}]}, redactor, report=report)
    assert "Ann" not in str(example.changes) + str(report) + repr(report.changes["redact"][0])


LONG = [
    "A" * 300_000,
    "a.b" * 100_000,
    "ab-" * 100_000,
    "1 " * 100_000,
    "1111 " * 40_000,
    "a@" * 100_000,
    "AB12 " * 40_000,
]


@pytest.mark.parametrize("said", LONG, ids=lambda said: said[:6])
def test_a_long_text_takes_no_long_time(said):
    spent = []
    for part in (said[: len(said) // 8], said):
        started = time.process_time()
        text(part)
        spent.append(time.process_time() - started)
    # 8 times as long a text takes 8 times as long on any machine; 64 times where time grows with the square.
    assert spent[1] < 24 * max(spent[0], 0.05)


def test_what_nobody_can_read_is_taken_out_whole():
    assert text("data " + "Ab0-" * 600 + " end") == "data <BLOB_1> end"
    assert text("x" * 1999) == "x" * 1999


BAD = {
    "a number": (5, "a redactor must be a function, a list of (name, regular expression), or rules for langsmith's create_anonymizer, not int"),
    "nothing": (None, "a redactor must be a function, a list of (name, regular expression), or rules for langsmith's create_anonymizer, not NoneType"),
    "a rule of numbers": ([("N", 5)], "a redactor's rule must be a name and a regular expression"),
    "a rule that is no expression": ([("N", "(")], "a redactor's rule must be a name and a regular expression: missing ), unterminated subpattern at position 0"),
    "a rule without a name": ([(5, "x")], "a redactor's rule must be a name and a regular expression, both of text"),
    "a text": ("a@b.de", "a redactor must be a function, a list of (name, regular expression), or rules for langsmith's create_anonymizer, not str"),
    "no rules": ([], "a redactor must be a function, a list of (name, regular expression), or rules for langsmith's create_anonymizer, not list"),
    "bare patterns": ([r"\d"], "a redactor must be a function, a list of (name, regular expression), or rules for langsmith's create_anonymizer, not list"),
}  # fmt: skip


@pytest.mark.parametrize(("redactor", "words"), BAD.values(), ids=BAD)
def test_what_is_no_redactor_is_named(redactor, words):
    with pytest.raises(TypeError) as caught:
        redact([], redactor)
    assert str(caught.value) == words


def test_a_function_that_returns_no_text_is_named():
    with pytest.raises(TypeError) as caught:
        text("secret", lambda _: None)
    assert str(caught.value) == "the redactor returned NoneType for a text; it must return text"


def test_media_is_one_of_two():
    with pytest.raises(ValueError) as caught:
        redact([], media="blur")
    assert str(caught.value) == "media must be 'keep' or 'drop', not 'blur'"


def test_redact_gives_a_function_each_unclosed_private_key_apart():
    begin = "-----BEGIN RSA PRIVATE KEY-----"
    whole = f"{begin}\nMIIE\n-----END RSA PRIVATE KEY-----"
    text = f"{whole} then " + f"{begin} and " * 1000 + "sk-" + "a" * 40
    seen = []

    def function(piece: str) -> str:
        seen.append(piece)
        return create_secret_anonymizer()(piece)

    line = {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "ok"}]}
    [example] = redact([TrainingExample(line=line)], function)
    pieces = [piece for piece in seen if begin in piece]
    assert max(piece.count(begin) for piece in pieces) == 2  # the whole key, and the first without an end
    assert "".join(pieces) == text
    expected = "<SECRET_DETECTED_1> then " + f"{begin} and " * 1000 + "<SECRET_DETECTED_2>"
    assert example.line["messages"][0]["content"] == expected
