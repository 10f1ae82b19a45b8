"""DPO with TRL: the part of LACIE and its baseline that needs torch. Imported by a trainer's subprocess only."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from training.trainers.base import Stopped, Stopping, say
from training.trainers.config import ConfigError
from training.trainers.folder import Folder, FolderError
from training.trainers.order import training_order
from training.trainers.weights import load_model, lora, prepare, save

if TYPE_CHECKING:
    from training.trainers.lacie import Config

COLUMNS = ("prompt", "chosen", "rejected")
DIFFERENCE = "differs_at"
"Column, needed by `rejected_until=difference`: the character of `rejected` at which its tone begins to differ from the chosen one's."


def train_preferences(job: dict[str, Any], config: Config, folder: Folder, stopping: Stopping) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`. Raises `Stopped` after saving, if it was asked to stop."""
    pairs = folder.rows("train.jsonl", _columns(config))
    if not pairs:
        raise FolderError(f"{folder.path}/train.jsonl has no pairs. `manage.py export_pairs` writes them.")
    prepare(job, threads=config.threads)
    from training.trainers.callback import FolderCallback

    checkpoint = folder.latest_checkpoint()
    start = folder.checkpoint_step()
    folder.rewind_progress(start)
    tokenizer, model = load_model(job, four_bit=config.four_bit, bf16=config.bf16, full=config.full)
    fitting, lengths = _fitting(pairs, tokenizer, config.max_length)
    say(f"{len(fitting)} of {len(pairs)} pairs have at most {config.max_length} tokens; the others are left out.")
    callback = FolderCallback(folder, stopping)
    trainer = _trainer(job, config, folder, model=model, tokenizer=tokenizer, pairs=fitting, callback=callback)
    trainer.train_dataset = trainer.train_dataset.select(_order(lengths, config, job["seed"]))
    say(f"Going on from step {start} of {config.steps}." if checkpoint else f"Training for {config.steps} steps.")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if callback.stopped:
        raise Stopped
    _finish(trainer, tokenizer, config, folder, {"pairs": len(fitting), "pairs_too_long": len(pairs) - len(fitting)})


def _trainer(job: dict[str, Any], config: Config, folder: Folder, *, model: Any, tokenizer: Any, pairs: list[dict[str, Any]], callback: Any) -> Any:
    validation, _ = _fitting(folder.rows("validation.jsonl", _columns(config)), tokenizer, config.max_length)
    trainer: Any = _trainer_class(config, tokenizer)(
        model=model,
        args=_arguments(job, config, folder, evaluate=bool(validation)),
        train_dataset=_dataset(pairs, folder, "train"),
        eval_dataset=_dataset(validation, folder, "validation") if validation else None,
        processing_class=tokenizer,
        peft_config=None if config.full or job.get("adapter") else lora(config),
        callbacks=[callback],
    )
    trainer.create_model_card = lambda *_, **__: None  # the platform writes its own card, with the data and the figures
    return trainer


def _trainer_class(config: Config, tokenizer: Any) -> Any:
    """TRL's, or one whose rejected answers end with the first token that differs.

    What follows that token is settled by it ("That's highly" → "likely"), so pressing it down teaches no preference; it breaks the language:
    the first words are still said now and then, and what should follow them has become unlikely.
    """
    from trl.trainer.dpo_trainer import DPOTrainer

    if config.rejected_until == "end":
        return DPOTrainer

    def cut(row: dict[str, Any]) -> dict[str, Any]:
        starts = [start for start, _ in tokenizer(row["prompt"] + row["rejected"], return_offsets_mapping=True)["offset_mapping"]]
        kept = sum(start <= len(row["prompt"]) + row[DIFFERENCE] for start in starts) - len(row["prompt_ids"])
        return {"rejected_ids": row["rejected_ids"][: max(1, kept)]}

    class UntilDifference(DPOTrainer):
        def _prepare_dataset(self, *args: Any, **kwargs: Any) -> Any:
            return super()._prepare_dataset(*args, **kwargs).map(cut, desc="Cutting rejected answers")

    return UntilDifference


