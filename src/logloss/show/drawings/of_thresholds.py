"""What the pictures of a measurement's thresholds show: net benefit, the ROC and the precision–recall curve, shares by
threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from logloss.answers.estimate import Estimate
from logloss.answers.small_table import SmallTable
from logloss.inference.thresholds import OF_CURVE
from logloss.measurement import Measurement
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.text import confidence, fixed, interval, significant

# Points of a curve that is drawn; thresholds that are listed.
MOST_POINTS = 240
LISTED = (0.01, 0.02, 0.05, *(round(0.1 * k, 1) for k in range(1, 10)), 0.95)
DECISION, ROC, PRECISION_RECALL = "Decision curve", "ROC curve", "Precision–recall curve"
ONE_CLASS = "all labels are of one class"


def is_one_class(m: Measurement) -> bool:
    """Whether there is no pair of a positive and a negative."""
    return bool(np.isnan(m.auc))


def thinned(curve: SmallTable, x: str, y: str) -> SmallTable:
    """A curve with no more points than a picture shows: about equally far from each other along it."""
    if len(curve) <= MOST_POINTS:
        return curve
    steps = np.abs(np.diff(curve[x])) + np.abs(np.diff(curve[y]))
    along = np.concatenate([[0.0], np.cumsum(steps)])
    kept = np.searchsorted(along, np.linspace(0, along[-1], MOST_POINTS))
    kept = np.unique(np.concatenate([[0], kept, [len(curve) - 1]]))
    return SmallTable({name: np.array(curve[name])[kept].tolist() for name in curve.column_names})


def spans(thresholds: Sequence[float], is_in: Any) -> str:
    """The runs of thresholds at which something holds: `0.05 to 0.62`."""
    marks = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(is_in, int), [0]])))
    runs = [(thresholds[first], thresholds[end - 1]) for first, end in marks.reshape(-1, 2)]
    return ", ".join(f"{a:.2g}" if a == b else f"{a:.2g} to {b:.2g}" for a, b in runs)


def decision(m: Measurement) -> Drawing:
    """Net benefit over the threshold probability."""
    curve = m.decision_curve()
    at, benefit = curve["threshold"], np.array(curve["net_benefit"])
    best_default = np.maximum(curve["treat_all"], 0.0)
    is_above = benefit > best_default
    is_clear = (np.array(curve["net_benefit_low"]) > 0) & (np.array(curve["above_treat_all_low"]) > 0)
    sentence = (
        "The net benefit is the share of true positives less that of false positives, weighted by t / (1 − t), where "
        "rows are predicted positive from the threshold probability t on. "
    )
    sentence += (
        f"It is above that of both defaults, every row positive and none, at thresholds {spans(at, is_above)}"
        if is_above.any()
        else "At no threshold is it above that of both defaults, every row positive and none"
    )
    if is_clear.any():
        sentence += f"; the pointwise 95% intervals exclude that of both at {spans(at, is_clear)}"
    elif is_above.any() and not np.isnan(curve["net_benefit_low"]).all():
        sentence += "; at none of them do the pointwise 95% intervals exclude that of both"
    rows = [["threshold", "net benefit", "95% CI", "treat all", "treat none"]]
    for row in m.decision_curve(LISTED):
        ends = ends_of(row, "net_benefit")
        rows.append(
            [significant(row["threshold"], 2), fixed(row["net_benefit"], 4), ends, fixed(row["treat_all"], 4), "0"]
        )
    figures = {"base_rate": float(m.base_rate)}
    return Drawing("decision", DECISION, sentence + ".", {"curve": curve}, figures, rows, "Pointwise intervals.")


def ends_of(row: dict[str, Any], name: str, digits: int = 4) -> str:
    """The interval of a figure in a row of a table; "" if there is none."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "" if np.isnan(low) else interval(low, high, digits)


def area(auc: Estimate) -> str:
    """`0.7113 (95% CI 0.7005–0.7219)`."""
    ends = f" ({confidence(auc.low, auc.high, 4)})" if auc.has_interval else ""
    return f"{fixed(auc, 4)}{ends}"


def roc(m: Measurement) -> Drawing:
    """True positive rate over false positive rate."""
    if is_one_class(m):
        return not_drawn("roc", ROC, ONE_CLASS)
    curve = thinned(m.roc_curve(), "fpr", "tpr")
    sentence = (
        "Each point is a threshold: the share of positives above it over the share of negatives above it. The area "
        f"below the curve (AUC) is {area(m.auc)}; the diagonal has 0.5."
    )
    rows = [["threshold", "true positive rate", "95% CI", "false positive rate", "95% CI"]]
    for row in m.thresholds(LISTED):
        cells = [significant(row["threshold"], 2)]
        for name in ("recall", "fpr"):
            cells += [fixed(row[name], 4), ends_of(row, name)]
        rows.append(cells)
    figures = {"auc": float(m.auc), "auc_low": m.auc.low, "auc_high": m.auc.high}
    return Drawing("roc", ROC, sentence, {"curve": curve}, figures, rows)


def precision_recall(m: Measurement) -> Drawing:
    """Precision over recall."""
    if is_one_class(m):
        return not_drawn("precision_recall", PRECISION_RECALL, ONE_CLASS)
    curve = thinned(m.precision_recall_curve(drop_intermediate=True), "recall", "precision")
    average = m.average_precision
    sentence = (
        "Each point is a threshold: the share of positives among the rows above it over the share of all positives "
        f"that are above it. The area below the steps (average precision) is {fixed(average, 4)}; predictions without "
        f"discrimination have the base rate, {fixed(m.base_rate, 4)}."
    )
    rows = [["threshold", "recall", "95% CI", "precision", "95% CI"]]
    for row in m.thresholds(LISTED):
        cells = [significant(row["threshold"], 2)]
        for name in ("recall", "precision"):
            cells += [fixed(row[name], 4), ends_of(row, name)]
        rows.append(cells)
    figures = {"average_precision": average, "base_rate": float(m.base_rate)}
    return Drawing("precision_recall", PRECISION_RECALL, sentence, {"curve": curve}, figures, rows)


def thresholds(m: Measurement) -> Drawing:
    """Recall, precision and the share predicted positive over the threshold."""
    table = m.thresholds(OF_CURVE)
    names = ("recall", "precision", "predicted_positive")
    columns = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    curve = SmallTable({name: table[name] for name in ("threshold", *columns)})
    half = table[OF_CURVE.index(0.5)]
    sentence = (
        f"At a threshold of 0.5, {share(half['predicted_positive'])} of the rows are predicted positive, with a recall "
        f"of {share(half['recall'])} and a precision of {share(half['precision'])}. Bands: pointwise 95% intervals."
    )
    rows = [["threshold", "predicted positive", "recall", "95% CI", "precision", "95% CI"]]
    for row in m.thresholds(LISTED):
        cells = [significant(row["threshold"], 2), fixed(row["predicted_positive"], 4)]
        for name in ("recall", "precision"):
            cells += [fixed(row[name], 4), ends_of(row, name)]
        rows.append(cells)
    return Drawing("thresholds", "Recall and precision by threshold", sentence, {"curve": curve}, {}, rows)


def share(value: float) -> str:
    """`12.3%`, or that it is not defined."""
    return "an undefined share" if np.isnan(value) else f"{fixed(100 * value, 1)}%"


KINDS = {"decision": decision, "roc": roc, "precision_recall": precision_recall, "thresholds": thresholds}
