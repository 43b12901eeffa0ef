"""`serve_command`: the whole command line that serves a model, with what this model's chat template needs.

Sources: https://docs.vllm.ai/en/latest/cli/serve/, https://docs.vllm.ai/en/latest/features/lora/, `transformers serve --help`,
llama.cpp's `tools/server/README.md`, https://docs.ollama.com/modelfile, https://docs.sglang.io/advanced_features/server_arguments.html
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, a_word, between, checked
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import NotSupportedError
from langsmith_finetune.jobs.model import FineTunedModel
from langsmith_finetune.serving.model_files import ModelFiles, label_of, safe_path
from langsmith_finetune.serving.tool_parsers import tool_parser_of, written_calls

logger = logger_of(__name__)

Server: TypeAlias = Literal["vllm", "sglang", "transformers", "llama.cpp", "ollama"]
"""The programs that serve models, by the names of their projects."""

_PORTS: Mapping[Server, int] = {
    "vllm": 8000,
    "sglang": 30000,
    "transformers": 8000,
    "llama.cpp": 8080,
    "ollama": 11434,
}
_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes for `--max-lora-rank`."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EXPORT = 'export(model, path, format="{}") writes {}; name that path'


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeCommand:
    """A command that serves a model. `str()` gives it quoted for a shell; `subprocess.Popen(command.argv)` needs no shell.

    Args:
        server: The program.
        argv: The command's words.
        model: What to call the model in requests.
        base_url: Where it will answer.
        stop: Texts that end an answer and that the server does not stop at by itself: each request must name them.
        notes: What the server does otherwise than the training did, and what it needs.
    """

    server: Server
    argv: tuple[str, ...]
    model: str
    base_url: str
    stop: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return shlex.join(self.argv)

    @property
    def client(self) -> dict[str, Any]:
        """The settings of `ChatOpenAI` that ask this server."""
        settings: dict[str, Any] = {"model": self.model, "base_url": self.base_url, "api_key": "none"}
        return settings | ({"stop": list(self.stop)} if self.stop else {})


@checked(host=a_word, port=between(1, 65535), context=AT_LEAST_ONE, tool_call_parser=a_word)
def serve_command(
    model: FineTunedModel | str | Path,
    server: Server,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    context: int | None = None,
    tool_call_parser: str | None = None,
    base_model: str | Path | None = None,
) -> ServeCommand:
    """The command that serves a model so that `ChatOpenAI` and its tools work on it. Starts nothing.

    The tool-call parser is found by how the model's chat template writes calls. Of these, `transformers serve` and
    llama.cpp's server are run by this library's tests; the commands for vLLM, SGLang and Ollama are made by their
    documentation.

    Args:
        model: A model of a job, a folder, a name on the Hugging Face Hub; for `"llama.cpp"` and `"ollama"` what
            `export(..., format="gguf")` wrote.
        server: The program that is to serve it.
        host: Where to listen. None of these programs asks who is asking.
        port: The port; by default the program's own.
        context: Tokens of prompt and answer together, at most; by default what the model takes.
        tool_call_parser: The parser's name, where the template's form of calls is not known here.
        base_model: The model that an adapter was trained on, where it is no longer found by what the folder says.

    Raises:
        ImportError: The extra `local` is not installed.
        NotSupportedError: The server cannot serve this model, or none of its parsers is known to read its calls.
        ProviderError: There is no such model, or its folder needs code of its own.
        ValueError: A setting is not of its kind, or a path holds a character that a terminal would obey.

    Example:
        >>> command = serve_command("finetune-runs/ft-0123456789abcdef-1/model", "vllm")  # doctest: +SKIP
        >>> print(command)  # doctest: +SKIP
        vllm serve /home/me/finetune-runs/ft-0123456789abcdef-1/model --host 127.0.0.1 --port 8000 ...
    """
    asked = _Asked(host, port or _PORTS[server], context, tool_call_parser)
    made = (
        _BY_GGUF[server](model, asked)
        if server in _BY_GGUF
        else _BY_FOLDER[server](ModelFiles(model, base_model=base_model), asked)
    )
    for note in made.notes:
        logger.warning("%s: %s", server, note)
    return made


@dataclass(frozen=True, slots=True)
class _Asked:
    host: str
    port: int
    context: int | None
    tool_call_parser: str | None

    @property
    def place(self) -> tuple[str, ...]:
        return "--host", self.host, "--port", str(self.port)

    @property
    def base_url(self) -> str:
        reached = "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104
        return f"http://{f'[{reached}]' if ':' in reached else reached}:{self.port}/v1"

    def notes(self) -> list[str]:
        if self.host in _LOOPBACK:
            return []
        return [
            f"whoever reaches {self.host} can ask the model, since the server asks for no key; put one before it"
        ]


def _vllm(files: ModelFiles, asked: _Asked) -> ServeCommand:
    served = files.base or files.name
    argv = ["vllm", "serve", served, *asked.place]
    notes = asked.notes()
    if files.base is None:
        argv += ["--served-model-name", files.label]
    else:
        argv += ["--enable-lora", "--max-lora-rank", str(_lora_rank(files)), "--lora-modules"]
        argv.append(json.dumps({"name": files.label, "path": files.name, "base_model_name": served}))
        if (template := Path(files.name, "chat_template.jinja")).is_file():
            argv += ["--chat-template", str(template)]  # vLLM would take the base's
    if context := asked.context or files.context:
        argv += ["--max-model-len", str(context)]
    argv += _tools(files, asked, "vllm")
    if _closes_thoughts(files):
        argv += ["--reasoning-parser", "qwen3"]
    # "auto" would give some templates a list of parts where training gave them text.
    argv += ["--chat-template-content-format", "openai" if files.adaptation.content_parts else "string"]
    if settings := dict(files.adaptation.chat_template_kwargs):
        argv += ["--default-chat-template-kwargs", json.dumps(settings)]
    notes += _changed_conversations(files, known=("content_parts",))
    return _command("vllm", argv, files, asked, notes)


def _sglang(files: ModelFiles, asked: _Asked) -> ServeCommand:
    _refuse_adapter(files, "sglang")
    argv = ["python3", "-m", "sglang.launch_server", "--model-path", files.name, *asked.place]
    argv += ["--served-model-name", files.label]
    if context := asked.context or files.context:
        argv += ["--context-length", str(context)]
    argv += _tools(files, asked, "sglang")
    if _closes_thoughts(files):
        argv += ["--reasoning-parser", "qwen3"]
    return _command("sglang", argv, files, asked, [*asked.notes(), *_changed_conversations(files)])


def _transformers(files: ModelFiles, asked: _Asked) -> ServeCommand:
    _refuse_adapter(files, "transformers")
    argv = ["transformers", "serve", files.name, *asked.place]
    if settings := dict(files.adaptation.chat_template_kwargs):
        argv += ["--chat-template-kwargs", json.dumps(settings)]
    notes = [*asked.notes(), *_changed_conversations(files)]
    if getattr(files.tokenizer, "response_template", None) is None and _writes_calls(files):
        notes.append(
            "the tokenizer does not say how calls are read, so they may come as text; "
            + _EXPORT.format("safetensors", "a folder that does")
        )
    return _command("transformers", argv, files, asked, notes)


def _command(
    server: Server, argv: Sequence[str], files: ModelFiles, asked: _Asked, notes: Sequence[str]
) -> ServeCommand:
    return ServeCommand(
        server=server,
        argv=tuple(argv),
        model=files.name if server == "transformers" else files.label,  # which calls it by its folder
        base_url=asked.base_url,
        stop=_unknown_ends(files),
        notes=tuple(notes),
    )


def _llama_cpp(model: FineTunedModel | str | Path, asked: _Asked) -> ServeCommand:
    gguf, label = _gguf_of(model, "llama.cpp")
    argv = ["llama-server", "--model", str(gguf), "--alias", label, *asked.place]
    argv += ["--ctx-size", str(asked.context or 0), "--jinja"]  # 0: what the model takes
    return ServeCommand(
        server="llama.cpp", argv=tuple(argv), model=label, base_url=asked.base_url, notes=tuple(asked.notes())
    )


def _ollama(model: FineTunedModel | str | Path, asked: _Asked) -> ServeCommand:
    gguf, label = _gguf_of(model, "ollama")
    modelfile = gguf.with_name("Modelfile")
    if not modelfile.is_file():
        raise NotSupportedError(
            "ollama", "a GGUF file without a Modelfile: " + _EXPORT.format("gguf", "both")
        )
    notes = ["the command makes the model known; Ollama must be running, or be started by `ollama serve`"]
    if (asked.host, asked.port) != ("127.0.0.1", _PORTS["ollama"]):
        notes.append(
            f"Ollama listens where OLLAMA_HOST says: set OLLAMA_HOST={asked.host}:{asked.port} for it and for this command"
        )
    if asked.context is not None:
        notes.append(f"Ollama's context is num_ctx in {modelfile}: set it to {asked.context} there")
    return ServeCommand(
        server="ollama",
        argv=("ollama", "create", label, "--file", str(modelfile)),
        model=label,
        base_url=asked.base_url,
        notes=(*notes, *asked.notes()),
    )


_BY_FOLDER: Mapping[str, Callable[[ModelFiles, _Asked], ServeCommand]] = {
    "vllm": _vllm,
    "sglang": _sglang,
    "transformers": _transformers,
}
_BY_GGUF: Mapping[str, Callable[[FineTunedModel | str | Path, _Asked], ServeCommand]] = {
    "llama.cpp": _llama_cpp,
    "ollama": _ollama,
}


def _gguf_of(model: FineTunedModel | str | Path, server: str) -> tuple[Path, str]:
    """The one GGUF file, and what to call the model."""
    path = Path(safe_path(model.id if isinstance(model, FineTunedModel) else model))
    if path.is_file() and path.suffix == ".gguf":
        return path, label_of(path.stem)
    found = sorted(path.glob("*.gguf")) if path.is_dir() else []
    if len(found) == 1:
        return Path(safe_path(found[0])), label_of(path.name)
    what = (
        "a folder without a GGUF file"
        if not found
        else f"a folder of {len(found)} GGUF files: name one of them"
    )
    raise NotSupportedError(server, what if found else f"{what}: " + _EXPORT.format("gguf", "one"))


def _lora_rank(files: ModelFiles) -> int:
    """The smallest rank that vLLM takes and that holds the adapter's."""
    adapter = files.adapter
    merged = _EXPORT.format("merged", "a whole model")
    for setting, what in (("use_dora", "DoRA"), ("modules_to_save", "modules_to_save")):
        if adapter.get(setting):
            raise NotSupportedError("vllm", f"adapters with {what}: {merged}")
    patterns = adapter.get("rank_pattern")
    ranks = [adapter.get("r"), *(patterns.values() if isinstance(patterns, dict) else ())]
    rank = max((one for one in ranks if isinstance(one, int)), default=0)
    if (found := next((one for one in _LORA_RANKS if one >= rank), None)) is None:
        raise NotSupportedError("vllm", f"adapters of rank {rank}, more than {_LORA_RANKS[-1]}: {merged}")
    return found


