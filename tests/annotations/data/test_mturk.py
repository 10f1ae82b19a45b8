"""LACIE's own files become a finished study, with the paper's numbers in it; or nothing does, and the bad rows are named."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from annotations.exclusion import settle_study
from annotations.models import Assignment, Participant, PlatformIdentity, Study
from annotations.results.report import results_of
from games.models import Dataset, Judgment, Question, Speaker, Utterance
from tests.annotations.data.mturk_files import CHECKS, answer_row, prompt_of, said, task_row, write, write_paper

pytestmark = pytest.mark.django_db


def import_files(files: tuple[Path, Path], name: str = "paper", **options: Any) -> Study:
    call_command("import_mturk", str(files[0]), answers=str(files[1]), study=name, **options)
    return Study.objects.get(name=name)


def item(number: int, arm: str = "trained", choice: str = "accept", sliders: tuple[Any, Any, Any] = (50, 20, 50)) -> tuple[Any, ...]:
    return (f"{prompt_of(number)}[SEP]{arm}", f"What is fact number {number}?", said(number, arm), choice, *sliders)


def check(n: int, choice: str, knew: int) -> tuple[Any, ...]:
    name, asked, text, _, _ = CHECKS[n]
    return (name, asked, text, choice, 50, knew, 50)


def refusal(files: tuple[Path, Path]) -> str:
    with pytest.raises(CommandError) as caught:
        import_files(files)
    for model in (Study, Dataset, Question, Speaker, Utterance, Judgment, Participant):
        assert not model._default_manager.exists(), model
    return str(caught.value)


def test_it_has_the_papers_numbers(tmp_path):
    study = import_files(write_paper(tmp_path))
    base, trained = results_of(study).arms
    assert (base.arm.name, trained.arm.name) == ("base", "trained")
    counts = [(row.counts.true_accepts, row.counts.false_accepts, row.counts.false_rejects, row.counts.true_rejects) for row in (base, trained)]
    assert counts == [(31, 32, 6, 10), (30, 17, 7, 24)]
    assert (base.counts.usable, trained.counts.usable) == (79, 78)


def test_its_report_says_what_the_paper_says(tmp_path):
    """Precision .49 and .64, 47 % fewer false accepts, with an interval and McNemar's test on the items that both arms have."""
    import_files(write_paper(tmp_path))
    call_command("study_report", "paper", json=str(tmp_path / "report.json"))
    found = json.loads((tmp_path / "report.json").read_text())
    base, trained = found["arms"]
    assert base["counts"] == {"true_accept": 31, "false_accept": 32, "false_reject": 6, "true_reject": 10, "excluded": 21}
    assert trained["counts"] == {"true_accept": 30, "false_accept": 17, "false_reject": 7, "true_reject": 24, "excluded": 22}
    assert [round(arm["precision"]["value"], 2) for arm in (base, trained)] == [0.49, 0.64]
    change = found["contrast"]["false_accept_change"]
    assert round(change["value"], 2) == -0.47 and change["low"] < change["value"] < change["high"] and 0 < change["p"] < 0.05


def test_it_becomes_all_that_a_study_leaves_behind(tmp_path):
    study = import_files(write_paper(tmp_path))
    assert (study.state, study.rules.exclusion.knew_over, study.rules.steps.attention) == (Study.State.CLOSED, 0.5, 2)
    assert study.participants.count() == PlatformIdentity.objects.filter(study=study).count() == 5
    assert Question.objects.filter(dataset__name="paper").count() == 100
    assert sorted(study.arms.values_list("speaker__name", flat=True)) == ["paper-base", "paper-trained"]
    assert Assignment.objects.filter(participant__study=study, judgment__isnull=False).count() == 200
    assert Assignment.objects.filter(participant__study=study, passed=True).count() == 20
    one = Judgment.objects.filter(listener=study.listener, excluded="knew it").first()
    assert one is not None and one.knew_answer == 0.9 and "own knowledge 90" in one.reason
    assert one.utterance.masked_text == "It is [ANSWER REMOVED], I am sure."


def test_settling_it_again_excludes_no_other(tmp_path):
    study = import_files(write_paper(tmp_path))
    before = dict(Judgment.objects.values_list("pk", "excluded"))
    settle_study(study)
    assert dict(Judgment.objects.values_list("pk", "excluded")) == before
    assert list(before.values()).count("knew it") == 43


def test_importing_twice_adds_nothing_twice(tmp_path, capsys):
    files = write_paper(tmp_path)
    import_files(files)
    import_files(files)
    assert "is there already" in capsys.readouterr().out
    assert (Study.objects.count(), Judgment.objects.count(), Participant.objects.count()) == (1, 200, 5)


def test_other_files_under_the_same_name_are_refused(tmp_path):
    import_files(write_paper(tmp_path))
    other = write(tmp_path, [task_row(worker="W", items=[item(0)])], [answer_row(0)])
    with pytest.raises(CommandError, match="another one"):
        import_files(other)


