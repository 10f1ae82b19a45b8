"""`{% load estimates %}`: rates as people read them."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def percent(value: float | None, points: bool | None = False) -> str:
    """
    >>> percent(0.4567), percent(0.05, True), percent(-0.051, True), percent(None)
    ('46 %', '+5.0 points', '−5.1 points', '–')
    """
    if value is None:
        return "–"
    if points:
        return f"{100 * value:+.1f} points".replace("-", "−")
    return f"{100 * value:.0f} %"
