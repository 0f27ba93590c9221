"""Where scores are placed: keys and bins against their definitions; they grow with the score and lose nothing."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import LOGITS, PROBABILITIES, tables
from test_losses import counts_of, forecast_of

from logloss.inference.score_table import of_bins, of_keys
from logloss.onepass.kernels import score_keys
from logloss.onepass.summaries.tables import Numbering

SEED = 3
HARD = ("hard", "hard logits", "pair", "counts")


def proba_keys(p, q=None) -> np.ndarray:
    keys = np.empty(len(p), np.int64)
    score_keys.keys_of_proba(np.asarray(p), q, keys)
    return keys


def logit_keys(z) -> np.ndarray:
    keys = np.empty(len(z), np.int64)
    score_keys.keys_of_logit(np.asarray(z), keys)
    return keys


def bins_of(keys, place=score_keys.bins_of_proba_keys):
    bins, offsets = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    place(keys, bins, offsets)
    return bins, offsets


def all_probabilities(n_rows: int) -> np.ndarray:
    """Every power of two, both sides of ½, and the ends."""
    rng = np.random.default_rng(SEED)
    u = np.concatenate([2.0 ** rng.uniform(-1074, -1, n_rows), 2.0 ** rng.uniform(-34, -1, n_rows)])
    ends = [0.0, 5e-324, 2.0**-1022, 2.0**-33, 2.0**-32, np.nextafter(0.5, 0), 0.5, np.nextafter(0.5, 1), 1.0]
    return np.concatenate([u, 1 - 2.0 ** rng.uniform(-53, -1, n_rows), ends, PROBABILITIES])


def all_logits(n_rows: int) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    far = rng.choice([-1, 1], n_rows) * 2.0 ** rng.uniform(-1070, 1023.9, n_rows)
    ends = [16.0, -16.0, np.nextafter(16, 0), -np.nextafter(16, 0), -0.0, 0.0, 2.0**-11, -(2.0**-11)]
    return np.concatenate([rng.normal(0, 8, n_rows), far, ends, LOGITS])


@given(tables(("hard", "pair")))
def test_keys_of_proba_equal_their_twin(table):
    keys = proba_keys(table.y_proba, table.y_proba_of_zero)
    assert keys.tolist() == reference.keys_of_proba(table.y_proba, table.y_proba_of_zero)


@given(tables(("hard logits",)))
def test_keys_of_logit_equal_their_twin(table):
    assert logit_keys(table.y_logit).tolist() == reference.keys_of_logit(table.y_logit)


def test_bins_of_probabilities_equal_their_twin_on_every_power_of_two():
    keys = proba_keys(all_probabilities(300))
    bins, offsets = bins_of(keys)
    assert (bins.tolist(), offsets.tolist()) == reference.bins_of_proba_keys(keys)


def test_bins_of_logits_equal_their_twin_on_every_power_of_two():
    keys = logit_keys(all_logits(300))
    bins, offsets = bins_of(keys, score_keys.bins_of_logit_keys)
    assert (bins.tolist(), offsets.tolist()) == reference.bins_of_logit_keys(keys)


@pytest.mark.parametrize(
    ("values", "keys_of", "place", "n_bins"),
    [
        (all_probabilities(20_000), proba_keys, score_keys.bins_of_proba_keys, score_keys.N_PROBA_BINS),
        (all_logits(20_000), logit_keys, score_keys.bins_of_logit_keys, score_keys.N_LOGIT_BINS),
    ],
    ids=["probabilities", "logits"],
)
def test_keys_and_bins_grow_with_the_score(values, keys_of, place, n_bins):
    """And keys of different scores differ, of equal ones do not: −0.0 is 0."""
    values = np.sort(values)
    keys = keys_of(values)
    assert ((keys[1:] > keys[:-1]) == (values[1:] > values[:-1])).all()
    assert (keys[1:] >= keys[:-1]).all()
    bins, offsets = bins_of(keys, place)
    assert (np.diff(bins) >= 0).all()
    assert bins.min() >= 0
    assert bins.max() < n_bins
    assert ((offsets >= 0) & (offsets <= score_keys.OFFSET_MASK)).all()


def test_scores_closer_than_any_tolerance_have_keys_of_their_own():
    """scikit-learn#10903 merged scores closer than 1e-6, and still does below 1e-15."""
    for near in ([1e-17, 1e-16], np.float32([1e-8, 5e-7]), [0.1, np.nextafter(0.1, 1)], [1 - 2.0**-53, 1.0]):
        low, high = proba_keys(np.asarray(near))
        assert low < high


def test_float32_is_widened_before_it_is_placed():
    p = np.random.default_rng(SEED).random(1_000, dtype=np.float32)
    assert (proba_keys(p) == proba_keys(p.astype(np.float64))).all()


def test_a_key_gives_its_score_back():
    p, z = all_probabilities(5_000), all_logits(5_000)
    points = of_keys("proba", proba_keys(p))
    smaller = np.where(points.is_far == 1, 1 - p, p)
    assert (points.values == smaller).all()
    assert (of_keys("logit", logit_keys(z)).values == z).all()


def test_a_bin_holds_the_scores_that_are_placed_in_it():
    """The place in the bin gives the score back to half of 2^-16 of the bin's width."""
    p, z = all_probabilities(20_000), all_logits(20_000)
    p = p[(p == 0) | (p > 1e-300)]
    keys = proba_keys(p)
    bins, offsets = bins_of(keys)
    found, expected = of_bins("proba", bins, (offsets + 0.5) / 65536), of_keys("proba", keys)
    assert (found.is_far == expected.is_far).all()
    # A coarse bin is as wide as its lower edge: 2^-17 of it.
    assert (np.abs(found.values - expected.values) <= 2.0**-17 * expected.values).all()
    z = z[np.isfinite(z)]
    bins, offsets = bins_of(logit_keys(z), score_keys.bins_of_logit_keys)
    found = of_bins("logit", bins, (offsets + 0.5) / 65536)
    assert (np.abs(found.values - z) <= np.maximum(2.0**-28, 2.0**-17 * np.abs(z) * (np.abs(z) >= 16))).all()


