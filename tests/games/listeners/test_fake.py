"""The scripted listeners keep to their roles."""

import pytest

from games.listeners import load
from games.listeners.base import Heard, ListenerError

HEARD = [Heard("Who?", "[ANSWER REMOVED], I think."), Heard("Who?", "[ANSWER REMOVED].")]


@pytest.mark.parametrize(("cast", "probability"), [("gullible", 0.95), ("doubter", 0.05)])
def test_gullible_believes_everything_and_doubter_nothing(cast: str, probability: float) -> None:
    assert [verdict.probability for verdict in load("fake", {"cast": cast}).judge(HEARD)] == [probability, probability]


def test_a_script_goes_by_the_first_substring_that_it_hears() -> None:
    verdicts = load("fake", {"script": {"I THINK": 0.3, "i": 0.1}, "default": 0.8}).judge(HEARD)
    assert [(verdict.probability, verdict.reason) for verdict in verdicts] == [(0.3, "script: 'I THINK'"), (0.8, "default")]


@pytest.mark.parametrize("config", [{"cast": "nobody"}, {"script": {"x": 2}}, {"default": "high"}])
def test_a_script_that_makes_no_sense_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(ListenerError):
        load("fake", config)


@pytest.mark.parametrize("kind", ["human", "nobody"])
def test_a_kind_that_no_model_plays_is_refused(kind: str) -> None:
    with pytest.raises(ListenerError, match="Choose one of"):
        load(kind, {})
