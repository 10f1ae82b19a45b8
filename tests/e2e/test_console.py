"""The console in a real browser: every page clean and narrow enough, a study built by keyboard alone, a monitor that follows the rows."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from annotations.building import setup
from annotations.models import Participant, Study
from tests.annotations.building.test_setup import World
from tests.factories import make_check, make_participant, make_session

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.slow]
DRAFT = (
    *("", "checks/", "held-back/", "texts/", "texts/en/consent/"),
    *(f"edit/{key}/" for key in ("basics", "arms", "questions", "session", "rules", "payment", "recruiting")),
)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_every_page_fits_and_axe_and_the_security_policy_find_nothing(
    staff_page: Page, live_server: Any, axe: Callable[[Page], None], console: list[str], world: World, scheme: Any, width: int
) -> None:
    world.games[0].utterances.filter(question=world.questions[0]).update(text="As an AI language model, I say Paris.")
    draft = world.create(name="draft", rounds=4)
    make_check(study=draft)
    world.games[0].utterances.update(text="It is Paris.")
    quiz = setup.open_study(world.create(name="quiz", rounds=4))
    make_participant(study=quiz, code="ada", excluded="attention", message="Hello")
    make_session(study=quiz, verdicts=[True, False])
    staff_page.emulate_media(color_scheme=scheme)
    staff_page.set_viewport_size({"width": width, "height": 800})
    pages = ["", "new/", *(f"draft/{page}" for page in DRAFT), "quiz/", "quiz/edit/basics/", "quiz/monitor/", "quiz/people/ada/"]
    for page in pages:
        staff_page.goto(f"{live_server.url}/studies/{page}")
        for summary in staff_page.locator("summary").all():
            summary.click()
        axe(staff_page)
        assert staff_page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page
    staff_page.get_by_role("link", name="Back to the monitor").click()
    staff_page.get_by_role("button", name="Show it, and keep that I looked").click()
    expect(staff_page.get_by_text("Looked at: ")).to_be_visible()
    axe(staff_page)
    assert [line for line in console if "WebSocket" not in line and "404" not in line] == []  # the test's server has no websockets


def press_on(page: Page, role: Any, name: str) -> None:
    """Reach it by the Tab key alone, then press Enter."""
    target = page.get_by_role(role, name=name, exact=True)
    expect(target).to_be_visible()
    for _ in range(60):
        if target.evaluate("element => element === document.activeElement"):
            return page.keyboard.press("Enter")
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} is not reached by Tab")


def test_a_study_is_built_previewed_and_opened_by_keyboard_alone(staff_page: Page, live_server: Any, world: World) -> None:
    page = staff_page
    page.goto(f"{live_server.url}/studies/")
    press_on(page, "link", "New study")
    page.get_by_label("Name").focus()
    page.keyboard.type("trivia")
    page.get_by_label("Compared against").focus()
    page.keyboard.type("boaster")
    page.get_by_role("group", name="The other speakers").get_by_label("honest").focus()
    page.keyboard.press("Space")
    press_on(page, "button", "Make the draft")
    press_on(page, "link", "Payment")
    page.get_by_label("Base").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    expect(page.locator("#forecast")).to_contain_text("at most")  # before it is saved
    press_on(page, "button", "Save")
    expect(page.get_by_text("Payment: saved.")).to_be_visible()
    press_on(page, "button", "Preview as a participant")
    expect(page).to_have_url(f"{live_server.url}/s/trivia/")
    page.goto(f"{live_server.url}/studies/trivia/")
    press_on(page, "button", "Open the study")
    expect(page.get_by_role("heading", name="As it was opened")).to_be_visible()
    study = Study.objects.get()
    assert (study.state, study.rules.payment.base, study.participants.count()) == ("open", 2.0, 0)
    expect(page.get_by_text(study.digest)).to_be_visible()


def test_the_monitor_follows_the_rows_and_keeps_the_focus(staff_page: Page, live_server: Any, world: World) -> None:
    study = setup.open_study(world.create(rounds=4))
    make_participant(study=study, code="first-person")
    staff_page.goto(f"{live_server.url}/studies/trivia/monitor/")
    staff_page.get_by_role("link", name="first-person").focus()
    Participant.objects.create(study=study, code="second-person")
    expect(staff_page.get_by_role("link", name="second-person")).to_be_visible(timeout=15_000)
    expect(staff_page.get_by_role("link", name="first-person")).to_be_focused()
