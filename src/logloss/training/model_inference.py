"""What a statistician does with a model: its regression table, tests of hypotheses, marginal effects.

>>> import logloss
>>> model = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1])
>>> print(model.wald_test("x"))
Wald test of x = 0: χ²(1) = 1.252, p = 0.263
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from logloss.answers.small_table import SmallTable
from logloss.training import coefficient_table, hypothesis_tests, marginal_effects
from logloss.training.coefficient_table import UNIT, ModelSummary
from logloss.training.hypothesis_tests import HypothesisTest

if TYPE_CHECKING:
    from logloss.training.model import LogisticModel


class ModelInference:
    """What there is to infer from a `LogisticModel`."""

    __slots__ = ()

    @property
    def _model(self) -> LogisticModel:
        return cast("LogisticModel", self)

