"""Every layout is told by its columns and gives the same rows; bad rows are named with file, line and remedy."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from games.layouts import Row, Unreadable, read, spread

TRIVIAQA = {
    "Question": "Who wrote Emma?",
    "QuestionId": "tc_2",
    "Answer": {
        "Value": "Jane Austen",
        "Aliases": ["Austen, Jane", "Miss Austen"],
        "NormalizedAliases": ["austen jane", "miss austen", "jane austen"],
    },
}
HUB_TRIVIA_QA = {
    "question": "Who wrote Emma?",
    "question_id": "tc_2",
    "entity_pages": {"title": []},
    "answer": {"value": "Jane Austen", "aliases": ["Austen, Jane", "Miss Austen"], "normalized_aliases": ["austen jane", "miss austen"]},
}
AUSTEN = ("Jane Austen", "Austen, Jane", "Miss Austen")
SEEDS = "What happens if you eat seeds?"
TRUTHFUL = {
    "type": "Adversarial",
    "category": "Health",
    "question": SEEDS,
    "best_answer": "Nothing",
    "correct_answers": ["Nothing", "They pass"],
    "incorrect_answers": ["You grow"],
}
CHOICES = {
    "question": SEEDS,
    "mc1_targets": {"choices": ["Nothing", "You grow"], "labels": [1, 0]},
    "mc2_targets": {"choices": ["Nothing", "They pass", "You grow"], "labels": [1, 1, 0]},
}
TRUTHFUL_CSV = {
    "Type": "Adversarial",
    "Category": "Health",
    "Question": SEEDS,
    "Best Answer": "Nothing",
    "Correct Answers": "Nothing; They pass",
    "Incorrect Answers": "You grow; You die",
    "Source": "https://example.org",
}
OWN = {
    "question": "Who wrote Emma?",
    "answers": ["Jane Austen", "Austen"],
    "split": "dev",
    "subject": "Emma",
    "relation": "author",
    "popularity": 0.5,
}


def write(path: Path, *rows: Any) -> Path:
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            cell = json.dumps
            writer.writerows({name: value if isinstance(value, str) else cell(value) for name, value in row.items()} for row in rows)
    elif path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    else:
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize(
    ("record", "layout", "answers"),
    [
        (HUB_TRIVIA_QA, "hub_trivia_qa", AUSTEN),
        (TRUTHFUL, "hub_truthful_qa", ("Nothing", "They pass")),
        (CHOICES, "hub_truthful_qa_choices", ("Nothing", "They pass")),
        (TRUTHFUL_CSV, "truthfulqa", ("Nothing", "They pass")),
        (OWN, "own", ("Jane Austen", "Austen")),
    ],
)
def test_a_layout_is_told_by_its_columns_whatever_the_format(
    tmp_path: Path, record: dict[str, Any], layout: str, answers: tuple[str, ...], ending: str
) -> None:
    reading = read(write(tmp_path / f"questions{ending}", record))
    assert (reading.layout, reading.bad) == (layout, [])
    assert reading.rows[0].answers == answers


def test_it_reads_triviaqas_own_json_with_its_split(tmp_path: Path) -> None:
    path = tmp_path / "wikipedia-dev.json"
    path.write_text(json.dumps({"Data": [TRIVIAQA], "Domain": "Web", "Split": "dev", "Version": 1.0}))
    assert read(path).rows == [Row("tc_2", "Who wrote Emma?", AUSTEN, "validation")]


def test_a_question_whose_answer_triviaqa_withholds_is_a_bad_row(tmp_path: Path) -> None:
    withheld = {**HUB_TRIVIA_QA, "answer": {"value": "<unk>", "aliases": [], "normalized_aliases": []}}
    assert "no accepted answer" in read(write(tmp_path / "test.jsonl", withheld)).bad[0].problem


def test_our_csv_separates_answers_by_bars_and_may_leave_columns_out(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text('\ufeffquestion,answers,popularity\n"Rome, is it?",Rome | Roma,\n', encoding="utf-8")
    row = read(path).rows[0]
    assert (row.text, row.answers, row.popularity, row.split) == ("Rome, is it?", ("Rome", "Roma"), None, "")


def test_our_jsonl_keeps_all_it_is_given(tmp_path: Path) -> None:
    row = read(write(tmp_path / "mine.jsonl", {**OWN, "key": 7})).rows[0]
    assert row == Row("7", "Who wrote Emma?", ("Jane Austen", "Austen"), "validation", "Emma", "author", 0.5)


def test_the_same_question_again_adds_what_was_recorded_for_it(tmp_path: Path) -> None:
    said = {"question": "Who?", "correct_answer": ["me"]}
    rows = ({**said, "response_clean": "me\nConfidence:", "confidence": "90%"}, {**said, "response_clean": "you", "confidence": None})
    reading = read(write(tmp_path / "said.jsonl", *rows))
    assert len(reading.rows) == 1
    assert [tuple(one) for one in reading.rows[0].recorded] == [("me", 0.9), ("you", None)]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({"question": "", "answers": ["x"]}, "the question is empty"),
        ({"question": "Who?", "answers": []}, "no accepted answer"),
        ({"question": "Who?", "answers": [" "]}, "no accepted answer"),
        ({"question": "Who?"}, "no accepted answer"),
        ({"question": ["Who?"], "answers": ["x"]}, "question is list, not a text"),
        ({"question": "Who?", "answers": {"a": 1}}, "answers is not a list of texts"),
        ({"question": "Who?", "answers": ["x"], "popularity": 2}, "popularity 2.0 is not between"),
        ({"question": "Who?", "answers": ["x"], "popularity": "big"}, "popularity 'big' is no number"),
        ({"question": "Who?", "answers": ["x"], "popularity": float("nan")}, "popularity nan is not between"),
        ({"question": "Who?", "answers": ["x"], "split": "exam"}, "split 'exam' is unknown"),
        ({"question": "Who?", "answers": ["x"], "key": "k" * 201}, "the key has 201 characters"),
        ({"question": "Who?", "answers": ["x"], "subject": "k" * 201}, "subject or relation is too long"),
        ({"question": "Who\0?", "answers": ["x"]}, "NUL"),
        ({"question": "Who?", "answers": ["\ud800"]}, "surrogate"),
        ({"question": "Who?", "answers": ["x"], "key": "q1"}, "'q1' already belongs"),
        ([1, 2], "list, not an object"),
    ],
)
def test_a_bad_row_is_named_with_file_line_and_remedy(tmp_path: Path, bad: Any, problem: str) -> None:
    good = {"question": "What?", "answers": ["that"], "key": "q1"}
    reading = read(write(tmp_path / "mine.jsonl", good, bad, {"question": "Where?", "answers": "here"}))
    assert [row.text for row in reading.rows] == ["What?", "Where?"]
    assert str(reading.bad[0]).startswith("mine.jsonl, line 2: ")
    assert problem in reading.bad[0].problem
    assert reading.bad[0].remedy


def test_lines_that_are_no_json_or_no_whole_csv_row_are_bad_rows(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"question": "Who?", "answers": ["me"]}\n{"question": \n')
    (tmp_path / "mine.csv").write_text('question,answers\n"Two\nlines?",yes\nWho?,me,too\nWhy?\n')
    assert [bad.place for bad in read(tmp_path / "mine.jsonl").bad] == ["mine.jsonl, line 2"]
    assert [bad.place for bad in read(tmp_path / "mine.csv").bad] == ["mine.csv, line 4", "mine.csv, line 5"]


def test_a_cell_that_pandas_has_broken_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "hub.csv").write_text("question,answer\nWho?,\"{'value': 'me', 'aliases': array(['me'], dtype=object)}\"\n")
    assert "Export the set as JSONL or Parquet" in read(tmp_path / "hub.csv").bad[0].remedy


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("mine.txt", "x", "files that end in .txt are not read"),
        ("empty.jsonl", "", "no rows"),
        ("empty.csv", "question,answers\n", "no rows"),
        ("odd.csv", "colour,shape\nred,round\n", "no known layout"),
        ("broken.json", "{", "no valid JSON"),
        ("number.json", "3", "neither a list"),
        ("broken.parquet", "not parquet", "no readable Parquet"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(Unreadable, match=complaint):
        read(tmp_path / name)


def test_a_file_that_is_not_there_or_not_utf8_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no such file"):
        read(tmp_path / "nowhere.csv")
    (tmp_path / "latin.csv").write_bytes("question,answers\nQué?,sí\n".encode("latin-1"))
    with pytest.raises(Unreadable, match="not UTF-8"):
        read(tmp_path / "latin.csv")


def test_only_the_first_so_many_questions_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", *({"question": f"Q{number}?", "answers": ["x"]} for number in range(5)))
    assert [row.text for row in read(path, limit=2).rows] == ["Q0?", "Q1?"]
    assert len(read("bundled", limit=3).rows) == 3


def test_spreading_gives_a_split_only_to_rows_that_have_none() -> None:
    rows = [Row(str(number), f"Q{number}?", ("x",)) for number in range(100)]
    assert {row.split for row in spread(rows)} == {"train", "validation", "test"}
    assert spread(rows) == spread(rows)
    assert [row.split for row in spread([Row("k", "Q?", ("x",), "test")])] == ["test"]
