"""The part of `calibration_tuning` that needs torch: batches, losses, the network on top, the temperature. For a trainer's subprocess only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F
from transformers import Trainer, TrainingArguments
from trl.trainer.utils import use_adapter

from games.prompts import STYLES, is_it_correct
from training.trainers.base import Stopping, say
from training.trainers.chat import chatting
from training.trainers.config import ConfigError
from training.trainers.folder import QUESTIONS, Folder, FolderError
from training.trainers.judging import Head, calibrate, rows_of, train_probe
from training.trainers.looking import Look, measured
from training.trainers.loop import finetune, fitting
from training.trainers.weights import load_model, lora, prepare

if TYPE_CHECKING:
    from training.trainers.calibration_tuning import Config

OPTIONS = ("no", "yes")
"""In the order of the labels: 0 is wrong, 1 is right."""
HEAD = "head.safetensors"


def train_judge(job: dict[str, Any], config: Config, folder: Folder, stopping: Stopping) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`. Raises `Stopped` after saving, if it was asked to stop."""
    prepare(job, threads=config.threads)
    rows = rows_of(folder, "train.jsonl", config.examples, job["seed"])
    if not 0 < sum(row["correct"] for row in rows) < len(rows):
        raise FolderError(f"{folder.path}/train.jsonl has {len(rows)} answers, all right or all wrong. A judge has to see both.")
    if config.variant == "probe":
        train_probe(job, config, folder, stopping, rows)
        return
    tokenizer, model = load_model(job, four_bit=config.four_bit, bf16=config.bf16)
    style = job.get("prompt_style", "plain")
    options = option_tokens(tokenizer, chatting(tokenizer, style)) if config.variant == "lora-prompt" else []
    coded = [encode(row, tokenizer, style) for row in rows]
    short, lengths = fitting(coded, lambda given: [max(len(row["asked"]), len(row["said"])) for row in given], config.max_length, "answers")
    say(f"{len(short)} of {len(rows)} graded answers have at most {config.max_length} tokens; {sum(row['label'] for row in short)} are right.")

    torch.manual_seed(job["seed"])
    head = Head(model.config.hidden_size) if config.variant == "lora" else None

    def make(arguments: dict[str, Any], dataset: Any, callback: Any) -> Any:
        trained = adapted(model, job, config)
        if head is not None:
            trained.add_module("head", head)
        arguments.pop("max_length")
        return Tuner(
            model=trained,
            args=TrainingArguments(**arguments, remove_unused_columns=False),
            train_dataset=dataset,
            data_collator=lambda given: _batch(given, tokenizer.pad_token_id or 0, by_prompt=config.variant == "lora-prompt"),
            callbacks=[callback],
            options=options,
            keep=DIVERGENCES[config.keep],
            keep_weight=config.keep_weight,
        )

    def last() -> dict[str, Any]:
        if head is not None:
            head.save(str(folder.path / "adapter" / HEAD))
        return calibrate(job, config, folder)

    finetune(
        job=job,
        config=config,
        folder=folder,
        stopping=stopping,
        tokenizer=tokenizer,
        rows=short,
        lengths=lengths,
        make=make,
        counts={"answers": len(short), "answers_too_long": len(rows) - len(short), "right": sum(row["label"] for row in short)},
        last=last,
        look=_look_at(folder, config, tokenizer, style, options),
    )


def _look_at(folder: Folder, config: Config, tokenizer: Any, style: str, options: list[int]) -> Look:
    """What the judge makes of an answer to each question that is looked at."""
    asked = {row["text"] for row in folder.rows(QUESTIONS, ("text",))}
    answered = {row["text"]: encode(row, tokenizer, style) for row in rows_of(folder, "validation.jsonl") if row["text"] in asked}
    rows = [row for row in answered.values() if len(row["asked"]) <= config.max_length]

    def look(model: Any) -> dict[str, Any]:
        batches = [rows[start : start + config.batch_size] for start in range(0, len(rows), config.batch_size)]
        sure = []
        with torch.no_grad():
            for batch in batches:
                inputs = _batch(batch, tokenizer.pad_token_id or 0, by_prompt=config.variant == "lora-prompt")
                inputs = {name: values.to(model.device) for name, values in inputs.items()}
                sure += judgment(model, inputs, options).softmax(-1)[:, 1].tolist()
        return measured("computed", sure, [bool(row["label"]) for row in rows])

    return look


def option_tokens(tokenizer: Any, chats: bool) -> list[int]:
    """The tokens that the options begin with where they follow a prompt; by the same rule as `games.speakers.local`.

    Raises:
        ConfigError: they begin with the same token.
    """
    prompt, space = ("", "") if chats else ("Response:", " ")
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    ids = [tokenizer(f"{prompt}{space}{option}", add_special_tokens=False)["input_ids"] for option in OPTIONS]
    first = [one[len(before)] if one[: len(before)] == before and len(one) > len(before) else one[-1] for one in ids]
    if first[0] == first[1]:
        raise ConfigError("In this model's vocabulary yes and no begin alike, so that it cannot be asked: use variant=probe or variant=lora.")
    return first


