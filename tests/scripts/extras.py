"""Install each extra alone, in an environment of its own, and use what it is for.

    python -m tests.scripts.extras [EXTRA ...]

`TORCH` names the build of PyTorch that is installed before an extra which needs one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.support.paths import ROOT

LINE = '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}'
EXAMPLES = f"[TrainingExample(line={LINE})] * 2"

USES = {
    "": f"import tempfile; write_jsonl({EXAMPLES}, tempfile.mkdtemp() + '/train.jsonl')\n"
    "from importlib.resources import files\n"
    "assert files('langsmith_finetune').joinpath('py.typed').is_file()",
    "bulk": "import tempfile; p = tempfile.mkdtemp() + '/runs.jsonl.zst'\n"
    "save_runs([{'id': 'a', 'run_type': 'llm'}], p); assert len(list(run_files(p))) == 1",
    "datasets": "from langsmith_finetune.dataset import examples_from_hf, to_hf_dataset\n"
    f"assert len(list(examples_from_hf(to_hf_dataset({EXAMPLES})))) == 2",
    "dedupe": "from langsmith_finetune.dataset import drop_duplicates\n"
    f"assert len(list(drop_duplicates({EXAMPLES}, similarity=0.8))) == 1",
    "evaluation": f"result = evaluate({{'mine': lambda messages: 'Hello!'}}, [{LINE}], progress=False)\n"
    "assert result.mean('mine', 'exact_match') == 1",
    "huggingface": "from langsmith_finetune.providers.huggingface import HuggingFaceProvider\n"
    "HuggingFaceProvider(token='hf_made_up')",
    "local": "from langsmith_finetune.providers.local import LocalProvider, tiny_model\n"
    f"import tempfile; tiny_model(tempfile.mkdtemp() + '/tiny', [{LINE}]); LocalProvider()",
    "notebook": "import ipykernel, matplotlib, nbclient",
    "ray": "from langsmith_finetune.dataset.on_ray import ray_map; import ray.data",
    "tokens": "import tiktoken, tokenizers, transformers\nfrom langsmith_finetune.cost import count_tokens\n"
    f"count_tokens({LINE})",
    "walkthrough": "import gguf; from langchain.agents import create_agent",
}


def code_of(extra: str) -> str:
    """What an extra is for, as a program."""
    return f"from langsmith_finetune import *\n{USES[extra]}"


def main() -> None:
    for extra in sys.argv[1:] or USES:
        print(extra or "(none)", flush=True)  # noqa: T201
        with tempfile.TemporaryDirectory() as folder:
            venv.create(folder, with_pip=True)
            python = str(Path(folder, "Scripts" if os.name == "nt" else "bin", "python"))
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            if extra == "local":
                subprocess.run([*install, os.environ.get("TORCH", "torch")], check=True)
            subprocess.run([*install, f"{ROOT}[{extra}]" if extra else str(ROOT)], check=True)
            subprocess.run([python, "-c", code_of(extra)], check=True, cwd=folder)


if __name__ == "__main__":
    main()
