"""Websocket routes of all apps, in one list."""

from typing import Any

from annotations.urls import websocket_urlpatterns as annotations_websockets
from games.urls import websocket_urlpatterns as games_websockets

websocket_urlpatterns: list[Any] = [*games_websockets, *annotations_websockets]
