"""An answer that was cut off or filtered is noted, in every provider's words and places, by both doors."""

from __future__ import annotations

import copy
import json
from typing import get_args

import pytest

from langsmith_finetune.dialects import fast_forms as plain
from langsmith_finetune.dialects.endings import ENDINGS, Meant
from langsmith_finetune.dialects.fast_path import read_fast
from tests.support.payloads import (
    langchain_run,
    openai_agents_run,
    responses_run,
    vercel_run,
    wrap_anthropic_run,
    wrap_gemini_run,
    wrap_openai_run,
)
from tests.support.reading import by_bulk, by_loader

HELLO = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
GENERATION = ("outputs", "generations", 0, 0)
FIELDS = (*GENERATION, "message", "kwargs")
LANGCHAIN = {
    "OpenAI": ((*GENERATION, "generation_info"), {"finish_reason": "content_filter"}),
    "Ollama": ((*FIELDS, "response_metadata"), {"done": True, "done_reason": "length"}),
    "Bedrock": ((*FIELDS, "response_metadata"), {"stopReason": "max_tokens"}),
    "Bedrock, guarded": ((*FIELDS, "response_metadata"), {"stopReason": "guardrail_intervened"}),
    "Bedrock, filtered": ((*FIELDS, "response_metadata"), {"stopReason": "content_filtered"}),
    "Bedrock, full": ((*FIELDS, "response_metadata"), {"stopReason": "model_context_window_exceeded"}),
    "Bedrock, JavaScript, streamed": (
        (*FIELDS, "response_metadata"),
        {"messageStop": {"stopReason": "max_tokens"}},
    ),
    "Bedrock, older": ((*FIELDS, "additional_kwargs"), {"stop_reason": "max_tokens"}),
    "Anthropic": ((*FIELDS, "response_metadata"), {"stop_reason": "refusal"}),
    "Anthropic, JavaScript": ((*FIELDS, "additional_kwargs"), {"stop_reason": "max_tokens"}),
    "Anthropic, older": (("outputs", "llm_output"), {"stop_reason": "max_tokens"}),
    "Anthropic, JavaScript, older": (("outputs", "llmOutput"), {"stop_reason": "max_tokens"}),
    "Mistral": ((*FIELDS, "response_metadata"), {"finish_reason": "model_length"}),
    "Gemini": ((*GENERATION, "generation_info"), {"finish_reason": "RECITATION"}),
    "Gemini, streamed twice": ((*GENERATION, "generation_info"), {"finish_reason": "MAX_TOKENSMAX_TOKENS"}),
    "Gemini, JavaScript": ((*GENERATION, "generationInfo"), {"finishReason": "SAFETY"}),
    "Gemini, the SDK's enum": ((*GENERATION, "generation_info"), {"finish_reason": "FinishReason.SPII"}),
    "Cohere": ((*GENERATION, "generation_info"), {"finish_reason": "ERROR_TOXIC"}),
    "Responses": (
        (*FIELDS, "response_metadata"),
        {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
    ),
}
CUT_OFF = {
    **{name: (langchain_run(HELLO), *at) for name, at in LANGCHAIN.items()},
    "wrap_openai": (wrap_openai_run(HELLO), ("outputs", "choices", 0, "finish_reason"), "length"),
    "vLLM": (wrap_openai_run(HELLO), ("outputs", "choices", 0, "stop_reason"), "max_tokens"),
    "wrap_anthropic": (wrap_anthropic_run(HELLO), ("outputs", "stop_reason"), "refusal"),
    "wrap_gemini": (wrap_gemini_run(HELLO), ("outputs", "finish_reason"), "PROHIBITED_CONTENT"),
    "Responses, whole": (
        responses_run(HELLO),
        ("outputs", "incomplete_details"),
        {"reason": "content_filter"},
    ),
    "Responses, one item": (responses_run(HELLO), ("outputs", "output", 1, "status"), "incomplete"),
    "OpenAI's agents": (
        openai_agents_run(HELLO),
        ("extra", "metadata", "incomplete_details"),
        {"reason": "max_output_tokens"},
    ),
    "AI SDK 5": (vercel_run(HELLO), ("outputs", "finishReason"), "content-filter"),
    "AI SDK 6": (vercel_run(HELLO), ("outputs", "finishReason"), {"unified": "length", "raw": "x"}),
    "a message under its name": (
        wrap_openai_run(HELLO),
        ("outputs",),
        {"message": HELLO["messages"][1], "done": True, "done_reason": "length"},
    ),
    "a function's text": (wrap_openai_run(HELLO), ("outputs",), {"output": "He", "finish_reason": "length"}),
}


def changed(run, path, value):
    run = copy.deepcopy(run)
    *way, last = path
    place = run
    for key in way:
        place = place[key]
    place[last] = value
    return run


@pytest.mark.parametrize("door", [by_loader, by_bulk])
@pytest.mark.parametrize("case", CUT_OFF.values(), ids=CUT_OFF)
def test_answer_that_was_cut_off_is_noted_by_both_doors(case, door):
    run = changed(*case)
    for form in (run, json.dumps(run).encode()):
        lines, reasons, notes = door(form)
        assert (len(lines), reasons) == (1, [])
        assert "answer_cut_off" in notes


@pytest.mark.parametrize("word", get_args(Meant))
def test_answer_that_ended_as_meant_is_read_the_quick_way(word):
    for key in ("finish_reason", "stop_reason", "done_reason", "finishReason", "stopReason"):
        run = changed(langchain_run(HELLO), (*FIELDS, "response_metadata"), {key: word})
        assert read_fast(run) is not None
        assert by_loader(run)[2] == []


def test_quick_way_knows_every_place_that_tells_an_ending():
    assert {*ENDINGS} <= {*plain.PlainFacts.__struct_fields__}


def test_ending_is_noted_of_its_own_answer_only():
    run = changed(langchain_run(HELLO), ("outputs", "llm_output"), {"stop_reason": "max_tokens"})
    run["outputs"]["generations"][0] *= 2
    assert by_loader(run)[2] == ["other_candidates"]
