"""Sampling from a causal language model, many answers to many prompts at once. Knows tensors; prompts and texts are in `games.speakers.local`.

Why not `generate`: a prompt is read once for all its samples, rows that have ended leave the batch, and each row draws its tokens from random
numbers of its own, so that what is said does not hang on which questions share a batch. The figures are in `docs/log.md`.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch

from games.speakers.base import Generation, SpeakerError

LEAVE = 0.2
"""Ended rows are taken out of the batch when they are this share of it: each time the cache is copied."""


@dataclass(frozen=True)
class Sampled:
    tokens: list[int]
    "Without the token that ends it."
    log_probability: float
    "Sum over the tokens and the one that ends it, in nats, at temperature 1 and over the whole vocabulary."


@torch.inference_mode()
def sample(model: Any, prompts: list[list[int]], numbers: torch.Tensor, how: Generation, ends: set[int]) -> list[list[Sampled]]:
    """For each prompt as many samples as `numbers` has rows for it.

    numbers: (prompts, samples, new tokens), each from [0, 1): the place in the cumulated probabilities at which a token is taken.
    ends: the tokens that end a response.
    """
    asked, samples, longest = numbers.shape
    device = model.device
    numbers = numbers.to(device).flatten(0, 1)
    stop = torch.tensor(sorted(ends), device=device)
    said = torch.full((asked * samples, longest), -1, device=device)
    scores = torch.zeros((asked * samples, longest), device=device)
    rows = torch.arange(asked * samples, device=device)
    step = Step(model, prompts, samples)
    for place in range(longest):
        logits = step.logits.float()
        tokens = pick(logits, numbers[rows, place], how)
        said[rows, place] = tokens
        scores[rows, place] = logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(1)
        going = ~torch.isin(said[rows], stop).any(1)
        left = int(going.sum())
        if left == 0 or place == longest - 1:
            break
        if left <= (1 - LEAVE) * len(rows):
            keep = going.nonzero()[:, 0]
            rows, tokens = rows[keep], tokens[keep]
            step.keep(keep)
        step.forward(tokens)
    found = [_cut(*row, ends) for row in zip(said.tolist(), scores.tolist(), strict=True)]
    return [found[start : start + samples] for start in range(0, len(found), samples)]


def pick(logits: torch.Tensor, numbers: torch.Tensor, how: Generation) -> torch.Tensor:
    """One token a row: (rows, vocabulary), (rows,) → (rows,).

    Sums run in double precision: in single precision the last few of 32,000 tokens could never be drawn.
    """
    if how.temperature == 0:
        return logits.argmax(1)
    weights = _restricted(logits / how.temperature, how).softmax(1)
    cumulated = weights.cumsum(1, dtype=torch.float64)
    whole = cumulated[:, -1:]
    if not bool(whole.isfinite().all()):
        raise SpeakerError("The model gives no numbers (NaN): its weights are damaged, or it does not bear this precision. Try dtype float32.")
    return torch.searchsorted(cumulated, numbers[:, None] * whole, right=True)[:, 0].clamp_max(logits.shape[1] - 1)


def _restricted(logits: torch.Tensor, how: Generation) -> torch.Tensor:
    """Only the `top_k` likeliest tokens, then the fewest that together reach `top_p`; the others become impossible."""
    if 0 < how.top_k < logits.shape[1]:
        least = logits.topk(how.top_k, dim=1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if how.top_p < 1:
        ordered, places = logits.sort(dim=1, descending=True)
        chances = ordered.softmax(1)
        beyond = chances.cumsum(1) - chances >= how.top_p  # what comes before it reaches top_p already
        logits = logits.masked_fill(beyond.gather(1, places.argsort(1)), -torch.inf)
    return logits


def _cut(tokens: list[int], scores: list[float], ends: set[int]) -> Sampled:
    end = next((place for place, token in enumerate(tokens) if token in ends or token < 0), len(tokens))
    return Sampled(tokens[:end], sum(scores[: end + 1]))


class Step:
    """The model's state between two tokens: cache, mask, and the logits of what comes next (rows, vocabulary)."""

    logits: torch.Tensor

    def __init__(self, model: Any, prompts: list[list[int]], samples: int) -> None:
        from transformers import DynamicCache

        longest = max(map(len, prompts))
        ids = torch.tensor([[0] * (longest - len(row)) + row for row in prompts], device=model.device)
        self.mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts], device=model.device)
        self.model = model
        inside = model.get_base_model() if hasattr(model, "get_base_model") else model  # PEFT's own forward names no arguments
        self.takes = set(inspect.signature(inside.forward).parameters)
        self.cache = DynamicCache(config=model.config)
        self._run(ids, (self.mask.cumsum(1) - 1).clamp_min(0))
        self.cache.batch_repeat_interleave(samples)
        self.mask, self.logits = self.mask.repeat_interleave(samples, 0), self.logits.repeat_interleave(samples, 0)

    def keep(self, rows: torch.Tensor) -> None:
        self.cache.batch_select_indices(rows)
        self.mask = self.mask[rows]

    def forward(self, tokens: torch.Tensor) -> None:
        position = self.mask.sum(1, keepdim=True)
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], 1)
        self._run(tokens[:, None], position)

    def _run(self, ids: torch.Tensor, positions: torch.Tensor) -> None:
        """Models without position numbers (ALiBi) and without `logits_to_keep` are asked without them."""
        extra = {"position_ids": positions, "logits_to_keep": 1}
        known = {name: value for name, value in extra.items() if name in self.takes}
        out = self.model(input_ids=ids, attention_mask=self.mask, past_key_values=self.cache, use_cache=True, **known)
        self.logits = out.logits[:, -1]
