"""Who may do what, asked of every address that there is: a page added tomorrow is asked too."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from annotations.building import setup
from annotations.models import Participant, Study
from tests.annotations.building.test_setup import World
from tests.factories import make_check, make_participant, make_payment

pytestmark = pytest.mark.django_db
PARTICIPANTS = {"study", "consent", "answer", "dismiss", "language", *Participant.Step.values}
"""Of `annotations:`, what people without an account reach. A page that is not named here is for staff, or fails these tests."""


class Address(NamedTuple):
    name: str
    arguments: tuple[str, ...]


def addresses(patterns: Any, space: str = "", arguments: tuple[str, ...] = ()) -> Iterator[Address]:
    for one in patterns:
        inner = (*arguments, *one.pattern.converters)
        if isinstance(one, URLResolver) and one.namespace not in ("admin",):
            yield from addresses(one.url_patterns, one.namespace or space, inner)
        elif isinstance(one, URLPattern) and one.name:
            yield Address(f"{space}:{one.name}", inner)


STAFF = [
    address
    for address in addresses(get_resolver().url_patterns)
    if address.name.split(":")[0] in ("console", "annotations") and "name" in address.arguments and address.name.split(":")[1] not in PARTICIPANTS
]
VALUES: dict[str, Callable[[Study], Any]] = {
    "name": lambda study: study.name,
    "key": lambda study: "basics",
    "pk": lambda study: study.checks.get().pk,
    "language": lambda study: "en",
    "text": lambda study: "consent",
    "code": lambda study: study.participants.get().code,
    "batch": lambda study: study.participants.get().payment.batch,
    "figure": lambda study: "acceptance",
    "file": lambda study: "payments.csv",
}


@pytest.fixture(params=["draft", "open"])
def study(request: pytest.FixtureRequest) -> Study:
    """Ada's; Eve observes it, Bo manages another, Cy is no staff."""
    ada, eve, _, _ = (User.objects.create_user(name, is_staff=name != "cy") for name in ("ada", "eve", "bo", "cy"))
    study = World(questions=4).create(owner=ada, rounds=4)
    study.observers.add(eve)
    make_check(study=study)
    if request.param == "open":
        setup.open_study(study)
    make_payment(participant=make_participant(study=study), batch="b1")
    return study


def where(address: Address, study: Study) -> str:
    missing = set(address.arguments) - set(VALUES)
    assert not missing, f"{address.name}: say in VALUES what {missing} is, so that this page's rights are tested"
    return reverse(address.name, kwargs={name: VALUES[name](study) for name in address.arguments})


def rows() -> dict[str, list[Any]]:
    """All that the app's tables hold."""
    with connection.cursor() as cursor:
        names = sorted(name for name in connection.introspection.table_names(cursor) if name.startswith("annotations_"))
        return {name: cursor.execute(f"SELECT * FROM {name}").fetchall() for name in names}  # type: ignore[union-attr]  # SQLite's cursor


def statuses(client: Client, url: str) -> tuple[int, int]:
    return client.get(url).status_code, client.post(url, {"sure": "yes", "decision": "drop", "message": "Hello"}).status_code


def each(study: Study) -> Iterator[tuple[str, str]]:
    """Every address with its URL; what was changed at one is taken back before the next."""
    for address in STAFF:
        url = where(address, study)
        point = transaction.savepoint()
        yield address.name, url
        transaction.savepoint_rollback(point)


@pytest.mark.parametrize("who", ["", "cy"])
def test_without_a_staff_account_every_page_is_the_log_in(client: Client, study: Study, who: str) -> None:
    before = rows()
    if who:
        client.force_login(User.objects.get(username=who))
    for name, url in each(study):
        for response in (client.get(url), client.post(url)):
            assert response.status_code == 405 or response.headers["Location"].startswith("/admin/login/"), name
        assert rows() == before, name


def test_a_manager_of_another_study_finds_none_of_its_pages(client: Client, study: Study) -> None:
    before = rows()
    client.force_login(User.objects.get(username="bo"))
    for name, url in each(study):
        assert 404 in statuses(client, url), name
        assert set(statuses(client, url)) <= {404, 405}, name
        assert rows() == before, name


def test_an_observer_reads_and_changes_nothing(client: Client, study: Study) -> None:
    before = rows()
    client.force_login(User.objects.get(username="eve"))
    for name, url in each(study):
        got, posted = statuses(client, url)
        assert got in (200, 302, 403, 404, 405), name
        assert posted in (403, 405), name
        assert rows() == before, name


@pytest.mark.parametrize("who", ["ada", "root"])
def test_the_owner_and_an_administrator_reach_every_page(client: Client, study: Study, who: str) -> None:
    User.objects.create_superuser("root")
    client.force_login(User.objects.get(username=who))
    frozen = {403} if study.state != Study.State.DRAFT else set()  # a frozen study refuses changes of its setup, saying why
    for name, url in each(study):
        got, posted = statuses(client, url)
        assert (got, posted) != (405, 405), name
        assert got in {200, 302, 404, 405}, name
        assert posted in {200, 302, 400, 404, 405, 409} | frozen, name


def test_every_move_of_the_console_is_among_them() -> None:
    names = {address.name for address in STAFF}
    assert {"console:open", "console:close", "annotations:look", "console:return", "annotations:results", "annotations:payments-export"} <= names


@pytest.mark.parametrize(("permission", "status"), [(False, 403), (True, 200)])
def test_creating_needs_the_permission(client: Client, permission: bool, status: int) -> None:
    from django.contrib.auth.models import Permission

    ada = User.objects.create_user("ada", is_staff=True)
    if permission:
        ada.user_permissions.add(Permission.objects.get(codename="add_study"))
    client.force_login(ada)
    assert client.get(reverse("console:create")).status_code == status
    assert client.post(reverse("console:create")).status_code == (400 if permission else 403)


def test_the_list_shows_each_their_own(client: Client, study: Study) -> None:
    for name, sees in (("ada", True), ("eve", True), ("bo", False)):
        client.force_login(User.objects.get(username=name))
        assert ("/studies/trivia/" in client.get(reverse("console:studies")).content.decode()) is sees
