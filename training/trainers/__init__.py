"""The table of training methods: what is stored in a run → the module that trains, run as `python -m MODULE FOLDER`.

Each module has a frozen dataclass `Config` (the method's every number, with the paper's defaults), `PRESETS` (named sets of overrides, the paper's
first), `train(job, folder, stopping)`, and what it learns from: `NEEDS`, `pairs`, `answers` or `judgments`. With `answers` it may also say
`VALIDATION = True` (answers to validation questions are needed too), `OF_OTHERS = True` (another speaker's answers will do) and `PROMPT_STYLE` (how
the trained speaker is asked, if not as its base). Importing one imports no torch. Adding a method is one file, one line here, one test, one heading
in `docs/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from training.trainers.config import ConfigError

METHODS: dict[str, str] = {
    "lacie": "training.trainers.lacie",
    "lacie-kto": "training.trainers.lacie_kto",
    "truthful": "training.trainers.truthful",
    "linguistic-sft": "training.trainers.linguistic_sft",
    "metacognition": "training.trainers.metacognition",
    "calibration-tuning": "training.trainers.calibration_tuning",
    "rewarding-doubt": "training.trainers.rewarding_doubt",
}


@dataclass(frozen=True)
class Needs:
    """What a method learns from."""

    kind: str
    "`pairs`, `answers` or `judgments`."
    validation: bool = False
    of_others: bool = False
    prompt_style: str = ""


def needs(method: str) -> Needs:
    """
    >>> needs("lacie").kind
    'pairs'
    """
    said = vars(load(method))
    return Needs(said["NEEDS"], said.get("VALIDATION", False), said.get("OF_OTHERS", False), said.get("PROMPT_STYLE", ""))


def load(method: str) -> ModuleType:
    """The module of this method.

    Raises:
        ConfigError: no such method.
    """
    if method not in METHODS:
        raise ConfigError(f"Unknown training method {method!r}. Choose one of: {', '.join(METHODS)}.")
    return import_module(METHODS[method])
