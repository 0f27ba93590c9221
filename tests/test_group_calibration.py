"""Calibration by group: what each row becomes, what is expected of it, what is refused, and its file."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from test_cli import run  # noqa: F401

import logloss
from logloss import Calibrator, DataError, calibrate, load, measure
from logloss.calibration import calibrated_groups
from logloss.files.document import document_bytes, document_of
from logloss.files.fitted_file import bytes_of_fitted, fitted_of_fields
from logloss.onepass.summaries import grouped

SHIFT, SLOPE = np.array([-0.9, -0.2, 0.1, 0.9]), np.array([0.8, 1.0, 1.1, 1.3])


def sample(seed, n_rows, shift=SHIFT, slope=SLOPE):
    """Groups, forecasts of two digits, and labels whose log-odds have a shift and a slope for each group."""
    random = np.random.default_rng(seed)
    groups = random.integers(0, len(shift), n_rows)
    proba = np.round(expit(random.normal(-0.3, 1.2, n_rows)), 2).clip(0.01, 0.99)
    truth = expit(shift[groups] + slope[groups] * logit(proba))
    return groups, proba, (random.random(n_rows) < truth).astype(np.uint8)


G, P, Y = sample(1, 4000)
NAMES = np.array(["at", "be", "ch", "de"])
TABLE = {"y": Y, "p": P, "country": NAMES[G], "number": G, "half": G % 2, "one": np.ones(4000)}
BY_COUNTRY = calibrate(TABLE, y_true="y", y_proba="p", by="country")


def by_columns(by, **words):
    return calibrate(TABLE, y_true="y", y_proba="p", by=by, method="platt", **words)


def without_groups(c):
    return dataclasses.replace(c, group_effects=None)


def test_many_rows_of_a_group_are_calibrated_as_by_themselves():
    """With the identity as the map of all rows an effect is a line in the log-odds: that of statsmodels for each group,
    but for what it is shrunk by, half of its standard error of 0.08 at most."""
    groups, proba, y = sample(2, 16_000)
    c = calibrate(y, proba, by=groups, method="identity")
    for group in range(4):
        own = groups == group
        line = sm.Logit(y[own].astype(float), sm.add_constant(logit(proba[own]))).fit(disp=0)
        mine = logit(c.apply([0.2, 0.7], groups=[group, group]))
        assert mine == pytest.approx(line.predict([[1, logit(0.2)], [1, logit(0.7)]], which="linear"), abs=0.04)


def test_the_table_has_each_group_and_what_was_observed_there():
    table = BY_COUNTRY.groups
    assert table["country"] == NAMES.tolist()
    for row, name in zip(table, NAMES, strict=True):
        own = TABLE["country"] == name
        assert row["rows"] == own.sum()
        assert row["base_rate"] == pytest.approx(Y[own].mean())
        assert row["mean_proba"] == pytest.approx(P[own].mean())
        assert row["log_loss_nats"] == pytest.approx(logloss.log_loss(Y[own], P[own]))
    shares = np.array(table["share"])
    assert shares.sum() == pytest.approx(1)
    # Each group's share times its own reduction makes the whole, but for the map's share of Burman's term.
    total = float(shares @ np.array(table["expected_reduction_nats"]))
    assert total == pytest.approx(BY_COUNTRY.expected_reduction, abs=2e-4)
    assert table["shift"] == sorted(table["shift"])


def test_a_group_that_was_not_seen_gets_the_map_of_all_rows():
    alike = without_groups(BY_COUNTRY).apply(P)
    assert BY_COUNTRY.apply(P, groups=np.full(len(P), "fr")).tolist() == alike.tolist()
    assert BY_COUNTRY.apply(P, groups=[None] * len(P)).tolist() == alike.tolist()
    assert (BY_COUNTRY.apply(P, groups=TABLE["country"]) != alike).all()


def test_nothing_is_a_group():
    groups = np.where(G == 0, None, NAMES[G]).astype(object)
    c = calibrate(Y, P, by=groups)
    assert c.groups["by"] == [None, "be", "ch", "de"]
    assert c.apply(0.5, groups=[None]) == pytest.approx(BY_COUNTRY.apply(0.5, groups="at"), abs=1e-3)


def test_probabilities_and_log_odds_become_the_same():
    names = TABLE["country"]
    assert BY_COUNTRY.apply(P, names) == pytest.approx(expit(BY_COUNTRY.apply_logit(logit(P), names)), rel=1e-12)


@pytest.mark.parametrize("make", [dict, pd.DataFrame, pl.DataFrame, pa.table])
def test_groups_of_several_columns_come_as_a_table(make):
    c = by_columns(["country", "half"])
    assert c.by == ("country", "half")
    assert [tuple(row[name] for name in c.by) for row in c.groups] == [("at", 0), ("be", 1), ("ch", 0), ("de", 1)]
    found = c.apply([0.5, 0.5, 0.5], groups=make({"half": [0, 1, 1], "country": ["at", "be", "at"]}))
    assert found[2] == without_groups(c).apply(0.5)
    assert found[0] < found[2]


def test_a_measurement_has_what_is_needed():
    m = measure(TABLE, y_true="y", y_proba="p", by=["country", "half"])
    of_both = calibrate(m, by=["country", "half"], method="platt")
    assert of_both.group_effects == by_columns(["country", "half"]).group_effects
    margin = calibrate(m, by="country", method="platt")
    assert margin.groups["country"] == NAMES.tolist()
    assert margin.groups["shift"] == pytest.approx(by_columns("country").groups["shift"], abs=1e-6)


def test_scores_in_bins_give_nearly_the_same(monkeypatch):
    """Coarse bins of a quarter of log-odds: a shift is off by less than a tenth of its standard error."""
    from logloss.onepass.summaries import cells

    fine = calibrate(Y, P, by=G, method="platt")
    monkeypatch.setattr(cells, "MOST_CELLS", 100)
    coarse = calibrate(Y, P, by=G, method="platt")
    errors = np.array(fine.groups["shift_error"])
    assert np.abs(np.array(fine.groups["shift"]) - coarse.groups["shift"]).max() < 0.1 * errors.min()
    assert coarse.expected_reduction == pytest.approx(fine.expected_reduction, abs=5e-4)


def test_more_groups_than_a_measurement_details_are_calibrated_from_rows():
    groups, proba, y = sample(3, 3000, np.zeros(300), np.ones(300))
    assert len(calibrate(y, proba, by=groups).groups) == len(np.unique(groups)) > 256
    with pytest.raises(DataError, match='keeps the scores of at most 256 groups; "by" has 300'):
        calibrate(measure(y, proba, by=groups), by="by")


def test_groups_without_effects_are_shrunk_to_nearly_nothing():
    """Eight groups of 250 rows have shifts with standard errors of 0.15 by themselves, and move by a tenth of that."""
    for seed in range(6):
        groups, proba, y = sample(seed, 2000, np.zeros(8), np.ones(8))
        c = calibrate(y, proba, by=groups, method="platt")
        assert c.group_effects.shift_sd < 0.2
        moved = np.asarray(c.apply(proba, groups)) - without_groups(c).apply(proba)
        assert np.abs(moved).mean() < 0.02


def test_the_scale_of_the_weights_changes_nothing():
    w = np.random.default_rng(3).lognormal(0, 0.5, 4000)
    first, other = (calibrate(Y, P, by=G, sample_weight=w * k, method="platt") for k in (1.0, 1e-3))
    assert other.groups["shift"] == pytest.approx(first.groups["shift"], abs=1e-6)
    assert float(other.expected_reduction) == pytest.approx(float(first.expected_reduction), abs=1e-8)


def test_counts_are_rows():
    n = np.random.default_rng(5).integers(0, 4, 4000)
    counted = calibrate(Y, P, by=G, counts=n, method="shift")
    repeated = calibrate(np.repeat(Y, n), np.repeat(P, n), by=np.repeat(G, n), method="shift")
    assert counted.group_effects == repeated.group_effects


def test_folds_keep_clusters_whole():
    """Rows that stand five times are no five rows: with clusters the interval is as wide as that of each once, and
    without it is narrower by the root of five."""
    many = [np.repeat(each, 5) for each in (Y, P, G)]
    cluster = np.repeat(np.arange(4000), 5)
    once = calibrate(Y, P, by=G, method="platt").group_effects.expected_reduction
    whole = calibrate(many[0], many[1], by=many[2], cluster=cluster, method="platt").group_effects.expected_reduction
    split = calibrate(many[0], many[1], by=many[2], method="platt").group_effects.expected_reduction
    width = [each.high - each.low for each in (once, whole, split)]
    assert width[2] == pytest.approx(width[0] / 5**0.5, rel=0.1)
    # Of ten folds a standard error has one of its own of a quarter, and t with 9 degrees of freedom is wider by 15%.
    assert 0.5 < width[1] / width[0] < 2
    assert whole == pytest.approx(once, abs=0.003)


def test_the_rows_of_every_fold_are_those_of_the_whole():
    from logloss.data.request import RowOptions
    from logloss.measurement import summarise_groups

    cluster = np.arange(4000) // 8
    record, parts = summarise_groups(Y, RowOptions(y_proba=P, by=G, cluster=cluster), 10)
    groups = calibrated_groups.groups_of(record.summary, (), parts)
    bins, cells, folds = calibrated_groups.cells_and_folds(record.summary, groups, parts, 10, None)
    assert folds.sum(axis=0) == pytest.approx(cells.masses, abs=1e-15)
    assert cells.folds_of_whole(folds).sum(axis=0) == pytest.approx(bins.masses, abs=1e-15)


def test_forecasts_of_exactly_one_become_what_their_group_has():
    proba, y = P.copy(), Y.copy()
    proba[:40], y[:40] = 1.0, 1
    y[0] = 0
    c = calibrate(y, proba, by=G)
    assert c.expected_reduction == math.inf
    assert math.isfinite(c.log_loss_after)
    at_one = c.apply(np.ones(4), groups=np.arange(4))
    assert (np.diff(at_one) != 0).all()
    assert ((at_one > 0.5) & (at_one < 1)).all()
    lost = [row for row in c.groups if math.isinf(row["log_loss_nats"])]
    assert [row["expected_reduction_nats"] for row in lost] == [math.inf]
    assert [row["reason"] for row in lost] == ["the log loss is infinite"]
    assert repr(c)
    with pytest.raises(DataError, match='`method="identity"` leaves forecasts of exactly 0 and 1 as they are'):
        calibrate(y, proba, by=G, method="identity")


def test_one_group_has_the_map_of_all_rows_and_says_so():
    c = by_columns("one")
    assert c.by == ()
    assert c.map == calibrate(TABLE, y_true="y", y_proba="p", method="platt").map
    assert c.notes[-1] == 'every row is of one group of "one", 1: its map is that of all rows'


def test_groups_of_one_row_have_no_interval():
    c = calibrate(Y[:300], P[:300], by=np.arange(300))
    assert len(c.groups) == 300
    assert {reason.split(" (")[0] for reason in c.groups["reason"]} == {"too few positives", "too few negatives"}
    assert "no CI: too few" in repr(c)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"by": "nope"}, 'no column "nope". The table has: y, p, country'),
        ({"by": "y"}, '`by` must name a column that is known when a row is predicted; "y" is `y_true`'),
        ({"by": ["country", "p"]}, '"p" is `y_proba`'),
        ({"by": "country", "cluster": "one"}, "all rows are of one; leave out `cluster`, or `by`"),
    ],
)
def test_groups_that_cannot_be_are_refused(words, says):
    with pytest.raises(DataError) as error:
        by_columns(**words)
    assert says in str(error.value)


def test_too_many_groups_are_refused():
    n = 5000
    with pytest.raises(DataError, match='at most 4,096 groups are calibrated; "by" has more'):
        calibrate(np.resize(Y, n), np.resize(P, n), by=np.arange(n))


@pytest.mark.parametrize(
    ("of", "by", "says"),
    [
        ({"by": "country"}, "half", 'the measurement has no groups of "half" (it has: country)'),
        ({}, "country", 'the measurement has no groups of "country" (it has: none)'),
        ({"by": "country", "cluster": "number"}, "country", "folds keep clusters whole. Pass the rows"),
        ({"by": "country", "groups": ["at"]}, "country", "the measurement pools some groups"),
        ({"by": "country"}, G, "`by` must be the names of columns that the measurement is grouped by"),
    ],
)
def test_measurements_that_lack_what_is_needed_are_refused(of, by, says):
    m = measure(TABLE, y_true="y", y_proba="p", **of)
    with pytest.raises(DataError) as error:
        calibrate(m, by=by)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        (None, 'this calibration is by "country": pass `groups`'),
        ([3], 'the groups of "country" are text in this calibration, such as "at"; got numbers, such as 3'),
        (["at", "be"], "y_proba has 1 row and country has 2"),
        ({"nation": ["at"]}, '`groups` has no column "country". It has: nation'),
    ],
)
def test_groups_of_new_rows_that_do_not_fit_are_refused(groups, says):
    with pytest.raises(DataError) as error:
        BY_COUNTRY.apply([0.5], groups=groups)
    assert says in str(error.value)


def test_a_calibration_without_groups_takes_none():
    with pytest.raises(DataError, match="this calibration has one map for all rows; leave out `groups`"):
        without_groups(BY_COUNTRY).apply([0.5], groups=["at"])


def test_a_calibration_by_group_has_no_venn_abers_pair():
    with pytest.raises(DataError, match="a calibration by group has no Venn–Abers pair"):
        BY_COUNTRY.interval([0.5])


def test_a_file_keeps_the_groups(tmp_path):
    for name, c in (("a.json", BY_COUNTRY), ("b.json", calibrate(Y, P, by=np.where(G, G * 0.5, np.nan)))):
        c.save(tmp_path / name)
        again = load(tmp_path / name)
        assert again == c
        assert again.groups == c.groups
        assert repr(again) == repr(c)
    assert load(tmp_path / "b.json").apply(0.5, groups=[np.nan]) == c.apply(0.5, groups=[None])


def test_files_of_before_have_no_groups():
    fields = document_of(bytes_of_fitted(without_groups(BY_COUNTRY)), "c.json")
    assert fields.pop("group_effects") is None
    assert fitted_of_fields(document_of(document_bytes("calibration", fields_without_head(fields)), "c"), "c").by == ()


def fields_without_head(fields):
    """The fields of a document without those that every document has."""
    return {
        name: value for name, value in fields.items() if name in {each.name for each in dataclasses.fields(BY_COUNTRY)}
    }


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("slopes", [1.0, -1.0, 1.0, 1.0], "finite numbers of at least 0 in group_effects: slopes"),
        ("shifts", [0.0], "as many of each of their figures"),
        ("names", [["at"], ["at"], ["ch"], ["de"]], "groups that differ"),
        ("columns", [], "a column or several"),
    ],
)
def test_damaged_files_are_refused(field, value, says):
    fields = fields_without_head(document_of(bytes_of_fitted(BY_COUNTRY), "c.json"))
    fields["group_effects"] = {**fields["group_effects"], field: value}
    with pytest.raises(DataError) as error:
        fitted_of_fields(document_of(document_bytes("calibration", fields), "c"), "c")
    assert says in str(error.value)


def test_json_has_the_groups_and_their_part_of_the_reduction():
    figures = json.loads(json.dumps(BY_COUNTRY.to_dict()))
    assert figures["by"] == ["country"]
    assert figures["n_groups"] == len(figures["groups"]) == 4
    ends = [figures[f"expected_reduction_by_group_nats{end}"] for end in ("_low", "", "_high")]
    assert ends == sorted(ends)
    assert figures["groups"][0]["country"] == "at"
    assert figures["groups"][0]["expected_reduction_nats"] > 0


def test_the_text_has_the_largest_part_of_the_reduction_first():
    text = repr(BY_COUNTRY)
    assert "then by country: a shift and a slope of the log-odds of each of 4 groups" in text
    assert "of which by country" in text
    lines = text.splitlines()
    begin = next(k for k, line in enumerate(lines) if line.startswith("country"))
    parts = {row["country"]: row["share"] * row["expected_reduction_nats"] for row in BY_COUNTRY.groups}
    assert [line[:2] for line in lines[begin + 1 : begin + 5]] == sorted(parts, key=lambda name: -parts[name])


def test_the_page_and_the_picture_show_the_groups(tmp_path):
    BY_COUNTRY.to_html(tmp_path / "c.html")
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "Shift and slope by country" in page
    assert "standard deviation between groups" in page
    table = logloss.drawing(BY_COUNTRY, "groups").table("groups")
    assert sorted(table["shift"]) == sorted(BY_COUNTRY.groups["shift"])
    assert all(row["shift_low"] < row["shift"] < row["shift_high"] for row in table)


def test_the_shell_calibrates_by_group_and_applies_it_by_name(run, tmp_path):  # noqa: F811
    random = np.random.default_rng(5)
    x, year = random.normal(size=3000), 2020 + G[:3000]
    frame = pd.DataFrame({"y": (random.random(3000) < expit(x + SHIFT[G[:3000]])) * 1, "x": x, "year": year})
    table, model, out = tmp_path / "t.csv", tmp_path / "m.json", tmp_path / "p.csv"
    frame.to_csv(table, index=False)
    logloss.fit(frame, "y", features=["x"]).save(model)
    assert run("predict", model, table, "--keep", "y,year", "-o", out)[0] == 0
    made = tmp_path / "c.json"
    code, text, _ = run("calibrate", out, "-y", "y", "-p", "y_proba", "--by", "year", "-o", made)
    assert code == 0
    assert "then by year: a shift of the log-odds of each of 4 groups" in text or "a shift and a slope" in text
    again, new = tmp_path / "q.csv", tmp_path / "new.csv"
    assert run("predict", model, table, "--calibration", made, "-o", again)[0] == 0
    c, before = load(made), pd.read_csv(out)
    expected = c.apply(before.y_proba, groups=before.year.astype(str))
    assert pd.read_csv(again).y_proba.to_numpy() == pytest.approx(np.asarray(expected), rel=1e-9)
    frame.assign(year=[2099] + year[1:].tolist()).to_csv(new, index=False)
    code, _, err = run("predict", model, new, "--calibration", made, "-o", again)
    assert code == 0
    assert '1 of 3,000 rows are of groups of "year" that the calibration has not seen' in err
    frame.drop(columns="year").to_csv(new, index=False)
    code, _, err = run("predict", model, new, "--calibration", made, "-o", again)
    assert code == 3
    assert 'the calibration is by "year", and the rows have no column "year"' in err
    summary = tmp_path / "s.logloss"
    assert run("measure", out, "-y", "y", "-p", "y_proba", "--by", "year", "-o", summary)[0] == 0
    code, text, _ = run("calibrate", summary, "--by", "year", "--json")
    assert code == 0
    assert json.loads(text)["groups"][0]["year"] == "2020"


@pytest.mark.parametrize("has_names", [True, False])
def test_the_estimator_finds_its_groups_in_x(has_names):
    random = np.random.default_rng(5)
    x = random.normal(size=4000)
    y = random.random(4000) < expit(x + SHIFT[G])
    if has_names:
        rows, groups = pd.DataFrame({"x": x, "country": NAMES[G]}), "country"
        classifier = make_pipeline(make_column_transformer(("passthrough", ["x"])), LogisticRegression())
    else:
        rows, groups = np.column_stack([x, G]), 1
        classifier = make_pipeline(make_column_transformer(("passthrough", [0])), LogisticRegression())
    fit = Calibrator(classifier, method="platt", groups=groups).fit(rows, y)
    assert fit.calibration_.by == (str(groups),)
    assert fit.calibration_.groups["shift"] == sorted(fit.calibration_.groups["shift"])
    alike = Calibrator(classifier, method="platt").fit(rows, y)
    assert logloss.log_loss(y, fit.predict_proba(rows)) < logloss.log_loss(y, alike.predict_proba(rows)) - 0.02


@pytest.mark.parametrize("groups", ["nope", 9, 1.5, []])
def test_columns_that_x_lacks_are_refused(groups):
    with pytest.raises(DataError, match="`groups` must"):
        Calibrator(groups=groups).fit(np.column_stack([P, G]), Y)


def test_a_summary_with_all_cells_keeps_the_scores_of_any_number_of_groups():
    empty = grouped.GroupedSummary.empty(("by",), has_all_cells=True)
    assert empty.may_have_cells(4096)
    assert empty.cleared().has_all_cells
    assert not grouped.GroupedSummary.empty(("by",)).may_have_cells(257)
    with pytest.raises(DataError, match="summaries must have the same groups"):
        empty._check(grouped.GroupedSummary.empty(("by",)))
