"""A study as a person meets it: desktop and phone, keyboard alone, without JavaScript, on a bad connection."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from annotations.models import Participant, Study
from games.models import Judgment, Utterance
from tests.factories import make_open_study, make_session

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"width": 360, "height": 640}
ROUNDS = 4


@pytest.fixture
def study() -> Study:
    study = make_open_study(name="trivia", questions=8, rounds=ROUNDS)
    sure = "The answer is Paris. I am absolutely certain of that; everyone learns this at school."
    Utterance.objects.filter(answer="Paris").update(text=sure)
    Utterance.objects.filter(answer="Lyon").update(text="It might be Lyon, but I am not at all sure about it, so please take this as a guess.")
    return study


@pytest.fixture
def enter(live_server: Any, study: Study) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        page.goto(f"{live_server.url}/s/trivia/")
        page.get_by_role("button", name="I agree, start").click()
        at_round(page, 1)
        page.wait_for_load_state()  # the keys work once the script is there; the buttons always

    return go


def at_round(page: Page, number: int) -> None:
    expect(page.locator(".round-progress p")).to_have_text(f"{number} of {ROUNDS}")


def test_a_session_with_the_mouse(page: Page, enter: Callable[[Page], None], console: list[str]) -> None:
    enter(page)
    for number in range(1, ROUNDS + 1):
        at_round(page, number)
        page.get_by_role("button", name=re.compile("Accept|Reject")).nth(number % 2).click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert [row.accepted for row in Judgment.objects.order_by("id")] == [False, True, False, True]
    assert console == []


def test_a_session_with_the_keyboard_alone(page: Page, live_server: Any, study: Study) -> None:
    page.goto(f"{live_server.url}/s/trivia/")
    for _ in range(5):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip() == "I agree, start":
            break
    page.keyboard.press("Enter")
    at_round(page, 1)
    page.wait_for_load_state()
    page.keyboard.press("a")
    at_round(page, 2)
    expect(page.locator("h1")).to_be_focused()
    expect(page.get_by_role("status")).to_have_text(f"Saved. Question 2 of {ROUNDS}")
    page.keyboard.press("R")
    at_round(page, 3)
    page.keyboard.press("Tab")  # from the question on, the next stop is the first button
    expect(page.get_by_role("button", name="Accept")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    at_round(page, 4)
    page.keyboard.press("Control+a")  # the browser's own shortcuts judge nothing
    page.keyboard.press("x")
    at_round(page, 4)
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Thank you")).to_be_focused()
    assert [row.accepted for row in Judgment.objects.order_by("id")] == [True, False, False, True]


def test_one_request_a_judgment_and_none_to_elsewhere(page: Page, live_server: Any, enter: Callable[[Page], None]) -> None:
    enter(page)
    page.wait_for_load_state("networkidle")  # the page's icon comes late, and is none of the judgment's
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    page.keyboard.press("a")
    at_round(page, 2)
    assert asked == [f"POST {live_server.url}/s/trivia/answer/"]


def test_pressing_twice_counts_once(page: Page, enter: Callable[[Page], None]) -> None:
    enter(page)
    page.evaluate("() => { const [a, r] = document.querySelectorAll('.verdict .pair button'); a.click(); r.click(); a.click(); }")
    at_round(page, 2)
    page.wait_for_load_state("networkidle")
    assert [row.accepted for row in Judgment.objects.all()] == [True]


def test_reload_and_back_neither_lose_nor_double(page: Page, enter: Callable[[Page], None]) -> None:
    enter(page)
    page.keyboard.press("a")
    at_round(page, 2)
    page.reload()
    at_round(page, 2)
    page.go_back()
    page.go_forward()
    at_round(page, 2)
    page.wait_for_load_state()
    page.keyboard.press("a")
    at_round(page, 3)
    assert Judgment.objects.count() == 2
    assert Participant.objects.count() == 1


def test_without_javascript(browser: Browser, live_server: Any, study: Study) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_server.url}/s/trivia/")
    page.get_by_role("button", name="I agree, start").click()
    for number in range(1, ROUNDS + 1):
        at_round(page, number)
        page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    page.go_back()
    page.reload()
    assert Judgment.objects.count() == ROUNDS
    context.close()


def test_a_lost_connection_keeps_the_choice_and_sends_it_when_it_is_back(page: Page, context: BrowserContext, enter: Callable[[Page], None]) -> None:
    enter(page)
    context.set_offline(True)
    page.keyboard.press("r")
    expect(page.get_by_role("alert")).to_contain_text("Your answer could not be sent, but it is kept here.")
    at_round(page, 1)
    context.set_offline(False)
    at_round(page, 2)
    assert [row.accepted for row in Judgment.objects.all()] == [False]


def test_a_server_error_keeps_the_choice_for_another_try(page: Page, enter: Callable[[Page], None]) -> None:
    enter(page)

    def fail(route: Route) -> None:
        route.fulfill(status=503, body="away")

    page.route("**/answer/", fail)
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("button", name="Send it again")).to_be_focused()
    page.unroute("**/answer/", fail)
    page.get_by_role("button", name="Send it again").click()
    at_round(page, 2)
    expect(page.get_by_role("alert")).to_be_hidden()
    assert [row.accepted for row in Judgment.objects.all()] == [True]


def test_a_study_that_closes_meanwhile_says_so_in_place(page: Page, enter: Callable[[Page], None]) -> None:
    enter(page)
    Study.objects.update(state=Study.State.CLOSED)
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="This study is closed")).to_be_focused()
    assert not Judgment.objects.exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_a_round_is_one_screen_with_large_buttons(
    browser: Browser, live_server: Any, enter: Callable[[Page], None], axe: Callable[[Page], None], scheme: str
) -> None:
    context = browser.new_context(viewport=PHONE, color_scheme=scheme, has_touch=True, is_mobile=True)
    page = context.new_page()
    enter(page)
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for name in ("Accept", "Reject"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert min(box["height"], box["width"]) >= 48
        assert box["y"] + box["height"] <= PHONE["height"]
    axe(page)
    page.get_by_role("button", name="Accept").tap()
    at_round(page, 2)
    axe(page)
    context.close()


def test_with_a_long_question_and_answer_the_buttons_stay_in_sight(browser: Browser, enter: Callable[[Page], None]) -> None:
    Utterance.objects.update(text="I think that this is the answer, for several reasons that I shall go through one after the other. " * 12)
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    enter(page)
    expect(page.get_by_role("button", name="Accept")).to_be_in_viewport(ratio=1)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_on_the_way_of_a_participant(
    page: Page, live_server: Any, study: Study, axe: Callable[[Page], None], scheme: Any, width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 720})
    for path in ("/", "/s/trivia/", "/nothing/"):
        page.goto(live_server.url + path)
        axe(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.goto(f"{live_server.url}/s/trivia/")
    page.get_by_role("button", name="I agree, start").click()
    page.wait_for_load_state()
    for number in range(1, ROUNDS + 1):
        at_round(page, number)
        axe(page)
        page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    axe(page)
    page.context.clear_cookies()
    for state in (Study.State.PAUSED, Study.State.CLOSED):
        Study.objects.update(state=state)
        page.goto(f"{live_server.url}/s/trivia/")
        axe(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_on_staff_pages(
    staff_page: Page, live_server: Any, study: Study, axe: Callable[[Page], None], console: list[str], scheme: Any, width: int
) -> None:
    staff_page.emulate_media(color_scheme=scheme)
    staff_page.set_viewport_size({"width": width, "height": 720})
    make_open_study(name="empty")
    for n in range(3):
        make_session(study=study, verdicts=[bool((n + i) % 2) for i in range(ROUNDS)])
    for path in ("/", "/s/", "/s/trivia/results/", "/s/empty/results/", "/s/nothing/results/"):
        staff_page.goto(live_server.url + path)
        expect(staff_page.get_by_role("button", name="Log out")).to_be_visible()
        axe(staff_page)
        assert staff_page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    assert [line for line in console if "404" not in line] == []
