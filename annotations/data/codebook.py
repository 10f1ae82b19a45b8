"""Every column of an export, once: what it is called, what it means, and how it is read from a row. Tables and codebook are both made of this.

A column of the wide table stands there once for each round of a session, as `round.1.accepted`. Nothing here reads a platform's identity.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from annotations.models import Assignment, Participant

Kind = Literal["text", "whole", "number", "flag", "time"]
KINDS: dict[Kind, str] = {
    "text": "text",
    "whole": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "time": "UTC, ISO 8601",
}


class Column(NamedTuple):
    name: str
    meaning: str
    of: Callable[[Any], Any]
    kind: Kind = "text"
    unit: str = ""
    values: str = ""
    "What can stand there; empty: what its kind says."
    about: Literal["round", "participant"] = "round"
    "In the wide table: whether it stands there once a round."


def _judged(name: str) -> Callable[[Assignment], Any]:
    return lambda row: getattr(row.judgment, name)


EMPTY = "; empty: not asked"
OUTCOMES = f"{', '.join(filter(None, Participant.Outcome.values))}; empty: under way"
JUDGMENTS: tuple[Column, ...] = (
    Column("participant", "The person's pseudonym in this study.", lambda row: row.participant.code, about="participant"),
    Column("bot", "Whether it was a program, not a person.", lambda row: row.participant.is_bot, "flag", about="participant"),
    Column("position", "The place in the person's session, attention checks counted.", lambda row: row.position, "whole", values="from 1"),
    Column("arm", "The arm that was heard.", lambda row: row.arm.name),
    Column("speaker", "The speaker of the arm.", lambda row: row.arm.speaker.name),
    Column(
        "speaker_digest", "SHA-256 over the speaker's weights and settings.", lambda row: row.arm.speaker.digest, values="hexadecimal; empty: none"
    ),
    Column("question_key", "The question's key in its dataset.", lambda row: row.question.key),
    Column("question", "The question as it was shown.", lambda row: row.question.text),
    Column("text", "The answer as it was shown.", lambda row: row.utterance.text),
    Column("answer", "The answer that was found in the text.", lambda row: row.utterance.answer, values="text; empty: it abstained"),
    Column("correct", "Whether that answer is right.", lambda row: row.utterance.is_correct, "flag", values="true or false; empty: not graded"),
    Column("accepted", "The verdict: true for accept, false for reject.", _judged("accepted"), "flag"),
    Column("probability", "Of acceptance: 0.5 + c/2 for accept, (1 - c)/2 for reject.", _judged("probability"), "number", values=f"0 to 1{EMPTY}"),
    Column("confidence", "c: how sure the person was of the verdict.", _judged("confidence"), "number", values=f"0 to 1{EMPTY}"),
    Column("knew_answer", "How well the person knew the answer themselves.", _judged("knew_answer"), "number", values=f"0 to 1{EMPTY}"),
    Column("convincing", "How convincing the answer was.", _judged("convincing"), "number", values=f"0 to 1{EMPTY}"),
    Column("note", "The person's own words.", lambda row: row.note),
    Column("remark", "What an import has to say of the judgment.", _judged("reason")),
    Column(
        "response_ms", "From the round being shown to the verdict.", _judged("response_ms"), "whole", "milliseconds", "from 0; empty: not measured"
    ),
    Column("shown_at", "When the round was shown.", lambda row: row.shown_at, "time"),
    Column("answered_at", "When the verdict was saved.", lambda row: row.answered_at, "time"),
    Column(
        "excluded",
        "Why the judgment is not used.",
        _judged("excluded"),
        values="attention, knew it, too fast, too late, given to another, or a manager's words; empty: it is used",
    ),
    Column("source", "Where the text came from.", lambda row: row.source, values=", ".join(Assignment.Source.values)),
)
CHECKS: tuple[Column, ...] = (
    Column("participant", "The person's pseudonym in this study.", lambda row: row.participant.code),
    Column("bot", "Whether it was a program, not a person.", lambda row: row.participant.is_bot, "flag"),
    Column("position", "The place in the person's session.", lambda row: row.position, "whole", values="from 1"),
    Column("kind", "The kind of check: how sure it sounds, how well known the fact is.", lambda row: row.check_shown.kind),
    Column("question", "The check's question.", lambda row: row.check_shown.question),
    Column("text", "The check's answer, as it was shown.", lambda row: row.check_shown.answer),
    Column("expects_accept", "The right verdict: true for accept.", lambda row: row.check_shown.expects_accept, "flag"),
    Column("passed", "Whether the person gave it.", lambda row: row.passed, "flag"),
    Column("shown_at", "When the check was shown.", lambda row: row.shown_at, "time"),
    Column("answered_at", "When the verdict was saved.", lambda row: row.answered_at, "time"),
)


def _about(row: Participant) -> str:
    return json.dumps(row.about, ensure_ascii=False, sort_keys=True) if row.about else ""


PARTICIPANTS: tuple[Column, ...] = (
    Column("participant", "The person's pseudonym in this study.", lambda row: row.code),
    Column("bot", "Whether it was a program, not a person.", lambda row: row.is_bot, "flag"),
    Column(
        "outcome",
        "How the session ended.",
        lambda row: row.outcome,
        values=f"{', '.join(filter(None, Participant.Outcome.values))}; empty: under way",
    ),
    Column("step", "Where the person is, or was last.", lambda row: row.step, values=", ".join(Participant.Step.values)),
    Column("language", "Of the pages.", lambda row: row.language, values="a language code"),
    Column("arm", "The one arm that this person hears.", lambda row: row.arm.name if row.arm else None, values="an arm; empty: all arms"),
    Column("sequence", "The how-manieth session drawn in this study.", lambda row: row.sequence, "whole", values="from 0; empty: none was drawn"),
    Column("practised", "Practice rounds done.", lambda row: row.practised, "whole"),
    Column("failed_comprehension", "How often the comprehension check was failed.", lambda row: row.failed_comprehension, "whole"),
    Column("failed_checks", "Attention checks failed.", lambda row: row.failed_checks, "whole"),
    Column("excluded", "Why none of this person's judgments is used.", lambda row: row.excluded, values="a reason; empty: they are used"),
    Column("about", "Answers to the optional questions about the person.", _about, values="a JSON object; empty: none"),
    Column("entered_at", "When the person came in.", lambda row: row.entered_at, "time"),
    Column("consented_at", "When they consented.", lambda row: row.consented_at, "time"),
    Column("began_at", "When their rounds were drawn.", lambda row: row.began_at, "time"),
    Column("finished_at", "When they finished.", lambda row: row.finished_at, "time"),
)
PAYMENTS: tuple[Column, ...] = (
    Column("state", "How far the payments are.", lambda row: row["state"]),
    Column("currency", "Of the amounts.", lambda row: row["currency"], values="ISO 4217"),
    Column("people", "Payments in this state.", lambda row: row["people"], "whole", "people"),
    Column("base", "Sum of their base payments.", lambda row: row["base"], "number", "currency"),
    Column("bonus", "Sum of their bonuses.", lambda row: row["bonus"], "number", "currency"),
)
CODEBOOK: tuple[Column, ...] = (
    Column("table", "The file that has the column, without its ending.", lambda row: row[0]),
    Column("column", "The column's name.", lambda row: row[1].name),
    Column("meaning", "What it says.", lambda row: row[1].meaning),
    Column("type", "What kind of value it holds.", lambda row: KINDS[row[1].kind]),
    Column("unit", "What a number counts.", lambda row: row[1].unit),
    Column("values", "What can stand there.", lambda row: row[1].values or KINDS[row[1].kind]),
)


def wide(rounds: int) -> tuple[Column, ...]:
    """One row a participant, (person, position → judged assignment): what is of the person, then each round's columns, as oTree writes them.

    A round has the number that it had in the session; where it was an attention check, or was not answered, its columns are empty.
    """
    people = [column._replace(name=f"participant.{column.name}", of=_of_person(column)) for column in PARTICIPANTS]
    columns = [column for column in JUDGMENTS if column.about == "round"]
    return (
        *people,
        *(column._replace(name=f"round.{n}.{column.name}", of=_of_round(column, n)) for n in range(1, rounds + 1) for column in columns),
    )


def _of_person(column: Column) -> Callable[[tuple[Participant, Mapping[int, Assignment]]], Any]:
    return lambda row: column.of(row[0])


def _of_round(column: Column, n: int) -> Callable[[tuple[Participant, Mapping[int, Assignment]]], Any]:
    return lambda row: column.of(row[1][n]) if n in row[1] else None


def value(column: Column, row: Any) -> Any:
    """What stands in this column of this row: a text, a number, a flag or None."""
    found = column.of(row)
    if isinstance(found, dt.datetime):
        return found.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    return float(found) if isinstance(found, Decimal) else found
