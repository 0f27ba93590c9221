"""What `order` and `within` may say, through Python: by their words."""

from __future__ import annotations

import numpy as np
import pytest

import logloss
from logloss import DataError
from logloss.comparison.period_rules import check_names

N = 60
Y, P = np.arange(N) % 2, np.tile([0.4, 0.6], N // 2)
Q = np.tile([0.45, 0.5], N // 2)


def compared(**options):
    return logloss.compare(Y, {"p": P, "q": Q}, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"within": "games", "order": range(N)}, '`within` must be "dependent" or "independent" or "changing"; got '),
        ({"within": None, "order": range(N)}, "`within` must be .*; got None"),
        ({"within": "independent"}, "name the periods with `order`"),
        ({"within": "changing"}, "name the periods with `order`"),
        ({"within": "independent", "order": range(N), "cluster": range(N)}, "`cluster` that some are not"),
        ({"order": [None, *range(N - 1)]}, "`order` must hold a value; row 0 has none"),
        ({"order": [*range(N - 1), np.nan]}, f"`order` must hold a value; row {N - 1} has none"),
        ({"order": [np.nan] * N, "missing": "drop"}, "all 60 rows lack one"),
        ({"order": [object() for _ in range(N)]}, "`order` must hold numbers, bools or text"),
        ({"order": np.arange(N) * 1j}, "`order` must hold numbers, bools, text or dates; it holds complex128"),
        ({"order": np.zeros((N, 2))}, r"`order` must be one column of shape \(n_rows,\)"),
        ({"order": [1, 2]}, 'has 60 rows and "order" has 2'),
        ({"order": "day"}, "but the first argument is labels, not a table"),
        ({"order": ["a", *range(N - 1)]}, '"19" sorts before "2"'),
        ({"order": [str(k) for k in range(N)]}, '"19" sorts before "2"'),
        ({"order": ["", *("x" * (N - 1))]}, "some hold text without a letter"),
    ],
)
def test_what_cannot_be_is_refused_by_its_words(options, message):
    with pytest.raises(DataError, match=message):
        compared(**options)


@pytest.mark.parametrize(
    "names",
    [
        ["10", "9"],
        ["-1", "-2"],
        ["01/02/2024", "02/01/2023"],
        ["Q1 2024", "Q2 2023"],
        ["2024-1-10", "2024-1-9"],
        ["week 10", "week 9"],
        ["1e3", "2"],
        ["Apr 2024", "Jan 2024"],
        ["2024 june", "2024 may"],
    ],
)
def test_text_that_does_not_sort_like_time_is_refused(names):
    assert names == sorted(names)
    with pytest.raises(DataError, match="Write dates with the year first"):
        check_names(names, "`order`")


@pytest.mark.parametrize(
    "names",
    [
        ["2023-12-31", "2024-01-01", "2024-01-02"],
        ["2024-01-01 00:00:00.25", "2024-01-01 00:00:00.5"],
        ["0.25", "0.5", "1e3"],
        ["2019/20", "2020/21"],
        ["after", "before"],
        ["week 09", "week 10"],
        ["Dec 2023", "Jan 2024"],
        ["decade", "market"],
        ["19991231", "20000101"],
        ["2024-01-31T10:00:00+02:00", "2024-02-01T00:00:00+01:00"],
        [1.0, 10.0],
        [],
    ],
)
def test_text_that_sorts_like_time_is_taken(names):
    check_names(names, "`order`")


def test_what_was_said_of_periods_is_kept():
    assert compared().within == ""
    assert "within" not in compared().to_dict()
    for within in ("dependent", "independent", "changing"):
        found = compared(order=range(N), within=within)
        assert found.within == found.to_dict()["within"] == within
    assert compared(order=range(N)).within == "dependent"


def test_forecasts_that_change_within_a_period_have_no_sequence():
    sequential = compared(order=range(N), within="changing").pair.sequential
    assert not sequential.confidence_sequence.has_interval
    assert sequential.confidence_sequence.reason == "forecasts change within a period"
    assert compared(order=range(N)).pair.sequential.confidence_sequence.has_interval
