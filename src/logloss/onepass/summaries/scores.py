"""How labels are spread over the scores: an exact table while there are few distinct scores, then bins.

What the table or the bins hold of a score or bin: rows with hard labels and no weight are counted by label; of the
others the sums of w, w·y, w², w²·y and w²·y² are kept, exactly (w² rounded once). Bins hold, too, where in the bin the
rows lie on average. The step from table to bins is lawful: once a set of rows has too many scores, so has every larger
one, and the bins of the table are those of its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from logloss.data.block import Block
from logloss.errors import DataError
from logloss.onepass.kernels import score_keys
from logloss.onepass.summaries.contract import BlockwiseSummary, forecast_of, is_hard, pieces_of, times_of, weight_of
from logloss.onepass.summaries.tables import (
    CountTable,
    Floats,
    Ints,
    Numbering,
    Slots,
    SumTable,
    SumWorkspace,
    scaled,
    with_room,
)
from logloss.text import count

MOST_DISTINCT = 1 << 16
# Bits in which distinct scores are counted before they are numbered: 8 for each row of a block.
N_WORDS_SEEN = 1 << 14
PROBA, LOGIT = "proba", "logit"
SCALES = {PROBA: "probabilities", LOGIT: "log-odds"}
N_BINS = {PROBA: score_keys.N_PROBA_BINS, LOGIT: score_keys.N_LOGIT_BINS}
# Columns of the counts: rows of 0, rows of 1; in bins also the sums of their offsets.
N_COUNTED, N_BINNED = 2, 4
# Columns of the masses: w, w·y, w², w²·y, w²·y², w·offset.
N_MASSES, OFFSET_MASS = 6, 5


NO_COUNTS, NO_MASSES = CountTable.empty(N_COUNTED), SumTable.empty(N_MASSES)


@dataclass(frozen=True, slots=True, repr=False)
class ScoreSummary(BlockwiseSummary):
    """Labels by score. scale: PROBA or LOGIT, "" where nothing is known yet; is_binned: keys are bins, not scores."""

    scale: str = ""
    is_binned: bool = False
    n_rows: int = 0
    counts: CountTable = NO_COUNTS
    masses: SumTable = NO_MASSES
    is_floating: ClassVar[bool] = False

    @classmethod
    def of(cls, block: Block, *settings: object) -> ScoreSummary:
        """Of the rows of a block."""
        workspace = ScoreWorkspace()
        for piece in pieces_of(block):
            workspace.add(piece)
        return workspace.freeze()

    def workspace(self) -> ScoreWorkspace:
        """A new workspace."""
        return ScoreWorkspace()

    def merge(self, other: ScoreSummary) -> ScoreSummary:
        """Of the rows of both."""
        if not self.scale or not other.scale:
            return self if self.scale else other
        self.check_scale(other)
        if self.is_binned != other.is_binned:
            return self.binned().merge(other.binned())
        merged = ScoreSummary(
            self.scale,
            self.is_binned,
            self.n_rows + other.n_rows,
            self.counts.merge(other.counts),
            self.masses.merge(other.masses),
        )
        return merged.binned() if not merged.is_binned and merged.n_distinct > MOST_DISTINCT else merged

    def check_scale(self, other: ScoreSummary) -> None:
        """Refuse probabilities beside log-odds."""
        if self.scale and other.scale and self.scale != other.scale:
            mine, theirs = SCALES[self.scale], SCALES[other.scale]
            raise DataError(f"summaries must be of one kind of forecast: one holds {mine}, the other {theirs}.")

    @property
    def n_distinct(self) -> int:
        """How many scores, or bins, there are."""
        if len(self.counts.keys) == 0 or len(self.masses.keys) == 0:
            return len(self.counts.keys) + len(self.masses.keys)
        return len(np.union1d(self.counts.keys, self.masses.keys))

    def binned(self) -> ScoreSummary:
        """The same rows by bin."""
        if self.is_binned:
            return self
        bins, offsets = bins_of(self.scale, self.counts.keys)
        counted = np.concatenate([self.counts.counts, self.counts.counts * offsets[:, None]], axis=1)
        masses = self.masses
        if len(masses.keys):
            of_masses, within = bins_of(self.scale, masses.keys)
            lanes = masses.lanes.copy()
            lanes[OFFSET_MASS] = lanes[0] * within
            # Carried before it is added up: 2^15 scores in a bin of up to 2^48 each would leave 63 bits.
            masses = SumTable.carried(masses.keys, lanes, masses.first).renamed(of_masses)
        return ScoreSummary(self.scale, True, self.n_rows, CountTable.of(bins, counted), masses)

    def __repr__(self) -> str:
        kind = "bins" if self.is_binned else "distinct scores"
        return f"ScoreSummary: n_rows={count(self.n_rows)}  {kind}: {count(self.n_distinct)}"


def keys_of(block: Block) -> tuple[str, Ints]:
    """The scale of the forecasts of a block, and the key of each."""
    proba, of_zero, logit = forecast_of(block)
    keys = np.empty(block.n_rows, np.int64)
    if logit is not None:
        score_keys.keys_of_logit(logit, keys)
        return LOGIT, keys
    score_keys.keys_of_proba(proba, of_zero, keys)
    return PROBA, keys


def has_too_many(keys: Ints) -> bool:
    """Whether these keys alone are certainly too many for a table: a quick look before they are numbered."""
    if len(keys) <= MOST_DISTINCT:
        return False
    found: int = score_keys.least_distinct(keys, np.zeros(N_WORDS_SEEN, np.int64))
    return found > MOST_DISTINCT


def bins_of(scale: str, keys: Ints) -> tuple[Ints, Ints]:
    """The bin of each key, and the place of the row in it."""
    bins, offsets = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    put_in_bins(scale, keys, bins, offsets)
    return bins, offsets


def put_in_bins(scale: str, keys: Ints, bins: Slots, offsets: Slots) -> None:
    """Write the bin of each key, and the place of the row in it."""
    put = score_keys.bins_of_proba_keys if scale == PROBA else score_keys.bins_of_logit_keys
    put(keys, bins, offsets)


class ScoreWorkspace:
    """Counts by score until there are too many scores; then by bin."""

    def __init__(self) -> None:
        self.scale = ""
        self.n_rows = 0
        self.is_binned = False
        self._numbering = Numbering(MOST_DISTINCT)
        self._rows = np.zeros((0, N_COUNTED), np.int64)
        self._masses = SumWorkspace(N_MASSES)
        self._masses_before = SumTable.empty(N_MASSES)
        # The keys of the table, once there are bins.
        self.keys_before = np.zeros(0, np.int64)
        # Once there are bins: counts and offsets, those in one word, those of rows that stand many times.
        self._packed = np.zeros(0, np.int64)
        self._n_packed = 0
        self._counts = np.zeros((0, N_BINNED), np.int64)

    def add(self, block: Block) -> None:
        """Take in rows of one kind (`pieces_of`)."""
        if self.is_binned and is_hard(block) and block.counts is None:
            self._tally_forecasts(block, None)
        else:
            self.place(block)

    def _tally_forecasts(self, block: Block, bins: Slots | None) -> None:
        """Count hard rows by bin, slice by slice; bins: room for the bin of each row, where they are asked for."""
        self.n_rows += block.n_rows
        self._make_room(block.n_rows)
        score_keys.tally_forecasts(block.y_true, *forecast_of(block), self._packed, bins)

    def place(self, block: Block) -> tuple[Slots, bool]:
        """Take in a block; returns the bins of its rows, or the numbers of their scores, and whether they are bins."""
        if self.is_binned and is_hard(block) and block.counts is None:
            bins: Slots = np.empty(block.n_rows, np.int32)
            self._tally_forecasts(block, bins)
            return bins, True
        self.scale, keys = keys_of(block)
        self.n_rows += times_of(block)
        if not self.is_binned and not has_too_many(keys):
            slots, done = self._numbering.numbers_of(keys)
            if done == len(keys):
                self._tally(block, slots, None)
                return slots, False
        if not self.is_binned:
            self._to_bins()
        bins, offsets = np.empty(len(keys), np.int32), np.empty(len(keys), np.int32)
        put_in_bins(self.scale, keys, bins, offsets)
        if is_hard(block) and block.counts is None:
            self._make_room(block.n_rows)
            score_keys.tally_bins(block.y_true, bins, offsets, self._packed)
        elif is_hard(block):
            score_keys.tally_slots(block.y_true, bins, block.counts, self._counts[:, :2])
            score_keys.tally_offsets(block.y_true, bins, offsets, block.counts, self._counts[:, 2:])
        else:
            slots, _ = self._numbering.numbers_of(bins.astype(np.int64))
            self._tally(block, slots, offsets)
        return bins, True

    def bins_at(self, slots: Slots, are_bins: bool) -> Slots:
        """The bins of rows that were placed."""
        return slots if are_bins else bins_of(self.scale, self.keys())[0].astype(np.int32)[slots]

    def _make_room(self, n_rows: int) -> None:
        """Unpack the counts before so many rows more would overflow them."""
        if self._n_packed + n_rows > score_keys.MAX_PACKED_ROWS:
            self._unpack()
        self._n_packed += n_rows

    def _unpack(self) -> None:
        score_keys.unpack(self._packed, self._counts)
        self._n_packed = 0

    def _tally(self, block: Block, slots: Slots, offsets: Slots | None) -> None:
        """Count rows by number of their score or bin, or add up what they weigh."""
        n_slots = self._numbering.n_known
        if is_hard(block):
            self._rows = with_room(self._rows, n_slots)
            score_keys.tally_slots(block.y_true, slots, block.counts, self._rows)
            return
        masses = masses_of(block)
        for column, values, shifts in masses:
            self._masses.add(column, values, shifts, slots, n_slots, block.counts)
        if offsets is not None:
            _, weight, exponent = masses[0]
            times = offsets.astype(np.int64) * (1 if block.counts is None else block.counts)
            self._masses.add(OFFSET_MASS, weight, exponent, slots, n_slots, times)

    def _to_bins(self) -> None:
        """Bins of what the table holds."""
        table = self.freeze().binned()
        self.is_binned, self.keys_before = True, self._numbering.keys()
        self._numbering, self._rows = Numbering(N_BINS[self.scale]), np.zeros((0, N_COUNTED), np.int64)
        self._counts = np.zeros((N_BINS[self.scale], N_BINNED), np.int64)
        self._counts[table.counts.keys] = table.counts.counts
        self._packed = np.zeros(2 * N_BINS[self.scale], np.int64)
        self._masses = SumWorkspace(N_MASSES)
        self._masses_before = table.masses

    def keys(self) -> Ints:
        """The keys of the table in the order of their numbers."""
        return self._numbering.keys()

    def freeze(self) -> ScoreSummary:
        """The summary of the blocks that were added."""
        if self.n_rows == 0:
            return ScoreSummary()
        keys = self._numbering.keys()
        if not self.is_binned:
            counts = CountTable.of_slots(keys, self._rows)
            return ScoreSummary(self.scale, False, self.n_rows, counts, self._masses.frozen(keys))
        self._unpack()
        bins = np.flatnonzero(self._counts[:, 0] | self._counts[:, 1])
        masses = self._masses_before.merge(self._masses.frozen(keys))
        return ScoreSummary(self.scale, True, self.n_rows, CountTable(bins, self._counts[bins]), masses)


def masses_of(block: Block) -> list[tuple[int, Floats, Ints]]:
    """w, w·y, w², w²·y and w²·y² of each row, as (column, value, exponent of 2): nothing leaves the floats.

    w and w·y are exact, w·y in two parts where y is a share: of shares near 1 what is left for 0 would be rounding.
    """
    w, once = scaled(weight_of(block))
    label, of_label = scaled(block.y_true.astype(np.float64))
    square = w * w
    product, rest = exact_product(w, label)
    found = [
        (0, w, once),
        (1, product, once + of_label),
        (2, square, 2 * once),
        (3, square * label, 2 * once + of_label),
        (4, square * (label * label), 2 * (once + of_label)),
    ]
    return [*found, (1, rest, once + of_label)] if rest.any() else found


def exact_product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a·b as the sum of two floats ≥ 0, the first within one unit in the last place; a and b in [1/2, 1), or 0."""
    # Dekker (1971), with Veltkamp's halves: of 53 bits 26 and 27.
    halves = []
    for x in (a, b):
        large = x * (2.0**27 + 1)
        high = large - (large - x)
        halves.append((high, x - high))
    (a_high, a_low), (b_high, b_low) = halves
    product = a * b
    rest = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    below = np.where(rest < 0, np.nextafter(product, 0.0), product)
    return below, rest + (product - below)
