"""The builder: a study made, changed, checked, previewed and opened from its pages, without a script."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotations.building import setup
from annotations.console.sections import SECTIONS
from annotations.models import ArmUtterance, Assignment, Participant, Study
from games.models import Speaker
from tests.annotations.building.test_setup import World
from tests.factories import make_check, make_open_study
from tests.queries import queries_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def study(world: World) -> Study:
    return world.create(rounds=4)


def filled(client: Client, path: str, **changes: Any) -> dict[str, Any]:
    """The form on this page as it stands, with some fields changed."""
    form = client.get(path).context["form"]
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    sent = {name: value for name, value in values.items() if value not in (None, "") and value is not False} | changes
    return {name: value for name, value in sent.items() if value is not None}


def save(client: Client, path: str, **changes: Any) -> Any:
    return client.post(path, filled(client, path, **changes))


def test_a_study_is_made_of_two_speakers_and_belongs_to_who_made_it(world: World, admin_client: Client) -> None:
    base, other = world.speakers
    answer = admin_client.post(
        "/studies/new/",
        {"title": "Trivia", "name": "trivia", "questions": "capitals/test", "base": base.pk, "others": [other.pk], "live": [other.pk]},
    )
    assert answer.headers["Location"] == "/studies/trivia/"
    study = Study.objects.get()
    assert (study.state, str(study.owner)) == ("draft", "admin")
    assert [(arm.speaker, arm.is_live, arm.shown.count()) for arm in study.arms.all()] == [(base, False, 12), (other, True, 12)]


def test_who_comes_with_a_speaker_finds_it_chosen_against_what_it_was_trained_from(world: World, admin_client: Client) -> None:
    base, other = world.speakers
    Speaker.objects.filter(pk=other.pk).update(parent=base)
    answer = save(admin_client, f"/studies/new/?speaker={other.name}", name="trivia")
    assert answer.headers["Location"] == "/studies/trivia/"
    assert [arm.speaker for arm in Study.objects.get().arms.all()] == [base, other]


def test_a_speaker_that_has_answered_nothing_is_said_to_be_none_to_choose(admin_client: Client) -> None:
    page = admin_client.get("/studies/new/?speaker=nobody")
    assert page.status_code == 200 and "There is no speaker &#x27;nobody&#x27; that has answered questions" in page.content.decode()


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"name": "honest-study"}, "name", "would tell them what they hear"),
        ({"name": "new"}, "name", "is taken"),
        ({"others": []}, "others", "required"),
        ({"questions": "rivers/test"}, "questions", "not one of the available choices"),
    ],
)
def test_what_cannot_be_made_is_said_at_its_field(world: World, admin_client: Client, changes: dict[str, Any], field: str, said: str) -> None:
    base, other = world.speakers
    given = {"title": "Trivia", "name": "trivia", "questions": "capitals/test", "base": base.pk, "others": [other.pk]} | changes
    answer = admin_client.post("/studies/new/", given)
    assert answer.status_code == 400
    assert said in " ".join(answer.context["form"].errors[field])
    assert not Study.objects.exists()


@pytest.mark.parametrize("key", [key for key, section in SECTIONS.items() if section.form])
def test_every_section_saved_as_it_is_changes_nothing(study: Study, admin_client: Client, key: str) -> None:
    before = study.rules
    answer = save(admin_client, f"/studies/trivia/edit/{key}/")
    assert answer.status_code == 302, answer.context["form"].errors
    assert Study.objects.get().rules == before


@pytest.mark.parametrize(
    ("key", "changes", "place", "value"),
    [
        ("basics", {"rounds": 7}, "rounds", 7),
        ("questions", {"draw__limit": 9}, "draw", {"limit": 9}),
        ("session", {"measures__confidence": "slider", "steps__about_you": ["age"]}, "measures", {"confidence": "slider"}),
        ("rules", {"stopping__goal": 30, "stopping__looks": 3}, "stopping", {"goal": 30, "looks": 3}),
        ("payment", {"payment__base": "1.5", "payment__currency": "EUR"}, "payment", {"base": 1.5, "currency": "EUR"}),
        ("recruiting", {"recruiting__platform": "prolific", "keys": '{"keys": []}'}, "recruiting", {"platform": "prolific"}),
    ],
)
def test_a_section_sets_its_settings_and_no_others(
    study: Study, admin_client: Client, key: str, changes: dict[str, Any], place: str, value: Any
) -> None:
    assert save(admin_client, f"/studies/trivia/edit/{key}/", **changes).status_code == 302
    after = Study.objects.get().rules.as_json()
    assert value == (after[place] if not isinstance(value, dict) else {name: after[place][name] for name in value})
    others = {name: setting for name, setting in study.rules.as_json().items() if name != place and not (key == "session" and name == "steps")}
    assert {name: after[name] for name in others} == others


@pytest.mark.parametrize(
    ("key", "changes", "field", "said"),
    [
        ("basics", {"rounds": 13}, None, "needs 13 questions"),
        ("basics", {"rounds": 501}, "rounds", "give a number from 1 to 500"),
        ("payment", {"payment__currency": "eu"}, "payment__currency", "three capital letters"),
        ("questions", {"draw__how": "stratified"}, None, "has judged none"),
        ("recruiting", {"recruiting__return_url": "ftp://x"}, "recruiting__return_url", "begins with https://"),
        ("recruiting", {"keys": "[1]"}, "keys", "This is no JWK set"),
        ("arms", {"others": []}, "others", "required"),
    ],
)
def test_a_section_says_what_cannot_be(study: Study, admin_client: Client, key: str, changes: dict[str, Any], field: Any, said: str) -> None:
    before = study.rules
    answer = save(admin_client, f"/studies/trivia/edit/{key}/", **changes)
    assert answer.status_code == 400
    assert said in " ".join(answer.context["form"].errors[field or "__all__"])
    assert Study.objects.get().rules == before


def test_the_forecast_follows_the_form_before_it_is_saved(study: Study, admin_client: Client) -> None:
    path = "/studies/trivia/edit/payment/"
    said = admin_client.get("/studies/trivia/forecast/", filled(admin_client, path, payment__base="2")).content.decode()
    assert "About 6 people" in said  # 24 judgments wanted, 4 a person
    assert "USD 12.00" in said
    assert Study.objects.get().rules.payment.base == 0


def test_checks_are_added_edited_and_deleted(study: Study, admin_client: Client) -> None:
    given = {"question": "How many legs has a dog?", "answer": "Eleven.", "expects_accept": "no", "explanation": ""}
    admin_client.post("/studies/trivia/checks/", given)
    check = study.checks.get()
    assert (check.expects_accept, check.is_practice, check.kind) == (False, False, "own")
    admin_client.post(f"/studies/trivia/checks/{check.pk}/", given | {"answer": "Four.", "expects_accept": "yes"})
    check.refresh_from_db()
    assert (check.answer, check.expects_accept) == ("Four.", True)
    admin_client.post(f"/studies/trivia/checks/{check.pk}/delete/")
    assert not study.checks.exists()


def test_the_eight_checks_that_come_along_are_added_once(study: Study, admin_client: Client) -> None:
    for _ in range(2):
        admin_client.post("/studies/trivia/checks/shipped/")
    assert (study.checks.filter(is_practice=False).count(), study.checks.filter(is_practice=True).count()) == (8, 3)
    assert len(set(study.checks.values_list("position", flat=True))) == 11


def test_an_answer_that_names_its_model_is_decided_on_its_page(world: World, admin_client: Client) -> None:
    world.games[0].utterances.filter(question=world.questions[0]).update(text="As an AI language model, I say Paris.")
    study = world.create(rounds=4)
    assert "As an AI language model" in admin_client.get("/studies/trivia/held-back/").content.decode()
    shown = setup.held_back(study).get()
    said = admin_client.post(f"/studies/trivia/held-back/{shown.pk}/", {"decision": "burn"}, follow=True).content.decode()
    assert "Choose one of: show, replace, drop" in said
    admin_client.post(f"/studies/trivia/held-back/{shown.pk}/", {"decision": "drop"})
    assert not setup.held_back(study).exists()
    assert ArmUtterance.objects.count() == 22


def test_a_text_of_ones_own_is_kept_and_emptied_it_is_the_products_again(study: Study, admin_client: Client) -> None:
    path = "/studies/trivia/texts/en/consent/"
    for written, kept in (("# Hello <b>you</b>", {"en": {"consent": "# Hello <b>you</b>"}}), ("", {})):
        admin_client.post(path, {"markdown": written})
        assert Study.objects.get().rules.texts == kept
    shipped = admin_client.get(path).context["form"].initial["markdown"]
    admin_client.post(path, {"markdown": shipped.replace("\n", "\r\n")})
    assert Study.objects.get().rules.texts == {}


def test_a_text_is_shown_as_people_will_see_it_and_its_html_stays_text(study: Study, admin_client: Client) -> None:
    said = admin_client.post("/studies/trivia/texts/en/consent/rendered/", {"markdown": "*Hi* <script>alert(1)</script> {rounds}"}).content.decode()
    assert "<em>Hi</em>" in said
    assert "<script" not in said
    assert " 4" in said
    assert Study.objects.get().rules.texts == {}


def test_languages_keep_the_first_one_first(study: Study, admin_client: Client) -> None:
    admin_client.post("/studies/trivia/texts/", {"first": "de", "languages": ["en", "de"]})
    assert Study.objects.get().rules.languages == ("de", "en")


def test_a_preview_walks_the_draft_takes_nothing_and_can_be_started_again(study: Study, admin_client: Client) -> None:
    for _ in range(2):
        assert admin_client.post("/studies/trivia/preview/").headers["Location"] == "/s/trivia/"
        ticket = admin_client.get("/s/trivia/").context["ticket"]
        admin_client.post("/s/trivia/consent/", {"ticket": ticket, "decision": "agree", "language": "en"})
        page = admin_client.get("/s/trivia/")
        assert page.context["round"].position == 1
        admin_client.post("/s/trivia/answer/", {"position": 1, "verdict": "accept"})
    assert [(person.is_preview, person.assignments.count()) for person in Participant.objects.all()] == [(True, 4)]
    assert Assignment.objects.answered().count() == 1
    assert not ArmUtterance.objects.filter(taken__gt=0).exists()
    assert study.listener.judgments.usable().count() == 0 or not Assignment.objects.for_results().exists()
    setup.open_study(study)
    assert not Participant.objects.exists()
    assert not study.listener.judgments.exists()


def test_the_page_says_what_is_left_to_do_and_opens_when_nothing_is(study: Study, admin_client: Client) -> None:
    admin_client.post("/studies/trivia/edit/session/", filled(admin_client, "/studies/trivia/edit/session/", steps__attention=1))
    page = admin_client.get("/studies/trivia/").content.decode()
    assert "Before it can open: 1 thing to do" in page
    assert "A session hides 1 attention checks, but the study has 0." in page
    assert "cannot open yet" in admin_client.post("/studies/trivia/open/", follow=True).content.decode()
    make_check(study=study)
    assert "Ready to open" in admin_client.get("/studies/trivia/").content.decode()
    admin_client.post("/studies/trivia/open/")
    study.refresh_from_db()
    assert study.state == "open"
    assert study.digest in admin_client.get("/studies/trivia/").content.decode()


def test_an_opened_study_is_read_in_the_same_pages_and_refuses_changes(study: Study, admin_client: Client) -> None:
    setup.open_study(study)
    page = admin_client.get("/studies/trivia/edit/basics/").content.decode()
    assert "Frozen when the study opened" in page
    assert '<fieldset class="all" disabled>' in page
    assert admin_client.post("/studies/trivia/edit/basics/", {"title": "x", "rounds": 2, "wanted": 1, "design": "within"}).status_code == 403
    assert Study.objects.get().rules.rounds == 4


def test_a_study_that_was_changed_past_the_site_says_so(study: Study, admin_client: Client) -> None:
    setup.open_study(study)
    assert "their digest differs" not in admin_client.get("/studies/trivia/").content.decode()
    Study.objects.update(title="Another")
    assert "their digest differs" in admin_client.get("/studies/trivia/").content.decode()


def test_a_new_version_is_a_draft_beside_it(study: Study, admin_client: Client) -> None:
    setup.open_study(study)
    assert admin_client.post("/studies/trivia/version/").headers["Location"] == "/studies/trivia-2/"
    assert "version 2" in admin_client.get("/studies/trivia-2/").content.decode()


def test_the_pages_cost_as_many_queries_for_large_studies_as_for_small(admin_client: Client) -> None:
    costs = []
    for questions in (5, 40):
        study = make_open_study(name=f"study-{questions}", questions=questions, state=Study.State.DRAFT)
        for _ in range(questions):
            make_check(study=study)
        costs.append([queries_of(admin_client, f"/studies/{study}/{path}") for path in ("", "checks/", "edit/arms/", "texts/")])
    assert costs[0] == costs[1]


def test_two_managers_preview_without_disturbing_each_other(study: Study, admin_client: Client, client: Client) -> None:
    client.force_login(User.objects.create_superuser("bo"))
    for manager in (admin_client, client, client):
        manager.post("/studies/trivia/preview/")
    for manager in (admin_client, client):
        ticket = manager.get("/s/trivia/").context["ticket"]
        manager.post("/s/trivia/consent/", {"ticket": ticket, "decision": "agree", "language": "en"})
        manager.post("/s/trivia/answer/", {"position": manager.get("/s/trivia/").context["round"].position, "verdict": "accept"})
        assert manager.get("/s/trivia/").context["round"].position == 2
    assert Participant.objects.filter(is_preview=True).count() == 2  # one a person: bo's first is gone
