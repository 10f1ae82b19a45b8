"""Websocket routes of all apps, in one list."""

from typing import Any

from annotations.console.urls import websocket_urlpatterns as console_websockets
from annotations.urls import websocket_urlpatterns as annotations_websockets
from games.urls import websocket_urlpatterns as games_websockets

websocket_urlpatterns: list[Any] = [*games_websockets, *annotations_websockets, *console_websockets]
