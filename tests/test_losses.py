"""Each compiled kernel against its twin in plain Python."""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import Forecast, ulps_apart
from strategies import Table, random_table, tables

from logloss.inference.moments import AllSums
from logloss.inference.score_table import spread_of
from logloss.onepass import summaries
from logloss.onepass.kernels import by_group, exact, hashing, isotonic, paired_losses, score_keys
from logloss.onepass.kernels import losses as kernels
from logloss.onepass.summaries import loss as of_loss
from logloss.onepass.summaries import tables as keyed

SEED = 5
N_LIMBS = exact.N_LIMBS


def functions_of(module) -> list[ast.FunctionDef]:
    return [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.FunctionDef)]


def compiled_names() -> set[str]:
    """Functions decorated @compiled, read from the source: so also where nothing is compiled."""
    return {
        function.name
        for module in (exact, kernels, paired_losses, score_keys, isotonic, by_group, hashing, keyed)
        for function in functions_of(module)
        if any(ast.unparse(decorator) == "compiled" for decorator in function.decorator_list)
    }


def test_every_kernel_has_a_twin_and_every_twin_a_kernel():
    """What else stands in reference.py are parts of twins: they are named here, so that none is forgotten."""
    parts_of_twins = {
        *("ulps_apart", "to_53_bits", "of_one", "of_zero", "of_logit", "costs", "mixed", "at", "tally", "general_row"),
        *("is_plain", "brier_of", "bits_of", "gap_of", "range_of", "word_of", "split_mix"),
    }
    twins = {function.name for function in functions_of(reference)} - parts_of_twins
    assert sorted(twins) == sorted(compiled_names())


def test_every_twin_is_compared_with_its_kernel():
    """By name, in the tests of sums, of kernels, of places, tables, groups and pools."""
    files = [
        f"test_{name}.py"
        for name in ("exact", "losses", "paired_losses", "score_keys", "tables", "by_group", "isotonic")
    ]
    here = "".join(path.read_text(encoding="utf-8") for path in map(_path, files))
    assert [name for name in sorted(compiled_names()) if f"reference.{name}(" not in here] == []


def _path(name: str):
    from pathlib import Path

    return Path(__file__).parent / name


# Row values. The library logarithm is within 1 ULP, and so is ours: two floats that far from one number differ by at most
# one step, rarely two where the number lies near a power of 2. The tail of a logit passes exp, too: 3 steps.
STEPS, STEPS_OF_LOGITS = 1, 3


def forecast_of(table: Table):
    """(p, q, z) as the kernels take them."""
    if table.y_logit is not None:
        return table.y_logit, None, table.y_logit
    return table.y_proba, table.y_proba_of_zero, None


def steps(table: Table) -> int:
    return STEPS if table.y_logit is None else STEPS_OF_LOGITS


PLAIN_KINDS = ("hard", "hard logits", "pair")


@given(tables(PLAIN_KINDS))
def test_surprisals_equal_their_twin(table):
    out = np.empty(table.n_rows)
    kernels.surprisals(table.y_true, *forecast_of(table), out)
    expected = reference.surprisals(table.y_true, *forecast_of(table))
    assert all(ulps_apart(a, b) <= steps(table) for a, b in zip(out.tolist(), expected, strict=True))


@given(tables(("soft",)), st.booleans())
def test_soft_surprisals_equal_their_twin(table, is_hard):
    """Two rows of 1 ULP each, a rounded product of each, a sum: 3 ULP here, 3 there."""
    out = np.empty(table.n_rows)
    y = np.round(table.y_true) if is_hard else table.y_true
    kernels.soft_surprisals(y, *forecast_of(table), out)
    expected = reference.soft_surprisals(y, *forecast_of(table))
    assert all(ulps_apart(a, b) <= 6 for a, b in zip(out.tolist(), expected, strict=True))


@given(st.lists(st.floats(0, 1), max_size=20))
def test_entropies_equal_their_twin(q):
    out = np.empty(len(q))
    kernels.entropies(np.array(q), out)
    assert all(ulps_apart(a, b) <= 6 for a, b in zip(out.tolist(), reference.entropies(q), strict=True))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=8))
def test_divergences_equal_their_twin(pairs):
    """16 units of 2^-53 of the value (test_pointwise.py says why), at least one unit of the last place."""
    q, p = np.array(pairs).reshape(-1, 2).T.copy()
    out = np.empty(len(q))
    kernels.divergences(q, p, out)
    for a, b in zip(out.tolist(), reference.divergences(q, p), strict=True):
        assert a == b or abs(a - b) <= max(16 * 2.0**-53 * b, 5e-324)


