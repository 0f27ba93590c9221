"""The laws, over everything that merges and is no summary by itself: what summaries are made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import laws
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Table, cut_tables, grouped_tables, tables, two_forecast_tables
from test_summaries import MAKERS, PROBAS, feature_tables

from logloss.data.checks.forecasts import Unlabelled
from logloss.onepass.kernels import paired_losses
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.summaries import (
    ColumnSummary,
    GroupedSummary,
    cells,
    cluster_periods,
    cluster_sums,
    contrast,
    distinct_values,
    features,
    group_keys,
    grouped,
    scores,
)
from logloss.onepass.summaries.cells import COARSE_CELLS, NO_CELLS, Cells, CellWorkspace
from logloss.onepass.summaries.cluster_periods import ClusterPeriods, ClusterPeriodsWorkspace
from logloss.onepass.summaries.cluster_sums import ClusterSums, ClusterSumsWorkspace
from logloss.onepass.summaries.contract import is_hard, pieces_of
from logloss.onepass.summaries.contrast import Contrast, ContrastWorkspace, JointScores, JointWorkspace
from logloss.onepass.summaries.distinct_values import DistinctValues
from logloss.onepass.summaries.features import Levels
from logloss.onepass.summaries.group_gaps import GapsByGroup, LossesOfBlock, PairsOfBlock
from logloss.onepass.summaries.group_keys import GROUP, PERIOD
from logloss.onepass.summaries.grouped import GroupWorkspace
from logloss.onepass.summaries.loss import UnlabelledSums, UnlabelledWorkspace
from logloss.onepass.summaries.ranges import Range
from logloss.onepass.summaries.scores import PROBA, ScoreWorkspace
from logloss.onepass.summaries.tables import CountTable, SumTable, SumWorkspace, product_of, scaled

# Clusters of the tables that are drawn: whole numbers below.
N_CLUSTERS = 9


@dataclasses.dataclass(frozen=True)
class Maker:
    """How to make some of a class: rows to draw, what a block of them makes, and what no rows make."""

    rows: st.SearchStrategy[Table]
    of: Callable[[Any], Any]
    empty: Any
    merge: Callable[[Any, Any], Any] = laws.plain_merge
    rounding: float = 0.0


def clusters_of(block) -> Any:
    return block.cluster[0].values.astype(np.int64)


def count_table(block) -> CountTable:
    """Rows, and rows of 1, by cluster."""
    return CountTable.of(clusters_of(block), np.stack([np.ones(block.n_rows, np.int64), block.y_true == 1], axis=1))


def sum_table(block) -> SumTable:
    """Rows and probabilities by cluster."""
    workspace, slots = SumWorkspace(2), clusters_of(block).astype(np.int32)
    for column, values in enumerate((np.ones(block.n_rows), block.y_proba)):
        workspace.add_plain(column, values, slots, N_CLUSTERS)
    return workspace.frozen(np.arange(N_CLUSTERS))


def unlabelled_sums(block) -> UnlabelledSums:
    workspace = UnlabelledWorkspace()
    for piece in pieces_of(block):
        rows = Unlabelled(piece.y_proba, piece.y_proba_of_zero, piece.y_logit, piece.sample_weight, piece.counts)
        workspace.add(rows, piece)
    return workspace.freeze()


def contrast_of(block) -> Contrast:
    """The first two of the forecasts that are compared."""
    workspace = ContrastWorkspace()
    for piece in pieces_of(block):
        seen = []
        for proba, of_zero, logit in piece.forecasts:
            losses, logits = np.empty(piece.n_rows), np.empty(piece.n_rows)
            paired_losses.losses_and_logits(
                piece.y_true, logit if proba is None else proba, of_zero, logit, losses, logits, None
            )
            seen.append((losses, logits))
        workspace.add(piece, *seen, (0, 1))
    return workspace.freeze()


def joint_scores(limit: int) -> Callable[[Any], JointScores]:
    """Of at most so many pairs."""

    def of(block) -> JointScores:
        workspace = JointWorkspace(JointScores(limit))
        assert is_hard(block)
        keys = [scores.keys_of(block.of_forecaster(number)) for number in range(2)]
        workspace.add(block, *(scores.bins_of(*each)[0].astype(np.int32) for each in keys))
        return workspace.freeze()

    return of


def cells_of(shift: int, *, is_exact: bool) -> Callable[[Any], Cells]:
    """Score by score, or by coarse bin; the cluster is the group."""

    def of(block) -> Cells:
        placed = ScoreWorkspace()
        workspace = CellWorkspace(placed, shift, is_exact=is_exact)
        for piece in pieces_of(block):
            slots, are_bins = placed.place(piece)
            workspace.add(piece, clusters_of(piece), N_CLUSTERS, slots, are_bins=are_bins)
        return workspace.freeze()

    return of


def cluster_sums_of(block) -> ClusterSums:
    """Half as many groups as clusters."""
    workspace = ClusterSumsWorkspace(ClusterSums.empty(1))
    for piece in pieces_of(block):
        weighted = []
        if piece.sample_weight is not None:
            weight = scaled(piece.sample_weight)
            weighted = [weight, product_of(weight, scaled(piece.y_proba))]
        workspace.add(hashes_of(piece.cluster), clusters_of(piece) // 2, [piece.y_proba], weighted, piece.counts)
    return workspace.freeze()


def cluster_periods_of(block) -> ClusterPeriods:
    workspace = ClusterPeriodsWorkspace()
    workspace.add(hashes_of(block.cluster), block.order)
    return workspace.freeze()


def gaps_of(empty: GroupedSummary) -> Callable[[Any], GroupedSummary]:
    """Rows and rows of 1; the sums of weight and of probability."""

    def of(block) -> GroupedSummary:
        workspace = GroupWorkspace(empty, GapsByGroup(1, 0, PERIOD))
        for piece in pieces_of(block):
            numbers = workspace.numbers_of(piece)
            if numbers is not None:
                losses = LossesOfBlock.of(piece, [piece.forecasts[0][0]])
                losses = dataclasses.replace(losses, infinite=[piece.y_true == 1])
                workspace.sums.add(piece, numbers, workspace.n_keys, losses, PairsOfBlock([], [], []))
        return workspace.freeze()

    return of


def with_dates(table: Table) -> Table:
    """The order as text."""
    dates = np.empty(table.n_rows, object)
    dates[:] = [f"2024-{1 + int(place) % 3:02d}-{15 + int(2 * place):02d}" for place in table.order]
    return dataclasses.replace(table, order=dates)


def column_of(block) -> Range:
    """What is kept of the first feature, which nobody has named."""
    workspace = ColumnSummary.empty(unnamed=frozenset([0])).workspace()
    workspace.add(block)
    return workspace.freeze().columns.get(0, NO_RANGE)


def with_codes(table: Table) -> Table:
    """The first feature rounded."""
    return dataclasses.replace(
        table, features=np.column_stack([np.rint(3 * table.features[:, 0]), table.features[:, 1]])
    )


NO_RANGE = Range(
    None,
    np.zeros(1),
    np.zeros(1),
    np.array([np.inf]),
    np.array([-np.inf]),
    np.zeros(1, np.int64),
    np.zeros(1),
    distinct=None,
)
BY, NUMBERS = GroupedSummary.empty_of(("by",), GROUP, 2, 2), GroupedSummary.empty_of(("order",), PERIOD, 2, 2)
GROUPS_SHIFT, CLUSTERS_SHIFT = grouped.GROUP_SHIFT, grouped.CLUSTER_SHIFT
COUNTED = ("hard", "pair", "counts")

MAKERS_OF_PARTS: dict[tuple[type, str], Maker] = {
    (CountTable, ""): Maker(grouped_tables(PROBAS), count_table, CountTable.empty(2)),
    (SumTable, ""): Maker(grouped_tables(PROBAS), sum_table, SumTable.empty(2)),
    (UnlabelledSums, ""): Maker(tables(PROBAS), unlabelled_sums, UnlabelledSums()),
    (Contrast, "probabilities"): Maker(two_forecast_tables(PROBAS), contrast_of, Contrast()),
    (Contrast, "logits"): Maker(two_forecast_tables(("hard logits",)), contrast_of, Contrast()),
    (JointScores, ""): Maker(two_forecast_tables(COUNTED), joint_scores(100), JointScores(100)),
    (JointScores, "too many"): Maker(two_forecast_tables(COUNTED), joint_scores(3), JointScores(3)),
    (Cells, "of groups"): Maker(
        grouped_tables(PROBAS),
        cells_of(GROUPS_SHIFT, is_exact=True),
        NO_CELLS,
        lambda a, b: a.merge(b, PROBA, GROUPS_SHIFT),
    ),
    (Cells, "of clusters"): Maker(
        grouped_tables(PROBAS),
        cells_of(CLUSTERS_SHIFT, is_exact=False),
        COARSE_CELLS,
        lambda a, b: a.merge(b, PROBA, CLUSTERS_SHIFT),
    ),
    (ClusterPeriods, ""): Maker(two_forecast_tables(PROBAS), cluster_periods_of, ClusterPeriods()),
    (ClusterPeriods, "dates"): Maker(two_forecast_tables(PROBAS).map(with_dates), cluster_periods_of, ClusterPeriods()),
    (ClusterSums, ""): Maker(grouped_tables(PROBAS), cluster_sums_of, ClusterSums.empty(1)),
    (GroupedSummary, "groups"): Maker(two_forecast_tables(PROBAS), gaps_of(BY), BY),
    (GroupedSummary, "periods"): Maker(two_forecast_tables(PROBAS), gaps_of(NUMBERS), NUMBERS),
    (GroupedSummary, "dates"): Maker(two_forecast_tables(PROBAS).map(with_dates), gaps_of(NUMBERS), NUMBERS),
    (DistinctValues, "whole"): Maker(
        grouped_tables(PROBAS),
        lambda block: DistinctValues.of(clusters_of(block).astype(float)),
        DistinctValues.of(np.zeros(0)),
    ),
    (DistinctValues, "fractions"): Maker(
        grouped_tables(PROBAS),
        lambda block: DistinctValues.of(clusters_of(block) / 4),
        DistinctValues.of(np.zeros(0)),
    ),
    (Range, ""): Maker(feature_tables(), column_of, NO_RANGE, rounding=laws.ROUNDING),
    (Range, "whole"): Maker(feature_tables().map(with_codes), column_of, NO_RANGE, rounding=laws.ROUNDING),
}
# What is not made of blocks by itself: some of them, and what no rows make.
LEVELS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9).map(float), max_size=3)
RANKS = st.permutations("abcdef").map(lambda order: {level: place for place, level in enumerate(order)})
DRAWN: dict[type, tuple[st.SearchStrategy[Any], Any]] = {
    Levels: (
        st.tuples(LEVELS, RANKS | st.none() | st.just({level: place for place, level in enumerate("abcdef")})).map(
            lambda drawn: Levels(
                drawn[0], len(drawn[0]), None if drawn[1] is None else {level: drawn[1][level] for level in drawn[0]}
            )
        ),
        Levels({}, 0, {}),
    ),
}
PARTS = pytest.mark.parametrize(
    "maker", MAKERS_OF_PARTS.values(), ids=[f"{cls.__name__} {kind}".strip() for cls, kind in MAKERS_OF_PARTS]
)


def test_everything_that_merges_has_its_laws_tested():
    """A new class with `merge` fails here until it is told how it is made: here, or with the summaries."""
    told = {*MAKERS, *DRAWN, *(cls for cls, _ in MAKERS_OF_PARTS)}
    assert {cls.__name__ for cls in laws.merging_classes()} == {cls.__name__ for cls in told}


@pytest.fixture(params=["as they are", "few"])
def narrow(request, monkeypatch):
    """Limits so low that few rows pass them: each lossy step then happens at any place of a merge."""
    if request.param == "few":
        monkeypatch.setattr(scores, "MOST_DISTINCT", 3)
        monkeypatch.setattr(cells, "MOST_DISTINCT", 3)
        monkeypatch.setattr(cells, "MOST_CELLS", 4)
        monkeypatch.setattr(cluster_periods, "MOST_CLUSTERS", 2)
        monkeypatch.setattr(cluster_sums, "MOST_PAIRS", 5)
        monkeypatch.setattr(group_keys, "MOST_GROUPS", 3)
        monkeypatch.setattr(group_keys, "MOST_PERIOD_SUMS", 3 * NUMBERS.sums.n_columns)
        monkeypatch.setattr(contrast, "N_LARGEST_DIFFERENCES", 2)
        monkeypatch.setattr(distinct_values, "MOST_KEPT", 2)
        monkeypatch.setattr(features, "MOST_LEVELS", 3)


@pytest.mark.slow
@PARTS
def test_every_part_of_a_summary_obeys_the_laws(maker, narrow):
    @settings(max_examples=40)
    @given(maker.rows, maker.rows, maker.rows)
    def obeys(a, b, c):
        parts = [maker.of(table.block()) for table in (a, b, c)]
        laws.check_merging(maker.empty, *parts, merge=maker.merge, rounding=maker.rounding)

    obeys()


@PARTS
def test_any_cut_of_the_rows_makes_the_same_part(maker, narrow):
    @settings(max_examples=60)
    @given(cut_tables((), rows=lambda _: maker.rows), st.randoms(use_true_random=False))
    def holds(table_and_cuts, random):
        table, cuts = table_and_cuts
        pieces = [maker.of(block) for block in table.blocks(cuts)]
        random.shuffle(pieces)
        total = maker.empty
        for piece in pieces:
            total = maker.merge(total, piece)
        laws.assert_same(total, maker.of(table.block()), maker.rounding)

    holds()


@pytest.mark.parametrize("cls", DRAWN, ids=lambda cls: cls.__name__)
def test_what_is_drawn_obeys_the_laws(cls, narrow):
    drawn, empty = DRAWN[cls]

    @settings(max_examples=100)
    @given(drawn, drawn, drawn)
    def obeys(a, b, c):
        # Weights are whole numbers here: their sums are exact.
        laws.check_merging(empty, a, b, c)

    obeys()


NOTHING = {cls: maker.empty for (cls, _), maker in MAKERS_OF_PARTS.items()} | {
    cls: some[1] for cls, some in DRAWN.items()
}


@pytest.mark.parametrize("cls", NOTHING, ids=lambda cls: cls.__name__)
def test_every_part_is_frozen(cls):
    laws.assert_frozen(NOTHING[cls])
