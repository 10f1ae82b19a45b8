"""rewarding-doubt: reinforcement learning on the confidence alone, paid by a proper scoring rule (Rewarding Doubt, arXiv 2503.02623).

    python -m training.trainers.rewarding_doubt FOLDER

The prompt is the question in the numeric form with one of the speaker's own answers behind it, up to `Confidence:`; what is sampled, paid and
trained is the number from 0 to 10. The reward is the paper's, from its public code [C]: the log score of the number, clipped, scaled to [-1, 1], a
bonus where the answer is right (which moves no optimum), times `reward_scale`; what is no such number costs three times that. What we do otherwise:

1. GRPO in place of PPO, which TRL no longer has. There is no value network; what an answer's reward is compared with is the mean over the other
   numbers drawn for the same question and answer. For a reward that depends on one token that mean is the better baseline.
2. The group's rewards are centred and **not divided by their standard deviation** (`scale_rewards=none`). Dividing by it gives every group the same
   weight: where the drawn numbers are all fairly good, a small gain would count as much as the step from a boast to a doubt, the reward would no
   longer be the log score, and the number that pays best no longer the probability of being right.
3. The answers are those of a game, sampled once before training, not anew in every step: only the confidence learns.
4. Numbers are drawn from random numbers that hang on seed and step alone, so that a killed run ends as an unbroken one.
5. The Brier score (`score=brier`) is ours: 1 - 2 (q - y)², the same range. It is bounded, and so keeps the guarantee that being right pays
   (arXiv 2507.16806 on why the log score does not).
6. `keep`: the divergence to the base on all that stands before the number, without which a small model forgets how to answer.
7. `numbers=0` draws nothing: the reward of each number counts by its probability, which is what draws estimate. The preset `bundled` uses both, with
   a greater `kl`, so that no number becomes too unlikely to be tried.

Lists: a row of a question with several answers has `facts`, a list of `answer` and `correct`; each fact is a step of its own, as in the paper, here
without the other facts before it. The bundled world has no such questions.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from training.trainers.base import Stopping, main
from training.trainers.config import ConfigError, from_dict
from training.trainers.folder import Folder

NEEDS = "answers"
PROMPT_STYLE = "numeric"
"""How the trained speaker is asked."""
TOP = 10
"""The confidence is a whole number from 0 to this."""
CLIP = 0.001
"[C]"
BONUS = 0.25
"Added where the answer is right. [C]"
NO_NUMBER = -3.0
"In place of the score where there is no number. [C]"
SCORES = ("log", "brier")


@dataclass(frozen=True)
class Config:
    """[C]: from the paper's public code; its PPO's batch and epochs have no counterpart here."""

    score: str = "log"
    "log [C] or brier."
    reward_scale: float = 10.0
    "10 for single answers, 5 for lists. [C]"
    numbers: int = 8
    "Confidences drawn for each answer, the group of GRPO; 0: none is drawn, and each counts by its probability. Ours."
    temperature: float = 1.0
    "Of these draws. [C]"
    kl: float = 0.05
    "Weight of the divergence to the base on the confidence tokens. [C]"
    keep: float = 0.0
    "Weight of the divergence to the base on the tokens before the number, so that the answers stay what they were; ours, 0 is the paper's."
    learning_rate: float = 1e-5
    "[C]"
    schedule: str = "constant"
    "TRL's PPO had none."
    warmup_steps: int = 0
    steps: int = 24000
    "The paper's for lists (section on training); for single answers two epochs."
    batch_size: int = 64
    "Confidences in memory at once: a multiple of `numbers`."
    accumulate: int = 1
    max_length: int = 512
    "Tokens of question and answer; longer rows are left out and counted. Ours."
    optimizer: str = "adamw_torch"
    weight_decay: float = 0.0
    lora_rank: int = 8
    "[C]"
    lora_alpha: int = 8
    "[C]"
    lora_dropout: float = 0.0
    target_modules: tuple[str, ...] = ("all-linear",)
    "Not found in the paper; ours."
    full: bool = False
    "Always false."
    four_bit: bool = True
    "On a GPU only. [C]"
    bf16: bool = True
    "On a GPU only."
    gradient_checkpointing: bool = False
    group_by_length: bool = False
    log_every: int = 10
    save_every: int = 50
    threads: int = 0

    def __post_init__(self) -> None:
        if self.score not in SCORES:
            raise ConfigError(f"score={self.score}: choose one of {', '.join(SCORES)}.")
        if self.full:
            raise ConfigError("full=true: rewarding-doubt trains an adapter. Leave it out.")
        if self.numbers < 0 or self.numbers == 1:
            raise ConfigError(f"numbers={self.numbers}: a group is compared with its own mean; give at least 2, or 0 for none.")
        if min(self.kl, self.keep) < 0:
            raise ConfigError(f"kl={self.kl}, keep={self.keep}: neither weight is below 0.")
        if self.numbers and self.batch_size % self.numbers:
            raise ConfigError(f"batch_size={self.batch_size} is no multiple of numbers={self.numbers}.")
        for name in ("steps", "batch_size", "accumulate", "max_length", "lora_rank", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)}: this setting is at least 1.")


PRESETS: dict[str, dict[str, Any]] = {
    "rewarding-doubt-llama-3-8b": {},
    "rewarding-doubt-lists": {"reward_scale": 5.0},
    "bundled": {
        "learning_rate": 2e-3,
        "schedule": "cosine",
        "warmup_steps": 5,
        "steps": 300,
        "batch_size": 32,
        "numbers": 0,
        "kl": 0.5,
        "keep": 10.0,
        "lora_rank": 16,
        "lora_alpha": 32,
        "group_by_length": True,
    },
}


def reward(said: str, correct: bool, *, score: str = "log", scale: float = 10.0) -> float:
    """What a completion after `Confidence:` is worth.

    >>> [round(reward(f" {c}", right), 1) for c, right in ((0, False), (10, False), (7, True), (10, True))]
    [10.0, -10.0, 11.5, 12.5]
    >>> reward(" quite", True)
    -30.0
    """
    number = re.fullmatch(r"\s*(\d{1,2})\.?\s*", said)
    if number is None or int(number[1]) > TOP:
        return NO_NUMBER * scale
    q = min(1 - CLIP, max(CLIP, int(number[1]) / TOP))
    if score == "brier":
        worth = 1 - 2 * (q - correct) ** 2
    else:
        most, middle = math.log(1 - CLIP), math.log(CLIP) / 2
        worth = ((math.log(q) if correct else math.log(1 - q)) - middle) / (most - middle)
    return scale * (worth + BONUS * correct)


def facts_of(row: dict[str, Any]) -> list[tuple[str, bool]]:
    """The answers of a row with whether each is right: its one, or those of its list; none of an abstention.

    >>> facts_of({"answer": "Paris", "correct": True, "facts": None})
    [('Paris', True)]
    >>> facts_of({"answer": None, "correct": False, "facts": [{"answer": "Ulm", "correct": False}]})
    [('Ulm', False)]
    """
    if row["facts"] is not None:
        return [(str(fact["answer"]), bool(fact["correct"])) for fact in row["facts"]]
    return [] if row["answer"] is None else [(row["answer"], bool(row["correct"]))]


def train(job: dict[str, Any], folder: Folder, stopping: Stopping) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`."""
    from training.trainers.doubt import train_confidence

    train_confidence(job, from_dict(Config, job["config"]), folder, stopping)


if __name__ == "__main__":
    raise SystemExit(main(train))
