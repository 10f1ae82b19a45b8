"""`study_keys`: the public keys with which a recruiting platform's entry tokens are verified."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotations.models import Study
from annotations.recruiting import links
from annotations.recruiting.tokens import KeysError, read_keys


class Command(BaseCommand):
    help = "Set the keys (a JWK set) that verify entry tokens of a study, and the platform's own id of the study. Both may change while it is open."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("study", help="name of the study")
        parser.add_argument("--file", type=Path, help="the JWK set as JSON, as the platform publishes it")
        parser.add_argument("--platform-study", metavar="ID", help="who comes from another study of the platform is refused; '' asks no more")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(name=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study '{options['study']}'.")
        if options["file"]:
            study.keys = _keys(options["file"])
        if options["platform_study"] is not None:
            study.platform_study = options["platform_study"].strip()
        study.save(update_fields=["keys", "platform_study"])
        names = ", ".join(key.get("kid", "without a name") for key in study.keys.get("keys", [])) or "none"
        self.stdout.write(f"Study '{study}': keys {names}; on the platform it is {study.platform_study or 'any study'}.")
        for problem in links.problems(study):
            self.stdout.write(f"Nobody can enter yet: {problem}")


def _keys(file: Path) -> dict[str, Any]:
    try:
        return read_keys(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read as text: {error}") from None
    except KeysError as error:
        raise CommandError(f"{file}: {error}") from None
