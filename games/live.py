"""What a page shows of a long job: one dictionary, the same for the page, the websocket and the poll, made from the row alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.apps import apps
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from games.jobs import Job, is_gone


def find(label: str, pk: int) -> Job | None:
    """The job `pk` of the model `label` (`games.game`); None if there is no such model, it is no job, or the row is gone."""
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        return None
    return model._default_manager.filter(pk=pk).first() if issubclass(model, Job) else None


def is_silent(job: Job) -> bool:
    """Whether it says it runs but its process is dead, or has not beaten for `JOB_STALE_SECONDS`."""
    limit = timezone.now() - dt.timedelta(seconds=settings.JOB_STALE_SECONDS)
    return job.state == Job.State.RUNNING and (job.heartbeat_at is None or job.heartbeat_at < limit or is_gone(job.worker))


def snapshot(job: Job) -> dict[str, Any]:
    """JSON-ready: state, progress, message, error, and what may be asked of the job now. Changes only when the row tells something new."""
    silent = is_silent(job)
    return {
        "state": "stopping" if job.cancel_requested and not job.is_over else job.state,
        "done": job.done,
        "total": job.total,
        "percent": job.percent,
        "message": _message(job, silent),
        "error": job.error,
        "attempt": job.attempt,
        "is_over": job.is_over,
        "can_stop": not job.is_over and not job.cancel_requested,
        "can_resume": silent or job.state in (Job.State.FAILED, Job.State.CANCELLED, Job.State.DRAFT),
    }


def _message(job: Job, silent: bool) -> str:
    if silent:
        return "Its process is gone or silent. A worker takes over what it was given; a job started in a terminal waits for Resume."
    if job.state == Job.State.QUEUED:
        return "Waiting for a worker. Is one running? Start it with: python manage.py worker"
    return job.message


def links(job: Job) -> dict[str, str]:
    """Where this job is watched, polled, stopped and resumed."""
    label = job._meta.label_lower
    return {
        "socket": f"/ws/jobs/{label}/{job.pk}/",
        "status": reverse("games:job-status", args=[label, job.pk]),
        "stop": reverse("games:job-stop", args=[label, job.pk]),
        "resume": reverse("games:job-resume", args=[label, job.pk]),
    }


def change_permission(job: Job) -> str:
    """What somebody needs to stop or resume it, as `user.has_perm()` takes it."""
    return f"{job._meta.app_label}.change_{job._meta.model_name}"


def resume(job: Job) -> bool:
    """Put a failed, cancelled, silent or never started job (back) on the queue; False if it runs or is done."""
    from games.queue import enqueue

    if not job.requeue():
        return False
    enqueue(job)
    return True
