"""What the variants of `calibration_tuning` share: their rows, the network on top, the probe's training, the temperature at the end."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from training.trainers.base import Stopped, Stopping, say
from training.trainers.config import ConfigError
from training.trainers.folder import Folder
from training.trainers.loop import conclude
from training.trainers.order import training_order
from training.trainers.voice import voice_of

if TYPE_CHECKING:
    from training.trainers.calibration_tuning import Config

COLUMNS = ("text", "said", "answer", "correct")
LAYERS = (256, 128, 64, 2)
"""Of the network on top, after the model's width (section 4 and the public code)."""


class Head(nn.Sequential):
    """Hidden → 256 → 128 → 64 → 2, rectified in between: logits of wrong and right."""

    def __init__(self, width: int) -> None:
        sizes = (width, *LAYERS)
        layers = [nn.Linear(into, out) for into, out in pairwise(sizes)]
        super().__init__(*[part for layer in layers[:-1] for part in (layer, nn.ReLU())], layers[-1])

    def save(self, file: str) -> None:
        from safetensors.torch import save_file

        save_file({name: weights.detach().cpu().contiguous() for name, weights in self.state_dict().items()}, file)

    def load(self, file: str) -> None:
        from safetensors.torch import load_file

        self.load_state_dict(load_file(file))


def rows_of(folder: Folder, name: str, examples: int = 0, seed: int = 0) -> list[dict[str, Any]]:
    """The answered rows of a file, as many as wanted, drawn by the seed.

    Raises:
        ConfigError: more examples are wanted than there are.
    """
    rows = [row for row in folder.rows(name, COLUMNS) if row["answer"] is not None]
    if examples > len(rows):
        raise ConfigError(f"examples={examples}: {name} has {len(rows)} graded answers. Play more questions or samples, or ask for fewer.")
    drawn = np.random.default_rng(seed).permutation(len(rows))[: examples or None]
    return [rows[place] for place in drawn]


def train_probe(job: dict[str, Any], config: Config, folder: Folder, stopping: Stopping, rows: list[dict[str, Any]]) -> None:
    """The network alone, on features of the frozen model. It takes seconds: interrupted, it begins again and ends with the same weights."""
    folder.rewind_progress(0)
    features = torch.from_numpy(_features(job, config, folder, rows))
    labels = torch.tensor([int(row["correct"]) for row in rows])
    torch.manual_seed(job["seed"])
    head = Head(features.shape[1])
    optimizer = torch.optim.AdamW(head.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    batch = config.batch_size * config.accumulate
    order = training_order([1] * len(rows), batch=batch, batches=config.steps, seed=job["seed"], group_by_length=False)
    say(f"Training a probe for {config.steps} steps on {len(rows)} graded answers.")
    for step in range(1, config.steps + 1):
        if stopping:
            raise Stopped
        places = order[(step - 1) * batch : step * batch]
        loss = F.cross_entropy(head(features[places]), labels[places])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        if step % config.log_every == 0:
            folder.add_progress(step=step, total=config.steps, loss=round(loss.item(), 6), lr=schedule.get_last_lr()[0], seconds=0.0)
    adapter = folder.path / "adapter"
    shutil.rmtree(adapter, ignore_errors=True)
    if job.get("adapter"):
        shutil.copytree(job["adapter"], adapter)
    adapter.mkdir(exist_ok=True)
    head.save(str(adapter / "head.safetensors"))
    counts = {"answers": len(rows), "right": int(labels.sum()), "trainable_parameters": sum(weights.numel() for weights in head.parameters())}
    conclude(folder, steps=config.steps, figures={**counts, **calibrate(job, config, folder)})


def _features(job: dict[str, Any], config: Config, folder: Folder, rows: list[dict[str, Any]]) -> Any:
    """(rows, width), from the folder if an interrupted run has left them there."""
    from games.prompts import STYLES

    file = folder.path / "prepared" / "features.npy"
    if not file.exists():
        voice, style = voice_of(job, config), STYLES[job.get("prompt_style", "plain")]
        distinct = list(dict.fromkeys((row["text"], row["answer"]) for row in rows))  # samples of one question often agree
        place = {pair: number for number, pair in enumerate(distinct)}
        found = voice.features([style(text) for text, _ in distinct], [answer for _, answer in distinct])
        found = found[[place[row["text"], row["answer"]] for row in rows]]
        file.parent.mkdir(exist_ok=True)
        np.save(file.with_suffix(".part.npy"), found)
        file.with_suffix(".part.npy").replace(file)
    return np.load(file)


def calibrate(job: dict[str, Any], config: Config, folder: Folder) -> dict[str, Any]:
    """Fit the temperature on the answers to validation questions, write `adapter/calibration.json`, and tell how the judge does on them.

    The judge is read back and asked as the platform will ask it.
    """
    from games import metrics
    from games.estimators.recalibration import TooFew, scale
    from games.estimators.tuned import FILE, Judge

    place = folder.path / "adapter"
    settings: dict[str, Any] = {"variant": config.variant, "temperature": 1.0}
    (place / FILE).write_text(json.dumps(settings))
    rows = rows_of(folder, "validation.jsonl")
    voice = voice_of(job, config, adapter=str(place))
    logits = Judge.read(place).logits(voice, [row["text"] for row in rows], [row["answer"] for row in rows]) if rows else np.zeros(0)
    right = np.array([row["correct"] for row in rows], dtype=bool)
    try:
        settings["temperature"] = round(scale(logits, right.tolist()), 4)
    except TooFew:
        say(f"{len(rows)} graded answers to validation questions are too few to fit a temperature on: it stays 1.")
        right = right[:0]
    (place / FILE).write_text(json.dumps(settings))
    figures: dict[str, Any] = {"temperature": settings["temperature"], "validation_answers": len(rows)}
    for name, temperature in (("before", 1.0), ("after", settings["temperature"])) if len(right) else ():
        p = 1 / (1 + np.exp(-np.asarray(logits, dtype=float) / float(temperature)))
        figures[f"validation_ece_{name}"] = round(float(metrics.ece(p, right)), 4)
        figures["validation_auroc"] = round(float(metrics.auroc(p, right)), 4)
    return figures
