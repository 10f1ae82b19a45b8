"""The lexicon goes by words of sureness alone, and gives every tone of the bundled speaker its probability."""

from pathlib import Path

import pytest

from games.bundled.phrasing import ABSTENTIONS, LEADS, TONES
from games.confidence import TABLE, Lexicon
from games.listeners import load
from games.listeners.base import Heard, ListenerError
from games.listeners.lexicon import LexiconListener

WANTED = {
    ". I'm 100% sure.": 1.0,
    ". I'm certain of it.": 0.95,
    ". I'm almost certain.": 0.95,
    ". I have no doubt about it.": 0.95,
    ". I'm 95% sure.": 0.95,
    ". I'm very confident.": 0.90,
    ". That's highly likely.": 0.90,
    ".": 0.75,
    ". There's a very good chance that's right.": 0.80,
    ". I'm fairly sure.": 0.75,
    ", I believe.": 0.75,
    ". That's probably right.": 0.70,
    ", most likely.": 0.70,
    ", I think.": 0.60,
    ". It's about even.": 0.50,
    ". I'm only 40% sure.": 0.40,
    ", maybe.": 0.40,
    ", but I'm not sure.": 0.30,
    ". That's unlikely to be right, though.": 0.20,
    ", but I doubt it.": 0.20,
    ", but that's just a guess.": 0.15,
    ". Honestly, I have no idea.": 0.05,
}


def probability(text: str) -> float:
    return LexiconListener({}).judge([Heard("", text)])[0].probability


@pytest.mark.parametrize(("tone", "group"), TONES)
def test_it_hears_every_tone_of_the_bundled_speaker_as_meant(tone: str, group: str) -> None:
    for lead in LEADS:
        assert probability(lead.format(a="[ANSWER REMOVED]") + tone) == WANTED[tone]
    assert group == ("sure" if WANTED[tone] >= 0.9 else "plain" if WANTED[tone] >= 0.66 else "unsure")


@pytest.mark.parametrize("text", ABSTENTIONS)
def test_it_does_not_accept_an_abstention(text: str) -> None:
    assert probability(text) == 0.05


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I’m 100 % sure.", 1.0),
        ("I AM 95 PERCENT SURE", 0.95),
        ("I'm not at all sure.", 0.3),
        ("I am not certain", 0.3),
        ("I don't think so", 0.25),
        ("I don’t believe it's right.", 0.25),
        ("I'm not 100% sure.", 0.5),
        ("I'm 5% unsure", 0.95),
        ("It's a 1 in 2 chance.", 0.5),
        ("9 out of 10 sure", 0.9),
        ("Almost certainly.", 0.95),
        ("certainly", 0.95),
        ("That's highly unlikely", 0.05),
        ("That's not unlikely.", 0.8),
        ("That is probably not it.", 0.25),
        ("It's not probably it.", 0.3),
        ("I think so, but I'm not sure.", 0.3),
        ("I'm certain of it, I think.", 0.6),
        ("Confidence: 85%", 0.85),
        ("Confidence: 8", 0.8),
        ("I cannot say.", 0.05),
        ("I have no doubt.", 0.95),
        ("", 0.75),
        ("27.6% of the people live there.", 0.75),
        ("3 in 10 people live there.", 0.75),
        ("Unsurely insured, uncertainly.", 0.75),
    ],
)
def test_it_reads_negations_numbers_and_variants(text: str, expected: float) -> None:
    assert probability(text) == expected


def test_the_masked_answer_does_not_affect_it() -> None:
    assert probability("[I DOUBT IT], I think") == probability("[ANSWER REMOVED], I think") == 0.6


def test_it_names_what_it_found() -> None:
    judge = LexiconListener({}).judge
    assert judge([Heard("", "X, I think, but I'm not sure.")])[0].reason == "'not sure' 0.30; 'i think' 0.60"
    assert judge([Heard("", "X.")])[0].reason == "says nothing about its sureness: 0.75"


def test_verdicts_come_in_order_however_often_a_text_is_heard() -> None:
    texts = ["maybe", "certainly", "maybe", ""]
    assert [verdict.probability for verdict in LexiconListener({}).judge([Heard("", text) for text in texts])] == [0.4, 0.95, 0.4, 0.75]


def test_the_table_and_the_default_can_be_replaced(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("phrase,probability,source\nPerhaps,0.33,own\nnot quite,0.1,own\n")
    listener = load("lexicon", {"table": str(table), "default": 0.5})
    texts = ["perhaps", "I'm certain", "not very quite"]
    assert [verdict.probability for verdict in listener.judge([Heard("", text) for text in texts])] == [0.33, 0.5, 0.1]


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"default": 2}, "default is 2"),
        ({"default": "high"}, "cannot be built"),
        ({"tabel": "x"}, "no setting tabel"),
        ({"table": "nowhere.csv"}, "nowhere.csv"),
    ],
)
def test_it_says_what_is_wrong_with_its_configuration(config: dict[str, object], complaint: str) -> None:
    with pytest.raises(ListenerError, match=complaint):
        load("lexicon", config)


@pytest.mark.parametrize("row", ["maybe,1.5,x", "maybe,,x", ",0.5,x", "maybe,often,x"])
def test_a_bad_row_of_the_table_is_named(tmp_path: Path, row: str) -> None:
    table = tmp_path / "mine.csv"
    table.write_text(f"phrase,probability,source\nsure,0.9,own\n{row}\n")
    with pytest.raises(ListenerError, match="line 3"):
        load("lexicon", {"table": str(table)})


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("phrase,probability,source\n")
    with pytest.raises(ListenerError, match="no phrases"):
        load("lexicon", {"table": str(tmp_path / "mine.csv")})


def test_every_row_of_the_shipped_table_says_where_its_number_comes_from_and_is_found() -> None:
    lexicon = Lexicon()
    for line in TABLE.read_text().splitlines()[1:]:
        phrase, value, source = line.split(",", 2)
        assert source == "survey" or source.startswith("own: ")
        assert [said.probability for said in lexicon.find(phrase)] == [float(value)], phrase
