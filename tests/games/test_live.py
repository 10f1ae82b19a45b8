"""What a page is told of a job, by whichever way it asks."""

import datetime as dt
import json
import socket
import subprocess

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from games import live
from games.jobs import Job
from tests.factories import make_game

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager() -> User:
    return User.objects.create_superuser("manager", password="x")


@pytest.fixture
def reader() -> User:
    """Staff who may look at everything and change nothing."""
    user = User.objects.create_user("reader", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return user


def status_url(game):
    return reverse("games:job-status", args=["games.game", game.pk])


def test_a_snapshot_is_json_and_says_how_far_it_is():
    game = make_game(state=Job.State.RUNNING, heartbeat_at=timezone.now(), done=3, total=12, message="answering")
    told = json.loads(json.dumps(live.snapshot(game)))
    assert (told["state"], told["percent"], told["done"], told["total"], told["message"]) == ("running", 25, 3, 12, "answering")
    assert told["can_stop"] and not told["can_resume"]


def test_a_silent_job_can_be_resumed_and_says_so():
    game = make_game(state=Job.State.RUNNING, heartbeat_at=timezone.now() - dt.timedelta(hours=1))
    told = live.snapshot(game)
    assert told["can_resume"] and "silent" in told["message"]


def test_a_job_whose_process_is_dead_is_silent_at_once():
    process = subprocess.Popen(["true"])
    process.wait()
    game = make_game(state=Job.State.RUNNING, heartbeat_at=timezone.now(), worker=f"{socket.gethostname()}:{process.pid}")
    assert live.snapshot(game)["can_resume"]


def test_a_job_that_was_asked_to_stop_is_stopping_until_it_is_over():
    game = make_game(state=Job.State.RUNNING, heartbeat_at=timezone.now(), cancel_requested=True)
    assert live.snapshot(game)["state"] == "stopping"
    assert not live.snapshot(game)["can_stop"]
    game.state = Job.State.CANCELLED
    assert live.snapshot(game)["state"] == "cancelled"


@pytest.mark.parametrize("label", ["games.speaker", "games.nothing", "nowhere.game", "game", "", "a.b.c"])
def test_only_jobs_are_found(label):
    assert live.find(label, make_game().pk) is None


def test_the_status_of_a_job_that_is_not_there_is_404(client, manager):
    client.force_login(manager)
    assert client.get("/games/jobs/games.game/999/status/").status_code == 404
    assert client.get("/games/jobs/games.game/99999999999999999999999/status/").status_code == 404
    assert client.get("/games/jobs/auth.user/1/status/").status_code == 404


@pytest.mark.parametrize("user", [AnonymousUser, lambda: User.objects.create_user("visitor")])
def test_only_staff_are_told(client, user):
    game, user = make_game(), user()
    if user.is_authenticated:
        client.force_login(user)
    for url in (status_url(game), reverse("games:games"), game.get_absolute_url(), reverse("games:speakers"), game.speaker.get_absolute_url()):
        assert client.get(url).status_code == 302, url
    for move in ("stop", "resume"):
        assert client.post(reverse(f"games:job-{move}", args=["games.game", game.pk])).status_code == 302
    game.refresh_from_db()
    assert game.state == Job.State.DRAFT and not game.cancel_requested


def test_staff_without_the_right_to_change_see_but_cannot_stop(client, reader):
    game = make_game(state=Job.State.RUNNING, heartbeat_at=timezone.now())
    client.force_login(reader)
    page = client.get(game.get_absolute_url())
    assert page.status_code == 200 and b"data-job-stop" not in page.content
    assert client.post(reverse("games:job-stop", args=["games.game", game.pk])).status_code == 403


def test_stopping_asks_the_running_job_and_returns_to_its_page(client, manager):
    game = make_game(state=Job.State.RUNNING, heartbeat_at=timezone.now())
    client.force_login(manager)
    answer = client.post(reverse("games:job-stop", args=["games.game", game.pk]))
    game.refresh_from_db()
    assert game.cancel_requested and answer["Location"] == game.get_absolute_url()


def test_a_get_stops_nothing(client, manager):
    game = make_game(state=Job.State.QUEUED)
    client.force_login(manager)
    assert client.get(reverse("games:job-stop", args=["games.game", game.pk])).status_code == 405


def test_a_foreign_form_stops_nothing(manager):
    game = make_game(state=Job.State.QUEUED)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(manager)
    assert strict.post(reverse("games:job-stop", args=["games.game", game.pk])).status_code == 403
    game.refresh_from_db()
    assert game.state == Job.State.QUEUED


@pytest.mark.parametrize("state", [Job.State.FAILED, Job.State.CANCELLED, Job.State.DRAFT])
def test_resuming_puts_it_back_on_the_queue(client, manager, state):
    game = make_game(state=state)
    client.force_login(manager)
    client.post(reverse("games:job-resume", args=["games.game", game.pk]))
    game.refresh_from_db()
    assert game.state == Job.State.QUEUED and game.task_id


def test_resuming_a_finished_job_changes_nothing():
    game = make_game(state=Job.State.DONE)
    assert not live.resume(game)
    assert game.state == Job.State.DONE and not game.task_id
