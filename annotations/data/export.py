"""A study's data as files: judgments, the same wide, attention checks, participants, payment totals, the protocol, the codebook, the manifest.

Nothing here identifies a person to a platform: identities are not read. A closed study gives the same bytes each time, since no file tells when it
was exported and every table is in the order of the rows' own positions. In CSV a text that a spreadsheet would take for a formula has an apostrophe
before it; JSONL and Parquet hold it as it was written.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from django.db.models import Count, Max, QuerySet, Sum

from annotations.data.chain import MANIFEST, seal
from annotations.data.codebook import CHECKS, CODEBOOK, JUDGMENTS, PARTICIPANTS, PAYMENTS, Column, value, wide
from annotations.exclusion import settle_study
from annotations.models import Assignment, Participant, Payment, Study

FORMATS = ("csv", "jsonl", "parquet")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in a spreadsheet (OWASP, CSV injection)."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP entry can have: the archive too is the same each time."""


class ExportError(Exception):
    """The study cannot be exported there or like this; the message is for the user."""


class Table(NamedTuple):
    columns: Sequence[Column]
    rows: Sequence[Any]


class Export(NamedTuple):
    files: dict[str, bytes]
    "By name, the manifest included."
    digest: str


def export(*, study: Study, format: str = "csv", bots: bool = False) -> Export:
    """All files of a study. The exclusion rules are settled first, so that people who left without a word are marked too.

    Raises:
        ExportError: there is no such format.
    """
    if format not in FORMATS:
        raise ExportError(f"Unknown format {format!r}. Choose one of: {', '.join(FORMATS)}.")
    settle_study(study)
    tables = _tables(study, bots)
    tables["codebook"] = Table(CODEBOOK, [(name, column) for name, table in tables.items() for column in table.columns])
    files = {f"{name}.{format}": WRITERS[format](table) for name, table in tables.items()}
    files["protocol.json"] = _json(_protocol(study))
    about = {"study": study.name, "version": study.version, "state": study.state, "frozen": study.digest, "format": format, "bots": bots}
    sealed = seal(files, about)
    return Export(files | {MANIFEST: sealed.manifest}, sealed.digest)


def write(*, exported: Export, folder: Path) -> None:
    """
    Raises:
        ExportError: there is something else in the folder, which a manifest could not vouch for.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = sorted({path.name for path in folder.iterdir()} - set(exported.files))
        if others:
            raise ExportError(f"{folder} holds {others[0]!r}, which is no part of this export. Name a new folder.")
        for name, content in exported.files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise ExportError(f"{folder} cannot be written to: {error.strerror}. Name another folder.") from error


def archive(exported: Export) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name in sorted(exported.files):
            file.writestr(zipfile.ZipInfo(name, EPOCH), exported.files[name], compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


# What is in it


def _tables(study: Study, bots: bool) -> dict[str, Table]:
    people = study.participants.filter(is_preview=False).select_related("arm").order_by("pk")
    people = people if bots else people.filter(is_bot=False)
    answered = _answered(people)
    judged = [row for row in answered if row.judgment_id]
    by_person = {pk: {row.position: row for row in rows} for pk, rows in groupby(judged, key=lambda row: row.participant_id)}
    rounds = Assignment.objects.filter(participant__in=people).aggregate(last=Max("position"))["last"] or 0
    return {
        "judgments": Table(JUDGMENTS, judged),
        "wide": Table(wide(rounds), [(person, by_person.get(person.pk, {})) for person in people]),
        "attention_checks": Table(CHECKS, [row for row in answered if row.check_shown_id]),
        "participants": Table(PARTICIPANTS, list(people)),
        "payments": Table(PAYMENTS, list(_payments(people))),
    }


def _answered(people: QuerySet[Participant]) -> list[Assignment]:
    rows = Assignment.objects.answered().filter(participant__in=people).order_by("participant_id", "position")
    return list(rows.select_related("participant", "arm__speaker", "question", "utterance", "judgment", "check_shown"))


def _payments(people: QuerySet[Participant]) -> Iterable[dict[str, Any]]:
    rows = Payment.objects.filter(participant__in=people).order_by("state", "currency")
    return map(dict, rows.values("state", "currency").annotate(people=Count("id"), base=Sum("base"), bonus=Sum("bonus")))


def _protocol(study: Study) -> dict[str, Any]:
    return {
        "study": study.name,
        "title": study.title,
        "version": study.version,
        "previous": study.previous.name if study.previous else None,
        "state": study.state,
        "frozen": study.digest,
        "seed": study.seed,
        "opened_at": study.opened_at.isoformat() if study.opened_at else None,
        "closed_at": study.closed_at.isoformat() if study.closed_at else None,
        "listener": study.listener.name,
        "arms": [
            {"name": arm.name, "speaker": arm.speaker.name, "digest": arm.speaker.digest, "method": arm.speaker.method, "is_live": arm.is_live}
            for arm in study.arms.select_related("speaker")
        ],
        "protocol": study.rules.as_json(),
    }


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


# How it is written


def _csv(table: Table) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows([_cell(value(column, row)) for column in table.columns] for row in table.rows)
    return file.getvalue().encode()


def _cell(content: Any) -> Any:
    """
    >>> _cell("=1+1"), _cell(-0.5), _cell(True), _cell(None)
    ("'=1+1", -0.5, 'true', '')
    """
    if content is None:
        return ""
    if isinstance(content, bool):
        return str(content).lower()
    return f"'{content}" if isinstance(content, str) and content.startswith(FORMULA) else content


def _jsonl(table: Table) -> bytes:
    rows = ({column.name: value(column, row) for column in table.columns} for row in table.rows)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _parquet(table: Table) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    types = {"whole": pa.int64(), "number": pa.float64(), "flag": pa.bool_()}
    schema = pa.schema([(column.name, types.get(column.kind, pa.string())) for column in table.columns])
    columns = [pa.array([value(column, row) for row in table.rows], type=schema.field(n).type) for n, column in enumerate(table.columns)]
    buffer = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays(columns, schema=schema), buffer)
    return buffer.getvalue()


WRITERS = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}
