"""Coverage of intervals and rejection rates of tests on populations whose true values are known, with verdicts.

    rows, weights, clusters, groups    estimates of `measure`, and of groups
    p_values                           p-values of calibrated forecasters
    ranking                            AUC with few positives
    pairs, changes                     differences of `compare`, terms of `diff`
    periods, plans                     differences that are autocorrelated, sample sizes of `plan`
    coefficients                       coefficients of `fit`
    folds                              losses and differences of estimators with `cv=`
    calibrations, reductions           intervals of the expected reduction of `calibrate`; its bias
    verdicts                           how many claims of the parts before it have which verdict
    covariances                        coefficients of `fit` by each covariance of clusters, which it is asked for
    shapes                             bands of curves and pooled levels across the function, p-values of no effect

Each line is a claim: the percentage of 95% intervals that cover the true value, or of p-values below 0.05, its standard
error, and the verdict. "holds" is 93% to 97% of intervals and 3% to 6.5% of p-values, within two standard errors;
"flagged" is outside, with cautions on the answer; "withheld" has no interval in more than half of the samples. Coverage
is promised from 500 effective rows, 50 of the rarer class, and 10 effective clusters on (`is_promised`). With 500
repetitions, half an hour of one core, a coverage of 95% has a standard error of 1%; `--repetitions 5000` takes hours.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import _honesty_calibrations
import _honesty_fits
import _honesty_folds
import _honesty_measures
import _honesty_pairs
import _honesty_shapes
import _honesty_time
from _honesty_claims import REDUCTIONS, Case, all_answers, judged
from _record import CORES, Figures, Lines, record

VERDICTS = ("holds", "withheld", "flagged", "too narrow", "too wide", "too often", "too rarely")
# Every claim so far.
JUDGED: list[Figures] = []
# The bias of the expected reduction in each case of `calibrations`.
BIASES: dict[str, Figures] = {}


def claims(part: Callable[[], list[Case]], requested: argparse.Namespace) -> Lines:
    """The claims of all cases of a part."""
    cases = [case for case in part() if case.n_rows <= requested.largest and requested.only in case.name]
    for case, answers in zip(cases, all_answers(part, cases, requested.repetitions, requested.workers), strict=True):
        for claim, figures in judged(answers, case.true_values()):
            JUDGED.append(figures)
            yield f"{case.name}: {claim}", figures
        if REDUCTIONS in answers[0]:
            BIASES[case.name] = _honesty_calibrations.bias_of(answers)


def rows(requested: argparse.Namespace) -> Lines:
    """Independent rows."""
    return claims(_honesty_measures.rows, requested)


def weights(requested: argparse.Namespace) -> Lines:
    """Lognormal weights."""
    return claims(_honesty_measures.weights, requested)


def clusters(requested: argparse.Namespace) -> Lines:
    """Equal and unequal clusters."""
    return claims(_honesty_measures.clusters, requested)


def groups(requested: argparse.Namespace) -> Lines:
    """Groups across clusters."""
    return claims(_honesty_measures.groups, requested)


def p_values(requested: argparse.Namespace) -> Lines:
    """Calibrated forecasters."""
    return claims(_honesty_measures.p_values, requested)


def ranking(requested: argparse.Namespace) -> Lines:
    """Few positives."""
    return claims(_honesty_measures.ranking, requested)


def pairs(requested: argparse.Namespace) -> Lines:
    """Two forecasts of the same rows."""
    return claims(_honesty_pairs.pairs, requested)


def changes(requested: argparse.Namespace) -> Lines:
    """Two sets of rows."""
    return claims(_honesty_pairs.changes, requested)


def periods(requested: argparse.Namespace) -> Lines:
    """Periods that depend on each other."""
    return claims(_honesty_time.periods, requested)


def plans(requested: argparse.Namespace) -> Lines:
    """Planned sample sizes."""
    return claims(_honesty_time.plans, requested)


def coefficients(requested: argparse.Namespace) -> Lines:
    """Coefficients of fits."""
    return claims(_honesty_fits.coefficients, requested)


def covariances(requested: argparse.Namespace) -> Lines:
    """Coefficients by kinds of covariances that are no default."""
    return claims(_honesty_fits.covariances, requested)


def shapes(requested: argparse.Namespace) -> Lines:
    """Bands and tests of curves and pooled levels."""
    return claims(_honesty_shapes.shapes, requested)


def folds(requested: argparse.Namespace) -> Lines:
    """Estimators in folds."""
    return claims(_honesty_folds.folds, requested)


def calibrations(requested: argparse.Namespace) -> Lines:
    """Expected reductions by `calibrate`."""
    return claims(_honesty_calibrations.calibrations, requested)


def reductions(_: argparse.Namespace) -> Lines:
    """Expected less true reduction, in the cases of `calibrations`."""
    yield from BIASES.items()


def verdicts(requested: argparse.Namespace) -> Lines:
    """How many claims have which verdict, and the range of their coverages."""
    for is_promised, name in ((True, "promised"), (False, "not promised")):
        lines = [figures for figures in JUDGED if figures["is_promised"] == is_promised]
        counts = {verdict.replace(" ", "_"): sum(line["verdict"] == verdict for line in lines) for verdict in VERDICTS}
        covered = [figures["coverage_percent"] for figures in lines if "coverage_percent" in figures]
        ends = {"lowest_percent": min(covered), "highest_percent": max(covered)} if covered else {}
        yield name, {"claims": len(lines), **counts, **ends}


if __name__ == "__main__":
    parts = (rows, weights, clusters, groups, p_values, ranking, pairs, changes, periods, plans, coefficients)
    parts = (*parts, folds, calibrations, reductions, verdicts, covariances, shapes)
    record(*parts, has_only=True, repetitions=(500, 2), largest=(50_000, 3000), workers=(CORES, 1))
