"""DPO with TRL: the part of LACIE and its baseline that needs torch. Imported by a trainer's subprocess only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.trainers.base import Stopping, say
from training.trainers.chat import as_turns, chatting, length, tokens
from training.trainers.folder import Folder, FolderError
from training.trainers.loop import Rows, finetune, fitting, kept
from training.trainers.weights import load_model, lora, prepare

if TYPE_CHECKING:
    from training.trainers.lacie import Config

COLUMNS = ("prompt", "chosen", "rejected")
HEARD = ("chosen_probability", "rejected_probability")
"Columns, needed by `margin`: what the listener gave the two."
DIFFERENCE = "differs_at"
"Column, needed by `rejected_until=difference`: the character of `rejected` at which its tone begins to differ from the chosen one's."


def train_preferences(job: dict[str, Any], config: Config, folder: Folder, stopping: Stopping) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`. Raises `Stopped` after saving, if it was asked to stop."""
    pairs = folder.rows("train.jsonl", _columns(config))
    if not pairs:
        raise FolderError(f"{folder.path}/train.jsonl has no pairs. `manage.py export_pairs` writes them.")
    prepare(job, threads=config.threads)
    tokenizer, model = load_model(job, four_bit=config.four_bit, bf16=config.bf16, full=config.full)

    chats = chatting(tokenizer, job.get("prompt_style", "plain"))

    def asked(rows: Rows) -> Rows:
        return as_turns(rows, COLUMNS[1:]) if chats else rows

    def longer(rows: Rows) -> list[int]:
        return [max(length(row, side, tokenizer) for side in COLUMNS[1:]) for row in rows]

    short, lengths = fitting(asked(pairs), longer, config.max_length, "pairs")
    say(f"{len(short)} of {len(pairs)} pairs have at most {config.max_length} tokens; the others are left out.")
    looked_at = asked(folder.rows("validation.jsonl", _columns(config)))
    validation, _ = fitting(looked_at, longer, config.max_length, "validation pairs")

    def make(arguments: dict[str, Any], rows: Any, callback: Any) -> Any:
        from trl.trainer.dpo_config import DPOConfig

        looks = bool(validation and config.eval_every)
        trainer = _trainer_class(config, tokenizer)(
            model=model,
            args=DPOConfig(**arguments, **_losses(config), eval_strategy="steps" if looks else "no", eval_steps=config.eval_every or None),
            train_dataset=rows,
            eval_dataset=kept(validation, folder, "validation") if validation else None,
            processing_class=tokenizer,
            peft_config=None if config.full or job.get("adapter") else lora(config),
            callbacks=[callback],
        )
        if config.margin:
            # β (log π_c/ref_c - log π_r/ref_r) - m is the same with m / β added to the chosen answer's reference.
            shift = config.margin / config.beta
            trainer.train_dataset = trainer.train_dataset.map(lambda row: {"ref_chosen_logps": row["ref_chosen_logps"] + shift * _apart(row)})
        return trainer

    finetune(
        job=job,
        config=config,
        folder=folder,
        stopping=stopping,
        tokenizer=tokenizer,
        rows=short,
        lengths=lengths,
        make=make,
        counts={"pairs": len(short), "pairs_too_long": len(pairs) - len(short)},
    )


def _trainer_class(config: Config, tokenizer: Any) -> Any:
    """TRL's, or one whose rejected answers end with the first token that differs.

    What follows that token is settled by it ("That's highly" → "likely"), so pressing it down teaches no preference; it breaks the language:
    the first words are still said now and then, and what should follow them has become unlikely.
    """
    from trl.trainer.dpo_trainer import DPOTrainer

    if config.rejected_until == "end":
        return DPOTrainer

    def cut(row: dict[str, Any]) -> dict[str, Any]:
        differs_at = row[DIFFERENCE] - (not isinstance(row["prompt"], str))  # a turn of a chat has no space before it
        kept = sum(start <= differs_at for start in tokens(row, "rejected", tokenizer)[1]) - len(row["prompt_ids"])
        return {"rejected_ids": row["rejected_ids"][: max(1, kept)]}

    class UntilDifference(DPOTrainer):
        def _prepare_dataset(self, *args: Any, **kwargs: Any) -> Any:
            return super()._prepare_dataset(*args, **kwargs).map(cut, desc="Cutting rejected answers")

    return UntilDifference


def _columns(config: Config) -> tuple[str, ...]:
    return (*COLUMNS, *([] if config.rejected_until == "end" else [DIFFERENCE]), *(HEARD if config.margin else ()))


def _apart(row: dict[str, Any]) -> float:
    """How differently the listener heard the two answers."""
    chosen, rejected = (row[name] for name in HEARD)
    return abs(chosen - rejected)


def _losses(config: Config) -> dict[str, Any]:
    return {
        "beta": config.beta,
        "loss_type": list(config.loss_type),
        "loss_weights": list(config.loss_weights) or None,
        "disable_dropout": config.disable_dropout,
        "precompute_ref_log_probs": config.precompute_ref or config.margin > 0,  # a margin is added to the reference
    }
