"""The confidence of a judge that was taught by calibration-tuning (arXiv 2406.08391): of a speaker in its own answers, or in another's.

A judge is a folder, the adapter's: `calibration.json` says how to read it, `head.safetensors` is the network on top where it has one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from games.estimators.base import EstimatorError, Said
from games.prompts import STYLES, is_it_correct
from games.speakers.base import Scorer

FILE, HEAD = "calibration.json", "head.safetensors"
OPTIONS = ("yes", "no")
EDGE = 1e-12
Floats = NDArray[np.float64]


class CalibrationTuned:
    kind, form, samples = "computed", "", 1

    def estimate(self, said: Sequence[Said], speaker: Callable[[], Scorer]) -> list[float | None]:
        voice = speaker()
        judge = Judge.read(Path(getattr(voice, "adapter", "")))
        return [float(p) for p in judge.confidence(voice, [one.question for one in said], [one.answer for one in said])]


def is_judge(folder: Path) -> bool:
    return (folder / FILE).exists()


@dataclass(frozen=True)
class Judge:
    variant: str
    "`lora-prompt` is asked; `probe` and `lora` have a network on top."
    temperature: float
    layers: tuple[tuple[Any, Any], ...] = ()
    "(weights, biases) of the network, from the features to wrong and right."

    @classmethod
    def read(cls, folder: Path) -> Judge:
        """
        Raises:
            EstimatorError: no judge in this folder.
        """
        try:
            settings = json.loads((folder / FILE).read_text())
        except OSError as error:
            raise EstimatorError("This speaker was not calibration-tuned: train one, manage.py train_speaker calibration-tuning.") from error
        return cls(settings["variant"], settings["temperature"], _layers(folder / HEAD) if (folder / HEAD).exists() else ())

    def confidence(self, voice: Any, questions: Sequence[str], answers: Sequence[str]) -> Floats:
        """How likely each answer is right, after temperature scaling."""
        return np.asarray(1 / (1 + np.exp(-self.logits(voice, questions, answers) / self.temperature)))

    def logits(self, voice: Any, questions: Sequence[str], answers: Sequence[str]) -> Floats:
        """Of right against wrong, before the temperature."""
        if self.variant == "lora-prompt":
            chances = np.clip(voice.choose([is_it_correct(*both) for both in zip(questions, answers, strict=True)], OPTIONS), EDGE, 1)
            return np.asarray(np.log(chances[:, 0]) - np.log(chances[:, 1]))
        values = voice.features([STYLES[voice.style](question) for question in questions], answers)
        for place, (weights, biases) in enumerate(self.layers):
            values = (np.maximum(values, 0) if place else values) @ weights.T + biases
        return np.asarray(values[:, 1] - values[:, 0], dtype=float)


def _layers(file: Path) -> tuple[tuple[Any, Any], ...]:
    from safetensors.numpy import load_file

    found = load_file(file)
    places = sorted({int(name.split(".")[0]) for name in found})
    return tuple((found[f"{place}.weight"], found[f"{place}.bias"]) for place in places)
