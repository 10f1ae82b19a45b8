"""What somebody reads whose link cannot let them in: what is wrong with it, and what to do. In every language the product ships."""

from __future__ import annotations

from typing import Literal, NamedTuple

Reason = Literal["missing", "forged", "expired", "foreign", "not-ready", "out-of-date"]


class Words(NamedTuple):
    heading: str
    what: str
    do: str


class Refused(Exception):
    """Nobody comes in by this link; nothing was stored. The page has status 403 and `words(language)`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason

    def words(self, language: str = "en") -> Words:
        return WORDS.get(language, WORDS["en"])[self.reason]


AGAIN = "Please go back to the page where you found this study and open it from there again. If that does not help, write to the researchers."
WIEDER = (
    "Bitte gehen Sie zurück zu der Seite, auf der Sie diese Studie gefunden haben, und öffnen Sie sie von dort aus noch einmal. "
    "Hilft das nicht, schreiben Sie bitte den Forschenden."
)

WORDS: dict[str, dict[Reason, Words]] = {
    "en": {
        "missing": Words("This link is not complete", "It does not say for whom it was made, so we could not save your answers for you.", AGAIN),
        "forged": Words(
            "This link is not valid", "Something in it has been changed or cut off on the way. Nothing was started and nothing saved.", AGAIN
        ),
        "expired": Words("This link has expired", "It was valid for a short time only. Nothing was started, and you lose nothing by it.", AGAIN),
        "foreign": Words("This link belongs to another study", "It was made for another study than this one. Nothing was started here.", AGAIN),
        "not-ready": Words(
            "This study is not ready yet",
            "The researchers have still to set something up before anybody can take part.",
            "Please tell them (your recruiting platform has a button for messages), and return the study if you cannot wait.",
        ),
        "out-of-date": Words("This page was out of date", "It was open for too long, so nothing was started.", AGAIN),
    },
    "de": {
        "missing": Words(
            "Dieser Link ist unvollständig", "Er sagt nicht, für wen er bestimmt ist; wir könnten Ihre Antworten nicht für Sie speichern.", WIEDER
        ),
        "forged": Words(
            "Dieser Link ist nicht gültig",
            "Unterwegs wurde etwas daran verändert oder abgeschnitten. Nichts wurde begonnen, nichts gespeichert.",
            WIEDER,
        ),
        "expired": Words(
            "Dieser Link ist abgelaufen", "Er galt nur kurze Zeit. Nichts wurde begonnen, und Ihnen geht dadurch nichts verloren.", WIEDER
        ),
        "foreign": Words(
            "Dieser Link gehört zu einer anderen Studie", "Er wurde für eine andere Studie als diese gemacht. Hier wurde nichts begonnen.", WIEDER
        ),
        "not-ready": Words(
            "Diese Studie ist noch nicht bereit",
            "Die Forschenden müssen noch etwas einrichten, bevor jemand teilnehmen kann.",
            "Bitte sagen Sie es ihnen (Ihre Plattform hat einen Knopf dafür), und geben Sie die Studie zurück, wenn Sie nicht warten können.",
        ),
        "out-of-date": Words("Diese Seite war veraltet", "Sie war zu lange offen; es wurde nichts begonnen.", WIEDER),
    },
}
