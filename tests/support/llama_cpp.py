"""llama.cpp's own server on a port of loopback, as `xllamacpp` packages it: it has no program of its own.

python -m tests.support.llama_cpp MODEL.gguf [TEMPLATE]    says where it listens, and ends with its standard input
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(model: str, template: str | None = None) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {Path(model).stem}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 0
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.use_jinja = True
    params.warmup = False
    if template is not None:
        params.chat_template = Path(template).read_text(encoding="utf-8")
    server = xllamacpp.Server(params)
    sys.stdout.write(server.listening_address + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
