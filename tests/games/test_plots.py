"""Figures that can be shown, printed, and made again to the byte."""

import re
from functools import cache
from typing import Any

import pytest

from games import plots, report
from tests.games.test_report import played

NAMES = ("acceptance", "reliability-0", "reliability-1", "confidence-0", "confidence-1")


@cache
def result() -> dict[str, Any]:
    said = {"base": played(), "a-speaker-with-a-very-long-name": played(seed=2, sure_when_wrong=0.1)}
    return {"threshold": 0.66, **report.result(said, listener="lexicon", split="test", resamples=50)}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_numbers_give_the_same_svg(name):
    first, again = (plots.render(plots.draw(result(), name), "svg") for _ in range(2))
    assert first == again
    assert first.startswith(b"<?xml")
    assert b"<dc:date>" not in first


@pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_one_figure_comes_in_three_forms(kind, start):
    assert plots.render(plots.draw(result(), "acceptance"), kind).startswith(start)


def test_the_ground_is_white_whatever_page_it_stands_on():
    svg = plots.render(plots.draw(result(), "reliability-0"), "svg").decode()
    assert re.search(r'<g id="patch_1">\s*<path[^>]*style="fill: #ffffff', svg)


@pytest.mark.parametrize("name", ["reliability", "reliability-2", "confidence-x", "confidence--1", "../secret", ""])
def test_there_is_no_figure_of_another_name(name):
    with pytest.raises(KeyError):
        plots.draw(result(), name)


def test_a_figure_can_be_drawn_where_nothing_can_be_told():
    right = played().where(played().correct)
    bare = report.result({"base": right.where(right.accepted)}, listener="lexicon", split="test", resamples=10)
    for name in ("acceptance", "reliability-0", "confidence-0"):
        assert plots.render(plots.draw(bare, name), "svg")


def test_all_figures_fit_in_one_pdf():
    assert plots.as_pdf([plots.draw(result(), name) for name in NAMES]).startswith(b"%PDF")
