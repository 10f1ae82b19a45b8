"""A study with every step, in real Chromium: by keyboard alone, on a phone, without JavaScript, on a line that breaks, in two tabs."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from annotations import texts
from annotations.models import Participant, Study
from annotations.protocol import Protocol
from games.models import Judgment
from tests.factories import make_check, make_open_study

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"width": 360, "height": 640}
ROUNDS = 2
MEASURES = {"confidence": "slider", "knew_answer": "buttons", "convincing": "slider", "note": True}
PROTOCOL = {
    "rounds": ROUNDS,
    "measures": MEASURES,
    "steps": {"instructions": True, "practice": 2, "comprehension": True, "about_you": ["age", "comments"]},
    "recruiting": {"completed": "DONE-1"},
}
RIGHT = {asked.name: int(asked.right) - 1 for asked in texts.comprehension(Protocol(), "en")}


def make_study(**protocol: Any) -> Study:
    study = make_open_study(name="trivia", questions=6, protocol=PROTOCOL | protocol)
    for number in (1, 2):
        make_check(study=study, is_practice=True, explanation="A dog has four.", position=number)
    return study


@pytest.fixture
def study() -> Study:
    return make_study()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    yield context.new_page()
    context.close()


def heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
    page.wait_for_load_state()


def at_round(page: Page, number: int) -> None:
    expect(page.locator(".round-progress p")).to_have_text(f"{number} of {ROUNDS}")
    page.wait_for_load_state()


def start_rounds(page: Page, url: str) -> None:
    page.goto(f"{url}/s/trivia/")
    page.get_by_role("button", name="I agree, start").click()
    at_round(page, 1)


def fill(page: Page, verdict: str, *, confidence: int = 80) -> None:
    page.locator(".pair label", has_text=verdict).click()
    page.get_by_role("slider", name="How sure").evaluate("(it, value) => { it.value = value; it.dispatchEvent(new Event('input')); }", confidence)
    page.get_by_role("slider", name="How convincing").click()
    page.locator(".scale label", has_text="Yes").click()


def test_the_whole_study_by_keyboard_alone(page: Page, live_server: Any, study: Study, console: list[str]) -> None:
    keys = page.keyboard

    def tab_to(role: str, name: str) -> None:
        for _ in range(12):
            if page.get_by_role(role, name=name).evaluate_all("found => found.includes(document.activeElement)"):  # type: ignore[arg-type]
                return
            keys.press("Tab")
        raise AssertionError(f"the Tab key does not come to {role} {name}")

    page.goto(f"{live_server.url}/s/trivia/")
    tab_to("button", "I agree, start")
    keys.press("Enter")
    heading(page, "Instructions")
    tab_to("button", "I have read this")
    keys.press("Enter")
    for number, (key, said) in enumerate((("r", "That was right."), ("a", "That was not right.")), start=1):
        expect(page.get_by_text(f"Practice {number} of 2")).to_be_visible()
        expect(page.get_by_role("button", name="Accept")).to_be_visible()
        page.wait_for_load_state()
        keys.press(key)
        expect(page.get_by_role("status").filter(has_text=said)).to_be_visible()
        page.wait_for_load_state()
        tab_to("button", "Continue")
        keys.press("Enter")
    heading(page, "A few questions about the instructions")
    for name, place in RIGHT.items():
        page.locator(f"[name={name}]").first.focus()  # where Tab comes to in a group
        keys.press("Space")
        for _ in range(place):
            keys.press("ArrowDown")
    tab_to("button", "Continue")
    keys.press("Enter")
    for number in range(1, ROUNDS + 1):
        at_round(page, number)
        keys.press("a")
        expect(page.get_by_role("slider", name="How sure")).to_be_focused()
        keys.press("End")
        keys.press("Tab")
        keys.press("Space")
        keys.press("ArrowRight")
        tab_to("slider", "How convincing")
        keys.press("Home")
        tab_to("textbox", "Anything to say")
        keys.type("a and r are letters here")
        tab_to("button", "Next")
        keys.press("Enter")
    heading(page, "A few questions about you")
    tab_to("combobox", "How old are you?")
    keys.press("ArrowDown")
    tab_to("button", "Continue")
    keys.press("Enter")
    heading(page, "Thank you")
    expect(page.get_by_text("DONE-1")).to_be_visible()
    for row in Judgment.objects.select_related("assignment"):
        assert (row.accepted, row.confidence, row.knew_answer, row.convincing) == (True, 1.0, 0.5, 0.0)
        assert row.assignment.note == "a and r are letters here"
    assert Participant.objects.get().about == {"age": "18-24"}
    assert console == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_whole_study_on_a_phone_with_nothing_for_axe_to_find(
    phone: Page, live_server: Any, study: Study, axe: Callable[[Page], None], scheme: Any
) -> None:
    phone.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    def look() -> None:
        phone.wait_for_load_state()
        axe(phone)
        assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        for box in phone.locator("main button:visible, main [role=button]:visible, .pair label:visible, .scale label:visible").all():
            size = box.bounding_box()
            assert size is not None and size["height"] >= 44

    phone.goto(f"{live_server.url}/s/trivia/")
    look()
    phone.get_by_role("button", name="I agree, start").tap()
    heading(phone, "Instructions")
    Participant.objects.update(message="We are back.")
    phone.reload()
    look()
    phone.get_by_role("button", name="Close this message").tap()
    expect(phone.get_by_text("We are back.")).to_have_count(0)
    phone.get_by_role("button", name="I have read this").tap()
    for number in (1, 2):
        expect(phone.get_by_text(f"Practice {number} of 2")).to_be_visible()
        look()
        phone.get_by_role("button", name="Reject").tap()
        expect(phone.get_by_text("That was right.")).to_be_visible()
        look()
        phone.get_by_role("button", name="Continue").tap()
    heading(phone, "A few questions about the instructions")
    look()
    for name in RIGHT:
        phone.locator(f"[name={name}]").nth(0 if name != "q1" else 1).check()
    phone.get_by_role("button", name="Continue").tap()
    expect(phone.get_by_role("alert")).to_contain_text("one more try")
    look()
    for name, place in RIGHT.items():
        phone.locator(f"[name={name}]").nth(place).check()
    phone.get_by_role("button", name="Continue").tap()
    for number in range(1, ROUNDS + 1):
        at_round(phone, number)
        look()
        fill(phone, "Reject")
        look()
        phone.get_by_role("button", name="Next").tap()
    heading(phone, "A few questions about you")
    look()
    phone.get_by_role("button", name="Continue").tap()
    heading(phone, "Thank you")
    look()


def test_the_whole_study_without_javascript(browser: Browser, live_server: Any, study: Study) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_server.url}/s/trivia/")
    page.get_by_role("button", name="I agree, start").click()
    page.get_by_role("button", name="I have read this").click()
    for _ in range(2):
        page.get_by_role("button", name="Reject").click()
        page.get_by_role("button", name="Continue").click()
    for name, place in RIGHT.items():
        page.locator(f"[name={name}]").nth(place).check()
    page.get_by_role("button", name="Continue").click()
    for number in range(1, ROUNDS + 1):
        at_round(page, number)
        page.locator(".pair label", has_text="Accept").click()
        page.locator("[name=confidence]").fill("70")
        page.locator("[name=convincing]").fill("0")
        page.locator(".scale label", has_text="No").click()
        page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Continue").click()
    heading(page, "Thank you")
    assert [(row.confidence, row.convincing, row.knew_answer) for row in Judgment.objects.all()] == [(0.7, 0.0, 0.0)] * ROUNDS
    context.close()


@pytest.fixture
def measured() -> Study:
    return make_open_study(name="trivia", questions=6, protocol={"rounds": ROUNDS, "measures": MEASURES})


def test_a_slider_that_nobody_moved_is_asked_for(page: Page, live_server: Any, measured: Study) -> None:
    start_rounds(page, live_server.url)
    page.keyboard.press("a")
    sure = page.get_by_role("slider", name="How sure")
    expect(sure).to_have_attribute("aria-valuetext", "not set yet")
    page.locator(".scale label", has_text="Yes").click()
    page.get_by_role("button", name="Next").click()
    expect(sure).to_be_focused()
    expect(page.get_by_role("alert")).to_have_text("Please answer this one too.")
    sure.click()  # in its middle, where it stands unseen
    expect(sure).to_have_attribute("aria-valuetext", "50")
    assert not Judgment.objects.exists()


def test_what_a_lost_line_held_up_outlives_the_page_and_is_sent(page: Page, context: BrowserContext, live_server: Any, measured: Study) -> None:
    start_rounds(page, live_server.url)
    fill(page, "Reject", confidence=30)
    page.get_by_role("textbox").fill("Written in a tunnel.")
    context.set_offline(True)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("alert")).to_contain_text("could not be sent, but it is kept here")
    page.close()
    context.set_offline(False)
    assert not Judgment.objects.exists()
    again = context.new_page()
    again.goto(f"{live_server.url}/s/trivia/")
    at_round(again, 2)
    row = Judgment.objects.select_related("assignment").get()
    assert (row.accepted, row.confidence, row.assignment.note) == (False, 0.3, "Written in a tunnel.")
    again.reload()
    at_round(again, 2)
    assert Judgment.objects.count() == 1


def test_what_was_kept_of_one_person_is_not_sent_for_another(page: Page, context: BrowserContext, live_server: Any, measured: Study) -> None:
    start_rounds(page, live_server.url)
    fill(page, "Reject")
    context.set_offline(True)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("alert")).to_contain_text("could not be sent")
    context.clear_cookies()
    context.set_offline(False)
    other = context.new_page()
    start_rounds(other, live_server.url)
    other.wait_for_load_state("networkidle")
    at_round(other, 1)
    assert not Judgment.objects.filter(judge=Participant.objects.latest("id").code).exists()


def test_a_browser_that_was_closed_opens_at_the_same_place(browser: Browser, live_server: Any, measured: Study) -> None:
    first = browser.new_context()
    page = first.new_page()
    start_rounds(page, live_server.url)
    fill(page, "Accept")
    page.get_by_role("button", name="Next").click()
    at_round(page, 2)
    kept = first.storage_state()
    first.close()
    second = browser.new_context(storage_state=kept)
    page = second.new_page()
    page.goto(f"{live_server.url}/s/trivia/")
    at_round(page, 2)
    assert Participant.objects.count() == 1
    second.close()


def test_two_tabs_do_no_harm(page: Page, context: BrowserContext, live_server: Any, measured: Study) -> None:
    start_rounds(page, live_server.url)
    other = context.new_page()
    other.goto(f"{live_server.url}/s/trivia/")
    at_round(other, 1)
    for tab, verdict in ((page, "Accept"), (other, "Reject")):  # the second is late: the first verdict stands, and it is shown where things are
        tab.bring_to_front()
        fill(tab, verdict)
        tab.get_by_role("button", name="Next").click()
        at_round(tab, 2)
    assert [row.accepted for row in Judgment.objects.all()] == [True]
    fill(other, "Reject")
    other.get_by_role("button", name="Next").click()
    heading(other, "Thank you")
    page.bring_to_front()
    fill(page, "Accept")
    page.get_by_role("button", name="Next").click()
    heading(page, "Thank you")
    assert [row.accepted for row in Judgment.objects.order_by("id")] == [True, False]


def test_the_buttons_open_when_the_answer_can_have_been_read(page: Page, live_server: Any) -> None:
    make_open_study(name="trivia", questions=6, protocol={"rounds": ROUNDS, "timing": {"min_seconds": 1.5}})
    start_rounds(page, live_server.url)
    accept = page.get_by_role("button", name="Accept")
    expect(accept).to_be_disabled()
    page.keyboard.press("a")
    expect(accept).to_be_enabled()
    assert not Judgment.objects.exists()
    page.keyboard.press("a")
    at_round(page, 2)
    expect(accept).to_be_disabled()
    assert Judgment.objects.count() == 1


def test_a_round_that_was_sent_too_early_all_the_same_keeps_what_was_filled_in(page: Page, live_server: Any) -> None:
    make_open_study(name="trivia", questions=6, protocol={"rounds": ROUNDS, "measures": MEASURES, "timing": {"min_seconds": 2}})
    start_rounds(page, live_server.url)
    page.evaluate("locks.clear(); lock()")  # a browser whose clock is wrong
    fill(page, "Reject", confidence=64)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("alert")).to_contain_text("quicker than the answer can be read")
    expect(page.get_by_role("slider", name="How sure")).to_have_attribute("aria-valuetext", "64")
    expect(page.get_by_role("button", name="Next")).to_be_enabled()
    page.get_by_role("button", name="Next").click()
    at_round(page, 2)
    assert Judgment.objects.get().confidence == 0.64
