"""What a proxy says of a visitor is believed of trusted ones alone."""

import io
from typing import Any

import pytest

from lacie_platform.wsgi import application


def seen_as(peer: str) -> tuple[str, str]:
    """Address and scheme that the site sees of a visitor whom this peer passes on."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/nowhere/",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": peer,
        "HTTP_X_FORWARDED_FOR": "203.0.113.7",
        "HTTP_X_FORWARDED_PROTO": "https",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    application(environ, lambda *answer: None).close()
    return environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]


@pytest.mark.django_db
def test_a_proxy_on_this_machine_is_believed_and_a_stranger_is_not() -> None:
    assert seen_as("127.0.0.1") == ("203.0.113.7", "https")
    assert seen_as("198.51.100.2") == ("198.51.100.2", "http")
