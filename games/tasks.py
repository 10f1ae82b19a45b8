"""The one task of the queue. Its argument is a job's row; the row, not the task, says how the job stands (see `games.jobs`)."""

from __future__ import annotations

from typing import Any

from django_tasks import task

from games import queue


@task(takes_context=True)
def run_job(context: Any, model_label: str, pk: int) -> str:
    """Claim and run the job `pk` of the model `model_label`; returns what became of it, for the log."""
    return queue.run(model_label, pk, task_id=str(context.task_result.id))
