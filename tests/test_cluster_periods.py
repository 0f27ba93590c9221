"""Whether each cluster lies in one period: exactly, for any order of the rows, and not known beyond a limit."""

from __future__ import annotations

import numpy as np
import pytest

import logloss
from logloss.data.columns import as_column
from logloss.onepass.summaries import cluster_periods, group_keys
from logloss.onepass.summaries.cluster_periods import ClusterPeriodsWorkspace, period_keys


def answer(cluster, order):
    n = len(cluster)
    y, p = np.arange(n) % 2, np.linspace(0.2, 0.8, n)
    found = logloss.compare(y, {"p": p, "q": p[::-1]}, cluster=np.array(cluster), order=order)
    return found.summary.clusters_in_one_period


@pytest.mark.parametrize(
    ("cluster", "order", "expected"),
    [
        ([1, 1, 2, 2, 3, 3], [5, 5, 6, 6, 5, 5], True),
        ([1, 1, 2, 2, 3, 1], [5, 5, 6, 6, 5, 6], False),
        (list("aabbcc"), ["2024-01-01"] * 2 + ["2024-01-02"] * 4, True),
        (list("abbbcc"), ["2024-01-01"] * 2 + ["2024-01-02"] * 4, False),
        # −0 is 0; whole numbers are the same as floats.
        ([1, 1, 1, 1, 2, 2], [0.0, -0.0, 0.0, -0.0, 1.0, 1.0], True),
    ],
)
def test_clusters_in_one_period_are_told(cluster, order, expected):
    assert answer(cluster, order) is expected
    assert answer(cluster[::-1], order[::-1]) is expected


def test_it_takes_both_clusters_and_periods():
    y, p = np.array([0, 1] * 5), np.linspace(0.2, 0.8, 10)
    for options in ({}, {"order": range(10)}, {"cluster": np.arange(10)}):
        assert logloss.compare(y, {"p": p, "q": p[::-1]}, **options).summary.clusters_in_one_period is None


def test_beyond_the_limit_nothing_is_known_whichever_rows_come_first(monkeypatch):
    monkeypatch.setattr(cluster_periods, "MOST_CLUSTERS", 5)
    assert answer([1, 1, 2, 3, 4, 5], [1, 1, 2, 2, 2, 2]) is True
    # Cluster 1 is in two periods, and there are six clusters.
    many = [1, 1, 2, 3, 4, 5, 6], [1, 2, 2, 2, 2, 2, 2]
    assert answer(*many) is None
    assert answer(*(each[::-1] for each in many)) is None


def test_longer_periods_hide_no_cluster_that_is_in_two(monkeypatch):
    """Where sums are kept of longer periods, those of `order` still count."""
    monkeypatch.setattr(group_keys, "MOST_PERIOD_SUMS", 14)
    days = [0, 1, 2, 3, 4, 5, 6, 7]
    assert answer([0, 0, 1, 2, 3, 4, 5, 6], days) is False
    assert answer([0, 1, 2, 3, 4, 5, 6, 7], days) is True


def test_numbers_and_texts_have_keys_of_their_own():
    assert period_keys(as_column(np.array([2, 3]), "x")).tolist() == np.array([2.0, 3.0]).view(np.int64).tolist()
    a, b, c = period_keys(as_column(np.array(["a", "b", "a"], object), "x")).tolist()
    assert (a == c, a == b) == (True, False)


def test_a_workspace_goes_on_after_it_was_frozen():
    workspace = ClusterPeriodsWorkspace()
    workspace.add(np.array([7, 8]), as_column(np.array([1.0, 1.0]), "x"))
    assert workspace.freeze().are_single is True
    workspace.add(np.array([8, 9]), as_column(np.array([2.0, 2.0]), "x"))
    assert workspace.freeze().are_single is False
    assert workspace.freeze().clusters.tolist() == [7, 8, 9]
