"""Verdicts on forecasters beside the one in use, with a margin: non-inferior, equivalent, better, inferior, undecided.

A verdict is read from one interval of the difference, log loss of the candidate minus that of the reference:
non-inferior where it lies below the margin, equivalent where it lies within ±margin (two one-sided tests, Schuirmann
1987, doi:10.1007/BF01068419), better where it lies below 0, inferior where it lies above the margin. All verdicts of
one interval hold together with its 95%; each test of non-inferiority is one-sided at 2.5%, as those of `plan`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from logloss.answers.estimate import Estimate, negated
from logloss.answers.figures import put, put_estimate
from logloss.comparison.pairwise import PairwiseComparison
from logloss.errors import DataError
from logloss.text import listed, printable, value_text

BETTER, EQUIVALENT, NON_INFERIOR, INFERIOR, UNDECIDED = (
    "better",
    "equivalent",
    "non-inferior",
    "inferior",
    "undecided",
)
FLAGS = ("non_inferior", "equivalent", "better", "inferior")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Verdict on one candidate beside the reference, with a margin; differences in nats per row, candidate − reference.

    Attributes
    ----------
    candidate, reference : str
        The two forecasters.
    margin : float
        Largest increase of the log loss that is accepted, above 0.
    difference : Estimate
        Log loss of the candidate minus that of the reference: below 0 if the candidate is better. Its 95% interval is
        that of `PairwiseComparison.simultaneous`: for all pairs of the comparison together.
    confidence_sequence : Estimate
        With `order`: the same with the interval of the confidence sequence after the last period, valid at any look.
    first_non_inferior : str
        The first period after which the confidence sequence lies below the margin; "" if there is none.

    Examples
    --------
    >>> import logloss
    >>> forecasts = {"old": [0.5] * 100, "new": [0.8, 0.4, 0.6, 0.9] * 25}
    >>> compared = logloss.compare([1, 0, 1, 1] * 25, forecasts, margin=0.01)
    >>> compared.verdicts[0].verdict, compared.verdicts[0].non_inferior
    ('better', True)
    """

    candidate: str
    reference: str
    margin: float
    difference: Estimate
    confidence_sequence: Estimate
    first_non_inferior: str

    @property
    def non_inferior(self) -> bool:
        """Whether the interval of the difference lies below the margin."""
        return non_inferior(self.difference, self.margin)

    @property
    def equivalent(self) -> bool:
        """Whether the interval of the difference lies between −margin and margin."""
        return equivalent(self.difference, self.margin)

    @property
    def better(self) -> bool:
        """Whether the interval of the difference lies below 0."""
        return better(self.difference)

    @property
    def inferior(self) -> bool:
        """Whether the interval of the difference lies above the margin."""
        return inferior(self.difference, self.margin)

    @property
    def verdict(self) -> str:
        """The strongest that holds: "better", "equivalent", "non-inferior" or "inferior"; else "undecided"."""
        return verdict_on(self.difference, self.margin)

    @property
    def verdict_anytime(self) -> str:
        """The same from the confidence sequence: valid at any look; "" without one."""
        return verdict_on(self.confidence_sequence, self.margin) if self.confidence_sequence.has_interval else ""

    def figures(self) -> dict[str, Any]:
        """The figures as JSON-ready values."""
        figures: dict[str, Any] = {"candidate": self.candidate, "reference": self.reference}
        put_estimate(figures, "candidate_minus_reference_nats", self.difference)
        figures |= {"verdict": self.verdict} | {name: getattr(self, name) for name in FLAGS}
        sequence = self.confidence_sequence
        put(figures, "confidence_sequence_of_candidate_nats_low", sequence.low, sequence.reason)
        put(figures, "confidence_sequence_of_candidate_nats_high", sequence.high, sequence.reason)
        for name, value in self._anytime().items():
            figures[f"{name}_anytime"] = value if self.verdict_anytime else None
            if not self.verdict_anytime:
                figures[f"{name}_anytime_reason"] = sequence.reason
        figures["first_non_inferior"] = self.first_non_inferior or None
        return figures

    def _anytime(self) -> dict[str, str | bool]:
        """The verdict and the claims of the confidence sequence."""
        sequence, margin = self.confidence_sequence, self.margin
        claims = (non_inferior(sequence, margin), equivalent(sequence, margin), better(sequence))
        flags = dict(zip(FLAGS, (*claims, inferior(sequence, margin)), strict=True))
        return {"verdict": self.verdict_anytime, **flags}


def non_inferior(difference: Estimate, margin: float) -> bool:
    """Whether a difference is shown to be below a margin."""
    return difference == -math.inf or difference.high < margin


def equivalent(difference: Estimate, margin: float) -> bool:
    """Whether a difference is shown to be within ±margin."""
    return -margin < difference.low and difference.high < margin


def better(difference: Estimate) -> bool:
    """Whether a difference is shown to be below 0."""
    return difference == -math.inf or difference.high < 0


def inferior(difference: Estimate, margin: float) -> bool:
    """Whether a difference is shown to be above a margin."""
    return difference == math.inf or difference.low > margin


def verdict_on(difference: Estimate, margin: float) -> str:
    """The strongest verdict on a difference."""
    claims = {
        BETTER: better(difference),
        EQUIVALENT: equivalent(difference, margin),
        NON_INFERIOR: non_inferior(difference, margin),
        INFERIOR: inferior(difference, margin),
    }
    return next((name for name, holds in claims.items() if holds), UNDECIDED)


def verdicts_of(pairs: Sequence[PairwiseComparison], reference: str, margin: float) -> tuple[Verdict, ...]:
    """The verdicts on all other forecasters, by rank."""
    return tuple(_verdict(pair, reference, margin) for pair in pairs if reference in (pair.better, pair.worse))


def _verdict(pair: PairwiseComparison, reference: str, margin: float) -> Verdict:
    """The verdict of one pair."""
    # Differences of pairs are the worse one's figure minus the better one's.
    is_worse = pair.better == reference
    candidate, sequential = pair.worse if is_worse else pair.better, pair.sequential
    both = pair.simultaneous, sequential.confidence_sequence
    difference, sequence = both if is_worse else map(negated, both)
    first = ""
    if sequence.has_interval and sequential.table is not None:
        highs = np.array(sequential.table["high"]) if is_worse else -np.array(sequential.table["low"])
        below = np.flatnonzero(highs < margin)
        first = sequential.table["period"][below[0]] if len(below) else ""
    return Verdict(candidate, reference, margin, difference, sequence, first)


def check_margin(margin: float | None, reference: str | None) -> float:
    """The margin as a number; nan if there is none."""
    if margin is None:
        if reference is not None:
            raise DataError("`reference` names the forecaster that `margin` is about; pass `margin`, too.")
        return math.nan
    if not isinstance(margin, Real) or isinstance(margin, bool) or not 0 < margin < math.inf:
        raise DataError(
            "`margin` must be a number above 0: the largest increase of the log loss that is accepted, in nats per "
            f"row; got {value_text(margin)}."
        )
    return float(margin)


def reference_of(names: Sequence[str], reference: str | None) -> str:
    """The forecaster that is in use: the first one if none is named."""
    if reference is None:
        return names[0]
    if reference not in names:
        known = listed([printable(name) for name in names], 16)
        raise DataError(f"`reference` must be one of the forecasters: {known}; got {value_text(reference)}.")
    return reference
