"""What the recogniser counts; the Django side exports it as metrics.

Field names are the metrics' names, which dashboards query, and keep their old words: `second_looks` are final passes,
`holes` deletions, `phantoms_dropped` known hallucinations, `unexplained` stretches of speech that no retry transcribed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass
class Counters:
    """Totals of one stream since it was opened."""

    decodes: int = 0
    second_looks: int = 0
    skipped_decodes: int = 0
    decoded_audio_s: float = 0.0
    decode_wall_s: float = 0.0
    tokens: int = 0
    loops_cut: int = 0
    late_words_cut: int = 0
    budgets_spent: int = 0
    phantoms_dropped: int = 0
    no_speech_dropped: int = 0
    forced_cuts: int = 0
    holes: int = 0
    hole_retries: int = 0
    unexplained: int = 0
    unexplained_speech_s: float = 0.0
    restarts: int = 0
    resets: int = 0
    shed_level: int = 0

    def raise_to(self, others: Counters) -> None:
        """Fall behind these in nothing: both counted the same stretch."""
        for name, value in asdict(others).items():
            setattr(self, name, max(getattr(self, name), value))

    def as_dict(self) -> dict[str, float]:
        """Every counter by name."""
        return dict(asdict(self))
