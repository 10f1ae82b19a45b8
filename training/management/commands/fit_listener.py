"""manage.py fit_listener: a listener that judges as people have judged."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_slug
from rich.console import Console
from rich.table import Table

from games.listeners.base import ListenerError
from games.models import Listener
from training.listener_fit import fit, source

TITLES = {"auroc": "AUROC", "ece": "ECE"}


class Command(BaseCommand):
    help = "Fit a learned listener to a listener's usable judgments (a study's people), and report how it predicts judgments held out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Of the listener that comes of it.")
        parser.add_argument("--from", dest="judge", required=True, metavar="STUDY_OR_LISTENER", help="Whose usable judgments it is fitted to.")
        parser.add_argument("--seed", type=int, default=0, help="Of the folds and the resampling. Default: %(default)s.")
        parser.add_argument("--json", default="", metavar="FILE", help="Write the figures to a file; - for standard output, without the table.")

    def handle(self, *args: Any, name: str, judge: str, seed: int, **given: Any) -> None:
        try:
            validate_slug(name)
            listener = fit(name=name, judge=source(judge), seed=seed)
        except ValidationError as error:
            raise CommandError(f"The name is {name!r}. Use letters, digits, dashes and underscores.") from error
        except ListenerError as error:
            raise CommandError(str(error)) from error
        figures = {"listener": listener.name, **{key: listener.config[key] for key in ("from", "seed", "digest", "counts", "held_out")}}
        written = json.dumps(figures, indent=2)
        if given["json"] == "-":
            self.stdout.write(written)
            return
        if given["json"]:
            Path(given["json"]).write_text(written + "\n", encoding="utf-8")
        _show(listener, Console(file=sys.stdout))


def _show(listener: Listener, console: Console) -> None:
    counts, held_out = listener.config["counts"], listener.config["held_out"]
    who = f"{counts['judgments']} judgments of {counts['questions']} questions" + (f" by {counts['people']} people" if counts["people"] else "")
    table = Table(title=f"{listener}: fitted to {listener.config['from']}, {who}")
    for heading in ("held out, 95 %", str(listener), "lexicon", "difference"):
        table.add_column(heading, justify="left" if heading.startswith("held") else "right")
    for measure, title in TITLES.items():
        table.add_row(title, *(_told(held_out[side][measure]) for side in ("fitted", "lexicon", "difference")))
    console.print(table)
    console.print(f"Whether people accept, each judgment predicted without its question and person. Play with it: --listener {listener}")


def _told(estimate: dict[str, float | None]) -> str:
    value, low, high = (estimate[part] for part in ("value", "low", "high"))
    if value is None:
        return "—"
    return f"{value:.3f}" if low is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"
