"""plan(): sample size, power and minimum detectable difference of a paired comparison of two forecasters.

The observation is the difference of the two losses in a row. Its standard deviation is assumed, or that of a pilot
(standard error times the root of its rows, which includes clusters and autocorrelation), or the one expected from the
two forecasts.
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
from logloss.comparison.power import POWER, Design, Spread, simultaneous_level, whole_rows
from logloss.comparison.spreads import Basis, basis_of_forecasts, basis_of_pilot
from logloss.errors import DataError
from logloss.inference.cautions import FEWEST_CLUSTERS, FEWEST_OF_RARER_CLASS, FEWEST_ROWS
from logloss.inference.moments import FEWEST_OF_RARER_CLASS as FEWEST_FOR_INTERVAL
from logloss.text import significant, value_text

# What counts where rows depend on each other.
OBSERVATIONS = "independent observations (clusters or effective periods)"
# Powers listed beside the requested one.
POWERS = (0.5, 0.8, 0.9, 0.95)


@dataclass(frozen=True, slots=True, repr=False)
class Plan(Answer):
    """Sample size and power of a comparison of two forecasters: made by `plan`. Differences are in nats per row.

    Attributes
    ----------
    rows_needed : int or None
        Rows needed for the requested power; None if no number is enough, or only `n_rows` was given.
    rows_needed_high : int or None
        The same with the upper 95% confidence limit of the pilot's standard deviation; None without a pilot.
    difference : float
        True difference planned for: log loss of the first (or worse) forecaster minus that of the second (or better);
        with a margin, of the old one minus that of the new one. nan if only `n_rows` was given.
    difference_source : str
        "requested", "pilot", "forecasts", or "" if there is none.
    margin : float
        Non-inferiority margin; nan for a test of a difference.
    std, std_source : float, str
        Standard deviation of the difference in a row, design effect included; "assumed", "pilot" or
        "forecasts".
    design_effect : float
        Rows per independent observation, as in the pilot: above 1 with clusters, autocorrelated periods or unequal
        weights.
    n_rows, detectable_difference, achieved_power : int or None, float, float
        Rows available, the minimum detectable difference with them (with a margin, the smallest margin for which they
        have the power; inf if they are too few for any), and their power for `difference`, in [0, 1]; None and nan
        without `n_rows`.
    power, confidence, n_pairs, confidence_per_pair : float, float, int, float
        As requested: power and confidence in (0, 1), pairs ≥ 1; the confidence level, in (0, 1), of each of n_pairs
        simultaneous intervals.
    pilot_delta : Estimate
        Difference observed in the pilot with its interval; nan without a pilot.
    rows_needed_if_low, rows_needed_if_high : int or None
        Rows needed if the true difference is the lower, or the upper, end of the pilot's interval.
    by_power : SmallTable
        Rows needed for several powers.
    scenarios : SmallTable or None
        With `forecasts`: expected difference, standard deviation and rows needed if the true probabilities are those of
        the first forecaster, of the second, or the mean of both.
    cautions : tuple of str
        Why the power may differ from the nominal one: few rows, few of the rarer class, the cautions of the pilot.
    notes : tuple of str
        Remarks on how rows were read, as in `Measurement`; empty, since a plan reads none.

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
    difference_source: str
    margin: float
    std: float
    std_source: str
    design_effect: float
    n_rows: int | None
    detectable_difference: float
    achieved_power: float
    power: float
    confidence: float
    n_pairs: int
    confidence_per_pair: float
    pilot_delta: Estimate
    rows_needed_if_low: int | None
    rows_needed_if_high: int | None
    by_power: SmallTable
    scenarios: SmallTable | None
    cautions: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def distance_from_null(self) -> float:
        """Distance of the true difference from the null value: from 0, or from −margin."""
        return self.difference if math.isnan(self.margin) else self.difference + self.margin

    @property
    def spread(self) -> Spread:
        """Standard deviation of an independent observation, and the design effect."""
        return Spread(self.std / math.sqrt(self.design_effect), self.design_effect)

    def to_dict(self) -> dict[str, Any]:
        """All figures as a flat JSON-ready dict, units in the names; None where not defined, with `<name>_reason`.

        Examples
        --------
        >>> import logloss
        >>> logloss.plan(std=0.1, margin=0.01).to_dict()["rows_needed"]
        787
        """
        figures: dict[str, Any] = {"schema": 1, "rows_needed": self.rows_needed}
        figures["rows_needed_high"] = self.rows_needed_high
        put(figures, "difference_nats", self.difference, "no difference is planned for")
        figures["difference_source"] = self.difference_source
        put(figures, "margin_nats", self.margin, "no margin was given")
        put(figures, "std_nats", self.std)
        figures |= {"std_source": self.std_source, "design_effect": self.design_effect, "n_rows": self.n_rows}
        put(figures, "detectable_difference_nats", self.detectable_difference, "n_rows was not given")
        put(figures, "achieved_power", self.achieved_power, "n_rows or the difference was not given")
        figures |= {"power": self.power, "confidence": self.confidence, "n_pairs": self.n_pairs}
        figures["confidence_per_pair"] = self.confidence_per_pair
        put_estimate(figures, "pilot_delta_nats", self.pilot_delta)
        figures |= {"rows_needed_if_low": self.rows_needed_if_low, "rows_needed_if_high": self.rows_needed_if_high}
        figures["by_power"] = [jsonable(row) for row in self.by_power]
        if self.scenarios is not None:
            figures["scenarios"] = [jsonable(row) for row in self.scenarios]
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
    """Rows needed to detect a difference in log loss, or non-inferiority, with a given power.

    The standard deviation of the difference comes from one of `pilot`, `std` and `forecasts`. Give the smallest
    `difference` worth detecting: the one observed in a pilot is an estimate, and a plan for it is unreliable.

    Parameters
    ----------
    pilot : Comparison, or one that `load` has read, optional
        A comparison of a smaller sample, drawn the way the planned rows will be. Its clusters count, and so does its
        autocorrelation if this makes the standard error clearly larger.
    pair : tuple of two names, optional
        Two forecasters of the pilot; by default the best and the runner-up.
    std : float, > 0, optional
        Assumed standard deviation, over rows, of the difference of the two losses, in nats.
    forecasts : dict of two arrays of shape (n_rows,), values in (0, 1), optional
        Predicted probabilities of 1 by the two forecasters for rows like the planned ones; no labels are needed.
    difference : float, in nats per row, optional
        The smallest difference worth detecting, above 0. With `margin`: the assumed true difference, positive if the
        new forecaster is better, 0 by default. Without a margin, by default the one observed in the pilot, or the one
        expected if the second forecaster's probabilities are the true ones.
    margin : float, > 0, in nats per row, optional
        Plan a non-inferiority test instead: that the new forecaster is worse by less than this margin.
    n_rows : int, > 0, optional
        Rows available: their minimum detectable difference and power are computed, too.
    base_rate : float, in (0, 1), optional
        Expected share of positives, for a caution if few rows of the rarer class are expected; by default that of the
        pilot, or the mean probability of the second forecaster.
    power : float, in (0, 1)
        Probability that the test is significant if the true difference is the one planned for.
    confidence : float, in (0, 1)
        Level of the two-sided interval. Non-inferiority is shown if its lower end lies above −margin: a one-sided test
        at the level (1 − confidence) / 2, 2.5% by default.
    n_pairs : int, ≥ 1, optional
        Number of pairs of a simultaneous comparison (Šidák); by default as many as the pilot has, or 1.

    Returns
    -------
    Plan
        Printable; every figure an attribute.

    Raises
    ------
    DataError
        If none or several of `pilot`, `std` and `forecasts` are given; if `difference` or `margin` is 0; if the
        difference of the pilot is infinite or has no standard error.

    Notes
    -----
    Cost: no rows are read; with `forecasts` one pass over them in memory. n = ((q + z)·σ/δ)² + q²/2 independent
    observations with the standard deviation σ, times the design effect; q and z are the normal quantiles of the
    interval and of the power (docs/inference.md). `std` is σ times the root of the design effect. The formula assumes
    that the mean difference is nearly normal. Differences of rare events are skewed: with 50 expected rows of the rarer
    class or more, simulated power is within 3 percentage points of the nominal one.

    Examples
    --------
    >>> import logloss
    >>> print(repr(logloss.plan(std=0.1, difference=0.005)).splitlines()[0])
    3,142 rows detect a difference of 0.005 nats per row with 80% power.
    """
    if sum(each is not None for each in (pilot, std, forecasts)) != 1:
        raise DataError(
            "plan() takes one of `pilot`, `std` and `forecasts`: it needs the standard deviation of the difference."
        )
    if pair is not None and pilot is None:
        raise DataError("`pair` names two forecasters of a `pilot`; there is none.")
    requested = _Requested(
        difference=_number("difference", difference),
        margin=_number("margin", margin, 0.0),
        n_rows=_whole("n_rows", n_rows),
        base_rate=_number("base_rate", base_rate, 0.0, 1.0),
        power=_number("power", power, 0.0, 1.0),
        confidence=_number("confidence", confidence, 0.0, 1.0),
        n_pairs=_whole("n_pairs", n_pairs),
    )
    if math.isnan(requested.margin) and requested.difference <= 0:
        raise DataError(f"`difference` must be above 0: the smallest worth detecting; got {value_text(difference)}.")
    if not math.isnan(requested.margin) and requested.difference + requested.margin <= 0:
        raise DataError(
            f"a forecaster that is worse by {value_text(-requested.difference)} is not within a `margin` of "
            f"{value_text(requested.margin)}: no number of rows is enough."
        )
    if std is not None:
        return _plan_of(requested, Basis(Spread(_number("std", std, 0.0)), "assumed"))
    if forecasts is not None:
        is_given = not (math.isnan(requested.difference) and math.isnan(requested.margin))
        return _plan_of(requested, basis_of_forecasts(forecasts, requested.design(1), is_given=is_given))
    return _plan_of(requested, basis_of_pilot(pilot, pair))


