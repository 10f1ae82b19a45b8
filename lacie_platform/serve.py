"""Serving the demo: an admin with a generated password, a worker beside the server, and where to look."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import sys
from types import FrameType

from django.conf import settings
from django.contrib.auth import get_user_model

from annotations.models import Study
from training.models import Comparison

ADMIN = "admin"


def admin_password() -> str:
    """The password of the user `admin`, made once and kept in the data folder, readable by its owner alone; empty if somebody changed it."""
    kept = settings.DATA_DIR / "admin_password"
    users = get_user_model().objects
    user = users.filter(username=ADMIN).first()
    if user is None:
        password = secrets.token_urlsafe(12)
        kept.touch(mode=0o600)
        kept.write_text(password + "\n")
        users.create_superuser(ADMIN, password=password)
        return password
    password = kept.read_text().strip() if kept.exists() else ""
    return password if password and user.check_password(password) else ""


def where(*, comparison: Comparison, study: Study, port: int, password: str) -> str:
    site = f"http://127.0.0.1:{port}"
    rows = [
        ("take part", f"{site}{study.get_absolute_url()}"),
        ("the report", f"{site}{comparison.get_absolute_url()}"),
        ("the study's results", f"{site}{study.get_absolute_url()}results/"),
        ("the admin", f"{site}/admin/"),
        ("sign in as", f"{ADMIN}, password {password}" if password else f"{ADMIN}, with the password that was set"),
    ]
    return "\n".join(f"  {name:<20} {place}" for name, place in rows)


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def run(*, port: int) -> int:
    """The site and one worker until Ctrl-C; the server's exit code."""
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    worker = subprocess.Popen([*manage, "worker"])  # noqa: S603  # our own command
    server = subprocess.Popen([*manage, "runserver", "--noreload", f"127.0.0.1:{port}"])  # noqa: S603  # our own command

    def end(signum: int, frame: FrameType | None) -> None:
        server.send_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        code = server.wait()
    finally:
        worker.terminate()
        worker.wait()
    return 0 if code in (0, -signal.SIGINT, 130) else code
