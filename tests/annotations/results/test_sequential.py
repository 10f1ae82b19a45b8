"""The pre-declared stopping rule, against published boundaries, a second reckoning, and a simulation without any effect."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from annotations.results.sequential import boundaries, spent, status


def equal(looks: int) -> tuple[float, ...]:
    return tuple((n + 1) / looks for n in range(looks))


def test_the_boundaries_are_those_printed_by_seqbounds() -> None:
    """One-sided .05 as its README has it (github.com/PharmCat/SeqBounds.jl), which is two-sided .10; its grid is coarser than ours."""
    assert boundaries((0.25, 0.5, 0.75, 1.0), 0.1) == pytest.approx((3.74955, 2.53993, 2.01604, 1.72014), abs=1e-3)


@pytest.mark.parametrize("looks", [2, 3, 4])
def test_what_is_spent_at_each_look_is_what_a_multivariate_normal_says(looks: int) -> None:
    fractions = equal(looks)
    found = boundaries(fractions)
    t = np.array(fractions)
    correlation = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    for k in range(1, looks + 1):
        z = np.array(found[:k])
        inside = multivariate_normal(cov=correlation[:k, :k]).cdf(z, lower_limit=-z) if k > 1 else 1 - spent(fractions[0])
        assert 1 - float(inside) == pytest.approx(spent(fractions[k - 1]), abs=2e-4)


def test_one_look_is_the_ordinary_test() -> None:
    assert boundaries((1.0,)) == pytest.approx((1.959964,), abs=1e-5)


def test_without_an_effect_five_looks_find_one_in_one_of_twenty_studies() -> None:
    rng = np.random.default_rng(0)
    z = np.cumsum(rng.normal(size=(40_000, 5)), axis=1) / np.sqrt(np.arange(1, 6))
    assert (np.abs(z) >= boundaries(equal(5))).any(axis=1).mean() == pytest.approx(0.05, abs=0.004)
    assert (np.abs(z) >= 1.96).any(axis=1).mean() > 0.12, "which is what looking without a rule would find"


@pytest.mark.parametrize("fractions", [(), (0.5, 0.5), (0.0, 1.0), (0.5, 1.2), (1.0, 0.5)])
def test_looks_that_cannot_be_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rising shares"):
        boundaries(fractions)


@pytest.mark.parametrize(
    ("fraction", "z", "says"),
    [
        (0.4, -9.0, "wait"),
        (0.5, -2.5, "go on"),
        (0.6, -3.0, "stop: shown"),
        (1.0, -1.9, "stop: not shown"),
        (1.3, 2.0, "stop: shown"),
        (1.0, None, "stop: not shown"),
    ],
)
def test_the_status_says_what_the_rule_says(fraction: float, z: float | None, says: str) -> None:
    found = status(looks=2, fraction=fraction, z=z)
    assert found.says == says and found.advice
    assert [round(look.boundary, 3) for look in found.looks] == [2.963, 1.969]
