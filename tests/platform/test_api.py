"""The read API: who may read, what is found, and at what cost."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotations.models import Study
from tests import factories as make

pytestmark = pytest.mark.django_db


def mine() -> Study:
    """A study that the signed-in account owns."""
    return make.make_study(owner=User.objects.get(username="ada"))


ROWS: dict[str, Callable[[], Any]] = {
    "datasets": make.make_dataset,
    "questions": make.make_question,
    "speakers": lambda: make.make_speaker(parent=make.make_speaker()),
    "listeners": make.make_listener,
    "games": lambda: make.make_game(listeners=[make.make_listener(), make.make_listener()]),
    "utterances": lambda: make.make_utterance(game=make.make_game()),
    "judgments": make.make_judgment,
    "confidences": make.make_confidence,
    "pair-sets": make.make_pair_set,
    "runs": lambda: make.make_run(pair_set=make.make_pair_set(), speaker=make.make_speaker()),
    "evaluations": make.make_evaluation,
    "comparisons": make.make_comparison,
    "studies": mine,
    "arms": lambda: make.make_arm(study=mine()),
    "participants": lambda: make.make_participant(study=mine()),
    "assignments": lambda: make.make_assignment(arm=make.make_arm(study=mine())),
    "benchmarks": make.make_benchmark,
}


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_user("ada", is_staff=True))
    return client


def as_user(name: str, **kwargs: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create_user(name, is_staff=True, **kwargs))
    return client


def found(client: Client, path: str) -> list[int]:
    answer = client.get(f"/api/{path}")
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.mark.parametrize("name", ROWS)
def test_a_list_costs_the_same_for_two_rows_and_for_thirty(staff, name, django_assert_max_num_queries):
    for rows in (2, 28):
        for _ in range(rows):
            ROWS[name]()
        with django_assert_max_num_queries(5):  # session, user, count, rows, one prefetch
            assert staff.get(f"/api/{name}/").status_code == 200


@pytest.mark.parametrize("name", ROWS)
def test_one_row_reads_as_in_the_list(staff, name):
    pk = ROWS[name]().pk
    listed = {row["id"]: row for row in staff.get(f"/api/{name}/").json()["results"]}
    assert staff.get(f"/api/{name}/{pk}/").json() == listed[pk]


@pytest.mark.parametrize("name", ROWS)
def test_nobody_writes(staff, name):
    pk = ROWS[name]().pk
    assert staff.post(f"/api/{name}/", {}).status_code == 405
    assert {staff.delete(f"/api/{name}/{pk}/").status_code, staff.patch(f"/api/{name}/{pk}/").status_code} == {405}


@pytest.mark.parametrize("name", [*(f"{name}/" for name in ROWS), ""])
def test_only_staff_read(client, name):
    assert client.get(f"/api/{name}").status_code == 401
    client.force_login(User.objects.create_user("participant"))
    assert client.get(f"/api/{name}").status_code == 403


@pytest.mark.parametrize("pk", ["0", "999999", "9" * 30, "x", "-1"])
@pytest.mark.parametrize("name", ["questions", "games"])
def test_a_row_that_is_not_there_is_404(staff, name, pk):
    assert staff.get(f"/api/{name}/{pk}/").status_code == 404


@pytest.mark.parametrize(
    "query",
    ["game=x", "game=1.5", "game=-3", "game=" + "9" * 30, "speaker=%00", "split=exam"],
)
def test_a_filter_that_cannot_be_is_400_and_named(staff, query):
    answer = staff.get(f"/api/utterances/?{query}")
    assert answer.status_code == 400 and list(answer.json()) == [query.split("=")[0]]


def test_pages_have_a_limit_and_know_their_neighbours(staff):
    for _ in range(5):
        make.make_listener()
    page = staff.get("/api/listeners/?limit=2&offset=2").json()
    assert page["count"] == 5 and len(page["results"]) == 2 and page["next"] and page["previous"]
    huge = staff.get("/api/listeners/?limit=999999999999999999999").json()
    assert len(huge["results"]) == 5
    assert found(staff, "listeners/?offset=" + "9" * 40) == []


def test_a_page_never_has_more_than_a_thousand_rows(staff):
    from lacie_platform.paging import Pages

    assert Pages.max_limit == 1000 and Pages().get_limit.__self__.default_limit == 100


def test_utterances_are_found_by_what_researchers_ask_for(staff):
    game = make.make_game()
    right = make.make_utterance(game=game)
    wrong = make.make_utterance(game=game, answer="Lyon", text="Perhaps Lyon?")
    silent = make.make_utterance(game=game, answer=None, text="I don't know.", is_correct=False)
    make.make_utterance()
    of_game = f"utterances/?game={game.pk}"
    assert found(staff, of_game) == [right.pk, wrong.pk, silent.pk]
    assert found(staff, f"{of_game}&correct=true") == [right.pk]
    assert found(staff, f"{of_game}&correct=false&abstained=false") == [wrong.pk]
    assert found(staff, f"{of_game}&abstained=true") == [silent.pk]
    assert found(staff, f"{of_game}&text=PERHAPS") == [wrong.pk]
    assert found(staff, f"utterances/?speaker={game.speaker.name}&dataset={game.dataset.name}&split=test") == [right.pk, wrong.pk, silent.pk]
    assert found(staff, "utterances/?split=train") == []
    assert found(staff, f"{of_game}&ordering=-id") == [silent.pk, wrong.pk, right.pk]


def test_judgments_are_found_by_what_researchers_ask_for(staff):
    doubter, wrong = make.make_listener(name="doubter"), make.make_utterance(answer="Lyon")
    accepts = make.make_judgment(listener=doubter)
    rejects = make.make_judgment(listener=doubter, utterance=wrong, accepted=False)
    inattentive = make.make_judgment(listener=doubter, excluded="attention", judge="c0de")
    make.make_judgment()
    assert found(staff, "judgments/?listener=doubter") == [accepts.pk, rejects.pk, inattentive.pk]
    assert found(staff, "judgments/?listener=doubter&excluded=false") == [accepts.pk, rejects.pk]
    assert found(staff, "judgments/?excluded=true") == found(staff, "judgments/?excluded_because=attention") == [inattentive.pk]
    assert found(staff, "judgments/?listener=doubter&accepted=false") == [rejects.pk]
    assert found(staff, "judgments/?listener=doubter&correct=false") == [rejects.pk]
    assert found(staff, "judgments/?judge=c0de") == [inattentive.pk]
    assert found(staff, "judgments/?listener=doubter&probability_max=0.5") == [rejects.pk]


def test_a_person_is_a_code_and_nothing_more(staff):
    make.make_judgment(judge="c0de", listener=make.make_listener(kind="human"))
    (row,) = staff.get("/api/judgments/?kind=human").json()["results"]
    assert row["judge"] == "c0de"
    assert not {"participant", "assignment", "name", "label"} & set(row)


OF_A_STUDY = ("studies", "arms", "participants", "assignments", "judgments")


@pytest.fixture
def bos_study() -> Study:
    """Of another manager, with one judgment of a person whom a platform knows."""
    study = make.make_study(owner=User.objects.create_user("bo", is_staff=True))
    person = make.make_participant(study=study)
    make.make_identity(participant=person, label="5f3a9c1e77b2")
    make.make_assignment(arm=make.make_arm(study=study), participant=person, judgment=make.make_judgment(listener=study.listener, judge=person.code))
    return study


@pytest.mark.parametrize("name", OF_A_STUDY)
def test_a_manager_of_another_study_finds_nothing_of_this_one(staff, bos_study, name):
    (pk,) = found(as_user("root", is_superuser=True), f"{name}/")
    assert found(staff, f"{name}/") == [] and staff.get(f"/api/{name}/{pk}/").status_code == 404
    bos_study.observers.add(User.objects.get(username="ada"))
    assert found(staff, f"{name}/") == [pk], "an observer reads it"


@pytest.mark.parametrize("name", OF_A_STUDY)
def test_no_answer_holds_a_platforms_id_of_a_person(bos_study, name):
    answer = as_user("root", is_superuser=True).get(f"/api/{name}/")
    assert answer.json()["count"] == 1 and b"5f3a9c1e77b2" not in answer.content


def test_participants_and_assignments_are_found_by_what_researchers_ask_for(staff):
    study = mine()
    arm, ada, bot = (
        make.make_arm(study=study),
        make.make_participant(study=study, outcome="finished"),
        make.make_participant(study=study, is_bot=True),
    )
    given = make.make_assignment(arm=arm, participant=ada, judgment=make.make_judgment(listener=study.listener, judge=ada.code))
    open_one = make.make_assignment(arm=arm, participant=bot)
    assert found(staff, f"participants/?study={study.name}&is_bot=false") == found(staff, "participants/?outcome=finished") == [ada.pk]
    assert found(staff, "participants/?under_way=true") == [bot.pk] and found(staff, "participants/?excluded=true") == []
    assert found(staff, f"assignments/?participant={ada.code}") == found(staff, "assignments/?answered=true") == [given.pk]
    assert found(staff, "assignments/?answered=false&is_check=false") == [open_one.pk]
    assert staff.get(f"/api/assignments/{given.pk}/").json()["judgment"] == given.judgment_id


def test_rows_name_each_other_by_name(staff):
    game = make.make_game(listeners=[make.make_listener(name="gullible")])
    row = staff.get(f"/api/games/{game.pk}/").json()
    assert (row["speaker"], row["dataset"], row["listeners"]) == (game.speaker.name, game.dataset.name, ["gullible"])


def test_games_are_found_by_listener_once_each(staff):
    listeners = [make.make_listener(name="gullible"), make.make_listener()]
    game = make.make_game(listeners=listeners)
    make.make_game()
    assert found(staff, "games/?listener=gullible") == [game.pk]


def test_a_password_buys_a_token_that_reads_until_it_is_handed_back(client):
    User.objects.create_user("ada", password="lovelace", is_staff=True)
    token = client.post("/api/auth/login/", headers=basic("ada", "lovelace")).json()["token"]
    headers = {"Authorization": f"Token {token}"}
    assert client.get("/api/speakers/", headers=headers).status_code == 200
    assert client.post("/api/auth/logout/", headers=headers).status_code == 204
    assert client.get("/api/speakers/", headers=headers).status_code == 401


def test_a_wrong_password_buys_nothing(client):
    User.objects.create_user("ada", password="lovelace", is_staff=True)
    assert client.post("/api/auth/login/", headers=basic("ada", "wrong")).status_code == 401
    assert client.post("/api/auth/login/").status_code == 401


def test_participants_get_no_token(client):
    User.objects.create_user("bo", password="secret")
    assert client.post("/api/auth/login/", headers=basic("bo", "secret")).status_code == 403


def test_a_token_of_somebody_dismissed_reads_nothing(client):
    user = User.objects.create_user("ada", password="lovelace", is_staff=True)
    token = client.post("/api/auth/login/", headers=basic("ada", "lovelace")).json()["token"]
    user.is_staff = False
    user.save()
    assert client.get("/api/speakers/", headers={"Authorization": f"Token {token}"}).status_code == 403


def test_the_docs_page_takes_scripts_from_here_alone(client):
    page = client.get("/api/docs/")
    policy = page["Content-Security-Policy"]
    assert page.status_code == 200
    assert "style-src 'self' 'unsafe-inline'" in policy and "script-src" not in policy and "unsafe-eval" not in policy
    assert "//" not in page.content.decode().replace("http://testserver", "").replace("<!--", "").split("<body>")[1]
    assert "unsafe-inline" not in client.get("/api/schema/")["Content-Security-Policy"]


def test_the_list_of_listeners_leaves_out_what_a_learned_one_has_learned(staff: Client) -> None:
    learned = make.make_listener(kind="learned", config={"model": {"weights": [0.5] * 500}, "from": "people-trivia"})
    spoken = make.make_listener(kind="llm", config={"model": "bundled"})
    listed = {row["id"]: row["config"] for row in staff.get("/api/listeners/").json()["results"]}
    assert listed == {learned.pk: {"from": "people-trivia"}, spoken.pk: {"model": "bundled"}}
    assert staff.get(f"/api/listeners/{learned.pk}/").json()["config"]["model"] == {"weights": [0.5] * 500}
