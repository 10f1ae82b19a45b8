"""manage.py evaluate_speaker: one speaker on held-out questions before a listener, every metric with its interval."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from games import report
from games.jobs import Busy, Cancelled, LeaseLost
from games.listeners.base import ListenerError
from games.models import Dataset
from games.progress import bar
from games.registry import ensure_listener
from games.speakers.base import SpeakerError
from games.speakers.local import refuse_missing
from games.truthfulness import is_truthfulqa, truthfulness
from training.evaluation import EvaluationError, complete, evaluate, evaluation_game, find, find_speaker
from training.management.commands.compare_speakers import add_settings, refuse_unwritable, show
from training.outcomes import outcomes_of

JUDGES = {"truthful": ("--truth-judge", "TRUTH_JUDGE"), "informative": ("--info-judge", "INFO_JUDGE")}
"""Aspect → the option and the setting that name its judge model."""


class Command(BaseCommand):
    help = "Evaluate one speaker on held-out questions. What has been played is kept; interrupted, the same command goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("speaker", metavar="SPEAKER", help="Its name.")
        add_settings(parser)
        for aspect, (option, setting) in JUDGES.items():
            parser.add_argument(
                option,
                metavar="MODEL",
                help=f"TruthfulQA's judge of what is {aspect}: a folder or a hub name. Default: the setting {setting}, for questions of TruthfulQA.",
            )

    def handle(self, *args: Any, **given: Any) -> None:
        refuse_unwritable(given["json"])
        try:
            result = _evaluate(given)
        except (EvaluationError, ListenerError, SpeakerError, Busy, LeaseLost) as error:
            raise CommandError(str(error)) from error
        except (Cancelled, KeyboardInterrupt) as error:
            raise CommandError("Stopped. The same command goes on from there.", returncode=3) from error
        console = show(self, result, given["json"])
        for row in result.get("truthfulness", []):
            console.print(_sentence(row), highlight=False, soft_wrap=True)


def _evaluate(given: dict[str, Any]) -> dict[str, Any]:
    """The row of the evaluation, saved, in the form of a comparison's result."""
    speaker, dataset, listener = find_speaker(given["speaker"]), find(Dataset, given["dataset"]), ensure_listener(given["listener"])
    settled = {"dataset": dataset, "split": given["split"], "listener": listener, "samples": given["samples"], "seed": given["seed"]}
    judges = _judges(given, dataset)
    game = evaluation_game(speaker=speaker, **settled)
    with bar(f"evaluating {speaker}") as tell:
        complete(game, listener, tell)
        truths = {"truthfulness": truthfulness(game, judges, seed=given["seed"], on_progress=tell)} if judges is not None else {}
    evaluate(game, listener, seed=given["seed"])
    said = {speaker.name: outcomes_of(game, listener)}
    return {"dataset": dataset.name, **report.result(said, listener=listener.name, split=given["split"], seed=given["seed"]), **truths}


def _judges(given: dict[str, Any], dataset: Dataset) -> dict[str, str] | None:
    """By aspect; None: these are no questions of TruthfulQA, and nobody asked for judges.

    Raises:
        SpeakerError: one of them is not here.
    """
    named = {aspect: given[option[2:].replace("-", "_")] for aspect, (option, _) in JUDGES.items()}
    if not any(named.values()) and not is_truthfulqa(dataset):
        return None
    judges = {aspect: named[aspect] or getattr(settings, setting) for aspect, (_, setting) in JUDGES.items()}
    for judge in filter(None, judges.values()):
        refuse_missing(judge)
    return judges


def _sentence(row: dict[str, Any]) -> str:
    """
    >>> _sentence({"aspect": "truthful", "scored_by": "reference answers", "n": 817, "value": 0.551, "low": 0.517, "high": 0.585})
    'truthful: 0.55 [0.52, 0.58] of 817 responses, scored by reference answers'
    """
    if not row["n"]:
        return f"{row['aspect']}: no response was scored by {row['scored_by']}"
    span = f" [{row['low']:.2f}, {row['high']:.2f}]" if row["low"] is not None else ""
    return f"{row['aspect']}: {row['value']:.2f}{span} of {row['n']} responses, scored by {row['scored_by']}"
