"""What is kept of the rows.

A summary is frozen and small and knows three things: `empty()`, `of(block)` and `a.merge(b)`. Its laws, which
`tests/laws.py` checks for every class here: merging with nothing changes nothing, on either side; the order of a merge
does not matter; how rows were grouped does not matter. Counted summaries hold integers only and keep these laws bit for
bit; floating ones (`CurvatureSummary`) keep them to rounding.

A workspace is private to one worker: blocks are added to it, and it is frozen once.

>>> from logloss.data.source import BlockPart, array_source
>>> from logloss.data.rows import Roles
>>> [part] = array_source({"y_true": [1, 0], "y_proba": [0.5, 0.5]}).parts(("y_true", "y_proba"))
>>> [block] = BlockPart(part, Roles("y_true", "y_proba")).blocks()
>>> LossSummary.of(block)
LossSummary: n_rows=2  log_loss=0.6931 nats
"""

from __future__ import annotations

from logloss.onepass.summaries.classes import ClassSummary, Face
from logloss.onepass.summaries.cluster_scores import ClusterSummary
from logloss.onepass.summaries.comparison import ComparisonSummary, pairs_of
from logloss.onepass.summaries.contract import Summary, Workspace, forecast_of, mass_of
from logloss.onepass.summaries.curvature import CurvatureSummary, Leverages, Point
from logloss.onepass.summaries.directions import Along, AlongInverse, Directions, DirectionSummary
from logloss.onepass.summaries.features import ColumnSummary, Levels, Mixed
from logloss.onepass.summaries.fold_rows import FoldKeySummary, FoldRule
from logloss.onepass.summaries.folded import FoldedLossSummary
from logloss.onepass.summaries.grouped import GroupedSummary
from logloss.onepass.summaries.held_out import ALL_ROWS, FoldPaths, HeldOutSummary, SharedPassSummary, requests_of
from logloss.onepass.summaries.information_sums import InformationSummary
from logloss.onepass.summaries.largest_losses import LargeLoss, LargestLossesSummary
from logloss.onepass.summaries.leftout import LeftOutSummary
from logloss.onepass.summaries.loss import LossSum, LossSummary
from logloss.onepass.summaries.marginal import MarginalSummary
from logloss.onepass.summaries.margins import Combinations, DependenceSummary, MarginSummary, Plane
from logloss.onepass.summaries.ranges import Range
from logloss.onepass.summaries.sample import ALL, SampleSummary
from logloss.onepass.summaries.scores import ScoreSummary
from logloss.onepass.summaries.several_points import PointsSummary
from logloss.onepass.summaries.sides import ExactPlane, SideSummary
from logloss.onepass.summaries.trial_points import Trials, TrialSummary
from logloss.onepass.summaries.without import WithoutSummary

__all__ = [
    "ALL",
    "ALL_ROWS",
    "Along",
    "AlongInverse",
    "ClassSummary",
    "ClusterSummary",
    "ColumnSummary",
    "Combinations",
    "ComparisonSummary",
    "LargestLossesSummary",
    "LargeLoss",
    "CurvatureSummary",
    "DependenceSummary",
    "DirectionSummary",
    "Directions",
    "ExactPlane",
    "Face",
    "FoldKeySummary",
    "FoldPaths",
    "FoldRule",
    "FoldedLossSummary",
    "GroupedSummary",
    "HeldOutSummary",
    "InformationSummary",
    "LeftOutSummary",
    "Leverages",
    "Levels",
    "LossSum",
    "LossSummary",
    "MarginSummary",
    "MarginalSummary",
    "Mixed",
    "Plane",
    "Point",
    "PointsSummary",
    "Range",
    "SampleSummary",
    "ScoreSummary",
    "SharedPassSummary",
    "SideSummary",
    "Summary",
    "TrialSummary",
    "Trials",
    "WithoutSummary",
    "Workspace",
    "forecast_of",
    "mass_of",
    "pairs_of",
    "requests_of",
]
