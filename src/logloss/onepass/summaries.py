"""What is kept of the rows.

A summary is frozen and small and knows three things: `empty()`, `of(block)` and `a.merge(b)`. Its laws, which
`tests/laws.py` checks for every class here: merging with nothing changes nothing, on either side; the order of a merge
does not matter; how rows were grouped does not matter. Counted summaries hold integers only and keep these laws bit for
bit; floating ones (`CurvatureSummary`) keep them to rounding.

A workspace is private to one worker: blocks are added to it, and it is frozen once.

>>> from logloss.data.source import BlockPart, array_source
>>> from logloss.data.rows import Roles
>>> [part] = array_source({"y_true": [1, 0], "y_proba": [0.5, 0.5]}).parts(("y_true", "y_proba"))
>>> [block] = BlockPart(part, Roles("y_true", "y_proba")).blocks()
>>> LossSummary.of(block)
LossSummary: n_rows=2  log_loss=0.6931 nats
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Place
from logloss.onepass import exact, kernels
from logloss.text import count, significant

# The sums of a LossSummary. c is weight·loss (0 where the loss is infinite), a weight·label, b weight·Brier score, w
# the weight; two and three letters stand for products. p, h: weight·prediction and weight·its entropy; v: weight²·the
# variance of the loss if the prediction is right; w_infinite: the weight of rows of infinite loss.
SUMS = (
    "w",
    "c",
    "ww",
    "cw",
    "cc",
    "www",
    "cww",
    "ccw",
    "ccc",
    "a",
    "aw",
    "aa",
    "ca",
    "p",
    "b",
    "bw",
    "bb",
    "h",
    "v",
    "w_infinite",
)
# Which rows of limbs make each of them in `kernels.general_sums`: two where the products are kept in two halves.
GENERAL_LIMBS = (
    (0,),
    (1,),
    (2, 3),
    (4, 5),
    (6, 7),
    (8, 9),
    (10, 11),
    (12, 13),
    (14, 15),
    (16,),
    (17, 18),
    (19, 20),
    (21, 22),
    (23,),
    (24,),
    (25, 26),
    (27, 28),
    (29,),
    (30,),
    (31,),
)
# The same for `kernels.hard_sums`, where every weight is 1: sums of w and a are counts of rows (None).
HARD_LIMBS: dict[str, tuple[int, ...]] = {
    "c": (0,),
    "cw": (0,),
    "cww": (0,),
    "cc": (1, 2),
    "ccw": (1, 2),
    "ccc": (3, 4),
    "ca": (5,),
    "b": (6,),
    "bw": (6,),
    "bb": (7, 8),
    "p": (9,),
    "h": (10,),
    "v": (11,),
}
N_HARD_LIMBS, N_GENERAL_LIMBS = 12, 32


class Workspace(Protocol):
    """What one worker adds blocks to."""

    def add(self, block: Block) -> None:
        """Take in a block."""

    def freeze(self) -> Any:
        """The summary of the blocks that were added."""


class Summary(Protocol):
    """What the loop of `run.py` makes of parts and merges."""

    def workspace(self) -> Workspace:
        """A new workspace with the settings of this summary."""

    def merge(self, other: Any) -> Self:
        """The summary of the rows of both."""


@dataclass(frozen=True, slots=True)
class Impossible:
    """A row that was given probability 0: where it is."""

    name: str
    row: int
    place: Place = field(compare=False)


def earlier(a: Impossible | None, b: Impossible | None) -> Impossible | None:
    """The first of two rows, in the order of (name of the file, row)."""
    if a is None or b is None:
        return a if b is None else b
    return min(a, b, key=lambda impossible: (impossible.name, impossible.row))


@dataclass(frozen=True, slots=True, repr=False)
class LossSum:
    """Number of rows and exact sum of their losses: all that a mean log loss needs (hard labels, no weights)."""

    n_rows: int = 0
    n_infinite: int = 0
    sum_loss: int = 0
    coding: frozenset[Any] = frozenset()

    @classmethod
    def empty(cls) -> LossSum:
        """Of no rows."""
        return cls()

    @classmethod
    def of(cls, block: Block) -> LossSum:
        """Of the rows of a block."""
        workspace = _LossSumWorkspace()
        workspace.add(block)
        return workspace.freeze()

    def workspace(self) -> Workspace:
        """A new workspace."""
        return _LossSumWorkspace()

    def merge(self, other: LossSum) -> LossSum:
        """Of the rows of both."""
        return LossSum(
            self.n_rows + other.n_rows,
            self.n_infinite + other.n_infinite,
            self.sum_loss + other.sum_loss,
            self.coding | other.coding,
        )

    @property
    def log_loss(self) -> float:
        """Mean log loss in nats per row."""
        return np.inf if self.n_infinite else exact.rounded(self.sum_loss, self.n_rows)

    def __repr__(self) -> str:
        loss = significant(self.log_loss) if self.n_rows else "nan"
        return f"LossSum: n_rows={count(self.n_rows)}  log_loss={loss} nats"


class _LossSumWorkspace:
    def __init__(self) -> None:
        self.limbs = exact.new_limbs(1)
        self.n_rows = self.n_infinite = 0
        self.coding: frozenset[Any] = frozenset()

    def add(self, block: Block) -> None:
        """Take in a block of hard labels."""
        self.n_infinite += kernels.losses_summed(block.y_true, *forecast_of(block), self.limbs)
        self.n_rows += block.n_rows
        self.coding |= block.coding

    def freeze(self) -> LossSum:
        """The summary of the blocks that were added."""
        return LossSum(self.n_rows, self.n_infinite, exact.as_integer(self.limbs[0]), self.coding)


@dataclass(frozen=True, slots=True, repr=False)
class LossSummary:
    """Everything that a measurement reports, as counts and exact sums (SUMS)."""

    n_rows: int = 0
    n_ones: int = 0
    n_infinite: int = 0
    n_dropped: int = 0
    is_soft: bool = False
    first_infinite: Impossible | None = None
    coding: frozenset[Any] = frozenset()
    sums: tuple[int, ...] = (0,) * len(SUMS)

    @classmethod
    def empty(cls) -> LossSummary:
        """Of no rows."""
        return cls()

    @classmethod
    def of(cls, block: Block) -> LossSummary:
        """Of the rows of a block."""
        workspace = _LossWorkspace()
        workspace.add(block)
        return workspace.freeze()

    def workspace(self) -> Workspace:
        """A new workspace."""
        return _LossWorkspace()

    def merge(self, other: LossSummary) -> LossSummary:
        """Of the rows of both."""
        return LossSummary(
            self.n_rows + other.n_rows,
            self.n_ones + other.n_ones,
            self.n_infinite + other.n_infinite,
            self.n_dropped + other.n_dropped,
            self.is_soft or other.is_soft,
            earlier(self.first_infinite, other.first_infinite),
            self.coding | other.coding,
            tuple(a + b for a, b in zip(self.sums, other.sums, strict=True)),
        )

    def sum(self, name: str) -> int:
        """One of SUMS, in units of 2^-6720."""
        return self.sums[SUMS.index(name)]

    @property
    def log_loss(self) -> float:
        """Mean log loss in nats per unit of weight."""
        return np.inf if self.n_infinite else exact.ratio(self.sum("c"), self.sum("w"))

    def __repr__(self) -> str:
        loss = significant(self.log_loss) if self.n_rows else "nan"
        return f"LossSummary: n_rows={count(self.n_rows)}  log_loss={loss} nats"


class _LossWorkspace:
    def __init__(self) -> None:
        self.hard = exact.new_limbs(N_HARD_LIMBS)
        self.general = exact.new_limbs(N_GENERAL_LIMBS)
        # Rows, rows of 1, rows of infinite loss: of all blocks, and of those that `hard_sums` took.
        self.tallies = [0, 0, 0]
        self.hard_tallies = [0, 0, 0]
        self.n_dropped = 0
        self.is_soft = False
        self.first_infinite: Impossible | None = None
        self.coding: frozenset[Any] = frozenset()

    def add(self, block: Block) -> None:
        """Take in a block."""
        is_soft = block.y_true.dtype != np.uint8
        tally = np.array([0, 0, 0, -1], dtype=np.int64)
        if is_soft or block.sample_weight is not None:
            forecast = forecast_of(block)
            kernels.general_sums(block.y_true, *forecast, block.sample_weight, block.counts, self.general, tally)
        else:
            kernels.hard_sums(block.y_true, *forecast_of(block), block.counts, self.hard, tally)
            self.hard_tallies = [n + int(more) for n, more in zip(self.hard_tallies, tally[:3], strict=True)]
        if tally[3] >= 0:
            found = Impossible(block.place.name, block.row(int(tally[3])), block.place)
            self.first_infinite = earlier(self.first_infinite, found)
        self.tallies = [n + int(more) for n, more in zip(self.tallies, tally[:3], strict=True)]
        self.is_soft |= is_soft
        self.n_dropped += block.n_dropped
        self.coding |= block.coding

    def freeze(self) -> LossSummary:
        """The summary of the blocks that were added."""
        hard = [exact.as_integer(limbs) for limbs in self.hard]
        general = [exact.as_integer(limbs) for limbs in self.general]
        n_rows, n_ones, n_infinite = self.hard_tallies
        units = {"w": n_rows, "ww": n_rows, "www": n_rows, "a": n_ones, "aw": n_ones, "aa": n_ones}
        units["w_infinite"] = n_infinite
        sums = []
        for name, places in zip(SUMS, GENERAL_LIMBS, strict=True):
            of_hard = sum(hard[k] for k in HARD_LIMBS.get(name, ())) + exact.of_count(units.get(name, 0))
            sums.append(of_hard + sum(general[k] for k in places))
        return LossSummary(
            self.tallies[0],
            self.tallies[1],
            self.tallies[2],
            self.n_dropped,
            self.is_soft,
            self.first_infinite,
            self.coding,
            tuple(sums),
        )


@dataclass(frozen=True, slots=True, repr=False)
class ColumnSummary:
    """Mean, least and greatest value of each feature: what the solver centres and scales by."""

    n_features: int
    n_rows: int = 0
    sum_weight: float = 0.0
    sum_positive: float = 0.0
    coding: frozenset[Any] = frozenset()
    sums: Any = None
    lows: Any = None
    highs: Any = None

    def workspace(self) -> Workspace:
        """A new workspace."""
        return _ColumnWorkspace(self.n_features)

    @classmethod
    def empty(cls, n_features: int = 1) -> ColumnSummary:
        """Of no rows."""
        zeros = np.zeros(n_features)
        return cls(n_features, sums=zeros, lows=zeros + np.inf, highs=zeros - np.inf)

    @classmethod
    def of(cls, block: Block) -> ColumnSummary:
        """Of the rows of a block."""
        workspace = _ColumnWorkspace(_features(block).shape[1])
        workspace.add(block)
        return workspace.freeze()

    def merge(self, other: ColumnSummary) -> ColumnSummary:
        """Of the rows of both."""
        return ColumnSummary(
            self.n_features,
            self.n_rows + other.n_rows,
            self.sum_weight + other.sum_weight,
            self.sum_positive + other.sum_positive,
            self.coding | other.coding,
            self.sums + other.sums,
            np.minimum(self.lows, other.lows),
            np.maximum(self.highs, other.highs),
        )

    def __repr__(self) -> str:
        return f"ColumnSummary: n_rows={count(self.n_rows)}  n_features={count(self.n_features)}"


class _ColumnWorkspace:
    def __init__(self, n_features: int) -> None:
        self.summary = ColumnSummary.empty(n_features)

    def add(self, block: Block) -> None:
        """Take in a block."""
        features, mass = _features(block), mass_of(block)
        if block.n_rows == 0:
            return
        n_rows = block.n_rows if block.counts is None else int(block.counts.sum())
        added = ColumnSummary(
            self.summary.n_features,
            n_rows,
            float(np.sum(mass)),
            float(np.sum(mass * block.y_true)),
            block.coding,
            mass @ features,
            features.min(axis=0),
            features.max(axis=0),
        )
        self.summary = self.summary.merge(added)

    def freeze(self) -> ColumnSummary:
        """The summary of the blocks that were added."""
        return self.summary


@dataclass(frozen=True, slots=True)
class Point:
    """Where a pass looks: the solver's coefficients (intercept first) on features (x − centre) / scale."""

    coefficients: Any
    centre: Any
    scale: Any


