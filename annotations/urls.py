from typing import Any

app_name = "annotations"
urlpatterns: list[Any] = []
