"""What is said where data are few."""

import math

from logloss.inference.cautions import caution_of


def test_nothing_is_said_where_there_is_enough():
    assert caution_of(500.0, 50.0, "positives", None) == caution_of(500.0, 50.0, "positives", 10.0) == ""


def test_what_is_too_little_is_named_with_its_figure():
    assert caution_of(2_000.0, 34.0, "positives", None) == "intervals may be too narrow: 34 positives (below 50)"
    said = caution_of(499.98, 1.0, "negatives", 12.5)
    assert said == "intervals may be too narrow: 499.9 effective rows (below 500), 1 negative (below 50)"


def test_of_few_clusters_no_interval_can_be_trusted():
    assert caution_of(5e4, 900.0, "positives", 9.96) == "9.9 effective clusters (below 10): no interval can be trusted"
    assert caution_of(5e4, 900.0, "positives", 4.0) == "4 clusters (below 10): no interval can be trusted"
    assert caution_of(80.0, 900.0, "positives", 4.0).startswith("80 rows (below 500), 4 clusters (below 10): no")


def test_what_is_not_known_is_not_cautioned_of():
    """Soft labels have no rarer class."""
    assert caution_of(math.inf, math.nan, "positives", None) == ""


def test_rounding_of_an_effective_number_makes_no_caution():
    """Kish's number of ten equal weights of 0.1 is 10 less one rounding."""
    assert caution_of(500.0 - 1e-11, 50.0, "positives", 10.0 - 1e-14) == ""
    assert caution_of(400.0 - 1e-11, math.nan, "", None) == "intervals may be too narrow: 400 rows (below 500)"
