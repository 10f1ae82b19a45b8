"""A run's page in a real browser while its row changes: by websocket, by asking where no websocket connects, and without JavaScript."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).parent.parent.parent
ROWS = """
import json
from datetime import timedelta
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from tests import factories as make
User.objects.create_superuser("manager", password="manager")
run = make.make_run(name="first", folder="runs/first", base=make.make_speaker(name="base"), state="running", done=10, total=50,
                    heartbeat_at=timezone.now() + timedelta(hours=9), started_at=timezone.now(), message="step 10")
folder = settings.DATA_DIR / "runs" / "first"
folder.mkdir(parents=True)
folder.joinpath("progress.jsonl").write_text("".join(json.dumps({"step": n, "total": 50, "loss": 1 / n, "margin": n / 9}) + chr(10) for n in (5, 10)))
folder.joinpath("log.txt").write_text("step 10 of 50" + chr(10))
game = make.make_game(listeners=[make.make_listener(name="gullible")], state="done", done=3, total=3)
for answer in ("Paris", "Lyon", None):
    utterance = make.make_utterance(game=game, answer=answer, text=f"It is {answer}.", is_correct=answer == "Paris")
    make.make_judgment(utterance=utterance, listener=game.listeners.get())
"""


@dataclass
class Site:
    """A server of its own with a database of its own: the page's rows are changed from another process, as a worker does."""

    url: str
    environment: dict[str, str]

    def manage(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, check=True, capture_output=True)

    def update_run(self, **values: object) -> None:
        self.manage("shell", "-c", f"from training.models import TrainingRun; TrainingRun.objects.filter(name='first').update(**{values!r})")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    tmp_path = tmp_path_factory.mktemp("site")
    port = free_port()
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    for name in ("DATABASE_URL", "REDIS_URL", "DJANGO_ALLOW_ASYNC_UNSAFE"):
        environment.pop(name, None)
    here = Site(f"http://localhost:{port}", environment)
    here.manage("migrate")
    here.manage("shell", "-c", ROWS)
    with (tmp_path / "server.log").open("w") as log:
        command = [sys.executable, "-m", "daphne", "-p", str(port), "lacie_platform.asgi:application"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(here.url + "/health/")
        yield here
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def site(server: Site) -> Site:
    """With its run as it was at first."""
    server.update_run(state="running", done=10, message="step 10", error="", cancel_requested=False)
    return server


def wait_for(url: str) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


@pytest.fixture
def visit(site: Site, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Sign in, open the run's page, and hold every console error against it."""
    complaints: list[str] = []
    contexts = []

    def open_page(path: str = "/training/runs/1/", *, websockets: bool = True, **options: object) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.goto(site.url + "/admin/login/")
        page.fill("#id_username", "manager")
        page.fill("#id_password", "manager")
        page.click("[type=submit]")
        if not websockets:
            page.route_web_socket("**/ws/**", lambda socket: socket.close())
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" and "WebSocket" not in message.text else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(site.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


@pytest.mark.parametrize("websockets", [True, False], ids=["by websocket", "by asking"])
def test_a_run_is_seen_going_on_and_ending_without_reloading_by_hand(site, visit, websockets):
    page = visit(websockets=websockets)
    expect(page.locator("[data-job-count]")).to_have_text("10 of 50")
    expect(page.locator("[data-curves-note]")).to_contain_text("At step 10, loss 0.100")
    assert page.evaluate("document.querySelector('canvas').width > 100")
    site.update_run(done=20, message="step 20")
    expect(page.locator("[data-job-count]")).to_have_text("20 of 50", timeout=15_000)
    expect(page.locator("[data-job-message]")).to_have_text("step 20")
    site.update_run(state="failed", error="Out of memory.")
    expect(page.locator("[data-job-error]")).to_have_text("Out of memory.", timeout=15_000)
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()


def test_stopping_asks_the_job_and_says_so(site, visit):
    page = visit()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("[data-job-state]")).to_have_text("stopping")
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()


def test_without_javascript_the_page_tells_how_it_stands_and_its_buttons_work(site, visit):
    page = visit(java_script_enabled=False)
    expect(page.locator("[data-job-count]")).to_have_text("10 of 50")
    expect(page.locator("[data-curves-note]")).to_contain_text("At step 10, loss 0.100")
    expect(page.get_by_role("link", name="Reload this page")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("[data-job-state]")).to_have_text("stopping")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_and_nothing_hangs_over_the_edge(site, visit, scheme, width):
    page = visit(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for path in ("/training/runs/1/", "/training/runs/", "/games/", "/games/1/", "/games/speakers/", "/games/speakers/1/"):
        page.goto(site.url + path)
        expect(page.locator("h1")).to_be_visible()
        found = [(one["id"], one["nodes"][0]["target"]) for one in Axe().run(page).response["violations"]]
        assert not found, path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_page_to_try_the_api_works_under_its_policy(site, visit):
    page = visit("/api/docs/")
    expect(page.get_by_text("/api/judgments/", exact=False).first).to_be_visible(timeout=15_000)
