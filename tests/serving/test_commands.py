"""Commands that serve a model: the right flags, whole words for a shell, and a refusal where tools would be lost."""

import json
import logging
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune._printable import printable_line
from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.jobs import FineTunedModel
from langsmith_finetune.providers.local import LocalProvider
from langsmith_finetune.providers.local.adaptation import Adaptation
from langsmith_finetune.serving import serve_command
from langsmith_finetune.testing import FakeProvider
from tests.support.local_calculator import untrained

# What each program's own documentation names; where a test runs the program, it judges for itself.
DOCUMENTED = {
    "vllm": {  # docs.vllm.ai/en/latest/cli/serve, features/tool_calling, features/lora, features/reasoning_outputs
        *("--host", "--port", "--served-model-name", "--max-model-len", "--enable-lora", "--max-lora-rank"),
        *(
            "--lora-modules",
            "--chat-template",
            "--chat-template-content-format",
            "--default-chat-template-kwargs",
        ),
        *("--enable-auto-tool-choice", "--tool-call-parser", "--reasoning-parser"),
    },
    "sglang": {  # docs.sglang.io/advanced_features/server_arguments
        *("-m", "--model-path", "--host", "--port", "--served-model-name", "--context-length"),
        *("--tool-call-parser", "--reasoning-parser"),
    },
    "transformers": {"--host", "--port", "--chat-template-kwargs"},  # transformers serve --help
    "llama.cpp": {
        "--model",
        "--alias",
        "--host",
        "--port",
        "--ctx-size",
        "--jinja",
    },  # tools/server/README.md
    "ollama": {"--file"},  # ollama create --help
}


@pytest.fixture
def model(tmp_path):
    return Path(shutil.copytree(untrained(), tmp_path / "runs" / "ft-0123456789abcdef-1" / "model"))


@pytest.fixture
def adapter(model, tmp_path):
    folder = Path(shutil.copytree(model, tmp_path / "support-bot"))
    (folder / "model.safetensors").unlink()
    settings = {"peft_type": "LORA", "base_model_name_or_path": str(model), "r": 12}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture
def gguf(tmp_path):
    folder = tmp_path / "support bot"
    folder.mkdir()
    (folder / "bot-q8_0.gguf").touch()
    (folder / "Modelfile").touch()
    return folder


def template_of(folder, text):
    (folder / "chat_template.jinja").write_text(text)


def test_vllm_gets_the_parser_the_context_and_the_name(model):
    command = serve_command(model, "vllm")
    assert command.argv == (
        *("vllm", "serve", str(model), "--host", "127.0.0.1", "--port", "8000"),
        *("--served-model-name", "ft-0123456789abcdef-1", "--max-model-len", "2048"),
        *(
            "--enable-auto-tool-choice",
            "--tool-call-parser",
            "hermes",
            "--chat-template-content-format",
            "string",
        ),
    )
    assert command.client == {
        "model": "ft-0123456789abcdef-1", "base_url": "http://127.0.0.1:8000/v1", "api_key": "none",
    }  # fmt: skip
    assert command.notes == ()


def test_vllm_serves_an_adapter_on_its_base_with_the_adapters_template(adapter, model):
    command = serve_command(adapter, "vllm", port=9000, context=1024)
    module = {"name": "support-bot", "path": str(adapter), "base_model_name": str(model)}
    assert command.argv == (
        *("vllm", "serve", str(model), "--host", "127.0.0.1", "--port", "9000"),
        *("--enable-lora", "--max-lora-rank", "16", "--lora-modules", json.dumps(module)),
        *("--chat-template", str(adapter / "chat_template.jinja"), "--max-model-len", "1024"),
        *(
            "--enable-auto-tool-choice",
            "--tool-call-parser",
            "hermes",
            "--chat-template-content-format",
            "string",
        ),
    )
    assert command.client["model"] == "support-bot"


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"use_dora": True}, "adapters with DoRA"),
        ({"modules_to_save": ["lm_head"]}, "adapters with modules_to_save"),
        ({"r": 1024}, "adapters of rank 1024, more than 512"),
    ],
)
def test_vllm_is_not_asked_for_adapters_that_it_refuses(adapter, settings, what):
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    with pytest.raises(NotSupportedError) as caught:
        serve_command(adapter, "vllm")
    merged = 'export(model, path, format="merged") writes a whole model; name that path'
    assert str(caught.value) == f"vllm does not support {what}: {merged}"


