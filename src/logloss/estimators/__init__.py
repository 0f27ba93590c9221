"""For scikit-learn: thin classes around what the library does; the only importer of sklearn.

>>> from logloss import Calibrator
>>> Calibrator(method="platt").method
'platt'
"""

from __future__ import annotations

from logloss.estimators.calibrator import Calibrator

__all__ = ["Calibrator"]
