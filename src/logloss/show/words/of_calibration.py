"""A calibration in words, as people read it; nothing is computed here but how figures are written."""

from __future__ import annotations

import math

from logloss.calibration import Calibration
from logloss.calibration.maps import ScoreMap
from logloss.text import LONGEST_NAMED, columns, counted, fixed, interval, printable, printable_lines, significant


def text_of(c: Calibration) -> str:
    """The whole calibration."""
    return printable_lines("\n\n".join("\n".join(lines) for lines in (_head(c), _saving(c), _tried(c)) if lines))


def advice(c: Calibration, command: str) -> str:
    """What recalibrating is expected to save, and the command that does it; or that no improvement is shown."""
    if not c.is_worthwhile and "mixture" in c.shares:
        return f"{why_mixed(c)}:\n  {command}" if command else f"{why_mixed(c)}."
    if not c.is_worthwhile:
        rows = counted(c.n_rows, "row")
        if c.method == "identity":
            return f"No map was tried on {rows}." if c.requested == c.method else f"No map improves {rows}."
        if not c.expected_reduction.has_interval:
            return f"Whether recalibrating would save anything cannot be said: {c.expected_reduction.reason}."
        return f"No improvement by recalibrating is shown on {rows}: it is expected to save {_saves_text(c)}."
    if math.isinf(c.expected_reduction):
        clause = f"Recalibrating makes the loss finite: {fixed(c.log_loss_after, 4)} nats per row expected"
    else:
        share = fixed(100 * c.expected_reduction_share, 1)
        clause = f"Recalibrating is expected to save {_saves_text(c)}, {share} % of the loss"
    return f"{clause}:\n  {command}" if command else f"{clause}."


def why_mixed(c: Calibration) -> str:
    """Why it is not left at what was said, though nothing is saved."""
    return (
        f"{significant(100 * c.share_certain, 2)} % of the forecasts are exactly 0 or 1: one wrong one costs infinity"
    )


def _saves_text(c: Calibration) -> str:
    """What it saves, with its interval."""
    digits = 4 if max(abs(c.expected_reduction.low), abs(c.expected_reduction.high)) >= 1e-3 else 6
    ends = interval(c.expected_reduction.low, c.expected_reduction.high, digits)
    return f"{fixed(c.expected_reduction, digits)} nats per row {ends}"


def percents(c: Calibration) -> dict[str, str]:
    """The share of each method of the map in per cent, the largest first; as printed they add up to 100."""
    whole = {method: math.floor(100 * share) for method, share in c.shares.items()}
    # Those that lose most by being cut off are rounded up (Hamilton's method).
    by_rest = sorted(whole, key=lambda method: whole[method] - 100 * c.shares[method])
    for method in by_rest[: 100 - sum(whole.values())]:
        whole[method] += 1
    return {method: f"{whole[method]} %" for method in sorted(whole, key=lambda method: -c.shares[method])}


def shares_text(c: Calibration) -> str:
    """The methods of the map with their shares."""
    return ", ".join(f"{method} {share}" for method, share in percents(c).items())


def described(c: Calibration) -> str:
    """The map in words."""
    if not isinstance(c.map, ScoreMap):
        return f"stack: {shares_text(c)}"
    a, b, shift = c.map.a, c.map.b, c.map.c
    if c.method == "shift":
        return f"shift of the log-odds by {significant(shift)}"
    if c.method == "temperature":
        return f"temperature {significant(1 / a) if a else 'inf'} (slope {significant(a)})"
    if c.method == "platt":
        return f"Platt: slope {significant(a)}, intercept {significant(shift)}"
    if c.method == "beta":
        return f"beta: a {significant(a)}, b {significant(b)}, c {significant(shift)}"
    if c.method == "mixture":
        return f"mixture: {significant(c.map.epsilon)} of the base rate {significant(c.map.base_rate)}"
    if c.method == "isotonic":
        return f"isotonic: {counted(len(set(c.map.values)), 'block')}"
    return "nothing is changed"


def _head(c: Calibration) -> list[str]:
    """What it is and what it is made of."""
    of = f" of {printable(c.source, LONGEST_NAMED)}" if c.source else ""
    positive = printable(c.positive, LONGEST_NAMED)
    clause = [f"Calibration  {described(c)}", f"from {counted(c.n_rows, 'row')}{of}", f"positive: {positive}"]
    if c.negatives_kept != 1:
        clause.append(f"log-odds shifted first: {c.negatives_kept:g} of the negatives kept")
    lines = [" · ".join(clause)]
    for name, value in (("at_zero", 0), ("at_one", 1)):
        if name in c.parameters:
            lines.append(f"what was said to be exactly {value} becomes {significant(c.parameters[name])}")
    if c.has_zero or c.has_one:
        lines.append(why_mixed(c))
    return lines


def _saving(c: Calibration) -> list[str]:
    """What it is expected to save."""
    if c.method == "identity" or math.isnan(c.expected_reduction):
        return [f"log loss  {fixed(c.log_loss, 4)} nats: {advice(c, '')}"]
    spread = (
        interval(c.expected_reduction.low, c.expected_reduction.high, 4)
        if c.expected_reduction.has_interval
        else c.expected_reduction.reason
    )
    share = ""
    if math.isfinite(c.expected_reduction_share):
        share = f"{fixed(100 * c.expected_reduction_share, 1)} % of the loss"
    rows = [
        ["log loss", f"{fixed(c.log_loss, 4)} nats", "", "as it is"],
        ["recalibrated", fixed(c.log_loss_after, 4), "", f"expected of new rows: {counted(c.n_folds, 'fold')}"],
        ["expected_reduction", fixed(c.expected_reduction, 4), spread, share],
    ]
    lines = [line.rstrip() for line in columns(rows, "llll", gap="   ")]
    if not c.is_exact:
        lines.append(f"certified: from bins, within {significant(c.gap, 2)} nats per row of the best of its kind")
    if c.expected_reduction.has_interval and not c.is_worthwhile:
        lines.append(f"no improvement is shown on {counted(c.n_rows, 'row')}: the interval of what it saves holds 0")
    return lines


def _tried(c: Calibration) -> list[str]:
    """The methods that were tried."""
    if len(c.candidates) < 2:
        return []
    rows = [
        [
            "",
            "log loss",
            "expected_reduction",
            "std. error",
            "asked for" if c.requested == c.method else "share in the map",
        ]
    ]
    for row in c.candidates:
        clause = percents(c).get(row["method"], "")
        expected_reduction = [
            "" if math.isnan(row[key]) else fixed(row[key], 4) for key in ("expected_reduction_nats", "error_nats")
        ]
        rows.append([row["method"], fixed(row["log_loss_nats"], 4), *expected_reduction, clause])
    return columns(rows, "lrrrr", gap="   ")
