"""plan(): how many rows show a difference of two forecasts, or that one is hardly worse.

What varies is the difference of the two losses in a row. Its standard deviation is a guess, or that of a pilot (its
standard error times the root of its rows, so that clusters and autocorrelation are in it), or what the two forecasts
themselves expect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple

from logloss.answers.answer import Answer
from logloss.answers.estimate import CONFIDENCE, Estimate
from logloss.answers.figures import jsonable, put, put_estimate
from logloss.answers.small_table import SmallTable
from logloss.comparison.power import POWER, Shown, Spread, simultaneous_level, whole_rows
from logloss.comparison.spreads import Known, known_of_forecasts, known_of_pilot
from logloss.errors import DataError
from logloss.inference.cautions import FEWEST_CLUSTERS, FEWEST_OF_RARER_CLASS, FEWEST_ROWS
from logloss.inference.moments import FEWEST_OF_RARER_CLASS as FEWEST_FOR_INTERVAL
from logloss.text import significant, value_text

# The powers whose rows are listed beside the one that is asked for.
POWERS = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True, slots=True, repr=False)
class Plan(Answer):
    """How many rows show what is asked, or what so many rows show: made by `plan`. Differences are in nats per row.

    Attributes
    ----------
    rows_needed : int or None
        Rows that show it with the power asked for; None where no number does, or none was to be found.
    rows_needed_high : int or None
        The same with the upper 95 % limit of the pilot's standard deviation; None without a pilot.
    difference : float
        The true difference that is planned for: second less first (or worse less better) forecast's loss; with a margin
        how much better the new forecast is taken to be. nan if it is `detectable` that is asked for.
    difference_from : str
        "asked", "pilot", "forecasts", or "" if there is none.
    margin : float
        How much worse the new forecast may be; nan if a difference is to be shown.
    std, std_from : float, str
        Standard deviation of the difference in a row, with what rows have in common; "guess", "pilot" or "forecasts".
    observation_rows : float
        How many rows there are to one independent observation, as in the pilot: of a cluster, of a stretch of periods,
        or of unequal weights; 1 where rows are independent.
    n_rows, detectable_difference, power_reached : int or None, float, float
        Rows that were named, the difference that they show with the power asked for (with a margin the least one), and
        the power with which they show the difference planned for; None and nan where no rows were named.
    power, confidence, n_pairs, level : float, float, int, float
        What was asked: level is that of the interval of each pair.
    pilot_delta : Estimate
        The difference of the pilot with its interval; nan without a pilot.
    rows_needed_if_low, rows_needed_if_high : int or None
        Rows needed if the true difference is the lower, or the upper, end of the pilot's interval.
    by_power : SmallTable
        Rows needed for other powers.
    truths : SmallTable or None
        Of forecasts: expected difference, standard deviation and rows needed if the first is right, the second, or the
        mean of the two.
    cautions, notes : tuple of str
        What makes the plan uncertain.

    Examples
    --------
    >>> import logloss
    >>> logloss.plan(std=0.1, difference=0.005).rows_needed
    3142
    """

    kind: ClassVar[str] = "plan"
    rows_needed: int | None
    rows_needed_high: int | None
    difference: float
    difference_from: str
    margin: float
    std: float
    std_from: str
    observation_rows: float
    n_rows: int | None
    detectable_difference: float
    power_reached: float
    power: float
    confidence: float
    n_pairs: int
    level: float
    pilot_delta: Estimate
    rows_needed_if_low: int | None
    rows_needed_if_high: int | None
    by_power: SmallTable
    truths: SmallTable | None
    cautions: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def shown_difference(self) -> float:
        """How far the mean must be from what the interval is to exclude: 0, or the margin."""
        return self.difference if math.isnan(self.margin) else self.difference + self.margin

    @property
    def spread(self) -> Spread:
        """How the differences vary."""
        return Spread(self.std / math.sqrt(self.observation_rows), self.observation_rows)

    def to_dict(self) -> dict[str, Any]:
        """The figures as flat JSON-ready values, units in the names; undefined is None with a reason beside it.

        Examples
        --------
        >>> import logloss
        >>> logloss.plan(std=0.1, margin=0.01).to_dict()["rows_needed"]
        787
        """
        figures: dict[str, Any] = {"schema": 1, "rows_needed": self.rows_needed}
        figures["rows_needed_high"] = self.rows_needed_high
        put(figures, "difference_nats", self.difference, "it is what is asked for")
        figures["difference_from"] = self.difference_from
        put(figures, "margin_nats", self.margin, "a difference is to be shown")
        put(figures, "std_nats", self.std)
        figures |= {"std_from": self.std_from, "observation_rows": self.observation_rows, "n_rows": self.n_rows}
        put(figures, "detectable_difference_nats", self.detectable_difference, "no rows were named")
        put(figures, "power_reached", self.power_reached, "no rows were named, or no difference")
        figures |= {"power": self.power, "confidence": self.confidence, "n_pairs": self.n_pairs, "level": self.level}
        put_estimate(figures, "pilot_delta_nats", self.pilot_delta)
        figures |= {"rows_needed_if_low": self.rows_needed_if_low, "rows_needed_if_high": self.rows_needed_if_high}
        figures["by_power"] = [jsonable(row) for row in self.by_power]
        if self.truths is not None:
            figures["truths"] = [jsonable(row) for row in self.truths]
        return figures | {"cautions": list(self.cautions), "notes": list(self.notes)}


def plan(
    pilot: Answer | None = None,
    *,
    pair: tuple[str, str] | None = None,
    std: float | None = None,
    forecasts: Mapping[str, Any] | None = None,
    difference: float | None = None,
    margin: float | None = None,
    n_rows: int | None = None,
    base_rate: float | None = None,
    power: float = POWER,
    confidence: float = CONFIDENCE,
    n_pairs: int | None = None,
) -> Plan:
    """Plan how many rows show which of two forecasts is better, or that a new one is hardly worse.

    How much the difference of the losses varies comes from one of `pilot`, `std` and `forecasts`. What is worth
    detecting is for you to say: the difference that a pilot happened to show is not the true one.

    Parameters
    ----------
    pilot : Comparison, or one that `load` has read, optional
        A comparison of fewer rows, drawn the way the planned ones will be. Clusters, and autocorrelation where it makes
        the error much larger, count as they do there.
    pair : tuple of two names, optional
        Which two forecasts of the pilot; if left out, the best and the runner-up.
    std : float, > 0, optional
        A guess of the standard deviation, over rows, of the difference of the two losses, in nats.
    forecasts : dict of two arrays of shape (n_rows,), values in (0, 1), optional
        Probabilities of 1 of the two forecasts on rows like the planned ones, whose outcomes need not be known.
    difference : float, in nats per row, optional
        The smallest difference worth detecting, above 0; with `margin` how much better (or, below 0, worse) the new
        forecast is taken to be, 0 if left out. If left out without a margin: the pilot's own, or what is expected if
        the second of the forecasts is right.
    margin : float, > 0, in nats per row, optional
        Plan for non-inferiority instead: that the new forecast is worse by less than this.
    n_rows : int, > 0, optional
        Rows that there will be: what they show is said, too.
    base_rate : float, in (0, 1), optional
        Share of positives to come, for a caution where few rows of the rarer class are expected; that of the pilot, or
        what the second forecast expects, if left out.
    power : float, in (0, 1)
        The probability with which it is to be shown.
    confidence : float, in (0, 1)
        The level of the two-sided interval that shows it. Non-inferiority is shown where its lower end lies above
        −margin: a one-sided test at (1 − confidence) / 2, 2.5 % unless asked otherwise.
    n_pairs : int, ≥ 1, optional
        For how many pairs at once intervals are to hold (Šidák); 1, or as many as the pilot has, if left out.

    Returns
    -------
    Plan
        Printable; every figure an attribute.

    Raises
    ------
    DataError
        If there is nothing to plan with: no spread, or two; a difference or margin of 0; a pilot whose difference is
        infinite, or does not vary.

    Notes
    -----
    Cost: no rows are read; with `forecasts` one pass over them in memory. n = ((q + z)·σ/δ)² + q²/2, with the normal
    quantiles q of the interval and z of the power (docs/inference.md). Differences of rare events are skewed: from 50
    expected rows of the rarer class on, the power that was simulated is within 3 points of what is promised.

    Examples
    --------
    >>> import logloss
    >>> print(repr(logloss.plan(std=0.1, difference=0.005)).splitlines()[0])
    3,142 rows show a difference of 0.005 nats per row with a power of 80 %
    """
    if sum(each is not None for each in (pilot, std, forecasts)) != 1:
        raise DataError("plan() takes one of `pilot`, `std` and `forecasts`: how much the difference varies.")
    if pair is not None and pilot is None:
        raise DataError("`pair` names two forecasts of a `pilot`; there is none.")
    requested = _Asked(
        difference=_number("difference", difference),
        margin=_number("margin", margin, 0.0),
        n_rows=_whole("n_rows", n_rows),
        base_rate=_number("base_rate", base_rate, 0.0, 1.0),
        power=_number("power", power, 0.0, 1.0),
        confidence=_number("confidence", confidence, 0.0, 1.0),
        n_pairs=_whole("n_pairs", n_pairs),
    )
    if math.isnan(requested.margin) and requested.difference <= 0:
        raise DataError(f"`difference` must lie above 0: the smallest worth detecting; got {value_text(difference)}.")
    if not math.isnan(requested.margin) and requested.difference + requested.margin <= 0:
        raise DataError(
            f"a forecast that is worse by {value_text(-requested.difference)} is not within a `margin` of "
            f"{value_text(requested.margin)}: no number of rows shows it."
        )
    if std is not None:
        return _plan_of(requested, Known(Spread(_number("std", std, 0.0)), "guess"))
    if forecasts is not None:
        is_named = not (math.isnan(requested.difference) and math.isnan(requested.margin))
        return _plan_of(requested, known_of_forecasts(forecasts, requested.shown(1), is_named=is_named))
    return _plan_of(requested, known_of_pilot(pilot, pair))


class _Asked(NamedTuple):
    """What was asked, nan where it was not."""

    difference: float
    margin: float
    n_rows: float
    base_rate: float
    power: float
    confidence: float
    n_pairs: float

    def shown(self, n_pairs: int) -> Shown:
        """What each interval is to show; n_pairs: how many there are if none was asked for."""
        return Shown(simultaneous_level(self.pairs(n_pairs), self.confidence), self.power)

    def pairs(self, n_pairs: int) -> int:
        """For how many pairs intervals are to hold."""
        return n_pairs if math.isnan(self.n_pairs) else int(self.n_pairs)


def _number(name: str, value: float | None, above: float = -math.inf, below: float = math.inf) -> float:
    """A number between two bounds, which it may not be; nan for none."""
    if value is None:
        return math.nan
    if not isinstance(value, Real) or isinstance(value, bool) or not above < value < below:
        bounds = f"between {above:g} and {below:g}" if below < math.inf else f"above {above:g}"
        bounds = "finite" if above == -math.inf else bounds
        raise DataError(f"`{name}` must be a number {bounds}; got {value_text(value)}.")
    return float(value)


def _whole(name: str, value: int | None) -> float:
    """A whole number above 0; nan for none."""
    if value is not None and (not isinstance(value, Integral) or isinstance(value, bool) or value < 1):
        raise DataError(f"`{name}` must be a whole number above 0; got {value_text(value)}.")
    return math.nan if value is None else float(value)


def _plan_of(requested: _Asked, known: Known) -> Plan:
    """The plan."""
    n_pairs = requested.pairs(known.n_pairs)
    shown, is_margin = requested.shown(n_pairs), not math.isnan(requested.margin)
    difference, source = requested.difference, "requested"
    if math.isnan(difference):
        # What a pilot happened to show is no reason for the power of rows that are there already.
        is_known = known.std_from == "forecasts" or math.isnan(requested.n_rows)
        difference, source = (known.difference if is_known else math.nan), known.std_from
        difference, source = (0.0, "requested") if is_margin else (difference, source)
    if math.isnan(difference):
        source = ""
        if math.isnan(requested.n_rows):
            raise DataError(
                "name the smallest `difference` worth detecting, or a `margin`, or `n_rows` that there are."
            )
    if source == "pilot" and difference == 0:
        raise DataError("the two forecasts of the pilot cost the same: name the smallest `difference` worth detecting.")
    distance = difference + requested.margin if is_margin else difference

    def needed(distance: float, spread: Spread | None = known.spread, power: float = requested.power) -> int | None:
        is_known = spread is not None and not math.isnan(distance)
        return whole_rows(shown._replace(power=power).rows(distance, spread)) if is_known and spread else None

    powers = sorted({*POWERS, requested.power})
    rows, n_rows = needed(distance), None if math.isnan(requested.n_rows) else int(requested.n_rows)
    detectable_difference = math.nan if n_rows is None else shown.detectable_difference(known.spread, n_rows)
    ends = (known.delta.low, known.delta.high) if source == "pilot" else (math.nan, math.nan)
    return Plan(
        rows_needed=rows,
        rows_needed_high=needed(distance, known.upper),
        difference=difference,
        difference_from=source,
        margin=requested.margin,
        std=known.spread.of_rows,
        std_from=known.std_from,
        observation_rows=known.spread.observation_rows,
        n_rows=n_rows,
        detectable_difference=detectable_difference - difference if is_margin else detectable_difference,
        power_reached=math.nan if n_rows is None else shown.power_of(distance, known.spread, n_rows),
        power=requested.power,
        confidence=requested.confidence,
        n_pairs=n_pairs,
        level=shown.level,
        pilot_delta=known.delta,
        rows_needed_if_low=needed(ends[0]),
        rows_needed_if_high=needed(ends[1]),
        by_power=SmallTable({"power": powers, "rows": [needed(distance, power=each) for each in powers]}),
        truths=known.truths,
        cautions=(*known.cautions, *_few(rows if n_rows is None else n_rows, known, requested.base_rate)),
    )


def _few(rows: int | None, known: Known, base_rate: float) -> tuple[str, ...]:
    """What is said of so few rows, or rows of the rarer class, that intervals may not hold or not be shown."""
    if rows is None:
        return ()
    told = []
    least, what = (FEWEST_CLUSTERS, "clusters") if known.is_clustered else (FEWEST_ROWS, "rows")
    if rows / known.spread.observation_rows < least:
        told.append(f"of fewer than {least} {what} an interval may be too narrow, and the power not what it says")
    rate = known.base_rate if math.isnan(base_rate) else base_rate
    rarer = rows * min(rate, 1 - rate)
    if rarer < FEWEST_OF_RARER_CLASS:
        told.append(
            f"about {significant(rarer, 2)} rows of the rarer class are expected: below {FEWEST_OF_RARER_CLASS} the "
            f"power may not be what it says, and below {FEWEST_FOR_INTERVAL} `compare` shows no interval"
        )
    return tuple(told)
