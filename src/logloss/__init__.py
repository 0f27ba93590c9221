"""logloss: train, measure and explain the probabilities of binary classifiers by their log loss.

>>> import logloss
>>> logloss.log_loss([1, 0], [0.5, 0.5])
0.6931471805599453
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logloss.version import __version__ as __version__

if TYPE_CHECKING:
    from logloss.calibration import Calibration, calibrate
    from logloss.comparison import Comparison, Contest, Course, compare
    from logloss.decomposition import Miscalibration
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
    from logloss.estimates import Estimate
    from logloss.estimators import Calibrator, LogisticRegression
    from logloss.fitting import fit
    from logloss.information import cross_entropy, entropy, kl_divergence, log_loss, surprisal
    from logloss.measurement import Measurement, measure
    from logloss.model import LogisticModel
    from logloss.opening import load
    from logloss.separation import Separation
    from logloss.show.drawings import Drawing, drawing
    from logloss.show.explanation import Explanation, explain
    from logloss.smalltable import SmallTable


# Where each public name lives; it is imported when it is first used, so that `import logloss` costs nothing.
_HOMES = {
    "log_loss": "information",
    "surprisal": "information",
    "entropy": "information",
    "cross_entropy": "information",
    "kl_divergence": "information",
    "measure": "measurement",
    "Measurement": "measurement",
    "load": "opening",
    "drawing": "show.drawings",
    "Drawing": "show.drawings",
    "compare": "comparison",
    "Comparison": "comparison",
    "Contest": "comparison",
    "diff": "difference",
    "Difference": "difference",
    "Course": "comparison",
    "calibrate": "calibration",
    "Calibration": "calibration",
    "Calibrator": "estimators",
    "Miscalibration": "decomposition",
    "SmallTable": "smalltable",
    "Estimate": "estimates",
    "fit": "fitting",
    "LogisticModel": "model",
    "explain": "show.explanation",
    "Explanation": "show.explanation",
    "LogisticRegression": "estimators",
    "LogLossError": "errors",
    "DataError": "errors",
    "SourceNotFound": "errors",
    "MissingPackage": "errors",
    "EngineError": "errors",
    "ConvergenceWarning": "errors",
    "SeparationWarning": "errors",
    "Separation": "separation",
}

__all__ = [
    "Calibration",
    "Calibrator",
    "Comparison",
    "Contest",
    "ConvergenceWarning",
    "Course",
    "DataError",
    "Difference",
    "Drawing",
    "EngineError",
    "Estimate",
    "Explanation",
    "LogLossError",
    "LogisticModel",
    "LogisticRegression",
    "Measurement",
    "Miscalibration",
    "MissingPackage",
    "Separation",
    "SeparationWarning",
    "SmallTable",
    "SourceNotFound",
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
    "surprisal",
]


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
