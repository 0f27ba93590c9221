"""Rows by group: the kernels against their twins, hashes against an implementation of their own."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import tables
from test_losses import counts_of, forecast_of

from logloss.data.columns import as_column
from logloss.data.keys import REST, Keys, sorting
from logloss.data.rows import Column
from logloss.data.values import typed
from logloss.onepass.kernels import by_group, exact, losses
from logloss.onepass.kernels.hashing import hash_rows, hash_texts, hashes_of, mix_hashes, mix_numbers
from logloss.onepass.summaries.group_keys import MOST_GROUPS, GroupNumbers

WORD = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
GOLDEN_HALF = GOLDEN >> 2


@given(st.lists(st.integers(0, 4), max_size=30))
def test_order_by_group_equals_its_twin(groups):
    starts, order = np.empty(6, np.int64), np.empty(len(groups), np.int32)
    by_group.order_by_group(np.array(groups, np.int32), starts, order)
    assert order.tolist() == reference.order_by_group(groups)
    assert starts.tolist() == [sum(g < k for g in groups) for k in range(6)]


def short_fraction(limbs) -> Fraction:
    return Fraction(sum(int(limb) << (32 * j) for j, limb in enumerate(limbs)), 1 << exact.SHORT_EXPONENT)


@settings(max_examples=100)
@given(tables(("hard", "hard logits", "pair", "counts"), min_rows=1))
def test_grouped_sums_equal_their_twin(table):
    """Exact; a cube is kept to 2^-105 of itself."""
    if table.y_logit is not None:
        # A loss of 1e300 does not fit short sums: its square has 2,000 bits. No probability above 0 costs 2^10.
        table = table.take(np.abs(np.where(np.isinf(table.y_logit), 0, table.y_logit)) < 2**100)
    groups = np.arange(table.n_rows, dtype=np.int32) % 3
    starts, order = np.empty(4, np.int64), np.empty(table.n_rows, np.int32)
    by_group.order_by_group(groups, starts, order)
    limbs, tallies = np.zeros((3, 4, exact.N_SHORT_LIMBS), np.int64), np.zeros((3, 3), np.int64)
    costs, probas = np.empty(table.n_rows), np.empty(table.n_rows)
    losses.surprisals(table.y_true, *forecast_of(table), costs)
    proba, _, logit = forecast_of(table)
    by_group.grouped_sums(table.y_true, costs, proba, logit, table.counts, (order, starts), limbs, tallies)
    losses.probabilities(*forecast_of(table), probas)
    expected = reference.grouped_sums(costs, probas, table.y_true, counts_of(table), groups)
    nothing = dict.fromkeys(("c", "cc", "ccc", "p", "rows", "ones", "infinite"), 0)
    for group in range(3):
        sums = expected.get(group, nothing)
        found = dict(zip(("c", "cc", "ccc", "p"), map(short_fraction, limbs[group]), strict=True))
        assert (found["c"], found["cc"], found["p"]) == (sums["c"], sums["cc"], sums["p"])
        assert abs(found["ccc"] - sums["ccc"]) <= sums["ccc"] * Fraction(2) ** -104
        assert tallies[group].tolist() == [sums["rows"], sums["ones"], sums["infinite"]]


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 9) | st.just(np.inf), st.integers(0, 2)), max_size=9))
def test_tally_losses_equals_its_twin(rows):
    labels, costs, groups = (np.array([row[k] for row in rows], kind) for k, kind in enumerate((np.uint8, float, int)))
    for counts in (None, np.arange(len(rows))):
        tallies = np.zeros((3, 3), np.int64)
        by_group.tally_losses(labels, costs, counts, groups, tallies)
        once = [1] * len(rows) if counts is None else counts.tolist()
        assert tallies.tolist() == reference.tally_losses(labels.tolist(), costs.tolist(), once, groups.tolist(), 3)


@given(st.lists(st.binary(max_size=9), max_size=6))
def test_hash_texts_equals_its_twin(texts):
    letters = np.frombuffer(b"".join(texts), np.uint8)
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64).astype(np.int64)
    first, second = np.empty(len(texts), np.int64), np.empty(len(texts), np.int64)
    hash_texts(letters, ends, first, second)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == reference.hash_texts(texts)


@settings(max_examples=100)
@given(tables(("hard", "hard logits", "pair", "counts", "weighted", "soft")), st.booleans())
def test_hash_rows_equals_its_twin(table, has_keys):
    one, zero, _ = forecast_of(table)
    keys = np.arange(table.n_rows) * -GOLDEN_HALF if has_keys else None
    found = np.zeros(2, np.uint64)
    with np.errstate(over="ignore"):
        hash_rows(table.y_true, one, zero, table.sample_weight, keys, table.counts, found)
    columns = [table.y_true, one, zero, table.sample_weight]
    lists = [[None] * table.n_rows if each is None else each.tolist() for each in columns]
    words = [None] * table.n_rows if keys is None else [k & WORD for k in keys.tolist()]
    rows = zip(zip(*lists, strict=True), words, counts_of(table), strict=True)
    assert tuple(found.tolist()) == reference.hash_rows(list(rows))


WORDS = st.integers(0, WORD)


@given(st.lists(st.tuples(st.floats(allow_nan=False), WORDS, WORDS, st.booleans()), min_size=1, max_size=9))
def test_mix_numbers_and_mix_hashes_equal_their_twins(rows):
    """With nothing that lacks and with some; of numbers, of hashes of each row, and of those of codes."""
    kinds = (np.float64, np.uint64, np.uint64, np.bool_)
    numbers, hashes, before, lacks = (np.array([row[k] for row in rows], kind) for k, kind in enumerate(kinds))
    codes = np.arange(len(rows), dtype=np.int32) // 2
    for missing in (None, lacks):
        with np.errstate(over="ignore"):
            totals = before.copy()
            mix_numbers(numbers, missing, totals)
            assert totals.tolist() == reference.mix_numbers(numbers, missing, before)
            totals = before.copy()
            mix_hashes(hashes, None, missing, totals)
            assert totals.tolist() == reference.mix_hashes(hashes, missing, before)
            totals = before.copy()
            mix_hashes(hashes, codes, missing, totals)
            assert totals.tolist() == reference.mix_hashes(hashes[codes], missing, before)


def mixed(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & WORD
    return x ^ (x >> 31)


def hash_of(*values) -> int:
    """The published hash, in Python's integers."""
    total = 0
    for value in values:
        if value is None:
            one = GOLDEN
        elif isinstance(value, bool):
            one = mixed((int(value) + 2 * GOLDEN) & WORD)
        elif isinstance(value, int | float) and float(value) == value:
            one = mixed((reference.bits_of(float(value)) & WORD) ^ (3 * GOLDEN & WORD))
        elif isinstance(value, int) and -(1 << 63) <= value < 1 << 64:
            of_sign = 6 * GOLDEN & WORD if value < 0 else 0
            one = mixed(abs(value) ^ of_sign ^ (4 * GOLDEN & WORD))
        else:
            [(a, b)] = reference.hash_texts([str(value).encode()])
            one = mixed((a << 31) ^ b ^ ((5 if isinstance(value, str) else 7) * GOLDEN & WORD))
        total = mixed((total * GOLDEN + one) & WORD)
    return total - (1 << 64) if total >> 63 else total


