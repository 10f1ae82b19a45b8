"""What must happen once happens once, however many ask at the same moment, on SQLite and on PostgreSQL."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.own_postgres import own_postgres

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("at_once")]


def command(url: str, data: Path, *arguments: str) -> str:
    environment = os.environ | {"DATABASE_URL": url, "DATA_DIR": str(data), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('at-once') / 'db.sqlite3'}"


@pytest.fixture(scope="module")
def postgres():
    with own_postgres() as url:
        yield url


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def play(request, tmp_path_factory):
    """Runs a scenario of `at_once.py` on a migrated database."""
    url, data = request.getfixturevalue(request.param), tmp_path_factory.mktemp("data")
    command(url, data, "manage.py", "migrate", "-v", "0")

    def run(scenario: str) -> dict[str, Any]:
        return json.loads(command(url, data, "-m", "tests.annotations.participant.at_once", scenario))

    return run


def test_one_label_from_many_tabs_at_once_is_one_person(play):
    came = play("enter")
    assert len(set(came["people"])) == 1 and isinstance(came["people"][0], int), came["people"]
    assert (came["rows"], came["identities"]) == (1, 1)


def test_a_person_is_settled_once_however_often_their_last_answer_comes(play):
    came = play("settle")
    assert came["rows"] == 1 and set(map(type, came["payments"])) == {int} and len(set(came["payments"])) == 1, came


def test_managers_who_export_at_once_offer_nobody_twice_and_nobody_never(play):
    came = play("export")
    assert sorted(came["offered"]) == sorted(f"id{n}" for n in range(100)), came["batches"]
    assert all(isinstance(batch, str) and "Error" not in batch for batch in came["batches"]), came["batches"]


def test_an_answer_that_comes_when_it_is_decided_is_in_time_or_too_late_and_never_both(play):
    said = ["live", "said", "It's Paris.", ["It's Paris."]]
    late = ["fallback", "late", "It's Lyon.", ["It's Lyon."]]
    outcomes = play("live")["outcomes"]
    assert all(outcome in (said, late) for outcome in outcomes), outcomes


def test_late_answers_and_new_people_never_have_one_place_both_and_no_answer_is_lost(play):
    came = play("late")
    assert set(came["came"]) <= {"answered", "drawn", "full"}, came["came"]
    assert len(came["late"]) == 6 and all(found in ([True, ""], [False, "given to another"]) for found in came["late"]), came["late"]
    assert came["taken"] == came["held"] == [1] * 6
    assert came["late"].count([True, ""]) + came["came"].count("drawn") == 6
