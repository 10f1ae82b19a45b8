"""`serve_speakers`: the models of live arms, answering while participants read the question."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from annotations.participant.live_speaking import Voices, speak
from games.speakers.base import SpeakerError

log = logging.getLogger(__name__)
SECONDS_BETWEEN_VOICES = 5.0
"""How often it looks for studies that have been opened meanwhile, and says that it is there."""


class Command(BaseCommand):
    help = (
        "Answer for the live arms of all open studies until ended (Ctrl-C, SIGTERM). Loads their models, so it needs what they need. "
        "Start several if you like."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--interval", type=float, default=0.1, help="seconds between two looks when nobody waits (default: %(default)s)")
        parser.add_argument("--once", action="store_true", help="answer who waits now, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        over = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            over.set()

        if not options["once"]:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, end)
        voices = Voices()
        try:
            self._serve(voices, over, max(0.01, options["interval"]), once=options["once"])
        finally:
            with suppress(DatabaseError):
                voices.end()

    def _serve(self, voices: Voices, over: threading.Event, interval: float, *, once: bool) -> None:
        looked = float("-inf")
        while not over.is_set():
            try:
                if time.monotonic() - looked > SECONDS_BETWEEN_VOICES:
                    looked = time.monotonic()
                    self._warm_up(voices)
                    voices.beat()
                answered = speak(voices)
            except DatabaseError:
                log.exception("The database did not answer; it is asked again")
                connection.close()
                answered = 0
                over.wait(1.0)
            if once:
                self.stdout.write(f"Asked: {answered}.")
                return
            if not answered:
                over.wait(interval)

    def _warm_up(self, voices: Voices) -> None:
        try:
            for name in voices.warm_up():
                self.stdout.write(f"{name} is loaded and answers.")
        except SpeakerError as error:
            self.stderr.write(f"A live arm's speaker cannot be loaded, so its people hear recorded answers: {error}")
