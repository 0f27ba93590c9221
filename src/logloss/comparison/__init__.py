"""Comparison of the log losses of several forecasters of the same rows, and its sample size.

>>> import logloss
>>> y, old, new = [1, 0, 1, 1] * 25, [0.5] * 100, [0.8, 0.4, 0.6, 0.9] * 25
>>> compared = logloss.compare(y, {"old": old, "new": new})
>>> compared.best, round(compared.delta, 4)
('new', 0.3556)
"""

from __future__ import annotations

from logloss.comparison.answer import Comparison
from logloss.comparison.compare import compare
from logloss.comparison.pairwise import PairwiseComparison
from logloss.comparison.planning import Plan, plan
from logloss.comparison.sequential import SequentialAnalysis
from logloss.comparison.verdicts import Verdict

__all__ = ["Comparison", "PairwiseComparison", "SequentialAnalysis", "Plan", "Verdict", "compare", "plan"]
