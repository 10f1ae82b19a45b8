"""The stopping rule that a study declares before it opens: when it may be looked at, and how far apart the arms must be. Knows nothing of Django.

Who looks at a test at .05 again and again finds something sooner or later. The rule is the O'Brien–Fleming boundary (Biometrics 1979) in the form of
Lan and DeMets (Biometrika 1983): when the share t of the judgments wanted is in, so much of alpha may have been spent as `spent` says, which is next
to nothing early on. The boundary at each look follows from what the earlier ones have left (Armitage, McPherson and Rowe 1969), by numerical
integration. Both sides are spent alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
POINTS = 801
"""Of the grid on which the test statistic's density is kept between two looks."""
FARTHEST = 8.5
"""Standard errors from nought beyond which nothing is reckoned with: a look so early that its boundary lies there spends nothing."""


def spent(t: float, alpha: float = 0.05) -> float:
    """How much of the two-sided alpha may have been spent when the share t of the information is in.

    >>> spent(1.0), round(spent(0.5), 4)
    (0.05, 0.0031)
    """
    from scipy.special import ndtr, ndtri

    return alpha if t >= 1 else float(4 * ndtr(ndtri(alpha / 4) / np.sqrt(t)))


class _Kept(NamedTuple):
    """The score's density over `grid` among the paths that no look has stopped, after the share `t` of the information; at first all at nought."""

    t: float
    grid: Floats
    density: Floats

    def crossing(self, z: float, t: float) -> float:
        """The chance that one of these paths is beyond z, above or below, at t."""
        from scipy.special import ndtr

        edge, step = z * np.sqrt(t), np.sqrt(t - self.t)
        beyond = ndtr((self.grid - edge) / step) + ndtr((-edge - self.grid) / step)
        return float(beyond[0] if len(self.grid) == 1 else np.trapezoid(self.density * beyond, self.grid))

    def after(self, z: float, t: float) -> _Kept:
        edge, step = z * np.sqrt(t), np.sqrt(t - self.t)
        grid = np.linspace(-edge, edge, POINTS)
        moved = np.exp(-(((grid[:, None] - self.grid) / step) ** 2) / 2) / (step * np.sqrt(2 * np.pi))
        return _Kept(t, grid, moved[:, 0] if len(self.grid) == 1 else np.trapezoid(moved * self.density, self.grid, axis=1))


@lru_cache(maxsize=64)
def boundaries(fractions: tuple[float, ...], alpha: float = 0.05) -> tuple[float, ...]:
    """The |z| from which on to stop at each look, at these shares of the information (rising, the last at most 1).

    >>> [round(z, 3) for z in boundaries((0.5, 1.0))]
    [2.963, 1.969]
    """
    if not fractions or any(not 0 < t <= 1 for t in fractions) or list(fractions) != sorted(set(fractions)):
        raise ValueError(f"fractions={fractions!r}: give rising shares of the information, each above 0 and at most 1.")
    found: list[float] = []
    kept, used = _Kept(0.0, np.zeros(1), np.ones(1)), 0.0
    for t in fractions:
        z = _boundary(kept, t, spent(t, alpha) - used)
        used += kept.crossing(z, t)
        kept = kept.after(z, t)
        found.append(z)
    return tuple(found)


def _boundary(kept: _Kept, t: float, to_spend: float) -> float:
    from scipy.optimize import brentq

    if kept.crossing(FARTHEST, t) >= to_spend:
        return FARTHEST
    return float(brentq(lambda z: kept.crossing(z, t) - to_spend, 0.0, FARTHEST, xtol=1e-10))


Says = Literal["wait", "go on", "stop: shown", "stop: not shown"]
ADVICE: dict[Says, str] = {
    "wait": "The first look has not been reached: go on.",
    "go on": "The boundary is not crossed: go on.",
    "stop: shown": "The boundary is crossed: the study may stop, a change is shown.",
    "stop: not shown": "All judgments are in and the boundary is not crossed: no change is shown.",
}


class Look(NamedTuple):
    """One planned analysis: at which share of the judgments, and from which |z| on the study may stop there."""

    fraction: float
    boundary: float


@dataclass(frozen=True)
class Status:
    looks: list[Look]
    fraction: float
    "Of the judgments wanted, the share that is in and usable, in the arm with fewer; at most 1."
    reached: int
    "Planned looks that this share has come to."
    z: float | None
    "Of the main contrast now; None: it cannot be told."
    says: Says

    @property
    def advice(self) -> str:
        return ADVICE[self.says]


def status(*, looks: int, fraction: float, z: float | None, alpha: float = 0.05) -> Status:
    """Where a study stands. Between two looks nothing is decided: the boundary that holds is that of the last look that was reached.

    `looks` are planned at equal shares of the judgments, the last with all.
    """
    planned = tuple((n + 1) / looks for n in range(looks))
    plan = [Look(*pair) for pair in zip(planned, boundaries(planned, alpha), strict=True)]
    reached = sum(fraction >= share - 1e-9 for share in planned)
    return Status(plan, min(fraction, 1.0), reached, z, _says(plan, reached, z))


def _says(plan: Sequence[Look], reached: int, z: float | None) -> Says:
    if not reached:
        return "wait"
    if z is not None and abs(z) >= plan[reached - 1].boundary:
        return "stop: shown"
    return "stop: not shown" if reached == len(plan) else "go on"
