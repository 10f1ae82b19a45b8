"""Post-hoc recalibration, fitted on answers to validation questions: temperature scaling (one number) and isotonic regression (a staircase).

Both keep the order of the confidences (isotonic: up to ties), so AUROC hardly moves; ECE and Brier score do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Map = Callable[[Sequence[float]], Floats]
EDGE = 1e-4
"""A confidence of 0 or 1 has no logit: it counts as this far from the end."""
FEWEST = 20
"""Fewer graded answers than this fit noise."""


class TooFew(ValueError):
    """There is not enough to fit on; the message is for the user."""


def temperature(confidence: Sequence[float], correct: Sequence[bool]) -> Map:
    """σ(logit(p) / T) with the T in [0.05, 20] that makes `correct` likeliest."""
    best = scale(_logit(np.asarray(confidence, dtype=float)), correct)
    return lambda given: 1 / (1 + np.exp(-_logit(np.asarray(given, dtype=float)) / best))


def scale(logits: Sequence[float] | Floats, correct: Sequence[bool]) -> float:
    """The T itself, of logits.

    Raises:
        TooFew: there is not enough to fit on.
    """
    from scipy.optimize import minimize_scalar

    given, y = _checked(logits, correct)

    def loss(log_t: float) -> float:
        z = given / np.exp(log_t)
        return float(np.mean(np.logaddexp(0, z) - y * z))

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def isotonic(confidence: Sequence[float], correct: Sequence[bool]) -> Map:
    """The rising function nearest to `correct` by squares; beyond what was seen it stays level."""
    from sklearn.isotonic import IsotonicRegression

    p, y = _checked(confidence, correct)
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(p, y)
    return lambda given: np.asarray(fitted.predict(np.asarray(given, dtype=float)), dtype=float)


RECALIBRATIONS: dict[str, Callable[[Sequence[float], Sequence[bool]], Map]] = {"temperature": temperature, "isotonic": isotonic}


def _checked(confidence: Sequence[float] | Floats, correct: Sequence[bool]) -> tuple[Floats, Floats]:
    if len(confidence) < FEWEST:
        raise TooFew(f"{len(confidence)} graded answers with a confidence are too few to fit a calibration on; give at least {FEWEST}.")
    return np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)


def _logit(p: Floats) -> Floats:
    clipped = np.clip(p, EDGE, 1 - EDGE)
    return np.log(clipped) - np.log1p(-clipped)
