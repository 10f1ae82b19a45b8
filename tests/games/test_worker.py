"""Real processes, killed, stopped and asked to end: whatever happens, a game ends with the rows of an unbroken one."""

import random
import re
import signal
import time

import pytest

from tests.games.site import alive, site, wait_until
from tests.own_postgres import own_postgres

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

GAME = (
    "play_game",
    "--speaker",
    "honest",
    "--dataset",
    "cities",
    "--split",
    "test",
    "--samples",
    "3",
    "--chunk-size",
    "2",
    "--listener",
    "lexicon",
    "doubter",
)
WORKER = ("worker", "--interval", "0.1")
KILLS = 10


def killed_at_random(here, command, seed):
    """Start the command and kill it somewhere, ten times; `command` is started anew each time."""
    rng = random.Random(seed)
    for _ in range(KILLS):
        pid = here.start(*command)
        time.sleep(rng.uniform(0.1, 0.8))
        here.kill(pid)
        wait_until(lambda pid=pid: not alive(pid), "the killed process to be gone")


def test_a_game_killed_ten_times_ends_with_the_rows_of_an_unbroken_one(tmp_path):
    with site(tmp_path) as here:
        here.call("set_up", questions=80, delay=0.05)
        pk = here.call("start", enqueue=False)
        killed_at_random(here, GAME, seed=1)
        assert 0 < here.call("saved", pk=pk) < 240  # it did get on, and was not through
        here.run(*GAME)
        assert here.call("row", pk=pk)["state"] == "done"
        assert here.call("rows", pk=pk) == here.call("unbroken_rows")


def test_a_model_that_is_killed_while_it_speaks_goes_on_with_the_same_words(tmp_path, tiny_model):
    with site(tmp_path, torch=True) as here:
        here.call("set_up_model", questions=240, folder=str(tiny_model))
        pk = here.call("start", enqueue=False, chunk_size=6)
        killed_at_random(here, GAME, seed=2)
        here.run(*GAME)
        assert here.call("row", pk=pk)["state"] == "done"
        assert here.call("rows", pk=pk) == here.call("unbroken_rows", chunk_size=6)


def killed_workers(here):
    """Workers that are killed ten times, then one that is left alone: the game ends with the rows of an unbroken one."""
    here.call("set_up", questions=80, delay=0.05)
    pk = here.call("start")
    killed_at_random(here, WORKER, seed=3)
    assert here.call("row", pk=pk)["state"] in ("queued", "running")
    last = here.start(*WORKER)
    wait_until(lambda: here.call("row", pk=pk)["state"] == "done", "the game to be done", here.log)
    here.kill(last, signal.SIGTERM)
    here.wait(last)
    assert here.call("rows", pk=pk) == here.call("unbroken_rows")


def test_a_game_whose_worker_is_killed_ten_times_is_taken_over_each_time(tmp_path):
    with site(tmp_path, stale=2) as here:
        killed_workers(here)


@pytest.fixture
def postgres():
    """The URL of a database of its own."""
    with own_postgres() as url:
        yield url


@pytest.mark.postgres
def test_on_postgresql_too(tmp_path, postgres):
    with site(tmp_path, database_url=postgres, stale=2) as here:
        killed_workers(here)


def test_a_stalled_worker_that_wakes_up_changes_nothing(tmp_path):
    with site(tmp_path, stale=1) as here:
        here.call("set_up", questions=120, delay=0.05)
        pk = here.call("start")
        stalled = here.start(*WORKER)
        wait_until(lambda: here.call("saved", pk=pk) > 0, "the first chunk")
        here.kill(stalled, signal.SIGSTOP)
        fresh = here.start(*WORKER)
        wait_until(lambda: here.call("row", pk=pk)["worker"].endswith(f":{fresh}"), "the job to be taken over", here.log)
        here.kill(stalled, signal.SIGCONT)
        wait_until(lambda: here.call("row", pk=pk)["state"] != "running", "the game to end", here.log)
        time.sleep(0.5)  # for what the stalled one might still do
        left = here.call("row", pk=pk)
        assert (left["state"], left["attempt"]) == ("done", 2)
        assert left["worker"].endswith(f":{fresh}")
        assert "taken over" in here.log.read_text()
        assert alive(stalled)  # it looks for other work
        assert here.call("rows", pk=pk) == here.call("unbroken_rows")


def test_two_workers_share_the_games_and_never_play_one_twice(tmp_path):
    with site(tmp_path) as here:
        here.call("set_up", questions=12, delay=0.02)
        games = [here.call("start", samples=samples) for samples in range(1, 7)]
        workers = [here.start(*WORKER, "--batch") for _ in range(2)]
        for worker in workers:
            here.wait(worker)
        found = [here.call("row", pk=pk) for pk in games]
        assert {(row["state"], row["attempt"]) for row in found} == {("done", 1)}
        assert len({row["worker"] for row in found}) == 2
        for samples, pk in enumerate(games, start=1):
            assert here.call("rows", pk=pk) == here.call("unbroken_rows", samples=samples)


def test_a_worker_that_is_asked_to_end_leaves_the_job_to_another(tmp_path):
    with site(tmp_path) as here:
        here.call("set_up", questions=120, delay=0.05)
        pk = here.call("start")
        first = here.start(*WORKER)
        wait_until(lambda: here.call("saved", pk=pk) > 0, "the first chunk")
        here.kill(first, signal.SIGTERM)
        here.wait(first)
        assert here.call("row", pk=pk)["state"] == "queued"
        assert 0 < here.call("saved", pk=pk) < 120
        here.run(*WORKER, "--batch")
        assert here.call("row", pk=pk)["state"] == "done"
        assert here.call("rows", pk=pk) == here.call("unbroken_rows")
        assert not re.search("Traceback", here.log.read_text())


def test_a_worker_serves_only_the_queues_it_is_given(tmp_path):
    with site(tmp_path) as here:
        here.call("set_up", questions=4)
        pk = here.call("start")
        here.run(*WORKER, "--batch", "--queues", "gpu")
        assert here.call("row", pk=pk)["state"] == "queued"
        here.run(*WORKER, "--batch", "--queues", "gpu, default")
        assert here.call("row", pk=pk)["state"] == "done"


def test_ctrl_c_stops_a_game_and_the_same_command_goes_on(tmp_path):
    with site(tmp_path) as here:
        here.call("set_up", questions=160, delay=0.05)
        pk = here.call("start", enqueue=False)
        first = here.start(*GAME)
        wait_until(lambda: here.call("saved", pk=pk) > 0, "the first chunk")
        here.kill(first, signal.SIGINT)
        here.wait(first)
        assert here.call("row", pk=pk)["state"] == "cancelled"
        assert "CommandError: Stopped. The same command goes on from there." in here.log.read_text()
        assert "Traceback" not in here.log.read_text()
        here.run(*GAME)
        assert here.call("rows", pk=pk) == here.call("unbroken_rows")
