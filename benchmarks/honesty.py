"""How often intervals and tests hold what they promise, on populations whose true figures are known, and a verdict.

    rows, weights, clusters, groups    the figures of `measure`, and of groups
    p_values                           calibrated forecasters called miscalibrated
    ranking                            areas under the curve with few positives
    pairs, moves                       differences of `compare`, terms of `diff`
    periods, plans                     leads that are autocorrelated, rows that `plan` names
    coefficients                       of `fit`
    folds                              losses and differences of estimators with `cv=`
    repair, promises                   intervals of what `calibrate` says it saves; whether that is found on average
    verdicts                           how many claims of the parts before it hold

Each line is a claim: per cent of the 95 % intervals that hold the truth, or of p-values below 0.05, the standard error
of that per cent, and the verdict. "holds" is 93 to 97 % of intervals and 3 to 6.5 % of p-values, within two errors;
"flagged" is what does not hold where the answer has cautions; "withheld" is what has no interval more often than not.
What is promised begins at 500 effective rows, 50 of the rarer class, and 10 effective clusters (`is_promised`). 500
repetitions take half an hour of one core, and know a coverage of 95 % to 1 %; `--repetitions 5000` takes hours.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import _honesty_fits
import _honesty_folds
import _honesty_measures
import _honesty_pairs
import _honesty_repair
import _honesty_time
from _honesty_claims import PROMISED, Case, all_answers, judged
from _record import CORES, Figures, Lines, record

VERDICTS = ("holds", "withheld", "flagged", "too narrow", "too wide", "too often", "too rarely")
# Every claim so far.
JUDGED: list[Figures] = []
# Of each case of `repair`, whether what was promised was found.
BIASES: dict[str, Figures] = {}


def claims(part: Callable[[], list[Case]], requested: argparse.Namespace) -> Lines:
    """The claims of all cases of a part."""
    cases = [case for case in part() if case.n_rows <= requested.largest and requested.only in case.name]
    for case, answers in zip(cases, all_answers(part, cases, requested.repetitions, requested.workers), strict=True):
        for claim, figures in judged(answers, case.truth()):
            JUDGED.append(figures)
            yield f"{case.name}: {claim}", figures
        if PROMISED in answers[0]:
            BIASES[case.name] = _honesty_repair.bias_of(answers)


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


def moves(requested: argparse.Namespace) -> Lines:
    """Two sets of rows."""
    return claims(_honesty_pairs.moves, requested)


def periods(requested: argparse.Namespace) -> Lines:
    """Periods that depend on each other."""
    return claims(_honesty_time.periods, requested)


def plans(requested: argparse.Namespace) -> Lines:
    """Rows that were planned."""
    return claims(_honesty_time.plans, requested)


def coefficients(requested: argparse.Namespace) -> Lines:
    """Of fits."""
    return claims(_honesty_fits.coefficients, requested)


def folds(requested: argparse.Namespace) -> Lines:
    """Estimators in folds."""
    return claims(_honesty_folds.folds, requested)


def repair(requested: argparse.Namespace) -> Lines:
    """What `calibrate` promises."""
    return claims(_honesty_repair.repair, requested)


def promises(_: argparse.Namespace) -> Lines:
    """Promised less found, of the cases of `repair`."""
    yield from BIASES.items()


def verdicts(requested: argparse.Namespace) -> Lines:
    """How many claims have which verdict, and between what their coverages lie."""
    for is_promised, words in ((True, "promised"), (False, "not promised")):
        lines = [figures for figures in JUDGED if figures["is_promised"] == is_promised]
        counts = {verdict.replace(" ", "_"): sum(line["verdict"] == verdict for line in lines) for verdict in VERDICTS}
        covered = [figures["coverage_percent"] for figures in lines if "coverage_percent" in figures]
        ends = {"lowest_percent": min(covered), "highest_percent": max(covered)} if covered else {}
        yield words, {"claims": len(lines), **counts, **ends}


if __name__ == "__main__":
    parts = (rows, weights, clusters, groups, p_values, ranking, pairs, moves, periods, plans, coefficients)
    parts = (*parts, folds, repair, promises, verdicts)
    record(*parts, has_only=True, repetitions=(500, 2), largest=(50_000, 3000), workers=(CORES, 1))
