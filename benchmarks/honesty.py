"""How often intervals and tests hold what they promise, on populations whose true figures are known, and a verdict.

    rows, weights, clusters, groups    the figures of `measure`, and of groups
    p_values                           calibrated forecasters called miscalibrated
    ranking                            areas under the curve with few positives
    pairs, moves                       differences of `compare`, terms of `diff`
    coefficients                       of `fit`

Each line is a claim: per cent of the 95 % intervals that hold the truth, or of p-values below 0.05, the standard error
of that per cent, and the verdict. "holds" is 93 to 97 % of intervals and 3 to 6.5 % of p-values, within two errors;
"flagged" is what does not hold where the answer has cautions; "withheld" is what has no interval more often than not.
What is promised begins at 500 effective rows, 50 of the rarer class, and 10 effective clusters (`is_promised`). The
program ends with 1 if a promise does not hold and nothing says so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import _honesty_fits
import _honesty_measures
import _honesty_pairs
from _honesty_claims import Case, all_answers, judged
from _record import CORES, Lines, record

FAULTS = ("too narrow", "too wide", "too often", "too rarely")


def claims(part: Callable[[], list[Case]], asked: argparse.Namespace) -> Lines:
    """The claims of all cases of a part."""
    cases = [case for case in part() if case.n_rows <= asked.largest and asked.only in case.name]
    for case, answers in zip(cases, all_answers(part, cases, asked.repetitions, asked.workers), strict=True):
        for claim, figures in judged(answers, case.truth()):
            yield f"{case.name}: {claim}", figures


def rows(asked: argparse.Namespace) -> Lines:
    """Independent rows."""
    return claims(_honesty_measures.rows, asked)


def weights(asked: argparse.Namespace) -> Lines:
    """Lognormal weights."""
    return claims(_honesty_measures.weights, asked)


def clusters(asked: argparse.Namespace) -> Lines:
    """Equal and unequal clusters."""
    return claims(_honesty_measures.clusters, asked)


def groups(asked: argparse.Namespace) -> Lines:
    """Groups across clusters."""
    return claims(_honesty_measures.groups, asked)


def p_values(asked: argparse.Namespace) -> Lines:
    """Calibrated forecasters."""
    return claims(_honesty_measures.p_values, asked)


def ranking(asked: argparse.Namespace) -> Lines:
    """Few positives."""
    return claims(_honesty_measures.ranking, asked)


def pairs(asked: argparse.Namespace) -> Lines:
    """Two forecasts of the same rows."""
    return claims(_honesty_pairs.pairs, asked)


def moves(asked: argparse.Namespace) -> Lines:
    """Two sets of rows."""
    return claims(_honesty_pairs.moves, asked)


def coefficients(asked: argparse.Namespace) -> Lines:
    """Of fits."""
    return claims(_honesty_fits.coefficients, asked)


if __name__ == "__main__":
    parts = (rows, weights, clusters, groups, p_values, ranking, pairs, moves, coefficients)
    sizes = {"repetitions": (500, 2), "largest": (50_000, 3000), "workers": (CORES, 1)}
    figures = record(*parts, has_only=True, **sizes)
    is_wrong = any(
        line["verdict"] in FAULTS and line["is_promised"] for lines in figures.values() for line in lines.values()
    )
    sys.exit(int(is_wrong))
