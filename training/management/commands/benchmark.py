"""manage.py benchmark: methods side by side on the same held-out questions, over several seeds, and one report."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from games.estimators.base import EstimatorError
from games.jobs import Busy, Cancelled, LeaseLost
from games.listeners.base import ListenerError
from games.models import Dataset, Split
from games.progress import bar
from games.registry import ensure_dataset, ensure_listener
from games.speakers.base import SpeakerError
from training.benchmark import folder
from training.benchmark.entries import ENTRIES, chosen
from training.benchmark.play import run_in_foreground, start_benchmark
from training.evaluation import EvaluationError, find
from training.preferences import PairError
from training.registry import RunError, base_speaker
from training.trainers import METHODS
from training.trainers.config import ConfigError
from training.trainers.presets import parse

FOR_PEOPLE = (EvaluationError, EstimatorError, ListenerError, SpeakerError, PairError, RunError, ConfigError, Busy, LeaseLost)


def _overrides(methods: list[str], assignments: list[str]) -> dict[str, Any]:
    """Read by the type that a named method gives the setting; refused where none has it."""
    found: dict[str, Any] = {}
    trained = sorted({entry.method for entry in chosen(methods).values() if entry.method in METHODS})
    for assignment in assignments:
        for method in trained:
            with suppress(ConfigError):
                found |= parse(method, [assignment])
                break
        else:
            raise ConfigError(f"{assignment!r} is a setting of none of the methods {', '.join(trained)}. Give KEY=VALUE, for example steps=20.")
    return found


class Command(BaseCommand):
    help = "Train what is missing, look at all methods on the same held-out questions, and write one report. Interrupted, it goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--methods", nargs="+", default=list(ENTRIES), metavar="METHOD", help=f"Default: all of {', '.join(ENTRIES)}.")
        parser.add_argument("--seeds", type=int, default=3, help="Turns of everything: samples, training, evaluation. Default: %(default)s.")
        parser.add_argument("--base", default="bundled", help="A speaker's name, 'bundled', a folder or a hub name. Default: %(default)s.")
        parser.add_argument("--dataset", nargs="+", default=["bundled"], help="The first is learned from; all are looked at. Default: %(default)s.")
        parser.add_argument("--split", choices=Split.values, default=Split.TEST.value, help="Default: %(default)s.")
        parser.add_argument(
            "--hold-out",
            nargs="+",
            default=[],
            metavar="RELATION",
            help="Relations of the first dataset that no method learns anything of, looked at as a split of their own. Default: none.",
        )
        parser.add_argument("--listener", default="lexicon", help="Simulated. Default: %(default)s.")
        parser.add_argument(
            "--train-questions",
            type=lambda text: [int(one) for one in text.split(",")],
            default=[0],
            metavar="N,N,…",
            help="A benchmark for each number of training questions, 0: all; the scaling curve. Default: all.",
        )
        parser.add_argument(
            "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="In every method that has the setting, for example steps=20."
        )
        parser.add_argument("--name", default="methods", help="Default: %(default)s.")
        parser.add_argument("--out", type=Path, metavar="DIR", help="Write report.json, table.csv, table.tex, figures and a page there.")
        parser.add_argument("--queue", action="store_true", help="Leave it to a worker. Default: play it here and now.")

    def handle(self, **given: Any) -> None:
        if given["queue"] and given["out"]:
            raise CommandError("--queue leaves the work to a worker, so there is nothing to write yet. Leave out --out, or --queue.")
        for questions in given["train_questions"]:
            self._one(questions, **given)

    def _one(self, questions: int, **given: Any) -> None:
        console, suffix = Console(highlight=False, soft_wrap=True), f"-{questions}" if questions else ""
        try:
            job = start_benchmark(
                name=given["name"] + suffix,
                base=base_speaker(given["base"]),
                datasets=[ensure_dataset(name) or find(Dataset, name) for name in given["dataset"]],
                methods=given["methods"],
                listener=ensure_listener(given["listener"]),
                seeds=given["seeds"],
                questions=questions,
                split=given["split"],
                hold_out=given["hold_out"],
                settings=_overrides(given["methods"], given["set"]),
            )
            if given["queue"]:
                from games.queue import enqueue

                enqueue(job)
                console.print(f"{job} is on the queue: watch it at {job.get_absolute_url()}")
                return
            with bar("benchmark") as tell:
                job = run_in_foreground(job, on_progress=tell)
        except FOR_PEOPLE as error:
            raise CommandError(str(error)) from error
        except (Cancelled, KeyboardInterrupt) as error:
            raise CommandError("Stopped. The same command goes on from there.", returncode=3) from error
        from training.benchmark import writing  # draws: matplotlib takes a second to import

        for table in writing.as_tables(job.result):
            Console().print(table)
        if given["out"]:
            out = given["out"].with_name(given["out"].name + suffix)
            console.print(f"Report: {folder.write(job.result, out)}")