@dataclass(frozen=True, slots=True, repr=False)
class CurvatureSummary:
    """Loss (an exact sum), gradient and Hessian of the summed loss at one point. Floating: laws hold to rounding."""

    point: Point
    n_rows: int = 0
    sum_loss: int = 0
    coding: frozenset[Any] = frozenset()
    gradient: Any = None
    hessian: Any = None
    uses_blas: ClassVar[bool] = True

    @classmethod
    def empty(cls, point: Point) -> CurvatureSummary:
        """Of no rows."""
        width = len(point.coefficients)
        return cls(point, gradient=np.zeros(width), hessian=np.zeros((width, width)))

    @classmethod
    def of(cls, block: Block, point: Point) -> CurvatureSummary:
        """Of the rows of a block."""
        workspace = _CurvatureWorkspace(point)
        workspace.add(block)
        return workspace.freeze()

    def workspace(self) -> Workspace:
        """A new workspace at the same point."""
        return _CurvatureWorkspace(self.point)

    def merge(self, other: CurvatureSummary) -> CurvatureSummary:
        """Of the rows of both."""
        return CurvatureSummary(
            self.point,
            self.n_rows + other.n_rows,
            self.sum_loss + other.sum_loss,
            self.coding | other.coding,
            self.gradient + other.gradient,
            self.hessian + other.hessian,
        )

    @property
    def total_loss(self) -> float:
        """The summed loss in nats."""
        return exact.rounded(self.sum_loss, 1)

    def __repr__(self) -> str:
        return f"CurvatureSummary: n_rows={count(self.n_rows)}  total_loss={significant(self.total_loss)} nats"


