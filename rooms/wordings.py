"""The wordings that people are asked for consent with: every version that was ever shown, word for word. Pure.

A version that was published never changes (its hash stands in each consent, and a test keeps it): another text is another
version, behind the old one.
"""

import hashlib
from dataclasses import astuple, dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class WordingText:
    """What a page shows, in its order. The questions of text and download have a sentence for each answer."""

    audio: str
    keep_question: str
    keep_yes: str
    keep_no: str
    public_question: str
    public_yes: str
    public_no: str


@dataclass(frozen=True, slots=True)
class Wording:
    """One wording in one language: the row of a consent names all four."""

    name: str
    version: int
    lang: str
    text: WordingText

    @property
    def sha256(self) -> str:
        """Of the texts, a line each."""
        return hashlib.sha256("\n".join(astuple(self.text)).encode()).hexdigest()


HOST: Final = "host"
CLIENT: Final = "client"
_WORDINGS: Final[dict[str, list[dict[str, WordingText]]]] = {
    # The host's page. One entry a version, the newest last.
    HOST: [
        {
            "en": WordingText(
                audio="The sound of this microphone is sent to this conference's server. It is turned into text there, and "
                "the text is translated. Everybody who opens the room reads along. The sound is deleted as soon as its "
                "text is done, an hour after the last sound at the latest. If somebody else speaks, ask them first.",
                keep_question="Keep the text after the talk?",
                keep_yes="Yes: the text and its translations are stored. They can be read, corrected and deleted later.",
                keep_no="No: the text is deleted when the room closes. Nobody can read it afterwards, not even you.",
                public_question="Let everybody download the text?",
                public_yes="Yes: everybody can read and download all of it, also after the talk.",
                public_no="No: only who signs in with your login, and the people who run this server.",
            ),
            "de": WordingText(
                audio="Der Ton dieses Mikrofons geht an den Server dieser Konferenz. Dort wird er in Text verwandelt, und der "
                "Text wird übersetzt. Alle, die den Raum öffnen, lesen mit. Der Ton wird gelöscht, sobald sein Text "
                "fertig ist, spätestens eine Stunde nach dem letzten Ton. Wenn jemand anderes spricht, fragen Sie vorher.",
                keep_question="Den Text nach dem Vortrag behalten?",
                keep_yes="Ja: Der Text und seine Übersetzungen werden gespeichert. Sie können später gelesen, berichtigt "
                "und gelöscht werden.",
                keep_no="Nein: Der Text wird gelöscht, wenn der Raum schließt. Danach kann ihn niemand mehr lesen, auch "
                "Sie nicht.",
                public_question="Dürfen alle den Text herunterladen?",
                public_yes="Ja: Alle können ihn ganz lesen und herunterladen, auch nach dem Vortrag.",
                public_no="Nein: nur wer sich mit Ihrem Zugang anmeldet, und wer diesen Server betreibt.",
            ),
        }
    ],
    # Clients with pages of their own: what these said is not known here. They sent yes or no to both.
    CLIENT: [
        {"en": WordingText("", "allow_store", "true", "false", "allow_client_download", "true", "false")},
    ],
}


def newest_wording(name: str, lang: str) -> Wording:
    """What is shown now; in English where it is not there in this language."""
    versions = _WORDINGS[name]
    found = lang if lang in versions[-1] else "en"
    return Wording(name, len(versions), found, versions[-1][found])


def wording(name: str, version: int, lang: str) -> Wording:
    """What was shown. Raises KeyError for what never was."""
    versions = _WORDINGS[name]
    if not 1 <= version <= len(versions):
        raise KeyError(version)
    return Wording(name, version, lang, versions[version - 1][lang])


def all_wordings() -> list[Wording]:
    """Every one that was ever shown."""
    return [
        Wording(name, number, lang, text)
        for name, versions in _WORDINGS.items()
        for number, texts in enumerate(versions, 1)
        for lang, text in texts.items()
    ]
