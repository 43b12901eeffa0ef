"""What a host says: no key, no quotation of the data and nothing that steers a terminal gets through."""

from __future__ import annotations

import json
import logging
import time
import traceback
from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import InvalidExampleError, JobFailedError, ProviderError
from langsmith_finetune._foundation.masking import fault_of, host_words, remember_key
from langsmith_finetune._printable import logger_of, printable, printable_line
from langsmith_finetune.dataset.report import DatasetChange, DatasetReport
from langsmith_finetune.jobs.progress import JobProgress
from langsmith_finetune.providers.http.rejected_line import rejected_line
from langsmith_finetune.providers.values import DeploymentInfo, JobEvent, JobInfo

SECRET = "the diary of Ada Lovelace"
LINE = json.dumps({"messages": [{"role": "user", "content": SECRET}, {"role": "assistant", "content": "x"}]})

QUOTED = {
    "double": f'"{SECRET}"',
    "single": f"'{SECRET}'",
    "with an apostrophe": f"'Ada's {SECRET}'",
    "backtick": f"`{SECRET}`",
    "English": f"“{SECRET}”",
    "English single": f"‘{SECRET}’",
    "German": f"„{SECRET}“",
    "German single": f"‚{SECRET}‘",
    "French": f"« {SECRET} »",
    "Danish": f"»{SECRET}«",
    "Japanese": f"「{SECRET}」",
    "full width": f"＂{SECRET}＂",
    "three times": f'"""{SECRET}"""',
    "TeX": f"``{SECRET}''",
    "two acute accents": f"´{SECRET}´",
    "Swedish": f"”{SECRET}”",
    "reversed": f"‟{SECRET}”",
    "reversed single": f"‛{SECRET}’",
    "ornaments": f"❝{SECRET}❞",
    "double primes": f"〝{SECRET}〞",
    "primes": f"″{SECRET}″",
    "half width": f"｢{SECRET}｣",
    "angle brackets": f"<{SECRET}>",
    "two angle brackets": f"<<it's {SECRET}>>",
    "square brackets": f"[it's {SECRET}]",
    "bytes of Python": f"b'{SECRET}'",
    "an older Python's": f"u'{SECRET}'",
    "right after a word": f'got"{SECRET}"',
    "after Chinese": f"值'{SECRET}'",
    "HTML": f"&ldquo;{SECRET}&rdquo;",
    "HTML, by numbers": f"&#34;{SECRET}&#x22;",
    "for an address": f"%22{SECRET}%22",
    "by code points": f"\\u0022{SECRET}\\u0022",
    "JSON, for an address": quote(LINE),
    "JSON, its end": f'... of Ada Lovelace"}}, {LINE[15:]}',
    "JSON, its end, escaped": json.dumps(f'... diary"}}, {LINE[15:]}')[1:-1],
    "escaped": f'\\"{SECRET}\\"',
    "never closed": f'"{SECRET}',
    "never closed, English": f"“{SECRET}",
    "JSON": LINE,
    "JSON, cut off": LINE[:-30],
    "JSON, cut off in the text": LINE[: LINE.index("Lovelace")],
    "JSON, escaped": json.dumps(LINE)[1:-1],
    "JSON, escaped twice": json.dumps(json.dumps(LINE))[1:-1],
    "JSON, for HTML": LINE.replace('"', "&quot;"),
    "JSON, a list": f'[["{SECRET}"], 1]',
    "JSON, after a bracket": f"[{LINE}",
    "Python": repr(json.loads(LINE)),
    "Python, keywords": "{content: " + SECRET + "}",
    "one word": '"Lovelace"',
    "a number of a card": "'4111 1111 1111 1111'",
    "an address": "'ada@lovelace.uk'",
}
WORDS = ("Lovelace", "diary", "4111", "ada@")


def assert_hidden(text: str) -> None:
    for word in WORDS:
        assert word not in text


@pytest.mark.parametrize("quoted", QUOTED.values(), ids=QUOTED)
def test_host_words_hide_what_is_quoted_in_any_style(quoted):
    shown = host_words(f"Line 3 is bad: {quoted} was found in it")
    assert_hidden(shown)
    assert shown.startswith("Line 3 is bad: ")
    assert host_words(shown) == shown


@pytest.mark.parametrize("quoted", QUOTED.values(), ids=QUOTED)
def test_values_and_errors_hide_what_a_host_quotes(quoted):
    said = f"Example 3, message 1 {quoted} is not valid"
    job = JobInfo(id="j", status="failed", provider_status="failed", model="m", error=said)
    event = JobEvent(id="e", created_at=None, level="error", message=said)
    deployment = DeploymentInfo(id="d", model_id="m", status="failed", provider_status="failed", error=said)
    error = JobFailedError(job)
    error.__cause__ = rejected_line(job.error, "train.jsonl")
    assert isinstance(error.__cause__, InvalidExampleError)
    assert error.__cause__.where == "train.jsonl:3"
    for shown in (repr(job), repr(event), repr(deployment), "".join(traceback.format_exception(error))):
        assert_hidden(shown)


@pytest.mark.parametrize(
    "said",
    [
        "role 'tool' is unknown",
        "'messages[0].tool_calls[1].function.name' is missing",
        "`n_epochs` must be an integer",
        "The model `Qwen/Qwen3-0.6B` does not exist",
        "'gpt-4.1-mini-2025-04-14' and 'ft:gpt-4.1:acme::1' are not available",
        "file 'file-abc123' of \"ftjob-1\"",
        "It's a file's 'purpose', isn't it?",
        "'purpose' is not one of ['fine-tune', 'assistants', 'batch']",
        "choose [1, 2, 3] of {x}",
        "Request URL is missing an 'http://' or 'https://' protocol.",
        "",
    ],
)
def test_host_words_keep_names(said):
    assert host_words(said) == said


