"""ASGI entry point: HTTP by Django, websockets by Channels; the visitor's address and scheme as a trusted proxy has them."""

import os

from asgiref.sync import markcoroutinefunction
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lacie_platform.settings")
http = get_asgi_application()  # loads the apps: must come before anything that imports models

from channels.auth import AuthMiddlewareStack  # noqa: E402  # needs loaded apps
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  # needs loaded apps
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402  # needs loaded apps
from django.conf import settings  # noqa: E402  # after the apps, like all below
from granian.utils.proxies import wrap_asgi_with_proxy_headers  # noqa: E402

from lacie_platform.routing import websocket_urlpatterns  # noqa: E402  # needs loaded apps

by_protocol = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
application = wrap_asgi_with_proxy_headers(by_protocol, trusted_hosts=settings.TRUSTED_PROXIES)
markcoroutinefunction(application)  # else daphne, `runserver`'s server, takes it for an application of the old kind, called twice
