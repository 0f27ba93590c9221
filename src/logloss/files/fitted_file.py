"""The file of a model or a calibration: every field as JSON, numbers to the last bit, and what must hold of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from logloss.calibration.answer import Calibration
from logloss.calibration.maps import ISOTONIC, METHODS, MIXTURE, ScoreMap, StackedMap
from logloss.calibration.venn_abers import VennAbers
from logloss.data.grammar import HASH, OPTIONS
from logloss.data.hashed_text import HashedText
from logloss.data.terms import Category, Numbers
from logloss.errors import DataError
from logloss.files.document import MOST_BYTES, document_bytes, known_fields
from logloss.files.rules_of_terms import OF_TERMS, are_pairs_of_design, are_terms_of_design, is_finite, with_knots
from logloss.files.schema import Reader, Rule, as_json, fields_of
from logloss.files.storage import StrPath, write_atomically
from logloss.text import printable
from logloss.training.additive_model import AdditiveModel
from logloss.training.certificate import Certificate
from logloss.training.cluster_errors import CLUSTER_KINDS, TWO_WAY
from logloss.training.firth import PENALTIES
from logloss.training.hashed_model import HashedModel
from logloss.training.leave_one_out import OutOfSample
from logloss.training.model import LogisticModel
from logloss.training.penalty_path import BY_SCORE, SAMPLING_UNITS, SELECTIONS, VALIDATIONS, PathPoint, PenaltyPath
from logloss.training.profile import Profile
from logloss.training.separation import Separation
from logloss.training.standard_errors import KINDS, Errors
from logloss.training.wide_model import WideModel

# A share is a rounded quotient, what is saved a rounded difference.
NEAR = 1e-12
# Of a sum over 1e10 rows, merged in pieces.
NEAR_SD = 1e-9
COLUMNS = ("method", "log_loss_nats", "expected_reduction_nats", "error_nats", "share")
# What is done with rows that lack a feature, and ways to leave rows out.
WAYS_OF_MISSING = "error", "drop", "indicator"
WAYS = ("refits", "steps", "sampled steps")


Fitted = LogisticModel | AdditiveModel | WideModel | Calibration


def save_fitted(path: StrPath, fitted: Fitted) -> None:
    """Write the file of a model or a calibration, whole or not at all."""
    write_atomically(path, bytes_of_fitted(fitted))


def bytes_of_fitted(fitted: Fitted) -> bytes:
    """The bytes of that file; the same each time."""
    data = document_bytes(fitted.kind, as_json(fitted, type(fitted)))
    if isinstance(fitted, WideModel) and len(data) > MOST_BYTES:
        raise DataError(
            f"a file of a model has at most {MOST_BYTES >> 20} MiB; {fitted.n_features:,} coefficients take "
            f"{len(data) >> 20}. Keep model.coef and model.intercept, such as with numpy.savez."
        )
    return data


def fitted_of_fields(fields: Mapping[str, Any], name: str) -> Fitted:
    """What was written; an error that names the file, the field and the value where something cannot be."""
    kinds: tuple[type[Fitted], ...] = LogisticModel, AdditiveModel, WideModel, Calibration
    kind = next(each for each in kinds if each.kind == fields["logloss"])
    kind = HashedModel if kind is WideModel and "hashed" in fields else kind
    own = known_fields(fields, tuple(fields_of(kind)), name)
    try:
        found = Reader(name, RULES).of(own, kind)
        return with_knots(found) if isinstance(found, AdditiveModel) else found
    except (TypeError, ValueError, IndexError, ArithmeticError) as error:
        if isinstance(error, DataError):
            raise
        clause = printable(str(error), 200)
        raise DataError(f"{name} must hold a {kind.kind}; a field does not fit: {clause}. Make it again.") from error


def _is_rate(model: LogisticModel | AdditiveModel | WideModel) -> bool:
    """Whether the base rate is that of hard labels without weights: one rounding of a quotient, or of a mean."""
    if model.n_positive is None:
        return True
    share = model.n_positive / model.n_rows
    return model.sum_weight == model.n_rows and abs(model.base_rate - share) <= NEAR * share


def _are_in_range(term: Numbers) -> bool:
    """Whether there is a number for each column, none of them infinite, and each low is below its high."""
    arrays = term.centre, term.scale, term.means, term.lows, term.highs, term.sds
    numbers = [each for each in arrays if each is not None]
    if any(len(each) != len(term.names) or not is_finite(each) for each in numbers):
        return False
    if term.lows is None or term.highs is None:
        return term.lows is term.highs
    return bool((term.lows <= term.highs).all())


def _are_deviations(term: Numbers) -> bool:
    """Whether no standard deviation is above half the range (Popoviciu's inequality), but for rounding."""
    if term.sds is None:
        return True
    if term.lows is None or term.highs is None or (term.sds < 0).any():
        return False
    return bool((term.sds <= (term.highs / 2 - term.lows / 2) * (1 + NEAR_SD)).all())


def _are_levels(term: Category) -> bool:
    """Whether each level is another one, with a weight of its own."""
    kinds = {(type(each), each) for each in term.levels}
    return len(kinds) == len(term.levels) == len(term.weights) and all(weight >= 0 for weight in term.weights)


def _are_infinite_where_separated(model: LogisticModel) -> bool:
    columns = () if model.separation is None else model.separation.columns
    return [name for name, value in model.coefficients.items() if np.isinf(value)] == list(columns)


def _are_those_of_values(model: LogisticModel) -> bool:
    """Whether the coefficients that are printed are those that it predicts with."""
    design, shown = model.design, np.array(list(model.coefficients.values()))
    is_off = np.isinf(shown)
    fixed = np.delete(np.arange(design.width), design.free)
    is_same = np.array_equal(shown[~is_off], model.values[design.places][~is_off])
    return is_same and not model.values[fixed].any()


def _is_that_of_values(model: LogisticModel | AdditiveModel) -> bool:
    """Whether the intercept that is printed is the one that it predicts with."""
    if np.isinf(model.intercept):
        return True
    if not model.fit_intercept and model.intercept != 0:
        return False
    parts = model.values[1 : 1 + model.design.n_dense] * model.design.centre
    # A sum of so many products, in whatever order, is right to so many roundings of the sum of their sizes.
    rounding = (len(parts) + 2) * 2.0**-52 * (abs(model.values[0]) + np.abs(parts).sum())
    return bool(abs(model.intercept - (model.values[0] - parts.sum())) <= rounding)


def _are_errors_of(model: LogisticModel) -> bool:
    return model.errors is None or tuple(model.errors.coefficients) == model.design.names


def _are_of_clusters(errors: Errors) -> bool:
    """Whether the effective number of clusters is one: by one rounding, it may exceed their number."""
    if not errors.cluster:
        return errors.effective_clusters == 0
    return 1 - NEAR <= errors.effective_clusters <= errors.n_clusters * (1 + NEAR)


def _are_of_two_ways(errors: Errors) -> bool:
    """Whether there are as many columns as ways, and the smaller number of clusters is theirs."""
    if errors.kind != TWO_WAY:
        return not errors.n_of_each and not errors.was_indefinite
    return len(errors.cluster) == len(errors.n_of_each) == 2 and min(errors.n_of_each) == errors.n_clusters


def _is_covariance(errors: Errors) -> bool:
    """Whether standard errors are the roots of its diagonal, by their roundings."""
    if errors.lower is None:
        return True
    n = 1 + len(errors.coefficients)
    own = np.array([errors.intercept, *errors.coefficients.values()])
    if len(errors.lower) != n * (n + 1) // 2:
        return False
    diagonal = errors.lower[np.cumsum(np.arange(1, n + 1)) - 1]
    with np.errstate(over="ignore"):
        return bool(np.allclose(diagonal, own**2, rtol=NEAR, atol=1e-300, equal_nan=True))


def _is_profile_of(model: LogisticModel) -> bool:
    return model.profile is None or tuple(model.profile.ratios) == model.design.names


def _are_ends(p: Profile) -> bool:
    """Whether there are two ends for each coefficient, or one that was not found, in their order."""
    pairs = [(p.intercept_low, p.intercept_high), *zip(p.lows.values(), p.highs.values(), strict=True)]
    return not any(low > high for low, high in pairs)


def _has_score(model: LogisticModel) -> bool:
    """Whether there is a modified score, at least 0, under Firth's penalty and only there."""
    score = model.modified_score
    return score is None if not model.penalty else score is not None and score >= 0


def _is_mean(model: LogisticModel) -> bool:
    """The same for the mean prediction, a share but for rounding."""
    mean = model.mean_predicted
    return mean is None if not model.penalty else mean is not None and -NEAR <= mean <= 1 + NEAR


def _are_directions_of(model: LogisticModel) -> bool:
    return model.separation is None or all(len(each) == model.design.width for each in model.separation.directions)


def _is_rising(found: ScoreMap) -> bool:
    """Whether knots rise, and values with them; only isotonic maps have any."""
    is_rising = all(a < b for a, b in pairwise(found.knots)) and all(a <= b for a, b in pairwise(found.values))
    return is_rising and len(found.knots) == len(found.values) and bool(found.knots) == (found.method == ISOTONIC)


def _is_difference(c: Calibration) -> bool:
    """Whether the expected reduction is the difference of the losses."""
    saved = c.log_loss - c.log_loss_after
    return not math.isfinite(saved) or abs(saved - c.expected_reduction) <= NEAR * max(1.0, c.log_loss)


def _are_shares(found: StackedMap) -> bool:
    """Whether there is one above 0 for each map, and they add up to 1, by their roundings."""
    is_one = abs(math.fsum(found.shares) - 1) <= NEAR
    return is_one and len(found.shares) == len(found.maps) and all(share > 0 for share in found.shares)


def _are_rising_shares(values: tuple[float, ...]) -> bool:
    return all(0 <= value <= 1 for value in values) and all(b >= a - NEAR for a, b in pairwise(values))


def _are_in_table(c: Calibration) -> bool:
    """Whether the shares of the candidates are those of the map."""
    named = dict(zip(c.candidates["method"], c.candidates["share"], strict=True))
    return {method: share for method, share in named.items() if share != 0} == c.shares


def _are_factors(m: WideModel) -> bool:
    factors = m.penalty_factors
    return len(factors) in (0, len(m.coef)) and is_finite(factors) and bool((factors >= 0).all())


def _are_factors_of(m: LogisticModel) -> bool:
    is_sound = all(0 <= factor < math.inf for factor in m.penalty_factors.values())
    return is_sound and set(m.penalty_factors) <= set(m.design.variables)


def _is_falling(path: PenaltyPath) -> bool:
    """Whether penalties fall along the path, for each ratio, and each has a loss for each fold."""
    runs = [path.along(ratio) for ratio in path.l1_ratios]
    is_falling = all(a.strength > b.strength for run in runs for a, b in pairwise(run))
    return bool(path.points) and is_falling and all(len(p.fold_log_losses) == path.n_folds for p in path.points)


def _are_along(path: PenaltyPath) -> bool:
    """Whether each name of a coefficient has a value at each penalty, or there is no name."""
    n_names = len(path.names)
    n_rows = len(path.points) if n_names else 0
    is_finite_there = all(math.isfinite(value) for values in path.coefficients for value in values)
    return (
        len(path.coefficients) == n_rows and all(len(row) == n_names for row in path.coefficients) and is_finite_there
    )


def _are_names_of(model: WideModel) -> bool:
    names = model.feature_names
    return not names or len(names) == len(set(names)) == model.n_features


def _are_deviations_of(model: WideModel) -> bool:
    own = model.standard_deviations
    return not len(own) or (len(own) == model.n_features and is_finite(own) and bool((own >= 0).all()))


def _is_slope(value: float) -> bool:
    return 0 <= value < math.inf


# What holds of models of any kind, and of those of tables.
OF_ALL_MODELS = (
    Rule("n_rows", lambda m: m.n_rows > 0, "at least 1 row"),
    Rule("n_positive", lambda m: m.n_positive is None or m.n_positive <= m.n_rows, "at most all rows"),
    Rule("sum_weight", lambda m: 0 < m.sum_weight < np.inf, "a finite number above 0"),
    Rule("base_rate", lambda m: 0 <= m.base_rate <= 1, "a share from 0 to 1"),
    Rule("base_rate", _is_rate, "the share of its positive rows"),
    Rule("classes", lambda m: None not in m.classes and m.classes[0] != m.classes[1], "two labels"),
    Rule("log_loss", lambda m: not m.log_loss < 0, "a number of at least 0"),
    Rule("passes", lambda m: bool(m.passes), "at least one pass"),
)
OF_MODELS = (
    *OF_ALL_MODELS,
    Rule("missing", lambda m: m.missing in WAYS_OF_MISSING, f"one of {', '.join(WAYS_OF_MISSING)}"),
    Rule("offset", lambda m: m.has_offset or not m.offset, "no column where there is no offset"),
)
# What predictions and the words of a model rely on; each holds only if those before it do.
OF_PENALTIES = (
    Rule("l2", lambda m: 0 <= m.l2 < math.inf, "a finite number of at least 0"),
    Rule("l1", lambda m: 0 <= m.l1 < math.inf and m.l1 + m.l2 > 0, "a finite number, above 0 where `l2` is 0"),
    Rule("penalty_factors", _are_factors, "none, or a finite number of at least 0 for each column"),
)
RULES: dict[type, tuple[Rule, ...]] = OF_TERMS | {
    Numbers: (
        Rule("names", lambda t: len(t.lacks) in (0, len(t.names)), "as many names as `lacks` has, if any"),
        Rule("centre", _are_in_range, "finite numbers of each column, lows below highs"),
        Rule("sds", _are_deviations, "numbers of at least 0, at most half the range"),
        Rule("scale", lambda t: (t.scale > 0).all(), "numbers above 0"),
    ),
    Category: (
        Rule("levels", _are_levels, "distinct levels, each with a weight of at least 0"),
        Rule("reference", lambda t: t.reference < len(t.levels), "the number of a level"),
    ),
    Certificate: (Rule("nats_per_row", lambda c: not c.nats_per_row < 0, "a number of at least 0"),),
    Errors: (
        Rule("kind", lambda e: e.kind in KINDS, f"one of {', '.join(KINDS)}"),
        Rule(
            "cluster", lambda e: (e.kind in CLUSTER_KINDS) == bool(e.cluster), "columns of clusters where errors are so"
        ),
        Rule("n_of_each", _are_of_two_ways, "the clusters of two columns where errors are of two ways"),
        Rule("n_clusters", lambda e: not e.cluster or e.n_clusters >= 2, "two clusters or more"),
        Rule("effective_clusters", _are_of_clusters, "1 or more, at most all clusters"),
        Rule("intercept_degrees", lambda e: e.intercept_degrees >= 0, "a number of at least 0"),
        Rule("degrees", lambda e: e.degrees.keys() == e.coefficients.keys(), "one for each coefficient"),
        Rule("degrees", lambda e: all(each >= 0 for each in e.degrees.values()), "numbers of at least 0"),
        Rule("intercept", lambda e: not e.intercept < 0, "a number of at least 0"),
        Rule("coefficients", lambda e: not any(each < 0 for each in e.coefficients.values()), "numbers of at least 0"),
        Rule("lower", _is_covariance, "the squared standard errors on the diagonal of a triangle"),
    ),
    Profile: (
        Rule("lows", lambda p: p.lows.keys() == p.highs.keys() == p.ratios.keys(), "one for each coefficient"),
        Rule("highs", _are_ends, "ends that are no lower than the lows"),
        Rule(
            "ratios",
            lambda p: not any(each < 0 for each in (p.intercept_ratio, *p.ratios.values())),
            "numbers of at least 0",
        ),
    ),
    Separation: (
        Rule(
            "directions", lambda s: bool(s.directions) and all(map(is_finite, s.directions)), "directions, all finite"
        ),
    ),
    OutOfSample: (
        Rule("kind", lambda n: n.kind in WAYS, f"one of {', '.join(WAYS)}"),
        Rule("log_loss", lambda n: not n.log_loss < 0, "a number of at least 0"),
        Rule("log_loss_where_finite", lambda n: not n.log_loss_where_finite < 0, "a number of at least 0"),
        Rule("n_infinite", lambda n: n.n_infinite <= n.n_rows, "at most all rows"),
    ),
    PathPoint: (
        Rule("l2", lambda p: 0 <= p.l2 < math.inf, "a finite number of at least 0"),
        Rule("l1", lambda p: 0 <= p.l1 < math.inf, "a finite number of at least 0"),
        Rule("l1_ratio", lambda p: 0 <= p.l1_ratio <= 1, "a number from 0 to 1"),
        Rule("log_loss", lambda p: not p.log_loss < 0, "a number of at least 0"),
        Rule("std_error", lambda p: not p.std_error < 0, "a number of at least 0"),
        Rule("bound", lambda p: not p.bound < 0, "a number of at least 0"),
    ),
    PenaltyPath: (
        Rule("points", _is_falling, "one value or more, from the strongest penalty,"),
        Rule(
            "l2", lambda p: (p.l1, p.l2) in [(each.l1, each.l2) for each in p.points], "one of the values of the path"
        ),
        Rule(
            "n_coefficients",
            lambda p: all(each.n_nonzero <= p.n_coefficients for each in p.points),
            "at least as many as are not 0",
        ),
        Rule("coefficients", _are_along, "one for each name at each value of the path"),
        Rule(
            "selection", lambda p: p.selection in (*SELECTIONS, BY_SCORE), f"one of {', '.join(SELECTIONS)}, {BY_SCORE}"
        ),
        Rule("sampling_unit", lambda p: p.sampling_unit in SAMPLING_UNITS, " or ".join(SAMPLING_UNITS)),
        Rule("n_one_class", lambda p: p.n_one_class <= p.n_folds, "at most all folds"),
        Rule("validation", lambda p: p.validation in VALIDATIONS, " or ".join(VALIDATIONS)),
        Rule("n_folds", lambda p: p.is_leave_one_out == (p.n_folds == 0), "0 with leave-one-out, and only there"),
    ),
    WideModel: (
        *OF_ALL_MODELS,
        Rule("intercept", lambda m: math.isfinite(m.intercept), "a finite number"),
        Rule("intercept", lambda m: m.fit_intercept or m.intercept == 0, "0, as no intercept was fitted"),
        Rule("coef", lambda m: is_finite(m.coef), "finite numbers"),
        Rule("feature_names", _are_names_of, "a name of its own for each coefficient"),
        Rule("first_index", lambda m: m.first_index in (None, 0, 1), "0, 1 or nothing"),
        Rule("first_index", lambda m: m.first_index is None or not m.feature_names, "nothing where there are names"),
        Rule("standard_deviations", _are_deviations_of, "a number of at least 0 for each coefficient"),
        *OF_PENALTIES,
        Rule("path", lambda m: m.path is None or m.path.l2 == m.l2, "the penalty that the model has"),
    ),
    HashedText: (Rule("bits", lambda t: 1 <= t.bits <= OPTIONS[HASH]["bits"][1], "a whole number from 1 to 26"),),
    HashedModel: (
        *OF_MODELS,
        Rule("intercept", lambda m: math.isfinite(m.intercept), "a finite number"),
        Rule("hashed", lambda m: bool(m.hashed), "one text or more"),
        Rule("standard_deviations", _are_deviations_of, "a number of at least 0 for each coefficient"),
        Rule("coef", lambda m: is_finite(m.coef) and len(m.coef) == len(m.columns), "a finite number of each column"),
        *OF_PENALTIES,
        Rule("path", lambda m: m.path is None or m.path.l2 == m.l2, "the penalty that the model has"),
    ),
    LogisticModel: (
        *OF_MODELS,
        Rule(
            "path", lambda m: m.path is None or (m.path.l1, m.path.l2) == (m.l1, m.l2), "the penalty that the model has"
        ),
        Rule("n_dependent", lambda m: m.n_parameters >= 0, "at most all coefficients"),
        Rule("l2", lambda m: 0 <= m.l2 < np.inf, "a finite number of at least 0"),
        Rule("coefficients", lambda m: tuple(m.coefficients) == m.design.names, "one for each name of its design"),
        Rule("values", lambda m: len(m.values) == m.design.width and is_finite(m.values), "one of each, all finite"),
        Rule("passes", lambda m: all(len(p.coefficients) == len(m.coefficients) for p in m.passes), "all coefficients"),
        Rule("errors", _are_errors_of, "one for each coefficient"),
        Rule("penalty", lambda m: m.penalty in ("", *PENALTIES), f"nothing, or one of {', '.join(PENALTIES)}"),
        Rule("l2", lambda m: not (m.l2 and m.penalty), "0 under another penalty"),
        Rule("l1", lambda m: 0 <= m.l1 < np.inf, "a finite number of at least 0"),
        Rule("l1", lambda m: not (m.l1 and m.penalty), "0 under another penalty"),
        Rule("penalty_factors", _are_factors_of, "finite numbers of at least 0 for columns of its design"),
        Rule("modified_score", _has_score, "a number of at least 0 under Firth's penalty, and none without"),
        Rule("mean_predicted", _is_mean, "a share under Firth's penalty, and none without"),
        Rule("profile", _is_profile_of, "one for each coefficient"),
        Rule("separation", _are_directions_of, "directions with a number for each value"),
        Rule(
            "coefficients", _are_infinite_where_separated, "infinite ones where classes are separated, and only there"
        ),
        Rule("coefficients", _are_those_of_values, "those that it predicts with"),
        Rule("intercept", _is_that_of_values, "the one that it predicts with"),
    ),
    AdditiveModel: (
        *OF_MODELS,
        Rule("values", lambda m: len(m.values) == m.design.width and is_finite(m.values), "one of each, all finite"),
        Rule("passes", lambda m: all(len(p.coefficients) == len(m.design.names) for p in m.passes), "all values"),
        Rule("terms", are_terms_of_design, "the effect of each column, as it predicts with it"),
        Rule("pair_terms", are_pairs_of_design, "the effect of each pair, as it predicts with it"),
        Rule("intercept", _is_that_of_values, "the one that it predicts with"),
    ),
    # What `apply` and the words of a calibration rely on.
    ScoreMap: (
        Rule("method", lambda m: m.method in METHODS, f"one of the methods {', '.join(METHODS)}"),
        Rule("a", lambda m: _is_slope(m.a), "a finite number of at least 0"),
        Rule("b", lambda m: _is_slope(m.b), "a finite number of at least 0"),
        Rule("c", lambda m: math.isfinite(m.c), "a finite number"),
        Rule(
            "epsilon",
            lambda m: 0 <= m.epsilon <= 1 and bool(m.epsilon) <= (m.method == MIXTURE),
            "a share, of a mixture only,",
        ),
        Rule("base_rate", lambda m: 0 < m.base_rate < 1, "a share between 0 and 1"),
        Rule("knots", _is_rising, "knots that rise, of an isotonic map only, with a value that rises at each"),
        Rule("values", lambda m: all(0 < value < 1 for value in m.values), "numbers between 0 and 1"),
        Rule("at_zero", lambda m: m.at_zero is None or math.isfinite(m.at_zero), "finite log-odds, or null"),
        Rule("at_one", lambda m: m.at_one is None or math.isfinite(m.at_one), "finite log-odds, or null"),
    ),
    StackedMap: (
        Rule("shares", _are_shares, "a share above 0 of each map, 1 together"),
        Rule("maps", lambda m: len({each.method for each in m.maps}) == len(m.maps) > 1, "maps of several methods"),
    ),
    VennAbers: (
        Rule("edges", lambda v: all(a <= b for a, b in pairwise(v.edges)), "edges that rise"),
        Rule("p0", lambda v: len(v.p0) == len(v.edges) + 1 and _are_rising_shares(v.p0), "rising shares"),
        Rule("p1", lambda v: len(v.p1) == len(v.edges) + 1 and _are_rising_shares(v.p1), "rising shares"),
    ),
    Calibration: (
        Rule("negatives_kept", lambda c: 0 < c.negatives_kept <= 1, "a share in (0, 1]"),
        Rule("requested", lambda c: c.requested in ("auto", *METHODS), "a method"),
        Rule("n_rows", lambda c: c.n_rows >= 1, "a whole number of at least 1"),
        Rule("log_loss", lambda c: not c.log_loss < 0, "a number of at least 0"),
        Rule("share_certain", lambda c: 0 <= c.share_certain <= 1 + NEAR, "a share from 0 to 1"),
        Rule("gap", lambda c: not c.gap < 0, "a number of at least 0"),
        Rule("expected_reduction", _is_difference, "what lies between log_loss and log_loss_after"),
        Rule("candidates", lambda c: c.candidates.column_names == COLUMNS, f"the columns {', '.join(COLUMNS)}"),
        Rule("candidates", lambda c: set(c.candidates["method"]) <= set(METHODS), "known methods"),
        Rule("candidates", _are_in_table, "the shares of the map"),
    ),
}
