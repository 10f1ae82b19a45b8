"""`/s/`: the list for staff; below a study's name, what its participants see, and its results."""

from typing import Any

from django.urls import include, path

from annotations import export_views, payment_views, results_views, views
from annotations.consumers import AnswerConsumer

app_name = "annotations"

# /s/<study>/
study_urls = [
    path("", views.study, name="study"),
    path("consent/", views.consent, name="consent"),
    path("answer/", views.answer, name="answer"),
    path("message/", views.dismiss, name="dismiss"),
    path("results/", results_views.results, name="results"),
    path("results/figures.pdf", results_views.pdf, name="results-pdf"),
    path("results/results.json", results_views.as_json, name="results-json"),
    path("results/<slug:figure>.svg", results_views.figure, name="results-figure"),
    path("results/data.zip", export_views.download, name="export"),
    path("payments/", payment_views.overview, name="payments"),
    path("payments/export/", payment_views.export, name="payments-export"),
    path("payments/<slug:batch>/paid/", payment_views.paid, name="payments-paid"),
    path("payments/<slug:batch>/<str:file>", payment_views.download, name="payments-file"),
    *(path(f"{step}/", views.step, {"step": step}, name=step) for step in views.STEPS),
]

# /s/
urlpatterns: list[Any] = [
    path("", views.studies, name="studies"),
    path("<slug:name>/", include(study_urls)),
]

websocket_urlpatterns: list[Any] = [path("s/<slug:name>/live/<int:position>/", AnswerConsumer.as_asgi())]
