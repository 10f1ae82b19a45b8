"""Signing in: so many wrong passwords, and an account has to wait, at the login and for a token; nobody else does."""

import base64
import datetime as dt

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

pytestmark = pytest.mark.django_db
RIGHT, WRONG = "a quiet river", "a loud river"


@pytest.fixture(autouse=True)
def ada(settings) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # dozens of tries: the real one is slow on purpose
    return User.objects.create_superuser("ada", password=RIGHT)


def sign_in(password: str, name: str = "ada", address: str = "192.0.2.1"):
    return Client().post("/admin/login/", {"username": name, "password": password}, REMOTE_ADDR=address)


def token(password: str, name: str = "ada"):
    given = base64.b64encode(f"{name}:{password}".encode()).decode()
    return Client().post("/api/auth/login/", HTTP_AUTHORIZATION=f"Basic {given}", REMOTE_ADDR="192.0.2.1")


def fail(times: int = settings.LOGIN_FAILURES):
    return [sign_in(WRONG).status_code for _ in range(times)]


def test_the_last_wrong_password_that_is_allowed_ends_the_tries_with_a_page_that_says_how_long():
    assert fail() == [200] * (settings.LOGIN_FAILURES - 1) + [429]
    page = sign_in(RIGHT)
    assert page.status_code == 429
    said = " ".join(page.content.decode().split())
    assert "10 wrong passwords in a row" in said and "try again 15 minutes after the last wrong one" in said
    assert "Content-Security-Policy" in page.headers and "style=" not in said


def test_the_right_password_begins_a_new_count():
    fail(settings.LOGIN_FAILURES - 1)
    assert sign_in(RIGHT).status_code == 302
    assert fail(settings.LOGIN_FAILURES - 1) == [200] * (settings.LOGIN_FAILURES - 1)


def test_nobody_else_waits():
    User.objects.create_superuser("bo", password=RIGHT)
    fail()
    assert sign_in(RIGHT, name="bo").status_code == 302
    assert sign_in(RIGHT, address="198.51.100.7").status_code == 302


def test_it_is_over_when_the_time_is():
    fail()
    AccessAttempt.objects.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME - dt.timedelta(seconds=1))
    assert sign_in(RIGHT).status_code == 302


def test_tokens_and_the_login_count_together():
    assert [token(WRONG).status_code for _ in range(settings.LOGIN_FAILURES)] == [401] * (settings.LOGIN_FAILURES - 1) + [429]
    refused = token(RIGHT)
    assert refused.status_code == 429 and refused.headers["Retry-After"] == "900"
    assert "Too many wrong passwords" in refused.json()["detail"]
    assert sign_in(RIGHT).status_code == 429


def test_a_token_that_was_given_before_still_reads():
    given = token(RIGHT).json()["token"]
    fail()
    assert Client().get("/api/speakers/", HTTP_AUTHORIZATION=f"Token {given}").status_code == 200
