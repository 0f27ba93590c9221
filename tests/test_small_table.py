"""Small tables as text, in notebooks, and handed on; how the parts of answers print."""

from __future__ import annotations

import math
import re
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import logloss
from logloss import SmallTable
from logloss.answers.small_table import MOST_SHOWN, column_texts
from logloss.inference.folds import Folds

GROUPS = SmallTable({"group": ["<b>a", "b"], "rows": [1234, 5], "share": [0.25, 1.0], "caution": ["", ""]})


def test_a_table_is_shown_with_its_columns_in_line():
    assert repr(GROUPS).split("\n") == [
        "group   rows   share",
        "<b>a   1,234  0.2500",
        "b          5  1.0000",
    ]


def test_a_notebook_shows_the_same_cells_with_numbers_to_the_right():
    html = GROUPS._repr_html_()
    cells = re.findall(r'<t[hd] style="text-align:(left|right)[^"]*">(.*?)</t[hd]>', html)
    assert cells[:3] == [("left", "group"), ("right", "rows"), ("right", "share")]
    assert cells[3:6] == [("left", "&lt;b&gt;a"), ("right", "1,234"), ("right", "0.2500")]
    assert "color" not in html


def test_years_and_identifiers_have_no_separators_and_empty_columns_are_left_out():
    table = SmallTable({"season": [2016, 2017], "rows": [1316, 1309], "reason": ["", ""], "p_value": [math.nan] * 2})
    assert repr(table) == "season   rows\n  2016  1,316\n  2017  1,309"
    assert table.column_names == ("season", "rows", "reason", "p_value")


def test_of_a_long_table_the_first_rows_are_shown_and_the_others_counted():
    table = SmallTable({"k": list(range(MOST_SHOWN + 1234))})
    assert repr(table).endswith(f"\n{MOST_SHOWN - 1}\n… 1,234 more rows")
    assert table._repr_html_().count("<tr>") == 1 + MOST_SHOWN
    assert table._repr_html_().endswith("<p>… 1,234 more rows</p>")
    assert "more rows" not in repr(table[:MOST_SHOWN]) + table[:MOST_SHOWN]._repr_html_()


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1.0, 0.0, 1.0], ["1", "0", "1"]),
        ([0.02132, 0.9804, 0.0], ["0.0213", "0.9804", "0.0000"]),
        ([3.848, 12.5], ["3.85", "12.50"]),
        ([0.5, 0.00001], ["0.5000", "1e-05"]),
        ([-0.25, math.nan, math.inf], ["−0.2500", "nan", "inf"]),
        ([math.inf, 2.0], ["inf", "2"]),
        ([12345.6, 20000.0], ["12,346", "20,000"]),
        ([1234567.5], ["1,234,568"]),
        ([True, None, Decimal("1.5"), "a\nb"], ["True", "None", "1.5", "a\ufffdb"]),
        ([], []),
    ],
)
def test_numbers_of_a_column_have_the_same_digits_unless_some_would_lose_theirs(values, texts):
    assert [text.replace("−05", "-05") for text in column_texts(values)] == texts


def test_a_table_is_handed_on_with_its_names_and_values():
    table = SmallTable({"group": ["a", "rest"], "rows": [3, 4], "share": [0.25, math.nan]})
    for frame in (table.to_pandas(), table.to_polars(), pl.from_arrow(pa.table(table)), pd.DataFrame(table.to_dict())):
        assert list(frame.columns) == ["group", "rows", "share"]
        assert frame["rows"].to_list() == [3, 4]
        assert frame["share"].to_list()[0] == 0.25


def test_a_missing_package_is_named_with_its_installation(monkeypatch):
    for package in ("pandas", "polars"):
        monkeypatch.setitem(__import__("sys").modules, package, None)
        with pytest.raises(logloss.MissingPackage, match=rf"`to_{package}` needs {package}\. .*pip install {package}"):
            getattr(GROUPS, f"to_{package}")()


def test_parts_of_answers_print_in_one_plain_line():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 30))
    y = (rng.random(200) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
    model = logloss.fit(x, y)
    assert repr(model.passes[0]) == "Pass(log_loss=0.693147, bound=inf)"
    assert re.fullmatch(r"Certificate: at most \de-\d\d nats per row above the minimum", repr(model.certificate))
    with warnings.catch_warnings(action="ignore"):
        short = logloss.fit(x, y, max_passes=1)
        separated = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1])
    assert repr(short.certificate) == "Certificate: none, the distance from the minimum is not proved"
    assert repr(separated.separation) == "Separation: complete, 4 rows separated by x"
    folds = Folds(5, 100, 80.0, 0, False, (0.2,) * 5, (0.50, 0.55, 0.60, 0.55, 0.50))
    assert repr(folds).startswith("Folds: 5 folds")


def test_a_drawing_prints_its_sentence_and_names_its_tables():
    drawing = logloss.drawing(logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9]), "reliability")
    assert repr(drawing).startswith(f"Drawing reliability: {drawing.title}. ")
    assert f"Tables: pools ({len(drawing.table('pools'))} rows)" in repr(drawing)


def test_a_sequential_analysis_prints_its_sequence_and_when_it_first_excluded_0():
    y = [1, 0] * 50
    forecasts = {"a": [0.5] * 100, "b": [0.6, 0.4] * 50}
    sequential = logloss.compare(y, forecasts, order=range(100)).pair.sequential
    assert re.fullmatch(
        r"SequentialAnalysis: 100 periods, 95% confidence sequence 0\.\d+–0\.\d+, first excluded 0 at 18, and still does",
        repr(sequential),
    )
    without = logloss.compare(y, forecasts).pair.sequential
    assert repr(without) == "SequentialAnalysis: no confidence sequence (needs `order`)"