class _Requested(NamedTuple):
    """The arguments, nan where left out."""

    difference: float
    margin: float
    n_rows: float
    base_rate: float
    power: float
    confidence: float
    n_pairs: float

    def design(self, n_pairs: int) -> Design:
        """Level of each interval, and power; n_pairs: the default number of pairs."""
        return Design(simultaneous_level(self.pairs(n_pairs), self.confidence), self.power)

    def pairs(self, n_pairs: int) -> int:
        """Number of pairs of the simultaneous comparison."""
        return n_pairs if math.isnan(self.n_pairs) else int(self.n_pairs)


def _number(name: str, value: float | None, above: float = -math.inf, below: float = math.inf) -> float:
    """A number strictly between two bounds; nan for None."""
    if value is None:
        return math.nan
    if not isinstance(value, Real) or isinstance(value, bool) or not above < value < below:
        bounds = f"between {above:g} and {below:g}" if below < math.inf else f"above {above:g}"
        bounds = "finite" if above == -math.inf else bounds
        raise DataError(f"`{name}` must be a number {bounds}; got {value_text(value)}.")
    return float(value)


def _whole(name: str, value: int | None) -> float:
    """A whole number above 0; nan for None."""
    if value is not None and (not isinstance(value, Integral) or isinstance(value, bool) or value < 1):
        raise DataError(f"`{name}` must be a whole number above 0; got {value_text(value)}.")
    return math.nan if value is None else float(value)