def parts_of(table: Table) -> list[Forecast]:
    """What `forecast_parts` finds, a row each."""
    found = []
    p, q, z = forecast_of(table)
    for start in range(0, table.n_rows, kernels.SLICE):
        stop = min(start + kernels.SLICE, table.n_rows)
        parts = np.empty(kernels.N_PARTS * kernels.STRIDE)
        pieces = [None if column is None else column[start:stop] for column in (p, q, z)]
        kernels.forecast_parts(*pieces, parts)
        columns = [
            parts[k * kernels.STRIDE : k * kernels.STRIDE + stop - start].tolist() for k in range(kernels.N_PARTS)
        ]
        found += [Forecast(*row) for row in zip(*columns, strict=True)]
    return found


@given(tables(PLAIN_KINDS))
def test_forecast_parts_equal_their_twin(table):
    """Costs to 1 ULP (3 from logits); a probability from a logit passes exp, a sum and a quotient: 3 ULP; entropy is made
    of two costs and two probabilities: 8 ULP; the variance of a squared difference of costs, which may cancel."""
    for actual, expected in zip(parts_of(table), reference.forecast_parts(*forecast_of(table)), strict=True):
        assert ulps_apart(actual.if_one, expected.if_one) <= steps(table)
        assert ulps_apart(actual.if_zero, expected.if_zero) <= steps(table)
        assert ulps_apart(actual.proba, expected.proba) <= (0 if table.y_logit is None else 3)
        assert ulps_apart(actual.entropy, expected.entropy) <= 8
        largest = max([1.0, *(cost for cost in expected[:2] if np.isfinite(cost))])
        if largest < 1e100 and np.isfinite(expected.variance):
            # The order of the factors matters where the first product is subnormal: half a unit of it, times the rest.
            slack = 2.0**-48 * min(1.0, 2 * expected.proba) + 5e-324
            assert abs(actual.variance - expected.variance) <= slack * largest**2


# Sums.


def fraction_of(limbs) -> Fraction:
    return Fraction(exact.as_integer(limbs), 1 << exact.UNIT_EXPONENT)


def ones(table: Table) -> np.ndarray:
    return np.ones(table.n_rows)


def counts_of(table: Table) -> list[int]:
    return [1] * table.n_rows if table.counts is None else table.counts.tolist()


def new_tally() -> np.ndarray:
    return np.array([0, 0, 0, -1], dtype=np.int64)


# Cubes enter as pairs of floats, which are right to 2^-105 of themselves (see `kernels.times`); all else is exact.
CUBES = {"www", "cww", "ccw", "ccc"}


