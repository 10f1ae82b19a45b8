"""The facts of the bundled world, read from its tables (`facts/<kind>.csv`, `facts/<kind>.relations.csv`). Knows nothing of Django.

A table has one row a subject, with its rank (1 = the best known of its kind) and one column a relation; a cell holds the accepted answers,
the canonical one first, separated by `|`. The relations file gives each column its question, with `{subject}` in it.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from games.bundled import FACTS

SPLIT_SEED = 0
SHARES = (("train", 0.62), ("validation", 0.72), ("test", 1.0))
"""(split, cumulative share of the subjects)."""


@dataclass(frozen=True)
class Fact:
    kind: str
    relation: str
    subject: str
    question: str
    answers: tuple[str, ...]
    "The canonical answer first."
    popularity: float
    "1 for the best known subject of its kind, 0 for the most obscure."
    split: str


def facts(folder: Path = FACTS) -> list[Fact]:
    """All facts, in the order of the files' names, subjects and columns.

    Raises:
        ValueError: a table is broken; the message names file, line and what to do.
    """
    tables = sorted(path for path in folder.glob("*.csv") if not path.name.endswith(".relations.csv"))
    return [fact for table in tables for fact in read_table(table)]


def read_table(table: Path) -> Iterator[Fact]:
    questions = read_relations(table.with_name(f"{table.stem}.relations.csv"))
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise ValueError(f"{table.name}, line {line}: not as many cells as the header has columns. Quote cells that hold commas.")
        if row["rank"] != str(line - 1):
            raise ValueError(f"{table.name}, line {line}: rank {row['rank']!r}, expected {line - 1}. Sort the rows by rank, without gaps.")
        for relation, question in questions.items():
            answers = tuple(answer.strip() for answer in row[relation].split("|") if answer.strip())
            if answers:
                subject, popularity = row["subject"], 1 - (line - 2) / max(1, len(rows) - 1)
                yield Fact(table.stem, relation, subject, question.format(subject=subject), answers, popularity, split_of(subject))


def read_relations(path: Path) -> dict[str, str]:
    """Relation → question template."""
    with path.open(encoding="utf-8", newline="") as file:
        found = {row["relation"]: row["question"] for row in csv.DictReader(file)}
    for relation, question in found.items():
        if "{subject}" not in question:
            raise ValueError(f"{path.name}: the question of {relation!r} has no {{subject}} in it.")
    return found


def split_of(subject: str) -> str:
    """The split of all questions about this subject. It depends on the subject's name alone, so new rows move no other.

    >>> split_of("France") == split_of("france")
    True
    """
    digest = hashlib.sha256(f"{SPLIT_SEED}/{subject.casefold()}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    return next(split for split, share in SHARES if place < share)
