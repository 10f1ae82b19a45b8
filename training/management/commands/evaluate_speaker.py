"""manage.py evaluate_speaker: one speaker on held-out questions before a listener, every metric with its interval."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from games import report
from games.jobs import Busy, Cancelled, LeaseLost
from games.listeners.base import ListenerError
from games.models import Dataset
from games.progress import bar
from games.registry import ensure_listener
from games.speakers.base import SpeakerError
from training.evaluation import EvaluationError, complete, evaluate, evaluation_game, find, find_speaker
from training.management.commands.compare_speakers import add_settings, refuse_unwritable, show
from training.outcomes import outcomes_of


class Command(BaseCommand):
    help = "Evaluate one speaker on held-out questions. What has been played is kept; interrupted, the same command goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("speaker", metavar="SPEAKER", help="Its name.")
        add_settings(parser)

    def handle(self, *args: Any, **given: Any) -> None:
        refuse_unwritable(given["json"])
        try:
            result = _evaluate(given)
        except (EvaluationError, ListenerError, SpeakerError, Busy, LeaseLost) as error:
            raise CommandError(str(error)) from error
        except (Cancelled, KeyboardInterrupt) as error:
            raise CommandError("Stopped. The same command goes on from there.", returncode=3) from error
        show(self, result, given["json"])


def _evaluate(given: dict[str, Any]) -> dict[str, Any]:
    """The row of the evaluation, saved, in the form of a comparison's result."""
    speaker, dataset, listener = find_speaker(given["speaker"]), find(Dataset, given["dataset"]), ensure_listener(given["listener"])
    settled = {"dataset": dataset, "split": given["split"], "listener": listener, "samples": given["samples"], "seed": given["seed"]}
    game = evaluation_game(speaker=speaker, **settled)
    with bar(f"evaluating {speaker}") as tell:
        complete(game, listener, tell)
    evaluate(game, listener, seed=given["seed"])
    said = {speaker.name: outcomes_of(game, listener)}
    return {"dataset": dataset.name, **report.result(said, listener=listener.name, split=given["split"], seed=given["seed"])}
