"""Running a job in this process: a command's way to do what a worker does in the background."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from games.jobs import Busy, Cancelled, Job, Lease, LeaseLost, Released, this_process


@contextmanager
def in_foreground(job: Job) -> Iterator[Lease]:
    """Claim the job, beat while the block runs, and write how it ended; what went wrong is raised again after it is written.

    Raises:
        Busy: another process is at it.
        Cancelled: somebody asked it to stop.
        LeaseLost: another process has taken it over.
    """
    lease = _claim(job)
    try:
        with lease.beating():
            yield lease
        lease.finish()
    except (Cancelled, Released, KeyboardInterrupt):
        lease.finish(Job.State.CANCELLED, message="Stopped; start it again to go on.")
        raise
    except LeaseLost:
        raise
    except Exception as error:
        lease.finish(Job.State.FAILED, error=str(error) or type(error).__name__)
        raise


def _claim(job: Job) -> Lease:
    """A job whose process stalled a moment ago is free only when its heartbeat is stale, so this may wait that long."""
    job.refresh_from_db()
    job.requeue()
    last_beat, limit = job.heartbeat_at, time.monotonic() + settings.JOB_STALE_SECONDS + 1
    while (lease := job.claim(worker=this_process())) is None:
        job.refresh_from_db()
        if job.heartbeat_at != last_beat or job.is_over or time.monotonic() > limit:
            raise Busy(f"{job} is {job.state}, held by {job.worker}. Stop it there first, or wait until it is done.")
        time.sleep(0.5)
    return lease
