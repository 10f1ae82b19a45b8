"""The OpenAPI schema: valid, and true."""

from collections import Counter
from pathlib import Path

import pytest
import schemathesis
import yaml
from django.contrib.auth.models import User
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from knox.models import AuthToken
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from lacie_platform.wsgi import application
from tests import factories as make

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
]


@pytest.fixture
def api_schema(transactional_db: None) -> schemathesis.BaseSchema:
    """The real application: it closes connections that are in a transaction, so the rows have to be committed."""
    make.make_judgment(utterance=make.make_utterance(game=make.make_game()))
    make.make_run(pair_set=make.make_pair_set())
    make.make_evaluation()
    make.make_comparison()
    return schemathesis.openapi.from_wsgi("/api/schema/", application)


def test_the_schema_is_valid_and_nothing_in_it_is_guessed(tmp_path: Path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))
    paths = yaml.safe_load((tmp_path / "schema.yaml").read_text())["paths"]
    assert {"/api/questions/", "/api/pair-sets/{id}/", "/api/auth/login/"} <= set(paths)


@pytest.mark.slow
def test_what_the_schema_says_is_what_happens(api_schema: schemathesis.BaseSchema):
    """Weaker than a full run: the checks that are left out fail on habits of DRF (`1.0` is read as 1, unknown parameters are ignored)."""
    ada = User.objects.create_user("ada", is_staff=True)
    answers: Counter[int] = Counter()
    operations = [result.ok() for result in api_schema.get_all_operations()]
    assert len(operations) == 36

    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
        def conforms(case: schemathesis.Case) -> None:
            token = AuthToken.objects.create(ada)[1]  # a new one each time: one of the operations throws it away
            answers[case.call_and_validate(headers={"Authorization": f"Token {token}"}, checks=CHECKS).status_code] += 1

        conforms()
    assert answers[200] > 60, answers
