"""The main job on the embedded default: one full turn of the loop, a table, a report, an open study; then the site.

Every step is one that can be typed by hand (`docs/tutorial.md` does). Run again it says what is there; interrupted, it goes on where it was.
"""

from __future__ import annotations

import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from annotations.building.setup import SetupError
from games.findings import findings, simulated
from games.jobs import Busy, Cancelled, LeaseLost
from games.listeners.base import ListenerError
from games.report import as_table
from games.speakers.base import SpeakerError
from lacie_platform import loop, serve
from training.models import Comparison
from training.preferences import PairError
from training.registry import RunError

FOR_PEOPLE = (SpeakerError, ListenerError, PairError, RunError, SetupError, Busy, LeaseLost)


class Command(BaseCommand):
    help = "Play the whole loop with the bundled world (questions, game, pairs, training, comparison, study), then serve the site."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=0, help="of the game, the trainings and the study (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="where the site is served (default: %(default)s)")
        parser.add_argument("--no-serve", action="store_true", help="stop after the table; do not serve the site")

    def handle(self, *, seed: int, port: int, no_serve: bool, **_: Any) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        if not no_serve and not serve.port_is_free(port):
            raise CommandError(f"Port {port} is taken. Choose another: make demo PORT={port + 1}")
        call_command("migrate", verbosity=0)
        loop.refuse_other_seed(seed)
        try:
            comparison = self._turn(seed)
            study = loop.open_study(comparison)
            loop.fill_study(study, self.console.print)
        except FOR_PEOPLE as error:
            raise CommandError(str(error)) from error
        except (Cancelled, KeyboardInterrupt) as error:
            raise CommandError("Stopped. `make demo` goes on from here.", returncode=3) from error
        self._show(comparison)
        self.console.print("\n" + serve.where(comparison=comparison, study=study, port=port, password=serve.admin_password()))
        if no_serve:
            self.console.print("\nNot served now: `make demo` serves it, or `make run` and `make worker` in two terminals.")
        else:
            self._serve(port)

    def _turn(self, seed: int) -> Comparison:
        began = time.monotonic()
        comparison = loop.turn(seed=seed, say=self.console.print)
        self.console.print(f"From the first question to the last evaluation: {time.monotonic() - began:.0f} s.\n")
        return comparison

    def _show(self, comparison: Comparison) -> None:
        Console().print(as_table(comparison.result))
        for sentence in findings(comparison.result):
            self.console.print(sentence)
        for sentence in simulated(listener_kind=comparison.listener.kind, stand_ins=list(comparison.speakers), scripted=[]):
            self.console.print(sentence)

    def _serve(self, port: int) -> None:
        self.console.print("\nServing until Ctrl-C.")
        code = serve.run(port=port)
        if code:
            raise CommandError(f"The site ended with exit code {code}; its last words are above.")