def text_column(*values) -> Column:
    words = tuple(dict.fromkeys(value for value in values if value is not None))
    codes = np.array([0 if value is None else words.index(value) for value in values], np.int32)
    return Column(codes, np.array([value is None for value in values]), words)


def test_hashes_are_the_published_ones():
    """They must never change: a summary of today merges with one of next year."""
    assert hashes_of([Column(np.array([1.0, 2.0]))]).tolist() == [hash_of(1), hash_of(2)]
    assert hashes_of([Column(np.array([1, -3]))]).tolist() == [hash_of(1), hash_of(-3)]
    assert hashes_of([Column(np.array([2**60 + 1, 2**60]))]).tolist() == [hash_of(2**60 + 1), hash_of(2**60)]
    assert hashes_of([Column(np.array([-(2**60) - 1]))]).tolist() == [hash_of(-(2**60) - 1)]
    longer = (2**70 + 1, 2**70, Decimal("0.1234567890123456789"))
    assert hashes_of([Column(np.arange(3), None, longer)]).tolist() == [hash_of(value) for value in longer]
    assert hashes_of([Column(np.array([True, False]))]).tolist() == [hash_of(True), hash_of(False)]
    assert hashes_of([text_column("a", "", "1", None)]).tolist() == [
        hash_of("a"),
        hash_of(""),
        hash_of("1"),
        hash_of(None),
    ]
    two = hashes_of([Column(np.array([2016, 2017])), text_column("Duke", "Yale")])
    assert two.tolist() == [hash_of(2016, "Duke"), hash_of(2017, "Yale")]
    # Pinned, lest both change together.
    assert (hash_of(1), hash_of("a"), hash_of(2016, "Duke")) == (
        6122182377171545755,
        252958930067722080,
        7448215242572606408,
    )


