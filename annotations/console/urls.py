"""`/studies/`: the console's pages, for staff; and the websocket of a study's monitor."""

from typing import Any

from django.urls import include, path

from annotations.console import consumers, material_views, monitor_views, views

app_name = "console"

# /studies/<name>/: building
build_urls = [
    path("", views.study, name="study"),
    path("edit/<slug:key>/", views.section, name="section"),
    path("forecast/", views.forecast, name="forecast"),
    path("checks/", material_views.checks, name="checks"),
    path("checks/shipped/", material_views.add_shipped, name="add-shipped"),
    path("checks/<int:pk>/", material_views.check, name="check"),
    path("checks/<int:pk>/delete/", material_views.delete_check, name="delete-check"),
    path("held-back/", material_views.held_back, name="held-back"),
    path("held-back/<int:pk>/", material_views.decide, name="decide"),
    path("texts/", material_views.wordings, name="texts"),
    path("texts/<str:language>/<slug:text>/", material_views.text, name="text"),
    path("texts/<str:language>/<slug:text>/rendered/", material_views.rendered, name="rendered"),
    path("preview/", views.preview, name="preview"),
    path("open/", views.open_, name="open"),
    path("pause/", views.pause, name="pause"),
    path("close/", views.close, name="close"),
    path("version/", views.version, name="version"),
]

# /studies/<name>/monitor/, /studies/<name>/people/
monitor_urls = [
    path("monitor/", monitor_views.page, name="monitor"),
    path("monitor/live/", monitor_views.part, name="monitor-live"),
    path("monitor/release/", monitor_views.release, name="release"),
    path("people/<str:code>/", monitor_views.person, name="person"),
    path("people/<str:code>/message/", monitor_views.message, name="message"),
    path("people/<str:code>/return/", monitor_views.return_, name="return"),
]

# /studies/
urlpatterns: list[Any] = [
    path("", views.studies, name="studies"),
    path("new/", views.create, name="create"),
    path("<slug:name>/", include([*build_urls, *monitor_urls])),
]

websocket_urlpatterns: list[Any] = [path("ws/studies/<slug:name>/", consumers.MonitorConsumer.as_asgi())]
