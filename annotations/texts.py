"""What participants read: the product's own words and texts (`texts/*.toml`, one file a language), before which a study's own texts come.

A study's texts are Markdown that a manager wrote: raw HTML stays text, images are not shown, and links lead to http or https alone. The fixed
words of the pages are a table like the texts, not gettext's: nothing has to be compiled between a clone and a page. Knows nothing of Django.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from annotations.protocol import Protocol

FOLDER = Path(__file__).parent / "texts"
SECONDS_A_ROUND = 15
"""What the time that consent promises reckons with."""
SECONDS_A_STEP = 60
"""The same for each step around the rounds."""
ABOUT = "about-"
"""A study's text with this before a name is a question of its own about the person, answered in free words."""


class Language(NamedTuple):
    name: str
    words: Mapping[str, str]
    texts: Mapping[str, str]
    about: Mapping[str, Any]


class Asked(NamedTuple):
    """A question with its options; those of the comprehension check have a right one. No options: answered in free words."""

    name: str
    question: str
    options: tuple[tuple[str, str], ...] = ()
    right: str = ""


@cache
def languages() -> dict[str, Language]:
    """Code → what the product ships of it."""
    found = {}
    for path in sorted(FOLDER.glob("*.toml")):
        read = tomllib.loads(path.read_text(encoding="utf-8"))
        found[path.stem] = Language(read["language"], read["words"], read["texts"], read["about"])
    return found


def language_of(code: str) -> Language:
    """English stands in for a language that the product does not ship."""
    shipped = languages()
    return shipped.get(code) or shipped["en"]


def text(rules: Protocol, language: str, name: str) -> str:
    """The Markdown of this name: the study's, else the product's; with what the protocol says filled in."""
    own = rules.texts.get(language, {}).get(name, "")
    source: str = own or language_of(language).texts.get(name, "")
    if "{" not in source:
        return source
    for key, value in _facts(rules, language_of(language).words).items():
        source = source.replace(f"{{{key}}}", value)
    return source


def _facts(rules: Protocol, words: Mapping[str, str]) -> dict[str, str]:
    steps = rules.steps
    around = sum((steps.instructions, steps.practice > 0, steps.comprehension, bool(steps.about_you)))
    n = math.ceil(((rules.rounds + steps.attention) * SECONDS_A_ROUND + around * SECONDS_A_STEP) / 60)
    pay = {"base": f"{rules.payment.base:.2f}", "bonus": f"{rules.payment.bonus:.2f}", "currency": rules.payment.currency}
    paid = words["paid_bonus" if rules.payment.bonus else "paid"].format(**pay) if rules.payment.base or rules.payment.bonus else ""
    rounds = str(rules.rounds + steps.attention)
    minutes = words["minute"] if n == 1 else words["minutes"].format(n=n)
    return {"rounds": rounds, "minutes": minutes, "payment": paid, "checks": words["checks"] if steps.attention else ""}


def _http_only(url: str) -> bool:
    return re.match(r"https?://", url, re.IGNORECASE) is not None


MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
MARKDOWN.validateLink = _http_only  # type: ignore[method-assign]  # the library's own way of saying which links are links


@lru_cache(maxsize=256)
def as_html(markdown: str) -> str:
    """Safe to put on a page. A first-level heading becomes a second: the page has its own first.

    >>> as_html("# Hello <b>you</b>")
    '<h2>Hello &lt;b&gt;you&lt;/b&gt;</h2>\\n'
    """
    tokens = MARKDOWN.parse(markdown)
    for token in _all(tokens):
        if token.type in ("heading_open", "heading_close") and token.tag == "h1":
            token.tag = "h2"
        if token.type == "link_open":
            token.attrSet("rel", "noopener noreferrer")
            token.attrSet("target", "_blank")
    return MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})


def _all(tokens: list[Token]) -> list[Token]:
    return [one for token in tokens for one in (token, *(token.children or ()))]


HEADING = re.compile(r"#+\s+(.+)")
OPTION = re.compile(r"[-*]\s+\[([ xX])\]\s+(.+)")


def comprehension(rules: Protocol, language: str) -> tuple[Asked, ...]:
    """The questions of the check, from the text `comprehension`: each a heading, its options a task list in which the right one is ticked."""
    return parse_comprehension(text(rules, language, "comprehension"))


@lru_cache(maxsize=64)
def parse_comprehension(markdown: str) -> tuple[Asked, ...]:
    """
    Raises:
        ValueError: a question has fewer than two options, or not exactly one that is right.

    >>> parse_comprehension("### Ready?\\n- [x] Yes\\n- [ ] No")
    (Asked(name='q1', question='Ready?', options=(('1', 'Yes'), ('2', 'No')), right='1'),)
    """
    found: list[tuple[str, list[tuple[str, bool]]]] = []
    for line in map(str.strip, markdown.splitlines()):
        if heading := HEADING.fullmatch(line):
            found.append((heading[1], []))
        elif (option := OPTION.fullmatch(line)) and found:
            found[-1][1].append((option[2], option[1] != " "))
    asked = []
    for number, (question, options) in enumerate(found, start=1):
        right = [str(n) for n, (_, is_right) in enumerate(options, start=1) if is_right]
        if len(options) < 2 or len(right) != 1:
            raise ValueError(f"{question!r} needs two options or more, of which one is ticked as right: - [x] …; {len(right)} of {len(options)} are.")
        asked.append(Asked(f"q{number}", question, tuple((str(n), label) for n, (label, _) in enumerate(options, start=1)), right[0]))
    return tuple(asked)


def about_names() -> tuple[str, ...]:
    """The optional questions about the person that the product ships."""
    return tuple(language_of("en").about)


def about_you(rules: Protocol, language: str) -> tuple[Asked, ...]:
    """The optional questions of this study, in the protocol's order. A name that nobody has a question for is asked as it is."""
    own, shipped = rules.texts.get(language, {}), language_of(language).about
    asked = []
    for name in rules.steps.about_you:
        entry = shipped.get(name, {"question": name})
        options = {} if own.get(ABOUT + name) else entry.get("options", {})
        asked.append(Asked(name, own.get(ABOUT + name) or entry["question"], tuple(options.items())))
    return tuple(asked)
