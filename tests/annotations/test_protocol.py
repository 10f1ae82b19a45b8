"""The protocol: one value, whose settings are all documented, and refused with a reason where they cannot be."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from annotations.protocol import Protocol, ProtocolError, contradictions, merged, nested, refuse_out_of_range

DOCS = Path(__file__).parents[2] / "docs" / "studies.md"


def places(value: Any, prefix: str = "") -> Iterator[str]:
    for field in dataclasses.fields(value):
        inner = getattr(value, field.name)
        yield from places(inner, f"{prefix}{field.name}.") if dataclasses.is_dataclass(inner) else [f"{prefix}{field.name}"]


@pytest.mark.parametrize("place", list(places(Protocol())))
def test_every_setting_is_documented(place: str) -> None:
    assert f"`{place}`" in DOCS.read_text()


def test_the_defaults_are_in_range_and_agree() -> None:
    refuse_out_of_range(Protocol())
    assert contradictions(Protocol()) == []


def test_it_survives_its_own_json() -> None:
    rules = Protocol.of(nested({"rounds": 20, "steps.about_you": ["age"], "texts": {"en": {"consent": "Yes?"}}, "payment.base": 2}))
    assert Protocol.of(rules.as_json()) == rules


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"timing.max_seconds": 5, "timing.min_seconds": 6}, "time limit of a round is not above"),
        ({"timing.max_seconds": 5, "exclusion.faster_than": 6}, "faster than the rule allows"),
        ({"steps.attention": 1, "exclusion.failed_checks": 2}, "excluded after 2 failed"),
        ({"exclusion.knew_over": 0.5}, "nobody is asked for it"),
        ({"payment.score": "brier", "payment.bonus": 1}, "score of the confidence"),
        ({"payment.bonus": 1}, "no score that it is paid by"),
        ({"payment.score": "log", "measures.confidence": "slider"}, "the bonus is 0"),
        ({"stopping.looks": 3}, "no goal is declared"),
        ({"steps.attention": 11}, "More attention checks than rounds"),
    ],
)
def test_settings_that_cannot_stand_together_are_named(settings: dict[str, Any], message: str) -> None:
    (said,) = contradictions(Protocol.of(nested(settings)))
    assert message in said


@pytest.mark.parametrize("value", [0, -1, 501, float("nan"), float("inf"), True, "ten", None, 1.5])
def test_rounds_that_cannot_be_are_refused_by_name(value: Any) -> None:
    with pytest.raises(ProtocolError, match=r"^rounds="):
        refuse_out_of_range(Protocol.of({"rounds": value}))


@pytest.mark.parametrize("texts", [[], {"en": "consent"}, {"en": {"consent": 1}}])
def test_texts_of_another_shape_are_refused(texts: Any) -> None:
    with pytest.raises(ProtocolError, match="give for each language"):
        Protocol.of({"texts": texts})


def test_a_return_address_must_be_one() -> None:
    with pytest.raises(ProtocolError, match="begins with https://"):
        refuse_out_of_range(Protocol.of(nested({"recruiting.return_url": "javascript:alert(1)"})))


def test_merging_leaves_other_settings_of_the_group() -> None:
    assert merged({"payment": {"base": 1, "bonus": 2}}, nested({"payment.base": 3})) == {"payment": {"base": 3, "bonus": 2}}