def test_the_largest_rank_of_an_adapter_counts(adapter):
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"rank_pattern": {"q_proj": 100}}))
    argv = serve_command(adapter, "vllm").argv
    assert argv[argv.index("--max-lora-rank") + 1] == "128"


def test_sglang_has_names_of_its_own_for_parsers(model):
    argv = serve_command(model, "sglang").argv
    assert argv[:5] == ("python3", "-m", "sglang.launch_server", "--model-path", str(model))
    assert argv[-2:] == ("--tool-call-parser", "hermes")


def test_transformers_serves_the_folder_and_is_asked_by_it(model):
    command = serve_command(model, "transformers", host="0.0.0.0", port=8001)
    assert command.argv == ("transformers", "serve", str(model), "--host", "0.0.0.0", "--port", "8001")
    assert command.client["model"] == str(model)
    assert command.base_url == "http://127.0.0.1:8001/v1"
    assert command.notes == (
        "whoever reaches 0.0.0.0 can ask the model, since the server asks for no key; put one before it",
    )


@pytest.mark.parametrize("server", ["sglang", "transformers"])
def test_an_adapter_is_merged_first_where_a_server_takes_none(server, adapter):
    with pytest.raises(NotSupportedError) as caught:
        serve_command(adapter, server)
    merged = 'export(model, path, format="merged") writes a whole model; name that path'
    assert str(caught.value) == f"{server} does not support adapters here: {merged}"


@pytest.mark.parametrize("base", ["--trust-remote-code", "-h", "a b", "x\x1b[2J", "../x;y"])
def test_an_adapter_of_a_stranger_names_no_flag_as_its_base(base, adapter):
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": base}))
    with pytest.raises((ProviderError, ValueError)) as caught:
        serve_command(adapter, "vllm")
    assert printable_line(str(caught.value)) == str(caught.value)


def test_an_adapter_of_a_model_on_the_hub_is_served_on_it(adapter, monkeypatch):
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": "Qwen/Qwen3-0.6B"}))
    monkeypatch.setattr(
        "langsmith_finetune.serving.model_files.context_of", lambda name: 4096
    )  # asks the Hub
    assert serve_command(adapter, "vllm").argv[:3] == ("vllm", "serve", "Qwen/Qwen3-0.6B")


def test_an_adapters_base_that_was_moved_is_named(adapter, model):
    moved = model.rename(model.with_name("moved"))
    with pytest.raises(ProviderError, match=r"which is not there\. Pass that model as base_model="):
        serve_command(adapter, "vllm")
    assert serve_command(adapter, "vllm", base_model=moved).argv[2] == str(moved)


def test_llama_cpp_and_ollama_take_what_was_exported(gguf):
    command = serve_command(gguf, "llama.cpp")
    assert command.argv == (
        *("llama-server", "--model", str(gguf / "bot-q8_0.gguf"), "--alias", "support-bot"),
        *("--host", "127.0.0.1", "--port", "8080", "--ctx-size", "0", "--jinja"),
    )
    assert serve_command(gguf / "bot-q8_0.gguf", "llama.cpp", context=4096).argv[4:] == (
        *("bot-q8_0", "--host", "127.0.0.1", "--port", "8080", "--ctx-size", "4096", "--jinja"),
    )
    command = serve_command(gguf, "ollama", port=1234, context=99)
    assert command.argv == ("ollama", "create", "support-bot", "--file", str(gguf / "Modelfile"))
    assert command.notes == (
        "the command makes the model known; Ollama must be running, or be started by `ollama serve`",
        "Ollama listens where OLLAMA_HOST says: set OLLAMA_HOST=127.0.0.1:1234 for it and for this command",
        f"Ollama's context is num_ctx in {gguf / 'Modelfile'}: set it to 99 there",
    )


@pytest.mark.parametrize(
    ("server", "what"),
    [("llama.cpp", "a folder without a GGUF file"), ("ollama", "a folder without a GGUF file")],
)
def test_a_folder_without_gguf_is_sent_to_export(model, server, what):
    with pytest.raises(NotSupportedError) as caught:
        serve_command(model, server)
    assert (
        str(caught.value)
        == f'{server} does not support {what}: export(model, path, format="gguf") writes one; name that path'
    )


