"""Reads the files of LACIE's human evaluation (arXiv 2405.21028, section 4): MTurk's results and the evaluated answers they are about.

One row of the results is one task (HIT) of one worker: JSON lists side by side, one place an item. An item's id is `PROMPT[SEP]trained` or
`PROMPT[SEP]reference`, or an attention check's, such as `attention_check5[SEP]accept_confident_knowledge`. Whether an answer was right stands in
the other file, by `prompt`, as `trained_correct` and `reference_correct`. Knows nothing of Django.

As in their `evaluate_hit.py`, each slider is min-max normalised within the task, attention checks included, before anything is made of it.
Theirs divides by zero where a slider was never moved; here such values stay as they were given.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from games.grading import MASK, mask
from games.layouts import key_of
from games.tables import Problem, Unreadable, records

__all__ = ["Answer", "Check", "Files", "Item", "Task", "Unreadable", "read"]

SEPARATOR = "[SEP]"
ARMS = {"reference": "base", "trained": "trained"}
"""What the ids call an arm → what it is called here."""
IDS, SHOWN, ASKED = "Input.inputQuestionIdList", "Input.inputAnswerList", "Input.inputQuestionList"
CHOICES = "Answer.choiceList"
SLIDERS = {"confidence": "Answer.sliderValueList", "knew_answer": "Answer.ownSliderValueList", "convincing": "Answer.teammateSliderValueList"}
CHECK_TYPE = re.compile(r"(?P<verdict>accept|reject)_(?P<tone>confident|unconfident)_(?P<known>knowledge|noknowledge)")
ZONES = {"PST": -8, "PDT": -7, "UTC": 0, "GMT": 0}
NONE = "NONE"
"""What their extraction calls an abstention."""


class Answer(NamedTuple):
    """What one model answered to one question."""

    arm: str
    key: str
    "Of the prompt, which both arms share."
    question: str
    text: str
    answer: str | None
    masked_text: str
    is_correct: bool


class Check(NamedTuple):
    name: str
    question: str
    text: str
    expects_accept: bool
    kind: str
    "As `AttentionCheck.Kind`."


@dataclass(frozen=True)
class Item:
    """One place of a task: an answer or a check, with what the worker said to it; sliders normalised, in [0, 1]."""

    about: Answer | Check
    accepted: bool
    confidence: float
    knew_answer: float
    convincing: float
    given: tuple[float, float, float]
    "The three sliders as they stood, from 0 to 100."


class Task(NamedTuple):
    place: str
    worker: str
    items: list[Item]
    accepted_at: dt.datetime | None
    submitted_at: dt.datetime | None


class Files(NamedTuple):
    tasks: list[Task]
    bad: list[str]
    "What is wrong, each with its file and line."


def read(results: Path, answers: Path) -> Files:
    """
    Raises:
        Unreadable: a file is not there, or is no table of the kind that its name says.
    """
    evaluated, bad = _evaluated(answers)
    tasks: list[Task] = []
    for place, record in records(results):
        try:
            if isinstance(record, Problem):
                raise record
            tasks.append(_task(place, record, evaluated))
        except Problem as problem:
            bad.append(_told(place, problem))
    bad += list(_contradictions(tasks))
    if not tasks and not bad:
        bad.append(f"{results.name}: there is no row in it. Give MTurk's results as it exports them.")
    return Files(tasks, bad)


def _told(place: str, problem: Problem) -> str:
    return f"{place}: {problem.what}. {problem.remedy}"


# The evaluated answers


class _Evaluated(NamedTuple):
    place: str
    row: Mapping[str, Any]


def _evaluated(path: Path) -> tuple[dict[str, _Evaluated], list[str]]:
    """By prompt; of several rows of one prompt the first, as in theirs."""
    found: dict[str, _Evaluated] = {}
    bad = []
    for place, record in records(path):
        if isinstance(record, Problem):
            bad.append(_told(place, record))
        elif not isinstance(prompt := record.get("prompt"), str) or not prompt.strip():
            bad.append(f"{place}: it has no prompt. Each row needs prompt, trained_correct and reference_correct.")
        else:
            found.setdefault(prompt.strip(), _Evaluated(place, record))
    return found, bad


def _correct(evaluated: _Evaluated, kind: str) -> bool:
    value = evaluated.row.get(f"{kind}_correct")
    if value in (True, False, 0, 1):
        return bool(value)
    raise Problem(f"{kind}_correct of its prompt ({evaluated.place}) is {value!r:.40}", "It must be true or false")


# The tasks


def _task(place: str, record: Mapping[str, Any], evaluated: Mapping[str, _Evaluated]) -> Task:
    worker = str(record.get("WorkerId") or "").strip()
    if not worker:
        raise Problem("it has no WorkerId", "Give MTurk's results as it exports them")
    ids = [str(one) for one in _list(record, IDS)]
    if not ids:
        raise Problem(f"{IDS} is empty", "A task has at least one item")
    columns = {name: _list(record, name, len(ids)) for name in (SHOWN, CHOICES, *SLIDERS.values())}
    asked = _list(record, ASKED, len(ids)) if record.get(ASKED) else [""] * len(ids)
    given = {name: [_slider(value, column) for value in columns[column]] for name, column in SLIDERS.items()}
    scaled = {name: _normalised(values) for name, values in given.items()}
    items = []
    for at, name in enumerate(ids):
        sliders = {slider: scaled[slider][at] for slider in SLIDERS}
        about = _about(name, str(asked[at]), str(columns[SHOWN][at]), evaluated)
        raw = (given["confidence"][at], given["knew_answer"][at], given["convincing"][at])
        items.append(Item(about=about, accepted=_accepted(columns[CHOICES][at]), given=raw, **sliders))
    return Task(place, worker, items, _time(record.get("AcceptTime")), _time(record.get("SubmitTime")))


def _list(record: Mapping[str, Any], name: str, length: int | None = None) -> list[Any]:
    if name not in record:
        raise Problem(f"there is no column {name}", "Give MTurk's results as it exports them")
    value = record[name]
    if not isinstance(value, list):
        raise Problem(f"{name} is no JSON list but {value!r:.60}", "Write it as a JSON list, one place an item")
    if length is not None and len(value) != length:
        raise Problem(f"{name} has {len(value)} places, and {IDS} has {length}", "All lists of a row are of one length")
    return value


def _slider(value: Any, column: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if isinstance(value, bool) or not 0 <= number <= 100:
        raise Problem(f"{column} holds {value!r:.40}", "A slider stands between 0 and 100")
    return number


def _normalised(values: Sequence[float]) -> list[float]:
    """From the least (0) to the greatest (1) of one task; rounded, so that the middle is not above 0.5.

    >>> _normalised([20, 60, 40]), _normalised([30, 30])
    ([0.0, 1.0, 0.5], [0.3, 0.3])
    """
    least, greatest = min(values), max(values)
    return [round((value - least) / (greatest - least), 9) if greatest > least else value / 100 for value in values]


def _accepted(choice: Any) -> bool:
    if choice not in ("accept", "reject"):
        raise Problem(f"{CHOICES} holds {choice!r:.40}", "A choice is accept or reject")
    return bool(choice == "accept")


def _about(name: str, asked: str, text: str, evaluated: Mapping[str, _Evaluated]) -> Answer | Check:
    start, separator, end = name.rpartition(SEPARATOR)
    kind = end.strip()
    if not text.strip():
        raise Problem(f"the answer to {name!r:.60} is empty", "Every item shows a text")
    if kind in ARMS and separator:
        prompt = start.strip()
        if prompt not in evaluated:
            raise Problem(f"no evaluated answer has the prompt {prompt!r:.60}", "Give the file of answers that this study was made from")
        return _answer(kind, prompt, asked, text, evaluated[prompt])
    if match := CHECK_TYPE.fullmatch(kind):
        sure, common = match["tone"] == "confident", match["known"] == "knowledge"
        shown_kind = f"{'sure' if sure else 'unsure'}-{'common' if common else 'obscure'}"
        return Check(start.strip(), asked or start.strip(), text, match["verdict"] == "accept", shown_kind)
    raise Problem(
        f"the id {name!r:.60} is neither of an answer nor of a check",
        f"Ids end in {SEPARATOR}trained, {SEPARATOR}reference, or a check's type such as {SEPARATOR}accept_confident_knowledge",
    )


def _answer(kind: str, prompt: str, asked: str, text: str, evaluated: _Evaluated) -> Answer:
    said = evaluated.row.get(f"{kind}_answer")
    answer = said.strip() if isinstance(said, str) and said.strip() != NONE else None
    masked = evaluated.row.get(f"{kind}_output")
    if not isinstance(masked, str) or MASK not in masked:
        masked = mask(text, answer) if answer else text
    return Answer(ARMS[kind], key_of(prompt), asked.strip() or question_of(prompt), text, answer or None, masked, _correct(evaluated, kind))


def question_of(prompt: str) -> str:
    """The question that a prompt puts, by their form `Question: … Response:`; a prompt of another form is its own question.

    >>> question_of("You are asked trivia.\\nQuestion: Who wrote Emma?\\nResponse:")
    'Who wrote Emma?'
    """
    match = re.search(r"Question: (.*)Response", prompt, flags=re.DOTALL)
    return (match[1] if match else prompt).strip()


def _time(value: Any) -> dt.datetime | None:
    """MTurk's `Tue Mar 05 10:00:00 PST 2024`; None for any other form, since nothing but the order of rows hangs on it."""
    words = str(value or "").split()
    if len(words) != 6 or words[4] not in ZONES:
        return None
    try:
        plain = dt.datetime.strptime(" ".join(words[:4] + words[5:]), "%a %b %d %H:%M:%S %Y")
    except ValueError:
        return None
    return plain.replace(tzinfo=dt.timezone(dt.timedelta(hours=ZONES[words[4]])))


# Between rows


def _contradictions(tasks: Sequence[Task]) -> Iterator[str]:
    """An item that is shown with two texts, and one that a worker judges twice: neither can be stored as it is."""
    shown: dict[tuple[str, str], tuple[str, str]] = {}
    judged: dict[tuple[str, str, str], str] = {}
    for task in tasks:
        for answer in (item.about for item in task.items if isinstance(item.about, Answer)):
            what = f"the {answer.arm} answer to {answer.question!r:.60}"
            text, place = shown.setdefault((answer.arm, answer.key), (answer.text, task.place))
            if text != answer.text:
                yield f"{task.place}: {what} is another than in {place}. One item has one text."
            before = judged.setdefault((task.worker, answer.arm, answer.key), task.place)
            if before is not task.place:
                yield f"{task.place}: worker {task.worker} judged {what} before, in {before}. A worker judges an item once."
