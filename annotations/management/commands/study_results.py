"""`study_results`: what people accepted, for the terminal and for scripts."""

from __future__ import annotations

import argparse
import json
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from annotations import report
from annotations.models import Study
from annotations.results import Estimate
from annotations.templatetags.estimates import percent


class Command(BaseCommand):
    help = "Show what the participants of a study accepted, for each arm, with 95 % intervals."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="the study's name")
        parser.add_argument("--json", action="store_true", help="write JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.select_related("listener").filter(name=options["name"]).first()
        if study is None:
            there = ", ".join(Study.objects.values_list("name", flat=True)) or "none yet; open one with manage.py open_study"
            raise CommandError(f"There is no study '{options['name']}'. Choose from: {there}.")
        found = report.results_of(study)
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(found), indent=2))
        else:
            Console(file=cast(IO[str], self.stdout)).print(_table(found))


def _table(found: report.StudyResults) -> Table:
    table = Table(
        "arm", "speaker", "people", "judgments", "usable", "right accepted", "wrong accepted", title=f"Study '{found.study}' ({found.study.state})"
    )
    table.caption = f"{found.finished} of {found.entered} people finished; intervals: {found.method}"
    for row in found.arms:
        numbers = (row.counts.people, row.judgments, row.counts.usable)
        rates = (_cell(row.counts.true_accept_rate), _cell(row.counts.false_accept_rate))
        table.add_row(row.arm.name, row.arm.speaker.name, *map(str, numbers), *rates)
    return table


def _cell(estimate: Estimate) -> str:
    return "–" if estimate.value is None else f"{percent(estimate.value)}\n[{percent(estimate.low)}, {percent(estimate.high)}]"
