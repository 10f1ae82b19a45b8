"""What `manage.py check` says of a bad installation."""

import pytest
from django.test import override_settings

from lacie_platform import checks


def ids(found):
    for message in found:
        assert message.hint, message
    return [message.id for message in found]


@pytest.mark.parametrize(
    ("debug", "hosts", "expected"),
    [
        (True, ["localhost", "127.0.0.1"], []),
        (False, ["lab.example.org"], []),
        (True, ["localhost", "lab.example.org"], ["lacie.E001"]),
        (True, ["*"], ["lacie.E001"]),
    ],
)
def test_debug_stays_at_home(debug, hosts, expected):
    with override_settings(DEBUG=debug, ALLOWED_HOSTS=hosts):
        assert ids(checks.debug_stays_at_home(None)) == expected


def test_a_data_folder_that_is_no_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    for path, expected in ((tmp_path, []), (tmp_path / "file", ["lacie.E002"]), (tmp_path / "missing", ["lacie.E002"])):
        with override_settings(DATA_DIR=path):
            assert ids(checks.data_folder_takes_files(None)) == expected


@pytest.mark.parametrize(("key", "expected"), [("x" * 50, []), ("secret", ["lacie.W002"]), ("django-insecure-" + "x" * 40, ["lacie.W002"])])
def test_a_secret_key_that_can_be_guessed_is_named_but_not_shown(key, expected):
    with override_settings(SECRET_KEY=key):
        found = checks.secret_key_is_secret(None)
        assert ids(found) == expected
        assert all(key not in str(message) for message in found)


@pytest.mark.parametrize(("failures", "hosts", "expected"), [(10, ["*"], []), (0, ["localhost"], []), (0, ["lab.example.org"], ["lacie.W003"])])
def test_a_login_without_a_limit_is_warned_of_where_strangers_come(failures, hosts, expected):
    with override_settings(LOGIN_FAILURES=failures, ALLOWED_HOSTS=hosts):
        assert ids(checks.passwords_cannot_be_tried_out(None)) == expected


def test_a_checkout_without_the_base_speaker_is_warned(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "BASE_SPEAKER", tmp_path)
    assert ids(checks.bundled_speaker_is_there(None)) == ["lacie.W001"]
    (tmp_path / "model.safetensors").touch()
    assert ids(checks.bundled_speaker_is_there(None)) == []
