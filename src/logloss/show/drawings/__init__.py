"""What pictures of an answer show, as numbers: read from the answer alone, and drawn by `logloss.show.plot`."""

from __future__ import annotations

from typing import Any

from logloss.answers.answer import Answer
from logloss.errors import DataError
from logloss.show.drawings import of_calibration, of_comparison, of_difference, of_measurement, of_model, of_plan
from logloss.show.drawings.picture import Drawing as Drawing

ROOMS = {
    "measurement": of_measurement,
    "model": of_model,
    "calibration": of_calibration,
    "comparison": of_comparison,
    "difference": of_difference,
    "plan": of_plan,
}


def kinds(answer: Answer) -> list[str]:
    """The pictures that an answer has, the first one as a rule."""
    return _room(answer).kinds(answer)


def drawing(answer: Answer, kind: str | None = None) -> Drawing:
    """What a picture of an answer shows, as numbers, and the sentence that says what to see in it.

    Parameters
    ----------
    answer : Measurement, LogisticModel, Calibration, Comparison, Difference or Plan
        Whose picture.
    kind : str, optional
        Of a measurement "reliability", "parts", "costliest" or, with `by`, "groups"; of a model "coefficients",
        "passes" or, with one or two columns of numbers, "boundary"; of a calibration "map" or "saves"; of a comparison
        "ranking", with `order` "lead", with `by` "groups"; of a difference "waterfall"; of a plan "power". The first
        that it has if left out.

    Returns
    -------
    Drawing
        Its `tables` and `figures` are what `answer.plot(kind)` draws.

    Raises
    ------
    DataError
        If the answer has no such picture.

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9])
    >>> logloss.drawing(m, "parts").table("parts")["part"]
    ['uncertainty', 'discrimination', 'miscalibration', 'log loss']
    """
    known = _room(answer).KINDS
    kind = kinds(answer)[0] if kind is None else kind
    if kind not in known:
        raise DataError(f'a {type(answer).__name__} has no picture "{kind}". It has: {", ".join(kinds(answer))}.')
    return known[kind](answer)


def _room(answer: Answer) -> Any:
    """The module that knows the pictures of such an answer."""
    room = ROOMS.get(getattr(answer, "kind", ""))
    if room is None:
        names = "Measurement, LogisticModel, Calibration, Comparison, Difference, Plan"
        raise DataError(f"pictures are of answers ({names}); got a {type(answer).__name__}.")
    return room
