"""`study_report`: what the people of a study accepted, for the terminal, for scripts, and as a PDF for the paper."""

from __future__ import annotations

import argparse
import getpass
import json
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from annotations.models import Study
from annotations.results import figures, looks, report
from annotations.results.acceptance import Headline
from annotations.results.findings import p_value, signed
from annotations.results.report_json import as_json
from annotations.templatetags.estimates import percent
from games.intervals import Estimate


class Command(BaseCommand):
    help = "Report what the participants of a study accepted, arm by arm, with the contrast of the arms, intervals and tests."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="the study's name")
        parser.add_argument("--json", metavar="FILE", help="write everything as JSON; - for standard output, the table then goes to standard error")
        parser.add_argument("--pdf", metavar="FILE", help="write table and figures for a paper")
        parser.add_argument("--peek", action="store_true", help="show the effect of a study that is under way; that you looked is kept")
        parser.add_argument("--bots", action="store_true", help="count simulated participants too, and say so")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.select_related("listener").filter(name=options["name"]).first()
        if study is None:
            there = ", ".join(Study.objects.values_list("name", flat=True)) or "none yet; open one with manage.py open_study"
            raise CommandError(f"There is no study '{options['name']}'. Choose from: {there}.")
        for file in (options["json"], options["pdf"]):
            _refuse_unwritable(file)
        hidden = looks.is_hidden(study)
        if hidden and options["peek"]:
            looks.take(study=study, by=f"{getpass.getuser()}, by study_report")
        elif hidden and (options["json"] or options["pdf"]):
            raise CommandError(
                f"Study '{study}' is under way, and its effect hidden, so that nobody decides by it before the time. "
                "Close the study, or add --peek: then it is written, and kept that you looked."
            )
        found = report.results_of(study, bots=options["bots"])
        if options["json"]:
            self._write(options["json"], json.dumps(as_json(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        if options["pdf"]:
            Path(options["pdf"]).write_bytes(figures.pdf(found))
        console = Console(file=cast(IO[str], self.stderr if options["json"] == "-" else self.stdout))
        _print(found, console, effect=not hidden or options["peek"])

    def _write(self, file: str, text: str) -> None:
        if file == "-":
            self.stdout.write(text)
        else:
            Path(file).write_text(text, encoding="utf-8")


def _refuse_unwritable(file: str | None) -> None:
    if file is None or file == "-":
        return
    try:
        with Path(file).open("ab"):
            pass
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}. Name a file in a folder that exists and is yours.") from error


def _print(found: report.StudyResults, console: Console, *, effect: bool) -> None:
    console.print(_arms(found, effect=effect))
    if effect:
        for row in found.contrasts:
            console.print(row.sentence, highlight=False, soft_wrap=True)
        if found.contrasts and found.usable:
            console.print(_contrasts(found))
    else:
        console.print("The study is under way: its effect is hidden. --peek shows it, and keeps that you looked.", highlight=False, soft_wrap=True)
    if not found.simulated and found.who.bots:
        console.print(f"{found.who.bots} bots are left out; --bots counts them.", highlight=False)


def _arms(found: report.StudyResults, *, effect: bool) -> Table:
    columns = ("arm", "speaker", "people", "judged", "usable")
    accepts = ("true\naccepts", "false\naccepts", "false\nrejects", "true\nrejects", "right accepted", "wrong accepted", "precision")
    table = Table(*columns, *(accepts if effect else ()), title=f"Study '{found.study}' ({found.study.state})")
    simulated = "; SIMULATED: bots are counted" if found.simulated else ""
    intervals = "; 95 % intervals clustered by person and question" if effect else ""
    table.caption = f"{found.finished} of {found.entered} participants finished{intervals}{simulated}"
    for row in found.arms:
        one = row.counts
        told = [row.arm.name, row.arm.speaker.name, str(one.people), str(row.judgments), str(one.usable)]
        if effect:
            told += map(str, (one.true_accepts, one.false_accepts, one.false_rejects, one.true_rejects))
            told += map(_rate, (one.true_accept_rate, one.false_accept_rate, one.precision))
        table.add_row(*told)
    return table


def _contrasts(found: report.StudyResults) -> Table:
    table = Table("against the first arm", "accepted", "change of", "change", "95 % interval", "p", "test", title="Contrast")
    for row in found.contrasts:
        for kind, change in (("wrong answers", row.rates.false_accept), ("right answers", row.rates.true_accept)):
            numbers = Headline(*change.count, of="count", test="clustered"), Headline(*change.rate, of="rate", test="clustered")
            for one in (change.headline, numbers[change.headline.of == "count"]):
                span = "–" if one.low is None or one.high is None else f"{signed(one.low)} to {signed(one.high)}"
                value = "–" if one.value is None else signed(one.value)
                table.add_row(row.arm.speaker.name, kind, one.of, value, span, p_value(one.p), one.test)
    return table


def _rate(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    return percent(estimate.value) if estimate.low is None else f"{percent(estimate.value)}\n[{percent(estimate.low)}, {percent(estimate.high)}]"