# Rows of one piece of a pass: with 100 features it is 1.6 MB, which stays in the cache between its products.
PIECE_ROWS = 2048


class _CurvatureWorkspace:
    def __init__(self, point: Point) -> None:
        self.point = point
        width = len(point.coefficients)
        self.gradient, self.hessian = np.zeros(width), np.zeros((width, width))
        self.limbs = exact.new_limbs(1)
        self.n_rows = 0
        self.coding: frozenset[Any] = frozenset()

    def add(self, block: Block) -> None:
        """Take in a block, piece by piece."""
        features = _features(block)
        for start in range(0, block.n_rows, PIECE_ROWS):
            stop = min(start + PIECE_ROWS, block.n_rows)
            design = np.ones((stop - start, features.shape[1] + 1))
            np.subtract(features[start:stop], self.point.centre, out=design[:, 1:])
            design[:, 1:] /= self.point.scale
            logits = design @ self.point.coefficients
            residuals, curvatures = np.empty(stop - start), np.empty(stop - start)
            weights = None if block.sample_weight is None else block.sample_weight[start:stop]
            counts = None if block.counts is None else block.counts[start:stop]
            kernels.logistic_rows(block.y_true[start:stop], logits, weights, counts, residuals, curvatures, self.limbs)
            self.gradient += residuals @ design
            self.hessian += design.T @ (curvatures[:, None] * design)
        self.n_rows += block.n_rows if block.counts is None else int(block.counts.sum())
        self.coding |= block.coding

    def freeze(self) -> CurvatureSummary:
        """The summary of the blocks that were added."""
        total = exact.as_integer(self.limbs[0])
        return CurvatureSummary(self.point, self.n_rows, total, self.coding, self.gradient, self.hessian)


def mass_of(block: Block) -> Any:
    """Weight times count of each row."""
    mass = np.ones(block.n_rows) if block.sample_weight is None else block.sample_weight
    return mass if block.counts is None else mass * block.counts


def _features(block: Block) -> Any:
    """The features of a block that was read for a fit."""
    return np.zeros((block.n_rows, 0)) if block.features is None else block.features


def forecast_of(block: Block) -> tuple[Any, Any, Any]:
    """The forecasts of a block as the kernels take them: P(1), P(0), logits."""
    if block.y_logit is not None:
        return block.y_logit, None, block.y_logit
    return block.y_proba, block.y_proba_of_zero, None
