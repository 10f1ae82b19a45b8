"""The results page: an answer first, figures that load, the same queries however much there is, and nobody in who may not."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from annotations.models import Participant, Study
from annotations.results import looks
from tests.annotations.results.test_report import papers_study
from tests.factories import make_judgment, make_listener, make_open_study, make_session
from tests.queries import queries_of

pytestmark = pytest.mark.django_db


def test_the_answer_comes_first(admin_client: Client) -> None:
    papers_study()
    page = admin_client.get("/s/paper/results/").content.decode()
    assert page.index("47 % fewer wrong answers") < page.index("acceptance.svg") < page.index("Counts and rates")
    assert "McNemar" in page and "not asked how sure" in page


@pytest.mark.slow
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


EFFECT = ("true accepts", "wrong accepted", "fewer wrong", "too few wrong", "acceptance.svg", "the stopping rule", "against the first arm", "α")


def asked_for(client: Client, name: str) -> str:
    """The address of the results page after its button was pressed."""
    assert 'action="/s/trivia/results/look/' in client.get(f"/s/{name}/results/").content.decode()
    return str(client.post(f"/s/{name}/results/look/")["Location"])


def test_the_effect_of_a_study_under_way_is_not_on_the_page(admin_client: Client) -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True] * 4)
    for state in ("open", "paused"):
        Study.objects.update(state=state)
        page = admin_client.get("/s/trivia/results/").content.decode()
        assert "What was left out" in page and "Who took part" in page and "Show it, and keep that I looked" in page
        assert [word for word in EFFECT if word in page.lower()] == []
    Study.objects.update(state="closed")
    page = admin_client.get("/s/trivia/results/").content.decode().lower()
    assert [word for word in EFFECT[:2] if word not in page] == [] and "keep that i looked" not in page


@pytest.mark.parametrize("path", ["acceptance.svg", "figures.pdf", "results.json"])
def test_no_figure_or_file_tells_it_either(admin_client: Client, path: str) -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True] * 4)
    assert admin_client.get(f"/s/trivia/results/{path}").status_code == 403
    query = asked_for(admin_client, "trivia").partition("?")[2]
    assert admin_client.get(f"/s/trivia/results/{path}?{query}").status_code == 200
    assert admin_client.get(f"/s/trivia/results/{path}?look=99").status_code == 403
    assert admin_client.get(f"/s/trivia/results/{path}?look=ada").status_code == 403


def test_who_asks_for_the_effect_sees_it_and_is_written_down(admin_client: Client) -> None:
    study = make_open_study(name="trivia", rounds=4, protocol={"stopping": {"goal": 10, "looks": 2}})
    make_session(study=study, verdicts=[True] * 4)
    assert admin_client.get("/s/trivia/results/look/").status_code == 405  # no link, reload or prefetch looks
    page = admin_client.get(asked_for(admin_client, "trivia")).content.decode()
    assert "allows 2 looks" in page and "|z| ≥ 2.96" in page and "has not been reached" in page
    assert "acceptance.svg?look=" in page and "Looked at: admin" in page
    assert [look.by for look in study.looks.all()] == ["admin"]


def test_a_look_is_one_persons_and_ages(admin_client: Client, client: Client) -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True] * 4)
    seen = asked_for(admin_client, "trivia")
    client.force_login(User.objects.create_superuser("bo"))
    assert "keep that I looked" in client.get(seen).content.decode()
    assert "keep that I looked" not in admin_client.get(seen).content.decode()
    study.looks.update(at=timezone.now() - looks.LASTS)
    assert "keep that I looked" in admin_client.get(seen).content.decode()


def test_an_observer_has_no_such_button_and_is_refused(client: Client) -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True] * 4)
    study.observers.add(observer := User.objects.create_user("bo", is_staff=True))
    client.force_login(observer)
    page = client.get("/s/trivia/results/").content.decode()
    assert "Who manages the study can have it shown" in page and "keep that I looked" not in page
    assert client.post("/s/trivia/results/look/").status_code == 403 and not study.looks.exists()


def test_what_bots_alone_have_judged_is_hidden_from_nobody(admin_client: Client) -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True] * 4, is_bot=True)
    assert "acceptance.svg?bots=1" in admin_client.get("/s/trivia/results/?bots=1").content.decode()
    make_session(study=study, verdicts=[True])
    assert "acceptance.svg" not in admin_client.get("/s/trivia/results/?bots=1").content.decode()


def test_participants_and_strangers_see_no_results(client: Client) -> None:
    study = make_open_study(name="trivia", rounds=4)
    make_session(study=study, verdicts=[True] * 4)
    for path in ("", "acceptance.svg", "figures.pdf", "results.json"):
        assert client.get(f"/s/trivia/results/{path}").status_code == 302
    assert Participant.objects.count() == 1
