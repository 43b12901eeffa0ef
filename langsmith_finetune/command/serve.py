"""Serve a tuned model, where the server's program is installed; elsewhere print the command."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from argparse import ArgumentParser, Namespace

from langsmith_finetune.command import exits
from langsmith_finetune.command.options.model import model_of
from langsmith_finetune.command.output import Output

HELP = "serve a tuned model"
SERVERS = ("vllm", "sglang", "transformers", "llama.cpp", "ollama")


def add_arguments(parser: ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("model", metavar="MODEL", help="a job's name or id, a model folder, or an export")
    parser.add_argument("--server", choices=SERVERS, default="vllm", help="the program (default: vllm)")
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen")
    parser.add_argument("--port", type=int, metavar="N", help="the port; by default the program's own")
    parser.add_argument("--context", type=int, metavar="TOKENS", help="tokens of prompt and answer, at most")
    parser.add_argument("--tool-call-parser", metavar="NAME", help="where it is not known here")
    parser.add_argument("--dry-run", action="store_true", help="print the command, and start nothing")


def run(args: Namespace, out: Output) -> int:
    """`serve_command`, and what it says."""
    from langsmith_finetune.serving import serve_command  # noqa: PLC0415

    command = serve_command(
        model_of(args.model),
        args.server,
        host=args.host,
        port=args.port,
        context=args.context,
        tool_call_parser=args.tool_call_parser,
    )
    for note in command.notes:
        out.note(note)
    is_there = shutil.which(command.argv[0]) is not None
    if args.dry_run or out.as_json or not is_there:
        out.product(str(command), dataclasses.asdict(command) | {"client": command.client})
        if is_there or args.dry_run:
            return exits.DONE
        out.note(f"{command.argv[0]} is not installed here: run the command where it is")
        return exits.FAILED
    out.note(f"it will answer at {command.base_url} as {command.model}\n{command}")
    return subprocess.run(command.argv, check=False).returncode  # noqa: S603 - made here, word by word
