"""The table of estimators of confidence: what is stored as a `Confidence`'s source → the class that gives it, imported on use.

Kinds are never mixed unsaid: `stated` is what a text says of itself, `computed` what is worked out from the speaker. (What a listener takes
from a text is a judgment.) Why these are our own few lines and not lm-polygraph's or UQLM's: docs/adding-an-estimator.md.
"""

from __future__ import annotations

from importlib import import_module

from games.estimators.base import Estimator, EstimatorError

ESTIMATORS: dict[str, str] = {
    "verbalised-number": "games.estimators.verbalised.VerbalisedNumber",
    "verbalised-phrase": "games.estimators.verbalised.VerbalisedPhrase",
    "p-true": "games.estimators.p_true.PTrue",
    "sequence-probability": "games.estimators.sequence.SequenceProbability",
    "self-consistency": "games.estimators.consistency.SelfConsistency",
    "calibration-tuned": "games.estimators.tuned.CalibrationTuned",
}
BY = "calibration-tuned-by-"
"""Before a speaker's name: the same, told by that speaker's judge of anybody's answers."""


def load(source: str) -> Estimator:
    """
    Raises:
        EstimatorError: no such estimator.
    """
    key = "calibration-tuned" if source.startswith(BY) else source
    if key not in ESTIMATORS:
        raise EstimatorError(f"Unknown source of confidence {source!r}. Choose one of: {', '.join(ESTIMATORS)}; {BY}NAME for another's judge.")
    module, name = ESTIMATORS[key].rsplit(".", 1)
    estimator: Estimator = getattr(import_module(module), name)()
    return estimator
