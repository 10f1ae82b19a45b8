"""The fact tables are sound, and a subject's questions stay together in one split."""

from collections import Counter
from pathlib import Path

import pytest

from games.bundled.world import facts, split_of


def write(folder: Path, rows: str, relations: str = "relation,question\ncapital,What is the capital of {subject}?\n") -> Path:
    (folder / "places.csv").write_text(rows, encoding="utf-8")
    (folder / "places.relations.csv").write_text(relations, encoding="utf-8")
    return folder


def test_there_are_at_least_2000_questions_in_12_relations_each_once() -> None:
    found = facts()
    keys = Counter((fact.kind, fact.relation, fact.subject) for fact in found)
    assert len(found) >= 2000
    assert len({(fact.kind, fact.relation) for fact in found}) >= 12
    assert set(keys.values()) == {1}


def test_no_subject_of_a_test_question_is_in_training() -> None:
    splits: dict[str, set[str]] = {}
    for fact in facts():
        splits.setdefault(fact.subject, set()).add(fact.split)
    assert all(len(found) == 1 for found in splits.values())


def test_the_splits_have_their_shares() -> None:
    shares = Counter(split_of(str(number)) for number in range(10_000))
    assert shares["train"] / 10_000 == pytest.approx(0.62, abs=0.02)
    assert shares["validation"] / 10_000 == pytest.approx(0.10, abs=0.02)
    assert split_of("France") == "train", "the split of a subject never changes"


def test_popularity_runs_from_1_to_0_and_empty_cells_are_no_questions(tmp_path: Path) -> None:
    found = facts(write(tmp_path, "subject,rank,capital\nFrance,1,Paris|Paname\nAtlantis,2,\nBhutan,3,Thimphu\n"))
    assert [(fact.subject, fact.popularity, fact.answers) for fact in found] == [("France", 1.0, ("Paris", "Paname")), ("Bhutan", 0.0, ("Thimphu",))]
    assert found[0].question == "What is the capital of France?"


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("subject,rank,capital\nFrance,1,Paris, again\n", "line 2: not as many cells"),
        ("subject,rank,capital\nFrance,1,Paris\nBhutan,3,Thimphu\n", "line 3: rank '3', expected 2"),
    ],
)
def test_a_broken_table_is_named_with_its_line(tmp_path: Path, rows: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"places.csv, {complaint}"):
        facts(write(tmp_path, rows))


def test_a_question_without_its_subject_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no .subject. in it"):
        facts(write(tmp_path, "subject,rank,capital\n", "relation,question\ncapital,What?\n"))
