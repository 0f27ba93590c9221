"""What the pictures of a measurement show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logloss.answers.estimate import Estimate, expit, logit
from logloss.answers.small_table import SmallTable
from logloss.inference.reliability import (
    confidence_band,
    consistency_band,
    isotonic_curve,
    loss_concentration,
    prediction_histogram,
    prediction_quantiles,
    why_no_bands,
)
from logloss.measurement import Measurement
from logloss.show.drawings import of_thresholds
from logloss.show.drawings.of_difference import levels_table
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_measurement import group_value
from logloss.text import (
    MINUS,
    adding_digits,
    confidence,
    count,
    counted,
    fixed,
    interval,
    listed,
    printable,
    significant,
)
from logloss.text import percent as percent_text

# Pools that weigh less do not decide how much of the axes is shown.
LEAST_POOL = 0.005
# Where nine in ten predictions lie this near to 0, or to 1, the axes are in log-odds.
NEAR_AN_END = 0.1
# The axes in log-odds end here: p = 10^-6 is drawn where 10^-9 would be, too.
FARTHEST_LOGIT = 13.8
N_CELLS_OF_PREDICTED = 40
# Most groups that are drawn, and most pools that are listed.
MOST_GROUPS, MOST_LISTED = 24, 200
# Shares of the rows whose share of the loss is listed.
SHARES_LISTED = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)


def reliability(m: Measurement) -> Drawing:
    """The observed frequency of positives over the predicted probability."""
    pools = isotonic_curve(m)
    # Whether nearly all predictions lie so near to one end that axes in probability would hide them.
    least, most = prediction_quantiles(m, [0.05, 0.95])
    is_logit = most < NEAR_AN_END or least > 1 - NEAR_AN_END
    low, high = (0.0, 1.0) if is_logit else view(pools)
    reason = why_no_bands(m)
    tables = {"pools": pools, "predicted": prediction_histogram(m, cells(m, is_logit=is_logit, low=low, high=high))}
    figures: dict[str, Any] = {"low": low, "high": high, "is_logit": is_logit, "bands_reason": reason}
    figures |= {"base_rate": float(m.base_rate), "outside": math.nan}
    if not reason:
        tables |= {"consistency": consistency_band(m), "confidence": confidence_band(m)}
        figures["outside"] = outside(tables["consistency"])
    rows = [["predicted from", "to", "share of rows", "observed frequency"]]
    rows += [
        [significant(pool["lowest"]), significant(pool["highest"]), percent(pool["share"]), significant(pool["rate"])]
        for pool in pools[:MOST_LISTED]
    ]
    note = "Each row is a pool of neighbouring predictions with one observed frequency (isotonic regression)."
    if len(pools) > MOST_LISTED:
        note += f" The first {MOST_LISTED} of {count(len(pools))}."
    return Drawing("reliability", "Reliability diagram", _of_reliability(pools, figures), tables, figures, rows, note)


def _of_reliability(pools: SmallTable, figures: dict[str, Any]) -> str:
    """What to see in it."""
    farthest = max(pools, key=lambda pool: pool["share"] * abs(pool["rate"] - (pool["lowest"] + pool["highest"]) / 2))
    middle = (farthest["lowest"] + farthest["highest"]) / 2
    between = (
        f"a prediction of about {significant(middle, 2)}"
        if farthest["highest"] - farthest["lowest"] < 0.02
        else f"predictions from {significant(farthest['lowest'], 2)} to {significant(farthest['highest'], 2)}"
    )
    clause = (
        "Below the diagonal the observed frequency is lower than predicted, above it higher. "
        f"Of the rows with {between}, {percent(farthest['rate'])} are positive."
    )
    if figures["bands_reason"]:
        return f"{clause} Bands are not available: {figures['bands_reason']}."
    clause += " Grey: pointwise 95% consistency band, the range of the curve under perfect calibration"
    left = figures["outside"]
    if left == 0:
        clause += "; the curve is inside it everywhere."
    else:
        clause += f"; the curve is outside it for {percent(left)} of the rows."
    return f"{clause} Dashed: 95% confidence band of the true curve, if that is increasing."


def outside(band: SmallTable) -> float:
    """The share of the rows where the curve is not in the consistency band."""
    rows = [row for row in band if not row["low"] <= row["rate"] <= row["high"]]
    return float(sum(row["share"] for row in rows))


def view(pools: SmallTable) -> tuple[float, float]:
    """What both axes show: all predictions, and all but the lightest pools, to the next tenth."""
    heavy = [pool["rate"] for pool in pools if pool["share"] >= LEAST_POOL]
    low = min([pools[0]["lowest"], *heavy])
    high = max([pools[-1]["highest"], *heavy])
    low, high = math.floor(10 * low + 1e-9) / 10, math.ceil(10 * high - 1e-9) / 10
    return (low, high) if high - low >= 0.2 else (max(low - 0.1, 0.0), min(high + 0.1, 1.0))


def cells(m: Measurement, *, is_logit: bool, low: float, high: float) -> list[float]:
    """Edges of the cells of the distribution, equally wide as drawn."""
    if not is_logit:
        return np.linspace(low, high, N_CELLS_OF_PREDICTED + 1).tolist()
    least, most = prediction_quantiles(m, [0.0, 1.0])
    ends = [min(max(logit(p), -FARTHEST_LOGIT), FARTHEST_LOGIT) if 0 < p < 1 else None for p in (least, most)]
    start = -FARTHEST_LOGIT if ends[0] is None else math.floor(ends[0])
    stop = FARTHEST_LOGIT if ends[1] is None else math.ceil(ends[1])
    edges = np.linspace(start, max(stop, start + 1), N_CELLS_OF_PREDICTED + 1)
    return [0.0, *(float(expit(edge)) for edge in edges[1:-1]), 1.0]


def decomposition(m: Measurement) -> Drawing:
    """From the baseline to the log loss: uncertainty − discrimination + miscalibration."""
    terms = [("discrimination", -1.0, m.discrimination), ("miscalibration", 1.0, m.miscalibration)]
    levels = levels_table(("uncertainty", m.uncertainty), terms, ("log loss", m.log_loss))
    digits = 5
    if math.isfinite(m.log_loss):
        digits = adding_digits(m.log_loss, [m.uncertainty, -m.discrimination, m.miscalibration], least=4)
    rows = [["part", "nats per row", "95% CI"], ["uncertainty", fixed(m.uncertainty, digits), ends(m.uncertainty, 4)]]
    for name, part in (("discrimination", m.discrimination), ("miscalibration", m.miscalibration)):
        rows.append([f"{MINUS if name == 'discrimination' else '+'} {name}", fixed(part, digits), ""])
    rows.append(["= log loss", fixed(m.log_loss, digits), ends(m.log_loss, 4)])
    for name, part in (("discrimination", m.discrimination), ("miscalibration", m.miscalibration)):
        if part.excess.has_interval:
            rows.append([f"excess {name}", fixed(part.excess, digits), ends(part.excess, 4)])
    found = m.miscalibration
    figures = {
        "expected_if_calibrated_nats": found.expected_if_calibrated,
        "quantile_95_if_calibrated_nats": found.quantile_95_if_calibrated,
        "digits": digits,
    }
    raised = f"raises it by {fixed(found, digits)}, to {fixed(m.log_loss, digits)}"
    if m.n_infinite:
        raised = "is infinite"
    sentence = (
        f"Always predicting the base rate has a log loss of {fixed(m.uncertainty, digits)} nats (uncertainty). "
        f"Discrimination lowers it by {fixed(m.discrimination, digits)}; miscalibration {raised}."
    )
    if not math.isnan(found.expected_if_calibrated):
        expected = significant(found.expected_if_calibrated, 2)
        sentence += f" The mark in the third bar is the miscalibration expected if perfectly calibrated, {expected}."
    note = "An excess is without the overfitting of the isotonic regression." if len(rows) > 5 else ""
    return Drawing("decomposition", "Decomposition of the log loss", sentence, {"levels": levels}, figures, rows, note)


def ends(estimate: Estimate, digits: int) -> str:
    """What stands below "95% CI": an interval, or nothing."""
    return interval(estimate.low, estimate.high, digits) if estimate.has_interval else ""


def concentration(m: Measurement) -> Drawing:
    """What share of the loss the rows with the largest losses have."""
    title = "Loss concentration (Lorenz curve)"
    reason = ""
    if m.n_infinite:
        reason = f"{counted(m.n_infinite, 'row')} {'has' if m.n_infinite == 1 else 'have'} an infinite loss"
    elif m.is_soft:
        reason = "not known of soft labels"
    elif m.n_rows == 1:
        reason = "there is one row"
    elif not m.log_loss > 0:
        reason = "the log loss is 0"
    if reason:
        return not_drawn("concentration", title, reason)
    curve = loss_concentration(m)
    shares = dict(zip(curve["share_of_rows"], curve["share_of_loss"], strict=True))
    half = next(row["share_of_rows"] for row in curve if row["share_of_loss"] >= 0.5)
    sentence = (
        f"The 1% of rows with the largest losses account for {percent(shares[0.01])} of the loss, the top 10% for "
        f"{percent(shares[0.1])}; half of the loss is in {percent(half)} of the rows. "
        "If all rows had the same loss, the curve would be the diagonal."
    )
    figures = {"share_1_percent": shares[0.01], "share_10_percent": shares[0.1]}
    rows = [["share of rows, largest losses first", "share of the loss"]]
    rows += [[percent(part), percent(shares[part])] for part in SHARES_LISTED]
    return Drawing("concentration", title, sentence, {"curve": curve}, figures, rows)


def groups(m: Measurement) -> Drawing:
    """What each group contributes to the log loss."""
    of = listed([printable(name, 24) for name in m.by], 3)
    # An array has no name but that of the argument.
    title = "Contribution of each group" if of in ("", "by") else f"Contribution by {of}"
    if m.groups is None or not len(m.groups):
        reason = "more than 4,096 groups: none is kept" if m.has_too_many_groups else "it needs groups (by=)"
        return not_drawn("groups", title, reason)
    every = sorted(m.groups, key=lambda row: -abs(row["contribution_nats"]))
    # As one text, so that null, "", 1 and "1" differ.
    values = {name: m.groups[name] for name in m.by}
    names = [" · ".join(group_value(row[name], values[name]) for name in m.by) for row in every[:MOST_LISTED]]
    rows_listed = [{**row, "group": printable(name, 40)} for row, name in zip(every, names, strict=False)]
    chosen = sorted(rows_listed[:MOST_GROUPS], key=lambda row: -row["contribution_nats"])
    keys = ["group", "rows", "share", "log_loss_nats"]
    keys += ["contribution_nats", "contribution_nats_low", "contribution_nats_high"]
    table = SmallTable({key: [row[key] for row in chosen] for key in keys})
    rows = [["group", "rows", "log loss", "95% CI", "contribution (nats)", "95% CI"]]
    for row in rows_listed:
        cells = [row["group"], count(row["rows"])]
        for name, digits in (("log_loss_nats", 4), ("contribution_nats", 5)):
            estimate = Estimate(row[name], row[f"{name}_low"], row[f"{name}_high"])
            cells += [fixed(estimate, digits), ends(estimate, digits)]
        rows.append(cells)
    note = "Ordered by the size of the contribution."
    if len(every) > MOST_LISTED:
        note += f" {MOST_LISTED} of {count(len(every))}."
    figures = {"log_loss_nats": float(m.log_loss), "by": of, "n_groups": len(every)}
    return Drawing("groups", title, _of_groups(m, len(every), chosen), {"groups": table}, figures, rows, note)


def _of_groups(m: Measurement, n_groups: int, chosen: list[dict[str, Any]]) -> str:
    """What to see in them."""
    if m.n_infinite:
        names = listed([row["group"] for row in chosen if row["contribution_nats"] == math.inf], 3)
        return f"The log loss is infinite because of {names}; no contribution of the other groups is visible beside it."
    top = chosen[0]
    digits = 4 if abs(top["contribution_nats"]) >= 1e-3 else 6
    clause = (
        "A contribution is the log loss of the group minus that of all rows, times the group's share of the rows; all "
        f"contributions add up to 0. The largest is that of {top['group']}, "
        f"{fixed(top['contribution_nats'], digits)} nats"
    )
    if not math.isnan(top["contribution_nats_low"]):
        clause += f" ({confidence(top['contribution_nats_low'], top['contribution_nats_high'], digits)})"
    if n_groups > len(chosen):
        clause += f". Shown are the {len(chosen)} of {count(n_groups)} groups with the largest contributions"
    return clause + "."


def percent(share: float) -> str:
    """`12%`, `0.4%`."""
    if share != 0 and abs(share) < 0.001:
        return f"{significant(100 * share, 1)}%"
    return percent_text(share, 0 if abs(share) >= 0.0995 else 1)


KINDS = {
    "reliability": reliability,
    "decomposition": decomposition,
    "concentration": concentration,
    **of_thresholds.KINDS,
    "groups": groups,
}


def kinds(m: Measurement) -> list[str]:
    """The pictures of a measurement; the first one is drawn if none is named."""
    return [name for name in KINDS if name != "groups" or m.by]
