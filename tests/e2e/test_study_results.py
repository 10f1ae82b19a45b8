"""The results page of a study in a real browser: the answer first, figures drawn, nothing for axe, readable on a phone."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from games.models import Judgment
from tests.annotations.results.test_report import papers_study
from tests.factories import make_listener

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
DRAWN = "images => images.every(image => image.complete && image.naturalWidth > 300)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_results_are_drawn_and_axe_finds_nothing(
    staff_page: Page, live_server: Any, axe: Callable[[Page], None], console: list[str], scheme: Any, width: int
) -> None:
    study = papers_study(probability=0.7, confidence=0.4, knew_answer=0.2, response_ms=4000)
    study.protocol = {"stopping": {"goal": 80, "looks": 2}}
    study.save()
    lexicon = make_listener(name="lexicon")
    judged = Judgment.objects.filter(listener=study.listener)
    Judgment.objects.bulk_create(
        Judgment(utterance_id=one.utterance_id, listener=lexicon, accepted=bool(one.pk % 3), probability=one.pk % 10 / 10) for one in judged
    )
    staff_page.emulate_media(color_scheme=scheme)
    staff_page.set_viewport_size({"width": width, "height": 720})
    staff_page.goto(f"{live_server.url}/s/paper/results/", wait_until="networkidle")
    expect(staff_page.get_by_role("img")).to_have_count(5)
    assert staff_page.locator("img.plot").evaluate_all(DRAWN)
    for summary in staff_page.locator("summary").all():
        summary.press("Enter")
    axe(staff_page)
    assert staff_page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert console == []
