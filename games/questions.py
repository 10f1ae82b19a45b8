"""Questions into the database: all of a file or nothing of it, and nothing twice. How files are read: `games.layouts`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from django.db import transaction
from django.utils.text import slugify

from games.grading import MASK, Grade, grade
from games.layouts import BUNDLED, LAYOUTS, Reading, Recorded, Row, read, spread
from games.models import Dataset, Question, Speaker, Split, Utterance

__all__ = ["Loaded", "load_into_database", "read"]

BATCH = 1000
AUTO = "auto"
"""As a split: spread the questions that have none over all three."""


class Loaded(NamedTuple):
    dataset: Dataset
    added: int
    there: int
    "Questions that were in the dataset before."
    differing: int
    "Of those, the ones whose text or answers are others now; they stay as they were."
    splits: dict[str, int]
    speaker: Speaker | None
    utterances: int
    "Recorded answers that were added."


@transaction.atomic
def load_into_database(*, reading: Reading, name: str, split: str = "", source: str = "", licence: str = "", file: Path | None = None) -> Loaded:
    """Save the rows of a reading as the dataset `name`; `split` is for rows that do not say theirs (`auto`: spread over all).

    Recorded answers become graded utterances of the recorded speaker `<name>-recorded`, which replays them from `file`.
    """
    rows = spread(reading.rows) if split == AUTO else reading.rows
    dataset = _dataset(reading.layout, name, source, licence)
    before = {key: (text, answers) for key, text, answers in dataset.questions.values_list("key", "text", "answers")}
    new = [_question(dataset, row, split or Split.TEST) for row in rows if row.key not in before]
    Question.objects.bulk_create(new, batch_size=BATCH, ignore_conflicts=True)
    known = [row for row in rows if row.key in before]
    differing = sum(before[row.key] != (row.text, list(row.answers)) for row in known)
    speaker, utterances = _recorded(dataset, rows, file)
    return Loaded(dataset, len(new), len(known), differing, Counter(question.split for question in new), speaker, utterances)


def dataset_name(source: str) -> str:
    """The name that a file's dataset gets if nobody gives one."""
    return slugify(Path(source).stem)[:50] or "questions"


def _dataset(layout: str, name: str, source: str, licence: str) -> Dataset:
    if layout == BUNDLED:
        facts = {"title": "The bundled trivia world", "source": "fact tables written for this project", "licence": "Apache-2.0"}
        return Dataset.objects.get_or_create(name=name, defaults=facts)[0]
    known = LAYOUTS[layout]
    defaults = {"source": source or known.source, "licence": licence or known.licence}
    return Dataset.objects.get_or_create(name=name, defaults=defaults)[0]


def _question(dataset: Dataset, row: Row, split: str) -> Question:
    return Question(
        dataset=dataset,
        key=row.key,
        text=row.text,
        answers=list(row.answers),
        split=row.split or split,
        subject=row.subject,
        relation=row.relation,
        popularity=row.popularity,
    )


# Recorded answers


def _recorded(dataset: Dataset, rows: Sequence[Row], file: Path | None) -> tuple[Speaker | None, int]:
    if not any(row.recorded for row in rows):
        return None, 0
    settings = {"file": str(file.resolve())} if file else {"texts": {row.text: [said.text for said in row.recorded] for row in rows}}
    speaker, _ = Speaker.objects.get_or_create(name=f"{dataset.name}-recorded", defaults={"backend": "recorded", "generation": settings})
    ids = dict(dataset.questions.values_list("key", "pk"))
    said = [_utterance(speaker, ids[row.key], row, sample, one) for row in rows for sample, one in enumerate(row.recorded)]
    before = speaker.utterances.count()
    Utterance.objects.bulk_create(said, batch_size=BATCH, ignore_conflicts=True)
    return speaker, speaker.utterances.count() - before


def _utterance(speaker: Speaker, question: int, row: Row, sample: int, said: Recorded) -> Utterance:
    found = grade(said.text, row.answers)
    graded = found if found.answer is not None or found.reason.startswith("abstained") else _ungraded(said.text)
    return Utterance(
        speaker=speaker,
        question_id=question,
        sample=sample,
        text=said.text,
        answer=graded.answer,
        masked_text=graded.masked_text,
        is_correct=graded.is_correct if graded is found else None,
        grade_reason=graded.reason,
        stated_confidence=said.confidence,
    )


def _ungraded(text: str) -> Grade:
    """A recorded response in free prose (TruthfulQA's) is its own answer: neither an abstention nor something an alias can match."""
    return Grade(text, MASK, False, "not graded: free prose, no short answer in it; needs a judge model")
