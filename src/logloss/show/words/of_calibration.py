"""A calibration in words, as people read it; nothing is computed here but how figures are written."""

from __future__ import annotations

import math

from logloss.calibration import Calibration
from logloss.calibration.maps import ScoreMap
from logloss.show.words import of_group_effects
from logloss.text import (
    LONGEST_NAMED,
    columns,
    confidence,
    counted,
    fixed,
    percent,
    printable,
    printable_lines,
    significant,
)


def text_of(c: Calibration) -> str:
    """The whole calibration."""
    groups = of_group_effects.lines_of(c)
    return printable_lines(
        "\n\n".join("\n".join(lines) for lines in (_head(c), _reduction(c), groups, _tried(c)) if lines)
    )


def advice(c: Calibration, command: str) -> str:
    """The expected reduction of the log loss by recalibration, and the command; or that none is shown."""
    if not c.is_worthwhile and "mixture" in c.shares:
        clause = f"{why_mixed(c)}. Recalibration keeps every loss finite"
        return f"{clause}:\n  {command}" if command else f"{clause}."
    if not c.is_worthwhile:
        rows = counted(c.n_rows, "row")
        if c.method == "identity" and c.group_effects is None:
            is_requested = c.requested == c.method
            return (
                f"No map was tried on {rows}."
                if is_requested
                else ("No calibration map reduces the cross-validated log loss.")
            )
        if not c.expected_reduction.has_interval:
            return f"The expected reduction by recalibration is not available: {c.expected_reduction.reason}."
        return f"Recalibration is not shown to reduce the log loss: expected reduction {_reduction_text(c)}, {rows}."
    if math.isinf(c.expected_reduction):
        clause = f"Recalibration makes the log loss finite: {fixed(c.log_loss_after, 4)} nats per row expected"
    else:
        clause = f"Recalibration is expected to reduce the log loss by {_reduction_text(c)}"
    return f"{clause}:\n  {command}" if command else f"{clause}."


def why_mixed(c: Calibration) -> str:
    """Why the predictions are not left as they are, though no reduction of the log loss is shown."""
    share = f"{significant(100 * c.share_certain, 2)}%"
    return f"{share} of the predicted probabilities are exactly 0 or 1, and a single wrong one has infinite loss"


def _reduction_text(c: Calibration) -> str:
    """The expected reduction with its interval."""
    digits = 4 if max(abs(c.expected_reduction.low), abs(c.expected_reduction.high)) >= 1e-3 else 6
    ends = confidence(c.expected_reduction.low, c.expected_reduction.high, digits)
    return f"{fixed(c.expected_reduction, digits)} ({ends})"


def percents(c: Calibration) -> dict[str, str]:
    """The share of each method of the map in per cent, the largest first; as printed they add up to 100."""
    whole = {method: math.floor(100 * share) for method, share in c.shares.items()}
    # Those that lose most by being cut off are rounded up (Hamilton's method).
    by_rest = sorted(whole, key=lambda method: whole[method] - 100 * c.shares[method])
    for method in by_rest[: 100 - sum(whole.values())]:
        whole[method] += 1
    return {method: f"{whole[method]}%" for method in sorted(whole, key=lambda method: -c.shares[method])}


def shares_text(c: Calibration) -> str:
    """The methods of the map with their shares."""
    return ", ".join(f"{named(method)} {share}" for method, share in percents(c).items())


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
        return f"isotonic: {counted(len(set(c.map.values)), 'pool')}"
    return "identity: the probabilities are unchanged"


def named(method: str) -> str:
    """A method as tables name it."""
    return "uncalibrated" if method == "identity" else method


def _head(c: Calibration) -> list[str]:
    """What it is and what it is made of."""
    of = f" of {printable(c.source, LONGEST_NAMED)}" if c.source else ""
    clause = [f"fitted to {counted(c.n_rows, 'row')}{of}", f"positive: {printable(c.positive, LONGEST_NAMED)}"]
    if c.negatives_kept != 1:
        clause.append(f"log-odds shifted first, as training kept {c.negatives_kept:g} of the negatives")
    lines = [f"Calibration: {described(c)}"]
    if c.group_effects is not None:
        lines.append(of_group_effects.described(c.group_effects))
    lines.append("; ".join(clause))
    for name, value in (("at_zero", 0), ("at_one", 1)):
        if name in c.parameters:
            lines.append(f"a predicted probability of exactly {value} becomes {significant(c.parameters[name])}")
    if c.has_zero or c.has_one:
        lines.append(why_mixed(c))
    return lines


def _reduction(c: Calibration) -> list[str]:
    """The log loss before and after, and the expected reduction."""
    if math.isnan(c.expected_reduction):
        reason = c.expected_reduction.reason
        return [f"log loss  {fixed(c.log_loss, 4)} nats; its expected reduction is not available: {reason}"]
    if c.method == "identity" and c.group_effects is None:
        return [f"log loss  {fixed(c.log_loss, 4)} nats. {advice(c, '')}"]
    spread = c.expected_reduction.reason
    if c.expected_reduction.has_interval:
        spread = confidence(c.expected_reduction.low, c.expected_reduction.high, 4)
    share = ""
    if math.isfinite(c.expected_reduction_share):
        share = f"{percent(c.expected_reduction_share, 1)} of the log loss"
    after = f"cross-validated in {counted(c.n_folds, 'fold')}"
    rows = [
        ["log loss", f"{fixed(c.log_loss, 4)} nats", "uncalibrated", ""],
        ["", fixed(c.log_loss_after, 4), f"recalibrated, {after}", ""],
        ["expected reduction", fixed(c.expected_reduction, 4), spread, share],
    ]
    if c.group_effects is not None:
        part, by = c.group_effects.expected_reduction, of_group_effects.names_of(c.group_effects)
        rows[1][2] = f"recalibrated by {by}, {after}"
        if c.method != "identity":
            alike = fixed(c.log_loss_after + part, 4)
            rows.insert(1, ["", alike, f"recalibrated by one map for all rows, {after}", ""])
        ends = confidence(part.low, part.high, 4) if part.has_interval else part.reason
        rows.append([f"of which by {by}", fixed(part, 4), ends, ""])
    lines = [line.rstrip() for line in columns(rows, "llll", gap="   ")]
    if not c.is_exact:
        lines.append(f"fitted to bins: certified to be at most {significant(c.gap, 2)} nats per row above its optimum")
    if c.expected_reduction.has_interval and not c.is_worthwhile:
        lines.append("recalibration is not shown to reduce the log loss: the interval contains 0")
    return lines


def _tried(c: Calibration) -> list[str]:
    """The methods that were tried."""
    if len(c.candidates) < 2:
        return []
    share = "requested" if c.requested == c.method else "share in the average"
    rows = [["method", "log loss", "expected reduction", "std. error", share]]
    for row in c.candidates:
        figures = [
            "" if math.isnan(row[key]) else fixed(row[key], 4) for key in ("expected_reduction_nats", "error_nats")
        ]
        own = percents(c).get(row["method"], "")
        rows.append([named(row["method"]), fixed(row["log_loss_nats"], 4), *figures, own])
    return columns(rows, "lrrrr", gap="   ")
