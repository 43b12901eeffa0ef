"""The order in which sequences are trained, the same again for a job that goes on after it was killed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices


class EpochSampler(Sampler[int]):  # type: ignore[misc]
    """An order that the seed and the number of the epoch decide, and nothing that was drawn before.

    Args:
        size: How many sequences there are.
        batch_size: Sequences in one optimizer step, on one device.
        seed: Decides the order.
        lengths: Tokens of each sequence, so that one step has sequences of like length; None for any order. The step with the
            longest comes first, so that a machine with too little memory says so at once.
    """

    def __init__(
        self, *, size: int, batch_size: int, seed: int, lengths: Sequence[int] | None = None
    ) -> None:
        self.size, self.batch_size, self.seed, self.lengths = size, batch_size, seed, lengths
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next, counted from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator()
        generator.manual_seed(self.seed * 1_000_003 + self.epoch)
        if self.lengths is None:
            yield from torch.randperm(self.size, generator=generator).tolist()
            return
        order = get_length_grouped_indices(list(self.lengths), self.batch_size, generator=generator)
        first, *others = [order[at : at + self.batch_size] for at in range(0, self.size, self.batch_size)]
        short = [others.pop()] if others and len(others[-1]) < self.batch_size else []
        # In the order of their lengths, each epoch would learn from the long ones first.
        mixed = [others[number] for number in torch.randperm(len(others), generator=generator).tolist()]
        for step in (first, *mixed, *short):
            yield from step
