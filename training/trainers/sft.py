"""Supervised fine-tuning with TRL on rows of prompt and completion, the loss on the completion only. What methods that write their own rows share.

`Finetuning` has the numbers that every such method has; a method's `Config` adds its own. Imports no torch at the top.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from training.trainers.base import Stopping, say
from training.trainers.chat import as_turns, chatting, length
from training.trainers.config import ConfigError
from training.trainers.folder import Folder, FolderError
from training.trainers.loop import Rows, finetune, fitting
from training.trainers.weights import load_model, lora, prepare


@dataclass(frozen=True)
class Finetuning:
    """Numbers of the optimiser and the adapter. The papers of the SFT methods do not tell theirs: these are LACIE's, where its code has them."""

    learning_rate: float = 2e-4
    "Usual for LoRA; the papers' are not found."
    schedule: str = "cosine"
    "Learning-rate schedule, by Transformers' name."
    warmup_steps: int = 10
    steps: int = 250
    "Optimiser steps."
    batch_size: int = 6
    "Rows in memory at once."
    accumulate: int = 10
    "Batches an optimiser step."
    max_length: int = 256
    "Tokens of prompt and completion together; longer rows are left out and counted."
    optimizer: str = "adamw_torch"
    "By Transformers' name."
    weight_decay: float = 0.0
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    target_modules: tuple[str, ...] = ("all-linear",)
    "Layers that get an adapter; `all-linear`: all but the output layer."
    full: bool = False
    "Train all weights instead of an adapter."
    four_bit: bool = True
    "NF4 with double quantisation; on a GPU only, on a CPU it is ignored."
    bf16: bool = True
    "On a GPU only."
    gradient_checkpointing: bool = False
    "Less memory, about a third more time; on a GPU only."
    group_by_length: bool = False
    "Batches of like length: less padding, so quicker."
    log_every: int = 10
    save_every: int = 50
    "Steps between checkpoints. A multiple of `log_every` keeps the logged figures of a resumed run equal to an unbroken one's."
    threads: int = 0
    "CPU threads; 0: as many as the machine gives. Weights are equal to the last bit only for an equal number."

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "max_length", "lora_rank", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)}: this setting is at least 1.")


BUNDLED: dict[str, Any] = {
    "learning_rate": 1e-3,
    "steps": 150,
    "batch_size": 32,
    "accumulate": 1,
    "lora_dropout": 0.0,
    "group_by_length": True,
}
"""What the bundled speaker of two million parameters takes in place of these numbers."""


@dataclass(frozen=True)
class Example:
    """What the model is to say (`completion`) when it is asked `prompt`, a text of `games.prompts`."""

    prompt: str
    completion: str


def train_completions(
    *,
    job: dict[str, Any],
    config: Finetuning,
    folder: Folder,
    stopping: Stopping,
    examples: Sequence[Example],
    counts: dict[str, Any],
    last: Callable[[], dict[str, Any]] = dict,
) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`. Raises `Stopped` after saving, if it was asked to stop.

    `last` is called when `adapter/` is written; what it gives goes into `metrics.json`.
    """
    if not examples:
        raise FolderError(f"The answers in {folder.path}/train.jsonl give nothing to train on.")
    prepare(job, threads=config.threads)
    tokenizer, model = load_model(job, four_bit=config.four_bit, bf16=config.bf16, full=config.full)
    rows: Rows = [{"prompt": example.prompt, "completion": f" {example.completion}"} for example in examples]
    if chatting(tokenizer, job.get("prompt_style", "plain")):
        rows = as_turns(rows, ["completion"])

    def longest(given: Rows) -> list[int]:
        return [length(row, "completion", tokenizer) for row in given]

    short, lengths = fitting(rows, longest, config.max_length, "rows")
    say(f"{len(short)} of {len(rows)} rows have at most {config.max_length} tokens; the others are left out.")

    def make(arguments: dict[str, Any], given: Any, callback: Any) -> Any:
        from trl.trainer.sft_config import SFTConfig
        from trl.trainer.sft_trainer import SFTTrainer

        return SFTTrainer(
            model=model,
            args=SFTConfig(**arguments, completion_only_loss=True),
            train_dataset=given,
            processing_class=tokenizer,
            peft_config=None if config.full or job.get("adapter") else lora(config),
            callbacks=[callback],
        )

    told = {"rows": len(short), "rows_too_long": len(rows) - len(short), **counts}
    finetune(
        job=job,
        config=config,
        folder=folder,
        stopping=stopping,
        tokenizer=tokenizer,
        rows=short,
        lengths=lengths,
        make=make,
        counts=told,
        last=last,
    )
