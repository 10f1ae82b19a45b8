"""`/s/`: the list for staff; below a study's name, what its participants see, and its results."""

from typing import Any

from django.urls import path

from annotations import views

app_name = "annotations"

# /s/
urlpatterns: list[Any] = [
    path("", views.studies, name="studies"),
    path("<slug:name>/", views.study, name="study"),
]
