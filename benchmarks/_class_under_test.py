"""A plugin of pytest that puts one LogisticRegression or the other in scikit-learn's tests, and records each test.

CLASS_UNDER_TEST is "scikit-learn" or "logloss". TEST_RECORD is where the record goes: by id the outcome, the error, and
what was fitted.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import json
import os
import pathlib
import re
import signal

import numpy as np
import pytest
import scipy.sparse
import sklearn.linear_model
from sklearn.linear_model import LogisticRegression as ScikitLearns

# Modules of scikit-learn itself that use the class: they keep their own.
USERS = ("sklearn.ensemble", "sklearn.utils._test_common.instance_generator")
# What a fit asks for, the first that applies.
CLASSES, ARRAYS, CALLBACKS, L1, SPARSE, DENSE = (
    "more than two classes",
    "arrays of other packages",
    "callbacks",
    "an L1 penalty, two classes",
    "sparse X, two classes",
    "dense, two classes",
)
KINDS = (CLASSES, ARRAYS, CALLBACKS, L1, SPARSE, DENSE)
SUPPORTED = (L1, SPARSE, DENSE)

records: dict[str, dict] = {}
of_files: dict[str, set] = {}
now: dict = {}


def kind_of(estimator, X, y) -> str:
    """What a fit asks for."""
    with contextlib.suppress(TypeError, ValueError):
        if len(np.unique(np.asarray(y).astype(str))) > 2:
            return CLASSES
    if hasattr(X, "__array_namespace__") and not isinstance(X, np.ndarray):
        return ARRAYS
    if getattr(estimator, "_skl_callbacks", None):
        return CALLBACKS
    if estimator.l1_ratio or getattr(estimator, "penalty", None) in ("l1", "elasticnet"):
        return L1
    return SPARSE if scipy.sparse.issparse(X) else DENSE


def recorded(function):
    """A method of scikit-learn's class that records what it is asked for."""

    @functools.wraps(function)
    def wrapper(self, *args, **kwargs):
        if type(self) is ScikitLearns:
            now.setdefault("kinds", set())
            if function.__name__ == "fit":
                given = dict(zip(("X", "y"), args, strict=False)) | kwargs
                now["kinds"].add(kind_of(self, given.get("X"), given.get("y")))
        return function(self, *args, **kwargs)

    return wrapper


def pytest_configure(config):
    for name in USERS:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if os.environ["CLASS_UNDER_TEST"] == "logloss":
        import logloss

        sklearn.linear_model.LogisticRegression = logloss.LogisticRegression
    else:
        ScikitLearns.__init__ = recorded(ScikitLearns.__init__)
        ScikitLearns.fit = recorded(ScikitLearns.fit)


def uses_the_class(item) -> bool:
    """Whether the class is named in a test, its parameters, or what it is given."""
    given = [each.func for names in item._fixtureinfo.name2fixturedefs.values() for each in names]
    texts = [repr(item.callspec.params)] if hasattr(item, "callspec") else []
    with contextlib.suppress(OSError, TypeError):
        texts += [inspect.getsource(each) for each in (item.function, *given)]
    return any(re.search(r"\bLogisticRegression\b", text) for text in texts)


def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if uses_the_class(item)]


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):
    now.clear()
    yield
    # What a file fits when it is imported, all of its tests need.
    if isinstance(collector, pytest.Module):
        of_files[collector.nodeid] = set(now.get("kinds", ()))


def id_of(item) -> str:
    """The id of a test: its file below scikit-learn, and its name."""
    return "sklearn/" + item.nodeid.rpartition("sklearn/")[2]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    def too_long(number, frame):
        raise TimeoutError("the test took too long")

    now.clear()
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(int(os.environ["TEST_SECONDS"]))
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    record = records.setdefault(id_of(item), {"outcome": "passed", "kinds": None, "error": ""})
    if report.when == "call" and "kinds" in now:
        needed = now["kinds"] | of_files.get(item.nodeid.partition("::")[0], set())
        record["kinds"] = [kind for kind in KINDS if kind in needed]
    if report.outcome != "passed":
        record["outcome"] = report.outcome
        if call.excinfo is not None:
            lines = f"{call.excinfo.typename}: {call.excinfo.value}".splitlines()
            record["error"] = " ".join(line.strip() for line in lines if line.strip())[:300]


def pytest_sessionfinish(session):
    path = pathlib.Path(os.environ["TEST_RECORD"])
    path.write_text(json.dumps(records), encoding="utf-8")
