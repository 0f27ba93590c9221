"""Log loss, surprisal, entropy and divergence of arrays: exact means, known answers, and where other libraries differ."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import ulps_apart
from sklearn import metrics
from statsmodels.stats.weightstats import DescrStatsW
from strategies import random_table, tables

import logloss
from logloss import DataError, cross_entropy, entropy, kl_divergence, log_loss, surprisal

LN2 = math.log(2)
SEED = 3


@pytest.fixture
def rng():
    return np.random.default_rng(SEED)


# The trap table: inputs on which log losses go wrong, with the right answer.


def test_a_certain_wrong_prediction_costs_infinity():
    """scikit-learn clips: 18.02 (scikit-learn#17399, #20354, #28851); PyTorch 100, Keras 16.118."""
    assert log_loss([1, 1], [0, 1]) == math.inf
    assert log_loss([1, 0, 0, 0], [1, 1, 0, 0]) == math.inf
    assert log_loss([1, 1, 1], [0.0, 0.0, 0.0]) == math.inf
    assert log_loss([0, 0, 1, 1, 1], [1, 1, 1, 1, 0]) == math.inf
    assert surprisal([1, 0, 0, 0], [1, 1, 0, 0]).tolist() == [0.0, math.inf, 0.0, 0.0]


def test_a_perfect_forecast_costs_plus_zero():
    assert str(log_loss([1, 0], [1.0, 0.0])) == "0.0"


def test_float32_probabilities_keep_what_they_say():
    """scikit-learn gives 15.94 for both: it clips at the float32 epsilon (scikit-learn#24315, #24354)."""
    assert ulps_apart(log_loss([1], np.float32([1e-10])), 23.025850916589025) <= 2
    assert ulps_apart(log_loss([1], np.float32([1e-30])), 69.0775527866503) <= 2


def test_a_million_float32_rows_have_an_exact_mean():
    """scikit-learn gives 2.3025856, the mean of float32 logarithms."""
    assert log_loss(np.ones(10**6, np.uint8), np.full(10**6, 0.1, np.float32)) == 2.3025850780928847


def test_float16_probabilities_are_widened():
    assert ulps_apart(log_loss([1], np.float16([1e-4])), 9.2101744464115359) <= 2


@pytest.mark.parametrize(
    ("y", "z", "exact"),
    [
        (1, math.inf, 0.0),
        (0, -math.inf, 0.0),
        (1, -math.inf, math.inf),
        (0, math.inf, math.inf),
        (1, -1000.0, 1000.0),
        (0, 1.7976931348623157e308, 1.7976931348623157e308),
    ],
)
def test_infinite_and_huge_logits_are_answers_not_nan(y, z, exact):
    """BCEWithLogitsLoss gives nan for z = +inf, y = 1 (pytorch#49844, #102894)."""
    assert log_loss([y], y_logit=[z]) == exact
    assert surprisal([y], y_logit=[z]).tolist() == [exact]
    assert surprisal(np.array([y], float), y_logit=[z]).tolist() == [exact]


def test_logits_are_never_guessed_from_their_range():
    """torchmetrics guesses for each batch (torchmetrics#1604, #3269): 0 and 1 are logits if they are called logits."""
    assert ulps_apart(log_loss([0, 1], y_logit=[0.0, 1.0]), 0.5032044340390841) <= 2
    assert log_loss([0, 1], y_proba=[0.0, 1.0]) == 0.0
    with pytest.raises(DataError, match="If it holds log-odds, pass it as `y_logit`"):
        log_loss([0, 1], [-2.0, 3.0])


def test_the_observed_classs_own_column_is_used():
    """P(0) = 1e-17 beside P(1) = 1.0: 1 − P(1) has lost it. scikit-learn gives 36.04."""
    assert ulps_apart(log_loss([0], np.array([[1e-17, 1.0]])), 39.143946580898777) <= 2
    assert log_loss([1], np.array([[1e-17, 1.0]])) == 0.0


@pytest.mark.parametrize("weight", [1e308, 5e-324, 1e-300, 1e300, 1.0])
def test_equal_weights_of_any_size_are_no_weights(weight):
    """scikit-learn 1.9.1 gives 0.0 for 1e308 and .5 for 5e-324; right is .4904146265058631 (see also yardstick#614)."""
    assert ulps_apart(log_loss([1, 0], [0.5, 0.25], sample_weight=[weight, weight]), 0.4904146265058631) <= 4


def test_integer_weights_do_not_wrap():
    assert log_loss([1, 0, 1], [0.5] * 3, sample_weight=np.full(3, 2**62)) == LN2
    assert log_loss([1, 0, 1], [0.5] * 3, sample_weight=np.full(3, 127, np.int8)) == LN2


def test_a_row_of_weight_zero_is_no_row():
    assert log_loss([1, 1], [0.0, 0.5], sample_weight=[0, 1]) == LN2
    assert log_loss([1, 7], [0.5, np.nan], sample_weight=[1, 0]) == LN2
    assert log_loss([1, 1], [0.0, 0.5], counts=[0, 1]) == LN2


def test_one_class_is_a_question_like_any_other():
    """scikit-learn raises without `labels=` (scikit-learn#18523, #4546, #6703)."""
    assert ulps_apart(log_loss([1, 1], [0.9, 0.8]), 0.16425203348601798) <= 2
    assert ulps_apart(log_loss([0, 0], [0.9, 0.8]), 1.9560115027140732) <= 2


def test_named_classes_say_which_is_positive():
    assert ulps_apart(log_loss([1, 2], [0.1, 0.9], pos_label=2), -math.log(0.9)) <= 2
    with pytest.raises(DataError, match=r"say which is positive: `pos_label=`"):
        log_loss([1, 2], [0.1, 0.9])


def test_unsigned_labels_do_not_wrap():
    """2·y − 1 of an uint8 is 255."""
    assert log_loss(np.array([0, 1], np.uint8), [0.5, 0.5]) == LN2


def test_columns_of_shape_n_1_do_not_become_n_by_n():
    y, p = np.array([[1], [0], [1]]), np.array([0.9, 0.2, 0.6])
    assert log_loss(y, p) == log_loss(y[:, 0], p) == log_loss(y[:, 0], p[:, None])


def test_soft_labels_are_allowed():
    assert ulps_apart(log_loss([0.3, 0.7], [0.3, 0.7]), 0.6108643020548935) <= 3


def test_a_share_equals_the_rows_it_stands_for():
    """y = 1/3 of weight 3 is one 1 and two 0s (LightGBM#3576): −ln .8 − 2 ln .2 in sum."""
    share = log_loss([1 / 3], [0.8], sample_weight=[3])
    rows = log_loss([1, 0], [0.8, 0.8], sample_weight=[1, 2])
    # 1/3 is rounded to 2^-54 of itself, and moves the loss by as much times ln(.8/.2).
    assert abs(share - rows) <= 4 * 2.0**-53
    assert ulps_apart(rows, (-math.log(0.8) - 2 * math.log(0.2)) / 3) <= 4


def test_batches_do_not_matter():
    """Means of two blocks of three and of one row are not averaged (dask-ml gives 1.2236)."""
    p = [0.9, 0.8, 0.9, 0.1]
    assert ulps_apart(log_loss([1, 1, 1, 1], p), 0.68411241890597697) <= 2


def test_huge_counts_and_weights_are_exact():
    """10^10 rows; and more than 2^53 of them, where a float counter stands still."""
    assert log_loss([1, 0], [0.25, 0.5], counts=[10**10, 10**10]) == 1.5 * LN2
    n_rows = 2**13
    m = logloss.measure([1] * (n_rows + 1), [0.25] * (n_rows + 1), counts=[2**40] * n_rows + [1])
    assert m.n_rows == 2**53 + 1
    assert m.log_loss == 2 * LN2


def test_bits_are_nats_over_ln_2():
    assert log_loss([0, 1], [0.5, 0.5], unit="bits") == 1.0
    assert surprisal([1, 0], [0.25, 0.75], unit="bits").tolist() == [2.0, 2.0]
    assert entropy(0.5, unit="bits") == 1.0
    assert kl_divergence(1.0, 0.25, unit="bits") == 2.0
    assert cross_entropy(1.0, 0.25, unit="bits") == 2.0


# How exact a mean is.


def exact_mean(y, z_or_p, weight, is_logit) -> mpmath.mpf:
    total = mpmath.mpf(0)
    for label, x, w in zip(y.tolist(), z_or_p.tolist(), weight.tolist(), strict=True):
        u = mpmath.mpf(x)
        if is_logit:
            loss = mpmath.log1p(mpmath.exp(-u if label else u))
        else:
            loss = -mpmath.log(u) if label else -mpmath.log1p(-u)
        total += mpmath.mpf(w) * loss
    return total / mpmath.fsum(map(mpmath.mpf, weight.tolist()))


@pytest.mark.parametrize("kind", ["hard", "hard logits", "weighted"])
def test_means_are_right_to_two_ulps_and_weighted_ones_to_four(kind, capsys):
    """Over 200 data sets of 1 to 60 rows. A row errs by 1 ULP, 2 units of 2^-53, its product with the weight by another,
    the mean is rounded once: in the worst binade 2.5 and 3.5 ULP, if all rows erred most and one way; they never do."""
    rng = np.random.default_rng(SEED)
    worst = 0.0
    with mpmath.workprec(200):
        for seed in range(200):
            table = random_table(seed, int(rng.integers(1, 61)), kind)
            x = table.y_proba if table.y_logit is None else table.y_logit
            if seed % 2:
                # Half of the sets at one end of the scale, where a loss is tiny or large.
                x = x / 1e6 if table.y_logit is None else x - 25.0
                arguments = {"y_proba": x} if table.y_logit is None else {"y_logit": x}
                table = type(table)(table.y_true, **arguments, sample_weight=table.sample_weight)
            weight = np.ones(table.n_rows) if table.sample_weight is None else table.sample_weight
            found = log_loss(table.y_true, **table.arguments)
            exact = exact_mean(table.y_true, x, weight, table.y_logit is not None)
            worst = max(worst, float(abs(mpmath.mpf(found) - exact) / math.ulp(float(exact))))
    with capsys.disabled():
        print(f"\n  mean of {kind}: at most {worst:.3f} ULP over 200 sets (seeds 0 to 199)")
    assert worst <= (4 if kind == "weighted" else 2)


@given(tables(("hard", "hard logits", "pair")))
def test_the_mean_is_the_exact_mean_of_the_surprisals(table):
    """Rounded once."""
    if table.n_rows == 0:
        return
    losses = surprisal(table.y_true, **table.arguments).tolist()
    expected = math.inf if math.inf in losses else exact_quotient(sum(map(Fraction, losses)), table.n_rows)
    assert log_loss(table.y_true, **table.arguments) == expected


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int32, np.int64, np.uint64, np.float32, np.float64, object])
def test_the_type_of_the_labels_changes_no_bit(dtype):
    table = random_table(SEED, 1500)
    expected = log_loss(table.y_true, table.y_proba)
    assert expected == exact_quotient(sum(map(Fraction, surprisal(table.y_true, table.y_proba).tolist())), 1500)
    labels = table.y_true.astype(dtype)
    assert log_loss(labels, table.y_proba) == expected
    assert log_loss(np.repeat(labels, 2)[::2], np.repeat(table.y_proba, 2)[::2]) == expected
    pair = np.column_stack([1 - table.y_proba, table.y_proba])
    assert log_loss(labels, pair) == log_loss(labels, np.asfortranarray(pair)) == log_loss(labels, [*map(list, pair)])
    # Labels of −1 and 1 are read again as such.
    if np.dtype(dtype).kind not in "bu":
        assert log_loss(labels * 2 - 1, table.y_proba) == expected


