"""The payments page in a real browser, as a manager uses it; on a phone and in the dark."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from annotations.models import Payment, Study
from annotations.payments import ledger
from tests.factories import make_arm, make_identity, make_participant, make_study, make_utterance

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def study() -> Study:
    pays = {"base": 2.5, "bonus": 1.0, "score": "brier", "currency": "GBP", "screened_out": 0.5, "fee": 0.333}
    recruits = {"platform": "prolific", "completed": "C1A2B3", "screened_out": "S4D5E6", "timed_out": "T7F8G9"}
    study = make_study(name="trivia", title="Which answers would you trust?", state="open", protocol={"payment": pays, "recruiting": recruits})
    arm = make_arm(study=study)
    for _ in range(30):
        utterance = make_utterance(speaker=arm.speaker)
        arm.shown.create(question=utterance.question, utterance=utterance, wanted=3)
    for number, outcome in enumerate(["finished"] * 4 + ["screened-out", "timed-out", "no-consent"]):
        person = make_participant(study=study, outcome=outcome)
        ledger.settle(participant=make_identity(participant=person, label=f"60ffe5c8371090c7041d43f{number}").participant)
    return study


def test_a_manager_pays_everybody_once(staff_page: Page, live_server: Any, study: Study, axe: Callable[[Page], None], console: list[str]) -> None:
    page = staff_page
    page.goto(f"{live_server.url}/s/trivia/payments/")
    axe(page)
    page.get_by_role("button", name="Put what is due into a batch").click()
    expect(page.locator(".messages")).to_contain_text("is ready")
    expect(page.get_by_role("button", name="Put what is due into a batch")).to_be_disabled()
    with page.expect_download() as download:
        page.get_by_role("link", name="Approve in bulk (Prolific)").click()
    assert download.value.path().read_text().splitlines() == sorted(download.value.path().read_text().splitlines(), key=len)
    assert len(download.value.path().read_text().split()) == 4
    page.get_by_role("button", name="Mark as paid").click()
    expect(page.get_by_role("button", name="Mark as paid")).to_have_count(0)
    assert set(Payment.objects.values_list("state", flat=True)) == {"paid", "nothing"}
    axe(page)
    assert console == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_the_dark(staff_page: Page, live_server: Any, study: Study, axe: Callable[[Page], None], scheme: Any) -> None:
    page = staff_page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    ledger.export(study=study, now=study.created_at)
    page.goto(f"{live_server.url}/s/trivia/payments/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    axe(page)
