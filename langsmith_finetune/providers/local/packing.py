"""Sees that sequences which share a row cannot see each other."""

from __future__ import annotations

from typing import Any

from langsmith_finetune.errors import ProviderError

_CLOSE = 1e-3
"""Logits that differ by less are the same but for rounding; where sequences see each other, whole numbers lie between."""


def refuse_leaks(model: Any) -> None:
    """Pack two sequences, and compare with each by itself. Whether a model keeps them apart depends on its attention.

    Raises:
        ProviderError: The model lets a sequence see the one before it in the same row.
    """
    import torch

    vocabulary = model.config.get_text_config().vocab_size
    one = [index % vocabulary for index in range(3, 11)]
    two = [index % vocabulary for index in range(40, 46)]
    positions = [*range(len(one)), *range(len(two))]

    def logits(ids: list[int], at: list[int]) -> Any:
        # Without a mask and without a cache, as TRL gives a packed row: only the positions tell where one begins.
        return model(
            input_ids=torch.tensor([ids], device=model.device),
            position_ids=torch.tensor([at], device=model.device),
            use_cache=False,
        ).logits[0]

    was_training = model.training
    model.eval()
    with torch.no_grad():
        packed = logits(one + two, positions)[len(one) :].float()
        alone = logits(two, [*range(len(two))]).float()
    model.train(was_training)
    rounding = _CLOSE if model.dtype == torch.float32 else 30 * _CLOSE
    if (packed - alone).abs().max() > rounding * max(1.0, float(alone.abs().max())):
        raise ProviderError(
            "local",
            "the model's attention lets a sequence see the one before it in the same row, so parameters['packing'] "
            "would train something else. Leave packing out",
        )
