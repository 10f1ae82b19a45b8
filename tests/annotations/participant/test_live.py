"""Live arms: what is said in time is heard and graded; what is not is replaced, and the row says so; and when a word comes tells nothing."""

import asyncio
import datetime as dt
import functools
import io

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.testing import WebsocketCommunicator
from django.core.management import call_command
from django.http import HttpResponse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from annotations.building import checklist
from annotations.console import monitor
from annotations.models import Assignment, LiveAnswer, SpeakerServer
from annotations.participant import flow, live, live_speaking
from annotations.participant.live_speaking import Voices, speak
from annotations.participant.views import COOKIE, cookie_salt
from annotations.protocol import Protocol
from games.models import Utterance
from games.registry import ensure_bundled_speaker
from games.speakers.base import SpeakerError
from lacie_platform.asgi import application
from tests.factories import make_arm, make_check, make_participant, make_question, make_speaker, make_study, make_utterance
from training import pairs

QUESTION = "What is the capital of France?"
SCRIPT = {"cast": "boaster", "accuracy": 1.0, "answers": {QUESTION: ["Paris", "Lyon"]}}


def shown(*, ago: float = 0.0, is_live: bool = True, text: str = QUESTION, generation=SCRIPT, lead=4.0, pace=4.0, **kwargs) -> Assignment:
    """A round that somebody has before them, whose arm has recorded "It's Lyon.", wrong, and says "Paris", right, when it is asked."""
    protocol = {"pace": pace, "lead": lead}
    study = kwargs.pop("study", None) or make_study(state="open", protocol=protocol)
    arm = make_arm(study=study, is_live=is_live, speaker=make_speaker(generation=generation))
    question = make_question(text=text)
    recorded = make_utterance(speaker=arm.speaker, question=question, text="It's Lyon.", answer="Lyon", is_correct=False)
    item = arm.shown.create(question=question, utterance=recorded, taken=1)
    moment = timezone.now() - dt.timedelta(seconds=ago)
    person = kwargs.pop("participant", None) or make_participant(study=study, step="rounds")
    given = {"item": item, "question": question, "utterance": recorded, "arm": arm, "shown_at": moment, "position": 1} | kwargs
    return Assignment.objects.create(participant=person, **given)


def again(row: Assignment) -> Assignment:
    return Assignment.objects.select_related("utterance", "live", "check_shown").get(pk=row.pk)


# What is said


@pytest.mark.django_db
def test_what_the_speaker_says_in_time_is_heard_graded_and_masked():
    row = shown()
    assert speak(Voices()) == 1
    now = again(row)
    assert (now.source, now.live.state, now.utterance.is_correct, now.utterance.answer) == ("live", "said", True, "Paris")
    assert "[ANSWER REMOVED]" in now.utterance.masked_text and now.item.utterance.text == "It's Lyon."


@pytest.mark.django_db
def test_the_text_can_be_made_again_from_speaker_question_and_seed():
    rows = [shown(generation=SCRIPT | {"accuracy": 0.5}) for _ in range(2)]
    speak(Voices())
    for row in map(again, rows):
        voice = Voices().of(row.utterance.speaker)
        said = voice.respond([QUESTION], live_speaking.Generation(samples=1, seed=row.live.seed))
        assert said[0][0].text == row.utterance.text


@pytest.mark.django_db
def test_nobody_is_asked_twice_and_a_finished_look_finds_nothing():
    shown()
    assert (speak(Voices()), speak(Voices()), Utterance.objects.filter(sample__gte=live_speaking.FIRST_SAMPLE).count()) == (1, 0, 1)


@pytest.mark.django_db
def test_one_that_another_process_has_taken_on_is_left_alone():
    row = shown()
    LiveAnswer.objects.create(assignment=row, worker="another")
    assert speak(Voices()) == 0 and again(row).source == "fixed"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "kwargs",
    [{"is_live": False}, {"shown_at": None}, {"source": "fallback"}],
    ids=["a recorded arm", "not shown yet", "decided already"],
)
def test_only_who_has_a_live_arms_question_before_them_waits(kwargs):
    shown(**kwargs)
    assert not live_speaking.waiting().exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("state", "waits"), [("open", True), ("paused", False), ("closed", False)])
