"""`panel_links`: one signed entry link for each member of your own panel."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotations.models import Study
from annotations.recruiting import links


class Command(BaseCommand):
    help = "Print one signed entry link a label, as CSV (label,link). The study's protocol must say links.platform = panel."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("study", help="name of the study")
        parser.add_argument("--labels", required=True, type=Path, metavar="FILE", help="one label a line; empty lines are skipped")
        parser.add_argument("--site", default="", metavar="URL", help="put before each link, for example https://study.example.org")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(name=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study '{options['study']}'. Choose from: {_names()}.")
        if study.rules.recruiting.platform != "panel":
            raise CommandError(f"Study '{study}' recruits by '{study.rules.recruiting.platform}', where such links let nobody in. Set it to 'panel'.")
        labels = _labels(options["labels"])
        try:
            signed = [(label, options["site"].rstrip("/") + links.panel_link(study=study, label=label)) for label in labels]
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stdout.write("label,link")
        for label, link in signed:
            self.stdout.write(f'"{label}",{link}' if "," in label else f"{label},{link}")


def _labels(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read as text: {error}") from None
    labels = [line.strip() for line in lines if line.strip()]
    twice = {label for label in labels if labels.count(label) > 1} if len(set(labels)) < len(labels) else set()
    if twice or not labels:
        raise CommandError(f"{file}: {'these labels come twice: ' + ', '.join(sorted(twice)[:5]) if twice else 'there is no label in it'}.")
    return labels


def _names() -> str:
    return ", ".join(Study.objects.values_list("name", flat=True)) or "none yet"
