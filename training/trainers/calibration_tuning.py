"""calibration-tuning: a language model is taught to tell, of an answer, how likely it is right (Kapoor et al., arXiv 2406.08391).

    python -m training.trainers.calibration_tuning FOLDER

Graded answers are the labels; three variants, as in the paper and its public code [C]:

* `probe`: a small network on the last layer at the end of question and answer; the language model stays frozen.
* `lora`: the same network, and an adapter is trained with it.
* `lora-prompt`: no network; the model is asked "is the proposed answer correct?", and an adapter is trained by cross-entropy on the two options.

Beside the cross-entropy of the two with an adapter stands a divergence between tuned and frozen next-token distributions on what the speaker said
(`keep`), so that its answers stay what they were. Afterwards one temperature is fitted on the answers to validation questions. The result's
probability is `computed`: `games.estimators.tuned` reads it back. Where ours differs:

1. The options are `yes` and `no` in place of `(ii)` and `(i)`, and the cross-entropy is taken among the two, as the probability is read.
2. Where the paper's base is in 8 bits, ours is in 4 on a GPU; the layers that get the adapter are not found there, ours are q and v.
3. Correctness comes from the game's grading, not from a judge model.
4. The temperature lies in [.05, 20] and is 1 where there are too few validation answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.trainers.base import Stopping, main
from training.trainers.config import ConfigError, from_dict
from training.trainers.folder import Folder

NEEDS = "answers"
VALIDATION = True
"""It fits its temperature on answers to validation questions."""
OF_OTHERS = True
"""It may learn to judge another speaker's answers (section 6.1)."""
VARIANTS = ("probe", "lora", "lora-prompt")
KEEPS = ("jsd", "forward-kl", "reverse-kl", "off")


@dataclass(frozen=True)
class Config:
    """[C]: from the paper's public code."""

    variant: str = "lora-prompt"
    "probe, lora or lora-prompt."
    examples: int = 0
    "Graded answers to learn from, drawn by the seed; 0: all. The paper: 20,000; about 2,000 give most of the AUROC, 200 too little."
    keep: str = "jsd"
    "Divergence to the frozen model: jsd [C], forward-kl (frozen to tuned), reverse-kl, or off. Without effect on a probe."
    keep_weight: float = 1.0
    "[C]"
    learning_rate: float = 1e-4
    "[C]"
    schedule: str = "cosine"
    "[C]"
    warmup_steps: int = 0
    "[C]"
    steps: int = 5000
    "[C]"
    batch_size: int = 4
    "A GPU. [C]"
    accumulate: int = 1
    max_length: int = 512
    "Tokens of prompt and answer; longer rows are left out and counted. Ours."
    optimizer: str = "adamw_torch"
    weight_decay: float = 0.0
    "[C]"
    lora_rank: int = 8
    "[C]"
    lora_alpha: int = 32
    "[C]"
    lora_dropout: float = 0.1
    "[C]"
    target_modules: tuple[str, ...] = ("q_proj", "v_proj")
    "Not found in the paper; ours."
    full: bool = False
    "Always false: a judge is an adapter or a probe."
    four_bit: bool = True
    "On a GPU only. The paper: 8 bits."
    bf16: bool = True
    "On a GPU only."
    gradient_checkpointing: bool = False
    group_by_length: bool = False
    log_every: int = 10
    save_every: int = 50
    "Steps between checkpoints."
    threads: int = 0

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ConfigError(f"variant={self.variant}: choose one of {', '.join(VARIANTS)}.")
        if self.keep not in KEEPS:
            raise ConfigError(f"keep={self.keep}: choose one of {', '.join(KEEPS)}.")
        if self.full:
            raise ConfigError("full=true: calibration-tuning trains an adapter or a probe. Leave it out.")
        if self.examples < 0:
            raise ConfigError(f"examples={self.examples} is negative; 0 means all.")
        for name in ("steps", "batch_size", "accumulate", "max_length", "lora_rank", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)}: this setting is at least 1.")


PRESETS: dict[str, dict[str, Any]] = {
    "calibration-tuning": {},
    "bundled": {
        # Two million parameters on two cores: an adapter on every layer, a higher rate, and minutes in place of hours.
        "learning_rate": 2e-3,
        "warmup_steps": 10,
        "steps": 300,
        "batch_size": 32,
        "lora_rank": 16,
        "lora_dropout": 0.0,
        "target_modules": ["all-linear"],
        "group_by_length": True,
    },
}


def train(job: dict[str, Any], folder: Folder, stopping: Stopping) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`."""
    from training.trainers.tuning import train_judge

    train_judge(job, from_dict(Config, job["config"]), folder, stopping)


if __name__ == "__main__":
    raise SystemExit(main(train))
