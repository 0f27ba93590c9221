"""scikit-learn's own tests with `logloss.LogisticRegression` in place of its class: those that its class passes.

The installed wheel has them. Each file that imports the class runs twice, as it is and with the name replaced. What a
test asks for is recorded in the first run, at each fit: more than two classes, arrays of other packages or callbacks,
which are not supported, or an L1 penalty, sparse rows, or neither. A test counts for the first of these in that order.
Tests that read the words of its solvers' warnings, or of its deprecations, are counted by themselves. Left out are the
tests of every estimator that scikit-learn lists, whose checks tests/test_estimators.py runs, and of its docstrings.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import sklearn
from _class_under_test import DENSE, KINDS, SUPPORTED
from _record import HERE, Figures, Lines, record

ROOT = pathlib.Path(sklearn.__file__).parents[1]
OWN_FILE = "sklearn/linear_model/tests/test_logistic.py"
NOT_OF_THE_CLASS = ("sklearn/tests/test_common.py", "sklearn/tests/test_docstring_parameters.py")
IMPORTS = re.compile(r"import .*\bLogisticRegression\b|^    LogisticRegression,$", re.MULTILINE)
# Tests that read the words of one of its solvers, or that an argument of its is deprecated.
OWN_WORDS = "messages of its own solvers, deprecations"
OF_WORDS = "test_max_iter|test_newton_cholesky_fallback|test_penalty_deprecated|test_l1_ratio_None_deprecated"
# Why a test does not pass: what its id or its error has in it, and the reason.
REASONS = [
    ("test_max_iter", "reads the warning text of each of its solvers"),
    ("test_newton_cholesky_fallback", "reads the warning that one of its solvers falls back to another"),
    ("test_penalty_deprecated|test_l1_ratio_None_deprecated", "expects a FutureWarning; nothing is deprecated here"),
    (
        "test_liblinear_dual_random_state",
        "expects other coefficients from another random_state; here none changes them",
    ),
    ("test_liblinear_with_large_values", "expects an error for values that only liblinear cannot take"),
    (
        "test_roc_curve_display_plotting_from_cv_results",
        "expects a spread of 0.0452, its default solver's; its newton-cholesky with tol=1e-12 has 0.0447, as ours",
    ),
    ("test_sag.py::test_classifier_single_class", "reads the text of its error for one class"),
    (
        "test_step_size_alpha_error|test_sag_classifier_raises_error",
        "expects an error that only its sag and saga raise",
    ),
    ("test_check_dataframe_column_names", "expects an error that the check reserves for modules of scikit-learn"),
    ("test_logistic_cv", "expects six digits of its liblinear, which stops 2e-5 short of the optimum"),
    (
        "test_logreg_l1",
        "expects sparse and dense fits to agree in seven digits of a coefficient of 0.0013; they agree to 1.5e-10, "
        "both certified within 1e-14 nats per row of the minimum",
    ),
    ("test_lr_penalty_l1ratio_incompatible", "expects the warning that goes with the deprecation of `penalty`"),
    (
        "test_dtype_match",
        "expects float64 of single precision rows of its liblinear; here float32, as of other solvers",
    ),
    ("test_large_sparse_matrix", "expects an error for indices of 64 bits, which three of its solvers cannot take"),
    (
        "test_sag_classifier_computed_correctly|test_sag_multiclass_computed_correctly|test_binary_classifier_class_weight",
        "expects the coefficients that its sag has after 20 to 50 passes over sparse rows, with steps of the intercept "
        "of a hundredth; not at the optimum",
    ),
]


def files(quick: bool) -> list[str]:
    """The files of tests that import the class."""
    if quick:
        return [OWN_FILE]
    found = [
        path for path in sorted(ROOT.glob("sklearn/**/tests/test_*.py")) if IMPORTS.search(path.read_text("utf-8"))
    ]
    names = [path.relative_to(ROOT).as_posix() for path in found]
    return [name for name in names if name not in NOT_OF_THE_CLASS]


def outcomes(which: str, *, quick: bool, seconds: int) -> dict[str, Figures]:
    """Run the tests with one of the classes; {id: outcome, what was fitted, error}."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        paths = [str(HERE), str(HERE.parent / "src"), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "CLASS_UNDER_TEST": which,
            "TEST_SECONDS": str(seconds),
            "TEST_RECORD": str(path / "record.json"),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            # Both classes run side by side.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        (path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        words = [
            "-q",
            "--continue-on-collection-errors",
            "-p",
            "no:cacheprovider",
            "-p",
            "_class_under_test",
            "-c",
            path / "pytest.ini",
        ]
        some = ["-k", "test_write_parameters or test_nan or test_predict"] if quick else []
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words, f"--rootdir={ROOT}", *files(quick), *some],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        if not (path / "record.json").exists():
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        return json.loads((path / "record.json").read_text(encoding="utf-8"))


@cache
def both(quick: bool, seconds: int) -> dict[str, dict[str, tuple[str, str]]]:
    """{kind: {id of a test that scikit-learn's class passes: outcome and error with ours}}."""
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(outcomes, which, quick=quick, seconds=seconds) for which in ("scikit-learn", "logloss")]
    theirs, ours = (run.result() for run in runs)
    kinds = {name: test["kinds"][0] for name, test in theirs.items() if test["outcome"] == "passed" and test["kinds"]}
    found: dict[str, dict[str, tuple[str, str]]] = {kind: {} for kind in (*KINDS, OWN_WORDS)}
    for name, kind in kinds.items():
        # A test whose name has the class in it may be another one.
        test = ours.get(name, {"outcome": "missing", "error": "the test has another name"})
        found[OWN_WORDS if kind in SUPPORTED and re.search(OF_WORDS, name) else kind][name] = (
            test["outcome"],
            test["error"],
        )
    return found


def reason_of(name: str, error: str) -> str:
    """Why a test does not pass; "" if that is not known."""
    return next((reason for pattern, reason in REASONS if re.search(pattern, f"{name} {error}")), "")


def suites(requested: argparse.Namespace) -> Lines:
    """How many of the tests that scikit-learn's class passes are passed, by file."""
    found = both(requested.quick, requested.seconds)
    for file in files(requested.quick):
        line: Figures = {}
        for kind, tests in found.items():
            own = {name: outcome for name, (outcome, _) in tests.items() if name.startswith(file)}
            if own or kind == DENSE:
                line[kind] = len(own)
                line[f"{kind}: passed"] = sum(outcome == "passed" for outcome in own.values())
        yield file.removeprefix("sklearn/"), line


def kinds(requested: argparse.Namespace) -> Lines:
    """The same of all files."""
    for kind, tests in both(requested.quick, requested.seconds).items():
        passed = sum(outcome == "passed" for outcome, _ in tests.values())
        yield kind, {"tests": len(tests), "passed": passed, "percent": 100 * passed / max(1, len(tests))}


def failures(requested: argparse.Namespace) -> Lines:
    """Each test of what is supported that does not pass, and why."""
    found = both(requested.quick, requested.seconds)
    for name, (outcome, error) in {
        name: each for kind in (*SUPPORTED, OWN_WORDS) for name, each in found[kind].items()
    }.items():
        if outcome != "passed":
            yield (
                name.removeprefix("sklearn/"),
                {"reason": reason_of(name, error), "error": f"{outcome}: {error}"[:160]},
            )


if __name__ == "__main__":
    record(suites, kinds, failures, seconds=(120, 60))
