"""`delete_identities`: forget who participants are to the recruiting platform; their data stays whole."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from annotations.models import Study
from annotations.recruiting import identities


class Command(BaseCommand):
    help = "Delete participants' platform ids: of one person, of all of a study, or of every study whose date is over. Answers and payments stay."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("study", nargs="?", help="name of the study; left out with --due")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--label", metavar="LABEL_OR_CODE", help="one person's, by the platform's label or our code")
        which.add_argument("--all", action="store_true", help="everybody's in this study")
        which.add_argument("--due", action="store_true", help="everybody's in every study whose 'identities until' is over: for a daily timer")
        parser.add_argument("--unpaid-too", action="store_true", help="also of people whose payment has not been exported; they cannot be paid then")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["due"]:
            self._due()
            return
        study = Study.objects.filter(name=options["study"] or "").first()
        if study is None:
            raise CommandError(f"There is no study '{options['study'] or ''}'. Give the name of one, or --due for all whose date is over.")
        person = options["label"] or ""
        if options["label"] is not None and not person:
            raise CommandError("--label is empty. Give one person's label or code, or --all for everybody's.")
        owed = identities.unpaid(study=study, person=person)
        if owed and not options["unpaid_too"]:
            raise CommandError(
                f"{owed} of these people are still owed money, and without their label the platform cannot be told whom to pay. "
                f"Export their payments first ({study.get_absolute_url()}payments/), or add --unpaid-too."
            )
        self._say(study.name, identities.delete(study=study, person=person), of=f" of '{person}'" if person else "")

    def _due(self) -> None:
        deleted = identities.delete_due(today=timezone.localdate())
        for name, count in deleted.items():
            self._say(name, count)
        if not deleted:
            self.stdout.write("Nothing is due: no study has platform ids that should be gone by today.")

    def _say(self, study: str, count: int, of: str = "") -> None:
        if count:
            self.stdout.write(
                f"Study '{study}': deleted {count} platform id{'s' if count > 1 else ''}{of}. Answers and payments stay, under their codes."
            )
        else:
            self.stdout.write(f"Study '{study}': there was no platform id{of} to delete. Nothing was changed.")
