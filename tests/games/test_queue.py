"""Jobs on the queue: who runs what, how it ends, and what becomes of those whose worker is gone."""

import datetime as dt
import threading

import pytest
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from games import play, queue
from games.jobs import Cancelled, Lease, LeaseLost, is_gone, this_process
from games.models import Game
from games.speakers.base import SpeakerError
from tests.factories import make_game, make_speaker
from tests.games.stage import make_cast, make_listeners, make_questions

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - dt.timedelta(hours=1)


@pytest.fixture
def game():
    dataset = make_questions(6)
    return play.start_game(speaker=make_cast(dataset), dataset=dataset, split="test", listeners=make_listeners(), samples=2, chunk_size=2)


@pytest.fixture(autouse=True)
def nobody_is_asked_to_end(monkeypatch):
    monkeypatch.setattr(queue, "STOPPING", threading.Event())


def runner(monkeypatch, function):
    """Games are run by this function."""
    monkeypatch.setattr("tests.games.stage.function", function, raising=False)
    monkeypatch.setitem(queue.JOB_RUNNERS, "games.game", "tests.games.stage.function")


def work(job):
    """What a worker does with a job's task."""
    return queue.run(job._meta.label_lower, job.pk, task_id=job.task_id)


def put_aside(job, **values):
    """Into the state that a worker left it in."""
    Game.objects.filter(pk=job.pk).update(**{"heartbeat_at": LONG_AGO, **values})
    job.refresh_from_db()


def tasks():
    return DBTaskResult.objects.filter(status="READY")


# Onto the queue


def test_a_job_waits_on_the_queue_with_one_task_however_often_it_is_put_there(game):
    queue.enqueue(game)
    queue.enqueue(game)
    assert game.state == "queued"
    assert [str(task.pk) for task in tasks()] == [game.task_id]
    assert tasks().get().args_kwargs == {"args": ["games.game", game.pk], "kwargs": {}}


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_failed_or_was_stopped_starts_again(game, state):
    put_aside(game, state=state, error="No memory.", cancel_requested=True)
    queue.enqueue(game)
    assert (game.state, game.error, game.cancel_requested) == ("queued", "", False)
    assert tasks().count() == 1


def test_a_job_that_runs_or_is_done_is_not_put_on_the_queue(game):
    for state in ("running", "done"):
        put_aside(game, state=state, heartbeat_at=timezone.now())
        queue.enqueue(game)
        assert game.state == state
    assert not tasks()


def test_what_needs_a_gpu_waits_for_a_worker_that_has_one():
    for base_model, expected in (("mistralai/Mistral-7B-v0.1", "gpu"), ("bundled", "default")):
        game = make_game(speaker=make_speaker(backend="local", base_model=base_model))
        queue.enqueue(game)
        assert tasks().get(pk=game.task_id).queue_name == expected


# Run by a worker


def test_a_worker_runs_a_job_to_its_end(game):
    queue.enqueue(game)
    assert work(game) == "done"
    game.refresh_from_db()
    assert (game.state, game.worker, game.attempt) == ("done", this_process(), 1)
    assert game.utterances.count() == 12


def test_a_task_that_comes_twice_runs_nothing(game):
    queue.enqueue(game)
    work(game)
    assert work(game) == "left alone: done"
    game.refresh_from_db()
    assert game.attempt == 1


def test_a_task_whose_job_was_deleted_runs_nothing():
    assert queue.run("games.game", 99, task_id="") == "its row is gone"


def test_only_jobs_with_a_runner_are_run():
    with pytest.raises(LookupError, match=r"Known: games\.game"):
        queue.run("auth.user", 1, task_id="")


def test_our_own_errors_are_told_to_the_user_as_they_are(game, monkeypatch):
    def refuse(job, lease):
        raise SpeakerError("The model is not there. Make it.")

    runner(monkeypatch, refuse)
    assert work(game) == "failed"
    game.refresh_from_db()
    assert game.error == "The model is not there. Make it."


def test_an_unexpected_error_is_told_in_short_and_logged_in_full(game, monkeypatch, caplog):
    runner(monkeypatch, lambda job, lease: 1 / 0)
    assert work(game) == "failed"
    game.refresh_from_db()
    assert game.error == "An unexpected ZeroDivisionError: division by zero (the traceback is in the worker's log)"
    assert "Traceback" in caplog.text


def test_a_stopped_job_is_cancelled_not_failed(game, monkeypatch):
    def stopped(job, lease):
        job.request_cancel()
        lease.write()

    runner(monkeypatch, stopped)
    assert work(game) == "cancelled"


def test_a_job_that_was_taken_over_ends_in_silence(game, monkeypatch):
    def taken_over(job, lease):
        put_aside(job, attempt=5, worker="another:1")
        lease.write(message="too late")

    runner(monkeypatch, taken_over)
    assert work(game) == "taken over by another process"
    game.refresh_from_db()
    assert (game.state, game.attempt, game.message) == ("running", 5, "")


def test_a_runner_that_returns_after_its_job_was_taken_over_does_not_finish_it(game, monkeypatch):
    runner(monkeypatch, lambda job, lease: put_aside(job, attempt=5))
    assert work(game) == "taken over by another process"
    game.refresh_from_db()
    assert game.state == "running"


def test_a_worker_that_is_asked_to_end_gives_the_job_back_after_its_chunk(game):
    queue.enqueue(game)
    first = game.task_id
    queue.STOPPING.set()
    assert work(game) == "queued"
    game.refresh_from_db()
    assert game.state == "queued"
    assert game.task_id != first
    queue.STOPPING.clear()
    assert work(game) == "done"
    assert game.utterances.count() == 12


