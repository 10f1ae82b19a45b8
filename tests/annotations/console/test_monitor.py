"""The monitor: what it counts, what it costs, what a manager can do from it, and that the effect is not seen unawares."""

import asyncio
import datetime as dt
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotations.console import consumers, monitor
from annotations.models import ArmUtterance, Participant, Study
from games.models import Judgment
from lacie_platform.asgi import application
from tests.factories import make_assignment, make_judgment, make_open_study, make_participant, make_session
from tests.queries import queries_of

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def study() -> Study:
    return make_open_study(name="quiz", protocol={"stopping": {"goal": 20, "looks": 2}, "timing": {"abandon_minutes": 30}})


def judged(person: Participant, *, excluded: str = "", at: dt.datetime = NOW, item: int = 0) -> None:
    """One more answer of the first arm, judged by this person."""
    arm = person.study.arms.get(name="arm-1")
    shown = arm.shown.order_by("id")[item]
    judgment = make_judgment(utterance=shown.utterance, listener=person.study.listener, judge=person.code, excluded=excluded)
    make_assignment(participant=person, arm=arm, utterance=shown.utterance, judgment=judgment, answered_at=at, item=shown)


@pytest.mark.django_db
def test_it_tells_usable_judgments_from_collected_ones_and_says_why_the_others_are_out(study: Study) -> None:
    ada, bo = make_participant(study=study), make_participant(study=study)
    for item in range(3):
        judged(ada, item=item)
    judged(bo, excluded="knew it")
    judged(bo, item=1, excluded="too fast")
    arm = monitor.progress(study, now=NOW).arms[0]
    assert (arm.collected, arm.usable, arm.goal, arm.percent) == (5, 3, 20, 15)
    assert sorted(arm.excluded) == [("knew it", 1), ("too fast", 1)]


@pytest.mark.django_db
def test_without_a_declared_goal_it_is_what_is_wanted_of_the_material(study: Study) -> None:
    study.rules = study.rules.of({})
    ArmUtterance.objects.update(wanted=1)
    assert [arm.goal for arm in monitor.progress(study).arms] == [12, 12]
    ArmUtterance.objects.filter(pk=ArmUtterance.objects.earliest("pk").pk).update(held_back="names its model")
    assert [arm.goal for arm in monitor.progress(study).arms] == [11, 12]


@pytest.mark.django_db
def test_it_says_who_is_where_how_long_and_who_has_gone_silent(study: Study) -> None:
    minutes = dt.timedelta(minutes=1)
    make_participant(study=study, code="silent", step="rounds", entered_at=NOW - 50 * minutes, seen_at=NOW - 40 * minutes)
    make_participant(study=study, code="busy", step="practice", entered_at=NOW - 5 * minutes, seen_at=NOW - 2 * minutes)
    make_participant(
        study=study, code="done", outcome="finished", entered_at=NOW - 30 * minutes, finished_at=NOW - 10 * minutes, excluded="attention"
    )
    now = monitor.progress(study, now=NOW)
    found = {person.code: (person.where, person.minutes, person.idle, person.is_silent) for person in now.people}
    assert found == {"silent": ("rounds", 50, 40, True), "busy": ("practice", 5, 2, False), "done": ("finished", 20, None, False)}
    assert (now.steps, now.outcomes, now.excluded, now.silent) == ([("practice", 1), ("rounds", 1)], [("finished", 1)], [("attention", 1)], 1)


@pytest.mark.django_db
def test_the_end_is_projected_from_the_last_hours_usable_share(study: Study) -> None:
    ada, bo = make_participant(study=study), make_participant(study=study)
    for item in range(4):
        judged(ada, item=item, at=NOW - dt.timedelta(minutes=10))
        judged(bo, item=item, at=NOW - dt.timedelta(hours=3), excluded="knew it" if item < 2 else "")
    now = monitor.progress(study, now=NOW)
    assert now.an_hour == 4
    assert now.ends_in == pytest.approx((14 + 20) / (4 * 6 / 8))  # 6 of 40 usable, 34 missing, 3 usable ones an hour
    assert monitor.progress(study, now=NOW + dt.timedelta(hours=5)).ends_in is None


@pytest.mark.django_db
def test_bots_are_left_out_unless_asked_for_and_previews_always(study: Study) -> None:
    judged(make_participant(study=study, is_bot=True))
    make_participant(study=study, is_preview=True)
    assert (monitor.progress(study).entered, monitor.progress(study).bots) == (0, 1)
    with_bots = monitor.progress(study, bots=True)
    assert (with_bots.entered, with_bots.arms[0].usable) == (1, 1)


@pytest.mark.django_db
def test_it_costs_as_many_queries_for_three_hundred_people_as_for_ten(study: Study, admin_client: Client) -> None:
    costs = []
    admin_client.get("/studies/quiz/monitor/")  # what is looked up once for the process is no cost of the page
    for people in (10, 290):
        Participant.objects.bulk_create(Participant(study=study, step="rounds") for _ in range(people))
        judged(study.participants.last())  # type: ignore[arg-type]  # there are some
        costs.append((queries_of(admin_client, "/studies/quiz/monitor/"), queries_of(admin_client, "/studies/quiz/monitor/live/")))
    assert costs[0] == costs[1]
    assert costs[0][1] <= 12
    with CaptureQueriesContext(connection) as queries:
        monitor.progress(study)
    assert len(queries) <= 6