def test_host_words_keep_what_stands_between_other_brackets():
    said = "len(x) < 5 and a<b, tools[0] of [1, 2] in (1, 2)"
    assert host_words(said) == said


KEY_FORMS = {
    "whole": "odd~key~of/mine",
    "its beginning": "odd~key~of",
    "its end": "...key~of/mine",
    "in Base64": b64encode(b"odd~key~of/mine").decode(),
    "in Base64, after a user": b64encode(b"me:odd~key~of/mine").decode(),
    "in Base64, among others": b64encode(b"a=odd~key~of/mine&b=1").decode(),
    "for an address": "odd~key~of%2Fmine",
    "for an address, all of it": "odd%7Ekey%7Eof%2Fmine",
    "in an address": "https://u:odd~key~of/mine@host.invalid/?key=odd~key~of/mine&x=1",
    "hexadecimal": b"odd~key~of/mine".hex(),
    "a header": "Authorization: Basic " + b64encode(b"odd~key~of/mine:").decode(),
    "after a long text": "{" + '"a": "' + "x" * 19_970 + '"} odd~key~of/mine',
}


@pytest.mark.parametrize("form", KEY_FORMS.values(), ids=KEY_FORMS)
def test_host_words_hide_a_key_in_every_form(form):
    remember_key("odd~key~of/mine")
    shown = host_words(f"bad {form} here")
    for part in ("odd~", "key~", "mine", "b2Rk", "fmtle", "6b65797e", "%7E"):
        assert part not in shown
    assert "[key]" in shown


@pytest.mark.parametrize(
    "piece", ["<", "<a", "[", "[a", "[{", "'", '"', "a'", '{"a":', "&#34;", "\\u0022", "“", "``a"]
)
def test_host_words_of_a_hostile_text_take_a_moment(piece):
    started = time.process_time()
    host_words(piece * 20_000)
    assert time.process_time() - started < 10  # of quadratic time, a hundred


def test_host_words_hide_keys_given_to_any_provider():
    remember_key("odd~key~of~mine")
    remember_key("none")
    remember_key(None)
    assert host_words("none: odd~key~of~mine, Bearer odd~key~of~mine!") == "none: [key], Bearer [key]!"
    assert host_words("x" * 490 + "odd~key~of~mine") == "x" * 490 + "[key]"


def test_host_words_are_cut_after_they_are_masked():
    shown = host_words("x" * 480 + f" '{SECRET}' " + "y" * 100)
    assert len(shown) == 500
    assert_hidden(shown)


@given(st.text(st.sampled_from("ab \"'`{}[]:,\\“”‘’«»sk-*")))
def test_host_words_of_any_text_are_masked_once(text):
    shown = host_words(text)
    assert host_words(shown) == shown or "[" in shown


def test_fault_of_a_library_s_errors_says_what_they_say_masked():
    remember_key("odd~key~of~mine")
    inner = ValueError("Illegal header value odd~key~of~mine")
    error = RuntimeError(f"failed: '{SECRET}'")
    error.__cause__ = inner
    fault = fault_of(error)
    assert (
        str(fault) == "RuntimeError: failed: '[25 characters]', from ValueError: Illegal header value [key]"
    )
    assert fault.__cause__ is fault.__context__ is None


# --- terminals -------------------------------------------------------------------------------------------------

ATTACK = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202etxt\u2066\x00\x7f\ud800"
VISIBLE = r"\x1b]0;owned\x07\x1b[2J\x0d\x9b31m\u202etxt\u2066\x00\x7f\ud800"


def test_printable_shows_what_a_terminal_would_obey():
    assert printable(ATTACK) == VISIBLE
    assert printable_line("a\nb") == r"a\nb"


def test_printable_keeps_text_of_any_script():
    text = "naïve 你好 नमस्ते क्ष\u200dत 👨\u200d👩\u200d👧 می\u200cخواهم שלום\n\tand more\u00a0"
    assert printable(text) == text


def test_errors_and_logs_never_steer_a_terminal(caplog):
    errors = [
        ProviderError("host", ATTACK),
        InvalidExampleError("a.jsonl:1", ATTACK, ATTACK, "fix"),
        JobFailedError(
            JobInfo(id=ATTACK, status="failed", provider_status=ATTACK, model=ATTACK, error=ATTACK)
        ),
    ]
    for error in errors:
        for shown in (str(error), repr(error), "".join(traceback.format_exception(error))):
            assert printable(shown) == shown
    with caplog.at_level(logging.INFO):
        logger_of("langsmith_finetune.x").warning(
            "job %s cost %d: %s", ATTACK + "\nINFO forged", 3, errors[0]
        )
    assert caplog.messages == [f"job {VISIBLE}\\nINFO forged cost 3: host: {VISIBLE}"]


def test_reports_and_progress_never_steer_a_terminal(capsys):
    report = DatasetReport()
    list(report.reading("step", [1]))
    report.add(DatasetChange(step="step", what=ATTACK, example="e", detail="d"))
    assert printable(str(report)) == str(report)
    job = JobInfo(
        id=ATTACK,
        status="running",
        provider_status="x",
        model="m",
        step=1,
        total_steps=2,
        metrics={ATTACK: 0.5},
    )
    with JobProgress() as progress:
        progress.show(job)
        progress.say(ATTACK)
        progress.note(ATTACK)
    shown = "".join(capsys.readouterr())
    for forbidden in ("\x1b]0", "\x9b", "\u202e", "\x07", "\x00"):
        assert forbidden not in shown
    assert r"\x1b]0;owned" in shown
