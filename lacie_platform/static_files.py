"""Static files by ServeStatic, and everything else past it in one thread.

ServeStatic's middleware is asynchronous. Among Django's others it makes each request change threads several times, which costs a judgment's
request about as much as its queries. Here it is asked for what lies below STATIC_URL alone; every other request goes straight on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from servestatic.middleware import ServeStaticMiddleware


class StaticFiles:
    sync_capable, async_capable = True, False
    "Not asynchronous, and the innermost: under ASGI Django then runs all other middleware in one thread, too."

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.files = ServeStaticMiddleware(cast(Any, self._none))

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(settings.STATIC_URL):
            found = async_to_sync(self.files)(request)
            if found is not None:
                return cast(HttpResponse, found)
        return self.get_response(request)

    async def _none(self, request: HttpRequest) -> None:
        """What ServeStatic passes on: no such file."""
