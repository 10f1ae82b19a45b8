"""What appears only when it is asked for, or goes wrong: a hidden effect, another language, a login that waits; on a phone, in the dark."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.factories import make_open_study, make_session

pytestmark = pytest.mark.django_db(transaction=True)
schemes = pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("light", 360), ("dark", 360)])


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def seen_as(page: Page, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 720})


@schemes
def test_the_effect_of_a_running_study_is_shown_by_a_button_and_not_before(
    staff_page: Page, live_server: Any, axe: Callable[[Page], None], console: list[str], scheme: str, width: int
) -> None:
    study = make_open_study(name="trivia", rounds=4, protocol={"stopping": {"goal": 10, "looks": 2}})
    make_session(study=study, verdicts=[True] * 4)
    seen_as(staff_page, scheme, width)
    staff_page.goto(f"{live_server.url}/s/trivia/results/")
    expect(staff_page.get_by_role("img")).to_have_count(0)
    axe(staff_page)
    assert fits(staff_page)
    staff_page.get_by_role("button", name="Show it, and keep that I looked").click()
    expect(staff_page.get_by_text("Looked at: admin")).to_be_visible()
    staff_page.wait_for_load_state("networkidle")
    assert staff_page.locator("img.plot").evaluate_all("images => images.length > 0 && images.every(image => image.naturalWidth > 300)")
    axe(staff_page)
    assert fits(staff_page) and console == []


@schemes
@pytest.mark.parametrize("javascript", [True, False])
def test_a_participant_changes_the_language_in_the_middle(
    browser: Any, live_server: Any, axe: Callable[[Page], None], scheme: Any, width: int, javascript: bool
) -> None:
    make_open_study(name="trivia", rounds=4, protocol={"languages": ["en", "de"]})
    context = browser.new_context(java_script_enabled=javascript, color_scheme=scheme, viewport={"width": width, "height": 720})
    page = context.new_page()
    page.goto(f"{live_server.url}/s/trivia/")
    page.get_by_role("button", name="I agree, start").click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("2 of 4", exact=True)).to_be_visible()
    question = page.locator("h1").inner_text()
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_text("2 von 4", exact=True)).to_be_visible()
    assert page.locator("h1").inner_text() == question
    if javascript:
        axe(page)
        assert fits(page)
    context.close()


@schemes
def test_a_login_that_has_to_wait_says_so(page: Page, live_server: Any, settings: Any, axe: Callable[[Page], None], scheme: str, width: int) -> None:
    settings.AXES_FAILURE_LIMIT = 1
    User.objects.create_superuser("ada", password="a quiet river")
    seen_as(page, scheme, width)
    page.goto(f"{live_server.url}/admin/login/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("a loud river")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Too many tries")).to_be_visible()
    axe(page)
    assert fits(page)
