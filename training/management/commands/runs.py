"""manage.py runs: what is being trained and what came of it."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from training.models import TrainingRun


class Command(BaseCommand):
    help = "List training runs; show one, or stop it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", nargs="?", choices=["list", "show", "stop"], default="list", help="Default: %(default)s.")
        parser.add_argument("name", nargs="?", help="Of the run to show or stop.")

    def handle(self, *args: Any, action: str, name: str | None, **_: Any) -> None:
        console = Console(file=sys.stdout)
        if action == "list":
            console.print(_table())
            return
        run = TrainingRun.objects.select_related("base", "pair_set", "speaker").filter(name=name or "").first()
        if run is None:
            names = ", ".join(TrainingRun.objects.values_list("name", flat=True)[:10]) or "none yet"
            raise CommandError(f"There is no run {name!r}. There are: {names}.")
        if action == "stop":
            self._stop(run)
        else:
            console.print(_details(run))

    def _stop(self, run: TrainingRun) -> None:
        if run.is_over:
            raise CommandError(f"{run} is {run.state} already.")
        run.request_cancel()
        self.stdout.write(f"{run} is {run.state}." if run.is_over else f"{run} has been asked to stop; it saves and ends after its current step.")


def _table() -> Table:
    table = Table(title="Training runs")
    for heading in ("name", "method", "base", "pairs", "state", "step", "progress", "speaker"):
        table.add_column(heading, justify="right" if heading == "step" else "left")
    for run in TrainingRun.objects.select_related("base", "pair_set", "speaker"):
        columns = (run.name, run.method, run.base, run.pair_set or "–", run.state, f"{run.done}/{run.total}", run.message, run.speaker or "–")
        table.add_row(*map(str, columns))
    return table


def _details(run: TrainingRun) -> Table:
    table = Table(title=str(run), show_header=False)
    facts: dict[str, Any] = {
        "method": run.method,
        "base": run.base,
        "pairs": run.pair_set,
        "seed": run.seed,
        "state": run.state,
        "step": f"{run.done} of {run.total}",
        "message": run.message,
        "error": run.error,
        "attempt": run.attempt,
        "worker": run.worker,
        "folder": run.folder,
        "speaker": run.speaker,
        "metrics": json.dumps(run.metrics),
        "config": json.dumps(run.config),
    }
    for name, value in facts.items():
        table.add_row(name, str(value) if value not in (None, "") else "–")
    return table