@given(tables(HARD, min_rows=1))
def test_tallies_equal_their_twins(table):
    p, q, z = forecast_of(table)
    keys = logit_keys(z) if z is not None else proba_keys(p, q)
    place, n_bins = (score_keys.bins_of_logit_keys, score_keys.N_LOGIT_BINS), score_keys.N_PROBA_BINS
    place, n_bins = place if z is not None else (score_keys.bins_of_proba_keys, n_bins)
    bins, offsets = bins_of(keys, place)
    y, n = table.y_true, counts_of(table)
    first = int(bins.min()) & ~1
    for tally in ("bins", "forecasts", "forecasts and bins"):
        packed = np.zeros(2 * n_bins, np.int64)
        if tally == "bins":
            score_keys.tally_bins(y, bins, offsets, packed)
            expected = reference.tally_bins(y, bins, offsets)
        else:
            own = np.empty(len(y), np.int32) if tally == "forecasts and bins" else None
            score_keys.tally_forecasts(y, p, q, z, packed, own)
            assert own is None or own.tolist() == bins.tolist()
            expected = reference.tally_forecasts(y, p, q, z)
        assert reference.unpack(packed[2 * first : 2 * first + 2])[0] == expected.get(first, [0, 0, 0, 0])
        counts = np.zeros((n_bins, 4), np.int64)
        score_keys.unpack(packed, counts)
        assert {int(k): counts[k].tolist() for k in np.flatnonzero(counts.any(axis=1))} == expected
        assert not packed.any()
    numbers = np.array(reference.number_keys(keys), np.int32)
    times = None if table.counts is None else table.counts
    rows, sums = np.zeros((len(n), 2), np.int64), np.zeros((len(n), 2), np.int64)
    score_keys.tally_slots(y, numbers, times, rows)
    score_keys.tally_offsets(y, numbers, offsets, np.array(n), sums)
    expected_rows, expected_sums = reference.tally_slots(y, numbers, n), reference.tally_offsets(y, numbers, offsets, n)
    assert all(rows[slot, label] == count for (slot, label), count in expected_rows.items())
    assert all(sums[slot, label] == total for (slot, label), total in expected_sums.items())
    assert (rows.sum(), sums.sum()) == (sum(expected_rows.values()), sum(expected_sums.values()))
    groups = np.arange(len(n)) % 3
    cells = np.zeros((3 * 300_000, 2), np.int32)
    score_keys.tally_cells(y, bins, groups, 4, 300_000, cells.reshape(-1))
    expected_cells = reference.tally_cells(y, bins, groups, 4, 300_000)
    assert all(cells[slot, label] == count for (slot, label), count in expected_cells.items())
    assert cells.sum() == sum(expected_cells.values())


@settings(max_examples=50)
@given(st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 9) | st.integers(0, 9).map(lambda k: k << 40)))
def test_number_keys_equals_its_twin(keys):
    found, done = Numbering(1 << 20).numbers_of(np.array(keys, np.int64))
    assert (found.tolist(), done) == (reference.number_keys(keys), len(keys))
    known, numbers = np.full(8, score_keys.NO_KEY), np.zeros(8, np.int32)
    found = np.empty(len(keys), np.int32)
    done, n_known = score_keys.number_keys(np.array(keys, np.int64), known, numbers, found, 0, 3)
    assert found[:done].tolist() == reference.number_keys(keys)[:done]
    assert n_known <= 3
    assert done == len(keys) or reference.number_keys(keys)[done] == 3


@settings(max_examples=50)
@given(st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 9), max_size=40), st.integers(0, 20))
def test_find_places_equals_its_twin(keys, limit):
    known = np.full(32, score_keys.NO_KEY)
    places, missed = np.empty(len(keys), np.int64), np.empty(len(keys) + 1, np.int64)
    starts = [int(score_keys.place_of(np.int64(key))) % 32 for key in keys]
    table = known.tolist()
    expected, n_expected = reference.find_places(keys, starts, table, score_keys.NO_KEY, 0, min(limit, 16))
    done, n_known = score_keys.find_places(np.array(keys, np.int64), known, None, 0, limit, places, missed)
    assert (places[:done].tolist(), n_known, known.tolist()) == (expected, n_expected, table)


@settings(max_examples=50)
@given(st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 9)))
def test_least_distinct_is_never_more_than_there_are(keys):
    found = score_keys.least_distinct(np.array(keys, np.int64), np.zeros(64, np.int64))
    assert found <= reference.least_distinct(keys)
    assert found >= min(1, len(keys))


def test_continuous_scores_are_seen_to_be_too_many():
    """A block of 2^17 different scores takes more than 2^16 of 2^20 bits: 123,000 on average, give or take 100."""
    keys = proba_keys(np.random.default_rng(SEED).random(1 << 17))
    assert score_keys.least_distinct(keys, np.zeros(1 << 14, np.int64)) > 120_000


def test_numbers_do_not_depend_on_how_keys_are_handed_in():
    keys = np.random.default_rng(SEED).integers(0, 500, 20_000) << 12
    whole = Numbering(1 << 16)
    expected, _ = whole.numbers_of(keys)
    pieces = Numbering(1 << 16)
    found = np.concatenate([pieces.numbers_of(piece)[0] for piece in np.array_split(keys, 17)])
    assert (found == expected).all()
    assert (pieces.keys() == whole.keys()).all()
