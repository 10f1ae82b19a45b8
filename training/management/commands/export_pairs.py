"""manage.py export_pairs: a pair set as TRL preference data, JSONL or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from django.core.management.base import BaseCommand, CommandError, CommandParser

from training.models import PairSet
from training.pairs import preference_rows, unpaired_rows


class Command(BaseCommand):
    help = "Write a pair set in TRL's preference format (prompt, chosen, rejected), or unpaired (prompt, completion, label), with provenance."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Of the pair set.")
        parser.add_argument("--out", required=True, help="A file that ends in .jsonl or .parquet.")
        parser.add_argument("--unpaired", action="store_true", help="One row an utterance and label. Default: one row a pair.")

    def handle(self, *args: Any, **given: Any) -> None:
        out = Path(given["out"])
        pair_set = PairSet.objects.select_related("speaker", "listener").filter(name=given["name"]).first()
        if pair_set is None:
            raise CommandError(f"There is no pair set {given['name']!r}. Build one: manage.py build_pairs.")
        if out.suffix not in (".jsonl", ".parquet"):
            raise CommandError(f"{out}: give a file name that ends in .jsonl or .parquet.")
        if not out.parent.is_dir():
            raise CommandError(f"There is no folder {out.parent} to write into.")
        rows = preference_rows(pair_set)
        rows = unpaired_rows(rows) if given["unpaired"] else rows
        write(rows, out)
        self.stdout.write(f"{len(rows)} rows in {out}.")


def write(rows: list[dict[str, Any]], out: Path) -> None:
    """Write the rows so that the file is there whole or not at all."""
    part = out.with_name(f"{out.name}.part")
    table = pd.DataFrame(rows)
    if out.suffix == ".jsonl":
        table.to_json(part, orient="records", lines=True, force_ascii=False)
    else:
        table.to_parquet(part, index=False)
    part.replace(out)
