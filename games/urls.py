"""Staff pages of games and speakers, and the state of any long job."""

from typing import Any

from django.urls import include, path

from games import views
from games.consumers import JobConsumer

app_name = "games"

# /games/speakers/
speaker_urls = [
    path("", views.speakers, name="speakers"),
    path("<int:pk>/", views.speaker, name="speaker"),
]

# /games/jobs/<model label>/<pk>/
job_urls = [
    path("status/", views.job_status, name="job-status"),
    path("stop/", views.job_stop, name="job-stop"),
    path("resume/", views.job_resume, name="job-resume"),
]

# /games/
urlpatterns: list[Any] = [
    path("", views.games, name="games"),
    path("<int:pk>/", views.game, name="game"),
    path("speakers/", include(speaker_urls)),
    path("jobs/<str:label>/<int:pk>/", include(job_urls)),
]

websocket_urlpatterns: list[Any] = [path("ws/jobs/<str:label>/<int:pk>/", JobConsumer.as_asgi())]
