"""Verdicts for tests of the plain modules: counts dealt out to people, and simulated studies of which the truth is known."""

import numpy as np

from annotations.results.acceptance import Verdict

PAPER = {"base": {"right": (31, 37), "wrong": (32, 42)}, "lacie": {"right": (30, 37), "wrong": (17, 41)}}
"""(accepted, judged) of LACIE's human evaluation (arXiv 2405.21028, Table 2)."""


def verdicts(arm: str, *, right: tuple[int, int], wrong: tuple[int, int], people: int = 1) -> list[Verdict]:
    """(accepted, judged) of the right and of the wrong answers, one question each, dealt out to the people in turn."""
    rows: list[Verdict] = []
    for is_correct, (accepted, judged) in ((True, right), (False, wrong)):
        for n in range(judged):
            rows.append(Verdict(arm, f"person-{n % people}", len(rows), is_correct, n < accepted, utterance=len(rows)))
    return rows


def paper(people: int = 5) -> list[Verdict]:
    return [row for arm, counts in PAPER.items() for row in verdicts(arm, **counts, people=people)]


def simulated(
    *, people: int, questions: int, rates: dict[str, float], person_sd: float = 0.0, question_sd: float = 0.0, seed: int = 0, each: int = 10
) -> list[Verdict]:
    """Wrong answers only; each person and each question has a leaning of its own, on the logit scale."""
    rng = np.random.default_rng(seed)
    by_person, by_question = rng.normal(0, person_sd, people), rng.normal(0, question_sd, questions)
    rows = []
    for person in range(people):
        for n, question in enumerate(rng.choice(questions, each, replace=False)):
            arm = list(rates)[(n + person) % len(rates)]
            logit = np.log(rates[arm] / (1 - rates[arm])) + by_person[person] + by_question[question]
            rows.append(Verdict(arm, f"p{person}", int(question), False, bool(rng.random() < 1 / (1 + np.exp(-logit)))))
    return rows
