"""What we rely on in other packages beyond what they promise: its form, where it is used, and the pins for it.

A row of `INTERNALS` that fails names what a newer version has changed, and the file to mend. Whoever adds such a
use adds a row: private names are searched for in the whole library.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import socket
import threading
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import metadata

import httpx2
import openai
import pytest
import tiktoken.load
import torch
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import SystemMessage, convert_to_openai_messages
from langchain_openai import ChatOpenAI
from langsmith.schemas import Run as RunOfV1
from langsmith.types.run import Run as RunOfV2
from packaging.requirements import Requirement
from tokenizers import Tokenizer, models
from transformers import GenerationMixin, PreTrainedTokenizerFast, Trainer
from transformers.generation.streamers import BaseStreamer
from transformers.trainer_pt_utils import get_length_grouped_indices
from transformers.utils.chat_parsing import ResponseParser
from transformers.utils.chat_parsing.content_parsers import parse_content
from trl import DPOTrainer, KTOTrainer, SFTConfig, SFTTrainer
from trl.chat_template_utils import add_response_schema, qwen3_chat_template
from trl.trainer.dpo_trainer import DataCollatorForPreference
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from tests.support.paths import ROOT

LIBRARY = ROOT / "langsmith_finetune"


def sockets_take_a_number_that_is_asked_for_at_each_read():
    class Less:
        asked = 0

        def __index__(self):
            self.asked += 1
            return 5

    less, answers = Less(), [b"HTTP/1.1 20", b"0 OK\r\ncontent-length: 2\r\n", b"\r\n{", b"}"]
    with socket.create_server(("127.0.0.1", 0)) as server, httpx2.Client() as client:

        def serve():
            with server.accept()[0] as connection:
                connection.recv(65536)
                for answer in answers:
                    connection.sendall(answer)
                    time.sleep(0.05)

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        request = client.build_request(
            "GET", f"http://127.0.0.1:{port}", extensions={"timeout": {"read": less}}
        )
        assert client.send(request).content == b"{}"
        thread.join()
    assert less.asked >= 3


def response_template():
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, unk_token="a")),
        chat_template=qwen3_chat_template,
    )
    return add_response_schema(tokenizer).response_template


def trl_knows_how_answers_are_read():
    assert response_template()["fields"]["tool_calls"]["content"] == "json"
    strange = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, unk_token="a")), chat_template="{{ messages }}"
    )
    with pytest.raises(ValueError, match="chat template"):
        add_response_schema(strange)


def trl_trains_on_labels_as_they_stand():
    collate = DataCollatorForLanguageModeling(pad_token_id=0)
    batch = collate([{"input_ids": [5, 6, 7], "labels": [-100, -100, 7]}, {"input_ids": [8], "labels": [8]}])
    assert batch["labels"].tolist() == [[-100, -100, 7], [8, -100, -100]]
    source = inspect.getsource(SFTTrainer._prepare_dataset)
    assert '"input_ids" in column_names' in source
    assert '"labels" not in column_names' in source


def trl_prepares_by_one_method():
    for trainer in (SFTTrainer, DPOTrainer, KTOTrainer):
        assert list(inspect.signature(trainer._prepare_dataset).parameters)[:4] == [
            "self", "dataset", "processing_class", "args",
        ]  # fmt: skip
        assert "self._prepare_dataset(" in inspect.getsource(trainer.__init__)
    asked = {"prompt_ids", "chosen_ids", "rejected_ids"}
    assert all(f'"{name}"' in inspect.getsource(DataCollatorForPreference) for name in asked)


def trl_takes_answers_of_others():
    source = inspect.getsource(KTOTrainer._prepare_dataset)
    assert '[examples["completion_ids"][-1]] + examples["completion_ids"][:-1]' in source
    assert "batch_size=args.per_device_train_batch_size" in source


def transformers_asks_for_an_order():
    assert list(inspect.signature(Trainer._get_train_sampler).parameters) == ["self", "train_dataset"]
    assert "set_epoch" in inspect.getsource(Trainer._run_epoch)


def trl_has_the_settings():
    assert "self._total_train_tokens = 0" in inspect.getsource(SFTTrainer)
    known = {field.name for field in fields(SFTConfig)}
    assert {"max_length", "activation_checkpointing", "eval_steps", "use_cpu", "disable_tqdm"} <= known
    assert "num_tokens" in inspect.getsource(SFTTrainer)  # told in the log, and so in a job's status


def transformers_parses_answers_in_pieces():
    parser = ResponseParser(response_template(), prefix="<|im_start|>assistant\n", tools=None)
    events = list(parser.initial_events)
    for text in ("Hi", '<tool_call>\n{"name": "f", "argu', 'ments": {"a": 1}}\n</tool_call>'):
        events += parser.feed(text)
    events += parser.finalize()[1]
    assert "Hi" in [event["text"] for event in events if event["type"] == "region_chunk"]
    (call,) = [e["value"] for e in events if e["type"] == "region_close" and e["field"] == "tool_calls"]
    assert call["function"] == {"name": "f", "arguments": {"a": 1}}


def transformers_allows_what_is_no_json():
    template = response_template()
    calls = template["fields"]["tool_calls"]
    calls["content_args"] = {**calls.get("content_args", {}), "allow_non_json": True}
    parser = ResponseParser(template, prefix="<|im_start|>assistant\n", tools=None)
    events = [*parser.feed("<tool_call>\nnonsense\n</tool_call>"), *parser.finalize()[1]]
    assert any(event["type"] == "region_close" and event["field"] == "tool_calls" for event in events)


def transformers_reads_lists_of_calls():
    assert parse_content('[f(a="b")]', "python-call-list", {}) == [{"name": "f", "arguments": {"a": "b"}}]
    assert parse_content("[1]", "json", {}) == [1]


def transformers_groups_lengths():
    found = get_length_grouped_indices([1, 9, 1, 9], 2, generator=torch.Generator())
    assert sorted(found) == [0, 1, 2, 3]


def transformers_streams_by_two_methods():
    assert {name for name, _ in inspect.getmembers(BaseStreamer, inspect.isfunction)} == {"put", "end"}
    assert "streamer.put(input_ids.cpu())" in inspect.getsource(GenerationMixin.generate)


def openai_clients_keep_their_http_client():
    with httpx2.Client() as inner, openai.OpenAI(api_key="key", http_client=inner) as client:
        assert client._client is inner
        assert client.with_options(http_client=httpx2.Client())._client is not inner


def openai_keeps_a_function_for_a_key():
    def token():
        return "token"

    with openai.OpenAI(api_key=token, base_url="http://127.0.0.1/v1") as client:
        assert client._api_key_provider is token
        assert client.api_key == ""
    with openai.OpenAI(api_key="key", base_url="http://127.0.0.1/v1") as client:
        assert client._api_key_provider is None


def openai_and_huggingface_speak_httpx2():
    names = {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "LocalProtocolError"}
    assert all(issubclass(getattr(httpx2, name), httpx2.TransportError) for name in names)
    source = inspect.getsource(openai.OpenAI.request)
    assert "raise APIConnectionError(request=request) from err" in source


def langchain_keeps_the_developer_in_additional_kwargs():
    message = SystemMessage("x", additional_kwargs={"__openai_role__": "developer"})
    assert convert_to_openai_messages([message]) == [{"role": "developer", "content": "x"}]


def langchain_chat_models_name_their_settings():
    chat = ChatOpenAI(
        model="gpt-4.1-mini", temperature=0.5, api_key="sk-abcdefgh", base_url="http://x.example/v1"
    )
    settings = chat._identifying_params
    assert (settings["model_name"], settings["temperature"]) == ("gpt-4.1-mini", 0.5)
    assert "sk-abcdefgh" not in repr(settings)
    assert chat.openai_api_base == "http://x.example/v1"


def langchain_asks_chat_models_for_their_parameters():
    asked = inspect.signature(BaseChatModel._get_ls_params).parameters
    assert list(asked) == ["self", "stop", "kwargs"]
    assert list(inspect.signature(BaseChatModel._stream).parameters)[1:] == [
        "messages", "stop", "run_manager", "kwargs",
    ]  # fmt: skip


def langsmith_runs_keep_their_fields_in_a_dict():
    from langsmith_finetune.dialects.fast_run import MODELS

    assert {(kind.__module__, kind.__name__) for kind in (RunOfV1, RunOfV2)} == MODELS
    run = RunOfV2.model_validate({"id": "d2a3", "run_type": "LLM", "inputs": {"a": 1}})
    assert (run.__dict__["id"], run.__dict__["inputs"]) == ("d2a3", {"a": 1})


def tiktoken_keeps_its_ranks_by_the_hash_of_their_address(monkeypatch, folder):
    address = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
    (folder / hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()).write_bytes(b"ranks")
    assert tiktoken.load.read_file_cached(address) == b"ranks"  # and the network is blocked


@dataclass(frozen=True)
class Internal:
    package: str
    name: str
    used_in: str
    has_its_form: Callable[..., None]


INTERNALS = [
    Internal("trl", "add_response_schema", "providers/local/model_folder.py", trl_knows_how_answers_are_read),
    Internal("trl", '"labels"', "providers/local/preparing.py", trl_trains_on_labels_as_they_stand),
    Internal("trl", "_prepare_dataset", "providers/local/trainers.py", trl_prepares_by_one_method),
    Internal("trl", "KL_completion_ids", "providers/local/trainers.py", trl_takes_answers_of_others),
    Internal("trl", "_total_train_tokens", "providers/local/train.py", trl_has_the_settings),
    Internal("trl", "activation_checkpointing", "providers/local/trainers.py", trl_has_the_settings),
    Internal(
        "transformers", "_get_train_sampler", "providers/local/trainers.py", transformers_asks_for_an_order
    ),
    Internal(
        "transformers",
        "ResponseParser",
        "providers/local/reading.py",
        transformers_parses_answers_in_pieces,
    ),
    Internal(
        "transformers", "allow_non_json", "providers/local/reading.py", transformers_allows_what_is_no_json
    ),
    Internal(
        "transformers", "streamer", "providers/local/generation.py", transformers_streams_by_two_methods
    ),
    Internal("openai", "_api_key_provider", "providers/openai/client.py", openai_keeps_a_function_for_a_key),
    Internal(
        "httpx2",
        "__index__",
        "providers/http/transport.py",
        sockets_take_a_number_that_is_asked_for_at_each_read,
    ),
    Internal("openai", "_client", "providers/openai/client.py", openai_clients_keep_their_http_client),
    Internal("openai", "PoolTimeout", "providers/http/failures.py", openai_and_huggingface_speak_httpx2),
    Internal(
        "langchain-core", "__openai_role__", "sessions.py", langchain_keeps_the_developer_in_additional_kwargs
    ),
    Internal(
        "langchain-core",
        "_get_ls_params",
        "providers/local/chat.py",
        langchain_asks_chat_models_for_their_parameters,
    ),
    Internal(
        "langchain-core",
        "_identifying_params",
        "evaluation/identity.py",
        langchain_chat_models_name_their_settings,
    ),
    Internal("langsmith", "MODELS", "dialects/fast_run.py", langsmith_runs_keep_their_fields_in_a_dict),
    Internal(
        "tiktoken",
        "data-gym-cache",
        "cost/tokens.py",
        tiktoken_keeps_its_ranks_by_the_hash_of_their_address,
    ),
]

EXACT = {"trl", "transformers"}
"""Packages whose next minor version may change what we rely on, and which only the extra `local` brings."""


@pytest.mark.parametrize("internal", INTERNALS, ids=lambda one: f"{one.package}-{one.name}")
def test_an_internal_has_its_form_and_is_used_where_it_says(internal, monkeypatch, tmp_path):
    given = {"monkeypatch": monkeypatch, "folder": tmp_path}
    wanted = inspect.signature(internal.has_its_form).parameters
    internal.has_its_form(**{name: given[name] for name in wanted})
    assert internal.name in (LIBRARY / internal.used_in).read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_private_name_of_others_has_a_row():
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in LIBRARY.rglob("*.py")}
    ours = {"_replace", "_asdict"}  # of named tuples, which are public
    ours |= {"__total__", "__globals__", "__name__", "_is_protocol"}  # Python's own
    used = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            ours |= names_made_by(node)
            for name in private_names_in(node):
                used.setdefault(name, path.relative_to(LIBRARY).as_posix())
    known = {internal.name for internal in INTERNALS}
    assert {name: path for name, path in used.items() if name not in ours | known} == {}
    assert used["_api_key_provider"] == "providers/openai/client.py"


def names_made_by(node):
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {node.name}
        case ast.Name(ctx=ast.Store()):
            return {node.id}
        case ast.Attribute(ctx=ast.Store()):
            return {node.attr}
    return set()


def private_names_in(node):
    """Names with an underscore: of what is imported, of attributes, and of attributes named in text."""
    match node:
        case ast.ImportFrom(module=str(module), names=names):
            found = [*module.split("."), *(alias.name for alias in names)]
            outside = not module.startswith(("langsmith_finetune", "__future__"))
            return [name for name in found if outside and name.startswith("_")]
        case ast.Import(names=names):
            return [part for alias in names for part in alias.name.split(".") if part.startswith("_")]
        case ast.Attribute(attr=attr) if attr.startswith("_") and not attr.startswith("__"):
            return [attr]
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]):
            return [name] if name.startswith("_") else []
        case ast.Call(func=ast.Attribute(attr="__setattr__"), args=[_, ast.Constant(value=str(name)), *_]):
            return [name] if name != "__dict__" else []
    return []


def requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return {
        where: {Requirement(text).name: Requirement(text) for text in texts}
        for where, texts in {"": project["dependencies"], **extras}.items()
    }


@pytest.mark.parametrize("package", sorted({internal.package for internal in INTERNALS} - {"tiktoken"}))
def test_the_pins_hold_what_we_rely_on(package):
    wanted = requirements()["local" if package in EXACT else ""][package]
    installed = metadata.version(package)
    major, minor = (int(part) for part in installed.split(".")[:2])
    following = f"{major}.{minor + 1}.0" if package in EXACT else f"{major + 1}.0.0"
    assert wanted.specifier.contains(installed)
    assert not wanted.specifier.contains(following), f"{wanted} lets {following} in"