def test_one_gguf_file_is_named_where_there_are_more(gguf):
    (gguf / "bot-f16.gguf").touch()
    with pytest.raises(NotSupportedError) as caught:
        serve_command(gguf, "llama.cpp")
    assert str(caught.value) == "llama.cpp does not support a folder of 2 GGUF files: name one of them"
    (gguf / "Modelfile").unlink()
    with pytest.raises(NotSupportedError) as caught:
        serve_command(gguf / "bot-f16.gguf", "ollama")
    assert str(caught.value) == (
        'ollama does not support a GGUF file without a Modelfile: export(model, path, format="gguf") writes both; name that path'
    )


def test_calls_that_no_parser_reads_are_refused_unless_one_is_named(model):
    template_of(
        model,
        (model / "chat_template.jinja")
        .read_text()
        .replace("<tool_call>", "<call>")
        .replace("</tool_call>", "</call>"),
    )
    for server in ("vllm", "sglang"):
        with pytest.raises(NotSupportedError) as caught:
            serve_command(model, server)
        assert str(caught.value) == (
            f"{server} does not support the way in which the chat template of ft-0123456789abcdef-1 writes tool calls, as far as is "
            "known here: they would come back as text. Name a parser with tool_call_parser=, or serve it with transformers or llama.cpp"
        )
        argv = serve_command(model, server, tool_call_parser="mine").argv
        assert argv[argv.index("--tool-call-parser") + 1] == "mine"


def test_a_template_without_calls_needs_no_parser(model):
    template_of(model, "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}")
    assert "--tool-call-parser" not in serve_command(model, "vllm").argv


def test_a_model_that_cannot_be_asked_is_refused(model):
    (model / "chat_template.jinja").unlink()
    with pytest.raises(ProviderError, match=f"the model {model} has no chat template"):
        serve_command(model, "vllm")
    for file in model.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(ProviderError, match=f"the tokenizer of {model} cannot be loaded"):
        serve_command(model, "vllm")


def test_settings_that_training_gave_the_template_are_given_by_the_server(model):
    Adaptation(chat_template_kwargs={"enable_thinking": False}, content_parts=True).save(model)
    text = (model / "chat_template.jinja").read_text().replace("message.content", "message.content[0].text")
    template_of(model, text.replace("messages[0].content", "messages[0].content[0].text"))
    argv = serve_command(model, "vllm").argv
    assert argv[-4:] == (
        *("--chat-template-content-format", "openai"),
        *("--default-chat-template-kwargs", '{"enable_thinking": false}'),
    )
    command = serve_command(model, "transformers")
    assert command.argv[-2:] == ("--chat-template-kwargs", '{"enable_thinking": false}')
    assert command.notes == (
        "in training the chat template got content as a list of parts; the server does not do that. smoke_test shows what it changes",
    )


def test_changes_that_no_server_makes_are_said_and_logged(model, caplog):
    Adaptation(short_ids=True, folded_system=True).save(model)
    with caplog.at_level(logging.WARNING):
        (note,) = serve_command(model, "vllm").notes
    assert note == (
        "in training the chat template got ids of tool calls as nine letters and the system's text at the beginning of the first "
        "user's; the server does not do that. smoke_test shows what it changes"
    )
    assert [record.message for record in caplog.records] == [f"vllm: {note}"]


def test_thoughts_that_every_answer_closes_are_taken_apart(model):
    text = (model / "chat_template.jinja").read_text()
    template_of(
        model,
        text.replace(
            "{{ message.content or '' }}",
            "{% if message.role == 'assistant' %}<think>\n\n</think>\n{% endif %}{{ message.content or '' }}",
        ),
    )
    argv = serve_command(model, "vllm").argv
    assert argv[argv.index("--reasoning-parser") + 1] == "qwen3"


def test_an_end_that_the_settings_do_not_name_is_named_in_each_request(model):
    settings = json.loads((model / "generation_config.json").read_text())
    (model / "generation_config.json").write_text(json.dumps(settings | {"eos_token_id": 0}))
    command = serve_command(model, "vllm")
    assert command.stop == ("<|im_end|>",)
    assert command.client["stop"] == ["<|im_end|>"]


def test_a_tokenizer_that_does_not_say_how_calls_are_read_is_noted(model):
    file = model / "tokenizer_config.json"
    settings = json.loads(file.read_text())
    del settings["response_template"]
    file.write_text(json.dumps(settings))
    assert serve_command(model, "transformers").notes == (
        "the tokenizer does not say how calls are read, so they may come as text; "
        'export(model, path, format="safetensors") writes a folder that does; name that path',
    )


