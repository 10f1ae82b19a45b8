"""The results of a study read from its rows, and the command that prints them."""

import getpass
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotations.models import Assignment, Participant, Study
from annotations.results import report
from games.models import Judgment, Question, Utterance
from tests.annotations.results.judged import PAPER
from tests.factories import make_dataset, make_judgment, make_listener, make_open_study, make_participant, make_session, make_speaker, make_study

pytestmark = pytest.mark.django_db


def printed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("study_report", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def as_json(*arguments: str) -> Any:
    return json.loads(printed(*arguments, "--json", "-"))


def papers_study(people: int = 5, **measures: Any) -> Study:
    """LACIE's human evaluation, row by row: every question in both arms as far as the counts go, judged once by one of the people in turn."""
    study = make_study(name="paper", state=Study.State.CLOSED)
    persons = [make_participant(study=study, outcome=Participant.Outcome.FINISHED) for _ in range(people)]
    dataset = make_dataset()
    questions = Question.objects.bulk_create(Question(dataset=dataset, key=f"q{n}", text=f"What is {n}?") for n in range(79))
    rows = []
    for position, (name, counts) in enumerate(PAPER.items()):
        arm = study.arms.create(name=name, speaker=make_speaker(name=name), position=position)
        verdicts = [(right == "right", n < accepted) for right, (accepted, judged) in counts.items() for n in range(judged)]
        said = Utterance.objects.bulk_create(
            Utterance(speaker=arm.speaker, question=question, text="It is Paris.", answer="Paris", is_correct=is_correct)
            for question, (is_correct, _) in zip(questions, verdicts, strict=False)
        )
        for n, (utterance, (_, accepted)) in enumerate(zip(said, verdicts, strict=True)):
            person = persons[(n + position) % people]
            judgment = Judgment(utterance=utterance, listener=study.listener, judge=person.code, accepted=accepted, **measures)
            row = Assignment(participant=person, position=position * 100 + n, arm=arm, question=questions[n], utterance=utterance, judgment=judgment)
            row.answered_at = study.created_at
            rows.append(row)
    Judgment.objects.bulk_create(row.judgment for row in rows)
    for row in rows:
        row.judgment_id = row.judgment.pk
    Assignment.objects.bulk_create(rows)
    return study


def test_the_papers_counts_give_the_papers_figures() -> None:
    papers_study()
    data = as_json("paper")
    base, lacie = data["arms"]
    assert base["counts"] == {"true_accept": 31, "false_accept": 32, "false_reject": 6, "true_reject": 10, "excluded": 0}
    assert lacie["counts"] == {"true_accept": 30, "false_accept": 17, "false_reject": 7, "true_reject": 24, "excluded": 0}
    assert [round(arm["precision"]["value"], 2) for arm in (base, lacie)] == [0.49, 0.64]
    change = data["contrast"]["false_accept_change"]
    assert round(change["value"], 2) == -0.47 and change["low"] < change["value"] < change["high"] < 0 and change["p"] < 0.05
    assert data["contrast"]["true_accept_change"]["p"] > 0.5
    assert data["contrast"]["false_accept_mcnemar"]["questions"] == 78
    assert "47 % fewer wrong answers" in data["contrast"]["sentence"]


def test_excluded_judgments_and_bots_do_not_count_but_are_told() -> None:
    study = make_open_study(rounds=4)
    ada = make_session(study=study, verdicts=[True] * 4)
    make_session(study=study, verdicts=[True] * 4, is_bot=True)
    Judgment.objects.filter(pk=ada.assignments.get(position=1).judgment_id).update(excluded="asked to be left out")
    found = report.results_of(study)
    assert (found.entered, found.who.bots, found.simulated) == (1, 1, False)
    assert sum(row.judgments for row in found.arms) == 4
    assert found.usable == 3
    assert [row.excluded for row in found.arms if row.excluded] == [{"asked to be left out": 1}]


def test_bots_count_where_they_are_asked_for_and_it_says_so() -> None:
    study = make_open_study(rounds=4)
    make_session(study=study, verdicts=[True] * 4, is_bot=True)
    found = report.results_of(study, bots=True)
    assert (found.usable, found.simulated, found.listeners) == (4, True, "Simulated participants")
    assert "SIMULATED" in printed(study.name, "--bots") and "1 bots are left out" in printed(study.name)


def test_previews_count_nowhere() -> None:
    study = make_open_study(rounds=4)
    ada = make_session(study=study, verdicts=[True] * 4)
    Participant.objects.filter(pk=ada.pk).update(is_preview=True)
    assert [(found.entered, found.usable) for found in (report.results_of(study), report.results_of(study, bots=True))] == [(0, 0)] * 2


def test_who_was_excluded_as_a_person_is_told_with_the_reason() -> None:
    study = make_open_study(rounds=4)
    ada = make_session(study=study, verdicts=[True] * 4)
    Participant.objects.filter(pk=ada.pk).update(excluded="took part twice")
    found = report.results_of(study)
    assert (found.usable, found.who.excluded) == (0, {"took part twice": 1})
    assert sum(row.left_out for row in found.arms) == 4


def test_somebody_who_left_without_a_word_is_judged_by_the_rules_too() -> None:
    study = make_open_study(rounds=4, protocol={"exclusion": {"faster_than": 60}})
    make_session(study=study, verdicts=[True] * 2)
    found = report.results_of(study)
    assert found.usable == 0 and sum(row.excluded.get("too fast", 0) for row in found.arms) == 2


def test_answers_that_nobody_graded_are_told_apart() -> None:
    study = make_open_study(rounds=4)
    ada = make_session(study=study, verdicts=[True] * 4)
    row = ada.assignments.select_related("utterance").get(position=1)
    row.utterance.is_correct = None
    row.utterance.save()
    found = report.results_of(study)
    assert found.usable == 3 and [arm.excluded for arm in found.arms if arm.excluded] == [{"not graded": 1}]


def test_knowledge_is_cut_again_at_other_thresholds() -> None:
    study = papers_study(knew_answer=0.4)
    found = report.results_of(study)
    assert [(cut.over, sum(arm.usable for arm in cut.found.arms)) for cut in found.cuts] == [(0.0, 0), (0.25, 0), (0.5, 157), (0.75, 157), (1.0, 157)]


def test_people_stand_beside_the_listener_that_judged_the_same_answers() -> None:
    study = papers_study()
    lexicon = make_listener(name="lexicon")
    for judgment in list(Judgment.objects.filter(listener=study.listener).order_by("id"))[:20]:
        make_judgment(utterance_id=judgment.utterance_id, utterance=judgment.utterance, listener=lexicon, accepted=not judgment.accepted)
    [row] = report.results_of(study).beside
    assert (row.found.listener, row.found.utterances, row.found.agreement.value) == ("lexicon", 20, 0.0)
    assert row.apart[0].utterance.text and as_json("paper")["beside"][0]["apart"][0]["question"]


def test_a_declared_goal_is_held_against_the_boundary() -> None:
    study = papers_study()
    assert report.results_of(study).stopping is None
    study.protocol = {"stopping": {"goal": 156, "looks": 2}}
    study.save()
    found = report.results_of(Study.objects.get(pk=study.pk)).stopping
    assert found is not None and (found.fraction, found.says) == (0.5, "stop: shown")
    assert found.z is not None and found.z < -2.96


def test_a_study_without_judgments_has_nulls_and_no_nought() -> None:
    make_open_study(name="trivia")
    data = as_json("trivia")
    assert data["arms"][0]["true_accept_rate"] == {"value": None, "low": None, "high": None}
    assert data["contrast"]["false_accept_change"]["value"] is None and data["contrast"]["false_accept_change"]["p"] is None
    assert (data["agreement"]["value"]["value"], data["calibration"], data["beside"], data["stopping"]) == (None, [], [], None)
    assert "–" in printed("trivia")


def test_a_study_of_one_arm_still_has_the_contrasts_names() -> None:
    make_open_study(name="trivia", arms=1)
    assert {"value", "low", "high", "p"} <= set(as_json("trivia")["contrast"]["true_accept_change"])


def test_the_table_names_the_speakers_and_the_test() -> None:
    papers_study()
    said = printed("paper")
    assert all(word in said for word in ("base", "lacie", "mcnemar", "−47 %", "49"))


@pytest.mark.slow
def test_the_pdf_has_a_page_for_table_and_figures(tmp_path: Path) -> None:
    papers_study(confidence=0.5, knew_answer=0.1, probability=0.7)
    printed("paper", "--pdf", str(tmp_path / "paper.pdf"), "--json", str(tmp_path / "paper.json"))
    pdf = (tmp_path / "paper.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and pdf.count(b"/Type /Page ") == 5
    assert json.loads((tmp_path / "paper.json").read_text())["study"] == "paper"


def test_an_unknown_study_is_named_with_those_there_are() -> None:
    make_open_study(name="trivia")
    with pytest.raises(CommandError, match=r"There is no study 'rivers'\. Choose from: trivia"):
        printed("rivers")


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_reckoned(tmp_path: Path) -> None:
    make_open_study(name="trivia")
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        printed("trivia", "--pdf", str(tmp_path / "missing" / "a.pdf"))


def test_the_effect_of_a_study_under_way_is_printed_only_on_demand_which_is_kept(tmp_path: Path) -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True] * 4)
    said = printed("trivia")
    assert "--peek shows it" in said and "accepted" not in said and "Too few" not in said
    assert not study.looks.exists()
    said = printed("trivia", "--peek")
    assert "Contrast" in said and "clustered" in said
    assert [look.by for look in study.looks.all()] == [f"{getpass.getuser()}, by study_report"]


@pytest.mark.parametrize("file", ["--json", "--pdf"])
def test_no_file_tells_the_effect_unasked(tmp_path: Path, file: str) -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True] * 4)
    with pytest.raises(CommandError, match="Close the study, or add --peek"):
        printed("trivia", file, str(tmp_path / "report"))
    printed("trivia", "--peek", file, str(tmp_path / "report"))
    assert (tmp_path / "report").stat().st_size > 0
