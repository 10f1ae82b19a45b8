"""Staff pages of games and speakers: what they say, and at what cost."""

import pytest
from django.contrib.auth.models import User

from games import overview
from games.cards import as_html
from games.jobs import Job
from tests.factories import make_dataset, make_game, make_judgment, make_listener, make_question, make_speaker, make_utterance
from tests.queries import queries_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("manager"))
    return client


def played_game(*, questions=3, **kwargs):
    """Each question answered right (believed by both), wrong (believed by gullible alone) and not at all."""
    gullible, doubter = make_listener(), make_listener()
    game = make_game(listeners=[gullible, doubter], state=Job.State.DONE, **kwargs)
    for _ in range(questions):
        question = make_question(dataset=game.dataset, split=game.split)
        for sample, answer in enumerate(["Paris", "Lyon", None]):
            said = make_utterance(game=game, question=question, sample=sample, answer=answer, text=f"Surely {answer}.", is_correct=answer == "Paris")
            make_judgment(utterance=said, listener=gullible, accepted=True)
            make_judgment(utterance=said, listener=doubter, accepted=answer == "Paris")
    return game


def test_counts_tell_wrong_from_abstained():
    counts = overview.counts(played_game().utterances.all())
    assert (counts.utterances, counts.right, counts.wrong, counts.abstained) == (9, 3, 6, 3)
    assert counts.accuracy == pytest.approx(100 / 3) == counts.abstention


def test_a_rate_of_nothing_is_no_rate():
    counts = overview.counts(make_game().utterances.all())
    assert counts.accuracy is None and counts.abstention is None


def test_acceptance_counts_abstentions_as_wrong_and_leaves_out_excluded_judgments():
    game = played_game()
    gullible, doubter = overview.acceptance(game)
    assert (gullible.right_accepted, gullible.right, gullible.wrong_accepted, gullible.wrong) == (3, 3, 6, 6)
    assert (doubter.true_accept_rate, doubter.false_accept_rate) == (100, 0)
    game.utterances.filter(answer="Lyon").first().judgments.update(excluded="attention")
    assert overview.acceptance(game)[0].wrong == 5


def test_a_speaker_has_figures_for_each_of_its_games():
    speaker, dataset = make_speaker(), make_dataset()
    games = [played_game(speaker=speaker, dataset=dataset, split=split) for split in ("test", "train")]
    played_game()
    figures = overview.figures(speaker)
    assert [(row.dataset, row.split, row.game) for row in figures] == [(dataset.name, game.split, game.pk) for game in games]
    assert [len(row.acceptance) for row in figures] == [2, 2]
    assert figures[0].counts.utterances == 9


def test_recorded_answers_have_figures_without_a_game(staff):
    said = make_utterance()
    (row,) = overview.figures(said.speaker)
    assert row.game is None and row.counts.right == 1
    assert "recorded answers" in staff.get(said.speaker.get_absolute_url()).content.decode()


def test_a_game_shows_who_believed_what(staff):
    page = staff.get(played_game().get_absolute_url()).content.decode()
    assert "33.3 %" in page and "100.0 % <small>(3 of 3)</small>" in page and "0.0 % <small>(0 of 6)</small>" in page
    assert "accepted answer: Paris" in page and "abstained" in page


def test_what_a_model_says_is_shown_as_text(staff):
    game = make_game()
    make_utterance(game=game, text="<script>alert(1)</script>")
    page = staff.get(game.get_absolute_url()).content.decode()
    assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page


@pytest.mark.parametrize("card", ["<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](javascript:alert(1))", '<img src=x onerror="a()">'])
def test_a_card_from_elsewhere_runs_nothing(card):
    html = as_html(card)
    assert "<script" not in html and 'href="javascript' not in html and "<img" not in html


def test_pages_cost_the_same_for_much_and_for_little(staff):
    speaker, dataset = make_speaker(), make_dataset()
    first = played_game(speaker=speaker, dataset=dataset, questions=1)
    paths = [first.get_absolute_url(), speaker.get_absolute_url(), "/games/", "/games/speakers/"]
    little = [queries_of(staff, path) for path in paths]
    for seed in range(1, 6):
        played_game(speaker=speaker, dataset=dataset, questions=2, seed=seed)
    for number in range(8):
        said = make_utterance(game=first, question=make_question(dataset=dataset), sample=number)
        make_judgment(utterance=said, listener=first.listeners.first())
    assert [queries_of(staff, path) for path in paths] == little
    assert max(little) <= 12


def test_lists_have_pages_and_forgive_a_page_that_is_not_there(staff):
    for _ in range(51):
        make_speaker()
    assert "Page 1 of 2" in staff.get("/games/speakers/").content.decode()
    assert "Page 2 of 2" in staff.get("/games/speakers/?page=99").content.decode()
    assert staff.get("/games/speakers/?page=x").status_code == 200


def test_a_game_that_is_not_there_is_404(staff):
    assert staff.get("/games/999/").status_code == 404
    assert staff.get("/games/speakers/99999999999999999999999999/").status_code == 404


def test_a_game_that_goes_on_is_reloaded_without_javascript_and_a_finished_one_is_not(staff):
    assert b'http-equiv="refresh"' in staff.get(make_game(state=Job.State.QUEUED).get_absolute_url()).content
    assert b'http-equiv="refresh"' not in staff.get(make_game(state=Job.State.DONE).get_absolute_url()).content