def test_rows_of_every_part_are_looked_at():
    """Nine parts of at most 2^17 rows: what is wrong or unusual in the last one only is found, and named."""
    n = 1_100_000
    y, p = np.zeros(n), np.full(n, 0.5)
    y[: 1 << 19] = 1.0
    assert log_loss(y, p) == math.log(2)
    p[-1] = -0.0
    assert log_loss(y, p) == exact_quotient((n - 1) * Fraction(math.log(2)), n)
    p[-1] = 1.2
    with pytest.raises(DataError, match=r"`y_proba` must lie in \[0, 1\]; row 1,099,999 has 1.2."):
        log_loss(y, p)
    with pytest.raises(DataError, match=r"`y_logit` must hold a value; row 1,099,999 has none"):
        log_loss(y, y_logit=np.where(p == 1.2, np.nan, p))
    p[-1] = 0.5
    pair = np.column_stack([p, p])
    assert log_loss(y, pair) == math.log(2)
    pair[-1, 0] += 2e-6
    with pytest.raises(DataError, match=r"must add up to 1 within 1e-6; row 1,099,999 has 0.5"):
        log_loss(y, pair)
    y[-1] = 0.25
    assert log_loss(y, p) == log_loss(y, p, sample_weight=np.ones(n))
    y[-1] = -1
    with pytest.raises(DataError, match="found −1 as well as values from 0 to 1"):
        log_loss(y, p)
    y[-1] = 2
    with pytest.raises(DataError, match=r"`y_true` must be 0 or 1 .* row 1,099,999 has 2"):
        log_loss(y, p)


