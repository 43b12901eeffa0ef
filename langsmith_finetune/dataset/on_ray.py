"""Maps work over a Ray cluster: `write_shards(paths, folder, map=ray_map)`."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, TypeVar

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune._foundation.extras import missing

T = TypeVar("T")
R = TypeVar("R")


@checked()
def ray_map(function: Callable[[T], R], items: list[T]) -> list[R]:
    """Apply a function to each item on a Ray cluster, a task and a core each; results come in order.

    Ray gives the task of a worker or machine that died to another, so the function must do no harm when it
    is done again. Workers need this package. Connects to the cluster that `RAY_ADDRESS` names, or that runs
    on this machine, or starts Ray here, unless `ray.init` was called before.

    Args:
        function: What to do with an item.
        items: The items; they and the results travel pickled.

    Raises:
        ImportError: Ray is not installed.
    """
    try:
        import ray.data  # noqa: PLC0415 - heavy
    except ImportError as error:
        raise missing("sharing work on Ray", "ray", "ray") from error
    parts = [{"number": number, "item": pickle.dumps(item)} for number, item in enumerate(items)]

    def done(row: dict[str, Any]) -> dict[str, Any]:
        # Our own items, on their way from our own process.
        return {"number": row["number"], "result": pickle.dumps(function(pickle.loads(row["item"])))}  # noqa: S301

    results = ray.data.from_items(parts, override_num_blocks=max(1, len(parts))).map(done, num_cpus=1)
    rows = sorted(results.iter_rows(), key=lambda row: row["number"])
    return [pickle.loads(row["result"]) for row in rows]  # noqa: S301
