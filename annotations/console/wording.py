"""A study's texts as its manager sees them: which there are, in which languages, and whether they are the product's or the study's own."""

from __future__ import annotations

from typing import NamedTuple

from annotations import texts
from annotations.models import Study
from annotations.participant.pages import language_name


class Wording(NamedTuple):
    language: str
    name: str
    is_own: bool


def names() -> list[str]:
    """Of the texts that the product ships."""
    return list(texts.languages()["en"].texts)


def languages(study: Study) -> list[str]:
    """That the study offers, then those that it could."""
    return list(dict.fromkeys([*study.rules.languages, *texts.languages(), *study.rules.texts]))


def language_choices(study: Study) -> list[tuple[str, str]]:
    return [(code, language_name(code)) for code in languages(study)]


def wordings(study: Study) -> list[Wording]:
    """Every text in every language that the study offers."""
    own = study.rules.texts
    return [Wording(code, name, bool(own.get(code, {}).get(name))) for code in study.rules.languages for name in names()]


def untranslated(study: Study) -> list[str]:
    """Languages that the study offers, the product does not ship, and in which a text is missing: people would read English there."""
    own = study.rules.texts
    return [code for code in study.rules.languages if code not in texts.languages() and set(names()) - {*own.get(code, {})}]


def about_questions(study: Study) -> list[tuple[str, str]]:
    """The product's optional questions about the person, and the study's own."""
    shipped = [(name, str(asked["question"])) for name, asked in texts.languages()["en"].about.items()]
    first = study.rules.texts.get(study.rules.languages[0], {})
    return shipped + [(name.removeprefix(texts.ABOUT), text) for name, text in first.items() if name.startswith(texts.ABOUT)]
