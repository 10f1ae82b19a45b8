"""`{% load estimates %}`: rates and differences as people read them, with their intervals."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotations.results import Estimate

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
    if estimate.value is None:
        return NONE
    return format_html("{} <small>[{}, {}]</small>", percent(estimate.value), percent(estimate.low), percent(estimate.high))


@register.filter
def difference(estimate: Estimate) -> SafeString:
    if estimate.value is None:
        return NONE
    return format_html("{} points <small>[{}, {}]</small>", points(estimate.value), points(estimate.low), points(estimate.high))
