"""What is said and shown there."""

from __future__ import annotations

from dataclasses import dataclass

SPOKEN = [
    ("Good afternoon, and thank you for coming in such numbers.", "Guten Tag, und danke, dass Sie so zahlreich gekommen sind."),
    ("Look at the person beside you.", "Sehen Sie die Person neben sich an."),
    (
        "One in six of us does not hear well enough to follow a talk in a hall like this one.",
        "Jede sechste Person hört nicht gut genug, um einem Vortrag in einem Saal wie diesem zu folgen.",
    ),
    ("Most of them will never tell you.", "Die meisten werden es Ihnen nie sagen."),
    (
        "They nod, they smile, and they read your slides twice.",
        "Sie nicken, sie lächeln, und sie lesen Ihre Folien zweimal.",
    ),
    ("Captions change that, and not for them alone.", "Untertitel ändern das, und nicht nur für sie."),
    (
        "Whoever learns the language reads what they could not catch.",
        "Wer die Sprache lernt, liest nach, was nicht zu verstehen war.",
    ),
    ("Whoever came late sees what was said.", "Wer zu spät kommt, sieht, was gesagt wurde."),
    (
        "And whoever sits behind the pillar at last gets something for the ticket.",
        "Und wer hinter der Säule sitzt, bekommt endlich etwas für die Eintrittskarte.",
    ),
    ("So what makes captions good?", "Was macht also gute Untertitel aus?"),
    (
        "They are quick, but a word that stands must stay where it is.",
        "Sie sind schnell, aber ein Wort, das steht, muss bleiben, wo es ist.",
    ),
    (
        "A line that jumps while you read it is worse than a line that comes a second later.",
        "Eine Zeile, die beim Lesen springt, ist schlimmer als eine, die eine Sekunde später kommt.",
    ),
]  # fmt: skip
FRENCH = "Bonjour et merci d’être venus si nombreux."
ARABIC = "مساء الخير، وشكراً لحضوركم بهذا العدد الكبير."
UNFINISHED = "That is why we show you what we are sure of, and"
TENTATIVE = " set apart what may still"


@dataclass(frozen=True, slots=True)
class ShownTalk:
    """A talk of the showcase: minutes from now that it starts, in which hall, in which state."""

    code: str
    title: str
    speaker: str
    hall: str
    track: str
    colour: str
    in_min: int
    lang: str = "en"
    state: str = ""  # live, waiting, grace, ended; else it has not begun
    votes: int = 0
    do_not_record: bool = False


TALK_MIN = 45
TALKS = [
    ShownTalk("LIVE", "The line that does not jump: captions for people", "Ada Lovelace", "Main hall", "Accessibility", "#0b7285", -8, state="live"),
    ShownTalk("FUNKE", "Vom Morsezeichen zum Untertitel", "Heinrich Hertz", "Hall 2", "Geschichte", "#9c36b5", -20, "de", "grace"),
    ShownTalk("DUE", "Hearing loops, and why halls forget them", "Grace Hopper", "Hall 3", "Accessibility", "#0b7285", -3, votes=7),
    ShownTalk("NEXT", "Machines that listen", "Alan Turing", "Main hall", "Machines", "#e8590c", 45, votes=41),
    ShownTalk("FILTER", "Filters by hand: what a telephone leaves out", "Mary Somerville", "Hall 2", "Signals", "#2b8a3e", 40, votes=12),
    ShownTalk("SPEED", "A hundred and sixty words a minute", "Sofja Kowalewskaja", "Hall 3", "Reading", "#1864ab", 55, votes=3),
    ShownTalk("ENDED", "What a transcript is worth a year later", "Maria Mitchell", "Main hall", "Archives", "#862e9c", -80, state="ended"),
    ShownTalk("QUIET", "A talk that is not recorded", "Sophie Germain", "Hall 2", "", "#808080", 90, do_not_record=True),
]  # fmt: skip
HALLS = {"Main hall": "main-hall", "Hall 2": "hall-2", "Hall 3": "hall-3"}
EVENT = "Spring conference"
