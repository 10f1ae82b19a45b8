"""`{% load job_panel %} {% job_panel job %}`: state, progress bar and buttons of any long job.

It is live where the page also loads `games/live.js`.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString
from django.utils.timezone import now

from games import live
from games.jobs import Job

register = template.Library()


@register.inclusion_tag("games/_job.html", takes_context=True)
def job_panel(context: template.Context, job: Job, label: str = "Progress", stop: str = "Stop") -> dict[str, Any]:
    request = context["request"]
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "job": job,
        "label": label,
        "stop": stop,
        "now": live.snapshot(job),
        "links": live.links(job),
        "seen_at": now(),
        "may_change": request.user.has_perm(live.change_permission(job)),
    }


@register.simple_tag
def job_refresh(job: Job) -> SafeString:
    """For the page's head: without JavaScript, a job that goes on is loaded again every ten seconds."""
    return SafeString("" if job.is_over else '<noscript><meta http-equiv="refresh" content="10"></noscript>')


@register.filter
def percent(value: float | None) -> str:
    """One decimal and the sign; an en dash for a rate of nothing."""
    return "–" if value is None else f"{value:.1f} %"