def _plan_of(requested: _Requested, basis: Basis) -> Plan:
    """The plan."""
    n_pairs = requested.pairs(basis.n_pairs)
    design, is_margin = requested.design(n_pairs), not math.isnan(requested.margin)
    difference, source = requested.difference, "requested"
    if math.isnan(difference):
        # The power of available rows for the difference a pilot observed says no more than its p-value does.
        is_used = basis.std_source == "forecasts" or math.isnan(requested.n_rows)
        difference, source = (basis.difference if is_used else math.nan), basis.std_source
        difference, source = (0.0, "requested") if is_margin else (difference, source)
    if math.isnan(difference):
        source = ""
        if math.isnan(requested.n_rows):
            raise DataError("give the smallest `difference` worth detecting, or a `margin`, or the `n_rows` available.")
    if source == "pilot" and difference == 0:
        raise DataError(
            "the two forecasters of the pilot have the same log loss: give the smallest `difference` worth detecting."
        )
    distance = difference + requested.margin if is_margin else difference

    def needed(distance: float, spread: Spread | None = basis.spread, power: float = requested.power) -> int | None:
        has_both = spread is not None and not math.isnan(distance)
        return whole_rows(design._replace(power=power).rows(distance, spread)) if has_both and spread else None

    powers = sorted({*POWERS, requested.power})
    rows, n_rows = needed(distance), None if math.isnan(requested.n_rows) else int(requested.n_rows)
    detectable_difference = math.nan if n_rows is None else design.detectable_difference(basis.spread, n_rows)
    ends = (basis.delta.low, basis.delta.high) if source == "pilot" else (math.nan, math.nan)
    return Plan(
        rows_needed=rows,
        rows_needed_high=needed(distance, basis.upper),
        difference=difference,
        difference_source=source,
        margin=requested.margin,
        std=basis.spread.of_rows,
        std_source=basis.std_source,
        design_effect=basis.spread.design_effect,
        n_rows=n_rows,
        detectable_difference=detectable_difference - difference if is_margin else detectable_difference,
        achieved_power=math.nan if n_rows is None else design.power_of(distance, basis.spread, n_rows),
        power=requested.power,
        confidence=requested.confidence,
        n_pairs=n_pairs,
        confidence_per_pair=design.level,
        pilot_delta=basis.delta,
        rows_needed_if_low=needed(ends[0]),
        rows_needed_if_high=needed(ends[1]),
        by_power=SmallTable({"power": powers, "rows_needed": [needed(distance, power=each) for each in powers]}),
        scenarios=basis.scenarios,
        cautions=(*basis.cautions, *_few(rows if n_rows is None else n_rows, basis, requested.base_rate)),
    )


def _few(rows: int | None, basis: Basis, base_rate: float) -> tuple[str, ...]:
    """Cautions on few rows, or few of the rarer class, where intervals may be too narrow or not shown."""
    if rows is None:
        return ()
    cautions = []
    least, what = (FEWEST_CLUSTERS, OBSERVATIONS) if basis.is_clustered else (FEWEST_ROWS, "rows")
    if rows / basis.spread.design_effect < least:
        cautions.append(
            f"with fewer than {least} {what} intervals may be too narrow, and the power may differ from the nominal one"
        )
    rate = basis.base_rate if math.isnan(base_rate) else base_rate
    rarer = rows * min(rate, 1 - rate)
    if rarer < FEWEST_OF_RARER_CLASS:
        cautions.append(
            f"about {significant(rarer, 2)} rows of the rarer class are expected: below {FEWEST_OF_RARER_CLASS} the "
            f"power may differ from the nominal one, and below {FEWEST_FOR_INTERVAL} `compare` shows no interval"
        )
    return tuple(cautions)
