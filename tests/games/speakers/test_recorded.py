"""A recorded speaker says what was recorded, and nothing else."""

import json
from pathlib import Path

import pytest

from games.speakers import Spec, load
from games.speakers.base import Generation, SpeakerError

ROW = {"question": "Who?", "response_clean": "It was me.\nFinal answer: me\nConfidence:", "correct_answer": ["me"], "confidence": "95%"}


def test_it_replays_its_texts_in_order() -> None:
    speaker = load(Spec("recorded", generation={"texts": {"Who?": ["me", "you", "they"], "Where?": ["here", "there"]}}))
    responses = speaker.respond(["Where?", "Who?"], Generation(samples=2))
    assert [[response.text for response in found] for found in responses] == [["here", "there"], ["me", "you"]]


def test_it_replays_a_file(tmp_path: Path) -> None:
    (tmp_path / "said.jsonl").write_text(json.dumps(ROW))
    speaker = load(Spec("recorded", generation={"file": str(tmp_path / "said.jsonl")}))
    assert speaker.respond(["Who?"], Generation(samples=1))[0][0].text == "It was me.\nFinal answer: me"


@pytest.mark.parametrize(("question", "samples"), [("Who?", 2), ("Why?", 1)])
def test_it_does_not_make_up_what_was_not_recorded(question: str, samples: int) -> None:
    speaker = load(Spec("recorded", generation={"texts": {"Who?": ["me"]}}))
    with pytest.raises(SpeakerError, match=f"of {samples} responses were recorded"):
        speaker.respond([question], Generation(samples=samples))


@pytest.mark.parametrize(("settings", "complaint"), [({}, "nothing to replay"), ({"file": "nowhere.jsonl"}, "no such file")])
def test_it_says_what_it_lacks(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(SpeakerError, match=complaint):
        load(Spec("recorded", generation=settings))
