"""The websocket of a job: who may listen, and what they hear."""

import functools
from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from games import consumers
from games.jobs import Job
from games.models import Game
from lacie_platform.asgi import application
from tests.factories import make_game

# Channels closes connections that are in a transaction, so a test's rows have to be committed.
pytestmark = pytest.mark.django_db(transaction=True)
HERE = b"http://localhost"


def in_a_loop(test: Callable) -> Callable:
    """Run an async test to its end: `async_to_sync` keeps the database work on this thread, so both sides see the same rows."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        return async_to_sync(test)(*args, **kwargs)

    return run


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(consumers, "SECONDS_BETWEEN_READS", 0.02)


def login(*, staff: bool, active: bool = True) -> bytes:
    user = User.objects.create_user("somebody", is_staff=staff)
    client = Client()
    client.force_login(user)
    User.objects.filter(pk=user.pk).update(is_active=active)
    return f"sessionid={client.cookies['sessionid'].value}".encode()


def listener_on(path: str, cookie: bytes = b"", origin: bytes | None = HERE) -> WebsocketCommunicator:
    headers = [(b"host", b"localhost"), (b"cookie", cookie)]
    return WebsocketCommunicator(application, path, headers=headers + ([(b"origin", origin)] if origin else []))


def running_game(**kwargs) -> Game:
    return make_game(state=Job.State.RUNNING, heartbeat_at=timezone.now(), done=1, total=4, **kwargs)


@pytest.mark.parametrize("who", ["anonymous", "participant", "dismissed"])
@in_a_loop
async def test_it_refuses_all_but_staff(who):
    game = await sync_to_async(running_game)()
    cookie = b"" if who == "anonymous" else await sync_to_async(login)(staff=who == "dismissed", active=who != "dismissed")
    connected, _ = await listener_on(f"/ws/jobs/games.game/{game.pk}/", cookie).connect()
    assert not connected


@pytest.mark.parametrize("origin", [b"https://elsewhere.example", b"http://localhost.elsewhere.example", None])
@in_a_loop
async def test_it_refuses_a_foreign_origin(origin):
    game = await sync_to_async(running_game)()
    cookie = await sync_to_async(login)(staff=True)
    connected, _ = await listener_on(f"/ws/jobs/games.game/{game.pk}/", cookie, origin).connect()
    assert not connected


@in_a_loop
async def test_it_tells_each_change_of_the_row_once_and_closes_at_the_end():
    game = await sync_to_async(running_game)()
    socket = listener_on(f"/ws/jobs/games.game/{game.pk}/", await sync_to_async(login)(staff=True))
    assert (await socket.connect())[0]
    assert (await socket.receive_json_from())["percent"] == 25
    assert await socket.receive_nothing(timeout=0.1)
    await Game.objects.filter(pk=game.pk).aupdate(done=2)
    assert (await socket.receive_json_from())["percent"] == 50
    await Game.objects.filter(pk=game.pk).aupdate(done=4, state=Job.State.DONE)
    assert (await socket.receive_json_from())["is_over"]
    assert (await socket.receive_output())["code"] == consumers.OVER


@in_a_loop
async def test_a_heartbeat_alone_is_no_news():
    game = await sync_to_async(running_game)()
    socket = listener_on(f"/ws/jobs/games.game/{game.pk}/", await sync_to_async(login)(staff=True))
    await socket.connect()
    await socket.receive_json_from()
    await Game.objects.filter(pk=game.pk).aupdate(heartbeat_at=timezone.now())
    assert await socket.receive_nothing(timeout=0.1)
    await socket.disconnect()


@in_a_loop
async def test_what_a_browser_sends_is_ignored():
    game = await sync_to_async(running_game)()
    socket = listener_on(f"/ws/jobs/games.game/{game.pk}/", await sync_to_async(login)(staff=True))
    await socket.connect()
    await socket.send_to(text_data="not json")
    assert (await socket.receive_json_from())["state"] == "running"
    await socket.disconnect()


@pytest.mark.parametrize("path", ["/ws/jobs/games.game/999999/", "/ws/jobs/auth.user/1/", "/ws/jobs/x/1/"])
@in_a_loop
async def test_a_job_that_is_not_there_closes_with_its_own_code(path):
    socket = listener_on(path, await sync_to_async(login)(staff=True))
    await socket.connect()
    assert (await socket.receive_output())["code"] == consumers.NOT_FOUND