def exact_quotient(total: Fraction, n_rows: int) -> float:
    """Correctly rounded, subnormal results too."""
    quotient = total / n_rows
    return quotient.numerator / quotient.denominator


@pytest.mark.parametrize("power", [-1000, -500, -1, 1, 500, 900])
def test_weights_times_a_power_of_two_change_no_bit(power):
    table = random_table(SEED, 500, "weighted")
    scaled = np.ldexp(table.sample_weight, power)
    assert log_loss(table.y_true, table.y_proba, sample_weight=scaled) == log_loss(table.y_true, **table.arguments)


def test_weights_times_a_power_of_two_do_not_lose_a_subnormal_loss():
    """p = 5e-324, y = 0 costs 5e-324: times 2^-10 it would be nothing."""
    for scale in (1.0, 2.0**-10, 2.0**-1000, 2.0**1000):
        assert log_loss([0, 0], [5e-324, 5e-324], sample_weight=[scale, scale]) == 5e-324


def test_permutations_change_no_bit(rng):
    table = random_table(SEED, 5_000, "weighted")
    found = {log_loss(t.y_true, **t.arguments) for t in (table.take(rng.permutation(5_000)) for _ in range(10))}
    assert len(found) == 1


def test_weight_two_is_the_row_twice():
    """To the bit: 2·loss is exact."""
    y, p = np.array([1, 0, 1]), np.array([0.3, 0.6, 0.9])
    assert log_loss(y, p, sample_weight=[2, 1, 3]) == log_loss(np.repeat(y, [2, 1, 3]), np.repeat(p, [2, 1, 3]))
    assert log_loss(y, p, counts=[2, 1, 3]) == log_loss(np.repeat(y, [2, 1, 3]), np.repeat(p, [2, 1, 3]))