WHOLE = st.integers(-(2**70), 2**70) | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)])


@given(WHOLE)
def test_a_whole_number_has_one_hash_in_whatever_type(value):
    """Read from one file as int64 and from another as a decimal or a float, it is one cluster."""
    columns = [as_column(np.array([value, 2**80], object), "id"), as_column([Decimal(value)], "id")]
    columns += [
        Column(np.array([value], t)) for t in (np.int64, np.uint64) if np.iinfo(t).min <= value <= np.iinfo(t).max
    ]
    if float(value) == value:
        columns.append(Column(np.array([float(value)])))
    assert {int(hashes_of([column])[0]) for column in columns} == {hash_of(value)}


@given(st.lists(WHOLE | st.decimals(-1, 1, places=20).map(lambda d: d.normalize()), min_size=2, unique_by=typed))
def test_different_numbers_have_different_hashes(values):
    assert len(set(hashes_of([as_column(np.array(values, object), "id")]).tolist())) == len(values)


def test_a_million_keys_have_a_million_hashes():
    """64 bits: a collision has a chance of 3e-8."""
    assert len(np.unique(hashes_of([Column(np.arange(1_000_000))]))) == 1_000_000
    words = tuple(f"user-{k}" for k in range(100_000))
    assert len(np.unique(hashes_of([Column(np.arange(len(words), dtype=np.int32), None, words)]))) == len(words)


def named(keys: Keys, *columns: Column) -> list[tuple]:
    """The key of each row."""
    numbers = keys.numbers_of(columns)
    return [keys.names()[k] for k in numbers]


def test_keys_are_typed():
    """null, "", "1" and 1 are four; 1 and 1.0 are one; True is neither."""
    keys = Keys(1, 10)
    assert named(keys, text_column(None, "", "1")) == [(None,), ("",), ("1",)]
    assert named(keys, Column(np.array([1, 2]))) == [(1,), (2,)]
    assert named(keys, Column(np.array([1.0, 2.5, np.nan]))) == [(1,), (2.5,), (None,)]
    assert keys.n_known == 6
    assert named(keys, Column(np.array([True]))) == [(True,)]
    assert keys.n_known == 7
    assert [type(name[0]) for name in keys.names()].count(bool) == 1


def test_keys_of_several_columns_are_their_combinations():
    keys = Keys(2, 10)
    columns = (text_column("a", "b", "a", None), Column(np.array([1, 1, 2, 1])))
    assert named(keys, *columns) == [("a", 1), ("b", 1), ("a", 2), (None, 1)]
    assert keys.n_known == 4


def test_groups_that_are_not_listed_are_the_rest():
    keys = Keys(1, 2, [("b",), ("z",)])
    assert named(keys, text_column("a", "b", "c", "d")) == [REST, ("b",), REST, REST]


def test_too_many_groups_have_no_numbers():
    keys = Keys(1, 3)
    assert keys.numbers_of((Column(np.arange(3)),)) is not None
    assert keys.numbers_of((Column(np.arange(4)),)) is None


def test_values_that_no_row_has_are_no_groups():
    """A slice of a text column carries the words of the whole."""
    keys = Keys(1, 2)
    column = Column(np.array([5, 7], np.int32), None, tuple("abcdefgh"))
    assert keys.numbers_of((column,)).tolist() == [0, 1]
    assert keys.names() == [("f",), ("h",)]


@pytest.mark.parametrize("values", [[0.5, 1e300, -1e300, 0.5], [2**40, 5, 5, -(2**40)], [1e16, 1.0, 1e16, 2.0]])
def test_numbers_far_apart_are_told_apart(values):
    keys = Keys(1, 10)
    numbers = keys.numbers_of((Column(np.array(values)),))
    assert [keys.names()[k][0] for k in numbers] == values


EXTREME = [-(2**63), 2**63 - 1, 2**53 + 1, 0, 1, 5]
COLUMNS = st.one_of(
    st.lists(st.sampled_from(EXTREME), min_size=1, max_size=9).map(lambda values: np.array(values, np.int64)),
    st.lists(st.sampled_from([0, 1, 5, 2**64 - 1]), min_size=1, max_size=9).map(lambda v: np.array(v, np.uint64)),
    st.lists(st.sampled_from([0.0, -0.0, 0.5, 1.0, 5e-324, np.nan, np.inf]), min_size=1, max_size=9).map(np.array),
    st.lists(st.booleans(), min_size=1, max_size=9).map(np.array),
)