def _refuse_adapter(files: ModelFiles, server: str) -> None:
    if files.base is not None:
        raise NotSupportedError(server, "adapters here: " + _EXPORT.format("merged", "a whole model"))


def _writes_calls(files: ModelFiles) -> bool:
    return written_calls(files.forms)[0] is not None


def _tools(files: ModelFiles, asked: _Asked, server: Literal["vllm", "sglang"]) -> list[str]:
    """The flags that have calls read; none where the chat template writes no calls."""
    name = asked.tool_call_parser
    if name is None:
        if not _writes_calls(files):
            return []
        parser = tool_parser_of(files.forms)
        name = None if parser is None else parser.vllm if server == "vllm" else parser.sglang
        if name is None:
            raise NotSupportedError(
                server,
                f"the way in which the chat template of {files.label} writes tool calls, as far as is known here: they would "
                "come back as text. Name a parser with tool_call_parser=, or serve it with transformers or llama.cpp",
            )
    flags = ["--tool-call-parser", name]
    return ["--enable-auto-tool-choice", *flags] if server == "vllm" else flags


def _closes_thoughts(files: ModelFiles) -> bool:
    """True if every answer that the template writes closes a thought, which the server then has to take apart."""
    said = files.forms.written({"content": "qztext"})
    return said is not None and "</think>" in said.answer.partition("qztext")[0]


def _unknown_ends(files: ModelFiles) -> tuple[str, ...]:
    """The texts that end an answer and that the model's own settings do not name."""
    known = files.own_ends or [files.tokenizer.eos_token_id]
    texts = files.tokenizer.convert_ids_to_tokens([one for one in files.ends if one not in known])
    return tuple(map(str, texts))


_CHANGES = {
    "short_ids": "ids of tool calls as nine letters",
    "text_arguments": "the arguments of earlier calls as text",
    "folded_system": "the system's text at the beginning of the first user's",
    "content_parts": "content as a list of parts",
}


def _changed_conversations(files: ModelFiles, *, known: tuple[str, ...] = ()) -> list[str]:
    changed = [
        what for name, what in _CHANGES.items() if name not in known and getattr(files.adaptation, name)
    ]
    if not changed:
        return []
    return [
        f"in training the chat template got {' and '.join(changed)}; the server does not do that. smoke_test shows what it changes"
    ]
