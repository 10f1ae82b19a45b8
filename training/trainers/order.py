"""The order in which a trainer sees its pairs: a function of the seed alone, laid out before the first step, so that a resumed run sees the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WINDOW = 50
"""Batches among which texts of like length are looked for; more would let the order follow the length."""


def training_order(lengths: Sequence[int], *, batch: int, batches: int, seed: int, group_by_length: bool) -> list[int]:
    """Indices of the pairs for this many batches, epoch after epoch, every pair once in each.

    With `group_by_length` the pairs of a batch are of like length (little padding), and the batches come in random order.

    >>> training_order([5, 9, 5, 9], batch=2, batches=2, seed=1, group_by_length=True)
    [0, 2, 1, 3]
    """
    sizes = np.asarray(lengths)
    order: list[np.ndarray] = []
    epoch = 0
    while sum(map(len, order)) < batch * batches:
        rng = np.random.default_rng([seed, epoch])
        shuffled = rng.permutation(len(sizes))
        order.append(_grouped(shuffled, sizes, batch, rng) if group_by_length else shuffled)
        epoch += 1
    return [int(index) for index in np.concatenate(order)[: batch * batches]]


def _grouped(shuffled: np.ndarray, sizes: np.ndarray, batch: int, rng: np.random.Generator) -> np.ndarray:
    """The same indices, sorted by size within windows and shuffled again batch by batch; a last batch that is not full stays last."""
    windows = [shuffled[start : start + batch * WINDOW] for start in range(0, len(shuffled), batch * WINDOW)]
    by_size = np.concatenate([window[np.argsort(sizes[window], kind="stable")] for window in windows])
    full = len(by_size) // batch * batch
    whole = by_size[:full].reshape(-1, batch)
    return np.concatenate([whole[rng.permutation(len(whole))].ravel(), by_size[full:]])
