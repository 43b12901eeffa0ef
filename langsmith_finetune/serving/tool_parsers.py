"""Finds which parser of a server reads tool calls as a model's chat template writes them.

vLLM and SGLang read calls by a parser that is named when they start; with a wrong one a call comes back as text. How the
template writes an answer with marked calls is put into one form, without spaces and with words in place of the marks:

    <tool_call>{"name": "qzname_one", "arguments": {...}}</tool_call>   ->   <tool_call>CALL(name,arguments)</tool_call>

Sources: https://docs.vllm.ai/en/latest/features/tool_calling/, the parsers in `vllm/tool_parsers`, and
`ToolCallParserEnum` in SGLang's `function_call_parser.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langsmith_finetune.providers.local.call_forms import IDS, NAMES, PLAIN, json_values, until

if TYPE_CHECKING:
    from langsmith_finetune.providers.local.answer_forms import AnswerForms


@dataclass(frozen=True, slots=True)
class ToolParser:
    """The names of one form of calls at the servers.

    Args:
        form: A pattern of the form, for one call and for several.
        vllm: vLLM's name for `--tool-call-parser`; None where it has none.
        sglang: SGLang's, likewise.
    """

    form: str
    vllm: str | None
    sglang: str | None


_JSON = r"CALL\(name,arguments\)"
_DSML = "\uff5cDSML\uff5c"
_INVOKED = rf'<{_DSML}invokename="NAME">(?:<{_DSML}parametername="KEY"string="true">VALUE</{_DSML}parameter>)+</{_DSML}invoke>'
_TAGS = r"<function=NAME>(?:<parameter=KEY>VALUE</parameter>)+</function>"

TOOL_PARSERS: tuple[ToolParser, ...] = (
    ToolParser(rf"(?:<tool_call>{_JSON}</tool_call>)+", "hermes", "hermes"),
    ToolParser(rf"(?:<tool_call>{_TAGS}</tool_call>)+", "qwen3_coder", "qwen3_coder"),
    ToolParser(rf"(?:<seed:tool_call>(?:{_TAGS})+</seed:tool_call>)+", "seed_oss", None),
    ToolParser(
        r"(?:<tool_call>NAME(?:<arg_key>KEY</arg_key><arg_value>VALUE</arg_value>)+</tool_call>)+",
        "glm45",
        "glm45",
    ),
    ToolParser(
        r"(?:<\|python_tag\|>)?CALL\(name,parameters\)(?:;CALL\(name,parameters\))*", "llama3_json", "llama3"
    ),
    ToolParser(
        rf"\[TOOL_CALLS\](?:\[{_JSON}(?:,{_JSON})*\]|(?:(?:\[TOOL_CALLS\])?NAME(?:\[ARGS\])?ARGS)+)",
        "mistral",
        "mistral",
    ),
    ToolParser(rf"<\|tool_call\|>\[{_JSON}(?:,{_JSON})*\]", "granite", None),
    ToolParser(rf"functools\[{_JSON}(?:,{_JSON})*\]", "phi4_mini_json", None),
    ToolParser(
        r"(?:<\uff5ctool\u2581calls\u2581begin\uff5c>)(?:<\uff5ctool\u2581call\u2581begin\uff5c>function"
        r"<\uff5ctool\u2581sep\uff5c>NAME```jsonARGS```<\uff5ctool\u2581call\u2581end\uff5c>)+(?:<\uff5ctool\u2581calls\u2581end\uff5c>)?",
        "deepseek_v3",
        "deepseekv3",
    ),
    ToolParser(
        r"(?:<\uff5ctool\u2581calls\u2581begin\uff5c>)(?:<\uff5ctool\u2581call\u2581begin\uff5c>NAME"
        r"<\uff5ctool\u2581sep\uff5c>ARGS<\uff5ctool\u2581call\u2581end\uff5c>)+(?:<\uff5ctool\u2581calls\u2581end\uff5c>)?",
        "deepseek_v31",
        "deepseekv31",
    ),
    ToolParser(
        rf"<{_DSML}function_calls>(?:{_INVOKED})+</{_DSML}function_calls>", "deepseek_v32", "deepseekv32"
    ),
    ToolParser(rf"<{_DSML}tool_calls>(?:{_INVOKED})+</{_DSML}tool_calls>", "deepseek_v4", "deepseekv4"),
    ToolParser(
        r"<\|tool_calls_section_begin\|>(?:<\|tool_call_begin\|>(?:functions\.NAME:\d+|ID)<\|tool_call_argument_begin\|>ARGS"
        r"<\|tool_call_end\|>)+<\|tool_calls_section_end\|>",
        "kimi_k2",
        "kimi_k2",
    ),
    ToolParser(
        r"(?:<minimax:tool_call>)(?:<invokename=\"NAME\">(?:<parametername=\"KEY\">VALUE</parameter>)+</invoke>)+"
        r"(?:</minimax:tool_call>)",
        "minimax_m2",
        "minimax-m2",
    ),
    ToolParser(
        r"(?:<\|channel\|>)?(?:analysis<\|message\|>.*?<\|end\|><\|start\|>assistant)?.*to=functions\.NAME"
        r"(?:<\|channel\|>commentary)?(?:json|<\|constrain\|>json)?<\|message\|>ARGS",
        "openai",
        "gpt-oss",
    ),
    ToolParser(r"(?:<\|tool_call>call:NAME\{KEY:.*?\}<tool_call\|>)+", "gemma4", "gemma4"),
    ToolParser(r"(?:<start_function_call>call:NAME\{KEY:.*?\}<end_function_call>)+", "functiongemma", None),
    ToolParser(r"<\|tool_call_start\|>\[PYTHON(?:,PYTHON)*\]<\|tool_call_end\|>", "lfm2", "lfm2"),
    ToolParser(r"<function_calls>(?:PYTHON)+</function_calls>", "olmo3", None),
    ToolParser(r"(?:<\|python_start\|>)?\[PYTHON(?:,PYTHON)*\](?:<\|python_end\|>)?", "pythonic", "pythonic"),
    ToolParser(
        r"<\|START_ACTION\|>\[CALL\(tool_name,parameters\)(?:,CALL\(tool_name,parameters\))*\]<\|END_ACTION\|>",
        "cohere_command3",
        None,
    ),
    ToolParser(
        r"<\|tools_prefix\|>\[CALL\(NAME\)(?:,CALL\(NAME\))*\]<\|tools_suffix\|>", "apertus", "apertus2509"
    ),
)
"""The forms that the servers' parsers read, the likeliest first."""


