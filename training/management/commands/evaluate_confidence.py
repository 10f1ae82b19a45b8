"""manage.py evaluate_confidence: how good a speaker's stated and computed confidence is, each source in a row of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from games import registry
from games.estimators import BY
from games.estimators.base import EstimatorError
from games.jobs import Busy, Cancelled, LeaseLost
from games.listeners.base import ListenerError
from games.models import Game, Split
from games.play import GameError
from games.progress import bar
from games.speakers.base import SpeakerError
from training.confidences import SOURCES, confidence_rows
from training.evaluation import EvaluationError, find_speaker
from training.management.commands.compare_speakers import refuse_unwritable

WIDE = 150
FOR_PEOPLE = (EvaluationError, EstimatorError, GameError, SpeakerError, ListenerError, Busy, LeaseLost)


class Command(BaseCommand):
    help = "Tell how well a speaker's confidence agrees with whether it is right, by source. What is stored already is not asked again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("speaker", nargs="?", help="A speaker's name; base is the bundled one. With --game: not needed.")
        parser.add_argument("--game", type=int, metavar="ID", help="This finished game's answers, in place of the usual game with these settings.")
        parser.add_argument("--dataset", default="bundled", help="Default: %(default)s.")
        parser.add_argument("--split", default=Split.TEST, choices=Split.values, help="Default: %(default)s.")
        parser.add_argument(
            "--sources",
            nargs="+",
            default=["verbalised-number", "verbalised-phrase"],
            metavar="SOURCE",
            help=f"Of: {', '.join(SOURCES)}; {BY}NAME: by the calibration-tuned speaker NAME, whoever answered; recalibrated on validation questions "
            "with -temperature or -isotonic after it. Default: the stated two.",
        )
        parser.add_argument("--listener", help="Also what this listener takes from the answers. Default: no listener.")
        parser.add_argument("--relations", nargs="+", default=[], metavar="NAME", help="Only questions of these relations. Default: all.")
        parser.add_argument("--seed", type=int, default=0, help="Of the games and intervals. Default: %(default)s.")
        parser.add_argument("--json", metavar="FILE", help="Write the rows there; - for the terminal.")

    def handle(self, *args: Any, **given: Any) -> None:
        if given["json"]:
            refuse_unwritable(given["json"])
        try:
            with bar(f"confidence of {given['speaker'] or 'a game'}") as report:
                rows = self._rows(given, report)
        except FOR_PEOPLE as error:
            raise CommandError(str(error)) from error
        except (Cancelled, KeyboardInterrupt) as error:
            raise CommandError("Stopped. The same command goes on from there.", returncode=3) from error
        if given["json"] == "-":
            self.stdout.write(json.dumps(rows, indent=2))
            return
        if given["json"]:
            Path(given["json"]).write_text(json.dumps(rows, indent=2) + "\n")
        console = Console(file=sys.stdout)
        console.print(_table(rows, intervals=console.width >= WIDE))

    def _rows(self, given: dict[str, Any], report: Any) -> list[dict[str, Any]]:
        looked_at = _game(given) if given["game"] else _usual(given)
        dataset = looked_at["dataset"]
        known = set(dataset.questions.order_by().values_list("relation", flat=True).distinct())
        if unknown := sorted(set(given["relations"]) - known):
            raise EvaluationError(f"{dataset} has no relation {', '.join(unknown)}. It has: {', '.join(sorted(known))}.")
        return confidence_rows(
            **looked_at,
            sources=given["sources"],
            listener=registry.ensure_listener(given["listener"]) if given["listener"] else None,
            relations=given["relations"],
            seed=given["seed"],
            on_progress=report,
        )


def _usual(given: dict[str, Any]) -> dict[str, Any]:
    if not given["speaker"]:
        raise EvaluationError("Name a speaker, or a game with --game.")
    dataset = registry.ensure_dataset(given["dataset"])
    if dataset is None:
        raise EvaluationError(f"There is no dataset {given['dataset']!r}. Load one: manage.py load_questions.")
    return {"speaker": find_speaker(given["speaker"]), "dataset": dataset, "split": given["split"]}


def _game(given: dict[str, Any]) -> dict[str, Any]:
    game = Game.objects.select_related("speaker", "dataset").filter(pk=given["game"]).first()
    if game is None:
        raise EvaluationError(f"There is no game {given['game']}. The site lists them at /games/; play one: manage.py play_game.")
    if given["speaker"] not in (None, game.speaker.name):
        raise EvaluationError(f"{game} is not one of {given['speaker']}. Leave the speaker out, or name another game.")
    return {"speaker": game.speaker, "dataset": game.dataset, "split": game.split, "game": game}


def _table(rows: list[dict[str, Any]], *, intervals: bool) -> Table:
    """A row a source; the 95 % intervals only where there is room for them."""
    first = rows[0]
    table = Table(title=f"{first['speaker']} on {first['dataset']}/{first['split']}")
    names = list(dict.fromkeys(name for row in rows for name in row["metrics"] if row["metrics"][name]["value"] is not None))
    for heading in ("kind", "source", "n", *names):
        table.add_column(heading, justify="left" if heading in ("kind", "source") else "right", no_wrap=heading == "source")
    for row in rows:
        table.add_row(row["confidence"], row["source"], str(row["n"]), *(_cell(row["metrics"].get(name), intervals) for name in names))
    return table


def _cell(estimate: dict[str, Any] | None, intervals: bool) -> str:
    if not estimate or estimate["value"] is None:
        return "–"
    value = f"{estimate['value']:.2f}"
    return f"{value} ({estimate['low']:.2f}–{estimate['high']:.2f})" if intervals and estimate["low"] is not None else value
