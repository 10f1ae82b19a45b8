"""Files of questions → rows of one shape. Knows nothing of Django.

The layout is found by a file's columns; `LAYOUTS` names them all with one real example each:

* `own`: `{"question": "Who wrote Emma?", "answers": ["Jane Austen"], "split": "test", "popularity": 0.8}`; in a CSV the answers are
  separated by `|`. Optional columns: key, split, subject, relation, popularity.
* `triviaqa`: `{"Data": [{"Question": "…", "QuestionId": "tc_2", "Answer": {"Value": "…", "Aliases": […], "NormalizedAliases": […]}}]}`
  (https://nlp.cs.washington.edu/triviaqa/, Joshi et al. 2017).
* `hub_trivia_qa`: `{"question": "…", "question_id": "tc_2", "answer": {"value": "…", "aliases": […], "normalized_aliases": […]}}`.
* `truthfulqa`: the CSV `Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source`, answers separated by `;`
  (https://github.com/sylinrl/TruthfulQA, Lin et al. 2022).
* `hub_truthful_qa`: `{"category": "…", "question": "…", "best_answer": "…", "correct_answers": […]}` (generation), or
  `{"question": "…", "mc1_targets": {"choices": […], "labels": [1, 0]}, "mc2_targets": …}` (multiple choice).
* `responses`: `{"question": "…", "response_clean": "…", "correct_answer": […], "confidence": "95%"}`: questions with what a model said.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from games.bundled.world import facts, split_of
from games.confidence import number
from games.grading import normalise
from games.tables import Problem, Unreadable, records, strings

__all__ = ["BadRow", "Reading", "Row", "Unreadable", "read"]

BUNDLED = "bundled"
SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation", "test": "test"}
LONGEST_KEY = 200
WITHHELD = "<unk>"
"""What stands for the answer in TriviaQA's test split, whose answers are not published."""


class Recorded(NamedTuple):
    text: str
    confidence: float | None


@dataclass(frozen=True)
class Row:
    """One question, whatever file it came from."""

    key: str
    text: str
    answers: tuple[str, ...]
    split: str = ""
    "Empty: the file does not say."
    subject: str = ""
    relation: str = ""
    popularity: float | None = None
    recorded: tuple[Recorded, ...] = ()


class BadRow(NamedTuple):
    place: str
    "File and line (or row, in files that have no lines)."
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}. {self.remedy}"


class Reading(NamedTuple):
    layout: str
    rows: list[Row]
    bad: list[BadRow]


Record = dict[str, Any]


def read(source: Path | str, *, limit: int | None = None) -> Reading:
    """Read a file of questions, or the `bundled` ones. Bad rows are listed beside the good ones.

    Raises:
        Unreadable: there is no such file, or it is in none of the layouts.
    """
    if str(source) == BUNDLED:
        return Reading(BUNDLED, list(itertools.islice(_bundled(), limit)), [])
    path = Path(source)
    found = records(path)
    first = next((record for _, record in found if isinstance(record, dict)), None)
    if first is None:
        raise Unreadable(f"{path}: there are no rows in this file.")
    layout = _layout_of(first, path)
    rows: dict[str, Row] = {}
    bad: list[BadRow] = []
    for place, record in found:
        if limit is not None and len(rows) >= limit:
            break
        try:
            _add(rows, _checked(LAYOUTS[layout].convert(_record(record))))
        except Problem as problem:
            bad.append(BadRow(place, problem.what, problem.remedy))
    return Reading(layout, list(rows.values()), bad)


def _record(record: Record | Problem) -> Record:
    if isinstance(record, Problem):
        raise record
    return record


def _add(rows: dict[str, Row], row: Row) -> None:
    """Put a row in; the same question again adds what was recorded for it."""
    before = rows.get(row.key)
    if before is None:
        rows[row.key] = row
    elif before.text != row.text:
        raise Problem(f"the key {row.key!r} already belongs to the question {before.text!r}", "Give every question a key of its own.")
    else:
        rows[row.key] = replace(before, recorded=before.recorded + row.recorded)


def _checked(row: Row) -> Row:
    """
    Raises:
        Problem: the row cannot be a question.
    """
    if not row.text:
        raise Problem("the question is empty", "Write the question, or take the row out.")
    if not row.answers:
        raise Problem("there is no accepted answer", "Give at least one.")
    if row.popularity is not None and not 0 <= row.popularity <= 1:
        raise Problem(f"popularity {row.popularity} is not between 0 and 1", "1 is the best known of its kind, 0 the most obscure.")
    if len(row.key) > LONGEST_KEY:
        raise Problem(f"the key has {len(row.key)} characters", f"Use at most {LONGEST_KEY}, or leave it out.")
    if len(row.subject) > LONGEST_KEY or len(row.relation) > LONGEST_KEY // 2:
        raise Problem("subject or relation is too long", f"Use at most {LONGEST_KEY} and {LONGEST_KEY // 2} characters.")
    for text in (row.key, row.text, row.subject, *row.answers, *(said.text for said in row.recorded)):
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise Problem("a text holds a NUL or half a surrogate pair", "Take these characters out.")
    return row


# The layouts


class Layout(NamedTuple):
    columns: frozenset[str]
    "Those that tell this layout from the others."
    convert: Callable[[Record], Row]
    source: str = ""
    licence: str = ""


def _own(record: Record) -> Row:
    given = record.get("popularity")
    try:
        popularity = None if given in (None, "") else float(given)
    except (TypeError, ValueError):
        raise Problem(f"popularity {given!r} is no number", "Give a number from 0 to 1, or leave it empty.") from None
    text = _text(record, "question")
    return Row(
        key=_text(record, "key") or key_of(text),
        text=text,
        answers=_answers(strings(record.get("answers"), "answers", separator="|")),
        split=_split(record.get("split")),
        subject=_text(record, "subject"),
        relation=_text(record, "relation"),
        popularity=popularity,
    )


