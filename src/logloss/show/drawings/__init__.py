"""What pictures of an answer show, as numbers: read from the answer alone, and drawn by `logloss.show.plot`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from logloss.answers.answer import Answer
from logloss.errors import DataError
from logloss.show.drawings import (
    of_additive,
    of_calibration,
    of_comparison,
    of_difference,
    of_measurement,
    of_model,
    of_monitoring,
    of_plan,
    of_segments,
    of_several,
    of_wide,
)
from logloss.show.drawings.picture import Drawing as Drawing
from logloss.text import listed, printable

ROOMS = {
    "measurement": of_measurement,
    "model": of_model,
    "additive": of_additive,
    "wide": of_wide,
    "calibration": of_calibration,
    "comparison": of_comparison,
    "difference": of_difference,
    "monitoring": of_monitoring,
    "plan": of_plan,
    "segments": of_segments,
}


def kinds(answer: Answer | Mapping[str, Answer]) -> list[str]:
    """The pictures of an answer; the first one is drawn if none is named."""
    if isinstance(answer, Mapping):
        return list(of_several.KINDS)
    return _room(answer).kinds(answer)


def drawable(answer: Answer | Mapping[str, Answer], names: list[str]) -> list[str]:
    """Those of some pictures of an answer that can be drawn."""
    return [name for name in names if not drawing(answer, name).reason]


def drawing(answer: Answer | Mapping[str, Answer], kind: str | tuple[str, str] | None = None) -> Drawing:
    """What a picture of an answer shows: its numbers, and a sentence about them.

    Parameters
    ----------
    answer : Measurement, Monitoring, LogisticModel, AdditiveModel, WideModel, Calibration, Comparison, Difference, Plan
        or Segments
        Whose picture; or a dict of label to Measurement: up to 6 in one picture.
    kind : str or tuple of two str, optional
        Of a measurement "reliability", "decomposition", "concentration", "decision", "roc", "precision_recall",
        "thresholds" or, with `by`, "groups"; of several "reliability", "roc", "precision_recall" or "decision"; of a
        model "coefficients", "passes" or, with one or two numeric columns, "boundary"; of an additive model "effects",
        "passes", the name of a column, or of a pair: ("age", "hours") or "age × hours"; of a calibration "map" or
        "reduction"; of a comparison "ranking", with `order` "delta", with `by` "groups"; of a difference "waterfall";
        of a run of periods "loss", "rates", "evidence", after an alarm "waterfall";
        of a plan "power"; of segments "miscalibrated" or "high_losses". The first one of the answer if left out.

    Returns
    -------
    Drawing
        Its `tables` and `figures` are what `answer.plot(kind)` draws; if it cannot be drawn, its `reason` is why.

    Raises
    ------
    DataError
        If answers of this type have no such picture.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
    >>> logloss.drawing(m, "decomposition").table("levels")["part"]
    ['uncertainty', 'discrimination', 'miscalibration', 'log loss']
    """
    if isinstance(answer, Mapping):
        answer = of_several.checked(answer)
    room = of_several if isinstance(answer, Mapping) else _room(answer)
    known = room.pictures(answer) if hasattr(room, "pictures") else room.KINDS
    kind = kinds(answer)[0] if kind is None else kind
    if kind not in known:
        has = listed([printable(each) for each in kinds(answer)], 20)
        name = type(answer).__name__ if not isinstance(answer, Mapping) else "picture of several measurements"
        asked = kind if isinstance(kind, str) else " × ".join(map(str, kind))
        raise DataError(
            f'{"an" if name.startswith("A") else "a"} {name} has no picture "{printable(asked)}". It has: {has}.'
        )
    return known[kind](answer)


def _room(answer: Answer) -> Any:
    """The module with the pictures of such an answer."""
    room = ROOMS.get(getattr(answer, "kind", ""))
    if room is None:
        names = "Measurement, LogisticModel, AdditiveModel, WideModel, Calibration, Comparison, Difference, Plan"
        names += ", Monitoring, Segments"
        raise DataError(f"pictures are of answers ({names}); got a {type(answer).__name__}.")
    return room
