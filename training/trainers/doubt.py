"""Reinforcement learning on the confidence tokens, by TRL's GRPO or by the expected reward itself: the part of `rewarding_doubt` that needs torch.
Imported by a trainer's subprocess only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import Trainer, TrainingArguments
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from training.trainers.base import Stopping, say
from training.trainers.config import ConfigError
from training.trainers.folder import Folder, FolderError
from training.trainers.loop import Rows, finetune, fitting
from training.trainers.tuning import adapted, filled, kl, now_and_then
from training.trainers.weights import load_model, lora, prepare

if TYPE_CHECKING:
    from training.trainers.rewarding_doubt import Config

NEW_TOKENS = 4
"""` 10`, in two tokens where a vocabulary has it so, and the end."""


def train_confidence(job: dict[str, Any], config: Config, folder: Folder, stopping: Stopping) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`. Raises `Stopped` after saving, if it was asked to stop."""
    from training.trainers.rewarding_doubt import reward

    facts = _facts(folder)
    prepare(job, threads=config.threads)
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"  # that its hook for sampling may change: this version is pinned
    tokenizer, model = load_model(job, four_bit=config.four_bit, bf16=config.bf16)
    _refuse_no_numbers(tokenizer)
    chats = tokenizer.chat_template is not None
    rows = [{"prompt": _prompt(question, answer, tokenizer, chats), "correct": correct} for question, answer, correct in facts]

    def longest(given: Rows) -> list[int]:
        return [len(ids) + NEW_TOKENS for ids in tokenizer([row["prompt"] for row in given], add_special_tokens=not chats)["input_ids"]]

    short, lengths = fitting(rows, longest, config.max_length, "answers")
    say(f"{len(short)} of {len(rows)} graded answers have at most {config.max_length} tokens; {sum(row['correct'] for row in short)} are right.")

    def paid(completions: list[str], correct: list[bool], **_: Any) -> list[float | None]:
        return [reward(said, right, score=config.score, scale=config.reward_scale) for said, right in zip(completions, correct, strict=True)]

    def drawing(arguments: dict[str, Any], dataset: Any, callback: Any) -> Any:
        arguments.pop("max_length")
        return Drawing(
            keep=config.keep,
            model=model,
            reward_funcs=paid,
            args=GRPOConfig(
                **arguments,
                beta=config.kl,
                num_generations=config.numbers,
                max_completion_length=NEW_TOKENS,
                temperature=config.temperature,
                scale_rewards="none",
                loss_type="grpo",
                shuffle_dataset=False,
            ),
            train_dataset=dataset,
            processing_class=tokenizer,
            peft_config=None if job.get("adapter") else lora(config),
            callbacks=[callback],
            rollout_func=lambda prompts, trainer: _draw(prompts, trainer, config, job["seed"], special=not chats),
        )

    numbers = [] if config.numbers else _number_tokens(tokenizer)

    def weighing(arguments: dict[str, Any], dataset: Any, callback: Any) -> Any:
        arguments.pop("max_length")

        def batch(given: Rows) -> dict[str, torch.Tensor]:
            ids, mask = filled(tokenizer([row["prompt"] for row in given], add_special_tokens=not chats)["input_ids"], tokenizer.pad_token_id or 0)
            return {"input_ids": ids, "attention_mask": mask, "correct": torch.tensor([int(row["correct"]) for row in given])}

        torch.manual_seed(job["seed"])  # the adapter begins at random
        return Weighing(
            config=config,
            numbers=numbers,
            worth=[paid([f" {number}" for number in range(11)] + [""], [right] * 12) for right in (False, True)],
            model=adapted(model, job, config),
            args=TrainingArguments(**arguments, remove_unused_columns=False),
            train_dataset=dataset,
            data_collator=batch,
            callbacks=[callback],
        )

    finetune(
        job=job,
        config=config,
        folder=folder,
        stopping=stopping,
        tokenizer=tokenizer,
        rows=short,
        lengths=lengths,
        make=drawing if config.numbers else weighing,
        counts={"answers": len(short), "answers_too_long": len(rows) - len(short), "right": sum(row["correct"] for row in short)},
    )


class Drawing(GRPOTrainer):
    """GRPO on numbers that are drawn, and on all that stands before them the divergence to the model that was there at the beginning."""

    def __init__(self, *, keep: float, **given: Any) -> None:
        super().__init__(**given)
        self.keep = keep

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        loss: torch.Tensor = super()._compute_loss(model, inputs)  # type: ignore[no-untyped-call]
        if not self.keep:
            return loss
        ids, mask = torch.unique(torch.stack([inputs["prompt_ids"], inputs["prompt_mask"]]), dim=1)
        before = mask.bool()
        before[:, -1] = False  # where the number follows; prompts are filled up on the left
        tuned, frozen = now_and_then(model, ids, mask, before)
        return loss + self.keep * kl(frozen, tuned).mean() / self.current_gradient_accumulation_steps


