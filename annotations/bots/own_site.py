"""The site, served for as long as a command needs it: on a free port of this machine, against the same database."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

from django.conf import settings


class NotServed(Exception):
    """The site did not start."""


@contextlib.contextmanager
def site(url: str) -> Iterator[str]:
    """The address given, or that of a site of our own on the same database, for as long as it is needed."""
    if url:
        yield url
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = ["--interface", "asginl", "lacie_platform.asgi:application"]
    command = [sys.executable, "-m", "granian", *served, "--port", str(port), "--log-level", "warning"]
    server = subprocess.Popen(command, cwd=settings.BASE_DIR, env=os.environ | {"ALLOWED_HOSTS": "127.0.0.1"})  # noqa: S603  # our own command
    try:
        _wait_for(f"http://127.0.0.1:{port}/health/", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310  # our own address
            return
        time.sleep(0.1)
    raise NotServed("The site did not start; its last words are above. Start it by hand and give its address by --url.")
