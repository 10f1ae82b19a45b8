"""What trainers that are made of a TRL trainer share: rows on disk, the order of training, TRL's arguments, running from a checkpoint, the end.

`make(arguments, rows, validation, callback)` builds the method's TRL trainer; all else is the same for DPO, SFT and what else TRL has.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import Any

from training.trainers.base import Stopped, Stopping, say
from training.trainers.config import ConfigError
from training.trainers.folder import Folder
from training.trainers.looking import Look, speaking
from training.trainers.order import training_order
from training.trainers.weights import peak_memory_mb, save

Rows = list[dict[str, Any]]


def finetune(
    *,
    job: dict[str, Any],
    config: Any,
    folder: Folder,
    stopping: Stopping,
    tokenizer: Any,
    rows: Rows,
    lengths: list[int],
    make: Callable[[dict[str, Any], Any, Any], Any],
    counts: dict[str, Any],
    last: Callable[[], dict[str, Any]] = dict,
    look: Look | None = None,
) -> None:
    """Train from the newest checkpoint to the end, and leave `adapter/` and `metrics.json`.

    lengths: tokens of each row, for batches of like length. make: (arguments, training set, callback) → TRL's trainer. counts: what
    `metrics.json` tells of the rows. last: further figures, taken when the weights are written. look: at each checkpoint; else at what it says.

    Raises:
        Stopped: it was asked to stop, and has saved.
    """
    from training.trainers.callback import FolderCallback

    checkpoint = folder.latest_checkpoint()
    start = folder.checkpoint_step()
    folder.rewind_progress(start)
    callback = FolderCallback(folder, stopping, look or speaking(job, folder, tokenizer))
    trainer = make(arguments(job, config, folder), kept(rows, folder, "train"), callback)
    trainer.create_model_card = lambda *_, **__: None  # the platform writes its own card, with the data and the figures
    batches = config.steps * config.accumulate
    order = training_order(lengths, batch=config.batch_size, batches=batches, seed=job["seed"], group_by_length=config.group_by_length)
    trainer.train_dataset = trainer.train_dataset.select(order)
    say(f"Going on from step {start} of {config.steps}." if checkpoint else f"Training for {config.steps} steps.")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if callback.stopped:
        raise Stopped
    _finish(trainer, tokenizer, config, folder, {**counts, "tokens": sum(lengths[place] for place in order)}, last)


def _finish(trainer: Any, tokenizer: Any, config: Any, folder: Folder, counts: dict[str, Any], last: Callable[[], dict[str, Any]]) -> None:
    """Write the result, `metrics.json` last, and drop what only a resumed run would need."""
    save(trainer.accelerator.unwrap_model(trainer.model), folder, tokenizer=tokenizer if config.full else None)
    trainable = sum(weights.numel() for weights in trainer.model.parameters() if weights.requires_grad)
    conclude(folder, steps=config.steps, figures={**counts, "trainable_parameters": trainable, **last()})


def conclude(folder: Folder, *, steps: int, figures: dict[str, Any]) -> None:
    """`metrics.json`, and nothing kept that only a resumed run would need."""
    logged: dict[str, Any] = next((line for line in reversed(folder.progress()) if "loss" in line), {})
    folder.write("metrics.json", {**logged, "step": steps, "total": steps, "peak_memory_mb": peak_memory_mb(), **figures})
    shutil.rmtree(folder.checkpoints, ignore_errors=True)
    shutil.rmtree(folder.path / "prepared", ignore_errors=True)
    say(f"Done: {steps} steps.")


def fitting(rows: Rows, longest: Callable[[Rows], Sequence[int]], max_length: int, what: str) -> tuple[Rows, list[int]]:
    """The rows that have at most `max_length` tokens, and their lengths; `longest` measures them, end token included.

    Raises:
        ConfigError: rows are given, and none fits.
    """
    if not rows:
        return [], []
    lengths = longest(rows)
    short = [(row, length) for row, length in zip(rows, lengths, strict=True) if length <= max_length]
    if not short:
        raise ConfigError(f"None of the {len(rows)} {what} fits into max_length={max_length} tokens; the shortest needs {min(lengths)}. Raise it.")
    return [row for row, _ in short], [length for _, length in short]


def kept(rows: Rows, folder: Folder, name: str) -> Any:
    """The rows on disk, so that what TRL computes from them (tokens, reference log-probabilities) is kept for a resumed run."""
    from datasets import Dataset, load_from_disk

    place = folder.path / "prepared" / name
    if not place.exists():
        part = place.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        Dataset.from_list(rows).save_to_disk(part)
        part.rename(place)
    return load_from_disk(str(place))


def arguments(job: dict[str, Any], config: Any, folder: Folder) -> dict[str, Any]:
    """Of every TRL trainer, by Transformers' names."""
    import torch

    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(folder.checkpoints),
        "seed": job["seed"],
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": config.schedule,
        "warmup_steps": config.warmup_steps,
        "max_steps": config.steps,
        "per_device_train_batch_size": config.batch_size,
        "per_device_eval_batch_size": config.batch_size,
        "gradient_accumulation_steps": config.accumulate,
        "max_length": config.max_length,
        "optim": config.optimizer,
        "weight_decay": config.weight_decay,
        "train_sampling_strategy": "sequential",  # the dataset itself is in the order of training
        "bf16": on_gpu and config.bf16,
        "use_cpu": not on_gpu,
        "gradient_checkpointing": on_gpu and config.gradient_checkpointing,
        "logging_steps": config.log_every,
        "save_steps": config.save_every,
        "dataloader_pin_memory": on_gpu,
        "disable_tqdm": True,
        "report_to": "none",
    }
