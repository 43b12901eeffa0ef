"""Outside judges on what we check and write: OpenAI's schema, Together's client, Mistral's validator, TRL's
templates, Google's and Amazon's types.

Each is asked twice: it accepts what we write for its target, and what it refuses, we refuse. None of them
refuses all that we refuse. A judge that is not installed is skipped; Together's is the client of version 2.14.0,
unpacked in the folder that TOGETHER_2_14 names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given

from langsmith_finetune.chat_format import kind_of_line
from langsmith_finetune.jsonl import read_jsonl
from langsmith_finetune.targets.checking import check
from langsmith_finetune.targets.fix import fixed
from langsmith_finetune.targets.line import line_problems
from langsmith_finetune.targets.registry import TARGETS, to_target
from langsmith_finetune.targets.splitting import split_line
from tests.support.lines import (
    BROKEN,
    NINE,
    PNG,
    SYSTEM,
    WEATHER,
    A,
    U,
    answer,
    asks,
    call,
    image,
    prefers,
    said,
    sees,
    sound,
    tooled,
)
from tests.support.paths import SHARED, python_path

SPEC = SHARED / "specs" / "openai-cut.json"
PUBLISHED = SHARED / "recorded" / "training-files"

SOUND = [
    said(U, A),
    said(SYSTEM, U, {**A, "weight": 0}, U, {**A, "weight": 1}),
    {k: v for k, v in WEATHER.items() if k != "parallel_tool_calls"},
    tooled(U, asks(), answer(), A),
    tooled(U, asks(call(), call("call_2"))),
]
FOLDED = said(SYSTEM, U, A, U, {**A, "weight": 0}, U, U, A, U, {**A, "weight": 0})
PREFERENCES = [prefers(), prefers({"messages": [SYSTEM, U], "tools": tooled()["tools"]}, [asks()])]


def refuses(line, target):
    return any(problem.severity == "error" for problem in line_problems(line, TARGETS[target]))


def published():
    if not PUBLISHED.is_dir():
        pytest.skip("the published files are not beside this checkout")
    return [line for path in sorted(PUBLISHED.glob("*.jsonl")) for line in read_jsonl(path)]


# --- OpenAI's published schema of a line -------------------------------------------------------------------


@pytest.fixture(scope="module")
def openai_refuses():
    jsonschema = pytest.importorskip("jsonschema")
    if not SPEC.is_file():
        pytest.skip("OpenAI's description is not beside this checkout")
    spec = json.loads(SPEC.read_text(encoding="utf-8"))
    supervised, preference = (
        jsonschema.Draft202012Validator(spec | {"$ref": f"#/components/schemas/{name}"})
        for name in ("FineTuneChatRequestInput", "FineTunePreferenceRequestInput")
    )

    def refused(line):
        if kind_of_line(line) != "preference":
            return not supervised.is_valid(line)
        # The schema's own names are wrong: the guide, and every published file, say output.
        return not preference.is_valid({k.replace("_output", "_completion"): v for k, v in line.items()})

    return refused


def test_what_openai_s_schema_refuses_is_refused(openai_refuses):
    refused = [(name, line) for name, _, line, _ in BROKEN if openai_refuses(line)]
    assert len(refused) > 30
    assert [name for name, line in refused if not refuses(line, "openai")] == []


def test_openai_s_schema_lets_much_through(openai_refuses):
    # Its maker's service refuses these: https://community.openai.com and the guides say so one by one.
    missed = {name for name, target, line, _ in BROKEN if target == "openai" and refuses(line, "openai")}
    missed &= {name for name, _, line, _ in BROKEN if not openai_refuses(line)}
    assert missed >= {
        "no messages",
        "an extra key",
        "no answer",
        "an answer without a call",
        "a special token",
    }
    assert missed >= {"a call without an answer", "an index in a call", "all weights 0", "an image elsewhere"}


@pytest.mark.slow
@given(sound)
def test_openai_s_schema_takes_what_we_write(openai_refuses, line):
    if not refuses(fixed(line, TARGETS["openai"])[0], "openai"):
        assert not openai_refuses(to_target(line, "openai"))


def test_openai_s_schema_takes_published_lines_and_ours(openai_refuses):
    for line in [*SOUND, *PREFERENCES, *published()]:
        assert not openai_refuses(to_target(line, "openai"))


# --- Together's last full check of a file ------------------------------------------------------------------

_ASK_TOGETHER = """
import json, sys
from together.lib.utils.files import check_file
print(json.dumps([check_file(path)["is_check_passed"] for path in sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def together_takes(tmp_path_factory):
    client = os.environ.get("TOGETHER_2_14", "")
    if not Path(client, "together", "lib", "utils", "files.py").is_file():
        pytest.skip("TOGETHER_2_14 names no folder with Together's client")

    def takes(lines):
        folder = tmp_path_factory.mktemp("together")
        paths = []
        for number, line in enumerate(lines):
            paths.append(folder / f"{number}.jsonl")
            paths[-1].write_bytes(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
        done = subprocess.run(
            [sys.executable, "-c", _ASK_TOGETHER, *map(str, paths)],
            env=os.environ | {"PYTHONPATH": python_path(client), "TOGETHER_DISABLE_TQDM": "true"},
            capture_output=True,
            check=True,
        )
        return json.loads(done.stdout.splitlines()[-1])

    return takes


def test_what_together_refuses_is_refused(together_takes):
    lines = [row[2] for row in BROKEN]
    refused = [i for i, taken in enumerate(together_takes(lines)) if not taken]
    assert len(refused) > 40
    assert [BROKEN[i][0] for i in refused if not refuses(lines[i], "together")] == []


def test_together_takes_what_we_write(together_takes):
    mixed = said(sees(image(PNG), {"type": "text", "text": "?"}), A)
    lines = [*SOUND, *PREFERENCES[:1], mixed, *published()]
    assert all(together_takes([to_target(line, "together") for line in lines]))


def test_together_refuses_the_files_that_we_refuse(together_takes, tmp_path):
    good = json.dumps(said(U, A)).encode() + b"\n"
    files = [
        b"\xef\xbb\xbf" + good,
        b"[" + good.strip() + b"]\n",
        good + b"\n",
        good + b"\n" + good,
        b"",
        b"{}x\n",
    ]
    assert not any(together_takes(files))
    for number, data in enumerate(files):
        path = tmp_path / f"{number}.jsonl"
        path.write_bytes(data)
        assert not check(path, "together").ok


def test_together_lets_through_what_we_refuse(together_takes):
    lines = [
        (name, line) for name, target, line, _ in BROKEN if target == "together" and refuses(line, "together")
    ]
    lines += [
        (name, line) for name, _, line, _ in BROKEN if name in {"an answer without a call", "a special token"}
    ]
    taken = {
        name
        for (name, line), fine in zip(lines, together_takes([line for _, line in lines]), strict=True)
        if fine
    }
    assert taken >= {"an answer without a call", "a special token", "an extra key of its input"}


# --- Mistral's validator for fine-tuning -------------------------------------------------------------------


@pytest.fixture(scope="module")
def mistral():
    pytest.importorskip("mistral_common")
    from mistral_common.exceptions import MistralCommonException
    from mistral_common.protocol.instruct import messages as types
    from mistral_common.protocol.instruct.tool_calls import Tool
    from mistral_common.protocol.instruct.validator import ValidationMode, get_validator
    from mistral_common.tokens.tokenizers.base import TokenizerVersion
    from pydantic import ValidationError

    kinds = {
        "system": types.SystemMessage,
        "user": types.UserMessage,
        "assistant": types.FinetuningAssistantMessage,
        "tool": types.ToolMessage,
    }

    def refused(line, version="v13"):
        validator = get_validator(TokenizerVersion(version), mode=ValidationMode.finetuning)
        try:
            validator._validate_tools([Tool(**tool) for tool in line.get("tools", ())])
            said_by = [
                kinds[m["role"]](**{k: v for k, v in m.items() if k != "role"}) for m in line["messages"]
            ]
            validator.validate_messages(said_by)
        except (MistralCommonException, ValidationError, KeyError, TypeError) as error:
            return str(error)
        return None

    return refused


def test_what_mistral_refuses_is_refused(mistral):
    lines = {
        name: line
        for name, target, line, _ in BROKEN
        if target == "openai" and kind_of_line(line) != "preference"
    }
    refused = {name for name, line in lines.items() if mistral(line)}
    assert len(refused) > 25
    named = {name for name in refused if line_problems(lines[name], TARGETS["openai"])}
    assert refused - named == set()


def test_mistral_lets_through_what_we_refuse(mistral):
    lines = {
        name: line
        for name, target, line, _ in BROKEN
        if target == "openai" and kind_of_line(line) != "preference"
    }
    taken = {name for name, line in lines.items() if mistral(line) is None and refuses(line, "openai")}
    assert taken >= {"an extra key", "all weights 0", "a special token", "response_format"}


def test_mistral_takes_what_we_write(mistral):
    for line in SOUND:
        assert mistral(to_target(line, "openai")) is None


def test_mistral_s_older_tokenizers_take_ids_of_nine(mistral):
    line = to_target(tooled(U, asks(), answer(), A), "openai")
    assert "9" in mistral(line, "v3")
    assert mistral(fixed(line, NINE)[0], "v3") is None


# --- TRL's chat templates ----------------------------------------------------------------------------------


def templates():
    trl = pytest.importorskip("trl")
    return {
        path.stem: path.read_text()
        for path in sorted(Path(trl.__file__).parent.glob("chat_templates/*.jinja"))
    }


def rendered(template, row):
    from transformers.utils.chat_template_utils import render_jinja_template

    tools = json.loads(row["tools"]) if "tools" in row else None
    [[text], *_] = render_jinja_template(
        conversations=[row["prompt"] + row["completion"]],
        tools=tools,
        chat_template=template,
        bos_token="<s>",
        eos_token="</s>",
    )
    return text


# Templates with a limit of their own, of which no row can know: found out by rendering.
WITHOUT_TOOLS = {
    "cohere",
    "cohere2",
    "deepseek_r1_distill",
    "gemma",
    "gemma3",
    "lfm2",
    "llama3",
    "phi3",
    "phi3_5",
    "qwen2_5_vl",
}
ONE_CALL_A_MESSAGE = {"llama3_1", "llama3_2"}
ARGUMENTS_AS_TEXT = {"deepseekv3"}
PARTS_ONLY = {"idefics3", "llava_next", "smolvlm"}


@pytest.mark.slow
def test_trl_s_templates_render_each_row():
    rows = [
        to_target(line, "trl")
        for line in [
            *SOUND,
            *split_line(said(SYSTEM, U, A, U, {**A, "weight": 0}, U, A), "trl").lines,
            *(m for m in published() if kind_of_line(m) != "preference"),
        ]
    ]
    rendered_rows = 0
    for name, template in templates().items():
        family = name.removesuffix("_training")
        if family in PARTS_ONLY or name in ARGUMENTS_AS_TEXT:
            continue
        for row in rows:
            calls = [c for m in row["prompt"] + row["completion"] for c in m.get("tool_calls", ())]
            if calls and (family in WITHOUT_TOOLS or (family in ONE_CALL_A_MESSAGE and len(calls) > 1)):
                continue
            if family == "gemma" and row["prompt"][0]["role"] == "system":
                continue
            text = rendered(template, row)
            rendered_rows += 1
            assert row["completion"][-1]["content"].strip() in text, name
            for made in calls:
                assert made["function"]["name"] in text, name
                for key, argument in made["function"]["arguments"].items():
                    assert argument in text, name
                    assert f'\\"{key}' not in text, name  # not quoted twice
    assert rendered_rows > 1500


# --- Google's and Amazon's types ---------------------------------------------------------------------------


def test_google_s_types_read_what_we_write():
    types = pytest.importorskip("google.genai.types")
    pictured = said(sees(image("gs://b/cat.png"), {"type": "text", "text": "?"}), A)
    for line in [
        *SOUND[:1],
        *SOUND[2:],
        *split_line(FOLDED, "gemini").lines,
        pictured,
        *(m for m in published() if kind_of_line(m) != "preference"),
    ]:
        row = to_target(line, "gemini")
        for content in [*row["contents"], row.get("systemInstruction", {"parts": []})]:
            types.Content.model_validate(content)
        for tool in row.get("tools", ()):
            types.Tool.model_validate(tool)
    for line in [*PREFERENCES, *(m for m in published() if kind_of_line(m) == "preference")]:
        row = to_target(line, "gemini")
        types.GeminiPreferenceExample.model_validate({k: row[k] for k in ("contents", "completions")})


def test_amazon_s_types_read_what_we_write():
    session = pytest.importorskip("botocore.session").get_session()
    from botocore.validate import ParamValidator

    request = session.get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    pictured = said(sees(image("s3://b/cat.png"), {"type": "text", "text": "?"}), A)
    lines = [
        said(U, A),
        said(SYSTEM, U, A, U, A),
        *split_line(FOLDED, "bedrock").lines,
        pictured,
        *(m for m in published() if kind_of_line(m) != "preference"),
    ]
    for line in lines:
        if "tools" in line:
            continue
        row = to_target(line, "bedrock")
        assert row.pop("schemaVersion") == "bedrock-conversation-2024"
        report = ParamValidator().validate({"modelId": "m", **row}, request)
        assert not report.has_errors(), report.generate_report()
