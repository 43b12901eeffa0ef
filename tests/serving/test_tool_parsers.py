"""Which parser a server needs is found by how a chat template writes calls."""

from pathlib import Path

import pytest
import trl
from transformers import AutoTokenizer

from langsmith_finetune.providers.local.adapting import adapt
from langsmith_finetune.providers.local.answer_forms import AnswerForms
from langsmith_finetune.serving.tool_parsers import TOOL_PARSERS, tool_parser_of
from tests.support.local_calculator import untrained

TEMPLATES = Path(trl.__file__).parent / "chat_templates"

OF_TRL = {
    "glm4moe": "glm45",
    "gemma4": "gemma4",
    "gemma4_v5": "gemma4",
    "gptoss": "openai",
    "lfm2_2_5": "lfm2",
    "lfm2_v2": "lfm2",
    "llama3_1": "llama3_json",
    "llama3_2": "llama3_json",
    "nemotron_3_nano": "qwen3_coder",
    "qwen2_5": "hermes",
    "qwen3": "hermes",
    "qwen3_5_nothink": "qwen3_coder",
    "qwen3_5_think": "qwen3_coder",
    "qwen3_instruct_2507": "hermes",
    "qwen3_vl": "hermes",
    "gemma3": None,
    "llama3": None,
    "muse_glimmer": None,
    "phi3": None,
}

SHOWN = "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
END = "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
NAMED = '{"name": "{{ f.name }}", "arguments": {{ f.arguments | tojson }}}'
ARGUMENTS = "{{ f.arguments | tojson }}"
TAGS = "{% for k, v in f.arguments.items() %}<parameter={{ k }}>{{ v }}</parameter>{% endfor %}"
DEEPSEEK = ("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>")
DSML = (
    '<｜DSML｜invoke name="{{ f.name }}">{% for k, v in f.arguments.items() %}<｜DSML｜parameter name="{{ k }}" string="true">'
    "{{ v }}</｜DSML｜parameter>{% endfor %}</｜DSML｜invoke>"
)


def written(calls, *, between="", around=("", "")):
    """A template that writes each call so."""
    return (
        SHOWN + "{% if m.tool_calls %}" + around[0] + "{% for c in m.tool_calls %}{% set f = c.function %}" + calls
        + "{% if not loop.last %}" + between + "{% endif %}{% endfor %}" + around[1] + "{% endif %}" + END
    )  # fmt: skip


FORMS = {
    "hermes": written("<tool_call>\n" + NAMED + "\n</tool_call>", between="\n"),
    "qwen3_coder": written("<tool_call>\n<function={{ f.name }}>\n" + TAGS + "\n</function>\n</tool_call>"),
    "seed_oss": written("<seed:tool_call><function={{ f.name }}>" + TAGS + "</function></seed:tool_call>"),
    "mistral": written("[TOOL_CALLS]{{ f.name }}[ARGS]" + ARGUMENTS),
    "mistral, a list": written(NAMED, between=", ", around=("[TOOL_CALLS][", "]")),
    "llama3_json": written('{"name": "{{ f.name }}", "parameters": ' + ARGUMENTS + "}", between="; "),
    "granite": written(NAMED, between=", ", around=("<|tool_call|>[", "]")),
    "phi4_mini_json": written(NAMED, between=", ", around=("functools[", "]")),
    "deepseek_v3": written(
        "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{{ f.name }}\n```json\n" + ARGUMENTS + "\n```<｜tool▁call▁end｜>",
        around=DEEPSEEK,
    ),
    "deepseek_v31": written(
        "<｜tool▁call▁begin｜>{{ f.name }}<｜tool▁sep｜>" + ARGUMENTS + "<｜tool▁call▁end｜>", around=DEEPSEEK
    ),
    "deepseek_v32": written(DSML, around=("<｜DSML｜function_calls>", "</｜DSML｜function_calls>")),
    "deepseek_v4": written(DSML, around=("<｜DSML｜tool_calls>", "</｜DSML｜tool_calls>")),
    "kimi_k2": written(
        "<|tool_call_begin|>functions.{{ f.name }}:{{ loop.index0 }}<|tool_call_argument_begin|>" + ARGUMENTS
        + "<|tool_call_end|>",
        around=("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
    ),
    "minimax_m2": written(
        '<invoke name="{{ f.name }}">{% for k, v in f.arguments.items() %}<parameter name="{{ k }}">{{ v }}</parameter>'
        "{% endfor %}</invoke>",
        around=("<minimax:tool_call>", "</minimax:tool_call>"),
    ),
    "functiongemma": written(
        "<start_function_call>call:{{ f.name }}{ {%- for k, v in f.arguments.items() %}{{ k }}:<escape>{{ v }}<escape>"
        "{% if not loop.last %},{% endif %}{% endfor -%} }<end_function_call>"
    ),
    "pythonic": written(
        '{{ f.name }}({% for k, v in f.arguments.items() %}{{ k }}="{{ v }}"{% if not loop.last %}, {% endif %}{% endfor %})',
        between=", ", around=("[", "]"),
    ),
    "cohere_command3": written(
        '{"tool_call_id": "{{ loop.index0 }}", "tool_name": "{{ f.name }}", "parameters": ' + ARGUMENTS + "}",
        between=", ", around=("<|START_ACTION|>[", "]<|END_ACTION|>"),
    ),
    "apertus": written(
        '{"{{ f.name }}": ' + ARGUMENTS + "}", between=", ", around=("<|tools_prefix|>[", "]<|tools_suffix|>")
    ),
    "olmo3": written(
        '{{ f.name }}({% for k, v in f.arguments.items() %}{{ k }}="{{ v }}"{% if not loop.last %}, {% endif %}{% endfor %})',
        between="\n", around=("<function_calls>", "</function_calls>"),
    ),
}  # fmt: skip

UNKNOWN = {
    "tags of another name": written("<call>" + NAMED + "</call>"),
    "another key for the name": written('<tool_call>{"tool": "{{ f.name }}", "arguments": ' + ARGUMENTS + "}</tool_call>"),
    "arguments as text": written('<tool_call>{"name": "{{ f.name }}", "arguments": {{ f.arguments | tojson | tojson }}}</tool_call>'),
    "one by one, but two in a list": written(NAMED, between=",", around=("<tool_call>{% if m.tool_calls | length > 1 %}[{% endif %}", "{% if m.tool_calls | length > 1 %}]{% endif %}</tool_call>")),
    "words before the call": written("I call <tool_call>" + NAMED + "</tool_call>"),
    "no calls": SHOWN + END,
}  # fmt: skip


def parser_of(template):
    tokenizer = AutoTokenizer.from_pretrained(untrained())
    tokenizer.chat_template, tokenizer.response_template = template, None
    return tool_parser_of(AnswerForms(tokenizer, adapt(tokenizer, has_reasoning=False)))


@pytest.mark.parametrize("name", OF_TRL)
def test_parser_of_a_known_template_is_the_one_that_vllm_documents(name):
    found = parser_of((TEMPLATES / f"{name}.jinja").read_text("utf-8"))
    assert (found and found.vllm) == OF_TRL[name]


@pytest.mark.parametrize("name", FORMS)
def test_parser_is_found_by_the_form_of_calls(name):
    assert parser_of(FORMS[name]).vllm == name.partition(",")[0]


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_form_that_no_parser_reads_has_none(name):
    assert parser_of(UNKNOWN[name]) is None


def test_every_form_of_the_table_is_tried():
    tried = {name.partition(",")[0] for name in FORMS} | set(OF_TRL.values())
    assert {parser.vllm for parser in TOOL_PARSERS} <= tried