# Identities of information.


def test_cross_entropy_is_entropy_plus_divergence(rng):
    q, p = rng.random(5_000), rng.random(5_000)
    # Each term within 16 units of 2^-53 of itself, none larger than the cross-entropy.
    difference = cross_entropy(q, p) - (entropy(q) + kl_divergence(q, p))
    assert np.all(np.abs(difference) <= 40 * 2.0**-53 * cross_entropy(q, p))


def test_entropy_is_symmetric_and_largest_at_one_half(rng):
    # Multiples of 2^-53, whose complement is exact; two roads within 3 ULP each.
    q = rng.integers(0, 2**53, 5_000) * 2.0**-53
    assert max(map(ulps_apart, entropy(q).tolist(), entropy(1 - q).tolist())) <= 6
    assert entropy(q).max() <= LN2
    assert entropy(0.5) == LN2
    assert entropy([0.0, 1.0]).tolist() == [0.0, 0.0]


def test_entropy_of_one_in_a_billion_keeps_its_digits():
    """From 1 − q the last nine digits would be lost."""
    assert ulps_apart(entropy(1e-9), 2.1723265836446411e-08) <= 3


def test_cross_entropy_of_the_truth_is_its_entropy(rng):
    """To the bit, from end to end: the same products of the same logarithms."""
    small = 10.0 ** rng.uniform(-320, 0, 1_000)
    q = np.concatenate([[0.0, 5e-324, 0.5, 1 - 2.0**-53, 1.0], rng.random(1_000), small, 1 - small])
    assert np.array_equal(cross_entropy(q, q), entropy(q))


def test_shapes_follow_the_arguments():
    assert isinstance(entropy(0.3), float)
    assert isinstance(kl_divergence(0.3, 0.4), float)
    assert entropy(np.full((2, 3), 0.5)).shape == (2, 3)
    assert cross_entropy(np.full((2, 1), 0.5), np.full(3, 0.5)).shape == (2, 3)
    assert entropy(np.full((0,), 0.5)).shape == (0,)
    assert kl_divergence([0.5], [0.5]).tolist() == [0.0]


def test_surprisal_of_soft_labels_is_cross_entropy(rng):
    q, p = rng.random(100), rng.random(100)
    assert np.array_equal(surprisal(q, p), cross_entropy(q, p))


@given(st.floats(0, 1), st.floats(0, 1))
def test_divergence_is_zero_only_of_equals(q, p):
    """Where the squared gap is a float at all: (p − q)² / 2 at the least (Pinsker: 2(p − q)²)."""
    found = kl_divergence(q, p)
    assert found >= 0
    if q == p:
        assert found == 0
    else:
        assert found >= 1.99 * (p - q) ** 2 * (1 - 1e-12)