def test_a_worker_that_is_made_to_end_gives_the_job_back_too(game, monkeypatch):
    def second_signal(job, lease):
        raise SystemExit(1)

    runner(monkeypatch, second_signal)
    with pytest.raises(SystemExit):
        work(game)
    game.refresh_from_db()
    assert game.state == "queued"
    assert tasks().filter(pk=game.task_id).exists()


# Handed over


@pytest.fixture
def orphan(game):
    """A job that a worker on another machine took and then beat no more."""
    queue.enqueue(game)
    DBTaskResult.objects.update(status="RUNNING", started_at=LONG_AGO)
    put_aside(game, state="running", attempt=1, worker="another-machine:1")
    return game


def test_a_silent_workers_job_is_handed_on_once(orphan):
    before = orphan.task_id
    assert queue.hand_over() == 1
    assert queue.hand_over() == 0
    orphan.refresh_from_db()
    assert orphan.state == "queued"
    assert [str(task.pk) for task in tasks()] == [orphan.task_id] != [before]
    assert work(orphan) == "done"


def test_two_workers_that_see_the_same_dead_job_hand_it_on_once(orphan):
    seen_by_both = Game.objects.get(pk=orphan.pk), Game.objects.get(pk=orphan.pk)
    assert [queue._hand_over(job) for job in seen_by_both] == [1, 0]
    assert tasks().count() == 1


def test_a_job_that_beats_is_not_handed_on(orphan):
    put_aside(orphan, heartbeat_at=timezone.now())
    assert queue.hand_over() == 0


def test_a_dead_process_of_this_machine_is_not_waited_for(orphan):
    dead = f"{this_process().rpartition(':')[0]}:{2**22 + 1}"
    assert is_gone(dead)
    put_aside(orphan, heartbeat_at=timezone.now(), worker=dead)
    assert queue.hand_over() == 1


OTHERS = ["another-machine:4194305", this_process(), "nobody", "", "host:-1"]


@pytest.mark.parametrize("worker", OTHERS, ids=["another machine", "this process", "nobody", "none", "no number"])
def test_of_other_machines_and_of_the_living_nobody_says_that_they_are_gone(worker):
    assert not is_gone(worker)


def test_a_job_run_in_the_foreground_is_left_to_whoever_started_it(orphan):
    put_aside(orphan, task_id="")
    assert queue.hand_over() == 0


def test_a_job_whose_workers_died_too_often_fails_with_a_reason(orphan, settings):
    put_aside(orphan, attempt=settings.JOB_MAX_ATTEMPTS)
    assert queue.hand_over() == 1
    orphan.refresh_from_db()
    assert orphan.state == "failed"
    assert "died or went silent, for the 20th time; the last was another-machine:1" in orphan.error


def test_a_dead_workers_job_that_was_to_stop_is_cancelled(orphan):
    put_aside(orphan, cancel_requested=True)
    assert queue.hand_over() == 1
    orphan.refresh_from_db()
    assert orphan.state == "cancelled"
    assert not tasks()


@pytest.mark.parametrize("lost", [{"status": "RUNNING", "started_at": LONG_AGO}, {"status": "FAILED"}, None])
def test_a_job_whose_task_is_lost_gets_another(game, lost):
    queue.enqueue(game)
    before = game.task_id
    if lost is None:
        DBTaskResult.objects.all().delete()
    else:
        DBTaskResult.objects.update(**lost)
    assert queue.hand_over() == 0  # not yet: a worker may be about to claim it
    put_aside(game)
    assert queue.hand_over() == 1
    game.refresh_from_db()
    assert game.task_id != before
    assert work(game) == "done"


def test_a_job_that_waits_long_for_a_worker_keeps_its_place(game):
    queue.enqueue(game)
    put_aside(game)
    assert queue.hand_over() == 0
    assert tasks().count() == 1


# The lease


def test_a_lost_lease_can_write_nothing(game):
    old = game.claim(worker="first:1")
    put_aside(game)
    new = Game.objects.get(pk=game.pk).claim(worker="second:1")
    for attempt in (lambda: old.write(message="old"), old.finish, old.release):
        with pytest.raises(LeaseLost):
            attempt()
    assert not old.beat()
    assert not old.holds()
    new.write(message="new")
    game.refresh_from_db()
    assert (game.message, game.worker, game.attempt) == ("new", "second:1", 2)


def test_a_job_is_claimed_by_one_of_two(game):
    same = Game.objects.get(pk=game.pk)
    assert game.claim(worker="first:1")
    assert same.claim(worker="second:1") is None


def test_stopping_is_told_after_the_values_are_written(game):
    lease = game.claim(worker="first:1")
    game.request_cancel()
    with pytest.raises(Cancelled):
        lease.write(done=2)
    game.refresh_from_db()
    assert game.done == 2


@pytest.mark.django_db(transaction=True)
def test_a_job_beats_while_a_long_step_is_under_way(game, settings):
    settings.JOB_HEARTBEAT_SECONDS = 0.05
    lease = game.claim(worker="first:1")
    put_aside(game)
    beaten = threading.Event()
    with lease.beating():
        for _ in range(100):
            if Game.objects.filter(pk=game.pk, heartbeat_at__gt=LONG_AGO).exists():
                beaten.set()
                break
            beaten.wait(0.05)
    assert beaten.is_set()
    assert isinstance(lease, Lease)
