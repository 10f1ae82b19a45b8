"""The pages of a study, by Django's client: what a person can do to them, and what they do not tell."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotations.models import Assignment, Participant, Study
from annotations.participant import material
from games.models import Judgment
from tests.factories import make_open_study, make_session

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def study() -> Study:
    return make_open_study(name="trivia", questions=14, rounds=4)


@pytest.fixture
def ada() -> Client:
    """A browser that knows no study yet."""
    return Client()


def ticket_of(client: Client, name: str = "trivia", query: str = "") -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', client.get(f"/s/{name}/{query}").content.decode())
    assert found
    return found[1]


def agree(client: Client, ticket: str, name: str = "trivia", **kwargs: Any) -> Any:
    return client.post(f"/s/{name}/consent/", {"ticket": ticket, "decision": "agree", **kwargs})


def enter(client: Client, name: str = "trivia") -> None:
    assert agree(client, ticket_of(client, name), name).status_code == 302


def answer(client: Client, position: object, verdict: str = "accept", headers: dict[str, str] | None = None, **more: object) -> Any:
    return client.post("/s/trivia/answer/", {"position": position, "verdict": verdict, **more}, headers=headers)


def play(client: Client, *verdicts: str) -> None:
    """From consent on, as a browser without JavaScript does."""
    enter(client)
    for position, verdict in enumerate(verdicts, start=1):
        client.get("/s/trivia/")
        answer(client, position, verdict)


def test_opening_the_link_starts_nothing(study: Study, ada: Client) -> None:
    for _ in range(3):
        response = ada.get("/s/trivia/")
        assert response.status_code == 200
        assert "I agree, start" in response.content.decode()
    assert not Participant.objects.exists()
    assert not Assignment.objects.exists()
    assert "participant" not in response.cookies


def test_consent_starts_a_session_and_remembers_it_in_a_cookie_of_this_study_alone(study: Study, ada: Client) -> None:
    response = agree(ada, ticket_of(ada))
    cookie = response.cookies["participant"]
    assert (response.status_code, response.headers["Location"]) == (302, "/s/trivia/")
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/s/trivia/")
    assert study.participants.get().consented_at is not None


def test_consenting_twice_is_one_person(study: Study, ada: Client) -> None:
    ticket = ticket_of(ada)
    impatient = Client()  # the second press of a form whose first answer, with its cookie, has not come back yet
    for client in (ada, impatient, ada):
        assert agree(client, ticket).status_code == 302
    assert study.participants.count() == 1


@pytest.mark.parametrize("code", ["", "made-up", "0123456789abcdef:forged"])
def test_a_forged_or_missing_code_starts_nothing_and_says_what_to_do(study: Study, ada: Client, code: str) -> None:
    response = agree(ada, code)
    assert response.status_code == 400
    assert "Please start again here" in response.content.decode()
    assert not Participant.objects.exists()


def test_a_code_of_another_study_is_refused(study: Study, ada: Client) -> None:
    make_open_study(name="other")
    assert agree(ada, ticket_of(ada, "other")).status_code == 400


def test_a_forged_cookie_is_nobody(study: Study, ada: Client) -> None:
    person = make_session(study=study)
    ada.cookies["participant"] = person.code
    assert "I agree, start" in ada.get("/s/trivia/").content.decode()


def test_a_session_goes_from_consent_to_the_score(study: Study, ada: Client) -> None:
    play(ada, "accept", "accept", "accept", "accept")
    page = ada.get("/s/trivia/").content.decode()
    assert "Thank you" in page
    assert "2 of 4" in page
    assert page.count("You accepted it.") == 4
    assert page.count("Right would be: Paris.") == 2  # of the two wrong ones the truth is told
    assert study.participants.get().finished_at is not None


def test_with_htmx_the_answer_to_a_verdict_is_the_next_round_alone(study: Study, ada: Client) -> None:
    enter(ada)
    ada.get("/s/trivia/")
    response = answer(ada, 1, headers=HTMX)
    body = response.content.decode()
    assert response.status_code == 200
    assert "2 of 4" in body
    assert "<html" not in body
    assert Assignment.objects.get(position=2).shown_at is not None


def test_without_htmx_the_answer_leads_to_a_page_that_can_be_reloaded(study: Study, ada: Client) -> None:
    enter(ada)
    ada.get("/s/trivia/")
    response = answer(ada, 1)
    assert (response.status_code, response.headers["Location"]) == (302, "/s/trivia/")


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_verdict_that_is_sent_again_changes_nothing(study: Study, ada: Client, headers: dict[str, str]) -> None:
    enter(ada)
    ada.get("/s/trivia/")
    for verdict in ("accept", "reject", "accept"):
        answer(ada, 1, verdict, headers=headers)
    assert [row.accepted for row in Judgment.objects.all()] == [True]
    assert "2 of 4" in ada.get("/s/trivia/").content.decode()


def test_a_whole_session_that_is_replayed_changes_nothing(study: Study, ada: Client) -> None:
    play(ada, "accept", "reject", "accept", "reject")
    for position in range(1, 5):
        answer(ada, position, "reject")
    assert [row.accepted for row in Judgment.objects.order_by("id")] == [True, False, True, False]


@pytest.mark.parametrize(
    ("position", "verdict", "status"),
    [
        ("x", "accept", 400),
        ("", "accept", 400),
        (1, "perhaps", 400),
        (1, "", 400),
        (-1, "accept", 400),
        (2, "accept", 409),
        (99, "accept", 409),
        (10**30, "accept", 400),
    ],
)
def test_what_cannot_be_answered_is_refused_and_the_round_shown_again(study: Study, ada: Client, position: object, verdict: str, status: int) -> None:
    enter(ada)
    ada.get("/s/trivia/")
    response = answer(ada, position, verdict)
    assert response.status_code == status
    assert "1 of 4" in response.content.decode()
    assert not Judgment.objects.exists()


def test_by_htmx_a_refused_answer_brings_the_round_as_it_stands(study: Study, ada: Client) -> None:
    enter(ada)
    ada.get("/s/trivia/")
    response = answer(ada, 3, headers=HTMX)
    assert response.status_code == 409
    assert "1 of 4" in response.content.decode()
    assert "<html" not in response.content.decode()


def test_who_is_not_known_is_sent_to_the_start(study: Study, ada: Client) -> None:
    assert answer(ada, 1).headers["Location"] == "/s/trivia/"
    assert answer(ada, 1, headers=HTMX).headers["HX-Redirect"] == "/s/trivia/"


def test_a_form_without_its_token_is_refused_with_a_page_that_helps(study: Study) -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/s/trivia/consent/", {"ticket": ticket_of(strict), "decision": "agree"}, headers={"Cookie": ""})
    assert response.status_code == 403
    assert "Allow cookies" in response.content.decode()


@pytest.mark.parametrize(("state", "words"), [(Study.State.PAUSED, "taking a break"), (Study.State.CLOSED, "This study is closed")])
def test_a_study_that_is_not_open_says_so_kindly(study: Study, ada: Client, state: str, words: str) -> None:
    ticket = ticket_of(ada)
    Study.objects.update(state=state)
    for response in (ada.get("/s/trivia/"), ada.post("/s/trivia/consent/", {"ticket": ticket, "decision": "agree"}, follow=True)):
        assert response.status_code == 200
        assert words in response.content.decode()
    assert not Participant.objects.exists()


def test_a_study_that_closes_in_the_middle_says_so_and_keeps_what_it_has(study: Study, ada: Client) -> None:
    play(ada, "accept")
    ada.get("/s/trivia/")
    Study.objects.update(state=Study.State.CLOSED)
    body = answer(ada, 2, headers=HTMX).content.decode()
    assert "What you have answered is saved and counts" in body
    assert Judgment.objects.count() == 1


def test_who_has_finished_sees_the_score_also_when_the_study_is_closed(study: Study, ada: Client) -> None:
    play(ada, *["accept"] * 4)
    Study.objects.update(state=Study.State.CLOSED)
    assert "Thank you" in ada.get("/s/trivia/").content.decode()


def test_a_paused_study_goes_on_where_the_person_was(study: Study, ada: Client) -> None:
    play(ada, "accept", "accept")
    Study.objects.update(state=Study.State.PAUSED)
    assert "taking a break" in ada.get("/s/trivia/").content.decode()
    Study.objects.update(state=Study.State.OPEN)
    assert "3 of 4" in ada.get("/s/trivia/").content.decode()


@pytest.mark.parametrize("path", ["/s/nothing/", "/s/nothing/results/", "/s/UPPER%20case/"])
def test_an_unknown_study_is_a_404_page(study: Study, admin_client: Client, path: str) -> None:
    response = admin_client.get(path)
    assert response.status_code == 404
    assert "Page not found" in response.content.decode()


def test_a_draft_is_not_there_for_participants(study: Study, ada: Client) -> None:
    Study.objects.update(state=Study.State.DRAFT)
    assert ada.get("/s/trivia/").status_code == 404


def test_nothing_that_a_participant_receives_tells_the_arm(study: Study, ada: Client) -> None:
    """The page of a round differs between the arms in the question and the answer alone; no id, no name, nothing in the headers."""
    enter(ada)
    seen = []
    for row in Assignment.objects.order_by("position").select_related("question", "utterance", "arm__speaker", "participant"):
        response = ada.get("/s/trivia/")
        body = response.content.decode()
        seen.append(
            (row.arm_id, _without(body, row), {name: value for name, value in response.headers.items() if name not in ("Expires", "Content-Length")})
        )
        for secret in (row.arm.name, row.arm.speaker.name, row.participant.code, study.listener.name):
            assert secret not in body
            assert secret not in str(response.headers)
        answer(ada, row.position)
    assert len({arm for arm, _, _ in seen}) == 2
    assert len({body for _, body, _ in seen}) == 1
    assert all(headers == seen[0][2] for _, _, headers in seen)


def _without(body: str, row: Assignment) -> str:
    body = body.replace(row.question.text, "QUESTION").replace(row.utterance.text, "ANSWER")
    body = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", body)
    return re.sub(rf'\b{row.position} of 4|value="{row.position}"', "POSITION", body)


def test_what_a_speaker_says_cannot_break_the_page(study: Study, ada: Client) -> None:
    for shown in study.arms.get(name="arm-1").shown.all():
        shown.utterance.__class__.objects.filter(pk=shown.utterance_id).update(text="<script>alert(1)</script> Paris")
    play(ada, "accept", "accept", "accept")
    bodies = ada.get("/s/trivia/").content.decode()
    answer(ada, 4)
    bodies += ada.get("/s/trivia/").content.decode()
    assert "<script>alert" not in bodies
    assert "&lt;script&gt;alert" in bodies


def test_no_page_has_inline_script_or_style(study: Study, ada: Client, admin_client: Client) -> None:
    pages = [ada.get("/s/trivia/"), admin_client.get("/s/"), admin_client.get("/s/trivia/results/"), ada.get("/"), ada.get("/nothing/")]
    play(ada, "accept")
    pages.append(ada.get("/s/trivia/"))
    for response in pages:
        body = response.content.decode()
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*\bsrc=)", body)
        assert "<style" not in body
        assert not re.search(r'\s(style|on\w+)="', body)


def test_pages_of_a_session_are_never_kept_by_a_cache(study: Study, ada: Client) -> None:
    assert "no-store" in ada.get("/s/trivia/").headers["Cache-Control"]
    enter(ada)
    assert "no-store" in ada.get("/s/trivia/").headers["Cache-Control"]


def queries(client: Client, method: str, path: str, data: dict[str, object] | None = None) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        getattr(client, method)(path, data or {}, headers=HTMX)
    return len(captured)


def test_a_verdict_costs_as_many_queries_in_a_large_study_as_in_a_small_one() -> None:
    costs = set()
    for name, questions, rounds, others in (("small", 4, 4, 0), ("large", 40, 20, 8)):
        study = make_open_study(name=name, questions=questions, rounds=rounds, protocol={"measures": {"confidence": "slider"}})
        for _ in range(others):
            make_session(study=study, verdicts=[True] * 3)
        client = Client()
        enter(client, name)
        client.get(f"/s/{name}/")
        for position in (1, 2, 3):
            with CaptureQueriesContext(connection) as captured:
                client.post(f"/s/{name}/answer/", {"position": position, "verdict": "accept", "confidence": 50}, headers=HTMX)
            costs.add(len(captured))
            said = " ".join(query["sql"] for query in captured)
            assert "django_session" not in said and "auth_user" not in said
    assert costs == {8}  # who it is; in a transaction (2): the round with its successor, the judgment, and three rows stamped


def test_staff_pages_cost_as_many_queries_for_many_studies_and_judgments_as_for_few(admin_client: Client) -> None:
    costs = []
    for number in (1, 6):
        for n in range(number):
            study = make_open_study(name=f"study-of-{number}-{n}", arms=2 + n % 2)
            for _ in range(number):
                make_session(study=study, verdicts=[True] * number)
        costs.append((queries(admin_client, "get", "/studies/"), queries(admin_client, "get", f"/s/study-of-{number}-0/results/")))
    assert costs[0] == costs[1]


def test_the_address_above_the_studies_leads_staff_to_the_console_and_others_home(ada: Client, admin_client: Client) -> None:
    assert ada.get("/s/").headers["Location"] == "/"
    assert admin_client.get("/s/").headers["Location"] == "/studies/"


@pytest.mark.parametrize("path", ["/s/trivia/results/", "/s/trivia/results/acceptance.svg", "/s/trivia/results/figures.pdf"])
def test_results_are_for_staff(study: Study, ada: Client, django_user_model: Any, path: str) -> None:
    assert ada.get(path).headers["Location"].startswith("/admin/login/")
    ada.force_login(django_user_model.objects.create_user("bo", password="x"))
    assert ada.get(path).headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize(("state", "words"), [("open", "Send the link above"), ("draft", "The study is a draft"), ("closed", "The study is closed")])
def test_results_without_judgments_say_what_to_do(study: Study, admin_client: Client, state: str, words: str) -> None:
    Study.objects.update(state=state)
    assert words in admin_client.get("/s/trivia/results/").content.decode()


def test_home_leads_to_open_studies_and_is_honest_about_what_is_simulated(study: Study, ada: Client) -> None:
    make_open_study(name="hidden", state=Study.State.DRAFT)
    page = ada.get("/").content.decode()
    assert 'href="/s/trivia/"' in page
    assert "/s/hidden/" not in page
    assert "simulated" in page


def test_participants_get_no_navigation_and_staff_do(study: Study, ada: Client, admin_client: Client) -> None:
    page = ada.get("/s/trivia/").content.decode()
    for name in ("/games/", "/admin/", "Log out", "/training/"):
        assert name not in page
    staff = admin_client.get("/").content.decode()
    assert "Log out" in staff
    assert 'href="/studies/"' in staff


def test_an_answer_kept_over_hours_without_a_line_is_saved_and_the_session_goes_on(study: Study, ada: Client) -> None:
    play(ada, "accept")
    shown = ada.get("/s/trivia/").context["round"]
    Participant.objects.update(seen_at=timezone.now() - timedelta(hours=3))
    material.release(study=study, now=timezone.now())
    response = answer(ada, shown.position, "reject", headers=HTMX)
    assert response.status_code == 200 and response.context["round"].position == 3
    saved = Assignment.objects.get(position=2)
    assert str(saved.question) == shown.question and not saved.judgment.accepted and saved.judgment.excluded == ""
    assert Assignment.objects.count() == 4
