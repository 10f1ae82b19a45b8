"""What the admin pages of all apps share: results that can only be read, and long jobs that are started, watched, stopped and resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.db.models import JSONField, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.safestring import SafeString

from games import live
from games.jobs import Job


class StartForm(forms.Form):
    """The few plain fields with which a job is started. `refusals`: what `start()` raises with a message for the user."""

    refusals: tuple[type[Exception], ...] = (ValueError,)

    def start(self) -> Job:
        """Make the job of the cleaned fields, or find the one that they made before; it is not on the queue yet.

        Raises:
            One of `refusals`: these fields cannot be; the message is for the user.
        """
        raise NotImplementedError


def pretty(field: Any) -> Callable[[Model], SafeString]:
    """The JSON column of this name as people read it."""

    @admin.display(description=field.replace("_", " "))
    def show(row: Model) -> SafeString:
        return format_html("<pre class='readable'>{}</pre>", json.dumps(getattr(row, field), indent=2, ensure_ascii=False))

    return show


@admin.display(description="page")
def page_link(row: Any) -> SafeString:
    """To the row's own page outside the admin."""
    return format_html("<a href='{}'>open</a>", row.get_absolute_url())


class Readable(admin.ModelAdmin):
    """Long texts and JSON readable; big tables without counting all their rows twice."""

    show_full_result_count = False
    list_per_page = 50

    class Media:
        css: ClassVar = {"all": ["games/admin.css"]}

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Where a row is only read, its JSON columns are laid out."""
        fields = super().get_fields(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fields
        columns = {field.name for field in obj._meta.fields if isinstance(field, JSONField)}
        return [pretty(name) if name in columns else name for name in fields]


class ResultAdmin(Readable):
    """Rows that a machine or a participant made: read them, change nothing, lose nothing."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class JobAdmin(Readable):
    """A long job. Adding one starts it by `start_form`; a started one is only read, stopped, resumed and, when over, deleted."""

    start_form: type[StartForm]
    actions = ("stop", "resume")
    date_hierarchy = "created_at"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For the list and its actions; one job's form only shows."""
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.is_over or obj.state == Job.State.DRAFT)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without deleting many at once: that would not ask whether one of them still runs."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.display(description="progress", ordering="done")
    def progress(self, job: Job) -> SafeString:
        return format_html(
            "<progress value='{}' max='100' aria-label='{} percent'></progress> <span class='nowrap'>{} of {}</span>",
            *(job.percent, job.percent, job.done, job.total or "?"),
        )

    @admin.display(description="state", ordering="state")
    def how(self, job: Job) -> SafeString:
        now = live.snapshot(job)
        return format_html("<span class='state state-{0}' title='{1}'>{0}</span>", now["state"], now["error"] or now["message"])

    @admin.display(description="live")
    def watch(self, job: Job) -> SafeString:
        return format_html("<a href='{}'>watch</a>", job.get_absolute_url())

    @admin.action(description="Stop the selected jobs", permissions=["change"])
    def stop(self, request: HttpRequest, jobs: QuerySet[Any]) -> None:
        asked = [job for job in jobs if not job.is_over]
        for job in asked:
            job.request_cancel()
        self.message_user(request, f"Asked {len(asked)} to stop; {len(jobs) - len(asked)} were over already.", messages.SUCCESS)

    @admin.action(description="Resume the selected jobs", permissions=["change"])
    def resume(self, request: HttpRequest, jobs: QuerySet[Any]) -> None:
        resumed = sum(live.resume(job) for job in jobs)
        self.message_user(request, f"Put {resumed} back on the queue; {len(jobs) - resumed} run or are done.", messages.SUCCESS)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.start_form(request.POST if request.method == "POST" else None)
        job = self._started(request, form) if request.method == "POST" and form.is_valid() else None
        if job is not None:
            return HttpResponseRedirect(job.get_absolute_url())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "media": self.media + form.media,
            "title": f"Start a {self.opts.verbose_name}",
            "adminform": AdminForm(cast(Any, form), [(None, {"fields": list(form.fields)})], {}),
        }
        return render(request, "games/admin/start.html", context)

    def _started(self, request: HttpRequest, form: StartForm) -> Job | None:
        """The job that this form started and queued, or None with the reason in the form."""
        from games.queue import enqueue

        try:
            job = form.start()
        except form.refusals as error:
            form.add_error(None, str(error))
            return None
        if job.state == Job.State.DRAFT:
            enqueue(job)
            self.log_addition(request, job, "Started in the admin.")
            self.message_user(request, f"{job} waits for a worker.", messages.SUCCESS)
        else:
            self.message_user(request, f"{job} was there already; it is {job.state}.", messages.INFO)
        return job