@pytest.mark.parametrize("server", ["vllm", "sglang", "transformers", "llama.cpp", "ollama"])
def test_each_flag_is_one_that_the_program_documents(server, model, adapter, gguf):
    Adaptation(chat_template_kwargs={"enable_thinking": False}).save(model)
    models = (
        [gguf] if server in ("llama.cpp", "ollama") else [model, adapter] if server == "vllm" else [model]
    )
    for one in models:
        argv = serve_command(one, server).argv
        assert {word for word in argv if word.startswith("-")} <= DOCUMENTED[server]


NAMES = st.text(
    st.one_of(st.sampled_from(" -'\"$`\\;&|<>*?!#~()[]{}%=,@:é日"), st.characters(exclude_characters="/\0")),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in (".", "..") and len(name.encode("utf-8", "surrogatepass")) < 200)


@given(name=NAMES)
def test_any_folders_name_is_one_word_of_the_shell_or_refused(name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("names") / name
    try:
        folder.mkdir()
    except (OSError, UnicodeEncodeError):
        return
    (folder / "m.gguf").touch()
    if printable_line(name) != name:
        with pytest.raises(ValueError, match="holds a character that a terminal would obey") as caught:
            serve_command(folder, "llama.cpp")
        assert printable_line(str(caught.value)) == str(caught.value)
        return
    command = serve_command(folder, "llama.cpp")
    assert printable_line(str(command)) == str(command)
    assert tuple(shlex.split(str(command))) == command.argv
    assert not command.argv[2].startswith("-")


@pytest.mark.parametrize(
    "name", ["-rf", "a b", "it's", '"$(touch canary)"', "`touch canary`", "a;touch canary", "~", "日本 模型"]
)
def test_a_shell_reads_the_command_as_it_is(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    Path(name, "m.gguf").touch()
    command = serve_command(name, "llama.cpp")
    done = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True
    )
    assert tuple(done.stdout.splitlines()) == command.argv
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    assert command.argv[2] == str(tmp_path / name / "m.gguf")


@pytest.mark.parametrize(("character", "shown"), [("\x1b", r"\x1b"), ("\n", r"\n"), ("\u202e", r"\u202e")])
def test_a_path_that_a_terminal_would_obey_is_refused(character, shown, tmp_path):
    folder = tmp_path / f"a{character}b"
    folder.mkdir()
    for server in ("vllm", "llama.cpp"):
        with pytest.raises(ValueError) as caught:
            serve_command(folder, server)
        assert str(caught.value) == (
            f"the path {tmp_path}/a{shown}b holds a character that a terminal would obey. Rename the folder"
        )


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ProviderError) as caught:
        serve_command(tmp_path / "none", "vllm")
    assert str(caught.value) == (
        f"local: there is no model folder '{tmp_path}/none'. Give a folder, or a name on the Hugging Face Hub"
    )


def test_weights_at_a_host_are_downloaded_first(tmp_path):
    model = FineTunedModel(id="ft:bot", base_model="m", job_id="j", provider=FakeProvider())
    with pytest.raises(NotSupportedError) as caught:
        serve_command(model, "vllm")
    assert str(caught.value) == (
        f"{model.provider.name} does not support serving ft:bot elsewhere: its weights are not on this machine. "
        "model.download(path) fetches them where the provider gives them; then name that folder"
    )


def test_a_jobs_model_is_served_by_its_folder(model, tmp_path):
    tuned = FineTunedModel(
        id=str(model), base_model="m", job_id="j", provider=LocalProvider(tmp_path / "runs")
    )
    assert serve_command(tuned, "transformers") == serve_command(model, "transformers")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"server": "tgi"},
            "server must be 'vllm', 'sglang', 'transformers', 'llama.cpp' or 'ollama', not 'tgi'",
        ),
        ({"port": 0}, "port must be from 1 to 65535, not 0"),
        ({"context": 0}, "context must be at least 1, not 0"),
        ({"host": "a b"}, "host must be a word, not 'a b'"),
        ({"host": "--reload"}, "host must be a word, not '--reload'"),
        ({"tool_call_parser": "\x1b[2J"}, r"tool_call_parser must be a word, not '\x1b[2J'"),
    ],
)
def test_settings_of_another_kind_are_refused(settings, text, model):
    server = settings.pop("server", "vllm")
    with pytest.raises(ValueError) as caught:
        serve_command(model, server, **settings)
    assert str(caught.value) == text
