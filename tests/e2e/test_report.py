"""The report of a comparison in a real browser: figures drawn, nothing for axe, readable on a phone, and as a folder without the server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.training.test_evaluation import compared, make_world
from training.static_report import write_report

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
DRAWN = "images => images.every(image => image.complete && image.naturalWidth > 300)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_report_is_drawn_and_axe_finds_nothing(
    staff_page: Page, live_server: Any, axe: Callable[[Page], None], console: list[str], scheme: Any, width: int
) -> None:
    comparison = compared(make_world(30))
    staff_page.emulate_media(color_scheme=scheme)
    staff_page.set_viewport_size({"width": width, "height": 720})
    staff_page.goto(live_server.url + comparison.get_absolute_url(), wait_until="networkidle")
    expect(staff_page.get_by_role("img")).to_have_count(5)
    assert staff_page.locator("img.plot").evaluate_all(DRAWN)
    for summary in staff_page.locator("summary").all():
        summary.press("Enter")
    axe(staff_page)
    assert staff_page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert [line for line in console if "Content Security Policy" in line] == []


def test_the_handed_on_folder_opens_without_a_server(page: Page, axe: Callable[[Page], None], tmp_path: Path) -> None:
    file = write_report(compared(make_world(30)), tmp_path / "report")
    page.set_viewport_size({"width": 360, "height": 720})
    page.goto(file.as_uri(), wait_until="networkidle")
    assert page.locator("img.plot").evaluate_all(DRAWN)
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
