"""`{% load estimates %}`: rates, changes and tests as people read them, with their intervals. What cannot be told is a dash."""

from __future__ import annotations

from collections.abc import Callable

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotations.results import findings
from annotations.results.acceptance import Headline
from annotations.results.clustered import Effect
from games.intervals import Estimate

register = template.Library()
NONE = SafeString("–")


def percent(value: float | None) -> str:
    """
    >>> percent(0.4567), percent(None)
    ('46\\xa0%', '–')
    """
    return NONE if value is None else f"{100 * value:.0f}\u00a0%"


def points(value: float | None) -> str:
    """
    >>> points(0.05), points(-0.051)
    ('+5.0', '−5.1')
    """
    return NONE if value is None else f"{100 * value:+.1f}".replace("-", "−")


@register.filter
def rate(estimate: Estimate) -> SafeString:
    return _spanned(percent(estimate.value), estimate, percent)


@register.filter
def change(found: Headline | Effect) -> SafeString:
    """By how many per cent."""
    return _spanned(_signed(found.value), found, _signed)


@register.filter
def difference(found: Estimate | Effect) -> SafeString:
    return _spanned(f"{points(found.value)} points", found, points)


@register.filter
def decimal(found: Estimate) -> SafeString:
    return _spanned(_decimal(found.value), found, _decimal)


@register.filter
def p_value(p: float | None) -> str:
    return NONE if p is None else findings.p_value(p)


@register.filter
def share(value: float | None) -> str:
    return percent(value)


def _spanned(value: str, found: Estimate | Effect | Headline, as_text: Callable[[float | None], str]) -> SafeString:
    if found.value is None:
        return NONE
    if found.low is None or found.high is None:
        return format_html("{}", value)
    return format_html("{} <small>[{}, {}]</small>", value, as_text(found.low), as_text(found.high))


def _signed(value: float | None) -> str:
    return NONE if value is None else findings.signed(value).replace(" ", "\u00a0")


def _decimal(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}".replace("-", "−")