class Weighing(Trainer):
    """What a policy's gradient is the mean of, without drawing: the reward of each number, weighed by its probability."""

    def __init__(self, *, config: Config, numbers: list[int], worth: list[list[float | None]], **given: Any) -> None:
        super().__init__(**given)
        self.config, self.numbers = config, numbers
        self.worth = torch.tensor(worth, dtype=torch.float32)
        """(2, 12): of 0 to 10 and of what is no number, where the answer is wrong and where it is right."""
        self.model_accepts_loss_kwargs = False  # the loss is a mean over its batch, so that Transformers has to average the accumulated ones
        self.told: dict[str, list[float]] = {"reward": [], "kl": []}

    def compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        mask = inputs["attention_mask"]
        tuned, frozen = now_and_then(model, inputs["input_ids"], mask, mask.bool())
        before = torch.ones(len(tuned), dtype=torch.bool, device=mask.device)
        last = mask.sum(1).cumsum(0) - 1  # of each row, where the number follows
        before[last] = False
        chances = tuned[last][:, self.numbers].exp()
        chances = torch.cat([chances, 1 - chances.sum(1, keepdim=True)], dim=1)
        reward = (chances * self.worth.to(chances.device)[inputs["correct"]]).sum(1).mean()
        drift = kl(tuned[last], frozen[last]).mean()
        loss = -reward + self.config.kl * drift + self.config.keep * kl(frozen[before], tuned[before]).mean()
        self.told["reward"].append(float(reward))
        self.told["kl"].append(float(drift))
        return (loss, {}) if return_outputs else loss

    def log(self, logs: dict[str, float], *given: Any, **named: Any) -> None:
        if "loss" in logs:
            logs |= {name: float(np.mean(values)) for name, values in self.told.items() if values}
            self.told = {name: [] for name in self.told}
        super().log(logs, *given, **named)


def _facts(folder: Folder) -> list[tuple[str, str, bool]]:
    """(question, answer, right) of every graded answer.

    Raises:
        FolderError: there is none, or a row has neither answer nor facts.
    """
    from training.trainers.rewarding_doubt import facts_of

    file = folder.path / "train.jsonl"
    if file.exists() and '"facts"' in file.read_text():
        rows = [{"answer": None, "correct": False, **row} for row in folder.rows("train.jsonl", ("text", "facts"))]
    else:
        rows = [{**row, "facts": None} for row in folder.rows("train.jsonl", ("text", "answer", "correct"))]
    found = [(row["text"], answer, correct) for row in rows for answer, correct in facts_of(row)]
    if not found:
        raise FolderError(f"{file} has no graded answers. Play a game: manage.py play_game.")
    return found


def _refuse_no_numbers(tokenizer: Any) -> None:
    """
    Raises:
        ConfigError: the vocabulary cannot write some number in the room there is for it.
    """
    before = len(tokenizer("Confidence:", add_special_tokens=False)["input_ids"])
    for number in range(11):
        ids = tokenizer(f"Confidence: {number}", add_special_tokens=False)["input_ids"]
        unknown = tokenizer.unk_token_id is not None and tokenizer.unk_token_id in ids
        if unknown or len(ids) - before >= NEW_TOKENS:
            raise ConfigError(f"This model's vocabulary has no short way to write {number}, so that it cannot state its confidence as a number.")


def _number_tokens(tokenizer: Any) -> list[int]:
    """The tokens of 0 to 10 where they follow `Confidence:`.

    Raises:
        ConfigError: one of them is not a single token.
    """
    before = tokenizer("Confidence:", add_special_tokens=False)["input_ids"]
    numbers = [tokenizer(f"Confidence: {number}", add_special_tokens=False)["input_ids"] for number in range(11)]
    if any(ids[:-1] != before for ids in numbers):
        raise ConfigError(
            "In this model's vocabulary not every number from 0 to 10 is one token, so that they cannot be weighed: set numbers to 2 or more."
        )
    return [ids[-1] for ids in numbers]


def _prompt(question: str, answer: str, tokenizer: Any, chats: bool) -> str:
    """The numeric form with the answer, up to where the number follows."""
    from games.prompts import numeric_confidence

    prompt = numeric_confidence(question)
    if not chats:
        return f"{prompt} {answer}. Confidence:"
    asked = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=False)
    return f"{asked}{answer}. Confidence:"


def _draw(prompts: list[str], trainer: Any, config: Config, seed: int, *, special: bool) -> dict[str, Any]:
    """Confidences for each prompt, which TRL repeats for its group. By our own loop: it reads a prompt once for its whole group."""
    from games.speakers.base import Generation
    from games.speakers.sampling import sample

    tokenizer = trainer.processing_class
    distinct = tokenizer(prompts[:: config.numbers], add_special_tokens=special)["input_ids"]
    random = np.random.default_rng([seed, trainer.state.global_step]).random((len(distinct), config.numbers, NEW_TOKENS))
    model = trainer.accelerator.unwrap_model(trainer.model)
    ends = model.generation_config.eos_token_id
    stop = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id} - {None}
    training = model.training
    model.eval()
    drawn = sample(model, distinct, torch.from_numpy(random), Generation(temperature=config.temperature, max_new_tokens=NEW_TOKENS), stop)
    model.train(training)
    said = [one.tokens if len(one.tokens) == NEW_TOKENS else [*one.tokens, tokenizer.eos_token_id] for group in drawn for one in group]
    return {"prompt_ids": [ids for ids in distinct for _ in range(config.numbers)], "completion_ids": said, "logprobs": None}
