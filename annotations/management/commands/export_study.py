"""`export_study`: a study's data as files, and whether such files are still what they were."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotations.data.chain import Broken, verify
from annotations.data.export import FORMATS, ExportError, export, write
from annotations.models import Study


class Command(BaseCommand):
    help = "Export a study: judgments, wide table, checks, participants under pseudonyms, protocol, codebook; sealed by one digest. Or verify one."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("study", nargs="?", default="", metavar="NAME", help="of the study; left out with --verify")
        parser.add_argument("folder", nargs="?", default="", metavar="DIR", help="where the files go; made if it is missing")
        parser.add_argument("--format", choices=FORMATS, default="csv", help="of the tables (default: %(default)s)")
        parser.add_argument("--bots", action="store_true", help="bots too; they are marked (default: people alone)")
        parser.add_argument("--verify", default="", metavar="DIR", help="check an export's files, and name the first that differs")
        parser.add_argument("--digest", default="", help="with --verify: the digest that it must have, as a paper or preregistration gives it")

    def handle(self, *, study: str, folder: str, **given: Any) -> None:
        if given["verify"]:
            self._verify(Path(given["verify"]), given["digest"])
            return
        if not study or not folder:
            raise CommandError("Name a study and a folder (export_study NAME DIR), or a folder to check (--verify DIR).")
        row = Study.objects.filter(name=study).first()
        if row is None:
            there = ", ".join(Study.objects.values_list("name", flat=True)[:10]) or "none yet"
            raise CommandError(f"There is no study '{study}'. There are: {there}.")
        try:
            exported = export(study=row, format=given["format"], bots=given["bots"])
            write(exported=exported, folder=Path(folder))
        except ExportError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(exported.files)} files of study '{row}' in {folder}. Digest: {exported.digest}")
        if row.state != Study.State.CLOSED:
            self.stdout.write(f"The study is {row.state}: another export may differ. Close it before you write the digest down.")

    def _verify(self, folder: Path, digest: str) -> None:
        try:
            found = verify(folder, expected=digest)
        except Broken as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{folder}: every file is as it was exported. Digest: {found}")
