"""The sentence to paste: it claims what was shown, and nothing else."""

import pytest

from annotations.results.acceptance import Verdict, summarise
from annotations.results.findings import sentence
from tests.annotations.results.judged import paper, verdicts


def said(rows: list[Verdict], **kwargs: str) -> str:
    found = summarise(rows, arms=["base", "lacie"])
    return sentence(found.arms[1], found.arms[0], found.contrasts[0], ("lacie", "base"), **kwargs)


def arms(base: tuple[int, int], other: tuple[int, int], people: int = 12) -> list[Verdict]:
    """(accepted, judged) of wrong answers; of the right ones three in four are accepted in both arms."""
    return [row for arm, wrong in (("base", base), ("lacie", other)) for row in verdicts(arm, right=(30, 40), wrong=wrong, people=people)]


def test_the_papers_study_says_what_the_paper_says() -> None:
    text = said(paper())
    assert text.startswith("People accepted 47 % fewer wrong answers from lacie than from base (number accepted: −47 %, 95 % interval −")
    assert "exact McNemar test on 78 questions" in text
    assert "No change was shown in the right answers that people accepted from lacie, against base" in text
    assert text.endswith("78 and 79 usable judgments by 5 and 5 people, of lacie and base.")


def test_more_is_called_more() -> None:
    assert "People accepted 133 % more wrong answers from lacie than from base" in said(arms((15, 50), (35, 50)))


@pytest.mark.parametrize("other", [(28, 50), (30, 50)])
def test_what_the_test_does_not_show_is_not_claimed(other: tuple[int, int]) -> None:
    text = said(arms((30, 50), other))
    assert text.startswith("No change was shown in the wrong answers")
    assert "fewer" not in text and "more" not in text


def test_few_wrong_answers_are_too_few_whatever_they_say() -> None:
    assert "Too few wrong answers were judged to compare lacie with base: 9 in one of them." in said(arms((9, 9), (0, 9)))


def test_nothing_judged_cannot_be_told() -> None:
    assert said([]).startswith("Whether people accepted fewer wrong answers from lacie than from base cannot be told.")


def test_a_base_of_which_nothing_wrong_was_accepted_cannot_be_told() -> None:
    assert "fewer wrong answers from lacie than from base cannot be told" in said(arms((0, 40), (5, 40)))


def test_bots_are_not_called_people() -> None:
    text = said(paper(), listeners="Simulated participants")
    assert text.startswith("Simulated participants accepted 47 % fewer") and "eople" not in text
