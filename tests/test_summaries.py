"""The laws, over every summary class there is, and: any cut of the rows, in any order, gives the same integers."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from fractions import Fraction

import laws
import numpy as np
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import KINDS, Table, cut_tables, grouped_tables, random_cuts, random_table, tables, two_forecast_tables

from logloss.data.binned import binned_numbers
from logloss.data.design import Design
from logloss.data.shapes import shape_of
from logloss.data.sparse_rows import SparseRows
from logloss.data.terms import Category, Numbers
from logloss.inference.score_table import score_table_of
from logloss.inference.sums import AllSums
from logloss.onepass.kernels import exact
from logloss.onepass.kernels.hashing import hashes_of
from logloss.onepass.summaries import (
    ALL_ROWS,
    Along,
    ClassSummary,
    ClusterSummary,
    ColumnSummary,
    Combinations,
    ComparisonSummary,
    CurvatureSummary,
    DependenceSummary,
    Directions,
    DirectionSummary,
    ExactPlane,
    Face,
    FoldedLossSummary,
    FoldKeySummary,
    FoldPaths,
    FoldRule,
    GroupedSummary,
    HeldOutSummary,
    InformationSummary,
    LargeLoss,
    LargestLossesSummary,
    LeftOutSummary,
    Leverages,
    LossSum,
    LossSummary,
    MarginalSummary,
    MarginSummary,
    Plane,
    Point,
    PointsSummary,
    SampleSummary,
    ScoreSummary,
    SharedPassSummary,
    SideSummary,
    Trials,
    TrialSummary,
    WithoutSummary,
    cells,
    cluster_scores,
    cluster_sums,
    group_keys,
    grouped,
    requests_of,
    scores,
)
from logloss.onepass.summaries.contract import pieces_of
from logloss.onepass.summaries.loss import SUMS
from logloss.onepass.summaries.segment_sums import SegmentCells, SegmentSums
from logloss.onepass.summaries.sparse_sums import (
    HeavyColumns,
    SparseBlockSummary,
    SparseDirection,
    SparseGradientSummary,
    SparsePoint,
    SparseProductSummary,
)

SEED = 17
HARD = ("hard", "hard logits", "pair")
# Scores of one scale: summaries of probabilities and of logits do not merge.
PROBAS = ("hard", "pair", "counts", "weighted", "soft", "soft weighted", "soft counts")
LOGITS = ("hard logits",)
DESIGN = Design(tuple(Numbers(f"x{j}", (f"x{j}",), np.array([j]), np.array([1.0 + j])) for j in (0, 1)))
PLANE = Plane(np.array([0.1, -0.5, 0.25]), DESIGN, 3)
POINT = Point(np.array([0.1, -0.5, 0.25]), DESIGN)
# Of a Hessian of a few rows: leverages of order one.
INVERSE = np.diag([0.5, 0.1, 0.2])
# As they are, and as Firth's penalty adds them.
POINTS = (POINT, dataclasses.replace(POINT, pseudo=Leverages(np.array([0.0, 0.5, -0.25]), INVERSE)))
FACE = Face(DESIGN)
SHAPES = Design(tuple(shape_of(f"x{j}", "smooth", np.array([-1.0, 0.0, 1.0]), np.ones(3), lacks=False) for j in (0, 1)))
POINT_OF_SHAPES = Point(np.linspace(-0.5, 0.5, SHAPES.width), SHAPES)
ALONG = Along(POINT_OF_SHAPES, Directions((), tuple(term.with_end(term.basis) for term in SHAPES.shapes), ()))
EXACT = ExactPlane(((0, 0.1), (1, -0.5), (2, 0.25)), np.array([0.1, -0.5, 0.25]), DESIGN, (), np.array([0.0, 1.0, 0.0]))
COMBINED = Combinations(np.array([[0.1, 0.0], [-0.5, 1.0], [0.25, 1.0]]), DESIGN)
STEPS = np.array([[0.2, -1.0, 0.5], [0.5, 0.25, 0.0]])
TRIALS = Trials(np.array([0.0, 0.5, 0.25]), STEPS, np.array([0.0, 0.5]), DESIGN)
# Two folds of rows; one model of the first is at infinity along a direction.
RULE = FoldRule("rows", ~np.eye(2, dtype=bool), np.eye(2, dtype=bool))
PATHS = FoldPaths(RULE, np.array([TRIALS.points, TRIALS.points + 0.1]), DESIGN, {(0, 1): (PLANE.direction,)})
SHARED = requests_of(
    [(0, CurvatureSummary.empty(POINT)), (1, TrialSummary.empty(TRIALS)), (ALL_ROWS, CurvatureSummary.empty(POINT))],
    RULE,
)


@st.composite
def feature_tables(draw) -> Table:
    """Rows with two features of order one."""
    table = draw(tables(("hard", "soft", "weighted", "counts"), max_rows=8))
    seed = draw(st.integers(0, 100))
    features = np.random.default_rng(seed).normal(0, 1, (table.n_rows, 2))
    weight = None if table.sample_weight is None else np.clip(table.sample_weight, 0, 10)
    counts = None if table.counts is None else np.minimum(table.counts, 10)
    return Table(table.y_true, sample_weight=weight, counts=counts, features=features)


# Of rows of a sparse matrix: each has a curvature, the same one, of which these are more than a table here has rows.
SPARSE_DIRECTION = SparseDirection(0.5, np.array([1.0, -0.25]), np.full(64, 0.2))
HEAVY = HeavyColumns(np.array([0, 1], np.int32), 1, SPARSE_DIRECTION.curvatures)


def sparse_point() -> SparsePoint:
    """A point with room for the curvature of each row."""
    return SparsePoint(0.1, np.array([-0.5, 0.25]), np.zeros(64))


def sparse_of(block):
    """The rows of a block as those of a sparse matrix."""
    if not hasattr(block, "features"):
        return block
    features = np.column_stack([column.values for column in block.features]).reshape(block.n_rows, 2)
    mass = np.ones(block.n_rows) if block.sample_weight is None else block.sample_weight
    mass = mass if block.counts is None else mass * block.counts
    return SparseRows.of(scipy.sparse.csr_array(features), block.y_true, mass).block


@st.composite
def clustered_feature_tables(draw) -> Table:
    """The same with a cluster each."""
    table = draw(feature_tables())
    cluster = np.array(draw(st.lists(st.integers(0, 4), min_size=table.n_rows, max_size=table.n_rows)), np.int64)
    return dataclasses.replace(table, cluster=cluster)


@st.composite
def feature_tables_with_a_category(draw) -> Table:
    """The same with log-odds, and a second feature of three levels, one of them new to `DESIGN_OF_LEVELS`."""
    table = draw(feature_tables())
    codes = np.array(draw(st.lists(st.integers(0, 2), min_size=table.n_rows, max_size=table.n_rows)), float)
    features = np.column_stack([table.features[:, 0], codes]).reshape(-1, 2)
    return dataclasses.replace(table, features=features, y_logit=features[:, 0] - codes)


DESIGN_OF_LEVELS = Design((DESIGN.terms[0], Category("x1", (0, 1), (2.0, 1.0))))
VALUES = np.array([0.1, -0.5, 0.0, 0.25])


def shared_pass(block) -> SharedPassSummary:
    """The passes of two folds and of all rows over a block."""
    workspace = SHARED.workspace()
    workspace.add(block)
    return workspace.freeze()


CELLS = SegmentCells(
    (
        binned_numbers("x0", 0, 0, np.array([-1.0, 0.0, 1.0]), lacks=True),
        binned_numbers("x1", 1, 0, np.array([0.0, 1.0, 2.0]), lacks=False),
    ),
    n_buckets=4,
)
COMPARED = {"by": ("by",), "cluster": ("cluster",), "order": "order"}


ALL_CELLS = GroupedSummary.empty(("by",), has_all_cells=True)
# How to make a summary of each class: rows to draw, the empty one, and that of a block.
MAKERS = {
    LossSum: (tables(), LossSum.empty(), LossSum.of),
    LossSummary: (tables(PROBAS), LossSummary.empty(), LossSummary.of),
    ScoreSummary: (tables(PROBAS), ScoreSummary.empty(), ScoreSummary.of),
    LargestLossesSummary: (tables(KINDS), LargestLossesSummary.empty(), LargestLossesSummary.of),
    GroupedSummary: (
        grouped_tables(PROBAS),
        GroupedSummary.empty(("by",)),
        lambda block: LossSummary.of(block, GroupedSummary.empty(("by",))).groups,
    ),
    FoldedLossSummary: (
        grouped_tables(PROBAS),
        FoldedLossSummary.empty(3, ALL_CELLS, GroupedSummary.empty(("cluster",), group_keys.CLUSTER)),
        lambda block: FoldedLossSummary.of(block, 3, ALL_CELLS, GroupedSummary.empty(("cluster",), group_keys.CLUSTER)),
    ),
    ComparisonSummary: (
        two_forecast_tables(PROBAS),
        ComparisonSummary.empty(2, **COMPARED),
        lambda block: ComparisonSummary.of(block, **COMPARED),
    ),
    SampleSummary: (feature_tables(), SampleSummary.empty(5), lambda block: SampleSummary.of(block, 5)),
    ColumnSummary: (feature_tables(), ColumnSummary.empty(), ColumnSummary.of),
    MarginSummary: (feature_tables(), MarginSummary.empty(PLANE), lambda block: MarginSummary.of(block, PLANE)),
    CurvatureSummary: (
        feature_tables(),
        CurvatureSummary.empty(POINT),
        lambda block: CurvatureSummary.of(block, POINT),
    ),
    PointsSummary: (
        feature_tables(),
        PointsSummary.empty(POINTS),
        lambda block: PointsSummary.of(block, POINTS),
    ),
    ClusterSummary: (
        clustered_feature_tables(),
        ClusterSummary.empty(POINT, INVERSE),
        lambda block: ClusterSummary.of(block, POINT, INVERSE),
    ),
    MarginalSummary: (
        feature_tables_with_a_category(),
        MarginalSummary.empty(DESIGN_OF_LEVELS, VALUES, (0,)),
        lambda block: MarginalSummary.of(block, DESIGN_OF_LEVELS, VALUES, (0,)),
    ),
    InformationSummary: (
        feature_tables(),
        InformationSummary.empty(POINT, INVERSE),
        lambda block: InformationSummary.of(block, POINT, INVERSE),
    ),
    LeftOutSummary: (
        feature_tables(),
        LeftOutSummary.empty(POINT, INVERSE),
        lambda block: LeftOutSummary.of(block, POINT, INVERSE),
    ),
    ClassSummary: (feature_tables(), ClassSummary.empty(FACE), lambda block: ClassSummary.of(block, FACE)),
    SideSummary: (feature_tables(), SideSummary.empty(EXACT), lambda block: SideSummary.of(block, EXACT)),
    DependenceSummary: (
        feature_tables(),
        DependenceSummary.empty(COMBINED),
        lambda block: DependenceSummary.of(block, COMBINED),
    ),
    TrialSummary: (feature_tables(), TrialSummary.empty(TRIALS), lambda block: TrialSummary.of(block, TRIALS)),
    DirectionSummary: (
        feature_tables(),
        DirectionSummary.empty(ALONG),
        lambda block: DirectionSummary.of(block, ALONG),
    ),
    WithoutSummary: (
        feature_tables(),
        WithoutSummary.empty(POINT_OF_SHAPES),
        lambda block: WithoutSummary.of(block, POINT_OF_SHAPES),
    ),
    FoldKeySummary: (
        clustered_feature_tables(),
        FoldKeySummary.empty("clusters", 2),
        lambda block: FoldKeySummary.of(block, "clusters", 2),
    ),
    HeldOutSummary: (
        clustered_feature_tables(),
        HeldOutSummary.empty(PATHS),
        lambda block: HeldOutSummary.of(block, PATHS),
    ),
    SegmentSums: (
        feature_tables_with_a_category(),
        SegmentSums.empty(CELLS),
        lambda block: SegmentSums.of(block, CELLS),
    ),
    SharedPassSummary: (feature_tables(), SHARED, lambda block: shared_pass(block)),
    SparseGradientSummary: (
        feature_tables(),
        SparseGradientSummary.empty(sparse_point()),
        lambda block: SparseGradientSummary.of(sparse_of(block), sparse_point()),
    ),
    SparseProductSummary: (
        feature_tables(),
        SparseProductSummary.empty(SPARSE_DIRECTION),
        lambda block: SparseProductSummary.of(sparse_of(block), SPARSE_DIRECTION),
    ),
    SparseBlockSummary: (
        feature_tables(),
        SparseBlockSummary.empty(HEAVY),
        lambda block: SparseBlockSummary.of(sparse_of(block), HEAVY),
    ),
}


OF_SPARSE = SparseGradientSummary, SparseProductSummary, SparseBlockSummary


@pytest.mark.slow
@pytest.mark.parametrize("cls", MAKERS, ids=lambda cls: cls.__name__)
def test_every_summary_obeys_the_laws(cls):
    rows, empty, of = MAKERS[cls]

    @settings(max_examples=60)
    @given(rows, rows, rows)
    def obeys(a, b, c):
        laws.check_summary(empty, *(of(table.block()) for table in (a, b, c)))

    obeys()


def test_gradients_of_too_many_clusters_obey_the_laws_in_buckets(monkeypatch):
    monkeypatch.setattr(cluster_scores, "MOST_GROUPS", 2)
    test_every_summary_obeys_the_laws(ClusterSummary)
    rng = np.random.default_rng(SEED)
    table = Table(np.array([0, 1, 1, 0, 1]), features=rng.normal(size=(5, 2)), cluster=np.arange(5))
    found = ClusterSummary.of(table.block(), POINT, INVERSE)
    assert found.has_buckets
    total = CurvatureSummary.of(table.block(), POINT)
    # What buckets hold together is the gradient, and the Hessian, of all rows.
    assert found.sums.sum(axis=0) == pytest.approx(total.gradient, rel=1e-12)
    assert found.hessians.sum(axis=0) == pytest.approx(total.hessian.full[np.tril_indices(3)], rel=1e-12)
    assert found.shares.sum(axis=0) == pytest.approx(np.diag(INVERSE.T @ total.hessian.full @ INVERSE), rel=1e-12)


@pytest.mark.parametrize("most_groups", [2, 4096])
def test_hessians_of_too_many_clusters_are_not_kept_however_rows_come(monkeypatch, most_groups):
    """Of three coefficients: six numbers for each cluster, two of which are kept."""
    monkeypatch.setattr(cluster_scores, "MOST_GROUPS", most_groups)
    monkeypatch.setattr(cluster_scores, "MOST_NUMBERS", 11)
    test_every_summary_obeys_the_laws(ClusterSummary)
    one = Table(np.array([0, 1]), features=np.ones((2, 2)), cluster=np.zeros(2))
    assert ClusterSummary.of(one.block(), POINT, INVERSE).hessians is not None
    two = dataclasses.replace(one, cluster=np.arange(2))
    assert ClusterSummary.of(two.block(), POINT, INVERSE).hessians is None


@pytest.mark.parametrize("cls", MAKERS, ids=lambda cls: cls.__name__)
def test_every_summary_is_frozen(cls):
    laws.assert_frozen(MAKERS[cls][1])


@pytest.mark.parametrize("cls", MAKERS, ids=lambda cls: cls.__name__)
def test_the_empty_summary_is_that_of_no_rows(cls):
    _rows, empty, of = MAKERS[cls]
    nothing = dataclasses.replace(random_table(0, 0), by=np.zeros(0))
    of_features = (ColumnSummary, ClusterSummary, CurvatureSummary, LeftOutSummary, MarginSummary, SampleSummary)
    others = (*OF_SPARSE, FoldKeySummary, HeldOutSummary, InformationSummary, PointsSummary, SharedPassSummary)
    if cls in (
        *of_features,
        *others,
        TrialSummary,
        ClassSummary,
        SideSummary,
        DependenceSummary,
        DirectionSummary,
        WithoutSummary,
        SegmentSums,
    ):
        nothing = Table(nothing.y_true, features=np.zeros((0, 2)), cluster=np.zeros(0))
    if cls in (MarginalSummary, SegmentSums):
        nothing = Table(nothing.y_true, y_logit=np.zeros(0), features=np.zeros((0, 2)))
    if cls is ComparisonSummary:
        nothing = dataclasses.replace(nothing, cluster=np.zeros(0), second_forecast=np.zeros(0), order=np.zeros(0))
    laws.assert_same(of(nothing.block()), empty)


@pytest.mark.parametrize("cls", MAKERS, ids=lambda cls: cls.__name__)
def test_a_workspace_gives_what_merging_gives(cls):
    """Blocks folded into one workspace, or summed up apart and merged."""
    rows, empty, of = MAKERS[cls]

    @settings(max_examples=30)
    @given(rows, rows)
    def agrees(a, b):
        workspace = empty.workspace()
        for piece in (*pieces_of(a.block()), *pieces_of(b.block())):
            workspace.add(sparse_of(piece) if cls in OF_SPARSE else piece)
        laws.assert_same(workspace.freeze(), of(a.block()).merge(of(b.block())))

    if hasattr(empty, "workspace"):
        agrees()


EMPTY = LossSummary.empty(
    GroupedSummary.empty(("by",)),
    GroupedSummary.empty(("cluster",), group_keys.CLUSTER),
)


@pytest.fixture(params=["as they are", "scores", "cells", "groups", "detailed", "pairs", "all"])
def narrow(request, monkeypatch):
    """Limits so low that few rows pass them: each lossy step then happens at any place of a walk or a merge."""
    few = request.param
    if few in ("scores", "all"):
        monkeypatch.setattr(scores, "MOST_DISTINCT", 3)
        monkeypatch.setattr(cells, "MOST_DISTINCT", 3)
    if few in ("cells", "all"):
        monkeypatch.setattr(cells, "MOST_CELLS", 4)
    if few in ("groups", "all"):
        monkeypatch.setattr(group_keys, "MOST_GROUPS", 4)
    if few in ("detailed", "all"):
        monkeypatch.setattr(grouped, "MOST_DETAILED", 2)
    if few in ("pairs", "all"):
        monkeypatch.setattr(cluster_sums, "MOST_PAIRS", 5)


def assert_equal(a: LossSummary, b: LossSummary) -> None:
    """Field by field, down to the first that differs."""
    for one, other in ((a, b), (a.groups, b.groups), (a.clusters, b.clusters)):
        for field in dataclasses.fields(one):
            if field.name not in ("groups", "clusters"):
                assert getattr(one, field.name) == getattr(other, field.name), field.name
    assert a == b


def of_blocks(blocks) -> LossSummary:
    workspace = EMPTY.workspace()
    for each in blocks:
        workspace.add(each)
    return workspace.freeze()


@pytest.mark.parametrize("kinds", [PROBAS, LOGITS], ids=["probabilities", "logits"])
def test_any_cut_and_tree_gives_the_same_summary_past_every_limit(narrow, kinds):
    """Tables become bins, cells become coarse, groups are given up and clusters share buckets, at any place: the same
    rows make the same summary, to the bit, folded block by block or merged in any tree."""

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(cut_tables(kinds, rows=grouped_tables), st.randoms(use_true_random=False))
    def holds(table_and_cuts, random):
        table, cuts = table_and_cuts
        whole = of_blocks([table.block()])
        assert_equal(of_blocks(table.blocks(cuts)), whole)
        forest = [of_blocks([block]) for block in table.blocks(cuts)]
        while len(forest) > 1:
            a, b = (forest.pop(random.randrange(len(forest))) for _ in range(2))
            forest.append(a.merge(b))
        assert_equal(forest[0].merge(EMPTY), whole)

    holds()


@pytest.mark.parametrize("kind", ["hard", "counts", "soft weighted"])
def test_many_rows_past_the_limits_make_one_summary(kind, monkeypatch):
    """Packed counts of many blocks, 30 groups, 300 clusters; limits in the middle of the walk."""
    monkeypatch.setattr(scores, "MOST_DISTINCT", 500)
    monkeypatch.setattr(cells, "MOST_DISTINCT", 500)
    monkeypatch.setattr(group_keys, "MOST_GROUPS", 128)
    monkeypatch.setattr(cluster_sums, "MOST_PAIRS", 1_000)
    rng = np.random.default_rng(SEED)
    table = random_table(SEED, 4_000, kind)
    table = dataclasses.replace(table, by=rng.integers(0, 30, 4_000), cluster=rng.integers(0, 300, 4_000))
    whole = of_blocks([table.block()])
    assert whole.scores.is_binned
    assert whole.clusters.is_over
    # 30 groups × 32 buckets.
    assert whole.groups.cluster_sums.level == 59
    for _ in range(5):
        cuts = random_cuts(rng, table.n_rows, 24)
        pieces = [of_blocks([block]) for block in table.blocks(cuts)]
        rng.shuffle(pieces)
        assert_equal(merged(pieces, EMPTY), whole)
        assert_equal(of_blocks(table.blocks(cuts)), whole)


@pytest.mark.parametrize("kind", ["hard", "hard logits", "counts", "weighted", "soft", "soft weighted"])
@pytest.mark.parametrize("limit", [1 << 16, 150])
def test_sums_by_group_and_cluster_are_what_they_say(kind, limit, monkeypatch):
    """Rows, weight, and weight times loss, 0 where infinite, of every pair: exactly, as fractions. 7 groups, and 90 clusters
    or 16 buckets of the leading four bits of their hashes."""
    monkeypatch.setattr(cluster_sums, "MOST_PAIRS", limit)
    rng = np.random.default_rng(SEED)
    table = random_table(SEED, 800, kind)
    table = dataclasses.replace(table, by=rng.integers(0, 7, 800), cluster=rng.integers(0, 90, 800))
    if table.counts is not None:
        table = table.take(table.counts > 0)
    if table.y_proba is not None:
        impossible = np.concatenate([1 - np.round(table.y_true[:3]), table.y_proba[3:]])
        table = dataclasses.replace(table, y_proba=impossible)
    block = table.block()
    found = of_blocks([block]).groups.cluster_sums
    alone = [LossSummary.of(table.take([row]).block()) for row in range(table.n_rows)]
    names = hashes_of(block.cluster)
    if limit < 1 << 16:
        assert found.level == 60
        names = (names.view(np.uint64) >> np.uint64(60)).astype(np.int64)
    expected = {}
    for name, group, one in zip(names.tolist(), block.by[0].values.tolist(), alone, strict=True):
        total = expected.setdefault((name, group), [0, 0])
        total[0] += one.sum("w")
        total[1] += one.sum("c")
    groups, places = found.numbers
    pairs = list(zip(found.clusters[places].tolist(), groups.tolist(), strict=True))
    shift = 32 * found.sums.first + exact.UNIT_EXPONENT
    sums = [[value << shift for value in found.sums.integers(column)] for column in (0, 1)]
    is_equal = dict(zip(pairs, map(list, zip(*sums, strict=True)), strict=True)) == expected
    assert is_equal


@pytest.mark.slow
def test_a_hundred_thousand_tiny_summaries_merge():
    """As many as a day of requests makes; the result is that of all rows at once."""
    rng = np.random.default_rng(SEED)
    pieces = [LossSummary.of(random_table(k, 2).block()) for k in range(200)]
    total = LossSummary.empty()
    for k in range(100_000):
        total = total.merge(pieces[k % 200])
    assert total.n_rows == 200_000
    assert total.log_loss == merged(pieces).log_loss
    del rng


def merged(summaries, empty=None):
    total = LossSummary.empty() if empty is None else empty
    for summary in summaries:
        total = total.merge(summary)
    return total


@settings(max_examples=150)
@given(cut_tables())
def test_any_cut_gives_the_same_summary(table_and_cuts):
    """Empty blocks and single rows too; hard, soft, weighted, counted; impossible rows, subnormal losses, huge weights."""
    table, cuts = table_and_cuts
    whole = merged(map(LossSummary.of, table.blocks()))
    assert merged(map(LossSummary.of, table.blocks(cuts))) == whole


@given(cut_tables())
def test_any_cut_gives_the_same_sum_of_losses(table_and_cuts):
    table, cuts = table_and_cuts
    whole = LossSum.of(table.block())
    assert merged(map(LossSum.of, table.blocks(cuts)), LossSum.empty()) == whole
    full = LossSummary.of(table.block())
    assert (whole.n_rows, whole.n_infinite) == (full.n_rows, full.n_infinite)
    assert (whole.sum_loss, whole.sum_weight) == (full.sum("c"), full.sum("w"))


@settings(max_examples=80)
@given(cut_tables(), st.randoms(use_true_random=False))
def test_any_order_gives_the_same_sums(table_and_cuts, random):
    """All but where the largest losses are, which is a question of order."""
    table, cuts = table_and_cuts
    order = list(range(table.n_rows))
    random.shuffle(order)
    shuffled = merged(map(LossSummary.of, table.take(order).blocks(cuts)))
    whole = LossSummary.of(table.block())
    assert dataclasses.replace(shuffled, largest_losses=whole.largest_losses) == whole
    assert [row.log_loss for row in shuffled.largest_losses.rows] == [row.log_loss for row in whole.largest_losses.rows]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hard", "hard logits", "weighted", "soft weighted", "counts"])
def test_two_hundred_cuts_orders_and_merge_trees_have_one_result(kind, capsys):
    rng = np.random.default_rng(SEED)
    table = random_table(SEED, 3_000, kind)
    results = set()
    for _ in range(40):
        shuffled = table.take(rng.permutation(table.n_rows))
        pieces = [LossSummary.of(block) for block in shuffled.blocks(random_cuts(rng, table.n_rows, 24))]
        for _ in range(5):
            # A random tree: two neighbours or strangers at a time, until one is left.
            forest = list(pieces)
            while len(forest) > 1:
                left = forest.pop(int(rng.integers(len(forest))))
                forest.append(left.merge(forest.pop(int(rng.integers(len(forest))))))
            # Where the largest losses are depends on the order that was drawn.
            results.add(dataclasses.replace(forest[0], largest_losses=LargestLossesSummary()))
    with capsys.disabled():
        print(f"\n  {kind}: {len(results)} distinct result of 40 orders and cuts × 5 merge trees (seed {SEED})")
    assert len(results) == 1


@given(tables(("hard", "hard logits", "weighted", "soft"), min_rows=1, max_rows=6), st.integers(1, 4))
def test_counts_are_repeated_rows_in_every_sum(table, k):
    """Every integer: so every figure and every interval."""
    counted = dataclasses.replace(table, counts=np.full(table.n_rows, k))
    repeated = table.take(np.repeat(np.arange(table.n_rows), k))
    of_counted, of_repeated = LossSummary.of(counted.block()), LossSummary.of(repeated.block())
    assert dataclasses.replace(of_counted, largest_losses=of_repeated.largest_losses) == of_repeated


def test_a_summary_of_ten_billion_rows_is_exact():
    """Merging with itself 2^34 times: no counter is too small, and the mean does not move."""
    one = summary = LossSummary.of(random_table(SEED, 3).block())
    for _ in range(34):
        summary = summary.merge(summary)
    assert summary.n_rows == 3 * 2**34
    assert summary.log_loss == one.log_loss
    assert repr(summary).startswith("LossSummary: n_rows=51,539,607,552  log_loss=")


def test_the_sums_are_what_their_names_say():
    """Each by its definition, on three rows whose products are exact."""
    y, p, w = np.array([1.0, 0.0, 0.5]), np.array([0.5, 0.5, 0.25]), np.array([1.0, 2.0, 4.0])
    summary = LossSummary.of(Table(y, p, sample_weight=w).block())
    sums = AllSums(summary, score_table_of(summary.scores))
    found = {name: Fraction(sums.sum(name), 1 << sums.unit_exponent) for name in SUMS}
    assert (found["w"], found["ww"], found["www"]) == (7, 21, 73)
    assert (found["a"], found["aw"], found["aa"]) == (3, 9, 5)
    # Brier: ¼, ¼, and ½·(9/16) + ½·(1/16) = 5/16.
    assert (found["b"], found["p"]) == (Fraction(1, 4) + Fraction(2, 4) + Fraction(20, 16), Fraction(5, 2))
    loss = math.log(2)
    assert float(found["h"]) == pytest.approx(3 * loss + 4 * 0.5623351446188083)
    # p(1−p)·z²: 0 at one half, 3/16·ln²3 at a quarter, times w² = 16.
    assert float(found["v"]) == pytest.approx(3 * math.log(3) ** 2)
    assert found["w_infinite"] == 0
    quarter = 0.5 * math.log(4) - 0.5 * math.log(0.75)
    assert float(found["c"]) == pytest.approx(3 * loss + 4 * quarter)
    assert float(found["ccc"]) == pytest.approx(9 * loss**3 + 64 * quarter**3)
    assert float(found["ca"]) == pytest.approx(loss + 8 * quarter)


def test_powers_of_a_loss_are_kept_in_two_halves():
    """1 + 2^-30 squared and cubed has more than 53 bits; nothing of it is lost."""
    table = Table(np.array([0], np.uint8), y_logit=np.array([1e9 + 2.0**-20]))
    found = LossSummary.of(table.block())
    summary = AllSums(found, score_table_of(found.scores))
    x = Fraction(1e9 + 2.0**-20)
    assert Fraction(summary.sum("cc"), 1 << summary.unit_exponent) == x**2
    assert abs(Fraction(summary.sum("ccc"), 1 << summary.unit_exponent) - x**3) <= x**3 / 2**104


def test_the_largest_losses_are_the_same_whatever_is_merged_first():
    """The cost first, then the name of the file, then the row."""
    rows = [LargeLoss(1.0, "a", 9, 0.5, 1), LargeLoss(2.0, "b", 1, 0.5, 1), LargeLoss(1.0, "a", 10, 0.5, 1)]
    a, b, c = (LargestLossesSummary(1, (row,)) for row in rows)
    assert c.merge(b).merge(a).rows == a.merge(b.merge(c)).rows == (rows[1], rows[0], rows[2])


def test_impossible_rows_do_not_poison_the_sums():
    table = Table(np.array([1, 1, 0], np.uint8), np.array([0.0, 0.5, 1.0]))
    summary = LossSummary.of(table.block())
    assert summary.n_infinite == 2
    assert summary.log_loss == math.inf
    assert exact.rounded(summary.sum("c"), 1) == math.log(2)
    assert [row.row for row in summary.largest_losses.rows if math.isinf(row.log_loss)] == [0, 2]


def test_no_rows_have_no_mean():
    assert repr(LossSummary.empty()) == "LossSummary: n_rows=0  log_loss=nan nats"
    assert repr(LossSum.empty()) == "LossSum: n_rows=0  log_loss=nan nats"


def test_a_curvature_is_the_derivative_of_the_loss():
    """Gradient and Hessian against central differences of a loss in 60 digits."""
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(SEED)
    features, y = rng.normal(0, 1, (12, 2)), rng.random(12)
    w = rng.gamma(1, 1, 12)
    summary = CurvatureSummary.of(Table(y, sample_weight=w, features=features).block(), POINT)
    design = np.column_stack([np.ones(12), (features - DESIGN.centre) / DESIGN.scale[1:]])

    with mpmath.workdps(60):

        def loss(*coefficients):
            total = mpmath.mpf(0)
            for row, label, weight in zip(design.tolist(), y.tolist(), w.tolist(), strict=True):
                z = mpmath.fsum(mpmath.mpf(x) * c for x, c in zip(row, coefficients, strict=True))
                total += weight * (label * mpmath.log1p(mpmath.exp(-z)) + (1 - label) * mpmath.log1p(mpmath.exp(z)))
            return total

        at = tuple(map(mpmath.mpf, POINT.coefficients.tolist()))
        gradient = [mpmath.diff(loss, at, tuple(int(i == j) for i in range(3))) for j in range(3)]
        order = [[tuple(int(i == j) + int(i == k) for i in range(3)) for k in range(3)] for j in range(3)]
        hessian = [[mpmath.diff(loss, at, n) for n in row] for row in order]
        # 12 rows of values of order one: sums of rounded products, 2^-46 is a hundred roundings.
        assert np.allclose(summary.gradient, np.array(gradient, float), rtol=0, atol=2.0**-46)
        assert np.allclose(summary.hessian.full, np.array(hessian, float), rtol=0, atol=2.0**-46)
        assert summary.total_loss == pytest.approx(float(loss(*at)), rel=2.0**-48)


def test_trials_are_the_losses_that_passes_find():
    """At each point the loss is that of a pass which looks there alone."""
    rng = np.random.default_rng(SEED)
    block = Table(rng.random(30), sample_weight=rng.gamma(1, 1, 30), features=rng.normal(0, 1, (30, 2))).block()
    found = TrialSummary.of(block, TRIALS).total_losses
    for point, loss in zip(TRIALS.points, found, strict=True):
        # Logits are products of another shape: a few roundings each.
        assert loss == pytest.approx(CurvatureSummary.of(block, Point(point, DESIGN)).total_loss, rel=1e-14)


@pytest.mark.parametrize("far", [4.0, 1e300, math.inf, math.nan])
def test_a_trial_above_the_most_that_is_asked_for_is_infinite_however_the_rows_are_cut(far):
    """Of points that are not above it nothing changes: a part that has given up a point has found it above."""
    rng = np.random.default_rng(SEED)
    n_rows = 1500
    block = Table((rng.random(n_rows) < 0.5).astype(np.uint8), features=rng.normal(0, 1, (n_rows, 2))).block()
    lengths = np.array([0.0, 0.1, 1.0, far])
    every = TrialSummary.of(block, dataclasses.replace(TRIALS, lengths=lengths)).total_losses
    most = (every[1] + every[2]) / 2
    expected = np.where(every > most, np.inf, every)
    assert 0 < np.isinf(expected).sum() < len(expected)
    trials = dataclasses.replace(TRIALS, lengths=lengths, most=most)
    for cuts in ((0, n_rows), (0, 600, n_rows), (0, 10, 20, 1400, n_rows)):
        parts = [block.taken((np.arange(n_rows) >= a) & (np.arange(n_rows) < b)) for a, b in itertools.pairwise(cuts)]
        found = functools.reduce(TrialSummary.merge, [TrialSummary.of(part, trials) for part in parts])
        assert found.total_losses == pytest.approx(expected, rel=1e-14)


def test_groups_that_python_takes_for_equal_stay_apart_when_comparisons_merge():
    """True and 1 are two groups."""
    y, p, q = np.array([1, 0], np.uint8), np.array([0.2, 0.3]), np.array([0.3, 0.4])
    bools, numbers = (
        ComparisonSummary.of(Table(y, p, second_forecast=q, by=np.array(keys)).block(), by=("by",))
        for keys in ([True, True], [1, 1])
    )
    groups = bools.merge(numbers).groups
    assert [(type(name[0]), name[0]) for name in groups.names] == [(bool, True), (int, 1)]
    assert groups.totals.counts[:, 0].tolist() == [2, 2]


def test_products_in_single_precision_are_near_those_in_double():
    """Each factor of a product and the sum of n products are rounded: 2⁻²⁴ (3 + n) of the entries' lengths at most."""
    rng, n_rows = np.random.default_rng(SEED), 500
    block = Table(rng.integers(0, 2, n_rows).astype(np.uint8), features=rng.uniform(-1, 1, (n_rows, 2))).block()
    single, double = (
        DirectionSummary.of(block, dataclasses.replace(ALONG, is_single=single)).hessian for single in (True, False)
    )
    length = np.sqrt(np.diag(double))
    distance = np.abs(single - double) / length / length[:, None]
    assert 0 < distance.max() < 2.0**-24 * (3 + n_rows)
