"""The way around the rounds: each step once, in order, whatever is sent twice, too early, or by somebody who is elsewhere."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotations import texts
from annotations.models import Participant, Study
from annotations.participant import flow
from annotations.protocol import Protocol
from games.models import Judgment
from tests.annotations.participant.test_views import agree, answer, enter, ticket_of
from tests.factories import make_check, make_open_study, make_participant

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
ALL = {"instructions": True, "practice": 2, "comprehension": True, "about_you": ["age", "comments"]}
CODES = {"completed": "DONE-1", "no_consent": "NO-1", "screened_out": "OUT-1", "return_url": "https://panel.example/?cc={code}"}
RIGHT = {asked.name: asked.right for asked in texts.comprehension(Protocol(), "en")}
WRONG = RIGHT | {"q1": "2"}


def make_full_study(**protocol: Any) -> Study:
    protocol = {"rounds": 2, "steps": ALL, "recruiting": CODES} | protocol
    study = make_open_study(name="trivia", questions=6, protocol=protocol)
    for number, expects in ((1, True), (2, False)):
        make_check(
            study=study, question=f"Practice {number}?", is_practice=True, expects_accept=expects, position=number, explanation=f"Because {number}."
        )
    return study


@pytest.fixture
def study() -> Study:
    return make_full_study()


@pytest.fixture
def ada() -> Client:
    return Client()


def page(client: Client, query: str = "") -> str:
    return client.get(f"/s/trivia/{query}").content.decode()


def post(client: Client, step: str, **data: object) -> Any:
    return client.post(f"/s/trivia/{step}/", data)


def at(study: Study) -> str:
    return study.participants.get().step


def walk_to(client: Client, step: str) -> None:
    """From nothing to this step of the full study."""
    enter(client)
    moves = [
        ("practice", lambda: post(client, "instructions")),
        ("comprehension", lambda: [post(client, "practice", position=n, verdict="accept" if n < 3 else "") for n in (1, 2, 3)]),
        ("rounds", lambda: post(client, "comprehension", attempt=1, **RIGHT)),
        ("about-you", lambda: [(page(client), answer(client, n)) for n in (1, 2)]),
        ("debrief", lambda: post(client, "about-you", age="18-24")),
    ]
    for name, move in moves:
        if Participant.Step.values.index(name) > Participant.Step.values.index(step):
            return
        move()


def test_a_study_goes_through_every_step_that_its_protocol_has(study: Study, ada: Client) -> None:
    seen = []
    enter(ada)
    for step, moves in {
        "instructions": [("instructions", {})],
        "practice": [("practice", {"position": n, "verdict": "accept" if n < 3 else ""}) for n in (1, 2, 3)],
        "comprehension": [("comprehension", {"attempt": 1, **RIGHT})],
        "rounds": [("answer", {"position": n, "verdict": "accept"}) for n in (1, 2)],
        "about-you": [("about-you", {"age": "25-34", "comments": "Nice.", "colour": "blue"})],
    }.items():
        assert at(study) == step
        for name, data in moves:
            seen.append(page(ada))
            assert "DONE-1" not in seen[-1], "the code is for who has finished"
            assert post(ada, name, **data).status_code == 302
    last = page(ada)
    person = study.participants.get()
    assert (person.step, person.outcome, person.about) == ("debrief", "finished", {"age": "25-34", "comments": "Nice."})
    assert "ship of the desert" in seen[0]
    assert "DONE-1" in last
    assert 'href="https://panel.example/?cc=DONE-1"' in last
    assert "What this study was about" in last
    assert "1 of 2" in last


def test_steps_that_the_protocol_switches_off_are_not_there(ada: Client) -> None:
    study = make_open_study(name="trivia", rounds=2)
    enter(ada)
    assert at(study) == "rounds"
    for position in (1, 2):
        page(ada)
        answer(ada, position)
    assert at(study) == "debrief"
    assert "completion code" not in page(ada)


def test_practice_without_anything_to_practise_with_is_skipped(ada: Client) -> None:
    study = make_open_study(name="trivia", protocol={"steps": {"practice": 2}})
    enter(ada)
    assert at(study) == "rounds"


def test_who_does_not_consent_gets_a_kind_page_with_the_code_for_it(study: Study, ada: Client) -> None:
    ada.post("/s/trivia/consent/", {"ticket": ticket_of(ada), "decision": "decline"})
    person = study.participants.get()
    assert (person.outcome, person.consented_at, person.finished_at) == ("no-consent", None, None)
    assert "perfectly fine" in page(ada)
    assert "NO-1" in page(ada)
    assert not person.assignments.exists()
    assert post(ada, "instructions").status_code == 302
    assert answer(ada, 1).status_code == 409
    assert study.participants.get().outcome == "no-consent"


def test_consent_without_a_decision_starts_nothing(study: Study, ada: Client) -> None:
    assert ada.post("/s/trivia/consent/", {"ticket": ticket_of(ada)}).status_code == 400
    assert not study.participants.exists()


@pytest.mark.parametrize(("verdict", "said"), [("accept", "That was right."), ("reject", "That was not right.")])
def test_practice_tells_whether_the_verdict_was_right_and_why(study: Study, ada: Client, verdict: str, said: str) -> None:
    walk_to(ada, "practice")
    response = post(ada, "practice", position=1, verdict=verdict)
    feedback = ada.get(response.headers["Location"]).content.decode()
    assert said in feedback
    assert "Because 1." in feedback
    assert "Practice 1?" in feedback
    assert "Practice 2?" in page(ada)
    assert not Judgment.objects.exists()


def test_the_last_feedback_is_read_before_practice_is_left(study: Study, ada: Client) -> None:
    walk_to(ada, "practice")
    for position in (1, 2):
        response = post(ada, "practice", position=position, verdict="reject")
    assert "That was the practice" in ada.get(response.headers["Location"]).content.decode()
    assert "That was the practice" in page(ada), "also where the verdict is not known any more"
    assert at(study) == "practice"
    post(ada, "practice", position=3)
    assert at(study) == "comprehension"


def test_failing_the_check_once_gives_another_try_and_twice_asks_to_return_the_study(study: Study, ada: Client) -> None:
    walk_to(ada, "comprehension")
    for _ in range(3):
        post(ada, "comprehension", attempt=1, **WRONG)  # pressed three times is failed once
    person = study.participants.get()
    assert (person.step, person.outcome, person.failed_comprehension) == ("comprehension", "", 1)
    assert "There is one more try" in page(ada)
    post(ada, "comprehension", attempt=2, **WRONG)
    person = study.participants.get()
    assert (person.outcome, person.failed_comprehension, person.assignments.count()) == ("screened-out", 2, 0)
    last = page(ada)
    assert "return the study" in last
    assert "no rejection" in last
    assert "OUT-1" in last
    post(ada, "comprehension", attempt=3, **RIGHT)
    assert study.participants.get().outcome == "screened-out"


def test_the_second_try_may_be_passed(study: Study, ada: Client) -> None:
    walk_to(ada, "comprehension")
    post(ada, "comprehension", attempt=1)
    post(ada, "comprehension", attempt=2, **RIGHT)
    assert at(study) == "rounds"


STEPS = ["instructions", "practice", "comprehension", "rounds", "about-you", "debrief"]
MOVES: list[tuple[str, dict[str, object]]] = [
    ("instructions", {}),
    ("practice", {"position": 1, "verdict": "accept"}),
    ("comprehension", {"attempt": 1, **RIGHT}),
    ("answer", {"position": 1, "verdict": "reject"}),
    ("about-you", {"age": "65+"}),
]


def facts(study: Study) -> Any:
    person = study.participants.values().get()
    person.pop("seen_at")
    return person, list(study.participants.get().assignments.values()), list(Judgment.objects.values())


@pytest.mark.parametrize("step", STEPS)
def test_no_step_is_made_twice_and_none_is_skipped(study: Study, ada: Client, step: str) -> None:
    walk_to(ada, step)
    assert at(study) == step
    page(ada)
    before = facts(study)
    for place, (name, data) in enumerate(MOVES):
        if place != STEPS.index(step):
            response = post(ada, name, **data)
            assert response.status_code == (302 if place < STEPS.index(step) else 409), name
    ticket = ticket_of(Client())
    agree(ada, ticket)
    ada.post("/s/trivia/consent/", {"ticket": ticket, "decision": "decline"})
    assert facts(study) == before


@pytest.mark.parametrize("state", [Study.State.PAUSED, Study.State.CLOSED])
@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_study_that_is_not_open_takes_no_move(study: Study, ada: Client, step: str, state: str) -> None:
    walk_to(ada, step)
    page(ada)
    Study.objects.update(state=state)
    before = facts(study)
    name, data = MOVES[STEPS.index(step)]
    assert post(ada, name, **data).status_code == 302
    assert facts(study) == before
    assert "This study is" in page(ada)


@pytest.mark.parametrize(
    ("name", "data"), [("practice", {"position": "x"}), ("practice", {"position": 1, "verdict": "hm"}), ("comprehension", {"attempt": ""})]
)
def test_a_form_that_says_nothing_sensible_is_refused(study: Study, ada: Client, name: str, data: dict[str, object]) -> None:
    walk_to(ada, name)
    assert post(ada, name, **data).status_code == 400


def test_practice_cannot_be_run_through_in_one_leap(study: Study, ada: Client) -> None:
    walk_to(ada, "practice")
    assert post(ada, "practice", position=3).status_code == 409
    assert study.participants.get().practised == 0


def test_who_is_not_known_is_sent_to_the_start_from_every_form(study: Study, ada: Client) -> None:
    for name, data in [*MOVES, ("message", {"message": "x"})]:
        assert post(ada, name, **data).headers["Location"] == "/s/trivia/"
    assert not Participant.objects.exists()


def test_an_answer_about_the_person_that_is_no_option_is_not_kept(study: Study, ada: Client) -> None:
    walk_to(ada, "about-you")
    post(ada, "about-you", age="a hundred", comments="x" * 5000)
    assert study.participants.get().about == {"comments": "x" * flow.WORDS_MAX}


def test_the_questions_about_the_person_may_all_be_left_empty(study: Study, ada: Client) -> None:
    walk_to(ada, "about-you")
    post(ada, "about-you", age="", comments=" ")
    person = study.participants.get()
    assert (person.about, person.outcome) == ({}, "finished")


def test_who_comes_when_everything_is_given_out_is_told_so_kindly(ada: Client) -> None:
    make_open_study(name="trivia", wanted=0, protocol={"recruiting": {"full": "FULL-1"}})
    enter(ada)
    assert Participant.objects.get().outcome == "full"
    assert "nothing left to judge" in page(ada)
    assert "FULL-1" in page(ada)


# The manager's message


@pytest.mark.parametrize("step", STEPS)
def test_a_message_is_shown_on_the_next_page_until_it_is_closed(study: Study, ada: Client, step: str) -> None:
    walk_to(ada, step)
    Participant.objects.update(message="Please <hurry>\nup.")
    assert "Please &lt;hurry&gt;<br>up." in page(ada)
    ada.post("/s/trivia/message/", {"message": "Please <hurry>\r\nup."})
    assert "hurry" not in page(ada)


def test_closing_a_message_does_not_close_one_that_came_after_it(study: Study, ada: Client) -> None:
    enter(ada)
    Participant.objects.update(message="The second.")
    assert ada.post("/s/trivia/message/", {"message": "The first."}, headers=HTMX).status_code == 200
    assert Participant.objects.get().message == "The second."


# Entry


def labelled(**recruiting: Any) -> Study:
    return make_open_study(name="trivia", protocol={"rounds": 2, "recruiting": {"platform": "panel", "label": "who"} | recruiting})


def prolific() -> Study:
    return labelled(platform="prolific", label="PROLIFIC_PID")


def test_a_label_comes_back_to_its_place_on_another_device(ada: Client) -> None:
    study = prolific()
    agree(ada, ticket_of(ada, query="?PROLIFIC_PID=ada"))
    page(ada)
    answer(ada, 1)
    phone = Client()
    response = phone.get("/s/trivia/?PROLIFIC_PID=ada")
    assert response.headers["Location"] == "/s/trivia/"
    assert "2 of 2" in page(phone)
    assert study.participants.count() == 1


def test_a_link_that_names_somebody_goes_before_the_cookie_of_somebody_else(ada: Client) -> None:
    study = prolific()
    agree(ada, ticket_of(ada, query="?PROLIFIC_PID=ada"))
    page(ada)
    agree(ada, ticket_of(ada, query="?PROLIFIC_PID=bo"))
    assert study.participants.count() == 2
    page(ada)
    answer(ada, 1)
    assert [row.judge for row in Judgment.objects.all()] == [study.participants.get(identity__label="bo").code]


def test_a_link_that_names_nobody_gets_a_page_that_says_what_to_do(ada: Client) -> None:
    prolific()
    response = ada.get("/s/trivia/")
    assert response.status_code == 403
    assert "This link is not complete" in response.content.decode()
    assert not Participant.objects.exists()


def test_a_round_of_somebody_else_in_the_same_browser_is_not_answered(ada: Client) -> None:
    make_open_study(name="trivia", rounds=2)
    enter(ada)
    page(ada)
    assert answer(ada, 1, person="0123456789abcdef").status_code == 409
    assert not Judgment.objects.exists()


def test_a_preview_walks_through_a_draft_that_nobody_else_can_open(study: Study, ada: Client) -> None:
    from django.http import HttpResponse

    from annotations.participant.views import remember

    Study.objects.update(state=Study.State.DRAFT)
    assert ada.get("/s/trivia/").status_code == 404
    preview = make_participant(study=Study.objects.get(), is_preview=True)
    ada.cookies.update(remember(HttpResponse(), preview).cookies)
    assert "I agree, start" in page(ada)
    agree(ada, ticket_of(ada))
    assert "ship of the desert" in page(ada)
    assert Participant.objects.count() == 1


# Languages


def test_who_may_choose_a_language_reads_everything_in_it(ada: Client) -> None:
    study = make_full_study(languages=["en", "de"])
    english = page(ada)
    assert '<html lang="en">' in english
    assert 'href="?language=de"' in english
    german = page(ada, "?language=de")
    assert '<html lang="de">' in german
    assert "Einverstanden" in german
    agree(ada, ticket_of(ada), language="de")
    assert study.participants.get().language == "de"
    inside = page(ada)
    assert '<html lang="de">' in inside
    assert "Schiff der Wüste" in inside


def test_the_links_to_other_languages_keep_the_entry_link_s_own_parameters(ada: Client) -> None:
    make_full_study(languages=["en", "de"], recruiting={"platform": "prolific", "label": "PROLIFIC_PID"})
    assert 'href="?PROLIFIC_PID=ada&amp;language=de"' in page(ada, "?PROLIFIC_PID=ada")


def test_a_language_that_the_study_does_not_offer_is_not_spoken(study: Study, ada: Client) -> None:
    assert '<html lang="en">' in page(ada, "?language=de")
    agree(ada, ticket_of(ada), language="de")
    assert study.participants.get().language == "en"


# What a round asks, and when

MEASURED = {"confidence": "slider", "knew_answer": "buttons", "convincing": "slider", "note": True}


def test_what_is_asked_beside_the_verdict_is_stored(ada: Client) -> None:
    make_open_study(name="trivia", protocol={"rounds": 2, "measures": MEASURED})
    enter(ada)
    page(ada)
    answer(ada, 1, "reject", confidence=80, knew_answer=50, convincing=0, note="Sounds odd.")
    row = Judgment.objects.get()
    assert (row.accepted, row.confidence, row.knew_answer, row.convincing) == (False, 0.8, 0.5, 0.0)
    assert row.probability == pytest.approx(0.1)
    assert row.assignment.note == "Sounds odd."


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("missing", ["confidence", "knew_answer", "convincing"])
def test_an_answer_that_lacks_a_measure_is_asked_for_it_and_loses_nothing(ada: Client, missing: str, headers: dict[str, str]) -> None:
    make_open_study(name="trivia", protocol={"rounds": 2, "measures": MEASURED})
    enter(ada)
    page(ada)
    given = {"confidence": 37, "knew_answer": 100, "convincing": 61, "note": "Wait."}
    given.pop(missing)
    response = answer(ada, 1, "accept", headers=headers, **given)
    body = response.content.decode()
    assert response.status_code == 400
    assert body.count("Please answer this one too.") >= 2
    assert "Wait.</textarea>" in body
    assert 'value="accept" required data-key="a" aria-keyshortcuts="a" checked' in body
    assert (missing == "confidence") != ('value="37"' in body)
    assert not Judgment.objects.exists()


@pytest.mark.parametrize("value", ["-1", "101", "1.5", "x", ""])
def test_a_measure_outside_its_range_is_refused(ada: Client, value: str) -> None:
    make_open_study(name="trivia", protocol={"rounds": 2, "measures": {"confidence": "slider"}})
    enter(ada)
    page(ada)
    assert answer(ada, 1, confidence=value).status_code == 400


def test_no_slider_has_a_preset_value(ada: Client) -> None:
    make_open_study(name="trivia", protocol={"rounds": 2, "measures": MEASURED})
    enter(ada)
    body = page(ada)
    assert body.count('type="number"') == 2
    assert body.count('required value=""') == 2
    assert "checked" not in body


def shown_ago(seconds: float) -> None:
    Participant.objects.get().assignments.filter(position=1).update(shown_at=timezone.now() - dt.timedelta(seconds=seconds))


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_verdict_within_the_reading_time_is_not_taken_yet_and_keeps_what_was_given(ada: Client, headers: dict[str, str]) -> None:
    make_open_study(name="trivia", protocol={"rounds": 2, "timing": {"min_seconds": 5}, "measures": {"confidence": "slider"}})
    enter(ada)
    page(ada)
    shown_ago(2)
    response = answer(ada, 1, confidence=44, headers=headers)
    assert response.status_code == 425
    assert "send it again in 3 s" in response.content.decode()
    assert 'value="44"' in response.content.decode()
    assert not Judgment.objects.exists()
    shown_ago(6)
    assert answer(ada, 1, confidence=44).status_code == 302
    assert Judgment.objects.count() == 1


def test_a_verdict_after_the_time_limit_is_stored_and_excluded(ada: Client) -> None:
    study = make_open_study(name="trivia", protocol={"rounds": 2, "timing": {"max_seconds": 5}})
    enter(ada)
    assert "Please answer within 5 s." in page(ada)
    shown_ago(6)
    answer(ada, 1)
    assert Judgment.objects.get().excluded == "too late"
    assert study.participants.get().assignments.answered().count() == 1


def test_an_attention_check_looks_like_a_round_and_is_no_judgment(ada: Client) -> None:
    study = make_open_study(name="trivia", rounds=2)
    enter(ada)
    person = study.participants.get()
    check = make_check(study=study, expects_accept=False)
    person.assignments.filter(position=1).update(check_shown=check, arm=None, question=None, utterance=None)
    assert check.answer in page(ada).replace("&#x27;", "'")
    answer(ada, 1, "accept")
    page(ada)
    answer(ada, 2, "accept")
    person.refresh_from_db()
    assert (person.failed_checks, person.outcome, Judgment.objects.count()) == (1, "finished", 1)
    assert "of 1" in page(ada), "the score is of judgments alone"


# Language


def test_the_language_can_be_changed_on_any_page_and_the_place_is_kept(ada: Client) -> None:
    study = make_open_study(name="trivia", rounds=4, protocol={"languages": ["en", "de"]})
    client = ada
    ticket = client.get("/s/trivia/").context["ticket"]
    client.post("/s/trivia/consent/", {"ticket": ticket, "decision": "agree", "language": "en"})
    before = client.get("/s/trivia/")
    assert 'action="/s/trivia/language/"' in before.content.decode() and "Deutsch" in before.content.decode()
    assert client.post("/s/trivia/language/", {"language": "de"}).headers["Location"] == "/s/trivia/"
    after = client.get("/s/trivia/")
    assert '<html lang="de">' in after.content.decode() and "Frage 1 von 4" in after.content.decode()
    assert (after.context["round"].question, after.context["round"].position) == (before.context["round"].question, 1)
    client.post("/s/trivia/language/", {"language": "xx"})
    assert study.participants.get().language == "de"


def test_a_study_of_one_language_offers_none(study: Study, ada: Client) -> None:
    begin = ada.get("/s/trivia/").context["ticket"]
    ada.post("/s/trivia/consent/", {"ticket": begin, "decision": "agree", "language": "en"})
    assert "/language/" not in ada.get("/s/trivia/").content.decode()


def test_who_is_not_known_is_sent_to_the_start_when_they_choose_a_language(study: Study, ada: Client) -> None:
    assert ada.post("/s/trivia/language/", {"language": "de"}).headers["Location"] == "/s/trivia/"
    assert not Participant.objects.exists()
