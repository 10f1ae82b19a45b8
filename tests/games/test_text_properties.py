"""Whatever the text: no crash, no answer left visible, no probability outside [0, 1], and no time without end."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from games.bundled.phrasing import LEADS, TONES
from games.confidence import stated
from games.grading import MASK, grade, is_garbled, mask, matching, normalise
from games.layouts import Unreadable, read

few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(st.text())
def test_any_text_is_graded_heard_and_checked(text: str) -> None:
    found = grade(text, ["Paris"])
    assert found.is_correct == (found.answer is not None and matching(found.answer, ["Paris"]) is not None)
    assert is_garbled(text) in (True, False)
    assert stated(text) is None or 0 <= stated(text) <= 1
    assert normalise(normalise(text)) == normalise(text)


@few
@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20), st.sampled_from(LEADS), st.sampled_from([text for text, _ in TONES]))
def test_the_answer_of_a_bundled_sentence_is_never_left_beside_its_mask(answer: str, lead: str, tone: str) -> None:
    found = grade(lead.format(a=answer) + tone, [answer])
    if found.reason.startswith("bundled phrasing"):
        assert found.masked_text == lead.format(a=MASK) + tone


@few
@given(st.text(), st.text(min_size=1, max_size=10), st.text())
def test_a_masked_text_does_not_hold_the_answer(before: str, answer: str, after: str) -> None:
    words = mask(f"{before} {answer} {after}", answer).replace(MASK, " ").casefold().split()
    if len(answer.split()) == 1 and answer.strip().isalpha() and answer.isascii():
        assert answer.casefold() not in words


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text())
names = st.sampled_from(
    ["question", "answers", "key", "split", "popularity", "answer", "correct_answers", "best_answer", "response_clean", "mc1_targets"]
)


@few
@given(st.lists(st.dictionaries(names, values), min_size=1, max_size=5))
def test_any_rows_are_read_or_refused(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "any.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    try:
        reading = read(path)
    except Unreadable:
        return
    assert all(row.text and row.answers for row in reading.rows)


@pytest.mark.parametrize(
    "text", ["not " * 5000, " " * 20000, "I'm " * 5000 + "sure", "answer" * 3000, "\n" * 20000, "[" * 20000, "9" * 20000, "A. " * 5000]
)
def test_a_long_text_takes_no_long_time(text: str) -> None:
    began = time.process_time()
    grade(text, ["Paris"])
    is_garbled(text)
    stated(text)
    assert time.process_time() - began < 2
