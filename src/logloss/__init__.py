"""logloss: train, measure and explain the probabilities of binary classifiers by their log loss.

>>> import logloss
>>> logloss.log_loss([1, 0], [0.5, 0.5])
0.6931471805599453
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from logloss.answers.answer import register
from logloss.version import __version__ as __version__

# Who renders each kind of answer: the one way from what is below to what is above it.
for _kind, _file in {
    "measurement": "summary_writing:save_measurement",
    "model": "fitted_file:save_fitted",
    "additive": "fitted_file:save_fitted",
    "wide": "fitted_file:save_fitted",
    "calibration": "fitted_file:save_fitted",
    "comparison": "saved_answer:save_answer",
    "difference": "saved_answer:save_answer",
    "monitoring": "saved_answer:save_answer",
    "plan": "saved_answer:save_answer",
    "segments": "saved_answer:save_answer",
}.items():
    register(
        _kind,
        text=f"logloss.show.words.of_{_kind}:text_of",
        notebook=f"logloss.show.report{f'.of_{_kind}' if _kind in ('model', 'additive', 'wide') else ''}:short_html",
        plot="logloss.show.plot:plot",
        page="logloss.show.report:to_html",
        save=f"logloss.files.{_file}",
        sklearn="logloss.estimators:as_sklearn",
        cross_fit="logloss.estimators:cross_fitted",
    )
register("table", notebook="logloss.show.page:short_table")
register(
    "term",
    text="logloss.show.words.of_additive:term_text",
    notebook="logloss.show.report.of_additive:term_html",
    plot="logloss.show.plot:plot_term",
)
register(
    "pair",
    text="logloss.show.words.of_additive:pair_text",
    notebook="logloss.show.report.of_additive:pair_html",
    plot="logloss.show.plot:plot_pair",
)
register(
    "saved",
    text="logloss.files.saved_answer:text_of",
    notebook="logloss.show.page:short_text",
    plot="logloss.files.saved_answer:no_picture",
    page="logloss.files.saved_answer:no_picture",
    save="logloss.files.saved_answer:save_answer",
)
register(
    "explanation",
    text="logloss.show.explanation.answer:text_of",
    notebook="logloss.show.explanation.answer:short_html",
    plot="logloss.show.explanation.answer:no_picture",
    save="logloss.show.explanation.answer:no_file",
    page="logloss.show.explanation.answer:to_html",
)

if TYPE_CHECKING:
    from logloss.answers.estimate import Estimate
    from logloss.answers.small_table import SmallTable
    from logloss.calibration import Calibration, calibrate
    from logloss.comparison import Comparison, PairwiseComparison, Plan, SequentialAnalysis, Verdict, compare, plan
    from logloss.difference import Difference, diff
    from logloss.errors import (
        ConvergenceWarning,
        DataError,
        EngineError,
        LogLossError,
        MissingPackage,
        SeparationWarning,
        SourceNotFound,
    )
    from logloss.estimators import AdditiveClassifier, Calibrator, LogisticRegression, LogisticRegressionCV
    from logloss.files.load import load
    from logloss.inference.decision_costs import DecisionCosts
    from logloss.inference.decomposition import Miscalibration
    from logloss.information import cross_entropy, entropy, kl_divergence, log_loss, surprisal
    from logloss.measurement import Measurement, measure
    from logloss.monitoring import Monitoring, watch
    from logloss.segmentation import Segments, segments
    from logloss.show.drawings import Drawing, drawing
    from logloss.show.explanation.answer import Explanation
    from logloss.show.explanation.explain import explain
    from logloss.show.plot import plot
    from logloss.training.additive_model import AdditiveModel
    from logloss.training.fit import fit
    from logloss.training.hashed_model import HashedModel as HashedModel
    from logloss.training.model import LogisticModel
    from logloss.training.pair_effects import PairEffect
    from logloss.training.separation import Separation
    from logloss.training.term_effects import TermEffect
    from logloss.training.wide_model import WideModel


# Where each public name lives; it is imported when it is first used, so that `import logloss` costs nothing.
_HOMES = {
    "log_loss": "information",
    "surprisal": "information",
    "entropy": "information",
    "cross_entropy": "information",
    "kl_divergence": "information",
    "measure": "measurement",
    "Measurement": "measurement",
    "load": "files.load",
    "drawing": "show.drawings",
    "Drawing": "show.drawings",
    "plot": "show.plot",
    "DecisionCosts": "inference.decision_costs",
    "compare": "comparison",
    "Comparison": "comparison",
    "PairwiseComparison": "comparison",
    "plan": "comparison",
    "Plan": "comparison",
    "diff": "difference",
    "Difference": "difference",
    "watch": "monitoring",
    "Monitoring": "monitoring",
    "SequentialAnalysis": "comparison",
    "segments": "segmentation",
    "Segments": "segmentation",
    "Verdict": "comparison",
    "calibrate": "calibration",
    "Calibration": "calibration",
    "Calibrator": "estimators",
    "Miscalibration": "inference.decomposition",
    "SmallTable": "answers.small_table",
    "Estimate": "answers.estimate",
    "fit": "training.fit",
    "LogisticModel": "training.model",
    "AdditiveModel": "training.additive_model",
    "WideModel": "training.wide_model",
    "HashedModel": "training.hashed_model",
    "PairEffect": "training.pair_effects",
    "TermEffect": "training.term_effects",
    "explain": "show.explanation.explain",
    "Explanation": "show.explanation.answer",
    "LogisticRegression": "estimators",
    "AdditiveClassifier": "estimators",
    "LogisticRegressionCV": "estimators",
    "LogLossError": "errors",
    "DataError": "errors",
    "SourceNotFound": "errors",
    "MissingPackage": "errors",
    "EngineError": "errors",
    "ConvergenceWarning": "errors",
    "SeparationWarning": "errors",
    "Separation": "training.separation",
}

__all__ = [
    "AdditiveClassifier",
    "AdditiveModel",
    "Calibration",
    "Calibrator",
    "Comparison",
    "PairwiseComparison",
    "ConvergenceWarning",
    "SequentialAnalysis",
    "DataError",
    "DecisionCosts",
    "Difference",
    "Drawing",
    "EngineError",
    "Estimate",
    "Explanation",
    "LogLossError",
    "LogisticModel",
    "LogisticRegression",
    "LogisticRegressionCV",
    "Measurement",
    "Miscalibration",
    "MissingPackage",
    "Monitoring",
    "PairEffect",
    "Plan",
    "Segments",
    "Separation",
    "SeparationWarning",
    "SmallTable",
    "TermEffect",
    "SourceNotFound",
    "Verdict",
    "HashedModel",
    "WideModel",
    "calibrate",
    "compare",
    "cross_entropy",
    "diff",
    "drawing",
    "entropy",
    "explain",
    "fit",
    "kl_divergence",
    "load",
    "log_loss",
    "measure",
    "plan",
    "segments",
    "plot",
    "surprisal",
    "watch",
]
# `from logloss import *` takes every name at once and must work without scikit-learn; asked for by name, the estimators
# tell how to install it.
if find_spec("sklearn") is None:
    for _name in ("AdditiveClassifier", "Calibrator", "LogisticRegression", "LogisticRegressionCV"):
        __all__.remove(_name)


def __getattr__(name: str) -> Any:
    """A public name, imported from its room."""
    if name not in _HOMES:
        raise AttributeError(f"module 'logloss' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"logloss.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return [*__all__, "__version__"]
