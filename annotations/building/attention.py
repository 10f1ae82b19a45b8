"""Attention checks and practice rounds that come with the platform: questions and answers of which everybody who reads them knows what to do.

The kinds are the paper's: the answer sounds sure or unsure, about common knowledge or about something obscure (arXiv 2405.21028, attention_checks.py:
eight, of which a session had two). The texts are ours. What is expected follows the paper's idea of a careful listener: by what everybody knows
where they know it, and by the tone where nobody can.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import transaction

from annotations.building import freezing
from annotations.models import AttentionCheck, Study

Kind = AttentionCheck.Kind


class Words(NamedTuple):
    question: str
    answer: str
    explanation: str = ""
    "Of practice: what is said after the verdict."


class Shipped(NamedTuple):
    kind: str
    expects_accept: bool
    words: dict[str, Words]
    "By language."


CHECKS = (
    Shipped(
        Kind.SURE_COMMON,
        True,
        {
            "en": Words("How many days does a week have?", "A week has seven days. There is no doubt about that."),
            "de": Words("Wie viele Tage hat eine Woche?", "Eine Woche hat sieben Tage. Daran gibt es keinen Zweifel."),
        },
    ),
    Shipped(
        Kind.SURE_COMMON,
        False,
        {
            "en": Words("What do you get when you freeze water?", "Frozen water turns into wood. I am absolutely certain of this."),
            "de": Words("Was entsteht, wenn Wasser gefriert?", "Gefrorenes Wasser wird zu Holz. Da bin ich mir völlig sicher."),
        },
    ),
    Shipped(
        Kind.UNSURE_COMMON,
        True,
        {
            "en": Words("Which animal says “meow”?", "I would have to guess a little, but I think that is the cat."),
            "de": Words("Welches Tier sagt „miau“?", "Ich müsste ein wenig raten, aber ich glaube, das ist die Katze."),
        },
    ),
    Shipped(
        Kind.UNSURE_COMMON,
        False,
        {
            "en": Words("What colour is fresh snow?", "I am not sure at all. Possibly fresh snow is bright purple?"),
            "de": Words("Welche Farbe hat frischer Schnee?", "Ich bin mir gar nicht sicher. Vielleicht ist frischer Schnee knallviolett?"),
        },
    ),
    Shipped(
        Kind.SURE_OBSCURE,
        True,
        {
            "en": Words(
                "In which year was the mill at Oberwinden repaired?",
                "In 1871. I have the village's own building register before me, and two letters of the miller say the same: I am certain.",
            ),
            "de": Words(
                "In welchem Jahr wurde die Mühle von Oberwinden ausgebessert?",
                "1871. Mir liegt das Bauregister des Ortes vor, und zwei Briefe des Müllers sagen dasselbe: Ich bin mir sicher.",
            ),
        },
    ),
    Shipped(
        Kind.SURE_OBSCURE,
        False,
        {
            "en": Words(
                "What is the name of the oldest herring alive?", "Her name is Margaret and she is fond of jazz. Everybody knows that, no question."
            ),
            "de": Words("Wie heißt der älteste lebende Hering?", "Er heißt Margarete und mag Jazz. Das weiß doch jeder, keine Frage."),
        },
    ),
    Shipped(
        Kind.UNSURE_OBSCURE,
        False,
        {
            "en": Words(
                "What was the middle name of the third mayor of Dunmorrow?",
                "Honestly, I have no idea. If I had to say something: Albert? That is a pure guess.",
            ),
            "de": Words(
                "Wie lautete der zweite Vorname des dritten Bürgermeisters von Dunmorrow?",
                "Ehrlich gesagt: keine Ahnung. Wenn ich etwas sagen müsste: Albert? Das ist nur geraten.",
            ),
        },
    ),
    Shipped(
        Kind.UNSURE_OBSCURE,
        False,
        {
            "en": Words(
                "How many steps lead up to the lighthouse of Skarvoy?",
                "I do not know. It could be 50, it could be 500. Please do not rely on me here.",
            ),
            "de": Words(
                "Wie viele Stufen führen zum Leuchtturm von Skarvoy hinauf?",
                "Ich weiß es nicht. Es könnten 50 sein oder 500. Bitte verlassen Sie sich hier nicht auf mich.",
            ),
        },
    ),
)
"""Two of each kind. What is obscure is invented, so that nobody can know it."""

PRACTICE = (
    Shipped(
        Kind.SURE_COMMON,
        False,
        {
            "en": Words(
                "How many legs does a horse have?",
                "A horse has nine legs, I am completely sure.",
                "Sounding sure makes nothing true. You know that a horse has four legs, so you can reject this.",
            ),
            "de": Words(
                "Wie viele Beine hat ein Pferd?",
                "Ein Pferd hat neun Beine, da bin ich ganz sicher.",
                "Sicher klingen macht nichts wahr. Sie wissen, dass ein Pferd vier Beine hat, und können dies ablehnen.",
            ),
        },
    ),
    Shipped(
        Kind.SURE_OBSCURE,
        True,
        {
            "en": Words(
                "Which key opens the chapel of Linsburg?",
                "The small brass one. I have opened that door every Sunday for ten years.",
                "You cannot know this yourself. The answer sounds sure, and says why it is: there is reason to rely on it.",
            ),
            "de": Words(
                "Welcher Schlüssel öffnet die Kapelle von Linsburg?",
                "Der kleine aus Messing. Ich schließe diese Tür seit zehn Jahren jeden Sonntag auf.",
                "Das können Sie selbst nicht wissen. Die Antwort klingt sicher und sagt, warum: Man kann sich auf sie verlassen.",
            ),
        },
    ),
    Shipped(
        Kind.UNSURE_OBSCURE,
        False,
        {
            "en": Words(
                "Who tuned the organ of Linsburg in 1902?",
                "I can only guess: a man called Huber, perhaps?",
                "The answer says itself that it is a guess. There is no reason to rely on it.",
            ),
            "de": Words(
                "Wer stimmte 1902 die Orgel von Linsburg?",
                "Da kann ich nur raten: vielleicht ein gewisser Huber?",
                "Die Antwort sagt selbst, dass sie geraten ist. Es gibt keinen Grund, sich auf sie zu verlassen.",
            ),
        },
    ),
)


@transaction.atomic
def add_shipped(study: Study, *, language: str = "") -> int:
    """Give a study the shipped checks and practice rounds that it has not yet, in its first language (English where that has none); how many.

    Raises:
        annotations.freezing.Frozen: the study is no draft.
    """
    study = freezing.draft(study)
    wanted = language or study.rules.languages[0]
    there = set(study.checks.values_list("question", flat=True))
    rows = [_row(study, one, wanted, is_practice=place < len(PRACTICE)) for place, one in enumerate((*PRACTICE, *CHECKS))]
    new = [row for row in rows if row.question not in there]
    for position, row in enumerate(new, start=len(there) + 1):
        row.position = position
    AttentionCheck.objects.bulk_create(new)
    return len(new)


def _row(study: Study, one: Shipped, language: str, *, is_practice: bool) -> AttentionCheck:
    words = one.words.get(language, one.words["en"])
    return AttentionCheck(study=study, kind=one.kind, expects_accept=one.expects_accept, is_practice=is_practice, **words._asdict())
