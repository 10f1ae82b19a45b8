"""`import_mturk`: the files of LACIE's human evaluation as a finished study."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_slug

from annotations.data.imported import CannotImport, Imported, import_study
from annotations.data.mturk import Files, Unreadable, read
from annotations.models import Assignment
from games.models import Judgment

LISTED = 20
"""Bad rows that are shown; the others are counted."""


class Command(BaseCommand):
    help = "Import Mechanical Turk's results of LACIE's human evaluation as a closed study. All or nothing; importing twice adds nothing twice."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("results", type=Path, metavar="RESULTS.csv", help="as MTurk exports them: one row a task of one worker")
        parser.add_argument("--answers", type=Path, required=True, metavar="EVAL.jsonl", help="the evaluated answers that the tasks were made from")
        parser.add_argument("--study", required=True, metavar="NAME", help="name of the study that comes of it")
        parser.add_argument("--owner", default="", metavar="USER", help="who manages it (default: administrators only)")

    def handle(self, *, results: Path | str, answers: Path | str, study: str, owner: str, **_: Any) -> None:
        try:
            validate_slug(study)
            found = import_study(name=study, tasks=_read(Path(results), Path(answers)).tasks, owner=_owner(owner))
        except ValidationError as error:
            raise CommandError(f"The study's name is {study!r}. Use letters, digits, dashes and underscores.") from error
        except (CannotImport, Unreadable) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(_told(found))


def _read(results: Path, answers: Path) -> Files:
    files = read(results, answers)
    if files.bad:
        more = len(files.bad) - LISTED
        listed = "\n".join([*files.bad[:LISTED], *([f"… and {more} more."] if more > 0 else [])])
        raise CommandError(f"{listed}\nNothing was imported. Mend the rows above.")
    return files


def _owner(name: str) -> User | None:
    if not name:
        return None
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no account {name!r}. Make it with createsuperuser or in the admin, or leave --owner out.")
    return user


def _told(found: Imported) -> str:
    study = found.study
    if not found.is_new:
        return f"Study '{study}' is there already, from these files. Nothing was added."
    judged = Judgment.objects.filter(listener=study.listener_id)
    checks = Assignment.objects.filter(participant__study=study, passed__isnull=False)
    return (
        f"Study '{study}': {study.participants.count()} workers, {judged.count()} judgments of {study.arms.count()} arms, "
        f"{judged.usable().count()} usable, {checks.filter(passed=True).count()} of {checks.count()} attention checks passed.\n"
        f"Results: {study.get_absolute_url()}results/, or manage.py study_report {study}. As a listener: {study.listener}."
    )