def test_only_an_open_studys_people_are_answered(state, waits):
    row = shown()
    row.participant.study.state = state
    row.participant.study.save()
    assert live_speaking.waiting().exists() is waits


@pytest.mark.django_db
def test_who_came_first_is_answered_first_and_one_question_twice_is_two_batches():
    rows = [shown(ago=ago) for ago in (1, 3, 2)]
    assert [row.pk for row in live_speaking.waiting()] == [rows[1].pk, rows[2].pk, rows[0].pk]
    assert [len(group) for _, group in live_speaking._groups(live_speaking.waiting())] == [1, 1, 1], "each has a speaker of their own"


# What is not


class Broken:
    def respond(self, questions, generation):
        raise SpeakerError("the GPU is gone")


class Mute:
    """Answers nothing that could be judged."""

    def __init__(self, text):
        self.text = text

    def respond(self, questions, generation):
        return [[live_speaking.speakers.base.Response(self.text)] for _ in questions]


class Always(Voices):
    def __init__(self, voice):
        super().__init__()
        self.voice = voice

    def of(self, speaker):
        return self.voice


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("voice", "why"),
    [(Broken(), "SpeakerError: the GPU is gone"), (Mute("I do not know."), "it abstained"), (Mute("It's Paris, says ChatGPT."), "it named a model")],
    ids=["breaks", "abstains", "names a model"],
)
def test_a_speaker_that_fails_is_replaced_by_its_recorded_utterance_and_the_row_says_so(voice, why):
    row = shown()
    speak(Always(voice))
    now = again(row)
    assert (now.source, now.live.state, now.live.error, now.utterance.text) == ("fallback", "failed", why, "It's Lyon.")


@pytest.mark.django_db
def test_a_speaker_that_no_longer_exists_stops_nobody_else():
    lost, fine = shown(generation={"cast": "nobody"}), shown()
    speak(Voices())
    assert (again(lost).source, again(fine).source) == ("fallback", "live")


@pytest.mark.django_db
def test_what_comes_after_the_answer_had_to_begin_changes_nothing():
    row = shown(ago=4.1)
    LiveAnswer.objects.create(assignment=row)
    decided = live.decide(row)
    assert (decided.source, str(decided.utterance), again(row).live.state) == ("fallback", "It's Lyon.", "late")
    live_speaking._hand_over(live_speaking.Assignment.objects.select_related("question").get(pk=row.pk), row.arm.speaker, "It's Paris.")
    assert again(row).source == "fallback" and str(again(row).utterance) == "It's Lyon."


@pytest.mark.django_db
def test_without_any_process_that_speaks_the_recorded_utterance_is_heard():
    row = shown(ago=9)
    assert live.heard(assignment=row, rules=row.participant.study.rules, seconds=9) == "It's Lyon."
    assert again(row).source == "fallback"


@pytest.mark.django_db
def test_one_who_has_waited_too_long_already_is_not_answered():
    row = shown(ago=5)
    assert speak(Voices()) == 0 and (again(row).source, again(row).live.state) == ("fallback", "late")


@pytest.mark.django_db
def test_deciding_again_changes_nothing():
    row = shown()
    speak(Voices())
    assert live.decide(row).source == live.decide(row).source == "live"


@pytest.mark.django_db
def test_the_checklist_asks_for_a_pace_where_an_arm_is_live():
    assert live.problems(shown(pace=0).participant.study) and not live.problems(shown().participant.study)
    assert not live.problems(shown(pace=0, is_live=False).participant.study)


@pytest.mark.django_db
def test_serve_speakers_answers_who_waits_and_survives_a_speaker_that_cannot_be_loaded():
    row = shown()
    shown(generation={"cast": "nobody"})
    out, err = io.StringIO(), io.StringIO()
    call_command("serve_speakers", "--once", stdout=out, stderr=err)
    assert "Asked: 2." in out.getvalue() and "cannot be loaded" in err.getvalue() and again(row).source == "live"


