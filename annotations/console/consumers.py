"""The live channel of a study's monitor.

Participants' requests run in other processes, which cannot push through the in-process channel layer; so the consumer asks the rows whether
anything has changed, and sends the page's live part as the server renders it. A minute's pause renews the minutes that people are idle.
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.template.loader import render_to_string

from annotations.console import monitor
from annotations.console.monitor_views import context_of
from annotations.models import Study
from games.consumers import Teller

SECONDS_BETWEEN_READS = 2.0
READS_A_MINUTE = 30


class MonitorConsumer(Teller):
    """`/ws/studies/<name>/`: who may see the study gets `{"html": …}` on joining and whenever it changes, for as long as they may."""

    async def admits(self) -> bool:
        return await self.study() is not None

    async def tell(self) -> None:
        seen: tuple[object, ...] = ()
        reads = 0
        while (now := await self.changed()) is not None:
            if now != seen or reads % READS_A_MINUTE == 0:
                await self.send_json({"html": await self.rendered()})
                seen = now
            reads += 1
            await asyncio.sleep(SECONDS_BETWEEN_READS)
        await self.close()

    @database_sync_to_async
    def study(self) -> Study | None:
        return self._study()

    def _study(self) -> Study | None:
        """Asked each time: rights may end while somebody watches."""
        user = User.objects.filter(pk=getattr(self.scope.get("user"), "pk", None) or 0).first() or AnonymousUser()
        return Study.objects.visible_to(user).filter(name=self.scope["url_route"]["kwargs"]["name"]).first()

    @database_sync_to_async
    def changed(self) -> tuple[object, ...] | None:
        study = self._study()
        return None if study is None else monitor.last_change(study)

    @database_sync_to_async
    def rendered(self) -> str:
        study = self._study()
        if study is None:
            return ""
        bots = parse_qs(self.scope.get("query_string", b"").decode()).get("bots") == ["1"]
        return render_to_string("annotations/console/_monitor.html", context_of(study, bots=bots, may_change=False))
