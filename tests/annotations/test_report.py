"""The results of a study read from its rows, and the command that prints them."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from annotations import report
from games.models import Judgment
from tests.factories import make_open_study, make_session

pytestmark = pytest.mark.django_db


def printed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("study_results", *arguments, stdout=out)
    return out.getvalue()


def test_excluded_judgments_and_bots_do_not_count_but_judgments_are_told() -> None:
    study = make_open_study(rounds=4)
    ada = make_session(study=study, verdicts=[True] * 4)
    make_session(study=study, verdicts=[True] * 4, is_bot=True)
    first = ada.assignments.get(position=1)
    Judgment.objects.filter(pk=first.judgment_id).update(excluded="asked to be left out")
    found = report.results_of(study)
    assert (found.entered, found.finished) == (1, 1)
    assert sum(row.judgments for row in found.arms) == 4
    assert found.usable == 3


def test_ungraded_answers_do_not_count() -> None:
    study = make_open_study(rounds=4)
    ada = make_session(study=study, verdicts=[True] * 4)
    row = ada.assignments.select_related("utterance").get(position=1)
    row.utterance.is_correct = None
    row.utterance.save()
    assert report.results_of(study).usable == 3


def test_json_has_what_scripts_need() -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True, True, True, False])
    data = json.loads(printed("trivia", "--json"))
    assert data["study"] == "trivia"
    assert data["participants"] == {"entered": 1, "finished": 1}
    assert data["intervals"]["method"] == "wilson"
    right, wrong = data["arms"]
    assert (right["arm"], right["judgments"], right["true_accepts"] + right["false_rejects"]) == ("arm-1", 2, 2)
    assert set(wrong["false_accept_rate"]) == {"value", "low", "high"}
    assert data["differences"][0]["against"] == "arm-1"


def test_the_table_names_the_speakers() -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True] * 4)
    said = printed("trivia")
    assert all(arm.speaker.name in said for arm in study.arms.select_related("speaker"))


def test_a_study_without_judgments_can_be_printed() -> None:
    make_open_study(name="trivia")
    assert json.loads(printed("trivia", "--json"))["arms"][0]["true_accept_rate"]["value"] is None
    assert "–" in printed("trivia")


def test_an_unknown_study_is_named_with_those_there_are() -> None:
    make_open_study(name="trivia")
    with pytest.raises(CommandError, match=r"There is no study 'rivers'\. Choose from: trivia"):
        printed("rivers")