# Refusals.


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: entropy(1.2), "`q` must lie in [0, 1]; got 1.2."),
        (lambda: entropy([0.5, -0.1]), "`q` must lie in [0, 1]; got -0.1 at 1."),
        (lambda: entropy([[0.5, np.nan]]), "`q` must lie in [0, 1]; got nan at (0, 1)."),
        (lambda: kl_divergence(0.5, 1.0000000000000002), "`p` must lie in [0, 1]; got 1.0000000000000002."),
        (lambda: cross_entropy([0.1, 0.2], [0.1, 0.2, 0.3]), "`q` and `p` must have shapes that broadcast; they have (2,) and (3,)."),
        (lambda: entropy(0.5, unit="bit"), '`unit` must be "nats" or "bits"; got "bit".'),
        (lambda: log_loss([1], [0.5], unit="dB"), '`unit` must be "nats" or "bits"; got "dB".'),
        (lambda: surprisal([1], [0.5], unit=2), '`unit` must be "nats" or "bits"; got 2.'),
        (lambda: surprisal([1, np.nan], [0.5, 0.5]), "`y_true` must hold a value; row 1 has none."),
        (lambda: surprisal([-1, 0], [0.5, 0.5]), "found −1 as well as values from 0 to 1"),
    ],
)  # fmt: skip
def test_arguments_of_another_kind_are_refused_in_words(call, words):
    with pytest.raises(DataError) as error:
        call()
    assert words in str(error.value)


def test_text_is_not_a_probability():
    with pytest.raises(DataError, match="`q` must hold probabilities"):
        entropy("half")


# Witnesses.


def test_scikit_learn_agrees_away_from_its_clips(rng):
    table = random_table(SEED, 2_000, "weighted")
    p = np.clip(table.y_proba, 1e-6, 1 - 1e-6)
    expected = metrics.log_loss(table.y_true, p, sample_weight=table.sample_weight)
    # Its two columns are 1 − p and p: the rounding of 1 − p is 2^-54 / 1e-6 of a row at worst.
    assert abs(log_loss(table.y_true, p, sample_weight=table.sample_weight) - expected) <= 1e-12 * expected


def test_statsmodels_agrees_on_weighted_means():
    table = random_table(SEED, 2_000, "weighted")
    expected = DescrStatsW(surprisal(table.y_true, table.y_proba), weights=table.sample_weight).mean
    # 2,000 rounded sums, and no cancellation: 2,000·2^-53 at the very worst.
    assert abs(log_loss(table.y_true, **table.arguments) - expected) <= 2_000 * 2.0**-53 * expected


def test_scikit_learn_clips_what_is_infinite():
    """scikit-learn#17399, #20354, #28851: y = [1, 1], p = [0, 1] is infinite; it says 18.02."""
    assert metrics.log_loss([1, 1], [0.0, 1.0], labels=[0, 1]) == pytest.approx(18.02, abs=0.01)
    assert log_loss([1, 1], [0.0, 1.0]) == math.inf


def test_scikit_learn_clips_float32_at_its_epsilon():
    """scikit-learn#24315, #24354: float32 1e-30 costs 69.08; it says 15.94."""
    p = np.float32([1e-30, 1e-30])
    assert metrics.log_loss([1, 1], p, labels=[0, 1]) == pytest.approx(15.94, abs=0.01)
    assert log_loss([1, 1], p) == pytest.approx(69.0775527866503)


def test_scikit_learn_refuses_one_class():
    """scikit-learn#18523, #4546, #6703."""
    with pytest.raises(ValueError, match="label"):
        metrics.log_loss([1, 1], [0.9, 0.8])
    assert log_loss([1, 1], [0.9, 0.8]) > 0


def test_scikit_learn_takes_negative_weights():
    """scikit-learn#15531, #20036, PR#30886: it returns a mean of no population; here the row is named."""
    y, p, w = [0, 1, 1], [0.1, 0.9, 0.5], [1, 1, -1]
    assert metrics.log_loss(y, p, sample_weight=w) < 0
    with pytest.raises(DataError, match=r"`sample_weight` must be finite and at least 0; row 2 has -1"):
        log_loss(y, p, sample_weight=w)


def test_scikit_learn_loses_weights_at_the_ends_of_the_floats():
    """No issue is known: the products overflow, or the weights have no digits left."""
    with np.errstate(all="ignore"):
        huge = metrics.log_loss([1, 0], [0.5, 0.25], sample_weight=[1e308, 1e308])
    assert huge != pytest.approx(0.4904146265058631)
    # 4 ULP: the promise for weighted means.
    assert ulps_apart(log_loss([1, 0], [0.5, 0.25], sample_weight=[1e308, 1e308]), 0.4904146265058631) <= 4
