"""A speaker answers the questions of one split, and listeners judge what it says."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from games import registry
from games.jobs import Busy, Cancelled, LeaseLost
from games.listeners.base import ListenerError
from games.models import Game, Split
from games.play import GameError, run_in_foreground, start_game
from games.progress import bar
from games.prompts import STYLES
from games.queue import enqueue
from games.speakers.base import SpeakerError


class Command(BaseCommand):
    help = "Play a game. The same settings are the same game: interrupted, the command goes on where it was; finished, it says so."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--speaker", default="base", help="a speaker's name; base is the bundled one (default: %(default)s)")
        parser.add_argument("--dataset", default="bundled", help="a dataset's name; bundled is loaded if need be (default: %(default)s)")
        parser.add_argument("--split", default=Split.TRAIN, choices=Split.values, help="(default: %(default)s)")
        parser.add_argument(
            "--listener",
            nargs="+",
            default=["lexicon"],
            metavar="NAME",
            help="who judges; lexicon, gullible and doubter are made if need be (default: lexicon)",
        )
        parser.add_argument("--samples", type=int, default=10, help="answers to each question; the paper takes 10 (default: %(default)s)")
        parser.add_argument("--temperature", type=float, default=0.7, help="0 is greedy; the paper takes 0.7 (default: %(default)s)")
        parser.add_argument("--limit", type=int, default=None, help="only the first so many questions (default: all)")
        parser.add_argument("--hold-out", nargs="+", default=[], metavar="RELATION", help="relations whose questions are left out (default: none)")
        parser.add_argument("--form", default="", choices=STYLES, help="how to ask; numeric: answer and confidence (default: the speaker's own)")
        parser.add_argument("--seed", type=int, default=0, help="of the random numbers (default: %(default)s)")
        parser.add_argument("--chunk-size", type=int, default=64, help="questions answered and saved together (default: %(default)s)")
        parser.add_argument("--queue", action="store_true", help="leave it to a worker (default: play here and now)")

    def handle(self, *, queue: bool, **given: Any) -> None:
        try:
            game = _start(given)
            if queue:
                enqueue(game)
                self.stdout.write(f"{game} is {game.state}. A worker plays it: manage.py worker")
                return
            with bar(f"{game.speaker} answers") as report:
                run_in_foreground(game, on_progress=report)
        except (GameError, SpeakerError, ListenerError, Busy, LeaseLost) as error:
            raise CommandError(str(error)) from error
        except (Cancelled, KeyboardInterrupt) as error:
            raise CommandError("Stopped. The same command goes on from there.", returncode=3) from error
        self.stdout.write(_told(game))


def _start(given: dict[str, Any]) -> Game:
    dataset = registry.ensure_dataset(given["dataset"])
    if dataset is None:
        raise GameError(f"There is no dataset {given['dataset']!r}. Load one (manage.py load_questions), or take bundled.")
    return start_game(
        speaker=registry.ensure_speaker(given["speaker"]),
        dataset=dataset,
        split=given["split"],
        listeners=[registry.ensure_listener(name) for name in dict.fromkeys(given["listener"])],
        samples=given["samples"],
        temperature=given["temperature"],
        question_limit=given["limit"],
        hold_out=given["hold_out"],
        form=given["form"],
        seed=given["seed"],
        chunk_size=given["chunk_size"],
    )


def _told(game: Game) -> str:
    """One line on what was said, and one on each listener."""
    said = game.utterances.count()
    right = game.utterances.filter(is_correct=True).count()
    abstained = game.utterances.filter(answer=None).count()
    lines = [f"{game}: {said} answers to {game.done} questions, {right / said:.1%} right, {abstained / said:.1%} abstained."]
    for listener in game.listeners.all():
        accepted = game.utterances.filter(judgments__listener=listener, judgments__accepted=True).count()
        lines.append(f"{listener} accepts {accepted / said:.1%} of them.")
    return "\n".join(lines)
