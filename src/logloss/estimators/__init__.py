"""The door to scikit-learn: thin classes around what the rest of logloss does, and the only importer of sklearn.

>>> import logloss
>>> logloss.LogisticRegression(C=0.5)
LogisticRegression(C=0.5)
"""

from logloss.errors import MissingPackage

try:
    from logloss.estimators.additive import AdditiveClassifier as AdditiveClassifier
    from logloss.estimators.calibrator import Calibrator as Calibrator
    from logloss.estimators.cross_fitting import cross_fitted as cross_fitted
    from logloss.estimators.export import as_sklearn as as_sklearn
    from logloss.estimators.logistic import LogisticRegression as LogisticRegression
    from logloss.estimators.logistic_cv import LogisticRegressionCV as LogisticRegressionCV
except ImportError as error:
    if (error.name or "").split(".")[0] != "sklearn":
        raise
    raise MissingPackage(
        'the estimators need scikit-learn 1.6 or newer. Install it with: pip install "logloss[sklearn]"'
    ) from error
