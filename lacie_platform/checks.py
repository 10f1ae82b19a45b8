"""What is wrong with this installation, said by `manage.py check` (and before every command) with what to do about it.

Several server processes without REDIS_URL cannot be seen from inside one of them; `docs/settings.md` says it under REDIS_URL.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from games.bundled import BASE_SPEAKER

LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]", "testserver", ".localhost"}
SHORTEST_SECRET = 32


@register
def debug_stays_at_home(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    foreign = sorted(set(settings.ALLOWED_HOSTS) - LOCAL_HOSTS)
    if not settings.DEBUG or not foreign:
        return []
    return [
        Error(
            f"DEBUG is on while ALLOWED_HOSTS names {', '.join(foreign)}: error pages would show settings and rows to strangers.",
            hint="Unset DEBUG, or leave only localhost in ALLOWED_HOSTS.",
            id="lacie.E001",
        )
    ]


@register
def data_folder_takes_files(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    if settings.DATA_DIR.is_dir() and os.access(settings.DATA_DIR, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"DATA_DIR ({settings.DATA_DIR}) is not a folder that this process may write to: runs, adapters and reports go there.",
            hint="Make it writable for this user, or set DATA_DIR to another folder.",
            id="lacie.E002",
        )
    ]


@register
def secret_key_is_secret(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    key: str = settings.SECRET_KEY
    if len(key) >= SHORTEST_SECRET and not key.startswith("django-insecure"):
        return []
    return [
        Warning(
            f"SECRET_KEY has {len(key)} characters or is an example: whoever guesses it can sign in as anybody.",
            hint="Unset SECRET_KEY, and one is made and kept in DATA_DIR; or set it to the output of: openssl rand -base64 48",
            id="lacie.W002",
        )
    ]


@register
def passwords_cannot_be_tried_out(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    foreign = sorted(set(settings.ALLOWED_HOSTS) - LOCAL_HOSTS)
    if settings.LOGIN_FAILURES > 0 or not foreign:
        return []
    return [
        Warning(
            f"LOGIN_FAILURES is {settings.LOGIN_FAILURES} while ALLOWED_HOSTS names {', '.join(foreign)}: strangers may try passwords without end.",
            hint="Unset LOGIN_FAILURES (10 wrong ones, then a wait), or limit tries at the proxy.",
            id="lacie.W003",
        )
    ]


@register
def bundled_speaker_is_there(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    if any(BASE_SPEAKER.glob("*.safetensors")):
        return []
    return [
        Warning(
            f"The bundled base speaker is missing: no weights in {BASE_SPEAKER}. The demo cannot run without it.",
            hint="Get a complete checkout, or make it again with: python manage.py pretrain_bundled_speaker",
            id="lacie.W001",
        )
    ]
