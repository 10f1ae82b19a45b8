"""LACIE: direct preference optimisation on pairs that a listener's decisions made (Stengel-Eskin, Hase and Bansal, arXiv 2405.21028).

    python -m training.trainers.lacie FOLDER

The defaults are the paper's, read from its public code (`train_dpo.py` and its configurations) where the text is silent. What we do otherwise:

1. AdamW instead of the paged 32-bit AdamW, which is the same update and needs another library (`optimizer=paged_adamw_32bit` brings it back).
2. Pairs longer than `max_length` are left out and counted, not cut: a cut answer has lost its end, and often its tone.
3. The last step's weights are the result. The paper keeps the checkpoint with the best listener F1 on sampled answers.
4. The LoRA targets are those that its list has in Mistral and Llama: q, k and v.

On a small model an SFT term on the chosen answer (`loss_type=sigmoid,sft`) keeps the text whole; see the preset `bundled` and docs/log.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.trainers.base import Stopping, main
from training.trainers.config import ConfigError, from_dict
from training.trainers.folder import Folder

NEEDS = "pairs"


@dataclass(frozen=True)
class Config:
    """[C]: from the paper's public code."""

    beta: float = 0.1
    "Strength of the pull towards the reference. [C]"
    learning_rate: float = 5e-4
    "[C]"
    schedule: str = "cosine"
    "Learning-rate schedule, by Transformers' name. [C]"
    warmup_steps: int = 10
    "[C]"
    steps: int = 250
    "Optimiser steps; about 1.1 epochs of the paper's 13,785 pairs. [C]"
    batch_size: int = 6
    "Pairs in memory at once. [C]"
    accumulate: int = 10
    "Batches an optimiser step: 60 pairs. [C]"
    max_length: int = 200
    "Tokens of prompt and answer together. [C]"
    optimizer: str = "adamw_torch"
    "By Transformers' name. The paper: paged_adamw_32bit."
    weight_decay: float = 0.0
    "Transformers' default, which the paper keeps."
    loss_type: tuple[str, ...] = ("sigmoid",)
    "TRL's losses; the paper's DPO is `sigmoid`. [C]"
    loss_weights: tuple[float, ...] = ()
    "One for each loss; empty: all 1."
    rejected_until: str = "end"
    "How much of the rejected answer the preference presses down: to its `end`, as in the paper, or until its tone's first `difference`; ours."
    wrong_answers: str = "whole"
    "What is learned from of a wrong answer: the `whole`, as in the paper, or its `tone` alone, the answer being given; ours."
    margin: float = 0.0
    """How much more than the reference the chosen answer has to be preferred, times the difference of the listener's two probabilities:
    -log σ(β Δ - margin |p₁ - p₂|). Ours; 0 is the paper's."""
    lora_rank: int = 16
    "[C]"
    lora_alpha: int = 32
    "[C]"
    lora_dropout: float = 0.05
    "Without effect while `disable_dropout` is on, as in the paper. [C]"
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj")
    "Layers that get an adapter; `all-linear`: all but the output layer. [C]"
    disable_dropout: bool = True
    "TRL's default, then and now."
    full: bool = False
    "Train all weights instead of an adapter; ours."
    precompute_ref: bool = False
    "Compute the reference's log-probabilities once, before training: same values, quicker where pairs are seen more than once."
    four_bit: bool = True
    "NF4 with double quantisation; on a GPU only, on a CPU it is ignored. [C]"
    bf16: bool = True
    "On a GPU only. [C]"
    gradient_checkpointing: bool = False
    "Less memory, about a third more time; on a GPU only."
    group_by_length: bool = False
    "Batches of like length: less padding, so quicker."
    log_every: int = 10
    save_every: int = 50
    "Steps between checkpoints. A multiple of `log_every` keeps the logged figures of a resumed run equal to an unbroken one's."
    eval_every: int = 0
    "Steps between looks at validation.jsonl; 0: never."
    threads: int = 0
    "CPU threads; 0: as many as the machine gives. Weights are equal to the last bit only for an equal number."

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "max_length", "lora_rank", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)}: this setting is at least 1.")
        if self.loss_weights and len(self.loss_weights) != len(self.loss_type):
            raise ConfigError(f"loss_weights has {len(self.loss_weights)} numbers for the {len(self.loss_type)} losses in loss_type; give one each.")
        if not self.loss_type:
            raise ConfigError("loss_type is empty; give at least one, for example sigmoid.")
        if self.margin < 0:
            raise ConfigError(f"margin={self.margin} is negative: give 0 or more.")
        if self.margin and self.beta <= 0:
            raise ConfigError(f"beta={self.beta}: a margin needs a beta above 0.")
        if self.rejected_until not in ("end", "difference"):
            raise ConfigError(f"rejected_until={self.rejected_until!r}: give end or difference.")
        if self.wrong_answers not in ("whole", "tone"):
            raise ConfigError(f"wrong_answers={self.wrong_answers!r}: give whole or tone.")


PRESETS: dict[str, dict[str, Any]] = {
    "lacie-mistral-7b": {},
    "bundled": {
        # A model of two million parameters: an adapter on every layer, a higher rate, and an SFT term, without which the text breaks.
        "learning_rate": 1e-3,
        "steps": 250,
        "batch_size": 32,
        "accumulate": 1,
        "loss_type": ["sigmoid", "sft"],
        "loss_weights": [1.0, 6.0],
        "rejected_until": "difference",
        "wrong_answers": "tone",
        "lora_dropout": 0.0,
        "target_modules": ["all-linear"],
        "group_by_length": True,
        "save_every": 50,
    },
}


def train(job: dict[str, Any], folder: Folder, stopping: Stopping) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`."""
    from training.trainers.dpo import train_preferences

    train_preferences(job, from_dict(Config, job["config"]), folder, stopping)


if __name__ == "__main__":
    raise SystemExit(main(train))