def _columns(config: Config) -> tuple[str, ...]:
    return COLUMNS if config.rejected_until == "end" else (*COLUMNS, DIFFERENCE)


def _finish(trainer: Any, tokenizer: Any, config: Config, folder: Folder, counts: dict[str, int]) -> None:
    """Write the result, `metrics.json` last, and drop what only a resumed run would need."""
    save(trainer.accelerator.unwrap_model(trainer.model), folder, tokenizer=tokenizer if config.full else None)
    last: dict[str, Any] = next((line for line in reversed(folder.progress()) if "loss" in line), {})
    trainable = sum(weights.numel() for weights in trainer.model.parameters() if weights.requires_grad)
    folder.write("metrics.json", {**last, "step": config.steps, "total": config.steps, **counts, "trainable_parameters": trainable})
    shutil.rmtree(folder.checkpoints, ignore_errors=True)
    shutil.rmtree(folder.path / "prepared", ignore_errors=True)
    say(f"Done: {config.steps} steps.")


def _fitting(pairs: list[dict[str, Any]], tokenizer: Any, max_length: int) -> tuple[list[dict[str, Any]], list[int]]:
    """The pairs whose longer text, with the end token, has at most `max_length` tokens; and the length of that text.

    Raises:
        ConfigError: pairs are given, and none fits.
    """
    if not pairs:
        return [], []
    texts = [[pair["prompt"] + pair[side] for pair in pairs] for side in COLUMNS[1:]]
    longer = [max(map(len, both)) + 1 for both in zip(*(tokenizer(side)["input_ids"] for side in texts), strict=True)]
    fitting = [(pair, length) for pair, length in zip(pairs, longer, strict=True) if length <= max_length]
    if not fitting:
        raise ConfigError(f"None of the {len(pairs)} pairs fits into max_length={max_length} tokens; the shortest needs {min(longer)}. Raise it.")
    return [pair for pair, _ in fitting], [length for _, length in fitting]


def _order(lengths: list[int], config: Config, seed: int) -> list[int]:
    batches = config.steps * config.accumulate
    return training_order(lengths, batch=config.batch_size, batches=batches, seed=seed, group_by_length=config.group_by_length)


def _dataset(pairs: list[dict[str, Any]], folder: Folder, name: str) -> Any:
    """The pairs on disk, so that what TRL computes from them (tokens, reference log-probabilities) is kept for a resumed run."""
    from datasets import Dataset, load_from_disk

    kept = folder.path / "prepared" / name
    if not kept.exists():
        part = kept.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        Dataset.from_list(pairs).save_to_disk(part)
        part.rename(kept)
    return load_from_disk(str(kept))


def _arguments(job: dict[str, Any], config: Config, folder: Folder, *, evaluate: bool) -> Any:
    import torch
    from trl.trainer.dpo_config import DPOConfig

    on_gpu = torch.cuda.is_available()
    return DPOConfig(
        output_dir=str(folder.checkpoints),
        seed=job["seed"],
        beta=config.beta,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.schedule,
        warmup_steps=config.warmup_steps,
        max_steps=config.steps,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        gradient_accumulation_steps=config.accumulate,
        max_length=config.max_length,
        optim=config.optimizer,
        weight_decay=config.weight_decay,
        loss_type=list(config.loss_type),
        loss_weights=list(config.loss_weights) or None,
        disable_dropout=config.disable_dropout,
        precompute_ref_log_probs=config.precompute_ref,
        train_sampling_strategy="sequential",  # the dataset itself is in the order of training
        bf16=on_gpu and config.bf16,
        use_cpu=not on_gpu,
        gradient_checkpointing=on_gpu and config.gradient_checkpointing,
        logging_steps=config.log_every,
        save_steps=config.save_every,
        eval_strategy="steps" if evaluate and config.eval_every else "no",
        eval_steps=config.eval_every or None,
        dataloader_pin_memory=on_gpu,
        disable_tqdm=True,
        report_to="none",
    )
