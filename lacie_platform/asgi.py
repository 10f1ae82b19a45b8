"""ASGI entry point: HTTP by Django, websockets by Channels."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lacie_platform.settings")
http = get_asgi_application()  # loads the apps: must come before anything that imports models

from channels.auth import AuthMiddlewareStack  # noqa: E402  # needs loaded apps
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  # needs loaded apps
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402  # needs loaded apps

from lacie_platform.routing import websocket_urlpatterns  # noqa: E402  # needs loaded apps

application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
