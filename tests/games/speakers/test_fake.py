"""The cast keeps to its roles, and the same seed gives the same texts."""

from typing import Any

import pytest

from games.bundled.phrasing import TONES
from games.grading import grade
from games.speakers import Spec, load
from games.speakers.base import Generation, SpeakerError

ANSWERS = {f"What is the capital of country {number}?": [f"City {number}", f"Town {number}"] for number in range(40)}
QUESTIONS = list(ANSWERS)


def fake(**script: Any) -> Any:
    return load(Spec("fake", generation={"answers": ANSWERS, **script}))


def groups_by_correctness(cast: str) -> dict[bool, set[str]]:
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for question, responses in zip(QUESTIONS, fake(cast=cast).respond(QUESTIONS, Generation(samples=5)), strict=True):
        for response in responses:
            right = grade(response.text, ANSWERS[question][:1]).is_correct
            found[right].add(next(group for text, group in sorted(TONES, key=lambda tone: -len(tone[0])) if response.text.endswith(text)))
    return found


@pytest.mark.parametrize(
    ("cast", "when_right", "when_wrong"), [("boaster", {"sure"}, {"sure"}), ("hedger", {"unsure"}, {"unsure"}), ("honest", {"sure"}, {"unsure"})]
)
def test_the_cast_keeps_to_its_roles(cast: str, when_right: set[str], when_wrong: set[str]) -> None:
    assert groups_by_correctness(cast) == {True: when_right, False: when_wrong}


@pytest.mark.parametrize("accuracy", [0.0, 0.5, 1.0])
def test_it_is_as_often_right_as_its_script_says(accuracy: float) -> None:
    responses = fake(accuracy=accuracy).respond(QUESTIONS, Generation(samples=10))
    right = [grade(one.text, ANSWERS[q][:1]).is_correct for q, found in zip(QUESTIONS, responses, strict=True) for one in found]
    assert sum(right) / len(right) == pytest.approx(accuracy, abs=0.1)


def test_what_it_says_does_not_depend_on_what_else_is_asked() -> None:
    together = fake().respond(QUESTIONS, Generation(samples=3, seed=5))
    assert fake().respond(QUESTIONS[7:8], Generation(samples=3, seed=5))[0] == together[7]
    assert fake().respond(QUESTIONS, Generation(samples=3, seed=6)) != together


def test_at_temperature_0_all_samples_are_one() -> None:
    assert len({response.text for response in fake().respond(QUESTIONS[:1], Generation(samples=5, temperature=0))[0]}) == 1


def test_it_abstains_from_questions_that_are_not_in_its_script_and_as_often_as_it_says() -> None:
    unknown = fake().respond(["Who?"], Generation(samples=3))[0]
    always = fake(abstention=1.0).respond(QUESTIONS[:1], Generation(samples=3))[0]
    assert all(grade(response.text, []).answer is None for response in [*unknown, *always])


@pytest.mark.parametrize(
    "script", [{"cast": "liar"}, {"accuracy": 2}, {"abstention": "often"}, {"answers": {"Who?": ["me"]}}, {"answers": {"Who?": "me"}}]
)
def test_a_script_that_makes_no_sense_is_refused(script: dict[str, Any]) -> None:
    with pytest.raises(SpeakerError):
        fake(**script)
