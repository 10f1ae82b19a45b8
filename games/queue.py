"""Jobs on the queue: put there, run by a worker, handed on when their worker died.

Which worker runs a job is decided by the job's row alone (`Job.claim`): a task that comes twice, or too late, finds nothing to claim. So a task
is only a nudge, and losing one is repaired by `hand_over`, which every worker calls.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Iterator
from importlib import import_module

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from games.jobs import Cancelled, Job, Lease, LeaseLost, Released, is_gone, this_process

log = logging.getLogger(__name__)

JOB_RUNNERS: dict[str, str] = {
    "games.game": "games.play.run",
    "training.trainingrun": "training.runner.run",
    "training.comparison": "training.evaluation.run",
    "training.benchmark": "training.benchmark.play.run",
}
"""Model label → dotted path, imported on use, of a callable `(job, lease) -> None` that does the work and leaves the finishing to the caller."""

STOPPING = threading.Event()
"""Set when this worker is asked to end; every lease of this process looks at it."""


def job_models() -> list[type[Job]]:
    return [apps.get_model(label) for label in JOB_RUNNERS]


def enqueue(job: Job) -> None:
    """Put a job on the queue. One that runs, is done, or waits there already stays as it is; a failed or cancelled one starts again."""
    job.refresh_from_db()
    if job.state != Job.State.QUEUED and not job.requeue():
        return
    if not _waits(job):
        _put(job)


def _waits(job: Job) -> bool:
    """Whether a task that no worker has taken yet will run it."""
    return bool(job.task_id) and DBTaskResult.objects.filter(pk=job.task_id, status=TaskResultStatus.READY).exists()


@transaction.atomic
def _put(job: Job) -> None:
    from games.tasks import run_job

    result = run_job.using(queue_name=job.queue).enqueue(job._meta.label_lower, job.pk)
    type(job)._default_manager.filter(pk=job.pk, state=Job.State.QUEUED).update(task_id=result.id)
    job.refresh_from_db()


# Running


def run(model_label: str, pk: int, *, task_id: str) -> str:
    """What a worker does with a task: claim the job, run it, and write into its row how it ended."""
    if model_label not in JOB_RUNNERS:
        raise LookupError(f"No runner for {model_label!r}. Known: {', '.join(JOB_RUNNERS)}.")
    job = apps.get_model(model_label)._default_manager.filter(pk=pk).first()
    if job is None:
        return "its row is gone"
    lease = job.claim(worker=this_process(), task_id=task_id)
    if lease is None:
        return f"left alone: {job.state}"
    lease.stopping = STOPPING
    try:
        return _run_claimed(job, lease)
    except LeaseLost as lost:
        log.warning("%s", lost)
        return "taken over by another process"


def _run_claimed(job: Job, lease: Lease) -> str:
    module, name = JOB_RUNNERS[job._meta.label_lower].rsplit(".", 1)
    try:
        with lease.beating():
            getattr(import_module(module), name)(job, lease)
    except LeaseLost:
        raise
    except Cancelled:
        lease.finish(Job.State.CANCELLED, message="Stopped. Resume goes on from here.")
    except (Released, SystemExit, KeyboardInterrupt) as asked:
        lease.release()
        enqueue(job)
        if not isinstance(asked, Released):
            raise
    except Exception as error:
        lease.finish(Job.State.FAILED, error=for_people(error, job))
    else:
        lease.finish()
    return str(job.state)


def for_people(error: Exception, job: Job) -> str:
    """The message of our own exceptions, which are written for the user; of others a short one, and the traceback in the log."""
    if type(error).__module__.split(".")[0] in {"games", "training", "annotations", "lacie_platform"}:
        return str(error)
    log.error("%s failed", job, exc_info=error)
    return f"An unexpected {type(error).__name__}: {str(error)[:300]} (the traceback is in the worker's log)"


# Handing over


def hand_over() -> int:
    """Put the jobs of dead or silent workers, and those whose task was lost, on the queue again; how many changed.

    Any number of workers may call this at once: each change is a counted update. Jobs run in the foreground are left to whoever started
    them; only where somebody asked them to stop, and nobody is there any more to do so, they are marked as cancelled.
    """
    return sum(_hand_over(job) for model in job_models() for job in (*_orphaned(model), *_lost(model)))


def _limit() -> dt.datetime:
    return timezone.now() - dt.timedelta(seconds=settings.JOB_STALE_SECONDS)


def _orphaned(model: type[Job]) -> Iterator[Job]:
    """Jobs that say they run, but whose process is dead or silent."""
    for job in model._default_manager.filter(state=Job.State.RUNNING).filter(Q(cancel_requested=True) | ~Q(task_id="")):
        if job.heartbeat_at is None or job.heartbeat_at < _limit() or is_gone(job.worker):
            yield job


def _lost(model: type[Job]) -> Iterator[Job]:
    """Jobs that wait for a task that will not come: its row is gone or over, or its worker died before it claimed the job.

    A job is given `JOB_STALE_SECONDS` first: somebody may be about to put it on the queue, or to claim it.
    """
    queued = model._default_manager.filter(state=Job.State.QUEUED)
    waiting = list(queued.filter(Q(heartbeat_at__lt=_limit()) | Q(heartbeat_at=None, created_at__lt=_limit())))
    coming = Q(status=TaskResultStatus.READY) | Q(status=TaskResultStatus.RUNNING, started_at__gt=_limit())
    tasks = DBTaskResult.objects.filter(coming, pk__in=[job.task_id for job in waiting if job.task_id])
    there = set(map(str, tasks.values_list("pk", flat=True)))
    return (job for job in waiting if job.task_id not in there)


@transaction.atomic
def _hand_over(job: Job) -> int:
    """Only if the row still is what it was when it was looked at."""
    rows = type(job)._default_manager.filter(pk=job.pk, state=job.state, attempt=job.attempt, heartbeat_at=job.heartbeat_at, task_id=job.task_id)
    over = {"finished_at": timezone.now()}
    if job.cancel_requested:
        return rows.update(state=Job.State.CANCELLED, message="Stopped: its process was gone already.", **over)
    if job.attempt >= settings.JOB_MAX_ATTEMPTS:
        why = f"Its worker died or went silent, for the {job.attempt}th time; the last was {job.worker or 'unknown'}. Memory? See the worker's log."
        return rows.update(state=Job.State.FAILED, error=why, **over)
    changed = rows.update(state=Job.State.QUEUED, task_id="", heartbeat_at=timezone.now(), message="Its worker is gone; another goes on with it.")
    if changed:
        log.warning("%s is handed on: its worker %s is gone", job, job.worker or "unknown")
        _put(job)
    return changed


def keep_handing_over(over: threading.Event) -> None:
    """Until `over` is set: what a worker's second thread does."""
    while not over.wait(settings.JOB_HEARTBEAT_SECONDS):
        try:
            hand_over()
        except Exception:
            log.exception("Handing over failed; it is tried again")
            connection.close()
    connection.close()
