"""Take a tuned model home: the command that serves it, the files that other programs read, the proof that tools still work.

    print(serve_command(model, "vllm"))                         # the whole command, to be run or put into a unit file
    export(model, "support-bot", format="gguf")                 # for llama.cpp and Ollama, with a model card
    result = smoke_test(model, ChatOpenAI(**command.client))    # the served model beside the same one in this process

Nothing is imported before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.serving.commands import ServeCommand, Server, serve_command
    from langsmith_finetune.serving.exporting import ExportFormat, export
    from langsmith_finetune.serving.smoke import (
        SmokeCase,
        SmokeDifference,
        SmokeTest,
        asmoke_test,
        smoke_test,
    )
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.serving.commands": ["ServeCommand", "Server", "serve_command"],
            "langsmith_finetune.serving.exporting": ["ExportFormat", "export"],
            "langsmith_finetune.serving.smoke": [
                "SmokeDifference",
                "SmokeCase",
                "SmokeTest",
                "asmoke_test",
                "smoke_test",
            ],
        },
    )

__all__ = [
    "ExportFormat",
    "ServeCommand",
    "Server",
    "SmokeCase",
    "SmokeDifference",
    "SmokeTest",
    "asmoke_test",
    "export",
    "serve_command",
    "smoke_test",
]
