"""Two hundred people at once, over real HTTP, against several server processes and PostgreSQL, whatever breaks in between: nothing is collected too
often, nothing twice, nothing lost.

More people come than the study wants judgments of, so at the end each utterance must have exactly as many as are wanted of it.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.load.stage import Stage, cluster, stage, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.xdist_group("load")]

PEOPLE = 200
MATERIAL = {"questions": 50, "rounds": 5, "wanted": 9}
"""50 questions in two arms: 900 judgments are wanted, and 200 people would give 1,000."""
WANTED = 50 * 2 * 9


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: Any) -> Iterator[tuple[Stage, Callable[[], None]]]:
    """A stage on a PostgreSQL of its own, and what restarts that."""
    pytest.importorskip("psycopg")
    folder = tmp_path_factory.mktemp("load")
    try:
        with cluster() as (url, restart), stage(url, folder) as running:
            running.start()
            yield running, restart
    except LookupError as error:
        pytest.skip(str(error))


def finished(bots: "subprocess.Popen[str]") -> str:
    said, _ = bots.communicate(timeout=300)
    assert bots.returncode == 0, said
    return said


def has_begun(running: Stage, study: str, bots: "subprocess.Popen[str]") -> None:
    """Until a part of the judgments is there."""
    wait_until(lambda: bots.poll() is not None or running.judged(study) > 100, "the first judgments")
    assert bots.poll() is None, bots.communicate()[0]


def everything_once(found: dict[str, Any]) -> None:
    assert {name: found[name] for name in ("over_collected", "double", "lost", "missing", "open")} == dict.fromkeys(
        ("over_collected", "double", "lost", "missing", "open"), 0
    )
    assert (found["judgments"], found["people"], found["bots"]) == (WANTED, PEOPLE, PEOPLE)
    assert set(found["outcomes"]) <= {"finished", "full"}
    assert set(found["arms"].values()) == {WANTED // 2}


def test_two_hundred_people_at_once_are_given_everything_once(postgres: tuple[Stage, Callable[[], None]]) -> None:
    running, _ = postgres
    study = running.open_study(**MATERIAL)
    finished(running.bots(study, people=PEOPLE, double_clicks=0.1, lost_connections=0.1))
    everything_once(running.audit(study))


def test_a_server_that_is_killed_and_started_again_loses_nothing(postgres: tuple[Stage, Callable[[], None]]) -> None:
    running, _ = postgres
    study = running.open_study(**MATERIAL)
    bots = running.bots(study, people=PEOPLE)
    has_begun(running, study, bots)
    running.kill()
    time.sleep(1)
    running.start()
    finished(bots)
    everything_once(running.audit(study))


def test_a_database_that_is_restarted_loses_nothing(postgres: tuple[Stage, Callable[[], None]]) -> None:
    running, restart = postgres
    study = running.open_study(**MATERIAL)
    bots = running.bots(study, people=PEOPLE)
    has_begun(running, study, bots)
    restart()
    finished(bots)
    everything_once(running.audit(study))
