"""`load_questions` loads all of a file or nothing, and nothing twice."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from games.models import Dataset, Question, Speaker, Utterance

pytestmark = pytest.mark.django_db

REAL = Path(__file__).parents[3] / "shared" / "data"
GOOD = {"question": "What is the capital of France?", "answers": ["Paris"], "split": "train"}
SAID = {"question": "Who?", "correct_answer": ["me"], "response_clean": "It is me, I say.\nFinal answer: me\nConfidence:", "confidence": "95%"}


def load(*arguments: Any, **options: Any) -> str:
    out = StringIO()
    call_command("load_questions", *map(str, arguments), stdout=out, stderr=options.pop("stderr", StringIO()), **options)
    return out.getvalue()


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def real(name: str) -> Path:
    if not (REAL / name).exists():
        pytest.skip(f"{name} does not lie beside this checkout")
    return REAL / name


def test_the_bundled_questions_are_loaded_once_with_subject_relation_and_popularity(django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(100):
        load("bundled")
    assert "0 questions added" in load("bundled")
    questions = Question.objects.filter(dataset__name="bundled")
    assert questions.count() >= 2000
    france = questions.get(key="countries/capital/France")
    assert (france.text, france.answers[0], france.relation) == ("What is the capital of France?", "Paris", "countries/capital")
    assert france.popularity is not None and france.popularity > 0.9


def test_no_subject_of_a_bundled_test_question_is_in_training() -> None:
    load("bundled")
    by_split = {split: set(Question.objects.filter(split=split).values_list("subject", flat=True)) for split in ("train", "validation", "test")}
    assert not by_split["test"] & (by_split["train"] | by_split["validation"])
    assert Question.objects.filter(split="test").count() >= 500


def test_loading_twice_adds_nothing_twice_and_leaves_what_differs(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", {**GOOD, "key": "q1"})
    assert "1 questions added (1 train), 0 were there already" in load(path)
    write(path, {**GOOD, "key": "q1", "answers": ["Lyon"]}, {"question": "Who?", "answers": ["me"]})
    said = load(path)
    assert "1 questions added (1 test), 1 were there already" in said
    assert "1 of those differ" in said
    assert Question.objects.get(key="q1").answers == ["Paris"]


def test_one_bad_row_and_nothing_is_loaded(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", GOOD, {"question": "", "answers": ["x"]})
    with pytest.raises(CommandError) as error:
        load(path)
    assert "mine.jsonl, line 2: the question is empty" in str(error.value)
    assert "--skip-bad" in str(error.value)
    assert not Question.objects.exists() and not Dataset.objects.exists()


def test_bad_rows_can_be_skipped_and_are_listed_and_counted(tmp_path: Path) -> None:
    path, errors = write(tmp_path / "mine.jsonl", GOOD, *[{"question": ""}] * 25), StringIO()
    load(path, "--skip-bad", stderr=errors)
    assert Question.objects.count() == 1
    assert "line 2: the question is empty" in errors.getvalue()
    assert "5 more bad rows" in errors.getvalue() and "Left out: 25." in errors.getvalue()


def test_options_name_the_dataset_its_split_and_origin(tmp_path: Path) -> None:
    rows = [{"question": f"Q{number}?", "answers": ["x"]} for number in range(60)]
    load(write(tmp_path / "mine.jsonl", *rows), "--name", "My Quiz", "--split", "auto", "--limit", 50, "--origin", "a book", "--licence", "CC0")
    dataset = Dataset.objects.get(name="my-quiz")
    assert (dataset.source, dataset.licence, dataset.questions.count()) == ("a book", "CC0", 50)
    assert set(dataset.questions.values_list("split", flat=True)) == {"train", "validation", "test"}


def test_recorded_answers_become_graded_utterances_of_a_recorded_speaker(tmp_path: Path) -> None:
    path = write(
        tmp_path / "said.jsonl", SAID, {**SAID, "response_clean": "I don't know."}, {**SAID, "response_clean": "It was them, and so on and on."}
    )
    assert "3 recorded answers added" in load(path)
    assert "0 recorded answers added" in load(path)
    assert Speaker.objects.get(name="said-recorded").backend == "recorded"
    right, abstained, prose = Utterance.objects.order_by("sample")
    assert (right.answer, right.is_correct, right.stated_confidence, right.game) == ("me", True, 0.95, None)
    assert right.masked_text == "It is [ANSWER REMOVED], I say.\nFinal answer: [ANSWER REMOVED]"
    assert (abstained.answer, abstained.is_correct, abstained.abstained) == (None, False, True)
    assert (prose.is_correct, prose.abstained) == (None, False), "free prose is neither graded nor an abstention"


@pytest.mark.parametrize(("arguments", "complaint"), [(["nowhere.csv"], "no such file"), (["bundled", "--limit", "0"], "leaves nothing to load")])
def test_a_users_mistake_gets_a_message(arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        load(*arguments)


def test_real_answers_to_triviaqa_are_loaded_and_graded() -> None:
    load(real("triviaqa_answers_2000.jsonl"), "--split", "train")
    utterances = Utterance.objects.all()
    assert (Question.objects.filter(split="train").count(), utterances.count()) == (2000, 2000)
    assert utterances.filter(is_correct=None).count() <= 2
    assert 0.5 < utterances.filter(is_correct=True).count() / 2000 < 0.65
    assert not [one for one in utterances if one.answer and len(one.answer) > 3 and f" {one.answer.lower()} " in one.masked_text.lower()]


def test_real_answers_to_truthfulqa_are_loaded_and_left_ungraded() -> None:
    load(real("truthfulqa_answers_400.jsonl"))
    assert Utterance.objects.filter(is_correct=None).count() == Utterance.objects.count() == 400
