"""What pictures of several measurements together show: one curve of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from logloss.answers.estimate import logit
from logloss.errors import DataError
from logloss.inference.reliability import isotonic_curve, prediction_quantiles
from logloss.measurement import Measurement
from logloss.show.drawings.of_measurement import FARTHEST_LOGIT, NEAR_AN_END, view
from logloss.show.drawings.of_thresholds import (
    DECISION,
    ONE_CLASS,
    PRECISION_RECALL,
    ROC,
    area,
    is_one_class,
    thinned,
)
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.text import fixed, listed, printable

# More lines are not told from each other without colours.
MOST = 6
# Base rates that differ by more are of different rows.
SAME = 1e-12
Several = Mapping[str, Measurement]


def checked(answers: Mapping[Any, Any]) -> dict[str, Measurement]:
    """Measurements by label, in order."""
    if not answers:
        raise DataError('a picture of several measurements needs some, by label: {"a": m1, "b": m2}; got none.')
    if len(answers) > MOST:
        raise DataError(
            f"a picture shows up to {MOST} measurements, which differ without colours, too; got {len(answers)}."
        )
    for label, m in answers.items():
        if not isinstance(m, Measurement):
            raise DataError(
                f'pictures of several answers are of measurements; "{printable(str(label))}" is of type '
                f"{type(m).__name__}."
            )
    named = {printable(str(label), 40): m for label, m in answers.items()}
    if len(named) < len(answers):
        raise DataError("the labels of measurements in one picture must differ.")
    return named


def of_different_rows(answers: Several) -> str:
    """A clause where the measurements cannot be of the same rows."""
    first = next(iter(answers.values()))
    same = all(abs(m.base_rate - first.base_rate) < SAME and m.n_rows == first.n_rows for m in answers.values())
    return "" if same else " The measurements are of different rows."


def reliability(answers: Several) -> Drawing:
    """The isotonic curve of each."""
    tables = {label: isotonic_curve(m) for label, m in answers.items()}
    ends = np.array([prediction_quantiles(m, [0.05, 0.95]) for m in answers.values()])
    is_logit = bool(ends[:, 1].max() < NEAR_AN_END or ends[:, 0].min() > 1 - NEAR_AN_END)
    if is_logit:
        inside = [
            p for pools in tables.values() for pool in pools for p in (pool["lowest"], pool["highest"]) if 0 < p < 1
        ]
        reach = [max(-FARTHEST_LOGIT, min(map(logit, inside))), min(FARTHEST_LOGIT, max(map(logit, inside)))]
        low, high = reach[0] - 0.2, reach[1] + 0.2
    else:
        views = [view(pools) for pools in tables.values()]
        low, high = min(each[0] for each in views), max(each[1] for each in views)
    rows = [["", "log loss", "miscalibration", "slope"]]
    rows += [
        [label, fixed(m.log_loss, 4), fixed(m.miscalibration, 5), fixed(m.slope, 3)] for label, m in answers.items()
    ]
    sentence = (
        "Isotonic calibration curves; below the diagonal the observed frequency is lower than predicted, above it "
        f"higher. Bands are in the picture of each alone.{of_different_rows(answers)}"
    )
    figures = {"low": low, "high": high, "is_logit": is_logit}
    return Drawing("reliability", "Reliability diagrams", sentence, tables, figures, rows)


def roc(answers: Several) -> Drawing:
    """The ROC curve of each, with its area."""
    if reason := why_no_curve(answers):
        return not_drawn("roc", ROC, reason)
    tables = {label: thinned(m.roc_curve(), "fpr", "tpr") for label, m in answers.items()}
    rows = [["", "AUC"], *([label, area(m.auc)] for label, m in answers.items())]
    areas = listed([f"{label} {area(m.auc)}" for label, m in answers.items()], MOST)
    sentence = f"Area below the curve (AUC): {areas}.{of_different_rows(answers)}"
    return Drawing("roc", "ROC curves", sentence, tables, {}, rows)


def precision_recall(answers: Several) -> Drawing:
    """The precision–recall curve of each."""
    if reason := why_no_curve(answers):
        return not_drawn("precision_recall", PRECISION_RECALL, reason)
    curves = {label: m.precision_recall_curve(drop_intermediate=True) for label, m in answers.items()}
    tables = {label: thinned(curve, "recall", "precision") for label, curve in curves.items()}
    averages = {label: fixed(m.average_precision, 4) for label, m in answers.items()}
    rows = [["", "average precision"], *([label, average] for label, average in averages.items())]
    words = listed([f"{label} {average}" for label, average in averages.items()], MOST)
    sentence = f"Area below the steps (average precision): {words}.{of_different_rows(answers)}"
    return Drawing("precision_recall", "Precision–recall curves", sentence, tables, rates(answers), rows)


def decision(answers: Several) -> Drawing:
    """The net benefit of each."""
    tables = {label: m.decision_curve() for label, m in answers.items()}
    shown = [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9]
    rows = [["threshold", *tables]]
    listed_at = {label: m.decision_curve(shown)["net_benefit"] for label, m in answers.items()}
    rows += [[fixed(t, 2), *(fixed(of[k], 4) for of in listed_at.values())] for k, t in enumerate(shown)]
    sentence = (
        "Net benefit over the threshold probability, beside that of predicting every row positive, and none. "
        f"Intervals are in the picture of each alone; a difference of two is paired.{of_different_rows(answers)}"
    )
    return Drawing("decision", f"{DECISION}s", sentence, tables, rates(answers), rows)


def why_no_curve(answers: Several) -> str:
    """Why a curve needs other labels; "" if it does not."""
    lacking = [label for label, m in answers.items() if is_one_class(m)]
    return f"{ONE_CLASS} ({listed(lacking, MOST)})" if lacking else ""


def rates(answers: Several) -> dict[str, Any]:
    """The base rate of each, or one where all are the same."""
    found = {label: float(m.base_rate) for label, m in answers.items()}
    values = list(found.values())
    return {"base_rates": {"": values[0]} if max(values) - min(values) < SAME else found}


KINDS: dict[str, Callable[[Several], Drawing]] = {
    "reliability": reliability,
    "roc": roc,
    "precision_recall": precision_recall,
    "decision": decision,
}
