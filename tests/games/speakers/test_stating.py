"""A judge's probability as what a speaker states: the answer stays, the tone goes, and who listens hears about what the judge said."""

import numpy as np
import pytest

from games.bundled.phrasing import ABSTENTIONS, LEADS, TONES
from games.confidence import stated
from games.estimators.tuned import Judge
from games.extraction import extract_by_pattern
from games.grading import MASK, grade, is_garbled
from games.listeners.base import Heard
from games.listeners.lexicon import LexiconListener
from games.speakers import Spec, load
from games.speakers.base import Generation, Response, SpeakerError
from games.speakers.phrases import read
from games.speakers.stating import Stating

QUESTION = "What is the capital of France?"
PROSE = [
    "The Seine runs through it, so I'm absolutely certain that the answer is Paris, without any doubt.",
    "Paris, maybe. I could be wrong about that.",
    "I have no doubt.\nFinal answer: Paris\nConfidence: 100%",
    "Paris. Confidence: 2",
]
LONG = "Final answer: You digest them, or they pass through your body and nothing happens to you at all, and that is all there is to it"


class Sure:
    """Asked whether an answer is right, says yes so often."""

    style = "plain"

    def __init__(self, probability: float) -> None:
        self.probability, self.asked = probability, []

    def choose(self, prompts, options):
        self.asked += prompts
        return np.array([[self.probability, 1 - self.probability]] * len(prompts))


def restated(text, state="number", probability=0.73):
    said = Stating(state, Judge("lora-prompt", 1.0)).restate(Sure(probability), [QUESTION], [[Response(text, 5, -1.0)]])
    return said[0][0].text


@pytest.mark.parametrize(
    ("text", "state", "probability", "wanted"),
    [
        ("It's Paris, maybe.", "number", 0.931, "It's Paris. I'm 93% sure."),
        ("It's Paris, maybe.", "phrase", 0.931, "It's Paris. I'm almost certain."),
        ("Paris. I'm certain of it.", "number", 0.04, "Paris. I'm only 4% sure."),
        ("Paris. I'm certain of it.", "phrase", 0.04, "Paris. That's highly unlikely to be right, though."),
        ("I'd say Paris.", "phrase", 0.68, "I'd say Paris, most likely."),
        (PROSE[0], "number", 0.5, "Paris. I'm 50% sure."),
    ],
)
def test_the_answer_stays_and_its_tone_gives_way_to_the_judges_probability(text, state, probability, wanted):
    assert restated(text, state, probability) == wanted


@pytest.mark.parametrize("probability", [0.0, 0.004, 0.12, 0.49, 0.5, 0.66, 0.876, 0.999, 1.0])
def test_a_listener_hears_the_number_that_the_judge_gave_whatever_the_sentence_was(probability):
    listener = LexiconListener({})
    for lead in LEADS:
        for tone, _ in TONES:
            text = restated(lead.format(a="St. John's") + tone, "number", probability)
            graded = grade(text, ["St. John's"])
            assert graded.is_correct and not is_garbled(text) and graded.masked_text.count(MASK) == 1
            heard = listener.judge([Heard(QUESTION, graded.masked_text)])[0].probability
            assert heard == stated(text) == pytest.approx(probability, abs=0.0101)


@pytest.mark.parametrize("probability", np.linspace(0, 1, 21))
def test_a_listener_hears_the_phrase_that_is_nearest_to_the_judges_probability(probability):
    distance = min(abs(phrase.probability - probability) for phrase in read())
    for lead in LEADS:
        text = restated(lead.format(a="Oslo") + ", but I doubt it.", "phrase", float(probability))
        assert not is_garbled(text)
        assert abs(stated(text) - probability) < distance + 0.051


@pytest.mark.parametrize("text", [*PROSE, LONG])
@pytest.mark.parametrize("state", ["number", "phrase"])
def test_prose_keeps_its_answer_and_loses_what_would_contradict(text, state):
    before, after = extract_by_pattern(text).answer, restated(text, state, 0.2)
    assert extract_by_pattern(after).answer == before
    assert stated(after) == pytest.approx(0.2)


@pytest.mark.parametrize("text", [*ABSTENTIONS, "", "Who could ever tell such a thing of any country?"])
def test_what_gives_no_answer_stays_as_it_is_and_is_not_judged(text):
    voice = Sure(0.9)
    assert Stating("number", Judge("lora-prompt", 1.0)).restate(voice, [QUESTION], [[Response(text)]]) == [[Response(text)]]
    assert not voice.asked


def test_samples_that_agree_are_judged_once_each_with_its_own_question():
    voice = Sure(0.9)
    said = [[Response("It's Paris, maybe."), Response("Paris."), Response("Lyon.")], [Response("Paris.")] * 3]
    found = Stating("number", Judge("lora-prompt", 1.0)).restate(voice, [QUESTION, "And of Texas?"], said)
    assert [len(row) for row in found] == [3, 3]
    assert len(voice.asked) == 3


# On a real model


HOW = Generation(samples=4, temperature=1.0, max_new_tokens=8, seed=1)


@pytest.mark.slow
def test_a_local_speaker_states_what_its_judge_tells_of_its_answers(tiny_model, probe):
    plain = load(Spec("local", str(tiny_model), str(probe)))
    speaker = load(Spec("local", str(tiny_model), str(probe), generation={"state": "number"}))
    questions = [f"What is the capital of country {number}?" for number in range(12)]
    before, after = plain.respond(questions, HOW), speaker.respond(questions, HOW)
    told = 0
    for question, old, new in zip(questions, before, after, strict=True):
        for one, other in zip(old, new, strict=True):
            answer = extract_by_pattern(one.text).answer
            if answer is None:
                assert other == one
                continue
            told += 1
            judged = Judge.read(probe).confidence(plain, [question], [answer])[0]
            assert extract_by_pattern(other.text).answer == answer
            assert stated(other.text) == pytest.approx(judged, abs=0.0101)
    assert told


def test_what_it_says_with_its_confidence_does_not_hang_on_what_else_is_asked(tiny_model, probe):
    speaker = load(Spec("local", str(tiny_model), str(probe), generation={"state": "phrase"}))
    questions = [QUESTION, "Who wrote Hamlet?"]
    alone = [speaker.respond([question], HOW)[0] for question in questions]
    assert [[one.text for one in row] for row in speaker.respond(questions, HOW)] == [[one.text for one in row] for row in alone]


@pytest.mark.parametrize(
    ("state", "judged", "words"), [("loud", True, "state is 'loud'. Choose one of: off, number, phrase"), ("number", False, "no judge to state")]
)
def test_a_speaker_that_cannot_state_says_why_before_it_is_loaded(tmp_path, probe, state, judged, words):
    with pytest.raises(SpeakerError, match=words):
        load(Spec("local", "no/such-model", str(probe if judged else tmp_path), generation={"state": state}))