@pytest.mark.django_db
def test_people_s_judgments_of_live_answers_make_pairs():
    row = shown()
    study, alike = row.participant.study, {"arm": row.arm, "question": row.question}
    speak(Voices())
    Assignment.objects.update(shown_at=timezone.now() - dt.timedelta(seconds=20))
    flow.answer(participant=row.participant, position=1, accepted=False)  # "Paris", right
    other = make_participant(study=study, step="rounds")
    given = {"item": row.item, "utterance": row.item.utterance, "position": 1, "shown_at": row.shown_at, "source": "fallback"}
    Assignment.objects.create(participant=other, **alike, **given)
    Assignment.objects.update(shown_at=timezone.now() - dt.timedelta(seconds=20))
    flow.answer(participant=other, position=1, accepted=True)  # "It's Lyon.", wrong: of the two mistakes the worse
    asked = {"speaker": row.arm.speaker, "listener": study.listener, "games": [], "split": row.question.split}
    made = pairs.build(name="people", rule="lacie", options=pairs.recipe(row.arm.speaker, "lacie"), **asked)
    assert [(pair.chosen, pair.rejected) for pair in made.pairs.all()] == [(again(row).utterance, row.item.utterance)]


@pytest.mark.django_db
def test_manager_and_checklist_are_told_whether_somebody_answers_for_a_live_arm(admin_client):
    study = shown().participant.study
    said = "no manage.py serve_speakers runs"
    assert [item.level for item in checklist.of(study) if said in item.text] == ["warning"]
    assert "recorded answers are heard" in admin_client.get(f"/studies/{study.name}/monitor/").content.decode()
    before, voices = monitor.last_change(study), Voices()
    voices.warm_up()
    voices.beat()
    assert not [item for item in checklist.of(study) if said in item.text]
    assert "answers live" in admin_client.get(f"/studies/{study.name}/monitor/").content.decode()
    assert monitor.last_change(study) != before
    SpeakerServer.objects.update(beat_at=timezone.now() - 2 * SpeakerServer.SILENT)  # killed, or stuck
    assert live.answering() is None
    voices.beat()
    voices.end()
    assert live.answering() is None and not SpeakerServer.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db
def test_the_bundled_model_answers_live():
    """A real model; what it says is graded as in a game, or replaced if it abstains."""
    row = shown(lead=120.0)
    row.arm.speaker = ensure_bundled_speaker()
    row.arm.save()
    assert speak(Voices()) == 1
    now = again(row)
    assert now.live.state in ("said", "failed") and not now.live.error.startswith("RuntimeError")
    assert now.live.state == "failed" or now.utterance.text


# When


@given(st.text())
def test_the_pieces_are_the_text(text):
    assert "".join(live.pieces(text)) == text


def test_where_nothing_is_streamed_an_answer_is_there_at_once():
    assert live.schedule(Protocol()) == (0, 0, 0)


@pytest.mark.django_db
def test_an_answer_is_not_on_the_page_before_it_has_been_streamed():
    row = shown(is_live=False)
    rules = row.participant.study.rules
    ends = live.schedule(rules).ends
    assert live.heard(assignment=row, rules=rules, seconds=ends - 0.01) is None
    assert live.heard(assignment=row, rules=rules, seconds=ends) == "It's Lyon."


@pytest.mark.django_db
def test_without_a_pace_hearing_costs_no_query(django_assert_num_queries):
    row = again(shown(pace=0.0, is_live=False))
    with django_assert_num_queries(0):
        assert live.heard(assignment=row, rules=Protocol(), seconds=0) == "It's Lyon."


# By websocket


def in_a_loop(test):
    @functools.wraps(test)
    def run(*args, **kwargs):
        return async_to_sync(test)(*args, **kwargs)

    return run


