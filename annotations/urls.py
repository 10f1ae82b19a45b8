"""`/s/`: the list for staff; below a study's name, what its participants see, and its results."""

from typing import Any

from django.urls import include, path

from annotations.data import views as data
from annotations.participant import views
from annotations.participant.consumers import AnswerConsumer
from annotations.payments import views as payments
from annotations.results import views as results

app_name = "annotations"

# /s/<study>/
study_urls = [
    path("", views.study, name="study"),
    path("consent/", views.consent, name="consent"),
    path("answer/", views.answer, name="answer"),
    path("language/", views.language, name="language"),
    path("message/", views.dismiss, name="dismiss"),
    path("results/", results.results, name="results"),
    path("results/look/", results.look, name="look"),
    path("results/figures.pdf", results.pdf, name="results-pdf"),
    path("results/results.json", results.as_json, name="results-json"),
    path("results/<slug:figure>.svg", results.figure, name="results-figure"),
    path("results/data.zip", data.download, name="export"),
    path("payments/", payments.overview, name="payments"),
    path("payments/export/", payments.export, name="payments-export"),
    path("payments/<slug:batch>/paid/", payments.paid, name="payments-paid"),
    path("payments/<slug:batch>/<str:file>", payments.download, name="payments-file"),
    *(path(f"{step}/", views.step, {"step": step}, name=step) for step in views.STEPS),
]

# /s/
urlpatterns: list[Any] = [
    path("", views.studies, name="studies"),
    path("<slug:name>/", include(study_urls)),
]

websocket_urlpatterns: list[Any] = [path("s/<slug:name>/live/<int:position>/", AnswerConsumer.as_asgi())]
