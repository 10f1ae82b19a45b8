"""What a causal language model thinks of texts that it is given: next words, log-probabilities, features. Knows tensors, not prompts.

Every function takes token lists of any length and fills them up inside; what fills is masked, so that the numbers do not hang on the batch
(but for rounding).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

from games.speakers.base import OutOfMemory
from games.speakers.sampling import Step

BATCH = 64
"""Texts at once, halved where they do not fit in memory."""
Item = TypeVar("Item")
Found = TypeVar("Found")


def in_pieces(items: Sequence[Item], call: Callable[[Sequence[Item]], list[Found]], size: int = BATCH) -> list[Found]:
    """`call` on pieces that fit in memory, results in order.

    Raises:
        OutOfMemory: not even one fits.
    """
    found: list[Found] = []
    while len(found) < len(items):
        piece = items[len(found) : len(found) + size]
        try:
            found += call(piece)
        except OutOfMemory:
            if len(piece) == 1:
                raise
            size = (len(piece) + 1) // 2
    return found


@torch.inference_mode()
def next_token(model: Any, prompts: Sequence[list[int]], options: list[int]) -> list[list[float]]:
    """For each prompt how likely each of these tokens comes next, among them alone: each row sums to 1."""
    logits = Step(model, list(prompts), 1).logits.float()[:, options]
    return [[float(chance) for chance in row] for row in logits.double().softmax(-1).tolist()]


@torch.inference_mode()
def log_probabilities(model: Any, rows: Sequence[tuple[list[int], list[int]]]) -> list[float]:
    """For each (tokens, places): the sum of the log-probabilities of the tokens at these places, each given all before it, in nats."""
    ids, mask = _filled([tokens for tokens, _ in rows], model.device)
    scores = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float().log_softmax(-1)
    chances = scores.gather(2, ids[:, 1:, None])[:, :, 0].double()
    return [float(chances[row, [place - 1 for place in places]].sum()) for row, (_, places) in enumerate(rows)]


@torch.inference_mode()
def features(model: Any, texts: Sequence[list[int]]) -> list[list[float]]:
    """For each text the last layer at its last token."""
    ids, mask = _filled(texts, model.device)
    last = model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states[-1]
    found: list[list[float]] = last[torch.arange(len(texts)), mask.sum(1) - 1].float().tolist()
    return found


def _filled(texts: Sequence[list[int]], device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, filled up at the end: causal attention never looks there, so positions stay as they are."""
    longest = max(map(len, texts))
    ids = torch.tensor([[*text, *[0] * (longest - len(text))] for text in texts], device=device)
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts], device=device)
    return ids, mask
