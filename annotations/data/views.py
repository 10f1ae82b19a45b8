"""The download of a study's data, for staff who may see the study."""

from __future__ import annotations

from django.contrib.admin.views.decorators import staff_member_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from annotations.data.export import FORMATS, ExportError, archive, export
from annotations.models import Study


@staff_member_required
@require_safe
def download(request: HttpRequest, name: str) -> HttpResponse:
    """All files in one archive; `format` and `bots` as in `export_study`."""
    study = get_object_or_404(Study.objects.visible_to(request.user), name=name)
    try:
        exported = export(study=study, format=request.GET.get("format", FORMATS[0]), bots="bots" in request.GET)
    except ExportError as error:
        return HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8")
    response = HttpResponse(archive(exported), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{study.name}-{exported.digest[:12]}.zip"'
    response["Cache-Control"] = "private, no-store"
    return response
