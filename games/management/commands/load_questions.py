"""Loads questions from a file, or the bundled ones: `manage.py load_questions bundled`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.text import slugify

from games.layouts import BUNDLED, Reading, Unreadable, read
from games.models import Split
from games.questions import AUTO, Loaded, dataset_name, load_into_database

LISTED = 20
"""Bad rows that are shown; the others are counted."""


class Command(BaseCommand):
    help = (
        "Load questions: `bundled`, or a CSV, JSONL, JSON or Parquet file (our own columns question and answers; TriviaQA; TruthfulQA; "
        "questions with recorded responses). All or nothing; loading twice adds nothing twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", metavar="PATH_OR_NAME", help="a file, or `bundled`")
        parser.add_argument("--name", default="", help="name of the dataset (default: that of the file)")
        splits = [*Split.values, AUTO]
        parser.add_argument("--split", choices=splits, default="", help="for rows that name none (default: test); auto: 62 %% / 10 %% / 28 %%")
        parser.add_argument("--limit", type=int, default=None, help="load only the first so many questions (default: all)")
        parser.add_argument("--skip-bad", action="store_true", help="leave bad rows out, and list them")
        parser.add_argument("--origin", default="", help="where the questions come from, kept with the dataset")
        parser.add_argument("--licence", default="", help="their licence, kept with the dataset")

    def handle(self, *, source: str, name: str, split: str, limit: int | None, skip_bad: bool, origin: str, licence: str, **_: Any) -> None:
        if limit is not None and limit < 1:
            raise CommandError(f"--limit {limit} leaves nothing to load. Give a number from 1 up.")
        reading = self._read(source, limit, skip_bad)
        file = None if source == BUNDLED else Path(source)
        dataset = slugify(name)[:50] or dataset_name(source)
        loaded = load_into_database(reading=reading, name=dataset, split=split, source=origin, licence=licence, file=file)
        self._tell(loaded)

    def _read(self, source: str, limit: int | None, skip_bad: bool) -> Reading:
        try:
            reading = read(source, limit=limit)
        except (Unreadable, ValueError) as error:
            raise CommandError(str(error)) from error
        if reading.bad and not skip_bad:
            raise CommandError(f"{_listed(reading)}\nNothing was loaded. Mend the rows above, or leave them out with --skip-bad.")
        if reading.bad:
            self.stderr.write(f"{_listed(reading)}\nLeft out: {len(reading.bad)}.")
        return reading

    def _tell(self, loaded: Loaded) -> None:
        splits = ", ".join(f"{count} {split}" for split, count in sorted(loaded.splits.items()))
        self.stdout.write(f"{loaded.dataset}: {loaded.added} questions added{f' ({splits})' if splits else ''}, {loaded.there} were there already.")
        if loaded.differing:
            self.stdout.write(f"{loaded.differing} of those differ from the file and stay as they were. Give --name to load them as another dataset.")
        if loaded.speaker:
            self.stdout.write(f"{loaded.utterances} recorded answers added for the speaker {loaded.speaker}.")


def _listed(reading: Reading) -> str:
    more = len(reading.bad) - LISTED
    lines = [str(bad) for bad in reading.bad[:LISTED]] + ([f"… and {more} more bad rows."] if more > 0 else [])
    return "\n".join(lines)