def _triviaqa(record: Record) -> Row:
    answer = _inner(record, "Answer")
    names = ("Value", "Aliases", "NormalizedAliases", "HumanAnswers")
    return _trivia(record, "Question", "QuestionId", [answer.get(name) for name in names], _split(record.get("Split")))


def _hub_trivia_qa(record: Record) -> Row:
    answer = _inner(record, "answer")
    return _trivia(record, "question", "question_id", [answer.get(name) for name in ("value", "aliases", "normalized_aliases")], "")


def _trivia(record: Record, question: str, key: str, answers: list[Any], split: str) -> Row:
    text = _text(record, question)
    found = [answer for given in answers if given is not None for answer in strings(given, "the answer") if answer != WITHHELD]
    return Row(_text(record, key) or key_of(text), text, _answers(found), split)


def _truthfulqa(record: Record) -> Row:
    text = _text(record, "Question")
    answers = [_text(record, "Best Answer"), *strings(record.get("Correct Answers"), "Correct Answers", separator=";")]
    return Row(key_of(text), text, _answers(answers), relation=_text(record, "Category"))


def _hub_truthful_qa(record: Record) -> Row:
    text = _text(record, "question")
    if "mc1_targets" in record:
        best, all_right = (_right_choices(_inner(record, name)) for name in ("mc1_targets", "mc2_targets"))
        return Row(key_of(text), text, _answers([*best, *all_right]))
    answers = [_text(record, "best_answer"), *strings(record.get("correct_answers"), "correct_answers")]
    return Row(key_of(text), text, _answers(answers), relation=_text(record, "category"))


def _right_choices(targets: Record) -> list[str]:
    return [choice for choice, label in zip(strings(targets.get("choices"), "choices"), targets.get("labels", []), strict=False) if label]


def _responses(record: Record) -> Row:
    text = _text(record, "question")
    response = _text(record, "response_clean").removesuffix("Confidence:").rstrip()
    answers = _answers(strings(record.get("correct_answer"), "correct_answer"))
    return Row(key_of(text), text, answers, _split(record.get("split")), recorded=(Recorded(response, number(_text(record, "confidence"))),))


LAYOUTS: dict[str, Layout] = {
    "responses": Layout(frozenset({"question", "response_clean", "correct_answer"}), _responses),
    "own": Layout(frozenset({"question", "answers"}), _own),
    "triviaqa": Layout(frozenset({"Question", "Answer"}), _triviaqa, "TriviaQA (Joshi et al. 2017)"),
    "hub_trivia_qa": Layout(frozenset({"question", "answer"}), _hub_trivia_qa, "TriviaQA (Joshi et al. 2017)"),
    "truthfulqa": Layout(frozenset({"Question", "Best Answer", "Correct Answers"}), _truthfulqa, "TruthfulQA (Lin et al. 2022)", "Apache-2.0"),
    "hub_truthful_qa": Layout(
        frozenset({"question", "best_answer", "correct_answers"}), _hub_truthful_qa, "TruthfulQA (Lin et al. 2022)", "Apache-2.0"
    ),
    "hub_truthful_qa_choices": Layout(
        frozenset({"question", "mc1_targets", "mc2_targets"}), _hub_truthful_qa, "TruthfulQA (Lin et al. 2022)", "Apache-2.0"
    ),
}


def _layout_of(first: Record, path: Path) -> str:
    found = next((name for name, layout in LAYOUTS.items() if layout.columns <= set(first)), None)
    if found is None:
        known = "; ".join(f"{name}: {', '.join(sorted(layout.columns))}" for name, layout in LAYOUTS.items())
        raise Unreadable(f"{path}: its columns ({', '.join(map(str, first))}) are those of no known layout. Name them as in one of these: {known}.")
    return found


def _bundled() -> Iterator[Row]:
    for fact in facts():
        relation = f"{fact.kind}/{fact.relation}"
        yield Row(f"{relation}/{fact.subject}", fact.question, fact.answers, fact.split, fact.subject, relation, fact.popularity)


# Cells


def _text(record: Record, name: str) -> str:
    value = record.get(name)
    if value is not None and not isinstance(value, str | int | float):
        raise Problem(f"{name} is {type(value).__name__}, not a text", f"Write {name} as a text.")
    return "" if value is None else str(value).strip()


def _inner(record: Record, name: str) -> Record:
    value = record.get(name)
    if not isinstance(value, dict):
        raise Problem(
            f"{name} is {value!r:.60}, not an object with the answers in it", "Export the set as JSONL or Parquet: a CSV may lose such cells."
        )
    return value


def _split(value: Any) -> str:
    if value in (None, ""):
        return ""
    if str(value).lower() not in SPLITS:
        raise Problem(f"split {value!r} is unknown", "Use train, validation or test.")
    return SPLITS[str(value).lower()]


def _answers(given: Iterable[str]) -> tuple[str, ...]:
    """In order, each once; an alias that is only the normal form of another is left out."""
    kept: dict[str, str] = {}
    for answer in given:
        if answer.strip():
            kept.setdefault(normalise(answer) or answer.strip(), answer.strip())
    return tuple(kept.values())


def key_of(text: str) -> str:
    """The key of a question whose source gives it none."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def spread(rows: Iterable[Row]) -> list[Row]:
    """Give each row that has no split one by its subject (or its text), in the bundled questions' shares."""
    return [row if row.split else replace(row, split=split_of(row.subject or row.text)) for row in rows]
