from typing import Any

app_name = "games"
urlpatterns: list[Any] = []
websocket_urlpatterns: list[Any] = []
