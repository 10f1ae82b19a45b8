"""Who may see and change a study: administrators all, owners their own, observers read, nobody else anything."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.test import Client
from django.urls import reverse

from annotations.models import Study
from tests import factories as make

pytestmark = pytest.mark.django_db


def user(name: str, **kwargs: Any) -> User:
    return User.objects.create_user(name, **({"is_staff": True} | kwargs))


@pytest.fixture
def study() -> Study:
    """Ada's; Eve observes it, Bo manages another."""
    ada, eve, bo = user("ada"), user("eve"), user("bo")
    make.make_study(name="bos", owner=bo)
    make.make_study(name="nobodys")
    study = make.make_open_study(name="adas", owner=ada, state=Study.State.DRAFT)
    study.observers.add(eve)
    return study


@pytest.mark.parametrize(
    ("name", "sees", "changes"),
    [
        ("ada", {"adas"}, {"adas"}),
        ("eve", {"adas"}, set()),
        ("bo", {"bos"}, {"bos"}),
        ("root", {"adas", "bos", "nobodys"}, {"adas", "bos", "nobodys"}),
    ],
)
def test_each_sees_and_changes_what_is_theirs(study: Study, name: str, sees: set[str], changes: set[str]) -> None:
    user("root", is_superuser=True)
    somebody = User.objects.get(username=name)
    assert {row.name for row in Study.objects.visible_to(somebody)} == sees
    assert {row.name for row in Study.objects.all() if row.may_change(somebody)} == changes


def test_who_is_no_staff_any_more_sees_nothing_even_of_their_own(study: Study) -> None:
    for change in ({"is_staff": False}, {"is_staff": True, "is_active": False}):
        User.objects.filter(username="ada").update(**change)
        ada = User.objects.get(username="ada")
        assert not Study.objects.visible_to(ada)
        assert not study.may_change(ada)
    assert not Study.objects.visible_to(AnonymousUser())
    assert not study.may_change(AnonymousUser())


ROWS = {
    "arm": lambda study: make.make_arm(study=study),
    "armutterance": lambda study: make.make_arm_utterance(arm=make.make_arm(study=study)),
    "participant": lambda study: make.make_participant(study=study),
    "assignment": lambda study: make.make_assignment(arm=make.make_arm(study=study)),
    "attentioncheck": lambda study: make.make_check(study=study),
    "platformidentity": lambda study: make.make_identity(participant=make.make_participant(study=study)),
    "payment": lambda study: make.make_payment(participant=make.make_participant(study=study)),
}


@pytest.mark.parametrize("model", ROWS)
def test_the_admin_shows_the_rows_of_ones_own_studies_alone(client: Client, study: Study, model: str) -> None:
    row = ROWS[model](study)
    for name, status in (("ada", 200), ("eve", 200), ("bo", 302)):
        somebody = User.objects.get(username=name)
        somebody.user_permissions.set(Permission.objects.filter(content_type__app_label="annotations"))
        client.force_login(somebody)
        assert client.get(reverse(f"admin:annotations_{model}_change", args=[row.pk])).status_code == status, name
        listed = client.get(reverse(f"admin:annotations_{model}_changelist")).context["cl"].queryset
        assert (row in listed) is (status == 200)


def test_the_admin_lets_an_observer_read_and_the_owner_change(client: Client, study: Study) -> None:
    page = reverse("admin:annotations_study_change", args=[study.pk])
    fields = {"name": "adas", "keys": "{}", "observers": [User.objects.get(username="eve").pk]}
    for name, seen, saved in (("ada", 200, 302), ("eve", 200, 403), ("bo", 302, 302)):
        somebody = User.objects.get(username=name)
        somebody.user_permissions.set(Permission.objects.filter(content_type__app_label="annotations"))
        client.force_login(somebody)
        assert client.get(page).status_code == seen, name
        assert client.post(page, {**fields, "title": f"By {name}"}).status_code == saved, name
    assert Study.objects.get(name="adas").title == "By ada"


def test_the_admin_changes_nothing_that_is_frozen(admin_client: Client, study: Study) -> None:
    Study.objects.filter(pk=study.pk).update(state=Study.State.OPEN)
    fields = admin_client.get(reverse("admin:annotations_study_change", args=[study.pk])).context["adminform"].form.fields
    assert not {"name", "title", "protocol", "digest", "state", "games"} & set(fields)


def test_an_observer_opens_nothing_by_the_admins_action(client: Client, study: Study) -> None:
    eve = User.objects.get(username="eve")
    eve.user_permissions.set(Permission.objects.filter(content_type__app_label="annotations"))
    client.force_login(eve)
    said = client.post(reverse("admin:annotations_study_changelist"), {"action": "open", "_selected_action": [study.pk]}, follow=True)
    assert "You may read study" in said.content.decode()
    study.refresh_from_db()
    assert study.state == Study.State.DRAFT


@pytest.mark.parametrize("page", ["results/", "results/figures.pdf", "results/results.json"])
def test_results_of_another_managers_study_are_not_there(client: Client, study: Study, page: str) -> None:
    for name, status in (("ada", 200), ("eve", 200), ("bo", 404)):
        client.force_login(User.objects.get(username=name))
        assert client.get(f"/s/{study.name}/{page}").status_code == status
