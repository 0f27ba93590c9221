"""What holds of every summary: of none that rows have made is anything said, and of each that they cannot make something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import tables

from logloss.data.request import RowOptions
from logloss.files.summary_checks import faults_of
from logloss.measurement.record import summarise

SEED = 9


def kept(**requested):
    rng = np.random.default_rng(SEED)
    p = rng.random(300)
    y = (rng.random(300) < p).astype(int)
    table = {"y": y, "p": p, "w": rng.gamma(1, 1, 300), "g": rng.integers(0, 4, 300)}
    return summarise(table, RowOptions(y_true="y", y_proba="p", **requested))


@settings(max_examples=150)
@given(tables(min_rows=1))
def test_nothing_is_said_of_what_rows_have_made(table):
    """Extreme weights, forecasts and shares included."""
    names = ("y_proba", "y_logit", "sample_weight", "counts")
    requested = {name: getattr(table, name) for name in names if getattr(table, name) is not None}
    if table.y_proba_of_zero is not None:
        requested["y_proba"] = np.column_stack([table.y_proba_of_zero, table.y_proba])
    if (table.counts is not None and not table.counts.any()) or (
        table.sample_weight is not None and not table.sample_weight.any()
    ):
        return
    by = {"by": np.arange(table.n_rows) % 3, "cluster": np.arange(table.n_rows) % 5}
    assert list(faults_of(summarise(table.y_true, RowOptions(**requested, **by)))) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_rows": 0}, "more rows of a kind than rows"),
        ({"n_infinite": 301}, "more rows of a kind than rows"),
        ({"n_hard": (301, 1, 0)}, "more rows with hard labels than rows"),
        ({"n_hard": (300, 299, 0)}, "more rows with hard labels of a kind"),
        ({"hard": (1, 1 << 7000, 1)}, "sums are larger than its rows"),
        ({"general": (1,) * 20}, "sums are of other rows"),
        ({"n_positive": 299}, "totals of its groups do not add up"),
    ],
)
def test_numbers_that_no_rows_have_are_named(changes, words):
    record = kept(by="g")
    found = list(faults_of(replace(record, summary=replace(record.summary, **changes))))
    assert any(words in fault for fault in found)


def test_sums_of_products_are_bounded_by_their_squares():
    """Cauchy and Schwarz: no weights and losses have a larger sum of products."""
    record = kept(sample_weight="w")
    general = list(record.summary.general)
    general[3] *= 2
    found = list(faults_of(replace(record, summary=replace(record.summary, general=tuple(general)))))
    assert any('sums of products ("cw")' in fault for fault in found)


def test_a_part_more_or_less_is_seen():
    record = kept()
    found = list(faults_of(replace(record, parts=replace(record.parts, sizes=record.parts.sizes + 1))))
    assert found == ["its parts have other rows than it has"]
