"""The labels at each score: a table or bins as arrays, in ascending order of the score.

A bin is represented by the mean place of its rows, for each label by that of its own rows; what lies about it inside
the bin (2^-10.4 of log-odds wide at most) moves a variance by less than a part in a million.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from logloss.data.values import Array
from logloss.onepass.kernels import isotonic, losses, score_keys
from logloss.onepass.kernels.exact import ratio
from logloss.onepass.kernels.score_keys import BITS_OF_HALF, KEY_OF_ONE, OFFSET_BITS
from logloss.onepass.summaries import ScoreSummary
from logloss.onepass.summaries.scores import LOGIT, bins_of
from logloss.onepass.summaries.tables import CountTable, SumTable

# Of (Σw)² / Σw², both sums of at most 2^17 terms that are added in pairs, one after the other within a run of 2^10.
ROUNDING_OF_ROWS = 1e-12
# More scores are merged before labels are drawn, or maps fitted. What the miscalibration of draws then lacks is
# estimated from the observed labels, with a standard error of 1 to 3% (docs/inference.md).
MOST_DRAWN = 1 << 11


@dataclass(frozen=True)
class ScoreTable:
    """One place for each score, or bin.

    counts: rows of 0 and of 1 with hard labels and no weights, shape (n, 2). points: how the score is known (u and the
    side, or the logit), of all rows; of_zeros, of_ones: the same of the rows of each label. masses, places: the exact
    sums of the other rows, and where they belong. keys: of the scores, or the bins. is_exact: no bins.
    """

    scale: str
    is_exact: bool
    counts: Array
    points: Points
    of_zeros: Points
    of_ones: Points
    masses: SumTable
    places: Array
    keys: Array
    # Where in their bins the rows of 0, and of 1, lie on average, in (0, 1); None without bins.
    within: tuple[Array, Array] | None = None

    @property
    def is_counted(self) -> bool:
        """Whether every row has a hard label and no weight."""
        return len(self.masses.keys) == 0

    @cached_property
    def if_zero(self) -> Array:
        """Loss of a row of label 0 at each score, in nats."""
        return self.of_zeros.costs(0)

    @cached_property
    def if_one(self) -> Array:
        """Loss of a row of label 1 at each score, in nats."""
        return self.of_ones.costs(1)

    @cached_property
    def integers(self) -> tuple[Array, Array]:
        """(Mass of label 1, mass) at each place, as integers in one unit: int64 where all of it stays below 2^62."""
        if self.is_counted:
            return self.counts[:, 1], self.counts.sum(axis=1)
        ones, rows = self.counts[:, 1].tolist(), self.counts.sum(axis=1).tolist()
        # Counts are whole, sums are in units of 2^(32·first): both in the smaller of the two units.
        first = 32 * self.masses.first
        of_counts, of_masses = max(0, -first), max(0, first)
        ones, rows = [k << of_counts for k in ones], [k << of_counts for k in rows]
        weights, labels = self.masses.integers(0), self.masses.integers(1)
        for place, weight, label in zip(self.places.tolist(), weights, labels, strict=True):
            ones[place] += label << of_masses
            rows[place] += weight << of_masses
        # Twice a running sum, as ranking.py takes it, still fits.
        if sum(rows) < 1 << 62:
            return np.array(ones, np.int64), np.array(rows, np.int64)
        return np.array(ones, object), np.array(rows, object)

    @cached_property
    def shares(self) -> tuple[Array, Array]:
        """(Share of all mass that has label 0, that has label 1) at each place."""
        ones, rows = self.integers
        total = int(rows.sum())
        return ((rows - ones) / total).astype(np.float64), (ones / total).astype(np.float64)

    @cached_property
    def seed(self) -> int:
        """A seed made of the content: the same rows have the same draws, whatever the unit of their weights."""
        digest = hashlib.sha256(self.points.values.tobytes())
        # Shares, so that equal weights draw as none; with half of their digits, so that weights rounded by a unit
        # of 1e-3 have the same draws.
        digest.update(np.stack(self.shares).astype(np.float32).tobytes())
        return int.from_bytes(digest.digest()[:16], "little")

    @cached_property
    def share_of_a_row(self) -> float:
        """The share of all mass that one row with a hard label and no weight has; inf where there is no such row."""
        _, rows = self.integers
        unit = 1 if self.is_counted else 1 << max(0, -32 * self.masses.first)
        return ratio(unit, int(rows.sum()))

    def shares_of(self, masses: SumTable) -> tuple[Array, Array]:
        """(w·(1 − y), w·y) of sums of the same rows, as shares of all mass."""
        _, rows = self.integers
        total = int(rows.sum())
        # In units of the smaller of 1 and the first lane of this table, as `integers` are.
        unit = min(0, 32 * self.masses.first)
        shift = 32 * masses.first - unit
        weights, labels = (
            np.array([(v << shift if shift >= 0 else v >> -shift) / total for v in masses.integers(column)])
            for column in (0, 1)
        )
        return weights - labels, labels

    def coarse(self, shift: int) -> Array:
        """The coarse bin of each place."""
        return self._bins >> shift

    @cached_property
    def _bins(self) -> Array:
        """The fine bin of each place."""
        return bins_of(self.scale, self.keys)[0] if self.is_exact else self.keys

    def coarse_means(self, shift: int, label: int, values: Array, n_bins: int = 0) -> Array:
        """The mean of a function of the score in each coarse bin, at least so many, over the rows of a label."""
        coarse, shares = self.coarse(shift), self.shares[label]
        mass = np.bincount(coarse, shares, minlength=n_bins)
        sums = np.bincount(coarse, shares * values, minlength=n_bins)
        return np.divide(sums, mass, out=np.zeros(len(mass)), where=mass > 0)

    @cached_property
    def squares(self) -> tuple[Array, Array, Array]:
        """Σ w²(1−y)², Σ w²·y·(1−y) and Σ w²·y² at each place, over the square of all mass."""
        n_rows = int(self.counts.sum())
        if self.is_counted:
            return self.counts[:, 0] / n_rows**2, np.zeros(len(self.counts)), self.counts[:, 1] / n_rows**2
        weight, of_weight = self.masses.floats(0)
        square, of_square = self.masses.floats(2)
        label, of_label = self.masses.floats(3)
        both, of_both = self.masses.floats(4)
        # Floats with a common exponent: weights of 1e300 have squares, too.
        total = float(weight.sum()) + float(np.ldexp(n_rows, -of_weight))

        def relative(values: Array, exponent: int) -> Array:
            placed = np.zeros(len(self.counts))
            placed[self.places] = np.ldexp(values, exponent - 2 * of_weight) / total**2
            return placed

        # w²(1 − y)² = w² − 2w²y + w²y²; each of the three is rounded, so that what is 0 may come out below.
        ww, aw, aa = relative(square, of_square), relative(label, of_label), relative(both, of_both)
        hard = np.ldexp(self.counts.astype(np.float64), -2 * of_weight) / total**2
        return np.maximum(ww - 2 * aw + aa, 0) + hard[:, 0], np.maximum(aw - aa, 0), aa + hard[:, 1]

    @cached_property
    def squares_of_rows(self) -> Array:
        """Σ w² at each place, over the square of all mass."""
        of_zeros, of_both, of_ones = self.squares
        return of_zeros + 2 * of_both + of_ones

    @cached_property
    def runs(self) -> Runs:
        """Runs of neighbouring places over which labels are drawn and maps are fitted."""
        return self.merged(MOST_DRAWN)

    @cached_property
    def places_alone(self) -> Runs:
        """Each place as a run."""
        zeros, ones = self.shares
        return Runs(None, zeros + ones, self)

    def merged(self, most: int, about: int | None = None) -> Runs:
        """Runs of neighbouring places, about `most` of them at most where there are more places.

        about: a place next to which half as many more stay alone, on either side.
        """
        mass = self.places_alone.mass
        # Only where there are more: merging is lossy, and few places are exact.
        if len(mass) <= most:
            return self.places_alone
        # Pools of an isotonic fit are small next to the two ends of the scores: runs have a mass in proportion to the
        # root of that between them and the end.
        below = np.cumsum(mass)
        ends = np.minimum(below, below[-1] - below + mass)
        # The share of a very light place may be 0, and so may what lies between it and the end.
        starts = starts_of_runs(np.divide(mass, np.sqrt(ends), out=np.zeros(len(mass)), where=mass > 0), most)
        if about is not None:
            starts = np.union1d(starts, np.arange(max(about - most // 2, 0), min(about + most // 2, len(mass))))
        return Runs(starts, mass, self)


class Runs:
    """Runs of neighbouring places of a table, for draws whose cost must not grow with the number of places.

    starts: where runs begin, None if each place is one. zeros, ones, mass: shares of all mass.
    """

    def __init__(self, starts: Array | None, mass: Array, table: ScoreTable) -> None:
        self.starts, self._mass, self._table = starts, mass, table
        zeros, ones = table.shares
        self.is_merged = starts is not None
        self.zeros, self.ones, self.mass = self._sum(zeros), self._sum(ones), self._sum(mass)

    @cached_property
    def proba(self) -> Array:
        """The mean prediction in each run."""
        return self.mean(self._table.points.proba)

    @cached_property
    def rows(self) -> Array:
        """How many rows there are in each run; of weighted ones how many of equal weight vary as much."""
        # Of the whole run: what each of its places counts for does not add up, where one of them outweighs the others.
        return np.maximum(effective_rows(self.mass, self._sum(self._table.squares_of_rows)), 1.0)

    def _sum(self, values: Array) -> Array:
        return values if self.starts is None else np.add.reduceat(values, self.starts)

    def mean(self, values: Array) -> Array:
        """The mean of a function of the score in each run."""
        return values if self.starts is None else self._sum(values * self._mass) / self.mass

    def drawn(self, proba: Array, seed: int, n_draws: int) -> Array:
        """The share of ones in each run in draws of labels, each of them 1 with such a probability: (n_draws, n_runs).

        The same draws for the same seed.
        """
        shares = np.empty((n_draws, len(proba)))
        isotonic.drawn_shares(np.uint64(seed % (1 << 64)), proba, self.rows, shares)
        return shares

    @cached_property
    def isotonic_loss(self) -> float:
        """The mean log loss of the observed labels after isotonic recalibration."""
        # Pooled in place.
        return float(isotonic.pooled_entropy(self.ones.copy(), self.mass.copy()))

    def miscalibration(self, costs: tuple[Array, Array]) -> float:
        """The mean loss of the observed labels, with these losses of 0 and of 1, less that after recalibration."""
        loss = dot(self.zeros, costs[0]) + dot(self.ones, costs[1])
        # Recalibration never increases the loss: below 0 is rounding.
        return max(loss - self.isotonic_loss, 0.0)


def dot(a: Array, b: Array) -> float:
    """Σ a·b on one thread: of some 10,000 values those of BLAS wait for each other longer than they work."""
    return float(np.einsum("i,i", a, b))


def starts_of_runs(mass: Array, most: int) -> Array:
    """Where runs of places begin that hold about 2 / most of all mass each, or are single places that hold more."""
    below = np.cumsum(mass)
    steps = np.floor(below / mass.sum() * (most / 2))
    # Places without any mass are no run: those before the first mass belong to its run.
    steps[below == 0] = steps[np.argmax(below > 0)]
    return np.flatnonzero(np.diff(steps, prepend=-1.0))


def effective_rows(mass: Array, squares: Array) -> Array:
    """(Σw)² / Σw²: how many rows of equal weight have the variance of weighted ones; 0 where there are none.

    Kish (1965), Survey Sampling, section 11.7.
    """
    rows = np.divide(mass**2, squares, out=np.zeros(mass.shape), where=squares > 0)
    # Of rows of equal weight it is their number, but for the rounding of three sums.
    whole = np.rint(rows)
    return np.where(np.abs(rows - whole) <= ROUNDING_OF_ROWS * whole, whole, rows)


def whole_rows(rows: Array, random: np.random.Generator) -> Array:
    """Whole numbers next to effective numbers of rows, 0 or at least 1, with 1 / rows as the mean of their inverses:
    the mean label of so many rows varies as that of the weighted ones."""
    below = np.floor(rows)
    if np.array_equal(below, rows):
        return below.astype(np.int64)
    is_above = random.random(rows.shape) * rows < (below + 1) * (rows - below)
    return (below + is_above).astype(np.int64)


@dataclass(frozen=True)
class Points:
    """Scores as floats: of probabilities the smaller of P(1) and P(0), and whether it is P(0); of logits the logit."""

    values: Array
    is_far: Array | None

    def costs(self, label: int) -> Array:
        """Loss of a row of this label at each point, in nats."""
        out = np.empty(len(self.values))
        labels = np.full(len(self.values), label, np.uint8)
        if self.is_far is None:
            losses.surprisals(labels, self.values, None, self.values, out)
        else:
            losses.surprisals(labels ^ self.is_far, self.values, None, None, out)
        return out

    @property
    def logs(self) -> tuple[Array, Array]:
        """(log p, −log(1 − p)): their sum is the log-odds."""
        return -self.costs(1), self.costs(0)

    @property
    def smaller(self) -> Array:
        """The smaller of P(1) and P(0)."""
        if self.is_far is not None:
            return self.values
        # Of −|z|: e^z of a large logit is infinite.
        tail = np.exp(-np.abs(self.values))
        return tail / (1 + tail)

    @property
    def proba(self) -> Array:
        """P(1)."""
        is_far = self.values > 0 if self.is_far is None else self.is_far.astype(bool)
        return np.where(is_far, 1 - self.smaller, self.smaller)

    @property
    def entropy(self) -> Array:
        """Entropy of each point, in nats."""
        return entropies_of(self.smaller)

    @property
    def variance(self) -> Array:
        """Variance of the loss at each point, if the score is the true probability."""
        u, difference = self.smaller, self.costs(0) - self.costs(1)
        # p = 0 and p = 1 have no variance.
        inside = np.isfinite(difference)
        return np.where(inside, u * (1 - u) * np.where(inside, difference, 0) ** 2, 0.0)


def entropies_of(rates: Array) -> Array:
    """The entropy of each rate, in nats: `logloss.entropy` of floats in [0, 1], without its checks."""
    out = np.empty(len(rates))
    losses.entropies(np.ascontiguousarray(rates), out)
    return out


def score_table_of(scores: ScoreSummary) -> ScoreTable:
    """The table of a score summary."""
    keys, counts, places = _together(scores.counts, scores.masses, 4 if scores.is_binned else 2)
    if not scores.is_binned:
        points = of_keys(scores.scale, keys)
        return ScoreTable(scores.scale, True, counts, points, points, points, scores.masses, places, keys)
    rows, offsets = counts[:, :2].astype(np.float64), counts[:, 2:].astype(np.float64)
    if len(places):
        weight, of_weight = scores.masses.floats(0)
        within, of_within = scores.masses.floats(5)
        mass, offset = np.zeros(len(keys)), np.zeros(len(keys))
        mass[places], offset[places] = weight, np.ldexp(within, of_within - of_weight)
        scaled = np.ldexp(1.0, -of_weight)
        rows, offsets = rows * scaled + mass[:, None], offsets * scaled + offset[:, None]

    def mean(weight: Array, offset: Array) -> Array:
        # Offsets were rounded down: half a unit more is their mean.
        return (np.divide(offset, weight, out=np.zeros(len(keys)), where=weight > 0) + 0.5) / (1 << OFFSET_BITS)

    within = mean(rows[:, 0], offsets[:, 0]), mean(rows[:, 1], offsets[:, 1])
    of_zeros, of_ones = (of_bins(scores.scale, keys, each) for each in within)
    points = of_bins(scores.scale, keys, mean(rows.sum(axis=1), offsets.sum(axis=1)))
    return ScoreTable(
        scores.scale, False, counts[:, :2], points, of_zeros, of_ones, scores.masses, places, keys, within
    )


def score_table_of_group(
    counts: CountTable, masses: SumTable, scores: Array | None, scale: str, shift: int
) -> ScoreTable:
    """The table of one group, whose keys are numbers of scores, or (scores None) coarse bins."""
    numbers, rows, places = _together(counts, masses, 2)
    if scores is not None:
        keys = scores[numbers]
        points = of_keys(scale, keys)
    else:
        # The middle of the fine bin in the middle of the coarse one.
        keys = (numbers << shift) + (1 << (shift - 1))
        points = of_bins(scale, keys, np.full(len(keys), 0.5))
    return ScoreTable(scale, scores is not None, rows, points, points, points, masses, places, keys)


def _together(counts: CountTable, masses: SumTable, n_columns: int) -> tuple[Array, Array, Array]:
    """(All keys of both, counts at each, where the masses belong)."""
    if len(masses.keys) == 0:
        return counts.keys, counts.counts, np.zeros(0, np.int64)
    keys = np.union1d(counts.keys, masses.keys)
    rows = np.zeros((len(keys), n_columns), np.int64)
    rows[np.searchsorted(keys, counts.keys)] = counts.counts
    return keys, rows, np.searchsorted(keys, masses.keys)


def of_keys(scale: str, keys: Array) -> Points:
    """The scores that have these keys."""
    if scale == LOGIT:
        sizes = np.abs(keys).view(np.float64)
        return Points(np.where(keys < 0, -sizes, sizes), None)
    is_far = keys > BITS_OF_HALF
    return Points(np.where(is_far, KEY_OF_ONE - keys, keys).view(np.float64), is_far.astype(np.uint8))


def of_bins(scale: str, bins: Array, within: Array) -> Points:
    """The points at these places, in (0, 1), of bins."""
    if scale == LOGIT:
        # Log-odds below 16 in steps of 2^-11, beyond a bin for each power of two (onepass/kernels/score_keys.py).
        steps = bins - (score_keys.N_NEAR + score_keys.N_FAR)
        is_near = (steps >= -score_keys.N_NEAR) & (steps < score_keys.N_NEAR)
        beyond = np.where(steps < 0, -1 - steps, steps) - score_keys.N_NEAR
        sizes = np.where(beyond >= score_keys.N_FAR - 1, np.inf, np.ldexp(1 + within, np.minimum(beyond, 1019) + 4))
        return Points(np.where(is_near, (steps + within) / 2048, np.where(steps < 0, -sizes, sizes)), None)
    is_far = bins >= score_keys.N_SIDE
    place = np.where(is_far, score_keys.N_PROBA_BINS - 1 - bins, bins)
    fine = place - score_keys.N_COARSE + score_keys.FIRST_FINE
    of_fine = np.ldexp((fine & 2047) + within, -11) + 1
    near = np.ldexp(of_fine, (fine >> 11) - 1023)
    # The bin of the subnormals begins at 0.
    coarse = np.minimum(place, score_keys.N_COARSE)
    far = np.where(coarse == 1, np.ldexp(within, -1022), np.ldexp(1 + within, coarse - 1 - 1023))
    values = np.where(place >= score_keys.N_COARSE, near, np.where(place == 0, 0.0, far))
    # u = ½ is a bin of its own, whose rows all lie at its lower edge.
    values = np.where(place == score_keys.N_SIDE - 1, 0.5, values)
    return Points(values, is_far.astype(np.uint8))


def edges_of(scale: str, keys: Array, *, is_binned: bool) -> dict[str, Array]:
    """Between which scores, P(1) or logits, the rows of each key lie; equal where the score is known."""
    if len(keys) == 0:
        return {"lower": np.zeros(0), "upper": np.zeros(0)}
    if not is_binned:
        points = of_keys(scale, keys)
        values = points.values if points.is_far is None else points.proba
        return {"lower": values, "upper": values}
    ends = [of_bins(scale, keys, np.full(len(keys), within)) for within in (0.0, 1.0)]
    low, high = (end.values if end.is_far is None else end.proba for end in ends)
    return {"lower": np.minimum(low, high), "upper": np.maximum(low, high)}
