"""Statements that are written once say what the queryset says, whatever values they are given, in every thread, and on the database of the day."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, IntegerField, Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotations.models import Assignment, Participant
from annotations.participant.prepared import Given, Insert, Select, Update
from games.models import Judgment
from tests.factories import make_open_study, make_session

pytestmark = pytest.mark.django_db


def test_it_gives_the_rows_of_the_queryset_with_what_is_joined_to_them() -> None:
    people = [make_session(study=make_open_study(name=name), verdicts=[True, False]) for name in ("one", "two")]
    select = Select(lambda: Assignment.objects.filter(participant=Given("who"), position__gt=Given("after")).select_related("question", "judgment"))
    for person in people:
        for after in (0, 1):
            with CaptureQueriesContext(connection) as queries:
                rows = select(who=person.pk, after=after)
                said = [(row.pk, str(row.question), row.judgment and row.judgment.accepted, row.shown_at, row.passed) for row in rows]
            assert len(queries) == 1
            there = person.assignments.filter(position__gt=after)
            assert said == [(row.pk, str(row.question), row.judgment and row.judgment.accepted, row.shown_at, row.passed) for row in there]


def test_what_is_given_is_a_value_and_never_a_part_of_the_statement() -> None:
    make_session(study=make_open_study(), verdicts=[True])
    assert Select(lambda: Participant.objects.filter(code=Given("code")))(code="' OR '1'='1") == []


def test_it_changes_the_rows_that_the_queryset_finds_and_says_how_many() -> None:
    person = make_session(study=make_open_study(), verdicts=[True])
    other = make_session(study=person.study, verdicts=[True])
    seen = Update(lambda: Participant.objects.filter(pk=Given("who")), "seen_at", practised=F("practised") + Given("more", IntegerField()))
    then = timezone.now() - dt.timedelta(days=3)
    assert (seen(who=person.pk, seen_at=then, more=2), seen(who=person.pk, seen_at=then, more=1), seen(who=0, seen_at=then, more=1)) == (1, 1, 0)
    person.refresh_from_db()
    assert (person.seen_at, person.practised) == (then, 3)
    other.refresh_from_db()
    assert (other.seen_at == then, other.practised) == (False, 0)


def test_a_row_that_it_stores_is_the_row_that_was_made_with_its_own_defaults() -> None:
    person = make_session(study=make_open_study(), verdicts=[True, True])
    given = list(Judgment.objects.all())
    Assignment.objects.all().delete()
    Judgment.objects.all().delete()
    keep = Insert(Judgment)
    made = [Judgment(utterance_id=one.utterance_id, listener_id=one.listener_id, judge=person.code, accepted=one.accepted) for one in given]
    for row in made:
        assert keep(row) is row
    fields = [field.attname for field in Judgment._meta.concrete_fields]
    assert list(Judgment.objects.values(*fields)) == [{name: getattr(row, name) for name in fields} for row in made]
    assert made[0].created_at < made[1].created_at


def test_the_constraints_of_the_database_hold() -> None:
    make_session(study=make_open_study(), verdicts=[True])
    twin = Judgment.objects.get()
    twin.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        Insert(Judgment)(twin)
    assert Judgment.objects.count() == 1


def test_rows_are_locked_where_the_queryset_locks_them() -> None:
    person = make_session(study=make_open_study(), verdicts=[True])
    here = Q(position=Given("position")) | Q(answered_at__isnull=True)
    select = Select(lambda: Assignment.objects.filter(here).select_for_update(of=("self",))[:2])
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        assert [row.participant_id for row in select(position=1)] == [person.pk] * 2
    assert ("FOR UPDATE" in queries[0]["sql"]) == connection.features.has_select_for_update


@pytest.mark.django_db(transaction=True)
def test_each_thread_uses_its_own_connection() -> None:
    codes = [make_session(study=make_open_study(name=f"study-{n}"), verdicts=[True]).code for n in range(4)]
    select = Select(lambda: Participant.objects.select_related("study").filter(code=Given("code")))
    select(code=codes[0])
    found: dict[str, Any] = {}

    def read(code: str) -> None:
        found[code] = [select(code=code)[0].study.name for _ in range(5)]
        connection.close()

    threads = [threading.Thread(target=read, args=[code]) for code in codes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {code: [f"study-{n}"] * 5 for n, code in enumerate(codes)}
