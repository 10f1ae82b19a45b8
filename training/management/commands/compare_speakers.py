"""manage.py compare_speakers: several speakers on the same held-out questions, before the same listener, with intervals."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.text import slugify
from rich.console import Console

from games.findings import findings
from games.jobs import Busy, Cancelled, LeaseLost
from games.listeners.base import ListenerError
from games.models import Dataset, Split
from games.progress import bar
from games.registry import ensure_listener
from games.speakers.base import SpeakerError
from training.evaluation import EvaluationError, as_table, find, find_speaker, run_in_foreground, start_comparison
from training.models import Comparison
from training.static_report import write_report

NAME_LENGTH = 100


class Command(BaseCommand):
    help = "Compare speakers on held-out questions; the first is the base. What has been played is kept; interrupted, the same command goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("speakers", nargs="+", metavar="SPEAKER", help="Names, the base first; for example: base truthful lacie.")
        add_settings(parser)
        parser.add_argument("--name", help="Of the comparison. Default: from speakers, dataset, split, listener, samples and seed.")
        parser.add_argument("--html", metavar="DIR", help="Write the report as a folder (index.html, figures, data) that needs no server.")
        parser.add_argument("--queue", action="store_true", help="Leave it to a worker. Default: play and evaluate here and now.")

    def handle(self, *args: Any, **given: Any) -> None:
        if given["queue"] and (given["json"] or given["html"]):
            raise CommandError("--queue leaves the work to a worker, so there is nothing to write yet. Leave out --json and --html, or --queue.")
        refuse_unwritable(given["json"], given["html"])
        try:
            comparison = _start(given)
            if given["queue"]:
                self._enqueue(comparison)
                return
            make_folder(given["html"])
            with bar("comparison") as tell:
                comparison = run_in_foreground(comparison, on_progress=tell)
            comparison.refresh_from_db()
        except (EvaluationError, ListenerError, SpeakerError, Busy, LeaseLost) as error:
            raise CommandError(str(error)) from error
        except (Cancelled, KeyboardInterrupt) as error:
            raise CommandError("Stopped. The same command goes on from there.", returncode=3) from error
        console = show(self, comparison.result, given["json"])
        for sentence in findings(comparison.result):
            console.print(sentence, highlight=False, soft_wrap=True)
        if given["html"]:
            console.print(f"Report: {write_report(comparison, Path(given['html']))}", highlight=False, soft_wrap=True)

    def _enqueue(self, comparison: Comparison) -> None:
        from games.queue import enqueue

        if comparison.is_over and not comparison.requeue():
            self.stdout.write(f"{comparison} is done already: {comparison.get_absolute_url()}")
            return
        enqueue(comparison)
        self.stdout.write(f"{comparison} is on the queue: manage.py worker plays it; watch it at {comparison.get_absolute_url()}")


def add_settings(parser: CommandParser) -> None:
    """What `evaluate_speaker` takes too."""
    parser.add_argument("--dataset", default="bundled", help="Default: %(default)s.")
    parser.add_argument("--split", choices=Split.values, default=Split.TEST.value, help="Default: %(default)s.")
    parser.add_argument("--listener", default="lexicon", help="Who judges; simulated. Default: %(default)s.")
    parser.add_argument("--samples", type=int, default=1, help="Answers to each question; the paper evaluates one. Default: %(default)s.")
    parser.add_argument("--seed", type=int, default=0, help="Of the samples and of the bootstrap. Default: %(default)s.")
    parser.add_argument("--json", metavar="FILE", help="Write the result as JSON; - for standard output, the table then goes to standard error.")


def refuse_unwritable(file: str | None, folder: str | None = None) -> None:
    """Before any long work.

    Raises:
        CommandError: the result could not be written there.
    """
    if file not in (None, "-"):
        path = Path(file)
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise CommandError(f"{file} cannot be written. Name a file in a folder that exists and is yours, or - for standard output.")
    if folder and Path(folder).exists() and not Path(folder).is_dir():
        raise CommandError(f"{folder} is a file. Name a folder for --html; it is made where it is missing.")


def make_folder(folder: str | None) -> None:
    """Only making it tells whether it can be made, so it is done before the long work.

    Raises:
        CommandError: it cannot.
    """
    try:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"The folder {folder} cannot be made: {error.strerror}. Name one for --html where you may write.") from error


def show(command: BaseCommand, result: dict[str, Any], file: str | None) -> Console:
    """Print the table, write the JSON if asked for; the console to go on with."""
    text = json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if file == "-":
        command.stdout.write(text)
    elif file:
        Path(file).write_text(text, encoding="utf-8")
    console = Console(stderr=file == "-")
    console.print(as_table(result))
    return console


def _start(given: dict[str, Any]) -> Comparison:
    """Everything that can be wrong is found here, before any long work."""
    return start_comparison(
        name=given["name"] or _name(given),
        speakers=[find_speaker(name) for name in given["speakers"]],
        dataset=find(Dataset, given["dataset"]),
        split=given["split"],
        listener=ensure_listener(given["listener"]),
        samples=given["samples"],
        seed=given["seed"],
    )


def _name(given: dict[str, Any]) -> str:
    """Says all settings; where that is too long, a digest of them keeps it unique."""
    parts = [*given["speakers"], given["dataset"], given["split"], given["listener"], f"{given['samples']}x", f"seed{given['seed']}"]
    name = slugify("-".join(parts))
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 9]}-{digest}"
