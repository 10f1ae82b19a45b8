"""CSV, JSONL, JSON and Parquet → records with the place each stands at. A line that cannot be read is a `Problem`, and the rest goes on."""

from __future__ import annotations

import ast
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Found = list[tuple[str, "dict[str, Any] | Problem"]]
"""(place, record or what is wrong with it)."""


class Unreadable(Exception):
    """The file as a whole cannot be read; the message is for the user."""


class Problem(Exception):
    """What is wrong with one row, and what to do about it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def records(path: Path) -> Found:
    """
    Raises:
        Unreadable: no such file, or not one of these formats.
    """
    if path.suffix not in READERS:
        raise Unreadable(f"{path}: files that end in {path.suffix or 'nothing'} are not read. Use one of: {', '.join(READERS)}, or `bundled`.")
    if not path.is_file():
        raise Unreadable(f"{path}: there is no such file. Name a file of questions, or `bundled`.")
    try:
        return list(READERS[path.suffix](path))
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path}: this is not UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8.") from error


def _csv(path: Path) -> Iterator[tuple[str, dict[str, Any] | Problem]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
        line = 1
        while True:
            try:
                _ = reader.fieldnames  # reads the header, so that the first row is not taken to begin on its line
                line = reader.line_num + 1
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield f"{path.name}, line {line}", Problem(f"broken CSV ({error})", "Quote cells that hold commas, quotes or line breaks.")
                continue
            yield f"{path.name}, line {line}", _whole(row, len(reader.fieldnames or []))


def _whole(row: dict[str, Any], columns: int) -> dict[str, Any] | Problem:
    """The row with its nested cells (lists and objects written as text) read."""
    surplus: list[str] = row.pop(None, [])  # type: ignore[call-overload]  # DictReader's key for cells beyond the header
    missing = sum(value is None for value in row.values())
    if surplus or missing:
        cells = columns + len(surplus) - missing
        return Problem(f"{cells} cells, but the header has {columns} columns", "Quote cells that hold commas.")
    return {name: _nested(value) for name, value in row.items()}


def _nested(cell: str) -> Any:
    if cell[:1] not in "[{" or not cell:
        return cell
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(cell)
        except (ValueError, SyntaxError):
            continue
    return cell


def _jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any] | Problem]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield f"{path.name}, line {number}", _json_row(line)


def _json_row(line: str) -> dict[str, Any] | Problem:
    try:
        row = json.loads(line)
    except ValueError as error:
        return Problem(f"no valid JSON ({error})", "Write one JSON object a line.")
    return _object(row)


def _object(row: Any) -> dict[str, Any] | Problem:
    return row if isinstance(row, dict) else Problem(f"{type(row).__name__}, not an object", "Write a JSON object with a key for each column.")


def _json(path: Path) -> Iterator[tuple[str, dict[str, Any] | Problem]]:
    """A list of objects, or TriviaQA's object with the list under `Data` and the split beside it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        raise Unreadable(f"{path}: no valid JSON ({error}). For one object a line, call the file .jsonl.") from error
    whole = content if isinstance(content, dict) else {"Data": content}
    rows = whole.get("Data", whole.get("data"))
    if not isinstance(rows, list):
        raise Unreadable(f"{path}: neither a list of questions nor an object with such a list under `Data`.")
    for number, row in enumerate(rows, start=1):
        found = _object(row)
        if isinstance(found, dict) and "Split" in whole:
            found.setdefault("Split", whole["Split"])
        yield f"{path.name}, entry {number}", found


def _parquet(path: Path) -> Iterator[tuple[str, dict[str, Any] | Problem]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise Unreadable(f"{path}: reading Parquet needs pyarrow: pip install -r requirements-web.txt") from error
    try:
        rows = parquet.read_table(path).to_pylist()
    except (ArrowException, OSError) as error:
        raise Unreadable(f"{path}: this is no readable Parquet file ({error}).") from error
    for number, row in enumerate(rows, start=1):
        yield f"{path.name}, row {number}", row


READERS = {".csv": _csv, ".tsv": _csv, ".jsonl": _jsonl, ".json": _json, ".parquet": _parquet}


def strings(value: Any, name: str, *, separator: str | None = None) -> list[str]:
    """A list of texts from a list, a text, or a text with separators.

    >>> strings("Paris | Paname", "answers", separator="|"), strings(["a", 1], "answers"), strings(None, "answers")
    (['Paris', 'Paname'], ['a', '1'], [])
    """
    if value is None:
        return []
    if isinstance(value, str | int | float):
        return [part.strip() for part in (str(value).split(separator) if separator else [str(value)]) if part.strip()]
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return [str(item) for item in value]
    raise Problem(f"{name} is not a list of texts: {value!r:.60}", f"Write {name} as a list of texts.")
