"""The look of the staff's pages that other apps build: axe, phones, the content security policy."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.factories import make_comparison, make_game, make_judgment, make_listener, make_run, make_utterance

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paths() -> list[str]:
    """One page of each kind, with something on it, and the lists."""
    listener = make_listener()
    game = make_game(listeners=[listener], state="done")
    for accepted in (True, False):
        make_judgment(utterance=make_utterance(game=game), listener=listener, accepted=accepted)
    rows = [game, game.speaker, make_run(), make_comparison()]
    return ["/games/", "/games/speakers/", "/training/runs/", "/training/comparisons/", *(row.get_absolute_url() for row in rows)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(
    staff_page: Page, live_server: Any, paths: list[str], axe: Callable[[Page], None], scheme: Any, width: int
) -> None:
    staff_page.emulate_media(color_scheme=scheme)
    staff_page.set_viewport_size({"width": width, "height": 720})
    for path in paths:
        staff_page.goto(live_server.url + path)
        expect(staff_page.get_by_role("button", name="Log out")).to_be_visible()
        axe(staff_page)
        assert staff_page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path


def test_no_page_asks_for_what_its_policy_refuses(staff_page: Page, live_server: Any, paths: list[str], console: list[str]) -> None:
    """Nothing from elsewhere, no inline script, no inline style. (The live pages' websocket has no server here.)"""
    for path in paths:
        staff_page.goto(live_server.url + path)
    assert [line for line in console if "Content Security Policy" in line] == []


def test_the_skip_link_is_the_first_stop_and_leads_to_the_content(staff_page: Page, live_server: Any) -> None:
    staff_page.goto(live_server.url + "/")
    staff_page.keyboard.press("Tab")
    expect(staff_page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(staff_page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    staff_page.keyboard.press("Enter")
    expect(staff_page.locator("main")).to_be_focused()
