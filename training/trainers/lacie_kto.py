"""LACIE without pairs: Kahneman-Tversky optimisation straight from single judgments (KTO, arXiv 2402.01306, by TRL), which is what people give.

    python -m training.trainers.lacie_kto FOLDER

This is ours; the LACIE paper trains on pairs alone. An utterance is *desirable* where its utility under LACIE's table is above 0: right and
accepted, or wrong and rejected; it is undesirable where a right answer was rejected or a wrong one accepted. Nothing is compared with anything,
so one judgment of one utterance is enough, and a judgment without its opposite is not lost. The numbers that are not KTO's are LACIE's, so that
the two compare. What a reader could get wrong:

1. KTO weighs the two labels by `desirable_weight` and `undesirable_weight`; where both are 0, as by default, the rarer label weighs more, so that
   each has half of the say.
2. Its reference point is estimated within a batch, from answers put to their neighbours' questions: a batch is at least two.
3. `train.jsonl` has every judged answer; which are learned from, and which are desirable, is `training.preferences.unpaired`'s rule. See there for
   `match`, which KTO needs as much as DPO does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.preferences import MATCHED
from training.trainers.base import Stopping, main
from training.trainers.config import ConfigError, from_dict
from training.trainers.folder import Folder

NEEDS = "judgments"


@dataclass(frozen=True)
class Config:
    """Unless a line says otherwise, the number is LACIE's (`training.trainers.lacie`)."""

    beta: float = 0.1
    "Strength of the pull towards the reference; KTO's and LACIE's."
    desirable_weight: float = 0.0
    undesirable_weight: float = 0.0
    "Weights of the two labels; both 0: the rarer is raised until they have the same say."
    threshold: str = "median"
    "From which probability on an answer counts as accepted: median, verdict (the listener's own decision; people's) or a number."
    match: str = "any"
    """answer: only answers told in desirable and undesirable tones, as many of one as of the other; grade: the same of right and of wrong answers.
    See `training.preferences.unpaired`."""
    balance: bool = True
    "As many of each of the four cases: right or wrong, accepted or rejected."
    learning_rate: float = 5e-4
    schedule: str = "cosine"
    warmup_steps: int = 10
    steps: int = 250
    batch_size: int = 6
    accumulate: int = 10
    max_length: int = 200
    optimizer: str = "adamw_torch"
    weight_decay: float = 0.0
    sft_weight: float = 0.0
    "Weight of the log-likelihood of desirable answers beside KTO, as LACIE's `loss_type=sigmoid,sft`; ours."
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    "Without effect: TRL's KTO switches dropout off, as LACIE's DPO does."
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj")
    full: bool = False
    "Train all weights instead of an adapter; ours."
    precompute_ref: bool = False
    "Compute the reference's log-probabilities once, before training."
    four_bit: bool = True
    "On a GPU only."
    bf16: bool = True
    "On a GPU only."
    gradient_checkpointing: bool = False
    "On a GPU only."
    group_by_length: bool = False
    "Batches of like length: less padding, so quicker."
    log_every: int = 10
    save_every: int = 50
    threads: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "accumulate", "max_length", "lora_rank", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)}: this setting is at least 1.")
        if self.batch_size < 2:
            raise ConfigError(f"batch_size={self.batch_size}: KTO compares an answer with its batch's others; give at least 2.")
        if (self.desirable_weight == 0) != (self.undesirable_weight == 0) or min(self.desirable_weight, self.undesirable_weight) < 0:
            raise ConfigError("desirable_weight and undesirable_weight: give both, above 0, or neither.")
        if self.match not in MATCHED:
            raise ConfigError(f"match={self.match}: give {', '.join(MATCHED)}.")
        if self.threshold not in ("median", "verdict"):
            _check_number(self.threshold)


def _check_number(text: str) -> None:
    try:
        fits = 0 <= float(text) <= 1
    except ValueError:
        fits = False
    if not fits:
        raise ConfigError(f"threshold={text}: give median, verdict or a number from 0 to 1.")


PRESETS: dict[str, dict[str, Any]] = {
    "lacie-mistral-7b": {},
    "bundled": {
        # As LACIE's was: the same answer in two tones, an adapter on every layer, a higher rate, and the likelihood of what is desirable.
        "threshold": "0.66",
        "match": "answer",
        "learning_rate": 1e-3,
        "steps": 150,
        "batch_size": 64,
        "accumulate": 1,
        "sft_weight": 1.0,
        "lora_dropout": 0.0,
        "target_modules": ["all-linear"],
        "precompute_ref": True,
        "group_by_length": True,
    },
}


def train(job: dict[str, Any], folder: Folder, stopping: Stopping) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`."""
    from training.trainers.kto import train_unpaired

    train_unpaired(job, from_dict(Config, job["config"]), folder, stopping)


if __name__ == "__main__":
    raise SystemExit(main(train))
