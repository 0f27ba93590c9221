"""Segments in words: which are miscalibrated, by how much and beyond what; where the log loss is high."""

from __future__ import annotations

import math

from logloss.segmentation import Segments
from logloss.show.words.of_measurement import caution_lines, ends_of, signed
from logloss.text import (
    LONGEST_NAMED,
    columns,
    count,
    counted,
    fixed,
    interval,
    listed,
    p_value,
    percent,
    printable,
    printable_lines,
    significant,
)

# Segments of high loss that are listed in text.
N_HIGH_SHOWN = 5
NONE = "No segment is significantly miscalibrated"


def text_of(s: Segments) -> str:
    """The whole answer."""
    paragraphs = [[header(s), tested(s)], columns(loss_rows(s), "lrl", gap="   ")]
    if len(s.miscalibrated):
        table, align = miscalibrated_table(s)
        paragraphs.append(["miscalibrated segments, each beyond those above it", *_indented(columns(table, align))])
        paragraphs.append(remarks_of_miscalibrated(s))
    else:
        paragraphs.append([f"{NONE} (|z| at most {fixed(s.critical_z, 2)} in all {count(s.n_segments)})."])
    if len(s.high_losses):
        table, align = high_losses_table(s, N_HIGH_SHOWN)
        head = "segments of single columns with a high log loss, and what they add to the mean"
        paragraphs.append([head, *_indented(columns(table, align))])
    paragraphs.append(caution_lines(s.cautions))
    return printable_lines("\n\n".join("\n".join(lines) for lines in paragraphs if lines))


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def header(s: Segments) -> str:
    """The rows."""
    of = f"{printable(s.source, LONGEST_NAMED)}: " if s.source else ""
    share = f"{significant(100 * s.base_rate, 3)}%{' of the weight' if s.has_weights else ''}"
    dropped = f", {counted(s.n_dropped, 'row')} dropped (missing values)" if s.n_dropped else ""
    return f"{of}{counted(s.n_rows, 'row')}, {share} positive ({printable(s.positive, LONGEST_NAMED)}){dropped}"


def tested(s: Segments) -> str:
    """What was searched."""
    n = len(s.columns)
    pairs = f" and their {counted(n * (n - 1) // 2, 'pair')}" if s.has_pairs else ""
    units = f"clusters of {listed([printable(name) for name in s.cluster])}" if s.cluster else "rows"
    return f"{counted(s.n_segments, 'segment')} of {counted(n, 'column')}{pairs} tested; {units} are independent"


def loss_rows(s: Segments) -> list[list[str]]:
    """The figures of all rows."""
    ends = f"95% CI {ends_of(s.log_loss, 4)}" if s.log_loss.has_interval else s.log_loss.reason
    rows = [["log loss", f"{fixed(s.log_loss, 4)} nats", ends]]
    rows.append(["mean predicted", fixed(s.mean_proba, 4), f"observed {fixed(s.base_rate, 4)}"])
    return rows


def miscalibrated_table(s: Segments) -> tuple[list[list[str]], str]:
    """The table of miscalibrated segments, and how its columns are aligned."""
    head = ["segment", "rows", "share", "log loss", "predicted", "observed", "difference", "95% CI"]
    lines = [[*head, "beyond", "gain (nats)", "p"]]
    for row in s.miscalibrated:
        cells = [row["segment"], count(row["rows"]), percent(row["share"], 1), fixed(row["log_loss_nats"], 4)]
        cells += [fixed(row["predicted"], 4), fixed(row["observed"], 4), signed(row["difference"], 4)]
        cells += [interval(row["difference_low"], row["difference_high"], 4), signed(row["difference_beyond"], 4)]
        lines.append([*cells, fixed(row["gain_nats"], 5), p_value(row["p_value"])])
    return lines, "lrrrrrrlrrr"


def remarks_of_miscalibrated(s: Segments) -> list[str]:
    """What the columns of that table are."""
    lines = [
        "difference: observed minus predicted, 95% CI over all segments tested; beyond: once the segments above are "
        "corrected",
        "gain: by how much a shift of its log-odds lowers the log loss of all rows beyond the segments above; p: over "
        "the whole search",
    ]
    if s.has_more:
        lines.append(f"others are significant beyond these {len(s.miscalibrated)}: raise `most` to see more")
    return lines


def high_losses_table(s: Segments, most: int) -> tuple[list[list[str]], str]:
    """The table of segments with a high log loss, and how its columns are aligned."""
    head = ["segment", "rows", "share", "log loss", "expected", "share of loss", "contribution", "95% CI"]
    lines = [head]
    for row in s.high_losses[:most]:
        low, high = row["contribution_nats_low"], row["contribution_nats_high"]
        cells = [row["segment"], count(row["rows"]), percent(row["share"], 1), fixed(row["log_loss_nats"], 4)]
        cells += [fixed(row["expected_nats"], 4), percent(row["loss_share"], 1), signed(row["contribution_nats"], 4)]
        lines.append([*cells, "" if math.isnan(low) else interval(low, high, 4)])
    return lines, "lrrrrrrl"


def sentence(s: Segments) -> str:
    """The answer in one sentence."""
    if not len(s.miscalibrated):
        return f"{NONE}."
    first, n = s.miscalibrated[0], len(s.miscalibrated)
    what = "observed more often than predicted" if first["difference"] > 0 else "observed less often than predicted"
    others = f" {counted(n - 1, 'more segment')} follow{'s' if n == 2 else ''}." if n > 1 else ""
    return (
        f"Largest gain: {first['segment']} ({counted(first['rows'], 'row')}), where positives are {what}: "
        f"{fixed(first['observed'], 4)} for {fixed(first['predicted'], 4)}.{others}"
    )
