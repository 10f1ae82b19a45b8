"""What participants read: every language says everything, a study's own words come first, and no Markdown gets anything past the page."""

import re
from pathlib import Path

import pytest

from annotations import texts
from annotations.protocol import Protocol

TEMPLATES = Path(texts.__file__).parent / "templates" / "annotations"


def braces(text: str) -> list[str]:
    return sorted(set(re.findall(r"\{(\w+)\}", text)))


@pytest.mark.parametrize("code", texts.languages())
def test_every_language_says_what_english_says_with_the_same_braces(code: str) -> None:
    english, other = texts.language_of("en"), texts.languages()[code]
    assert {name: braces(word) for name, word in other.words.items()} == {name: braces(word) for name, word in english.words.items()}
    assert {name: braces(text) for name, text in other.texts.items()} == {name: braces(text) for name, text in english.texts.items()}
    assert {name: list(about.get("options", ())) for name, about in other.about.items()} == {
        name: list(about.get("options", ())) for name, about in english.about.items()
    }


@pytest.mark.parametrize("code", texts.languages())
def test_every_language_has_a_comprehension_check_with_the_same_right_answers(code: str) -> None:
    rules = Protocol()
    assert [asked.right for asked in texts.comprehension(rules, code)] == [asked.right for asked in texts.comprehension(rules, "en")]


def test_every_word_that_a_page_says_is_there() -> None:
    said = {name for page in TEMPLATES.glob("*.html") for name in re.findall(r"\bwords\.(\w+)", page.read_text())}
    assert "accept" in said
    assert not said - set(texts.language_of("en").words)


def test_a_study_s_own_text_comes_before_the_product_s() -> None:
    rules = Protocol.of({"rounds": 7, "languages": ["en", "de"], "texts": {"de": {"consent": "Es sind {rounds}."}}})
    assert texts.text(rules, "de", "consent") == "Es sind 7."
    assert "7 short trivia questions" in texts.text(rules, "en", "consent")


def test_a_language_that_the_product_does_not_ship_is_spoken_in_english_where_the_study_says_nothing() -> None:
    rules = Protocol.of({"languages": ["fr"], "texts": {"fr": {"consent": "Bonjour."}}})
    assert (texts.text(rules, "fr", "consent"), "Press" in texts.text(rules, "fr", "instructions")) == ("Bonjour.", True)


def test_braces_that_the_product_does_not_know_stay_as_they_are() -> None:
    assert texts.text(Protocol.of({"texts": {"en": {"debrief": "{a} {0} {rounds"}}}), "en", "debrief") == "{a} {0} {rounds"


@pytest.mark.parametrize(
    ("payment", "words"),
    [({}, ""), ({"base": 2}, "You are paid 2.00 USD."), ({"base": 2, "bonus": 1.5}, "and up to 1.50 USD more")],
)
def test_consent_says_what_is_paid(payment: dict[str, float], words: str) -> None:
    said = texts.text(Protocol.of({"payment": payment}), "en", "consent")
    assert words in said
    assert ("paid" in said) == bool(words)


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a <b onmouseover=alert(1)>b</b>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox)",
    "[x](//evil.example)",
    "[x](/admin/)",
    "[x](mailto:a@b.example)",
    "[x](ftp://evil.example)",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](https://evil.example/pixel.gif)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    '[x](https://ok.example "\\" onclick=alert(1) \\"")',
    "```html\n<script>alert(1)</script>\n```",
    "<!-- --><iframe src=https://evil.example></iframe>",
    "<style>*{display:none}</style>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]


@pytest.mark.parametrize("markdown", HOSTILE)
def test_hostile_markdown_becomes_harmless(markdown: str) -> None:
    page = texts.as_html(markdown)
    tags = re.findall(r"<(/?\w+)([^>]*)>", page)
    assert {name.strip("/") for name, _ in tags} <= {"p", "a", "code", "pre"}
    for name, attributes in tags:
        allowed = {"href", "rel", "target", "title"} if name == "a" else {"class"}
        quoted = dict(re.findall(r'\s(\w+)="([^"]*)"', attributes))
        assert re.fullmatch(r'(\s\w+="[^"]*")*', attributes)
        assert set(quoted) <= allowed
        assert quoted.get("href", "https://").startswith("https://")


def test_a_link_leads_to_the_web_in_a_tab_of_its_own() -> None:
    page = texts.as_html("[terms](HTTPS://example.org/a?b=1&c=2)")
    assert re.search(r'<a href="HTTPS://example.org/a\?b=1&amp;c=2" rel="noopener noreferrer" target="_blank">', page)


@pytest.mark.parametrize("markdown", ["### Q\n- [x] one", "### Q\n- [ ] a\n- [ ] b", "### Q\n- [x] a\n- [x] b"])
def test_a_comprehension_question_needs_one_right_answer_among_several(markdown: str) -> None:
    with pytest.raises(ValueError, match="'Q' needs two options or more"):
        texts.parse_comprehension(markdown)


def test_questions_about_the_person_are_the_product_s_the_study_s_or_the_name_itself() -> None:
    rules = Protocol.of({"steps": {"about_you": ["age", "colour", "shoe size"]}, "texts": {"de": {"about-colour": "Ihre Lieblingsfarbe?"}}})
    age, colour, shoes = texts.about_you(rules, "de")
    assert (age.question, age.options[0]) == ("Wie alt sind Sie?", ("18-24", "18 bis 24"))
    assert (colour.question, colour.options, shoes.question) == ("Ihre Lieblingsfarbe?", (), "shoe size")
