"""Standard deviation of the difference of two losses: from a pilot, or expected from the two forecasts themselves.

Where the probability of 1 is θ and the forecasts are p and q, the difference log(q/p) has the probability θ and
log((1 − q)/(1 − p)) the rest, so that its mean and variance need no outcome.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from logloss.answers.answer import Answer
from logloss.answers.estimate import Estimate
from logloss.answers.figures import number_of_json
from logloss.answers.small_table import SmallTable
from logloss.comparison.autocorrelation import with_periods
from logloss.comparison.power import Design, Spread, whole_rows
from logloss.data.values import Array
from logloss.errors import DataError
from logloss.information import kl_divergence
from logloss.text import printable, value_text

# True probabilities that are considered: those of the first forecast, the mean of both, those of the second.
SCENARIOS = {"first": 0.0, "mean": 0.5, "second": 1.0}


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan is based on. upper: the spread at the upper 95% limit of its standard deviation."""

    spread: Spread
    std_source: str
    difference: float = math.nan
    upper: Spread | None = None
    delta: Estimate = Estimate(math.nan, reason="no pilot")  # noqa: RUF009
    n_pairs: int = 1
    scenarios: SmallTable | None = None
    is_clustered: bool = False
    base_rate: float = math.nan
    cautions: tuple[str, ...] = ()


def basis_of_forecasts(forecasts: Mapping[str, Any], design: Design, *, is_given: bool) -> Basis:
    """Expected mean and variance of the difference, if the true probabilities are those of either, or their mean.

    is_given: whether the difference to detect is given by the caller.
    """
    if not isinstance(forecasts, Mapping) or len(forecasts) != 2:
        raise DataError("`forecasts` must be a dict of two arrays: the probabilities of the first and of the second.")
    p, q = (_probabilities(name, values) for name, values in forecasts.items())
    if p.shape != q.shape or p.ndim != 1 or not len(p):
        raise DataError(f"`forecasts` must hold two arrays of one length, at least 1; got {p.shape} and {q.shape}.")
    moments = {name: _expected(p, q, (1 - share) * p + share * q) for name, share in SCENARIOS.items()}
    if not any(std > 0 for _, std in moments.values()):
        raise DataError("the two forecasts are the same in every row: there is no difference to plan for.")
    # A given difference may come with any of them: the largest standard deviation is the safe one.
    std = max(std for _, std in moments.values()) if is_given else moments["second"][1]
    rows = [whole_rows(design.rows(abs(mean), Spread(own))) for mean, own in moments.values()]
    means, stds = zip(*moments.values(), strict=True)
    columns = {"true_probabilities": list(SCENARIOS), "difference_nats": means, "std_nats": stds, "rows_needed": rows}
    expected = moments["second"][0]
    return Basis(Spread(std), "forecasts", expected, scenarios=SmallTable(columns), base_rate=float(q.mean()))


def _probabilities(name: str, values: Any) -> Array:
    """The probabilities of a forecast, none of them 0 or 1."""
    of = f'the probabilities of "{printable(name)}" must'
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{of} be numbers: {error}.") from error
    outside = ~((array > 0) & (array < 1))
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            f"{of} lie strictly between 0 and 1, otherwise the loss has no finite variance; got "
            f"{value_text(float(array.flat[row]))} at {row}."
        )
    return array


def _expected(p: Array, q: Array, true: Array) -> tuple[float, float]:
    """(Mean, standard deviation) of the loss of p minus that of q, if `true` are the true probabilities of 1."""
    if_one, if_zero = np.log(q) - np.log(p), np.log1p(-q) - np.log1p(-p)
    # As divergences, which lose no digits where the two are near each other.
    means = kl_divergence(true, p) - kl_divergence(true, q)
    mean = float(means.mean())
    squares = true * (if_one - mean) ** 2 + (1 - true) * (if_zero - mean) ** 2
    return mean, math.sqrt(float(squares.mean()))


def basis_of_pilot(pilot: Answer | None, pair: tuple[str, str] | None) -> Basis:
    """Difference and standard deviation of a pair of a pilot."""
    kind = getattr(pilot, "saved", getattr(pilot, "kind", ""))
    if not isinstance(pilot, Answer) or kind != "comparison":
        raise DataError(f"`pilot` must be what `compare` gives, or a saved one; got a {type(pilot).__name__}.")
    figures = pilot.to_dict()
    try:
        return _of_figures(figures, _row_of(figures, pair), is_first=pair is None)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"the saved comparison lacks a figure, or one is no number ({error}): compare again."
        ) from error


def _of_figures(figures: Mapping[str, Any], row: Mapping[str, Any], *, is_first: bool) -> Basis:
    """The same of its figures; row: those of the pair. is_first: it is the one that the cautions are about."""
    value, low, high = (number_of_json(row[f"delta_nats{end}"]) for end in ("", "_low", "_high"))
    delta = Estimate(value, low, high)
    if row["is_identical"]:
        raise DataError(
            "the two forecasters of the pilot have the same loss in every row: there is no difference to plan for."
        )
    if not math.isfinite(delta):
        raise DataError(
            "the difference of the pilot is infinite: an observed class was given probability 0. Plan with `std`, or "
            "with `forecasts` strictly between 0 and 1."
        )
    error, is_clustered = number_of_json(row["standard_error_nats"]), "n_clusters" in figures
    observations = number_of_json(row["effective_observations"])
    if not (error > 0 and observations >= 1 and figures["n_rows"] >= 1):
        reason = row.get("standard_error_nats_reason") or "it does not vary"
        raise DataError(f"the difference of the pilot has no standard error ({reason}): pass `std` instead.")
    width = number_of_json(row["delta_autocorrelation_robust_nats_high"]) - delta
    planned, observations = with_periods(error, observations, width, row["n_cosines"])
    spread = Spread.of_error(planned, figures["n_rows"], observations)
    n_forecasts, rate = figures["n_forecasts"], number_of_json(figures["base_rate"])
    return Basis(
        spread,
        "pilot",
        float(delta),
        Spread(spread.std * _upper(observations * min(rate, 1 - rate)), spread.design_effect),
        delta,
        max(n_forecasts * (n_forecasts - 1) // 2, 1),
        is_clustered=is_clustered or planned > error,
        base_rate=rate,
        cautions=tuple(figures["cautions"]) if is_first else (),
    )


def _upper(degrees: float) -> float:
    """Factor from a standard deviation with so many degrees of freedom to its upper 95% confidence limit.

    Degrees of a pilot: its observations of the rarer class, since few rows have large differences where positives are
    rare. At a base rate of 0.02 the limit covers 93 to 100% so, and 60 to 66% with the number of rows less one.
    """
    from scipy.special import chdtri

    return math.sqrt(degrees / float(chdtri(degrees, 0.95))) if degrees > 0 else math.inf


def _row_of(figures: Mapping[str, Any], pair: tuple[str, str] | None) -> Mapping[str, Any]:
    """The figures of a pair; of the best and the runner-up if none is named."""
    if pair is None:
        return figures
    pairs = [row for row in figures["pairs"] if {row["better"], row["worse"]} == set(pair)]
    if not pairs:
        names = ", ".join(printable(name) for row in figures["ranking"] for name in [row["forecast"]])
        raise DataError(f"`pair` must name two forecasters of the pilot ({names}); got {', '.join(map(str, pair))}.")
    return dict(pairs[0])