@pytest.mark.django_db
@pytest.mark.parametrize("move", ["pause", "open", "close"])
def test_a_study_is_paused_resumed_and_closed_and_its_history_says_by_whom(study: Study, admin_client: Client, move: str) -> None:
    Study.objects.update(state="paused" if move == "open" else "open")
    admin_client.post(f"/studies/quiz/{move}/", {"sure": "yes"})
    study.refresh_from_db()
    assert study.state == {"pause": "paused", "open": "open", "close": "closed"}[move]
    assert str(history(study)[0]) in ("Paused.", "Resumed.", "Closed.")


def history(study: Study) -> list[str]:
    from django.contrib.admin.models import LogEntry

    return [entry.get_change_message() for entry in LogEntry.objects.filter(object_id=str(study.pk)).order_by("-id")]


@pytest.mark.django_db
def test_closing_by_accident_does_nothing(study: Study, admin_client: Client) -> None:
    said = admin_client.post("/studies/quiz/close/", follow=True).content.decode()
    assert "Tick that you mean it" in said
    study.refresh_from_db()
    assert study.state == "open"


@pytest.mark.django_db
def test_the_effect_is_not_on_the_page_but_who_looked_at_it_is(study: Study, admin_client: Client) -> None:
    assert "Hidden, so" not in admin_client.get("/studies/quiz/monitor/").content.decode()  # nobody has judged yet
    make_session(study=study, verdicts=[True])
    page = admin_client.get("/studies/quiz/monitor/").content.decode()
    assert "Hidden, so that nobody decides by it before the time" in page
    assert "points" not in page and "Looked at" not in page
    assert admin_client.post("/s/quiz/results/look/").status_code == 302
    assert "Looked at: admin" in admin_client.get("/studies/quiz/monitor/").content.decode()


@pytest.mark.django_db
def test_a_message_waits_for_a_person_and_can_be_taken_back(study: Study, admin_client: Client) -> None:
    ada = make_participant(study=study, code="ada")
    for text in ("Please go on.", ""):
        admin_client.post("/studies/quiz/people/ada/message/", {"message": text})
        ada.refresh_from_db()
        assert ada.message == text


@pytest.mark.django_db
def test_returning_a_person_gives_what_they_hold_to_others_and_keeps_what_they_answered(study: Study, admin_client: Client) -> None:
    ada = make_participant(study=study, code="ada", step="rounds")
    judged(ada)
    held = ArmUtterance.objects.filter(arm__name="arm-2").order_by("pk")[1]
    ArmUtterance.objects.filter(pk=held.pk).update(taken=1)
    make_assignment(participant=ada, arm=held.arm, utterance=held.utterance, item=held)
    admin_client.post("/studies/quiz/people/ada/return/")
    ada.refresh_from_db()
    held.refresh_from_db()
    assert (ada.outcome, ada.assignments.count(), held.taken, Judgment.objects.filter(judge="ada").count()) == ("returned", 1, 0, 1)
    assert "through already" in admin_client.post("/studies/quiz/people/ada/return/", follow=True).content.decode()


@pytest.mark.django_db
def test_what_silent_people_hold_is_released_by_hand_too(study: Study, admin_client: Client) -> None:
    gone = make_participant(study=study, step="rounds", began_at=timezone.now(), seen_at=timezone.now() - dt.timedelta(hours=1))
    held = ArmUtterance.objects.earliest("pk")
    ArmUtterance.objects.filter(pk=held.pk).update(taken=1)
    make_assignment(participant=gone, arm=held.arm, utterance=held.utterance, item=held)
    assert "1 answers that silent people held" in admin_client.post("/studies/quiz/monitor/release/", follow=True).content.decode()
    held.refresh_from_db()
    assert held.taken == 0


def cookie(user: User) -> list[tuple[bytes, bytes]]:
    client = Client()
    client.force_login(user)
    return [(b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode()), (b"origin", b"http://localhost"), (b"host", b"localhost")]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_channel_sends_the_page_when_something_changes_and_ends_with_the_right_to_see_it(study: Study, monkeypatch: Any) -> None:
    monkeypatch.setattr(consumers, "SECONDS_BETWEEN_READS", 0.05)
    eve, bo = (User.objects.create_user(name, is_staff=True) for name in ("eve", "bo"))
    study.observers.add(eve)
    eves, bos = cookie(eve), cookie(bo)

    async def talk() -> None:
        stranger = WebsocketCommunicator(application, "/ws/studies/quiz/", headers=bos)
        assert (await stranger.connect())[0] is False
        watching = WebsocketCommunicator(application, "/ws/studies/quiz/", headers=eves)
        assert (await watching.connect())[0] is True
        assert "Nobody yet" in (await watching.receive_json_from())["html"]
        await Participant.objects.acreate(study=study, code="a-new-person")
        assert "a-new-person" in (await watching.receive_json_from())["html"]
        await study.observers.aclear()
        assert (await watching.receive_output())["type"] == "websocket.close"
        await watching.disconnect()

    asyncio.run(talk())
