"""Bots walk the real pages of a live server: what they press is what their kind would, and nobody can pass for one."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory

from annotations.bots import walking
from annotations.bots.browser import Page
from annotations.building import attention
from annotations.models import Participant, Study
from games.listeners.learned import Acceptance
from games.models import Judgment, Utterance
from tests.factories import make_check, make_listener, make_open_study


def over_http(test: Any) -> Any:
    """Real pages of a real server, a second or two each."""
    return pytest.mark.slow(pytest.mark.django_db(transaction=True)(test))


def walk(live_server: Any, study: Study, **kwargs: Any) -> list[walking.Walk]:
    return walking.run(study=study, url=live_server.url, plan=walking.Plan(people=2, parallel=1, **kwargs))


@over_http
def test_bots_go_through_every_step_to_the_end_and_are_marked(live_server: Any) -> None:
    everything = {
        "measures": {"confidence": "slider", "knew_answer": "buttons", "convincing": "slider", "note": True},
        "steps": {"instructions": True, "practice": 2, "comprehension": True, "attention": 1, "about_you": ["age", "comments"]},
    }
    study = make_open_study(rounds=3, protocol=everything, state="draft")
    attention.add_shipped(study)
    Study.objects.update(state="open")
    study.refresh_from_db()
    walks = walk(live_server, study)
    assert [(each.judged, each.ended) for each in walks] == [(4, "at the end")] * 2
    assert set(Participant.objects.values_list("outcome", "is_bot", "failed_checks", "failed_comprehension")) == {("finished", True, 0, 0)}
    assert Judgment.objects.filter(confidence__isnull=False, probability__isnull=False).count() == 6


@over_http
def test_acceptance_is_what_was_asked_for_by_arm_and_correctness(live_server: Any) -> None:
    study = make_open_study(rounds=4)  # of arm-1 every answer is right, of arm-2 every one is wrong
    walk(live_server, study, accept=walking.parse_accept(["arm-1=0,1", "arm-2=0,1"]))
    assert {(row.utterance.is_correct, row.accepted) for row in Judgment.objects.select_related("utterance")} == {(True, False), (False, True)}


@over_http
def test_whatever_is_sent_twice_or_lost_counts_once(live_server: Any) -> None:
    study = make_open_study(rounds=3)
    walk(live_server, study, lost_connections=0.5, double_clicks=1)
    assert Judgment.objects.count() == 6


@over_http
def test_who_drops_out_leaves_something_open(live_server: Any) -> None:
    walks = walk(live_server, make_open_study(rounds=4), drop_outs=1)
    assert {each.ended for each in walks} == {"dropped out"}
    assert not Participant.objects.filter(outcome="finished").exists()


SURE, UNSURE = "It's Paris. I am absolutely certain.", "I'm not sure, but it might possibly be Lyon."
KINDS = {
    "honest": ((0.6, 1.0), (0.0, 0.5)),
    "learned": ((0.0, 0.3), (0.7, 1.0)),
    "gullible": ((0.7, 1.0), (0.7, 1.0)),
    "random": ((0.2, 0.8), (0.2, 0.8)),
    "careless": ((0.2, 0.8), (0.2, 0.8)),
}
"""Kind → the least and greatest share that it accepts of sure and of unsure answers, 20 of each: beyond three standard errors of what it should."""


@over_http
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_accepts_what_its_kind_does(live_server: Any, kind: str) -> None:
    study = make_open_study(rounds=20, questions=20)
    for arm, text in zip(study.arms.all(), (SURE, UNSURE), strict=True):
        Utterance.objects.filter(speaker=arm.speaker).update(text=text)
    contrary = Acceptance().fit([SURE, UNSURE] * 40, [False, True] * 40)  # hears the opposite of the lexicon
    make_listener(kind="learned", config={"model": contrary.as_json()})
    walk(live_server, study, kinds=(kind,), seed=1)
    for text, (least, greatest) in zip((SURE, UNSURE), KINDS[kind], strict=True):
        accepted = list(Judgment.objects.filter(utterance__text=text).values_list("accepted", flat=True))
        assert len(accepted) == 20 and least <= sum(accepted) / 20 <= greatest, (kind, text, sum(accepted))


@over_http
def test_the_careless_fail_their_attention_checks(live_server: Any) -> None:
    study = make_open_study(rounds=3, protocol={"steps": {"attention": 1}})
    make_check(study=study)
    walk(live_server, study, kinds=("careless",))
    assert set(Participant.objects.values_list("failed_checks", flat=True)) == {1}


@over_http
@pytest.mark.parametrize("recruiting", [{"platform": "panel"}, {"platform": "prolific"}])
def test_where_people_come_by_a_label_or_a_signed_link_bots_do_too(live_server: Any, recruiting: dict[str, str]) -> None:
    study = make_open_study(rounds=2, protocol={"recruiting": recruiting})
    assert [each.ended for each in walk(live_server, study, seed=3)] == ["at the end"] * 2
    assert set(study.identities.values_list("label", "participant__is_bot")) == {("bot-3-0", True), ("bot-3-1", True)}


@pytest.mark.django_db
def test_where_a_platform_signs_tokens_it_is_said_why_bots_cannot_enter() -> None:
    study = make_open_study(protocol={"recruiting": {"platform": "prolific", "token": "prolific_token", "audience": "lab.example.org"}})
    with pytest.raises(walking.BotError, match="The platform alone has the key"):
        walking.run(study=study, url="http://127.0.0.1:9", plan=walking.Plan())


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["1", "trivia", "trivia:forged", ""])
def test_nobody_passes_for_a_bot_who_has_no_key(header: str) -> None:
    assert not walking.is_bot(RequestFactory().post("/", headers={walking.HEADER: header}), "trivia")


@pytest.mark.django_db
def test_the_mark_of_another_study_is_none() -> None:
    signed = walking.signing.Signer(salt=walking.SALT).sign("other")
    assert not walking.is_bot(RequestFactory().post("/", headers={walking.HEADER: signed}), "trivia")
    assert walking.is_bot(RequestFactory().post("/", headers={walking.HEADER: signed}), "other")


@pytest.mark.django_db
def test_a_page_is_read_as_it_stands() -> None:
    make_open_study(name="trivia")
    page = Page(200, Client().get("/s/trivia/").content.decode())
    assert page.forms[0].action == "/s/trivia/consent/"
    assert page.forms[0].choices["decision"] == ["agree", "decline"]
    assert page.forms[0].fields["ticket"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "There is no open study 'nothing'. Open studies: trivia."),
        (["trivia", "--accept", "arm-1"], "give ARM=RIGHT,WRONG"),
        (["trivia", "--accept", "arm-1=2,0"], "between 0 and 1"),
        (["trivia", "--accept", "arm-9=1,0", "--url", "http://127.0.0.1:9"], "has no arm arm-9"),
        (["trivia", "--kind", "learned", "--url", "http://127.0.0.1:9"], "no learned listener yet"),
        (["trivia", "--drop-outs", "2"], "give a share between 0 and 1"),
        (["trivia", "--people", "0"], "give 1 or more"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(arguments: list[str], words: str) -> None:
    make_open_study(name="trivia")
    with pytest.raises(CommandError, match=words):
        call_command("run_bots", *arguments, stdout=StringIO())