def encode(row: dict[str, Any], tokenizer: Any, style: str) -> dict[str, Any]:
    """Token ids of the query, of question and answer, of what was said, and where in the last the response begins."""
    chats = chatting(tokenizer, style)

    def ids(prompt: str, text: str = "") -> list[int]:
        if chats:
            prompt = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=False)
        joined = prompt + (text if chats or not text else f" {text}")
        found: list[int] = tokenizer(joined, add_special_tokens=not chats)["input_ids"]
        return found

    prompt = STYLES[style](row["text"])
    said, alone = ids(prompt, row["said"]), ids(prompt)
    begin = next((place for place, (one, two) in enumerate(zip(alone, said, strict=False)) if one != two), len(alone))
    query = ids(is_it_correct(row["text"], row["answer"]))
    return {"asked": query, "answered": ids(prompt, row["answer"]), "said": said, "begin": begin, "label": int(row["correct"])}


def _batch(rows: list[dict[str, Any]], pad: int, *, by_prompt: bool) -> dict[str, Any]:
    judged, judged_mask = filled([row["asked" if by_prompt else "answered"] for row in rows], pad)
    said, said_mask = filled([row["said"] for row in rows], pad)
    places = torch.arange(said.shape[1])[None]  # what is predicted from place i is token i + 1
    begins = torch.tensor([[row["begin"] - 1] for row in rows])
    ends = said_mask.sum(1, keepdim=True) - 1
    return {
        "judged": judged,
        "judged_mask": judged_mask,
        "said": said,
        "said_mask": said_mask,
        "kept": (places >= begins) & (places < ends),
        "labels": torch.tensor([row["label"] for row in rows]),
    }


def filled(texts: list[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, filled up at the end: causal attention never looks there."""
    longest = max(map(len, texts))
    ids = torch.tensor([text + [pad] * (longest - len(text)) for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    return ids, mask


def kl(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """KL(p ‖ q) of log-probabilities over the last axis."""
    return (p.exp() * (p - q)).sum(-1)


def _jsd(tuned: torch.Tensor, frozen: torch.Tensor) -> torch.Tensor:
    middle = torch.logaddexp(tuned, frozen) - float(np.log(2))
    return (kl(tuned, middle) + kl(frozen, middle)) / 2


DIVERGENCES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None] = {
    "jsd": _jsd,
    "forward-kl": lambda tuned, frozen: kl(frozen, tuned),
    "reverse-kl": lambda tuned, frozen: kl(tuned, frozen),
    "off": None,
}
"""Of (tuned, frozen) log-probabilities, one number a token."""


def adapted(model: Any, job: dict[str, Any], config: Any) -> Any:
    """The model with an adapter to train, and as `ref` the one that it begins with, where it has one."""
    from peft import get_peft_model

    if not job.get("adapter"):
        return get_peft_model(model, lora(config))
    model.load_adapter(job["adapter"], adapter_name="ref")
    return model


def now_and_then(model: Any, ids: torch.Tensor, mask: torch.Tensor, at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of the next token at the places `at` (rows, tokens), text after text: (places, vocabulary), of the model as it is, and of the
    frozen one that training began with."""

    def said() -> torch.Tensor:
        logits: torch.Tensor = model(input_ids=ids, attention_mask=mask).logits
        return logits[at].float().log_softmax(-1)

    tuned = said()
    with torch.no_grad(), use_adapter(model, adapter_name="ref" if "ref" in model.peft_config else None):
        return tuned, said()


def judgment(model: Any, inputs: dict[str, Any], options: list[int]) -> torch.Tensor:
    """(rows, 2): logits of wrong and right."""
    head = getattr(model, "head", None)
    out = model(input_ids=inputs["judged"], attention_mask=inputs["judged_mask"], output_hidden_states=head is not None)
    states = out.logits[:, :, options] if head is None else out.hidden_states[-1]
    last = states[torch.arange(len(states)), inputs["judged_mask"].sum(1) - 1].float()
    return last if head is None else head(last)


class Tuner(Trainer):
    """Cross-entropy on right or wrong, and the divergence to the frozen model on what was said."""

    def __init__(self, *, options: list[int], keep: Any, keep_weight: float, **given: Any) -> None:
        super().__init__(**given)
        self.options, self.keep, self.keep_weight = options, keep, keep_weight
        self.model_accepts_loss_kwargs = False  # the loss is a mean over its batch, so that Transformers has to average the accumulated ones

    def compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        loss = F.cross_entropy(judgment(model, inputs, self.options), inputs["labels"])
        if self.keep is not None and self.keep_weight:
            loss = loss + self.keep_weight * self._divergence(model, inputs)
        return (loss, {}) if return_outputs else loss

    def _divergence(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        kept: torch.Tensor = self.keep(*now_and_then(model, inputs["said"], inputs["said_mask"], inputs["kept"])).mean()
        return kept

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        super()._save(output_dir, state_dict)
        if head := self._head():
            head.save(f"{output_dir}/{HEAD}")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if head := self._head():
            head.load(f"{resume_from_checkpoint}/{HEAD}")

    def _head(self) -> Head | None:
        return getattr(self.model, "head", None)
