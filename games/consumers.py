"""The live channel of any long job, and what all live channels have in common.

The worker that writes the row lives in another process and cannot push through the in-process channel layer, so the consumer reads the row
itself and sends what changed. The row is the truth: a page that joins late or reconnects sees the same as one that watched all along.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from games import live

SECONDS_BETWEEN_READS = 1.0
NOT_FOUND, OVER = 4404, 1000
"Codes with which the channel closes."


class Teller(AsyncJsonWebsocketConsumer, ABC):
    """Tells those it admits, for as long as they listen."""

    telling: asyncio.Task[None] | None = None

    @abstractmethod
    async def admits(self) -> bool:
        """Whether whoever knocks may listen."""

    @abstractmethod
    async def tell(self) -> None:
        """Send what there is to tell, until there is no more or nobody listens."""

    async def connect(self) -> None:
        if not await self.admits():
            await self.close()  # before it is accepted: the browser gets a 403
            return
        await self.accept()
        self.telling = asyncio.create_task(self.tell())

    async def disconnect(self, code: int) -> None:
        if self.telling:
            self.telling.cancel()
            with suppress(asyncio.CancelledError):
                await self.telling

    async def receive(self, **kwargs: Any) -> None:
        """Nothing that a browser sends is acted on: moves are POSTs, with CSRF."""


class JobConsumer(Teller):
    """`/ws/jobs/<model label>/<pk>/`: staff get `live.snapshot()` on joining and whenever it changes, until the job is over."""

    async def admits(self) -> bool:
        user = self.scope.get("user")
        return user is not None and user.is_active and user.is_staff

    async def tell(self) -> None:
        sent: dict[str, Any] = {}
        while (state := await self.read()) is not None:
            if state != sent:
                await self.send_json(state)
                sent = state
            if state["is_over"]:
                return await self.close(code=OVER)
            await asyncio.sleep(SECONDS_BETWEEN_READS)
        return await self.close(code=NOT_FOUND)

    @database_sync_to_async
    def read(self) -> dict[str, Any] | None:
        route = self.scope["url_route"]["kwargs"]
        job = live.find(route["label"], route["pk"])
        return None if job is None else live.snapshot(job)
