"""Answers are compared as TriviaQA's published script compares them, and no listener sees the answer."""

import pytest

from games.bundled.phrasing import ABSTENTIONS, LEADS, TONES
from games.bundled.world import facts
from games.extraction import Extracted
from games.grading import MASK, grade, is_garbled, mask, matching, normalise

PUBLISHED = [
    ("The Beatles", "beatles"),
    ("a cat, an owl and the dog", "cat owl and dog"),
    ("Anna", "anna"),
    ("theatre", "theatre"),
    ("the", ""),
    ("A", ""),
    ("Hello, World!", "hello world"),
    ("rock-n-roll", "rock n roll"),
    ("O'Neill", "o neill"),
    ("O’Neill", "o neill"),
    ("‘quoted’", "quoted"),
    ("`back´", "back"),
    ("“double”", "“double”"),
    ("1,000", "1 000"),
    ("3.14", "3 14"),
    ("+33", "33"),
    (".fr", "fr"),
    ("100%", "100"),
    ("AC/DC", "ac dc"),
    ("U.S.A.", "u s"),
    ("São Tomé", "são tomé"),
    ("STRASSE Ä", "strasse ä"),
    ("snake_case_name", "snake case name"),
    ("  many\t spaces\n here ", "many spaces here"),
    ("M*A*S*H", "m s h"),
    ("$5", "5"),
    ("(brackets) [too]", "brackets too"),
    ("Æon–flux", "æon–flux"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "normal"), PUBLISHED)
def test_it_normalises_as_the_published_script_does(text: str, normal: str) -> None:
    assert normalise(text) == normal


@pytest.mark.parametrize(("text", "_"), PUBLISHED)
def test_normalising_twice_changes_nothing(text: str, _: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("answer", "accepted", "match"),
    [
        ("the netherlands", ["Holland", "Netherlands"], "Netherlands"),
        ("St Johns", ["St. John's"], None),
        ("St. John’s", ["St. John's"], "St. John's"),
        ("+33", ["33"], "33"),
        ("a", ["A"], "A"),
        ("the", ["A"], None),
        ("", ["?!"], None),
        ("Paris", [], None),
    ],
)
def test_an_answer_matches_an_alias_only_when_the_normal_forms_are_equal(answer: str, accepted: list[str], match: str | None) -> None:
    assert matching(answer, accepted) == match


def test_every_bundled_answer_is_found_in_every_phrasing() -> None:
    answers = sorted({fact.answers[0] for fact in facts()})
    for number, answer in enumerate(answers):
        lead = LEADS[number % len(LEADS)]
        for tone, _ in TONES:
            text = lead.format(a=answer) + tone
            found = grade(text, [answer])
            assert (found.answer, found.is_correct, is_garbled(text)) == (answer, True, False), text
            assert found.masked_text == lead.format(a=MASK) + tone


@pytest.mark.parametrize("text", [*ABSTENTIONS, "I do not know the answer.", "I'm unable to answer.", "I don’t know", "Sorry, no idea.", "", " "])
def test_it_does_not_count_an_abstention_as_right(text: str) -> None:
    found = grade(text, ["I don't know", "", "Paris"])
    assert (found.answer, found.is_correct, found.masked_text) == (None, False, text)


@pytest.mark.parametrize(
    "text", ["Paris. Honestly, I have no idea.", "I don't know, but I'd say Paris.", "I'm not sure, but I think it's Paris.", "Maybe Paris?"]
)
def test_a_doubtful_answer_is_an_answer(text: str) -> None:
    assert grade(text, ["Paris"]).is_correct or "Paris" in (grade(text, ["Paris"]).answer or "")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("He won twice.\nFinal answer: Sinclair Lewis\nConfidence:", "Sinclair Lewis"),
        ("**Final Answer:** “Paris”.", "Paris"),
        ("Final answer: .fr", ".fr"),
        ("Final answer: U.S.", "U.S."),
        ("Final answer: unknown", None),
        ("Well, the correct answer is Rome, because all roads lead there.", "Rome"),
        ("Paris. Confidence: 8", "Paris"),
        ("Paris", "Paris"),
        ("Angola gained its independence from Portugal in 1975, and much else happened in that year.", None),
        ("Washington D.C.. I'm 95% sure.", "Washington D.C."),
        ("+33. I'm 95% sure.", "+33"),
        ("It’s O’Neill, I think.", "O’Neill"),
        ("That's The Way We Were, I believe.", "The Way We Were"),
        ("Veins are blue.", None),
        ("Unfortunately, I'm a large language model, and I do not know what is to come.", None),
        ("Honestly, Paris.", "Paris"),
        ("It is in the north, so I am sure the answer is Paris, without any doubt.", "Paris"),
        ("The answer is Paris, definitely.", "Paris"),
    ],
)
def test_it_finds_the_answer_in_free_text(text: str, answer: str | None) -> None:
    assert grade(text, []).answer == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Paris",
        "Paris. I'm certain",
        "Paris. I'm sure certain.",
        "Paris Paris.",
        "It's the the Seine, I think.",
        "The answer is That would be Paris.",
        "Paris. I'm certain of it. I'm 95% sure.",
        "Paris. London.",
        "I don't know. I'm 95% sure.",
        "It's .",
        "A sentence that runs on and on and never comes to its end.",
    ],
)
def test_a_broken_sentence_is_garbled(text: str) -> None:
    assert is_garbled(text)


@pytest.mark.parametrize("text", [*ABSTENTIONS, "It's J. R. R. Tolkien.", "That's St. John's, I believe.", "I’d say Paris, maybe."])
def test_a_well_formed_sentence_is_not_garbled(text: str) -> None:
    assert not is_garbled(text)


@pytest.mark.parametrize(
    ("text", "answer", "masked"),
    [
        ("Paris, PARIS and Parisians.", "paris", f"{MASK}, {MASK} and Parisians."),
        ("The 1930s were hard.", "1930", f"The {MASK}s were hard."),
        ("It is O’Neill.", "O'Neill", f"It is {MASK}."),
        ("It is New\nYork.", "New York", f"It is {MASK}."),
        ("C++ (C++)", "C++", f"{MASK} ({MASK})"),
        ("Use .fr here.", ".fr", f"Use {MASK} here."),
        ("Nothing here.", "", "Nothing here."),
    ],
)
def test_it_masks_every_occurrence_of_the_answer(text: str, answer: str, masked: str) -> None:
    assert mask(text, answer) == masked


@pytest.mark.parametrize(("text", "tone"), [("It's 100. I'm 100% sure.", "I'm 100% sure."), ("I'd say I, I think.", "I think.")])
def test_the_tone_of_a_bundled_sentence_survives_an_answer_of_the_same_letters(text: str, tone: str) -> None:
    assert grade(text, []).masked_text.endswith(tone)
    assert grade(text, []).masked_text.count(MASK) == 1


def test_another_extractor_can_be_used_and_its_reason_is_kept() -> None:
    found = grade("Some prose about Rome.", ["Rome"], extract=lambda _: Extracted("Rome", "by hand"))
    assert (found.masked_text, found.is_correct, found.reason) == (f"Some prose about {MASK}.", True, "by hand; equals 'Rome'")
