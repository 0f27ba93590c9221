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
from logloss.show.drawings.of_difference import levels_table
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_measurement import group_value, p_text, parts_rows, shown, verdict_text
from logloss.text import adding_digits, count, counted, fixed, interval, listed, printable, significant

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
    """How often it happened where so much was said."""
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
    rows = [["predictions from", "to", "share of the rows", "share of positives"]]
    rows += [
        [significant(pool["lowest"]), significant(pool["highest"]), percent(pool["share"]), significant(pool["rate"])]
        for pool in pools[:MOST_LISTED]
    ]
    note = "Pools of neighbouring predictions: within each, more said did not mean more happened."
    if len(pools) > MOST_LISTED:
        note += f" The first {MOST_LISTED} of {count(len(pools))}."
    title = "Said and happened"
    return Drawing("reliability", title, _of_reliability(pools, figures), tables, figures, rows, note)


def _of_reliability(pools: SmallTable, figures: dict[str, Any]) -> str:
    """What to see in it."""
    far = max(pools, key=lambda pool: pool["share"] * abs(pool["rate"] - (pool["lowest"] + pool["highest"]) / 2))
    middle = (far["lowest"] + far["highest"]) / 2
    between = (
        f"about {significant(middle, 2)}"
        if far["highest"] - far["lowest"] < 0.02
        else f"{significant(far['lowest'], 2)} to {significant(far['highest'], 2)}"
    )
    clause = (
        "Where the curve runs below the diagonal, less happened than was said; above it, more. "
        f"Of the rows that were given {between}, {percent(far['rate'])} were positive."
    )
    if figures["bands_reason"]:
        return f"{clause} No bands are drawn: {figures['bands_reason']}."
    clause += " The grey band holds the curves of 95 of 100 calibrated forecasters at each prediction"
    left = figures["outside"]
    if left == 0:
        clause += "; this curve stays inside."
    else:
        clause += f"; this curve is outside it for {percent(left)} of the rows."
    return f"{clause} Between the dashed lines lies the whole true curve, with 95 % confidence."


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


def parts(m: Measurement) -> Drawing:
    """From what the base rate leaves open to the loss."""
    terms = [("discrimination", -1.0, m.discrimination), ("miscalibration", 1.0, m.miscalibration)]
    columns_of_parts = levels_table(("uncertainty", m.uncertainty), terms, ("log loss", m.log_loss))
    digits = 5
    if math.isfinite(m.log_loss):
        digits = adding_digits(m.log_loss, [m.uncertainty, -m.discrimination, m.miscalibration], least=4)
    rows = [["part", "nats per row", "95 %"]]
    rows += [[cell.strip() for cell in row[:3]] for row in parts_rows(m)]
    found = m.miscalibration
    figures = {
        "expected_if_calibrated_nats": found.expected_if_calibrated,
        "quantile_95_if_calibrated_nats": found.quantile_95_if_calibrated,
        "digits": digits,
    }
    wrong = f"adds {fixed(found, digits)} again: {fixed(m.log_loss, digits)}"
    if m.n_infinite:
        wrong = "adds infinitely much"
    sentence = (
        f"The base rate alone leaves {fixed(m.uncertainty, digits)} nats open. What the predictions know takes "
        f"{fixed(m.discrimination, digits)} away; what they get wrong about it {wrong}."
    )
    if not math.isnan(found.expected_if_calibrated):
        expected = significant(found.expected_if_calibrated, 2)
        sentence += f" The line in the third bar marks what chance alone would add: {expected}."
    return Drawing("parts", "The parts of the loss", sentence, {"parts": columns_of_parts}, figures, rows)


def largest_losses(m: Measurement) -> Drawing:
    """What share of the loss the costliest rows bear."""
    title = "Who pays the loss"
    reason = ""
    if m.n_infinite:
        reason = f"{counted(m.n_infinite, 'row')} cost infinitely much and would bear all of it"
    elif m.is_soft:
        reason = "not known of soft labels"
    elif m.n_rows == 1:
        reason = "there is one row"
    elif not m.log_loss > 0:
        reason = "there is no loss to share"
    if reason:
        return not_drawn("largest_losses", title, reason)
    found = loss_concentration(m)
    shares = dict(zip(found["share_of_rows"], found["share_of_loss"], strict=True))
    half = next(row["share_of_rows"] for row in found if row["share_of_loss"] >= 0.5)
    sentence = (
        f"The costliest 1 % of rows bear {percent(shares[0.01])} of the loss, 10 % bear {percent(shares[0.1])}; "
        f"half of it falls on {percent(half)} of them. Were all rows equally costly, the curve would be the diagonal."
    )
    figures = {"share_1_percent": shares[0.01], "share_10_percent": shares[0.1]}
    rows = [["share of the rows, the costliest first", "share of the loss"]]
    rows += [[percent(part), percent(shares[part])] for part in SHARES_LISTED]
    return Drawing("largest_losses", title, sentence, {"concentration": found}, figures, rows)


