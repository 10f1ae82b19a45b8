"""The site's front door and its health."""

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from annotations.models import Study


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html", {"open_studies": Study.objects.filter(state=Study.State.OPEN)})


def health(request: HttpRequest) -> JsonResponse:
    """200 while the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"database": "ok"})
