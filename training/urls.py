"""`/training/`: runs, comparisons and their reports, for staff."""

from typing import Any

from django.urls import include, path

from training import benchmark_views, run_views, views

app_name = "training"

# /training/runs/
run_urls = [
    path("", run_views.runs, name="runs"),
    path("<int:pk>/", run_views.run, name="run"),
    path("<int:pk>/progress.json", run_views.run_progress, name="run-progress"),
]

# /training/comparisons/
comparison_urls = [
    path("", views.comparisons, name="comparisons"),
    path("<int:pk>/", views.comparison, name="comparison"),
    path("<int:pk>/figures/<slug:name>.<slug:kind>", views.comparison_figure, name="comparison-figure"),
    path("<int:pk>/result.json", views.comparison_json, name="comparison-json"),
    path("<int:pk>/table.csv", views.comparison_csv, name="comparison-csv"),
    path("<int:pk>/figures.pdf", views.comparison_pdf, name="comparison-pdf"),
]

# /training/benchmarks/
benchmark_urls = [
    path("", benchmark_views.benchmarks, name="benchmarks"),
    path("<int:pk>/", benchmark_views.benchmark, name="benchmark"),
    path("<int:pk>/progress.json", benchmark_views.benchmark_progress, name="benchmark-progress"),
    path("<int:pk>/answers/<int:run>/", benchmark_views.benchmark_answers, name="benchmark-answers"),
    path("<int:pk>/pictures/<slug:name>.svg", benchmark_views.benchmark_picture, name="benchmark-picture"),
    path("<int:pk>/files/<str:kind>", benchmark_views.benchmark_file, name="benchmark-file"),
]

# /training/
urlpatterns: list[Any] = [
    path("runs/", include(run_urls)),
    path("comparisons/", include(comparison_urls)),
    path("benchmarks/", include(benchmark_urls)),
]
