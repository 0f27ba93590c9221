"""Doors to other trainers: log loss where scikit-learn, LightGBM, XGBoost, PyTorch and MLflow ask for a metric.

Each module is the door to one package and is imported by its name, so that no other package is needed:

>>> from logloss.integrations.scikit_learn import log_loss_scorer
>>> log_loss_scorer(pos_label="yes")
LogLossScorer(pos_label='yes')
"""
