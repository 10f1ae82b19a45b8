"""The websocket of one round in a study with a pace: its answer, word by word, at the times that are the same for every arm.

The row is the truth: who joins late, or again, is sent at once what they should have read by then.
"""

from __future__ import annotations

import asyncio
import datetime as dt

from channels.db import database_sync_to_async
from django.http import HttpRequest
from django.utils import timezone

from annotations.models import Assignment, Study
from annotations.participant import live
from annotations.participant.views import COOKIE, COOKIE_SECONDS, cookie_salt
from games.consumers import Teller

OVER = 1000


class AnswerConsumer(Teller):
    """`/s/<study>/live/<position>/` (below the study's page, where its cookie is sent): `{"piece": text}` for each word, then `{"done": true}`."""

    assignment: Assignment

    async def admits(self) -> bool:
        found = await self.find()
        if found is not None:
            self.assignment = found
        return found is not None

    async def tell(self) -> None:
        times = live.schedule(self.assignment.participant.study.rules)
        await self.until(times.decided)
        words = live.pieces(await self.decided())
        for place, piece in enumerate(words):
            await self.until(times.begins + (times.ends - times.begins) * place / len(words))
            await self.send_json({"piece": piece})
        await self.until(times.ends)
        await self.send_json({"done": True})
        await self.close(code=OVER)

    async def until(self, seconds: float) -> None:
        """After the question was shown."""
        assert self.assignment.shown_at is not None  # noqa: S101  # by find()
        moment = self.assignment.shown_at + dt.timedelta(seconds=seconds)
        await asyncio.sleep(max(0.0, (moment - timezone.now()).total_seconds()))

    @database_sync_to_async
    def find(self) -> Assignment | None:
        """The round that this browser's participant has before them; None for everybody else, and where nothing is streamed."""
        route = self.scope["url_route"]["kwargs"]
        code = participant_code(self.scope.get("cookies", {}), route["name"])
        if code is None:
            return None
        rows = Assignment.objects.open().filter(participant__code=code, participant__study__name=route["name"], position=route["position"])
        row = rows.filter(shown_at__isnull=False).select_related("participant__study").first()
        if row is None or not row.participant.study.rules.pace:
            return None
        return row if row.participant.study.state == Study.State.OPEN or row.participant.is_preview else None

    @database_sync_to_async
    def decided(self) -> str:
        row = live.decide(self.assignment)
        return row.check_shown.answer if row.check_shown else str(row.utterance or "")


def participant_code(cookies: dict[str, str], study: str) -> str | None:
    """As the pages know the participant: by the cookie that this study signed. A request is what Django reads such a cookie from."""
    request = HttpRequest()
    request.COOKIES = cookies
    return request.get_signed_cookie(COOKIE, default=None, salt=cookie_salt(study), max_age=COOKIE_SECONDS)
