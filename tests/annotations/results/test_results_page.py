"""The results page: an answer first, figures that load, the same queries however much there is, and nobody in who may not."""

import pytest
from django.test import Client

from annotations.models import Participant, Study
from tests.annotations.results.test_report import papers_study
from tests.factories import make_judgment, make_listener, make_open_study, make_session
from tests.queries import queries_of

pytestmark = pytest.mark.django_db


def test_the_answer_comes_first(admin_client: Client) -> None:
    papers_study()
    page = admin_client.get("/s/paper/results/").content.decode()
    assert page.index("47 % fewer wrong answers") < page.index("acceptance.svg") < page.index("Counts and rates")
    assert "McNemar" in page and "not asked how sure" in page


def test_every_figure_of_the_page_is_drawn(admin_client: Client) -> None:
    study = papers_study(confidence=0.4, probability=0.7, knew_answer=0.2)
    first = study.participants.first().assignments.first()
    make_judgment(utterance=first.utterance, listener=make_listener(name="lexicon"))
    page = admin_client.get("/s/paper/results/").content.decode()
    for name in ("acceptance", "contrast", "thresholds", "reliability", "listener-0"):
        assert f"/s/paper/results/{name}.svg" in page
        response = admin_client.get(f"/s/paper/results/{name}.svg")
        assert response["Content-Type"] == "image/svg+xml" and response.content.startswith(b"<?xml")
    assert admin_client.get("/s/paper/results/figures.pdf").content.startswith(b"%PDF")
    assert admin_client.get("/s/paper/results/results.json").json()["arms"][0]["name"] == "base"


@pytest.mark.parametrize("name", ["reliability", "listener-0", "listener-7", "other"])
def test_a_figure_that_the_study_has_no_numbers_for_is_not_there(admin_client: Client, name: str) -> None:
    papers_study()
    assert admin_client.get(f"/s/paper/results/{name}.svg").status_code == 404


def test_the_page_asks_the_same_however_many_people_there_are(admin_client: Client) -> None:
    study = make_open_study(name="trivia", rounds=4, arms=3)
    lexicon = make_listener(name="lexicon")
    counts = []
    for people in (1, 5):
        for _ in range(people):
            ada = make_session(study=study, verdicts=[True, False, True, True])
            make_judgment(utterance=ada.assignments.first().utterance, listener=lexicon, judge=ada.code)
        counts.append(queries_of(admin_client, "/s/trivia/results/"))
    assert counts[0] == counts[1]


def test_bots_are_said_to_be_there_and_counted_only_on_demand(admin_client: Client) -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True] * 4, is_bot=True)
    page = admin_client.get("/s/trivia/results/").content.decode()
    assert "1 bots took part; they are left out" in page and "No judgments yet" in page
    page = admin_client.get("/s/trivia/results/?bots=1").content.decode()
    assert "Simulated." in page and "acceptance.svg?bots=1" in page


def test_a_study_under_way_warns_against_peeking(admin_client: Client) -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True] * 4)
    assert "declared no stopping rule" in admin_client.get("/s/trivia/results/").content.decode()
    Study.objects.update(protocol={"rounds": 4, "stopping": {"goal": 10, "looks": 2}})
    page = admin_client.get("/s/trivia/results/").content.decode()
    assert "allows 2 looks" in page and "|z| ≥ 2.96" in page and "has not been reached" in page


def test_participants_and_strangers_see_no_results(client: Client) -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True] * 4)
    for path in ("", "acceptance.svg", "figures.pdf", "results.json"):
        assert client.get(f"/s/trivia/results/{path}").status_code == 302
    assert Participant.objects.count() == 1
