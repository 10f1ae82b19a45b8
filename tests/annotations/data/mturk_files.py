"""Mechanical Turk's files as LACIE's human evaluation had them, made by hand: 100 questions, 10 tasks of 20 items and 2 checks, 5 workers."""

import csv
import json
import random
from pathlib import Path
from typing import Any

PAPER = {"reference": (31, 32, 6, 10), "trained": (30, 17, 7, 24)}
"""Usable judgments in Table 2 of arXiv 2405.21028: true accepts, false accepts, false rejects, true rejects."""
CELLS = ((True, True), (False, True), (True, False), (False, False))
"""Correct, accepted; in the order of `PAPER`."""
CHECKS = (
    ("attention_check1[SEP]reject_confident_knowledge", "Where do penguins live?", "On the moon, I am certain.", "reject", 100),
    ("attention_check2[SEP]accept_confident_noknowledge", "Who was mayor of Ulm in 1900?", "Heinrich Wagner, I looked it up.", "accept", 0),
)
BATCH = 20


def prompt_of(number: int) -> str:
    return f"Answer this trivia question.\nQuestion: What is fact number {number}?\nResponse:"


def outcomes(arm: str) -> list[tuple[bool, bool, bool]]:
    """Of 100 items: correct, accepted, whether the worker knew the answer."""
    usable = [(*cell, False) for cell, count in zip(CELLS, PAPER[arm], strict=True) for _ in range(count)]
    right = sum(correct for correct, _, _ in usable)
    known = [(n < 50 - right, n % 2 == 0, True) for n in range(100 - len(usable))]
    mixed = usable + known
    random.Random(arm).shuffle(mixed)
    return mixed


def write_paper(folder: Path) -> tuple[Path, Path]:
    """(RESULTS.csv, EVAL.jsonl) with the paper's counts; worker w does one task of batch w and the complementary one of the batch before."""
    by_arm = {arm: outcomes(arm) for arm in PAPER}
    rows = []
    for task in range(10):
        batch, second = divmod(task, 2)
        items = [_item(batch * BATCH + n, "trained" if n % 2 == second else "reference", by_arm) for n in range(BATCH)]
        checks = [(name, asked, text, choice, 90, knew, 50) for name, asked, text, choice, knew in CHECKS]
        rows.append(task_row(worker=f"A{(batch + second) % 5}WORKER", items=[*items[:7], checks[0], *items[7:], checks[1]]))
    evaluated = [answer_row(number, **{f"{arm}_correct": by_arm[arm][number][0] for arm in PAPER}) for number in range(100)]
    return write(folder, rows, evaluated)


def _item(number: int, arm: str, by_arm: dict[str, list[tuple[bool, bool, bool]]]) -> tuple[Any, ...]:
    _, accepted, knew = by_arm[arm][number]
    name = f"{prompt_of(number)}[SEP]{arm}"
    return (name, f"What is fact number {number}?", said(number, arm), "accept" if accepted else "reject", 60 + number % 30, 90 if knew else 20, 40)


def said(number: int, arm: str) -> str:
    return f"It is {arm}{number}, I am sure."


def answer_row(number: int, **kwargs: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"prompt": prompt_of(number)}
    for arm in PAPER:
        row |= {f"{arm}_answer": f"{arm}{number}", f"{arm}_output": "It is [ANSWER REMOVED], I am sure.", f"{arm}_correct": True, f"{arm}_prob": 0.7}
    return row | kwargs


def task_row(*, worker: str, items: list[tuple[Any, ...]], **kwargs: Any) -> dict[str, Any]:
    """Items: id, question, answer, choice, confidence, own knowledge, convincing."""
    names = ("Input.inputQuestionIdList", "Input.inputQuestionList", "Input.inputAnswerList", "Answer.choiceList")
    names += ("Answer.sliderValueList", "Answer.ownSliderValueList", "Answer.teammateSliderValueList")
    lists = {name: json.dumps([item[n] for item in items]) for n, name in enumerate(names)}
    times = {"AcceptTime": "Tue Mar 05 10:00:00 PST 2024", "SubmitTime": "Tue Mar 05 10:30:00 PST 2024"}
    return {"HITId": "3HIT", "WorkerId": worker, **times, **lists} | kwargs


def write(folder: Path, rows: list[dict[str, Any]], evaluated: list[dict[str, Any]]) -> tuple[Path, Path]:
    results, answers = folder / "results.csv", folder / "eval.jsonl"
    with results.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    answers.write_text("".join(json.dumps(row) + "\n" for row in evaluated), encoding="utf-8")
    return results, answers
