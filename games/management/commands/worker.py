"""Runs the jobs of the queue, and takes over those of workers that died."""

from __future__ import annotations

import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.utils.crypto import get_random_string
from django_tasks_db.management.commands import db_worker

from games import queue
from games.jobs import this_process


class Worker(db_worker.Worker):
    """django-tasks-db's worker; asked to end (SIGTERM, Ctrl-C) it also tells the job to stop at its next chunk. A second signal ends it at once."""

    def shutdown(self, signum: int, frame: FrameType | None) -> None:
        queue.STOPPING.set()
        super().shutdown(signum, frame)


class Command(db_worker.Command):
    help = (
        "Run the jobs of the queue: games, trainings, comparisons. Start as many as you like, on as many machines as share the database. "
        "The jobs of a worker that was killed are taken over by the others, or by the next one that starts."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queues", default="default,gpu", help="which queues to serve, separated by commas (default: %(default)s)")
        parser.add_argument(
            "--interval", type=db_worker.valid_interval, default=1.0, help="seconds between two looks at an empty queue (default: %(default)s)"
        )
        parser.add_argument("--batch", action="store_true", help="end when the queue is empty (default: wait for more)")

    def handle(self, *, queues: str, interval: float, batch: bool, verbosity: int, **_: Any) -> None:  # type: ignore[override]  # fewer options
        self.configure_logging(verbosity)
        worker = Worker(
            queue_names=[name.strip() for name in queues.split(",") if name.strip()],
            excluded_queue_names=[],
            interval=interval,
            batch=batch,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=f"{this_process()}:{get_random_string(8)}"[:64],
        )
        worker.configure_signals()
        queue.hand_over()
        over = threading.Event()
        thread = threading.Thread(target=queue.keep_handing_over, args=[over], name="handing over", daemon=True)
        thread.start()
        try:
            worker.run()
        finally:
            over.set()
            thread.join(timeout=settings.JOB_HEARTBEAT_SECONDS + 1)
