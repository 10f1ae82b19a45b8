"""Long jobs whose row is the truth: claimed by a counted update, beaten, fenced by an attempt number.

A job is any model that inherits `Job`. Whoever runs it (a worker, or a command in the foreground) calls `claim()`, gets a `Lease`, and makes
every write through that lease. A lease that has been taken over raises `LeaseLost` on the next write, so a stalled process that wakes up can
change nothing.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, connection, models
from django.utils import timezone


class LeaseLost(Exception):
    """Another process has taken this job over: stop, and write nothing more."""


class Cancelled(Exception):
    """Somebody asked for this job to stop."""


class Busy(Exception):
    """Another process runs this job; the message is for the user."""


class Released(Exception):
    """The process that runs this job was asked to end: the job goes back to the queue, and on from there."""


def this_process() -> str:
    """What a process of ours writes into `Job.worker`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_gone(worker: str) -> bool:
    """Whether this was a process of this machine that is no more. Of other machines nothing is known: False."""
    host, _, process = worker.rpartition(":")
    if host != socket.gethostname() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class JobQuerySet(models.QuerySet["Job"]):
    def stale(self) -> Self:
        """Jobs that say they run but have not been beaten for `JOB_STALE_SECONDS`: their process is dead or stalled."""
        limit = timezone.now() - dt.timedelta(seconds=settings.JOB_STALE_SECONDS)
        return self.filter(state=Job.State.RUNNING, heartbeat_at__lt=limit)

    def unfinished(self) -> Self:
        return self.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING])


class Job(models.Model):
    """The columns that every long job has. `done` of `total` are in the job's own unit (questions, steps)."""

    class State(models.TextChoices):
        DRAFT = "draft"
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, db_index=True)
    attempt = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=80, blank=True)
    task_id = models.CharField(max_length=40, blank=True)
    "The queue's id of the task that runs this job; empty for a job run in the foreground, which no worker takes over."
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=300, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def get_absolute_url(self) -> str:
        """The page on which its progress is watched."""
        raise NotImplementedError

    def claim(self, *, worker: str, task_id: str = "") -> Lease | None:
        """Take this job if it is free (or its last holder is dead or has gone silent); None if somebody else holds it or it is over.

        Cancelled, failed and done jobs are not claimed: `requeue()` them first. `task_id`: of the queue's task; none in the foreground.
        """
        manager = type(self)._default_manager
        limit = timezone.now() - dt.timedelta(seconds=settings.JOB_STALE_SECONDS)
        free = models.Q(state__in=[Job.State.DRAFT, Job.State.QUEUED]) | models.Q(state=Job.State.RUNNING, heartbeat_at__lt=limit)
        if is_gone(self.worker):
            free |= models.Q(state=Job.State.RUNNING, worker=self.worker)
        now = timezone.now()
        taken = manager.filter(free, pk=self.pk, attempt=self.attempt).update(
            state=Job.State.RUNNING, attempt=self.attempt + 1, worker=worker, task_id=task_id, heartbeat_at=now, started_at=now, error=""
        )
        if not taken:
            return None
        self.refresh_from_db()
        return Lease(job=self, attempt=self.attempt)

    def requeue(self) -> bool:
        """Make a failed, cancelled or silent job ready to be claimed again; False if it is running or done.

        No task of the queue is made for it: `games.queue.enqueue()` does that.
        """
        manager = type(self)._default_manager
        limit = timezone.now() - dt.timedelta(seconds=settings.JOB_STALE_SECONDS)
        over = models.Q(state__in=[Job.State.FAILED, Job.State.CANCELLED, Job.State.DRAFT])
        silent = models.Q(state=Job.State.RUNNING, heartbeat_at__lt=limit)
        if is_gone(self.worker):
            silent |= models.Q(state=Job.State.RUNNING, worker=self.worker)
        now = timezone.now()
        changed = manager.filter(over | silent, pk=self.pk).update(
            state=Job.State.QUEUED, cancel_requested=False, error="", finished_at=None, task_id="", heartbeat_at=now
        )
        self.refresh_from_db()
        return bool(changed)

    def request_cancel(self) -> None:
        """Ask the job to stop; one that nobody runs yet is cancelled at once."""
        manager = type(self)._default_manager
        manager.filter(pk=self.pk).update(cancel_requested=True)
        manager.filter(pk=self.pk, state__in=[Job.State.DRAFT, Job.State.QUEUED]).update(state=Job.State.CANCELLED, finished_at=timezone.now())
        self.refresh_from_db()

    @property
    def queue(self) -> str:
        """The queue whose workers may run it: `default`, or `gpu` for what wants a GPU machine."""
        return "default"

    @property
    def is_over(self) -> bool:
        return self.state in (Job.State.DONE, Job.State.FAILED, Job.State.CANCELLED)

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.done / self.total)) if self.total else 0


@dataclass
class Lease:
    """The right to write to one job, for one attempt."""

    job: Job
    attempt: int
    stopping: threading.Event = field(default_factory=threading.Event)
    "Set when this process is asked to end."

    def _mine(self) -> models.QuerySet[Any]:
        return type(self.job)._default_manager.filter(pk=self.job.pk, attempt=self.attempt, state=Job.State.RUNNING)

    def _lost(self) -> LeaseLost:
        return LeaseLost(f"{self.job} has been taken over; attempt {self.attempt} stops.")

    def beat(self) -> bool:
        """Say that this attempt is alive; False if it has been taken over."""
        return bool(self._mine().update(heartbeat_at=timezone.now()))

    def write(self, **values: Any) -> None:
        """Write these columns and beat.

        Raises:
            LeaseLost: the job has been handed on to a later attempt.
            Cancelled: somebody asked it to stop (the values are written all the same).
            Released: this process is asked to end (the values are written all the same).
        """
        if not self._mine().update(heartbeat_at=timezone.now(), **values):
            raise self._lost()
        for name, value in values.items():
            setattr(self.job, name, value)
        if self._mine().filter(cancel_requested=True).exists():
            raise Cancelled(f"{self.job} was asked to stop.")
        if self.stopping.is_set():
            raise Released(f"{self.job} goes back to the queue: its process was asked to end.")

    def holds(self) -> bool:
        """Whether this attempt may still write. Call inside the transaction that saves results, so that both stand or fall together."""
        return bool(self._mine().select_for_update().values_list("pk", flat=True))

    def finish(self, state: str = Job.State.DONE, **values: Any) -> None:
        """End the job in this state; a lost lease raises `LeaseLost`."""
        if not self._mine().update(state=state, heartbeat_at=timezone.now(), finished_at=timezone.now(), **values):
            raise self._lost()
        self.job.refresh_from_db()

    def release(self) -> None:
        """Give the job back unfinished: it is queued again, without a task yet; a lost lease raises `LeaseLost`."""
        if not self._mine().update(state=Job.State.QUEUED, heartbeat_at=timezone.now(), task_id="", message="Waits for a worker to go on with it."):
            raise self._lost()
        self.job.refresh_from_db()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat from a thread of its own, so that a long step (a slow chunk, a model that loads) does not look like a dead process.

        A stopped process beats no more, and its thread that wakes up finds that it holds nothing: fenced like every write.
        """
        over = threading.Event()
        thread = threading.Thread(target=self._beat_until, args=[over], name=f"heartbeat of {self.job._meta.label_lower} {self.job.pk}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _beat_until(self, over: threading.Event) -> None:
        try:
            while not over.wait(settings.JOB_HEARTBEAT_SECONDS):
                try:
                    self.beat()
                except DatabaseError:
                    connection.close()  # busy or away for a moment: the next beat asks anew
        finally:
            connection.close()
