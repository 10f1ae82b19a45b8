"""All routes: `/` home, `/s/` participants, `/studies/`, `/games/` and `/training/` staff pages, `/api/`, `/admin/`."""

from django.contrib import admin
from django.urls import include, path

from lacie_platform import views

urlpatterns = [
    path("", views.home, name="home"),
    path("health/", views.health, name="health"),
    path("s/", include("annotations.urls")),
    path("studies/", include("annotations.console.urls")),
    path("games/", include("games.urls")),
    path("training/", include("training.urls")),
    path("api/", include("lacie_platform.api")),
    path("admin/", admin.site.urls),
]
