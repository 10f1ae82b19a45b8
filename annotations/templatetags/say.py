"""The words of a page with their braces filled in; escaped as all that a template prints."""

from __future__ import annotations

from django import template

register = template.Library()


@register.simple_tag
def say(words: str, **values: object) -> str:
    """
    >>> say("Question {position} of {total}", position=2, total=10)
    'Question 2 of 10'
    """
    return words.format(**values)


@register.filter
def get(values: dict[str, str], key: str) -> str:
    """What stands under a name that is only known on the page."""
    return values.get(key, "")