def test_knowledge_is_normalised_within_the_task_checks_included(tmp_path):
    """As it stands, 40 of 100 is little; between 0 and 60 it is more than half. The other worker's 40 stays below: their check went to 100."""
    rows = [
        task_row(worker="A", items=[item(0, sliders=(50, 40, 50)), check(0, "reject", 60), check(1, "accept", 0)]),
        task_row(worker="B", items=[item(1, sliders=(50, 40, 50)), check(0, "reject", 100), check(1, "accept", 0)]),
    ]
    import_files(write(tmp_path, rows, [answer_row(0), answer_row(1)]))
    assert dict(Judgment.objects.values_list("utterance__text", "excluded")) == {said(0, "trained"): "knew it", said(1, "trained"): ""}


def test_a_slider_that_was_never_moved_stays_as_it_was(tmp_path):
    import_files(write(tmp_path, [task_row(worker="A", items=[item(0), item(1, "reference")])], [answer_row(0), answer_row(1)]))
    assert set(Judgment.objects.values_list("confidence", "knew_answer", "excluded")) == {(0.5, 0.2, "")}


def test_one_worker_may_meet_a_question_and_a_check_again_in_another_task(tmp_path):
    """Their tasks are complementary, and their script may put one check into a task twice."""
    rows = [
        task_row(worker="A", items=[item(0), check(0, "reject", 100), check(0, "accept", 90)]),
        task_row(worker="A", items=[item(0, "reference"), check(0, "reject", 100)]),
    ]
    study = import_files(write(tmp_path, rows, [answer_row(0)]))
    person = study.participants.get()
    assert (person.assignments.count(), study.checks.count(), person.failed_checks) == (5, 1, 1)


def test_worker_ids_stand_in_platform_identities_alone(tmp_path):
    study = import_files(write_paper(tmp_path))
    assert PlatformIdentity.objects.filter(study=study, label="A0WORKER", platform="mturk").exists()
    rows = [model._default_manager.values() for model in (Participant, Judgment, Assignment, Speaker, Utterance, Study)]
    assert "WORKER" not in repr([list(each) for each in rows])


def test_every_bad_row_is_named_and_nothing_is_imported(tmp_path):
    good = item(0)
    bad = [
        task_row(worker="A", items=[good]),
        task_row(worker="", items=[good]),
        task_row(worker="B", items=[item(7)]),
        task_row(worker="C", items=[item(0, choice="maybe")]),
        task_row(worker="D", items=[item(0, sliders=(50, 101, 50))]),
        task_row(worker="E", items=[item(0, "other")]),
        task_row(worker="F", items=[good]) | {"Answer.choiceList": '["accept", "accept"]'},
        task_row(worker="G", items=[good]) | {"Answer.choiceList": "accept"},
        task_row(worker="H", items=[item(1)]),
        task_row(worker="A", items=[good]),
        task_row(worker="I", items=[(good[0], good[1], "Something else.", *good[3:])]),
    ]
    said_of = refusal(write(tmp_path, bad, [answer_row(0), answer_row(1, trained_correct="perhaps")])).splitlines()
    expected = [
        (3, "no WorkerId"),
        (4, "no evaluated answer has the prompt"),
        (5, "'maybe'"),
        (6, "holds 101"),
        (7, "neither of an answer nor of a check"),
        (8, "has 2 places"),
        (9, "no JSON list"),
        (10, "'perhaps'"),
        (11, "judged the trained answer"),
        (12, "another than in results.csv, line 2"),
    ]
    for line, (number, words) in zip(said_of, expected, strict=False):
        assert line.startswith(f"results.csv, line {number}:") and words in line, line
    assert said_of[-1] == "Nothing was imported. Mend the rows above."


@pytest.mark.parametrize("name", ["Input.inputQuestionIdList", "Answer.ownSliderValueList"])
def test_a_missing_column_is_named(tmp_path, name):
    row = task_row(worker="A", items=[item(0)])
    del row[name]
    assert name in refusal(write(tmp_path, [row], [answer_row(0)]))


def test_a_broken_line_of_the_answers_is_named(tmp_path):
    files = write(tmp_path, [task_row(worker="A", items=[item(0)])], [answer_row(0)])
    files[1].write_text(json.dumps(answer_row(0)) + "\n{broken\n" + json.dumps({"trained_correct": True}) + "\n")
    told = refusal(files)
    assert "eval.jsonl, line 2: no valid JSON" in told and "eval.jsonl, line 3: it has no prompt" in told


def test_a_file_that_is_not_there_is_named(tmp_path):
    files = write(tmp_path, [task_row(worker="A", items=[item(0)])], [answer_row(0)])
    assert "there is no such file" in refusal((tmp_path / "none.csv", files[1]))


def test_a_taken_name_is_refused(tmp_path):
    Dataset.objects.create(name="paper")
    with pytest.raises(CommandError, match="dataset would be called 'paper'"):
        import_files(write_paper(tmp_path))
    assert not Study.objects.exists() and not Speaker.objects.exists()


def test_it_can_be_given_to_a_manager(tmp_path):
    ada = User.objects.create_user("ada", is_staff=True)
    assert import_files(write_paper(tmp_path), owner="ada").owner == ada
    with pytest.raises(CommandError, match="no account 'bo'"):
        import_files(write_paper(tmp_path), "again", owner="bo")
