"""DPO with TRL: the part of LACIE and its baseline that needs torch. Imported by a trainer's subprocess only."""

from __future__ import annotations

from functools import partial
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
TONES = ("pair_type", "chosen_tone_at", "rejected_tone_at")
"Columns, needed by `wrong_answers=tone`: which of the two are wrong, and at which character their tones begin."
GIVEN = ("chosen_given", "rejected_given")
"Columns of our own: how many of an answer's first tokens are given."


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
            args=DPOConfig(
                **arguments,
                **_losses(config),
                eval_strategy="steps" if looks else "no",
                eval_steps=config.eval_every or None,
                remove_unused_columns=False,  # the collator takes what it needs
            ),
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
    """TRL's, or one that learns from parts of the answers.

    `rejected_until=difference`: what follows the first token that differs is settled by it ("That's highly" → "likely"), so pressing it down teaches
    no preference; it breaks the language: the first words are still said now and then, and what should follow them has become unlikely.

    `wrong_answers=tone`: a wrong answer is given, as the prompt is. Nothing makes it likelier; what is preferred or pressed down is its tone.
    """
    from trl.trainer.dpo_trainer import DataCollatorForPreference, DPOTrainer

    if not _parts(config):
        return DPOTrainer

    class Collator(DataCollatorForPreference):
        def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
            batch: dict[str, Any] = super().torch_call(examples)
            answers = [(len(row["prompt_ids"]), row[name]) for name in GIVEN for row in examples]
            for mask, (prompt, given) in zip(batch["completion_mask"], answers, strict=True):
                mask[prompt : prompt + given] = 0
            return batch

    class InParts(DPOTrainer):
        def __init__(self, **arguments: Any) -> None:
            super().__init__(**arguments, data_collator=Collator(pad_token_id=tokenizer.pad_token_id))

        def _prepare_dataset(self, *args: Any, **kwargs: Any) -> Any:
            return super()._prepare_dataset(*args, **kwargs).map(partial(_learned, config, tokenizer), desc="Finding the parts to learn from")

    return InParts


def _learned(config: Config, tokenizer: Any, row: dict[str, Any]) -> dict[str, Any]:
    """What of a row's answers is learned from, in tokens: what is left of the rejected one, and how many of each one's first are given."""
    space = isinstance(row["prompt"], str)  # a turn of a chat has none before it

    def before(side: str, character: int) -> int:
        """How many of its tokens begin before this character."""
        return sum(start + (not space) < character for start in tokens(row, side, tokenizer)[1][len(row["prompt_ids"]) :])

    found: dict[str, Any] = dict.fromkeys(GIVEN, 0)
    if config.rejected_until == "difference":
        found["rejected_ids"] = row["rejected_ids"][: max(1, before("rejected", row[DIFFERENCE] + 1))]
    if config.wrong_answers == "tone":
        for name, side, kind in zip(GIVEN, COLUMNS[1:], row["pair_type"].split(">"), strict=True):
            found[name] = before(side, row[f"{side}_tone_at"]) if kind.startswith("~C") else 0
    return found


def _parts(config: Config) -> tuple[str, ...]:
    """The columns that tell of parts, of those that this configuration learns from."""
    return (DIFFERENCE,) * (config.rejected_until == "difference") + TONES * (config.wrong_answers == "tone")


def _columns(config: Config) -> tuple[str, ...]:
    return (*COLUMNS, *_parts(config), *(HEARD if config.margin else ()))


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