def tool_parser_of(forms: AnswerForms) -> ToolParser | None:
    """The parser that reads a template's calls; None where no parser is known to.

    Args:
        forms: How the template writes answers.
    """
    one, two = written_calls(forms)
    if one is None:
        return None
    return next(
        (
            parser
            for parser in TOOL_PARSERS
            if re.fullmatch(parser.form, one) and (two is None or re.fullmatch(parser.form, two))
        ),
        None,
    )


def written_calls(forms: AnswerForms) -> tuple[str | None, str | None]:
    """An answer with one call and one with two, in the form of this module; None where the template shows no such.

    Args:
        forms: How the template writes answers.
    """
    said, one, two = forms.written({"content": _TEXT}), forms.calls(PLAIN[0]), forms.calls(*PLAIN)
    if said is None or one is None or NAMES[0] not in one.answer:
        return None, None
    lead, _, end = said.answer.partition(_TEXT)
    end = end.strip()

    def form(answer: str) -> str:
        return _form(until(answer.removeprefix(lead), end))

    both = two is not None and all(name in two.answer for name in NAMES)
    return form(one.answer), form(two.answer) if two is not None and both else None


_TEXT = "qztext"
_ENDS = r"(?:<\|(?:eom_id|eot_id|im_end|call|end|eot|END_OF_TURN_TOKEN)\|>|</s>|<eos>|<\|tool_response>|<start_function_response>)*$"


def _form(answer: str) -> str:
    """An answer without spaces, with words in place of what was marked."""
    for begin, stop, value in _outermost(answer):
        if (word := _json_word(value)) is not None:
            answer = answer[:begin] + word + answer[stop:]
    for arguments in PLAIN:
        pairs = r",\s*".join(rf"{key}=['\"]{value}['\"]" for key, value in arguments.items())
        answer = re.sub(rf"(?:{'|'.join(NAMES)})\({pairs}\)", "PYTHON", answer)
    marks = {
        "NAME": NAMES,
        "ID": IDS,
        "KEY": [key for given in PLAIN for key in given],
        "VALUE": [value for given in PLAIN for value in given.values()],
    }
    for word, texts in marks.items():
        answer = re.sub("|".join(map(re.escape, texts)), word, answer)
    return re.sub(_ENDS, "", re.sub(r"\s+", "", answer))


def _outermost(text: str) -> list[tuple[int, int, Any]]:
    """The JSON values that stand in no other, the last first."""
    found: list[tuple[int, int, Any]] = []
    for begin, stop, value in json_values(text):
        if not found or begin >= found[-1][1]:
            found.append((begin, stop, value))
    return found[::-1]


def _json_word(value: Any) -> str | None:
    """What stands for a JSON value: arguments, a call, or a list of calls."""
    if isinstance(value, list):
        words = [_json_word(one) for one in value]
        return None if None in words else f"[{','.join(filter(None, words))}]"
    if value in PLAIN:
        return "ARGS"
    if not isinstance(value, dict):
        return None
    if len(value) == 1 and next(iter(value)) in NAMES:
        return "CALL(NAME)"
    paths = {_path(value, NAMES): 0, _path(value, PLAIN): 1}
    return None if None in paths else f"CALL({','.join(map(str, paths))})"


def _path(value: Mapping[str, Any], wanted: tuple[Any, ...]) -> str | None:
    """The keys, with dots between, under which a marked thing stands."""
    return next((path for path, found in _leaves(value) if found in wanted), None)


def _leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, found in value.items():
        yield above + key, found
        if isinstance(found, dict):
            yield from _leaves(found, f"{above}{key}.")
        elif isinstance(found, str) and found.startswith("{"):
            try:
                yield f'{above}"{key}"', json.loads(found)
            except ValueError:
                continue
