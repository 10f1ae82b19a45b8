"""KTO with TRL: the part of `lacie_kto` that needs torch. Imported by a trainer's subprocess only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.trainers.base import Stopping, say
from training.trainers.chat import as_turns, chatting, length
from training.trainers.folder import Folder, FolderError
from training.trainers.loop import Rows, finetune, fitting
from training.trainers.weights import load_model, lora, prepare

if TYPE_CHECKING:
    from training.trainers.lacie_kto import Config

COLUMNS = ("id", "prompt", "completion", "question", "answer", "correct", "accepted")


def train_unpaired(job: dict[str, Any], config: Config, folder: Folder, stopping: Stopping) -> None:
    """Train, or go on training, and leave `adapter/` and `metrics.json`. Raises `Stopped` after saving, if it was asked to stop."""
    rows = _labelled(folder, config, job["seed"])
    prepare(job, threads=config.threads)
    tokenizer, model = load_model(job, four_bit=config.four_bit, bf16=config.bf16, full=config.full)

    def longest(given: Rows) -> list[int]:
        return [length(row, "completion", tokenizer) for row in given]

    # TRL puts each answer to its neighbour's question to estimate the reference point: neighbours must not be of one question.
    shuffled = [rows[place] for place in np.random.default_rng(job["seed"]).permutation(len(rows))]
    if chatting(tokenizer, job.get("prompt_style", "plain")):
        shuffled = as_turns(shuffled, ["completion"])
    short, lengths = fitting(shuffled, longest, config.max_length, "answers")
    say(f"{len(short)} of {len(rows)} judged answers have at most {config.max_length} tokens; the others are left out.")

    def make(arguments: dict[str, Any], dataset: Any, callback: Any) -> Any:
        from trl.trainer.kto_config import KTOConfig

        desirable, undesirable = weights(config, [row["label"] for row in short])
        return _trainer_class(config.sft_weight)(
            model=model,
            args=KTOConfig(
                **arguments,
                beta=config.beta,
                desirable_weight=desirable,
                undesirable_weight=undesirable,
                precompute_ref_log_probs=config.precompute_ref,
            ),
            train_dataset=dataset,
            processing_class=tokenizer,
            peft_config=None if config.full or job.get("adapter") else lora(config),
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
        make=make,
        counts={"rows": len(short), "rows_too_long": len(rows) - len(short), "desirable": sum(row["label"] for row in short)},
    )


def _labelled(folder: Folder, config: Config, seed: int) -> Rows:
    """The judged answers that the rule keeps, desirable or not.

    Raises:
        FolderError: it keeps none, or all of one label.
    """
    import pandas as pd

    from training.preferences import Options, unpaired

    judged = folder.rows("train.jsonl", COLUMNS)
    found = unpaired(pd.DataFrame(judged, columns=list(COLUMNS)), Options(match=config.match, balance=config.balance, seed=seed))
    labels = found["label"].tolist()
    if not 0 < sum(labels) < len(labels):
        raise FolderError(
            f"Of {len(judged)} judged answers in {folder.path}/train.jsonl {sum(labels)} are desirable and {len(labels) - sum(labels)} not, "
            f"after match={config.match}: KTO needs some of both. Play more samples a question, or set match=any or another threshold."
        )
    say(f"{len(labels)} of {len(judged)} judged answers are used, {sum(labels)} of them desirable.")
    columns = zip(found["prompt"], found["completion"], labels, strict=True)
    return [{"prompt": prompt, "completion": completion, "label": label} for prompt, completion, label in columns]


def weights(config: Config, labels: list[bool]) -> tuple[float, float]:
    """Of the two labels: as configured, or the rarer raised until both have the same say."""
    if config.desirable_weight:
        return config.desirable_weight, config.undesirable_weight
    desirable = sum(labels)
    undesirable = len(labels) - desirable
    more = max(desirable, undesirable)
    return more / max(1, desirable), more / max(1, undesirable)


def _trainer_class(sft_weight: float) -> Any:
    """TRL's KTO, or one with the likelihood of desirable answers beside it.

    TRL's loss keeps the log-probabilities to itself. They come out of the model, so they are taken there, and no second pass is needed.
    """
    from trl.trainer.kto_trainer import KTOTrainer

    if not sft_weight:
        return KTOTrainer

    class WithLikelihood(KTOTrainer):
        def _compute_loss(self, model: Any, inputs: Any, return_outputs: bool) -> Any:
            passes: list[Any] = []
            hook = model.register_forward_hook(lambda _module, _given, output: passes.append(output.log_probs))
            try:
                loss = super()._compute_loss(model, inputs, return_outputs)  # type: ignore[no-untyped-call]
            finally:
                hook.remove()
            tokens = inputs["completion_mask"][:, 1:] * inputs["label"][:, None]
            own = next(found for found in reversed(passes) if found.requires_grad)  # the pass for the reference point comes before it
            likelihood = (own[:, -tokens.shape[1] :] * tokens).sum() / tokens.sum().clamp(min=1)
            return loss - sft_weight * likelihood

    return WithLikelihood
