"""What the pictures of segments show."""

from __future__ import annotations

from logloss.answers.small_table import SmallTable
from logloss.segmentation import Segments
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_segments import high_losses_table, miscalibrated_table, sentence
from logloss.text import counted

N_DRAWN = 10


def miscalibrated(s: Segments) -> Drawing:
    """Observed minus predicted rate of the miscalibrated segments."""
    title = "Miscalibrated segments"
    if not len(s.miscalibrated):
        return not_drawn("miscalibrated", title, "no segment is significantly miscalibrated")
    shown = s.miscalibrated[:N_DRAWN]
    names = ("segment", "difference", "difference_low", "difference_high", "gain_nats")
    table = SmallTable({name: shown[name] for name in names})
    note = f"Bars: simultaneous 95% intervals of {counted(s.n_segments, 'segment')}."
    numbers, _ = miscalibrated_table(s)
    return Drawing("miscalibrated", title, f"{sentence(s)} {note}", {"segments": table}, {}, numbers)


def high_losses(s: Segments) -> Drawing:
    """What segments of high loss add to the log loss."""
    title = "Segments with a high log loss"
    if not len(s.high_losses):
        return not_drawn("high_losses", title, "no segment of one column has a log loss above that of all rows")
    shown = s.high_losses[:N_DRAWN]
    names = ("segment", "contribution_nats", "contribution_nats_low", "contribution_nats_high", "expected_nats")
    table = SmallTable({name: shown[name] for name in names})
    first = shown[0]
    clause = f"The largest contribution is that of {first['segment']}: {first['contribution_nats']:.4f} nats."
    numbers, _ = high_losses_table(s, N_DRAWN)
    return Drawing("high_losses", title, clause, {"segments": table}, {}, numbers)


KINDS = {"miscalibrated": miscalibrated, "high_losses": high_losses}


def kinds(s: Segments) -> list[str]:
    """The pictures of segments."""
    return list(KINDS)
