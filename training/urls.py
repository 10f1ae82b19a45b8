"""`/training/`: runs, comparisons and their reports, for staff."""

from typing import Any

from django.urls import include, path

from training import run_views

app_name = "training"

# /training/runs/
run_urls = [
    path("", run_views.runs, name="runs"),
    path("<int:pk>/", run_views.run, name="run"),
    path("<int:pk>/progress.json", run_views.run_progress, name="run-progress"),
]

# /training/
urlpatterns: list[Any] = [path("runs/", include(run_urls))]
