"""Calibration-tuned speakers that state their judge's probability: how one is made, and that it plays with it."""

import pytest
from django.core.management import CommandError, call_command

from games import estimate, play
from games.confidence import stated
from games.models import Confidence, Speaker, Split
from tests import factories as make
from training import registry

pytest.importorskip("torch")
pytestmark = pytest.mark.django_db


def test_a_stating_speaker_is_made_once_and_plays_with_the_judges_probability_in_its_answers(judge, capsys):
    for _ in range(2):
        call_command("state_confidence", "judge", "number")
    assert "Speaker judge-number tells how sure judge is, as a number." in capsys.readouterr().out
    speaker = Speaker.objects.get(name="judge-number")
    assert (speaker.parent, speaker.method, speaker.generation) == (judge, "calibration-tuning", {"max_new_tokens": 8, "state": "number"})
    assert speaker.digest not in ("", judge.digest)
    dataset = make.make_question(split=Split.TEST).dataset
    for _ in range(11):
        make.make_question(dataset=dataset, split=Split.TEST)
    settled = {"dataset": dataset, "split": Split.TEST, "listeners": [make.make_listener(kind="lexicon")], "samples": 3}
    game, plain = (play.run_in_foreground(play.start_game(speaker=one, **settled)) for one in (speaker, judge))
    estimate.estimate(game=plain, source="calibration-tuned")
    judged = {(one.utterance.question_id, one.utterance.sample): one.value for one in Confidence.objects.select_related("utterance")}
    answered = list(game.utterances.answered().prefetch_related("judgments"))
    assert answered and {(one.question_id, one.sample) for one in answered} == set(judged)
    for one in answered:
        assert stated(one.text) == one.judgments.get().probability == pytest.approx(judged[one.question_id, one.sample], abs=0.0101)
    assert game.utterances.filter(answer=None).count() == plain.utterances.filter(answer=None).count()


def test_what_is_trained_from_a_stating_speaker_states_nothing(judge, tmp_path):
    speaker = registry.stating(judge, "phrase", name="spoken")
    run = make.make_run(name="further", base=speaker, folder="runs/further", config={})
    (tmp_path / "runs/further/adapter").mkdir(parents=True)
    (tmp_path / "runs/further/metrics.json").write_text("{}")
    assert registry.publish(run).generation == {"max_new_tokens": 8}


def test_a_speaker_that_cannot_state_is_not_made(judge):
    registry.stating(judge, "number", name="spoken")
    make.make_speaker(name="judge-phrase")
    for arguments, words in (
        (["base", "number"], "base was not calibration-tuned"),
        (["nobody", "number"], "There is no speaker 'nobody'"),
        (["spoken", "phrase"], "states its confidence already. Name the speaker that it comes from: judge"),
        (["judge", "phrase"], "There is a speaker 'judge-phrase' already"),
        (["judge", "off"], "invalid choice: 'off'"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("state_confidence", *arguments)
