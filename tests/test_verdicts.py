"""Verdicts with a margin: from which interval, in which direction, at which error rates; the gate of docs/gate.md."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from test_cli import run  # noqa: F401

import logloss
from logloss import DataError
from logloss.answers.estimate import Estimate
from logloss.comparison.verdicts import FLAGS, verdict_on

ROOT = Path(__file__).resolve().parents[1]
MARGIN = 0.002


def rows(seed: int, n_rows: int, noise: float = 0.3):
    """Labels, the forecast they are drawn from, and one with noise."""
    random = np.random.default_rng(seed)
    logit = random.normal(0, 1, n_rows)
    right, other = expit(logit), expit(logit + random.normal(0, noise, n_rows))
    return (random.random(n_rows) < right).astype(int), right, other


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict", "flags"),
    [
        (-0.01, -0.012, -0.008, "better", (True, False, True, False)),
        (-0.001, -0.0015, -0.0005, "better", (True, True, True, False)),
        (0.0, -0.001, 0.001, "equivalent", (True, True, False, False)),
        (0.001, 0.0005, 0.0015, "equivalent", (True, True, False, False)),
        (-0.001, -0.003, 0.001, "non-inferior", (True, False, False, False)),
        (0.001, -0.001, 0.003, "undecided", (False, False, False, False)),
        (0.0, -0.001, 0.002, "undecided", (False, False, False, False)),
        (0.004, 0.003, 0.005, "inferior", (False, False, False, True)),
        (math.inf, math.nan, math.nan, "inferior", (False, False, False, True)),
        (-math.inf, math.nan, math.nan, "better", (True, False, True, False)),
        (0.0, math.nan, math.nan, "undecided", (False, False, False, False)),
        (math.nan, math.nan, math.nan, "undecided", (False, False, False, False)),
    ],
)
def test_a_verdict_is_read_from_the_ends_of_the_interval(value, low, high, verdict, flags):
    """An interval that ends at the margin shows nothing: the claim is that the difference is below it."""
    difference = Estimate(value, low, high)
    found = logloss.Verdict("new", "old", MARGIN, difference, Estimate(math.nan), "")
    assert found.verdict == verdict_on(difference, MARGIN) == verdict
    assert tuple(getattr(found, name) for name in FLAGS) == flags


def test_the_first_forecaster_is_the_reference_and_the_difference_is_the_candidates_minus_its():
    y, right, other = rows(1, 4_000)
    for reference, is_better in (("right", False), ("other", True)):
        found = logloss.compare(y, {"right": right, "other": other}, margin=MARGIN, reference=reference)
        (verdict,) = found.verdicts
        assert (found.reference, verdict.reference) == (reference, reference)
        assert verdict.better is is_better
        pair = found.between("right", "other").simultaneous
        ends = (pair.low, pair.high) if not is_better else (-pair.high, -pair.low)
        assert (verdict.difference.low, verdict.difference.high) == ends
    first = logloss.compare(y, {"other": other, "right": right}, margin=MARGIN)
    assert first.reference == "other"
    assert [each.figures() for each in first.verdicts] == [each.figures() for each in found.verdicts]


def test_a_test_of_non_inferiority_has_the_rows_that_plan_computes():
    """At the planned number of rows a candidate that is as good is shown to be non-inferior in about 80% of samples."""
    y, right, other = rows(2, 60_000)
    mixed = np.where(np.random.default_rng(3).random(len(y)) < 0.5, right, other)
    swapped = np.where(mixed == right, other, right)
    spread = float(np.std(np.where(y == 1, np.log(mixed / swapped), np.log((1 - mixed) / (1 - swapped)))))
    n_rows = logloss.plan(std=spread, margin=0.01).rows_needed
    random, shown, times = np.random.default_rng(4), 0, 120
    for _ in range(times):
        chosen = random.integers(0, len(y), n_rows)
        forecasts = {"old": mixed[chosen], "new": swapped[chosen]}
        shown += logloss.compare(y[chosen], forecasts, margin=0.01).verdicts[0].non_inferior
    # 0.80 ± 3.5 standard errors of 120 samples, and the two are equal only in the whole population.
    assert 0.65 < shown / times < 0.93


def test_with_periods_there_is_a_verdict_valid_at_any_look():
    y, right, other = rows(5, 20_000, noise=0.6)
    day = np.repeat(np.arange(200), 100)
    found = logloss.compare(y, {"other": other, "right": right}, order=day, margin=0.05)
    (verdict,) = found.verdicts
    assert verdict.verdict_anytime == "better"
    table = found.pair.sequential.table
    # Of the better one less the worse one: the low end of the pair's difference, with the other sign.
    expected = next(name for name, low in zip(table["period"], table["low"], strict=True) if -low < 0.05)
    assert verdict.first_non_inferior == expected
    assert "non-inferior first at" in repr(found)
    alone = logloss.compare(y, {"other": other, "right": right}, margin=0.05)
    assert alone.verdicts[0].verdict_anytime == ""
    figures = alone.to_dict()
    assert figures["non_inferior_anytime"] is None
    assert figures["non_inferior_anytime_reason"] == "needs `order`"


def test_the_figures_of_two_are_flat_and_those_of_more_are_in_a_list():
    y, right, other = rows(6, 2_000)
    two = logloss.compare(y, {"other": other, "right": right}, margin=MARGIN).to_dict()
    assert (two["non_inferior"], two["better"], two["inferior"]) == (True, True, False)
    assert (two["margin_nats"], two["reference"], two["verdict"]) == (MARGIN, "other", "better")
    three = logloss.compare(y, {"other": other, "right": right, "half": y * 0 + 0.5}, margin=MARGIN).to_dict()
    assert three["non_inferior"] is None
    assert "more than two forecasters" in three["non_inferior_reason"]
    assert {each["candidate"]: each["verdict"] for each in three["verdicts"]} == {"right": "better", "half": "inferior"}
    assert (three["all_non_inferior"], three["all_better"]) == (False, False)
    assert json.loads(json.dumps(three, allow_nan=False)) == three
    plain = logloss.compare(y, {"other": other, "right": right}).to_dict()
    assert "non_inferior" not in plain
    assert "margin_nats" not in plain


def test_the_text_and_the_page_show_the_verdicts_and_a_saved_comparison_keeps_them(tmp_path):
    y, right, other = rows(7, 4_000)
    found = logloss.compare(y, {"right": right, "other": other}, margin=MARGIN)
    assert "margin 0.002 nats per row, reference right" in repr(found)
    assert "inferior: the interval lies above the margin" in repr(found)
    assert "Verdicts with a margin" in found.to_html()
    found.save(tmp_path / "found.json")
    assert logloss.load(tmp_path / "found.json").to_dict() == found.to_dict()
    few = logloss.compare(y[:15], {"right": right[:15], "other": other[:15]}, margin=MARGIN)
    assert re.search(r"other +Δ .*undecided: too few", repr(few))


@pytest.mark.parametrize("margin", [0, -0.002, math.nan, math.inf, True, "0.002"])
def test_a_margin_is_a_number_above_0(margin):
    with pytest.raises(DataError, match="`margin` must be a number above 0: the largest increase"):
        logloss.compare([1, 0], {"a": [0.5, 0.5], "b": [0.5, 0.5]}, margin=margin)


def test_a_reference_is_a_forecaster_and_needs_a_margin():
    forecasts = {"a": [0.5, 0.5], "b": [0.5, 0.5]}
    with pytest.raises(DataError, match="`reference` names the forecaster that `margin` is about"):
        logloss.compare([1, 0], forecasts, reference="a")
    with pytest.raises(DataError, match='`reference` must be one of the forecasters: a, b; got "c"'):
        logloss.compare([1, 0], forecasts, margin=0.1, reference="c")


@pytest.mark.parametrize("kind", ["margin", "peeking"])
def test_at_the_margin_a_verdict_of_non_inferiority_is_wrong_in_at_most_5_percent(kind):
    """The candidate is worse by exactly the margin, in expectation given the forecasts: each such verdict is an error."""
    wrong, times = 0, 80
    for seed in range(times):
        random = np.random.default_rng([9, seed])
        logit = random.normal(0, 1, 2_000)
        right, other = expit(logit), expit(logit + random.choice([-0.4, 0.4], len(logit)))
        gap = right * np.log(right / other) + (1 - right) * np.log((1 - right) / (1 - other))
        y = (random.random(len(logit)) < right).astype(int)
        periods = {"order": np.repeat(np.arange(40), 50)} if kind == "peeking" else {}
        # Of the population the margin is the mean gap; given the forecasts it is that of these rows.
        (verdict,) = logloss.compare(y, {"old": right, "new": other}, margin=float(gap.mean()), **periods).verdicts
        wrong += verdict.non_inferior if kind == "margin" else verdict.verdict_anytime in ("better", "non-inferior")
    # 2.5% nominal: more than 7 of 80 have a probability of 0.1%.
    assert wrong <= 7


def written(folder, *, is_worse: bool):
    """A table of forecasts as docs/gate.md has it."""
    y, right, other = rows(8, 8_000, noise=0.5)
    old, new = (right, other) if is_worse else (other, right)
    lines = "".join(f"{a},{b},{c}\n" for a, b, c in zip(y, old, new, strict=True))
    (folder / "holdout.csv").write_text("y,old,new\n" + lines, encoding="utf-8")


@pytest.mark.parametrize(
    "test", ["non_inferior == 0", "non_inferior == false", "non_inferior != true", "inferior == 1"]
)
def test_truth_values_are_tested_in_the_shell(run, tmp_path, test):  # noqa: F811
    words = (
        "compare",
        tmp_path / "holdout.csv",
        "-y",
        "y",
        "-p",
        "old",
        "-p",
        "new",
        "--margin",
        "0.002",
        "--fail-if",
        test,
    )
    for is_worse in (False, True):
        written(tmp_path, is_worse=is_worse)
        code, _, err = run(*words)
        assert code == int(is_worse), err
        assert (f"--fail-if is true: {test}" in err) is is_worse


def test_without_a_margin_there_is_no_such_figure(run, tmp_path):  # noqa: F811
    written(tmp_path, is_worse=False)
    words = ("compare", tmp_path / "holdout.csv", "-y", "y", "-p", "old", "-p", "new")
    code, _, err = run(*words, "--fail-if", "non_inferior == 0")
    assert code == 2
    assert 'no figure "non_inferior"' in err
    code, _, err = run(*words, "--margin", "nan")
    assert code == 2
    assert "--margin must be a number above 0" in err


def scripts():
    """The shell script of docs/gate.md, and what its step of GitHub Actions runs, as they stand there."""
    text = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
    script = re.search(r"```sh\n(#!/bin/sh\n.*?)```", text, re.DOTALL)[1]
    step = re.search(r"        run: \|\n(.*?)\n      - uses: actions/upload", text, re.DOTALL)[1]
    return script, textwrap.dedent(step)


@pytest.mark.parametrize("script", scripts(), ids=["shell", "actions"])
@pytest.mark.parametrize("is_worse", [False, True])
def test_the_scripts_of_the_document_are_gates(tmp_path, script, is_worse):
    written(tmp_path, is_worse=is_worse)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "logloss").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m logloss "$@"\n', encoding="utf-8")
    (tmp_path / "bin" / "logloss").chmod(0o755)
    (tmp_path / "gate.sh").write_text(script, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    # Steps of GitHub Actions run with -e.
    done = subprocess.run(["sh", "-e", "gate.sh"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == int(is_worse), done.stdout + done.stderr
    assert (tmp_path / "new.logloss").exists() is not is_worse