def groups(m: Measurement) -> Drawing:
    """What each group adds to the loss."""
    of = listed([printable(name, 24) for name in m.by], 3)
    # An array has no name but that of the argument.
    title = f"What each {'group' if of in ('', 'by') else of} adds"
    if m.groups is None or not len(m.groups):
        reason = "more than 4,096 groups: none is kept" if m.has_too_many_groups else "no groups were asked for (by=)"
        return not_drawn("groups", title, reason)
    every = sorted(m.groups, key=lambda row: -abs(row["contribution_nats"]))
    # As one text, so that null, "", 1 and "1" can be told apart.
    values = {name: m.groups[name] for name in m.by}
    names = [" · ".join(group_value(row[name], values[name]) for name in m.by) for row in every[:MOST_LISTED]]
    listed_ones = [{**row, "group": printable(name, 40)} for row, name in zip(every, names, strict=False)]
    chosen = listed_ones[:MOST_GROUPS]
    chosen.sort(key=lambda row: -row["contribution_nats"])
    keys = [
        "group",
        "rows",
        "share",
        "log_loss_nats",
        "contribution_nats",
        "contribution_nats_low",
        "contribution_nats_high",
    ]
    found = SmallTable({key: [row[key] for row in chosen] for key in keys})
    sentence = _of_groups(m, len(every), chosen)
    rows = [["group", "rows", "log loss", "95 %", "adds (nats)", "95 %"]]
    for row in listed_ones:
        loss = Estimate(row["log_loss_nats"], row["log_loss_nats_low"], row["log_loss_nats_high"], row["reason"])
        contribution = Estimate(
            row["contribution_nats"], row["contribution_nats_low"], row["contribution_nats_high"], row["reason"]
        )
        rows.append(
            [
                row["group"],
                count(row["rows"]),
                fixed(loss, 4),
                shown(loss, 4),
                fixed(contribution, 5),
                shown(contribution, 5),
            ]
        )
    note = "Those that add most, or take most away, first."
    if len(every) > MOST_LISTED:
        note += f" {MOST_LISTED} of {count(len(every))}."
    figures = {"log_loss_nats": float(m.log_loss), "by": of, "n_groups": len(every)}
    return Drawing("groups", title, sentence, {"groups": found}, figures, rows, note)


def _of_groups(m: Measurement, n_groups: int, chosen: list[dict[str, Any]]) -> str:
    """What to see in them."""
    if m.n_infinite:
        names = listed([row["group"] for row in chosen if row["contribution_nats"] == math.inf], 3)
        return f"The loss is infinite because of {names}; beside that, what the others add cannot be seen."
    top = chosen[0]
    clause = (
        "Right of the line a group costs more than all rows do on average, left of it less, each times its share of "
        f"the rows; together they add 0. {top['group']} adds most: {fixed(top['contribution_nats'], 4)} nats"
    )
    if not math.isnan(top["contribution_nats_low"]):
        clause += f" {interval(top['contribution_nats_low'], top['contribution_nats_high'], 4)}"
    if n_groups > len(chosen):
        clause += f". Drawn are the {len(chosen)} of {count(n_groups)} groups that move the loss most"
    return clause + "."


def percent(share: float) -> str:
    """`12 %`, `0.4 %`."""
    if share != 0 and abs(share) < 0.001:
        return f"{significant(100 * share, 1)} %"
    return f"{fixed(100 * share, 0 if abs(share) >= 0.0995 else 1)} %"


def verdict(m: Measurement) -> str:
    """Whether the miscalibration is worth repairing, against what chance alone would show."""
    found = m.miscalibration
    if math.isnan(found.expected_if_calibrated):
        return f"what chance alone would show is not available: {found.expected_if_calibrated_reason}."
    expected = f"a calibrated forecaster would show {significant(found.expected_if_calibrated, 2)} here"
    return f"{expected}: {verdict_text(found)} ({p_text(found.p_value)})."


KINDS = {"reliability": reliability, "parts": parts, "largest_losses": largest_losses, "groups": groups}


def kinds(m: Measurement) -> list[str]:
    """The pictures of a measurement, the first one as a rule."""
    return [name for name in KINDS if name != "groups" or m.by]
