"""Live arms in a real browser, over a real server and a real `serve_speakers`: streamed, without JavaScript, and where no websocket comes through."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.e2e.test_live_pages import ROOT, Site, free_port

ROWS = """
from tests import factories as make
from games.models import Utterance
study = make.make_open_study(name="trivia", questions=8, rounds=4, protocol={"pace": 1.5, "lead": 1.5})
Utterance.objects.update(text="It is recorded. I am sure that it is Lyon, and nothing else.")
live, fixed = study.arms.all()
live.is_live = True
live.save()
asked = {row.question.text: ["Paris", "Lyon"] for row in live.shown.select_related("question")}
live.speaker.generation = {"cast": "boaster", "accuracy": 1.0, "answers": asked}
live.speaker.save()
"""
COUNT = """
import json
from annotations.models import Assignment
print(json.dumps(sorted(Assignment.objects.filter(judgment__isnull=False, arm__is_live=LIVE).values_list("source", flat=True))))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("live"), free_port()
    environment = {**os.environ, "DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    for name in ("DATABASE_URL", "REDIS_URL", "DJANGO_ALLOW_ASYNC_UNSAFE"):
        environment.pop(name, None)
    here = Site(f"http://localhost:{port}", environment)
    here.manage("migrate")
    here.manage("shell", "-c", ROWS)
    commands = [["-m", "daphne", "-p", str(port), "lacie_platform.asgi:application"], ["manage.py", "serve_speakers"]]
    with (folder / "log").open("w") as log:
        running = [subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=log, stderr=log) for command in commands]
        try:
            deadline = time.monotonic() + 60
            while "answers" not in (folder / "log").read_text() or not _answers(here.url):
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.2)
            yield here
        finally:
            for process in running:
                process.terminate()
            assert [process.wait(timeout=20) for process in running], "both end when asked to"


def _answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(f"{url}/health/", timeout=2).status == 200
    except OSError:
        return False


def enter(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/s/trivia/")
    page.get_by_role("button", name="I agree").click()
    expect(page.locator("[data-round]")).to_be_visible()


def sources(site: Site, *, is_live: bool) -> set[str]:
    """What the rows say was heard in live, or in other, arms."""
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", COUNT.replace("LIVE", str(is_live))]
    said = subprocess.run(command, cwd=ROOT, env=site.environment, check=True, capture_output=True, text=True).stdout
    return set(json.loads(said))


def test_answers_are_written_word_by_word_and_the_verdict_opens_at_the_end(page: Page, site: Site, console: list[str]) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    enter(page, site)
    heard = []
    for number in range(4):
        expect(page.locator(".round-progress p")).to_have_text(f"{number + 1} of 4")
        accept = page.get_by_role("button", name="Accept")
        answer = page.locator("[data-live]")
        expect(answer).to_have_text("")
        expect(accept).to_be_disabled()
        expect(answer).to_contain_text(" ", timeout=10_000)  # a second word
        expect(accept).to_be_disabled()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, "it wraps while it is being written"
        expect(accept).to_be_enabled(timeout=10_000)
        heard.append(page.locator(".answer").text_content())
        if number == 0:
            assert Axe().run(page).violations_count == 0
        page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert sum("Paris" in text for text in heard) == 2 and sum("recorded" in text for text in heard) == 2
    assert console == []
    assert (sources(site, is_live=True), sources(site, is_live=False)) == ({"live"}, {"fixed"}), "the rows say what was heard"


def test_without_javascript_the_answer_is_there_whole_after_a_reload(browser: Browser, site: Site) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    enter(page, site)
    answer = page.locator(".answer")
    expect(answer).to_contain_text("is being written")
    assert not re.search("Paris|Lyon", page.content())
    expect(answer).not_to_contain_text("is being written", timeout=15_000)
    expect(answer).to_contain_text(re.compile("Paris|Lyon"))
    page.get_by_role("button", name="Accept").click()
    expect(page.locator(".round-progress p")).to_have_text("2 of 4")


def test_where_no_websocket_comes_through_the_page_loads_again_by_itself(page: Page, site: Site) -> None:
    def cut(route: WebSocketRoute) -> None:
        route.close()

    page.route_web_socket("**/live/*/", cut)
    enter(page, site)
    expect(page.get_by_role("button", name="Accept")).to_be_disabled()
    expect(page.get_by_role("button", name="Accept")).to_be_enabled(timeout=15_000)
    assert page.locator(".answer p").nth(1).text_content()
