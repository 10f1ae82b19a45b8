"""What participants see of a study, and what staff see of its results."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from annotations.models import Study


def studies(request: HttpRequest) -> HttpResponse:
    return render(request, "annotations/studies.html", {"studies": Study.objects.all()})


def study(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "annotations/consent.html", {"study": get_object_or_404(Study, name=name)})