def assert_sums(actual: dict[str, Fraction], expected: dict[str, Fraction]) -> None:
    """Equal as fractions; cubes to 2^-104."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        slack = value * Fraction(2) ** -104 if name in CUBES else 0
        assert abs(actual[name] - value) <= slack, name


def general_found(limbs) -> dict[str, Fraction]:
    found = {}
    for name, places in zip(of_loss.SUMS, of_loss.GENERAL_LIMBS, strict=True):
        found[name] = sum((fraction_of(limbs[k]) for k in places), Fraction(0))
    return found


@given(tables(("hard", "hard logits", "pair", "counts")))
def test_hard_sums_equal_their_twin(table):
    if table.counts is not None:
        # As blocks have them: a row that stands no times takes no part.
        table = replace(table, counts=np.maximum(table.counts, 1))
    limbs, tally = exact.new_limbs(12), new_tally()
    kernels.hard_sums(table.y_true, *forecast_of(table), table.counts, limbs, tally)
    expected, expected_tally = reference.hard_sums(table.y_true.tolist(), parts_of(table), counts_of(table))
    found = {
        name: sum((fraction_of(limbs[k]) for k in of_loss.HARD_LIMBS[name]), Fraction(0))
        for name in ("c", "cc", "ccc", "ca", "b", "bb", "p", "h", "v")
    }
    assert tally.tolist() == expected_tally
    assert found.keys() == expected.keys()
    # Squares of a Brier score below 2^-500 fall out of the floats; nothing that is reported can see them.
    for name, value in found.items():
        slack = expected[name] * Fraction(2) ** -104 if name in CUBES else 0
        slack = sum(counts_of(table)) * Fraction(2) ** -1000 if name == "bb" else slack
        assert abs(value - expected[name]) <= slack, name


def taking_part(table: Table) -> Table:
    """With a weight and a count above 0 in each row, as blocks have them."""
    weight = None if table.sample_weight is None else np.where(table.sample_weight == 0, 1.0, table.sample_weight)
    counts = None if table.counts is None else np.maximum(table.counts, 1)
    label = table.y_true.astype(np.float64)
    return Table(label, table.y_proba, table.y_proba_of_zero, table.y_logit, weight, counts)


GENERAL_KINDS = ("weighted", "soft", "soft weighted", "soft counts")


@given(tables(GENERAL_KINDS))
def test_general_sums_equal_their_twin(table):
    table = taking_part(table)
    limbs, tally = exact.new_limbs(of_loss.N_GENERAL_LIMBS), new_tally()
    weight = ones(table) if table.sample_weight is None else table.sample_weight
    kernels.general_sums(table.y_true, *forecast_of(table), table.sample_weight, table.counts, limbs, tally)
    rows = (table.y_true.tolist(), parts_of(table), weight.tolist(), counts_of(table))
    expected, expected_tally = reference.general_sums(*rows)
    assert tally.tolist() == expected_tally
    assert_sums(general_found(limbs), expected)


@given(tables(("weighted", "soft weighted"), min_rows=1))
def test_special_rows_equal_their_twin(table):
    """Only rows that floats cannot cube: the others are left to the loop without branches."""
    table = taking_part(table)
    n_rows = table.n_rows
    parts = np.empty(kernels.N_PARTS * kernels.STRIDE)
    kernels.forecast_parts(*forecast_of(table), parts)
    limbs, tally = exact.new_limbs(of_loss.N_GENERAL_LIMBS), new_tally()
    spare = np.empty(kernels.N_GENERAL * kernels.STRIDE)
    kernels.special_rows(table.y_true, table.sample_weight, None, 0, n_rows, parts, spare, limbs, tally)
    expected = reference.special_rows(table.y_true, parts_of(table), table.sample_weight, [1] * n_rows)
    assert_sums(general_found(limbs), expected)


@given(st.floats(5e-324, 1.7e308), st.integers(1, 2**53))
def test_deposit_powers_equal_their_twin(loss, count):
    limbs = exact.new_limbs(5)
    kernels.deposit_powers(loss, count, limbs)
    square, cube = reference.deposit_powers(loss, count)
    assert fraction_of(limbs[1]) + fraction_of(limbs[2]) == square
    assert abs(fraction_of(limbs[3]) + fraction_of(limbs[4]) - cube) <= cube * Fraction(2) ** -104


@given(tables(PLAIN_KINDS))
def test_losses_summed_equal_their_twin(table):
    losses = np.empty(table.n_rows)
    kernels.surprisals(table.y_true, *forecast_of(table), losses)
    limbs = exact.new_limbs(1)
    n_infinite = kernels.losses_summed(table.y_true, *forecast_of(table), limbs)
    assert (fraction_of(limbs[0]), n_infinite) == reference.losses_summed(losses.tolist())


@given(st.lists(st.floats(0, allow_nan=False) | st.just(np.inf), max_size=20))
def test_set_infinite_to_zero_equals_its_twin(values):
    column = np.array(values)
    n_infinite = kernels.set_infinite_to_zero(column)
    assert (column.tolist(), n_infinite) == reference.set_infinite_to_zero(values)


@pytest.mark.parametrize("kind", ["hard", "hard logits", "soft", "weighted", "soft weighted"])
def test_rows_that_fill_slices_equal_the_twins(kind):
    """1,100 rows: two full slices and a rest."""
    table = random_table(SEED, 2 * kernels.SLICE + 76, kind)
    limbs, tally = exact.new_limbs(of_loss.N_GENERAL_LIMBS), new_tally()
    weight = ones(table) if table.sample_weight is None else table.sample_weight
    y = table.y_true.astype(np.float64)
    kernels.general_sums(y, *forecast_of(table), table.sample_weight, None, limbs, tally)
    rows = (y.tolist(), parts_of(table), weight.tolist(), counts_of(table))
    expected, expected_tally = reference.general_sums(*rows)
    assert tally.tolist() == expected_tally
    assert_sums(general_found(limbs), expected)


@given(tables(("hard", "hard logits", "pair", "counts")))
def test_row_sums_equal_their_twin(table):
    """And the costliest rows: the costliest first, of equal ones the first."""
    limbs, tally = exact.new_limbs(3), new_tally()
    costs, places = np.full(4, -1.0), np.full(4, -1)
    kernels.row_sums(table.y_true, *forecast_of(table), table.counts, limbs, tally, costs, places)
    losses = np.empty(table.n_rows)
    kernels.surprisals(table.y_true, *forecast_of(table), losses)
    probas = [parts.proba for parts in parts_of(table)]
    expected, expected_tally = reference.row_sums(losses, probas, table.y_true.tolist(), counts_of(table))
    assert [fraction_of(limb) for limb in limbs] == expected
    assert tally[:3].tolist() == expected_tally
    kept = reference.keep_costliest(losses, -1.0, 4)
    assert places[places >= 0].tolist() == kept
    assert costs[: len(kept)].tolist() == losses[kept].tolist()


def test_row_sums_over_several_slices_equal_their_twin():
    table = random_table(SEED, 2 * kernels.SLICE + 76)
    limbs, tally, costs, places = exact.new_limbs(3), new_tally(), np.full(20, -1.0), np.full(20, -1)
    kernels.row_sums(table.y_true, *forecast_of(table), None, limbs, tally, costs, places)
    losses = np.empty(table.n_rows)
    kernels.surprisals(table.y_true, *forecast_of(table), losses)
    expected, expected_tally = reference.row_sums(losses, table.y_proba, table.y_true.tolist(), counts_of(table))
    assert [fraction_of(limb) for limb in limbs] == expected
    assert tally[:3].tolist() == expected_tally
    assert places.tolist() == reference.keep_costliest(losses, -1.0, 20)


@given(st.lists(st.floats(0, 9) | st.sampled_from([0.0, 1.0, 2.0, np.inf]), max_size=30), st.floats(0, 2))
def test_keep_costliest_equals_its_twin(losses, least):
    costs, places = np.full(5, -1.0), np.full(5, -1)
    n_kept, _ = kernels.keep_costliest(np.array(losses), 0, least, 0, costs, places)
    assert places[:n_kept].tolist() == reference.keep_costliest(losses, least, 5)


@given(tables(("hard", "hard logits", "counts")))
def test_counted_rows_and_weights_of_one_make_the_same_sums(table):
    """What the table of scores says of hard labels is what the general kernel sums of the same rows at weight 1."""
    weighted = Table(table.y_true, table.y_proba, None, table.y_logit, np.ones(table.n_rows), table.counts)
    fast, general = summaries.LossSummary.of(table.block()), summaries.LossSummary.of(weighted.block())
    if fast.n_rows == 0:
        return
    counted, weighed = (AllSums(each, spread_of(each.scores)) for each in (fast, general))
    for name in of_loss.SUMS:
        difference = abs(counted.sum(name) - weighed.sum(name))
        slack = weighed.sum(name) >> 104 if name in CUBES else 0
        # A variance is a product of four factors, in an order that depends on the side of ½; p beyond ½ is 1 − u rounded.
        if name in ("v", "h", "bb", "bw"):
            slack = (weighed.sum(name) >> 48) + (fast.n_rows << (exact.UNIT_EXPONENT - 1000))
        assert difference <= slack, name


# Passes of a fit, pools of a recalibration.


@given(tables(("hard logits", "soft"), min_rows=1), st.booleans(), st.booleans())
def test_logistic_rows_equal_their_twin(table, has_weights, has_counts):
    """Residuals are differences of one rounding each, (1−y)·σ(z) and y·σ(−z) being at most 1: 2^-50 of the mass."""
    rng = np.random.default_rng(SEED)
    n_rows = table.n_rows
    z = rng.normal(0, 10, n_rows) if table.y_logit is None else np.clip(table.y_logit, -700.0, 700.0)
    w = rng.gamma(1, 1, n_rows) if has_weights else None
    n = rng.integers(1, 9, n_rows) if has_counts else None
    residuals, curvatures, limbs = np.empty(n_rows), np.empty(n_rows), exact.new_limbs(1)
    kernels.logistic_rows(table.y_true, z, w, n, residuals, curvatures, limbs)
    losses, expected_residuals, expected_curvatures = reference.logistic_rows(table.y_true, z, w, n)
    mass = (np.ones(n_rows) if w is None else w) * (1 if n is None else n)
    assert np.all(np.abs(residuals - expected_residuals) <= 2.0**-50 * mass)
    # Curvatures and losses are products and sums of positive numbers: 8 ULP.
    assert all(ulps_apart(a, b) <= 8 for a, b in zip(curvatures.tolist(), expected_curvatures, strict=True))
    total = reference.deposit(losses)
    assert abs(fraction_of(limbs[0]) - total) <= total * Fraction(2) ** -50 + Fraction(2) ** -1060


@pytest.mark.parametrize(("y", "z", "residual"), [(1, 40.0, -4.248354255291589e-18), (0, 20.0, 1.0), (1, -50.0, -1.0)])
def test_gradients_of_single_rows_do_not_cancel(y, z, residual):
    """PyTorch gives 0.0 for the first (σ(z) − y cancels), Keras 0.0 for the second (clipped), and −1.9e-10 for the third
    through its BCELoss (pytorch#103316)."""
    residuals, curvatures = np.empty(1), np.empty(1)
    kernels.logistic_rows(np.array([y], np.uint8), np.array([z]), None, None, residuals, curvatures, exact.new_limbs(1))
    # exp, a sum, a quotient: 3 ULP; σ(20) itself is 2e-9 short of 1.
    assert abs(residuals[0] - residual) <= (3 * 2.0**-52 if y else 2.1e-9) * abs(residual)