@given(st.lists(COLUMNS, min_size=1, max_size=5), st.booleans())
def test_groups_of_numbers_are_those_of_their_values(blocks, is_listed):
    """Block after block, of one type or of several, with numbers whose words are equal."""
    only = [(1,), (0.5,)] if is_listed else None
    groups = GroupNumbers(("g",), only)
    for values in blocks:
        numbers = groups.numbers_of(SimpleNamespace(by=(Column(values),)))
        keys = [typed(value) for value in values.tolist()]
        expected = [(key,) if only is None or (key in (1, 0.5) and key is not True) else REST for key in keys]
        assert [groups.names()[number] for number in numbers] == expected
    assert len(set(map(sorting, groups.names()))) == len(groups.names())


def test_too_many_groups_of_numbers_have_no_numbers():
    groups = GroupNumbers(("g",), None)
    most = np.arange(MOST_GROUPS)
    assert groups.numbers_of(SimpleNamespace(by=(Column(most),))).tolist() == most.tolist()
    assert groups.numbers_of(SimpleNamespace(by=(Column(most + 1),))) is None
    listed = GroupNumbers(("g",), [(7,)])
    numbers = listed.numbers_of(SimpleNamespace(by=(Column(np.arange(3 * MOST_GROUPS)),)))
    assert [listed.names()[number] for number in numbers[6:9]] == [REST, (7,), REST]


CODES = st.integers(0, 3)
# Whole numbers: their sums are exact in any order.
NUMBERS = st.integers(-9, 9).map(float)


@pytest.mark.parametrize("width", [0, 1, 3])
@given(st.lists(st.tuples(CODES, NUMBERS, NUMBERS), max_size=12))
def test_segment_sums_equal_their_twin(width, rows):
    codes = np.array([row[0] for row in rows], np.int32)
    weights = np.array([row[1] for row in rows], np.float64)
    numbers = np.array([[row[2] + j for j in range(width)] for row in rows], np.float64).reshape(len(rows), width)
    out = np.zeros((4, width))
    by_group.segment_sums(codes, weights, numbers, out)
    assert out.tolist() == reference.segment_sums(codes.tolist(), weights.tolist(), numbers.tolist(), out.shape)


@pytest.mark.parametrize("width", [0, 1, 3])
@given(st.lists(st.tuples(CODES, NUMBERS, NUMBERS), max_size=12))
def test_product_sums_equal_their_twin(width, rows):
    codes = np.array([row[0] for row in rows], np.int32)
    weights = np.array([row[1] for row in rows], np.float64)
    numbers = np.array([[row[2] + j for j in range(width)] for row in rows], np.float64).reshape(len(rows), width)
    out = np.zeros((4, width * (width + 1) // 2))
    by_group.product_sums(codes, weights, numbers, out)
    assert out.tolist() == reference.product_sums(codes.tolist(), weights.tolist(), numbers.tolist(), out.shape)


@given(st.lists(st.tuples(CODES, NUMBERS, NUMBERS, NUMBERS), max_size=12))
def test_level_sums_equal_their_twin(rows):
    codes = np.array([row[0] for row in rows], np.int32)
    residuals, curvatures, terms = (np.array([row[j] for row in rows], np.float64) for j in (1, 2, 3))
    out = np.zeros((4, 4))
    by_group.level_sums(codes, residuals, curvatures, terms, out)
    columns = [each.tolist() for each in (codes, residuals, curvatures, terms)]
    assert out.tolist() == reference.level_sums(*columns, 4)


@pytest.mark.parametrize("width", [0, 1, 3])
@given(st.lists(CODES, max_size=12))
def test_values_of_levels_are_added_to_their_rows(width, codes):
    values = np.arange(4 * width, dtype=float).reshape(4, width)
    out = np.full((len(codes), width), 0.5)
    by_group.add_levels(np.array(codes, np.int32), values, out)
    assert out.tolist() == reference.add_levels(codes, values.tolist(), [[0.5] * width] * len(codes))


@given(st.lists(st.tuples(CODES, CODES, NUMBERS), max_size=12))
def test_cross_tab_equals_its_twin(rows):
    first, second = (np.array([row[j] for row in rows], np.int32) for j in (0, 1))
    weights = np.array([row[2] for row in rows], np.float64)
    out = np.zeros((4, 4))
    by_group.cross_tab(first, second, weights, out)
    assert out.tolist() == reference.cross_tab(first.tolist(), second.tolist(), weights.tolist(), out.shape)
