"""The API root: read access for staff, with a session or a token.

`POST /api/auth/login/` with the account's name and password (HTTP basic authentication) gives a token for ten hours; send it as
`Authorization: Token …`. The schema is at `/api/schema/`, a page to try it out at `/api/docs/`.
"""

from __future__ import annotations

from typing import Any

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.urls import include, path
from drf_spectacular.utils import extend_schema, inline_serializer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from knox import views as knox
from rest_framework import serializers
from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import Throttled
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from annotations import api as studies
from games import api as games
from training import api as training

TOKEN = inline_serializer("Token", {"token": serializers.CharField(), "expiry": serializers.DateTimeField()})


class LoginView(knox.LoginView):
    """Give the account that signs in a new token. The token is shown this once: only its digest is kept."""

    authentication_classes = (BasicAuthentication,)
    permission_classes = (IsAdminUser,)

    def handle_exception(self, exc: Exception) -> Response:
        """An account that has to wait is told so, and not that its password is wrong."""
        if getattr(self.request, "axes_locked_out", False):
            exc = Throttled(wait=settings.AXES_COOLOFF_TIME.total_seconds(), detail="Too many wrong passwords for this account from your address.")
        response: Response = super().handle_exception(exc)
        return response

    @extend_schema(request=None, responses=TOKEN)
    def post(self, request: Request, format: str | None = None) -> Response:
        return super().post(request, format)


class LogoutView(knox.LogoutView):
    """Make the token of this request worthless."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, format: str | None = None) -> Response:
        return super().post(request, format)


router = DefaultRouter()
router.include_format_suffixes = False
for prefix, viewset in [
    ("datasets", games.DatasetViewSet),
    ("questions", games.QuestionViewSet),
    ("speakers", games.SpeakerViewSet),
    ("listeners", games.ListenerViewSet),
    ("games", games.GameViewSet),
    ("utterances", games.UtteranceViewSet),
    ("judgments", studies.JudgmentViewSet),
    ("confidences", games.ConfidenceViewSet),
    ("pair-sets", training.PairSetViewSet),
    ("runs", training.RunViewSet),
    ("evaluations", training.EvaluationViewSet),
    ("comparisons", training.ComparisonViewSet),
    ("benchmarks", training.BenchmarkViewSet),
    ("studies", studies.StudyViewSet),
    ("arms", studies.ArmViewSet),
    ("participants", studies.ParticipantViewSet),
    ("assignments", studies.AssignmentViewSet),
]:
    viewset.lookup_value_converter = "int"  # type: ignore[attr-defined]  # a number in the path, else 404
    router.register(prefix, viewset)

# Swagger UI puts style elements into its page and pictures into its styles; its scripts come from here like all others.
docs = csp_update({"style-src": [SELF, UNSAFE_INLINE]})(SpectacularSwaggerSplitView.as_view(url_name="api-schema"))

urlpatterns: list[Any] = [
    path("", include(router.urls)),
    path("auth/login/", LoginView.as_view(), name="api-login"),
    path("auth/logout/", LogoutView.as_view(), name="api-logout"),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", docs, name="api-docs"),
]
