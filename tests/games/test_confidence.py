"""Stated confidence, in numbers or words, becomes one probability."""

import pytest

from games.confidence import number, stated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("95%", 0.95),
        (" 95 % ", 0.95),
        ("95 percent", 0.95),
        ("95", 0.95),
        ("8", 0.8),
        ("10", 1.0),
        ("0", 0.0),
        ("0.85", 0.85),
        ("8/10", 0.8),
        ("4 out of 5", 0.8),
        ("100%.", 1.0),
        ("150%", 1.0),
        ("5/0", 1.0),
        ("", None),
        ("high", None),
        ("about 8", None),
    ],
)
def test_a_lone_number_is_read_as_a_probability(text: str, expected: float | None) -> None:
    assert number(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Paris. Confidence: 8", 0.8),
        ("Paris. Confidence: 10", 1.0),
        ("Paris.\nConfidence: 95%", 0.95),
        ("1789. Confidence: 3", 0.3),
        ("My confidence is 7/10.", 0.7),
        ("Confidence: 0.25", 0.25),
        ("It's Paris. I'm fairly sure.", 0.75),
        ("It's 100. I'm only 40% sure.", 0.4),
        ("It's Paris.", None),
        ("Confidence:", None),
    ],
)
def test_a_text_states_its_confidence_in_numbers_or_words(text: str, expected: float | None) -> None:
    assert stated(text) == expected


def test_another_scale_can_be_used() -> None:
    assert stated("Confidence: 3", scale=5) == 0.6
    assert number("40", scale=100) == 0.4
