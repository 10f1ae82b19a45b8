"""Each person is settled once and paid once; the lists are what the platform takes; and only who may sees them."""

import csv
import io
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from annotations.models import Payment
from annotations.payments import ledger
from annotations.recruiting import identities
from games.models import Judgment, Utterance
from tests.factories import make_arm, make_assignment, make_identity, make_judgment, make_participant, make_study, make_utterance

PAYS = {"base": 2.0, "bonus": 1.0, "score": "brier", "screened_out": 0.4, "currency": "GBP"}
PROLIFIC = {"platform": "prolific", "completed": "DONE", "screened_out": "OUT", "timed_out": "LATE"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def study():
    return make_study(name="trivia", state="open", protocol={"payment": PAYS, "recruiting": PROLIFIC}, owner=user("manager"))


def user(name: str, **kwargs) -> User:
    return User.objects.create_user(name, password="pw", is_staff=True, **kwargs)


def person(study, outcome="finished", label="", verdicts=(), **kwargs):
    """Who has come to this end, with (accepted, confidence, whether the answer was right) for each judgment."""
    participant = make_participant(study=study, outcome=outcome, **kwargs)
    if label:
        make_identity(participant=participant, label=label)
    for accepted, confidence, right in verdicts:
        utterance = make_utterance(answer="Paris" if right else "Lyon")
        judgment = make_judgment(utterance=utterance, listener=study.listener, judge=participant.code, accepted=accepted, confidence=confidence)
        make_assignment(participant=participant, arm=make_arm(study=study), judgment=judgment)
    return participant


def settled(study, *people) -> list[Payment]:
    return [ledger.settle(participant=one) for one in people]


def export(study) -> str:
    return ledger.export(study=study, now=timezone.now())


def lists(study, batch) -> dict[str, str]:
    return {name: file.write(ledger.of_batch(study=study, batch=batch)) for name, file in ledger.FILES.items()}


# Settling


def test_a_finished_person_is_owed_base_and_bonus(study):
    row = ledger.settle(participant=person(study, label="ada", verdicts=[(True, 1.0, True), (True, 0.0, False)]))
    assert (row.state, row.base, row.bonus, row.currency) == ("due", 2, Decimal("0.88"), "GBP")


def test_judgments_that_a_rule_excludes_are_paid_like_others(study):
    ada = person(study, label="ada", verdicts=[(True, 1.0, True)])
    Judgment.objects.update(excluded="knew it")
    assert ledger.settle(participant=ada).bonus == 1


def test_settling_again_changes_nothing_even_when_a_grade_was_corrected_since(study):
    ada = person(study, label="ada", verdicts=[(True, 1.0, True)])
    first = ledger.settle(participant=ada)
    Utterance.objects.update(is_correct=False)
    again = ledger.settle(participant=ada)
    assert (again.pk, again.bonus) == (first.pk, first.bonus) and Payment.objects.count() == 1


@pytest.mark.parametrize(
    ("outcome", "state", "base"),
    [
        ("screened-out", "due", "0.40"),
        ("timed-out", "nothing", "0"),
        ("returned", "nothing", "0"),
        ("no-consent", "nothing", "0"),
        ("full", "nothing", "0"),
    ],
)
def test_each_outcome_without_an_end_has_its_state(study, outcome, state, base):
    row = ledger.settle(participant=person(study, outcome, label="ada", verdicts=[(True, 1.0, True)]))
    assert (row.state, row.base, row.bonus) == (state, Decimal(base), 0)


def test_nobody_is_settled_who_is_under_way_or_no_person(study):
    rows = settled(study, person(study, ""), person(study, is_bot=True), person(study, is_preview=True))
    assert rows == [None, None, None] and not Payment.objects.exists()


def test_who_finished_waits_for_approval_even_where_the_protocol_pays_nothing():
    unpaid = make_study(protocol={"recruiting": {"platform": "prolific"}})
    assert ledger.settle(participant=person(unpaid, label="ada")).state == "due"
    assert ledger.settle(participant=person(make_study())).state == "nothing", "an open link has nobody to approve"


# Batches


def test_a_batch_takes_all_that_is_due_and_nothing_is_offered_twice(study):
    settled(study, person(study, label="ada"), person(study, label="bo"), person(study, "timed-out", label="cy"))
    batch = export(study)
    assert ledger.of_batch(study=study, batch=batch).count() == 2
    assert export(study) == "" and ledger.due(study).people == 0
    settled(study, person(study, label="dora"))
    later = export(study)
    assert [row.participant.identity.label for row in ledger.of_batch(study=study, batch=later)] == ["dora"]


def test_a_batch_reads_the_same_whenever_it_is_read(study):
    settled(study, *(person(study, label=f"id{n}", verdicts=[(True, n / 10, True)]) for n in range(5)))
    batch = export(study)
    first = lists(study, batch)
    settled(study, person(study, label="later"))
    export(study)
    ledger.mark_paid(study=study, batch=batch)
    assert lists(study, batch) == first


def test_the_lists_are_those_that_prolific_takes(study):
    settled(
        study,
        person(study, label="60ffe5c8371090c7041d43f8", verdicts=[(True, 1.0, True)]),
        person(study, label="60ffe5c8371090c7041d43f9", verdicts=[(True, 1.0, False)]),
        person(study, "screened-out", label="60ffe5c8371090c7041d43fa"),
        person(study, "timed-out", label="60ffe5c8371090c7041d43fb"),
    )
    files = lists(study, export(study))
    assert sorted(files["approve.txt"].splitlines()) == ["60ffe5c8371090c7041d43f8", "60ffe5c8371090c7041d43f9"]
    assert sorted(files["bonus.csv"].splitlines()) == ["60ffe5c8371090c7041d43f8,1.00", "60ffe5c8371090c7041d43fa,0.40"]


def test_the_csv_has_everybody_with_outcome_code_and_amounts(study):
    ada, bo = person(study, label="ada"), person(study, "screened-out", label="bo")
    settled(study, ada, bo)
    batch = export(study)
    rows = {row["label"]: row for row in csv.DictReader(io.StringIO(lists(study, batch)["all.csv"]))}
    assert rows["ada"] == {
        "code": ada.code,
        "label": "ada",
        "outcome": "finished",
        "completion_code": "DONE",
        "base": "2.00",
        "bonus": "0.00",
        "total": "2.00",
        "currency": "GBP",
        "batch": batch,
    }
    assert (rows["bo"]["completion_code"], rows["bo"]["total"]) == ("OUT", "0.40")


@pytest.mark.parametrize("label", ["ada,100.00", "=1+1", "a b", '"x'])
def test_a_label_made_up_to_pay_itself_gets_into_no_platforms_list(study, label):
    settled(study, person(study, label=label, verdicts=[(True, 1.0, True)]))
    assert ledger.due(study).unnamed == 1
    files = lists(study, export(study))
    assert files["approve.txt"] == files["bonus.csv"] == ""
    assert not next(csv.DictReader(io.StringIO(files["all.csv"])))["label"].startswith("=")


def test_deleting_identities_keeps_the_payments(study):
    settled(study, person(study, label="ada"))
    batch = export(study)
    identities.delete(study=study)
    files = lists(study, batch)
    assert files["approve.txt"] == "" and next(csv.DictReader(io.StringIO(files["all.csv"])))["total"] == "2.00"


def test_paid_is_marked_once_and_for_this_batch_alone(study):
    settled(study, person(study, label="ada"))
    first = export(study)
    settled(study, person(study, label="bo"))
    second = export(study)
    assert ledger.mark_paid(study=study, batch=first) == 1 and ledger.mark_paid(study=study, batch=first) == 0
    assert {batch.name: batch.is_paid for batch in ledger.batches(study)} == {first: True, second: False}


def test_one_studys_batch_has_nobody_of_another(study):
    other = make_study(protocol={"payment": PAYS, "recruiting": PROLIFIC})
    settled(study, person(study, label="ada"))
    settled(other, person(other, label="bo"))
    batch = export(study)
    assert ledger.due(other).people == 1 and not ledger.of_batch(study=other, batch=batch)


# The page


def page(client, study, who: str | None = "manager"):
    if who:
        client.force_login(User.objects.get(username=who))
    return client.get(reverse("annotations:payments", args=[study.name]))


def test_the_page_lists_people_outcomes_and_batches(client, study):
    settled(study, person(study, label="ada"), person(study, "timed-out", label="bo"))
    batch = export(study)
    text = page(client, study).text
    for part in ("ada", "bo", "LATE", batch, "Mark as paid", "approve.txt"):
        assert part in text


def test_the_pages_queries_do_not_grow_with_its_people(client, study, django_assert_num_queries):
    settled(study, *(person(study, label=f"id{n}") for n in range(3)))
    export(study)
    client.force_login(User.objects.get(username="manager"))
    address = reverse("annotations:payments", args=[study.name])
    with django_assert_num_queries(9):
        client.get(address)
    settled(study, *(person(study, label=f"more{n}") for n in range(20)))
    with django_assert_num_queries(9):
        client.get(address)


def test_pressing_export_gives_a_batch_and_pressing_again_says_that_nothing_was_due(client, study):
    settled(study, person(study, label="ada"))
    client.force_login(User.objects.get(username="manager"))
    address = reverse("annotations:payments-export", args=[study.name])
    assert "is ready" in client.post(address, follow=True).text
    assert "Nothing was due" in client.post(address, follow=True).text
    assert len(ledger.batches(study)) == 1


def test_a_list_is_downloaded_under_a_name_that_says_what_it_is(client, study):
    settled(study, person(study, label="ada"))
    batch = export(study)
    client.force_login(User.objects.get(username="manager"))
    got = client.get(reverse("annotations:payments-file", args=[study.name, batch, "approve.txt"]))
    assert got.text == "ada\n" and f"trivia-{batch}-approve.txt" in got["Content-Disposition"]
    assert client.get(reverse("annotations:payments-file", args=[study.name, batch, "other.txt"])).status_code == 404
    assert client.get(reverse("annotations:payments-file", args=[study.name, "none", "approve.txt"])).status_code == 404


def test_an_observer_reads_amounts_but_no_labels_and_changes_nothing(client, study):
    settled(study, person(study, label="label-of-ada"))
    batch = export(study)
    watcher = user("watcher")
    study.observers.add(watcher)
    shown = page(client, study, "watcher")
    assert shown.status_code == 200 and "2.00" in shown.text and "label-of-ada" not in shown.text and "approve.txt" not in shown.text
    assert client.get(reverse("annotations:payments-file", args=[study.name, batch, "all.csv"])).status_code == 403
    assert client.post(reverse("annotations:payments-export", args=[study.name])).status_code == 403
    assert client.post(reverse("annotations:payments-paid", args=[study.name, batch])).status_code == 403
    assert Payment.objects.get().state == "exported"


def test_a_manager_of_another_study_finds_no_such_page(client, study):
    user("stranger")
    assert page(client, study, "stranger").status_code == 404
    assert client.post(reverse("annotations:payments-export", args=[study.name])).status_code == 404


def test_an_administrator_sees_every_study_and_nobody_else_any(client, study):
    user("root", is_superuser=True)
    assert page(client, study, "root").status_code == 200
    client.logout()
    assert page(client, study, None).status_code == 302


def test_the_forecast_follows_from_the_material_and_the_protocol(study):
    arm = make_arm(study=study)
    for _ in range(25):
        arm.shown.create(question=(utterance := make_utterance(speaker=arm.speaker)).question, utterance=utterance, wanted=2)
    told = ledger.forecast(study)
    assert (told.people, told.base, told.most) == (5, 10, 15)