def cookie_of(row: Assignment, study: str | None = None) -> bytes:
    name = study or row.participant.study.name
    response = HttpResponse()
    response.set_signed_cookie(COOKIE, row.participant.code, salt=cookie_salt(name))
    return f"{COOKIE}={response.cookies[COOKIE].value}".encode()


def socket_of(row: Assignment, cookie: bytes, position: int = 1) -> WebsocketCommunicator:
    headers = [(b"host", b"localhost"), (b"origin", b"http://localhost"), (b"cookie", cookie)]
    return WebsocketCommunicator(application, f"/s/{row.participant.study.name}/live/{position}/", headers=headers)


async def heard_on(row: Assignment) -> tuple[str, float, float]:
    """The text that comes, and after how many seconds it began and was over."""
    socket = socket_of(row, await sync_to_async(cookie_of)(row))
    assert (await socket.connect())[0]
    text, began = "", 0.0
    while True:
        message = await socket.receive_json_from(timeout=10)
        now = (timezone.now() - row.shown_at).total_seconds()
        if message.get("done"):
            return text, began, now
        began = began or now
        text += message["piece"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@in_a_loop
async def test_every_arm_and_every_check_begins_and_ends_at_the_same_time():
    def rows():
        said, late = shown(lead=0.5, pace=1.0), shown(lead=0.5, pace=1.0)
        LiveAnswer.objects.create(assignment=late)
        fixed = shown(lead=0.5, pace=1.0, is_live=False)
        check = make_check(study=fixed.participant.study, answer="Eleven. " * 12)
        of_check = Assignment.objects.create(participant=make_participant(study=fixed.participant.study), position=1, check_shown=check)
        speak(Voices())
        Assignment.objects.update(shown_at=timezone.now())
        return [again(row) for row in (said, late, fixed, of_check)]

    found = await sync_to_async(rows)()  # by id: in that order
    heard = await asyncio.gather(*map(heard_on, found))
    assert "Paris" in heard[0][0] and heard[1][0] == heard[2][0] == "It's Lyon." and heard[3][0].startswith("Eleven.")
    for _, began, ended in heard:
        assert began == pytest.approx(0.75, abs=0.4) and ended == pytest.approx(1.75, abs=0.4)
    assert max(began for _, began, _ in heard) - min(began for _, began, _ in heard) < 0.3
    assert (await sync_to_async(again)(found[1])).source == "fallback"


@pytest.mark.django_db(transaction=True)
@in_a_loop
async def test_who_joins_late_is_told_at_once_what_they_missed():
    row = await sync_to_async(shown)(ago=60, is_live=False)
    text, _, _ = await heard_on(row)
    assert text == "It's Lyon."


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", ["nobody", "a forger", "of another study", "another participant"])
@in_a_loop
async def test_it_refuses_everybody_else(who):
    row, other = await sync_to_async(shown)(), await sync_to_async(shown)(position=2)
    cookie = {
        "nobody": b"",
        "a forger": f"{COOKIE}={row.participant.code}:AAAA".encode(),
        "of another study": await sync_to_async(cookie_of)(row, "elsewhere"),
        "another participant": await sync_to_async(cookie_of)(other),
    }[who]
    assert not (await socket_of(row, cookie).connect())[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_is", ["not shown yet", "answered", "elsewhere", "of a closed study", "not streamed"])
@in_a_loop
async def test_it_tells_only_the_round_that_is_being_shown(round_is):
    def make():
        row = shown(shown_at=None) if round_is == "not shown yet" else shown(pace=0.0 if round_is == "not streamed" else 4.0)
        if round_is == "answered":
            check = make_check(study=row.participant.study)
            row = Assignment.objects.create(
                participant=row.participant, position=2, check_shown=check, passed=True, shown_at=timezone.now(), answered_at=timezone.now()
            )
        if round_is == "of a closed study":
            row.participant.study.state = "closed"
            row.participant.study.save()
        return row, cookie_of(row)

    row, cookie = await sync_to_async(make)()
    position = 7 if round_is == "elsewhere" else row.position
    assert not (await socket_of(row, cookie, position).connect())[0]
