"""Which questions a study asks."""

import pytest

from annotations.building.draws import DrawError, Material, drawn
from annotations.protocol import Draw
from games.models import Listener
from tests.annotations.building.test_setup import World
from tests.factories import make_judgment, make_listener

pytestmark = pytest.mark.django_db


def draw(world: World, seed: int = 0, **settings: object) -> Material:
    return drawn(speakers=world.speakers, games=world.games, draw=Draw(**settings), seed=seed)  # type: ignore[arg-type]


def wrong_by_the_first_arm(world: World, questions: int) -> None:
    world.games[0].utterances.filter(question__in=world.questions[:questions]).update(is_correct=False)


def test_it_draws_so_many_right_and_so_many_wrong_by_the_first_arm() -> None:
    world = World(questions=20)
    wrong_by_the_first_arm(world, 8)
    material = draw(world, how="by-correctness", right=5, wrong=6)
    assert sorted(answers[0].is_correct for answers in material.values()) == [False] * 6 + [True] * 5
    assert material == draw(world, how="by-correctness", right=5, wrong=6)
    assert set(material) != set(draw(world, seed=1, how="by-correctness", right=5, wrong=6))


def test_it_says_how_many_wrong_ones_there_are() -> None:
    world = World()
    wrong_by_the_first_arm(world, 3)
    with pytest.raises(DrawError, match="4 questions that it answered wrong are wanted, there are 3"):
        draw(world, how="by-correctness", right=5, wrong=4)


def judged(world: World) -> Listener:
    """By a listener who is the surer the later the question."""
    listener = make_listener(name="lexicon")
    for n, question in enumerate(world.questions):
        for utterance in world.games[0].utterances.filter(question=question):
            make_judgment(utterance=utterance, listener=listener, probability=0.2 + 0.03 * n)
    return listener


def test_strata_are_fifths_of_the_listeners_range() -> None:
    world = World(questions=20)
    judged(world)
    material = draw(world, how="stratified", per_stratum=2)
    places = sorted(world.questions.index(next(q for q in world.questions if q.pk == pk)) for pk in material)
    assert [place // 4 for place in places] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_stratum_with_too_few_is_named_with_its_probabilities() -> None:
    world = World(questions=20)
    judged(world)
    with pytest.raises(DrawError, match=r"5 questions with a probability from 0\.20 to 0\.31 are wanted, there are 4"):
        draw(world, how="stratified", per_stratum=5)


def test_a_listener_who_has_not_listened_is_refused() -> None:
    with pytest.raises(DrawError, match="Listener 'lexicon' has judged none"):
        draw(World(), how="stratified", per_stratum=1)
