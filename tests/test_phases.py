"""Each phase of a fit has a limit that is counted, tells progress its name, and ends with Ctrl-C."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import logloss
from logloss.data.binding import bind
from logloss.data.request import RowOptions
from logloss.data.source import SourceAround, as_source
from logloss.training import fold_fits, leave_one_out, optimum, problem, separation, shared_walks
from logloss.training.interruptible import (
    COLUMNS,
    ERRORS,
    INFORMATION_MATRIX,
    LEAVE_ONE_OUT,
    PASSES,
    PASSES_OF_FACE,
    PHASES,
    SAMPLE,
    SEPARATION,
)
from logloss.training.problem import LimitReached, Limits, Problem
from logloss.training.recipe import learn

SEED = 20261129
# Walks beside the passes that find which columns are linearly dependent: the Hessian at 0 and in double precision, and
# two that look at the rows themselves.
OF_RANK = 4


class CountedSource(SourceAround):
    """A source that counts how often somebody walks over it."""

    n_walks = 0

    def parts(self, columns, texts=()):
        self.n_walks += 1
        return self.source.parts(columns, texts)


class Recorded:
    """A progress function that keeps the phases, the rows of each, and how often it was told of waiting."""

    def __init__(self):
        self.phases, self.n_rows, self.n_waits = [], Counter(), 0

    def __call__(self, block):
        self.n_rows[self.phases[-1]] += block.n_rows

    def on_phase(self, name):
        self.phases.append(name)

    def on_wait(self):
        self.n_waits += 1


def drawn(n_rows=2_000, width=4, seed=SEED):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_rows, width))
    labels = (rng.random(n_rows) < 1 / (1 + np.exp(-features[:, 0]))).astype(int)
    return pd.DataFrame(features, columns=[f"x{j}" for j in range(width)]).assign(y=labels)


def quasi_separated():
    table = drawn().round(1)
    distance = table.x0 + table.x1
    return table.assign(y=np.where(distance.abs() < 0.05, table.y, distance > 0).astype(int))


def of_many_levels():
    rng = np.random.default_rng(SEED)
    levels = {name: rng.integers(0, n, 600).astype(str) for name, n in (("x0", 200), ("x1", 40))}
    return pd.DataFrame(levels).assign(x2=rng.normal(size=600), y=rng.integers(0, 2, 600))


def with_outliers():
    table = drawn()
    table.loc[:2, "x0"] = 1e9
    return table


SITUATIONS = {
    "plain": (drawn, {}),
    "penalty": (drawn, {"l2": 1.0}),
    "separated by two columns": (lambda: drawn().assign(y=lambda table: (table.x0 + table.x1 > 0).astype(int)), {}),
    "quasi-separated": (quasi_separated, {}),
    "separated by levels": (of_many_levels, {}),
    "collinear": (lambda: drawn().assign(x4=lambda table: table.x0 + table.x1), {}),
    "collinear but for the last digits": (
        lambda: drawn().assign(x4=lambda table: table.x0 * (1 + 1e-9 * table.x1)),
        {},
    ),
    "outliers": (with_outliers, {}),
    "offset": (lambda: drawn().assign(offset=lambda table: 100 * table.x3), {"offset": "offset"}),
    "clusters": (lambda: drawn().assign(cluster=np.arange(2_000) % 40), {"cluster": "cluster"}),
    "weights": (lambda: drawn().assign(w=np.random.default_rng(1).random(2_000)), {"sample_weight": "w"}),
    "few rows": (lambda: drawn(200), {}),
    "large, with a starting sample": (lambda: drawn(60_000), {}),
}


def fitted(situation, **options):
    """(Model, phases that were told, walks that were made, messages of warnings)."""
    make, own = SITUATIONS[situation]
    table = make()
    source, progress = CountedSource(as_source(table)), Recorded()
    features = [name for name in table if name.startswith("x")]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = logloss.fit(source, "y", features=features, progress=progress, **own, **options)
    return model, progress, source.n_walks, [str(each.message) for each in caught]


@pytest.mark.parametrize("max_passes", [1, 2, 100])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_phase_walks_more_often_than_its_limit(situation, max_passes):
    model, progress, n_walks, _ = fitted(situation, max_passes=max_passes)
    told = Counter(progress.phases)
    assert set(told) <= set(PHASES)
    assert told[COLUMNS] == 1
    assert len(model.passes) <= max_passes
    n_passes = 0 if told[PASSES] == 0 else len(model.passes)
    assert told[PASSES] <= n_passes + OF_RANK
    assert told[PASSES_OF_FACE] <= max(max_passes - n_passes, 1) + OF_RANK
    assert told[SEPARATION] <= separation.MOST_WALKS
    assert told[INFORMATION_MATRIX] <= 1
    assert told[ERRORS] <= 1
    # Each walk is told of; the two that are no walks are told of once.
    of_memory = told[SAMPLE] + (told[LEAVE_ONE_OUT] > 0)
    assert sum(told.values()) - of_memory == n_walks


@pytest.mark.parametrize("situation", SITUATIONS)
def test_one_pass_is_legal_and_does_not_converge(situation):
    """The model of a face that no pass changes is exact after one."""
    model, progress, _, messages = fitted(situation, max_passes=1)
    is_complete = model.separation is not None and model.separation.is_complete
    assert len(model.passes) == 1
    limit = [message for message in messages if "the fit stopped" in message and "limit" in message]
    assert len(limit) == (0 if is_complete else 1)
    if not is_complete:
        assert "Raise `max_passes`" in limit[0]
        assert not model.certificate.nats_per_row <= 1e-12
    assert model.errors is None
    assert ERRORS not in progress.phases


def test_passes_over_rows_that_are_not_separated_count():
    """They have what the passes over all rows have left."""
    model, progress, _, messages = fitted("quasi-separated", max_passes=3)
    assert model.separation is not None
    assert "the fit stopped after 4 passes, with those over rows that are not separated, which is the limit" in "".join(
        messages
    )
    # Three over all rows, then at least one; the face looks for dependent columns, too.
    assert len(model.passes) == 3
    assert 1 <= Counter(progress.phases)[PASSES_OF_FACE] <= 1 + OF_RANK


def test_a_start_that_misleads_does_not_take_more_passes(monkeypatch):
    """After passes from it, which are worse than none, those from nothing have what is left."""
    table = drawn()
    features = [name for name in table if name.startswith("x")]
    wrong = logloss.fit(table.assign(y=1 - table.y), "y", features=features)
    monkeypatch.setattr(optimum, "PATIENCE", 2)
    with pytest.warns(logloss.ConvergenceWarning, match="at the limit of 3 passes"):
        model = logloss.fit(table, "y", features=features, start=wrong, max_passes=3)
    assert len(model.passes) == 3


def test_a_search_without_walks_left_leaves_separation_open(monkeypatch):
    monkeypatch.setattr(separation, "MOST_WALKS", 2)
    model, progress, _, messages = fitted("separated by two columns")
    assert Counter(progress.phases)[SEPARATION] == 2
    assert model.separation is None
    assert "no bound on its distance from the minimum is certified" in "".join(messages)
    assert "whether the classes are separated could not be decided" in "".join(model.notes)


def test_refits_beyond_the_limit_are_not_made(monkeypatch):
    """All but one of the rows of a level have one class: without that one the others are separated."""
    table = drawn(300).assign(x4=lambda table: (table.index < 30).astype(float))
    table.loc[:29, "y"] = (np.arange(30) == 0).astype(int)
    options = {"features": ["x0", "x1", "x4"]}
    model = logloss.fit(table, "y", **options)
    assert model.out_of_sample.n_infinite == 1
    monkeypatch.setattr(leave_one_out, "MOST_PRODUCTS", 1.0)
    limited = logloss.fit(table, "y", **options)
    assert limited.out_of_sample is None
    assert "no leave-one-out log loss: too many rows must be refitted" in "".join(limited.notes)
    assert limited.coefficients == model.coefficients


def test_a_search_for_separation_depends_on_no_clock(monkeypatch):
    """A limit in seconds would give another answer on a slow machine."""
    import scipy.optimize

    given = []
    linprog = scipy.optimize.linprog

    def recorded(*arguments, options, **more):
        given.append(options)
        return linprog(*arguments, options=options, **more)

    monkeypatch.setattr(scipy.optimize, "linprog", recorded)
    model, *_ = fitted("separated by two columns")
    assert model.separation is not None
    assert given
    assert all("time_limit" not in options and options["maxiter"] > 0 for options in given)


# In a process of its own: one that does not answer would hang the tests. Each phase would go on for ever.
ENDLESS = """
import _thread, contextvars, hashlib, os, signal, sys, threading, time, warnings
import numpy as np, pandas as pd, scipy.linalg, scipy.optimize
from dataclasses import replace
from threadpoolctl import threadpool_info
import logloss
from logloss.data.source import SourceAround, array_source
from logloss.training.interruptible import WAITING

warnings.simplefilter("ignore")
# As a user's terminal sends it, also where the tests were started without one.
signal.signal(signal.SIGINT, signal.default_int_handler)
is_endless = threading.Event()

class EndlessPart:
    n_rows = None
    def __init__(self, part):
        self.part = part
    def rows(self):
        yield from self.part.rows()
        while is_endless.is_set():
            yield from self.part.rows()

class EndlessSource(SourceAround):
    def parts(self, columns, texts=()):
        # Two, so that there are threads.
        return [EndlessPart(part) for part in self.source.parts(columns, texts)] * 2

class Progress:
    def __init__(self, phase):
        self.phase = phase
    def __call__(self, block):
        if is_endless.is_set() and not self.is_sent:
            self.is_sent = True
            os.kill(os.getpid(), signal.SIGINT)
    is_sent = False
    def on_phase(self, name):
        if name == self.phase:
            is_endless.set()

rng = np.random.default_rng(0)
n = 1200
x = np.round(rng.normal(size=(n, 3)), 1)
noisy = (rng.random(n) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
distance = x[:, 0] + x[:, 1]
quasi = np.where(np.abs(distance) < 0.05, noisy, distance > 0).astype(int)

def source(features, labels):
    columns = {f"x{j}": features[:, j] for j in range(3)}
    return EndlessSource(array_source(columns | {"y": labels}))

plain = source(x, noisy)
OPTIONS = {
    "columns": (plain, {}),
    "passes": (plain, {}),
    "separation": (source(x, quasi), {}),
    "passes over rows not separated": (source(x, quasi), {}),
    "standard errors": (plain, {"covariance": "HC3"}),
    "leave-one-out": (plain, {}),
}

def threads_of_blas():
    return [each["num_threads"] for each in threadpool_info()]

def fit(table, progress=None, **options):
    return logloss.fit(table, "y", features=["x0", "x1", "x2"], progress=progress, **options)

first = fit(plain)
before = threads_of_blas()

def check(name):
    assert threads_of_blas() == before, name
    assert WAITING.get() is None, name
    # One that was starting when the signal came is not waited for, but ends at its next block; one that the signal
    # kept from starting is listed, without an identity.
    while any(each.name.startswith("logloss_") and each.ident is not None for each in threading.enumerate()):
        time.sleep(0.01)
    is_endless.clear()
    again = fit(plain)
    assert (again.intercept, again.coefficients) == (first.intercept, first.coefficients), name
    print(name, flush=True)

for phase, (table, options) in OPTIONS.items():
    try:
        fit(table, Progress(phase), **options)
    except KeyboardInterrupt:
        check(phase)

# One call of compiled code that goes on for minutes and, like a library's, hears no signal.
def endless(*arguments, **options):
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)

from logloss.training.factor import Factor
wide = np.eye(300) + 1.0
singular = np.ones((300, 300))
factor = Factor(wide)
separated = {"x0": x[:, 0], "x1": x[:, 1], "y": quasi}
CALLS = {
    "cholesky": (np.linalg, lambda: Factor(wide)),
    "eigh": (np.linalg, lambda: Factor(singular)),
    "dtrtri": (scipy.linalg.lapack, lambda: Factor(wide).half),
    "dpotri": (scipy.linalg.lapack, lambda: Factor(wide).inverse),
    "linprog": (scipy.optimize, lambda: fit(source(x, quasi))),
}
for name, (module, work) in CALLS.items():
    own = getattr(module, name)
    setattr(module, name, endless)
    try:
        work()
        print(name, "was not called", flush=True)
    except KeyboardInterrupt:
        setattr(module, name, own)
        check(name)
    # What is not called here would be waited for elsewhere, for ever.
    setattr(module, name, own)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_every_phase_and_leaves_no_state():
    code = textwrap.dedent(ENDLESS)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.stderr == ""
    assert done.returncode == 0
    ended = [COLUMNS, PASSES, SEPARATION, PASSES_OF_FACE, ERRORS, LEAVE_ONE_OUT]
    assert done.stdout.splitlines() == [*ended, "cholesky", "eigh", "dtrtri", "dpotri", "linprog"]


def test_tasks_that_have_begun_end_where_starting_the_next_is_interrupted(monkeypatch):
    """Ctrl-C while the threads of folds start: those that wait for a walk would wait for ever."""
    from concurrent.futures import ThreadPoolExecutor

    ended, submit = [], ThreadPoolExecutor.submit

    def interrupted(pool, work, number):
        if number:
            raise KeyboardInterrupt
        return submit(pool, work, number)

    def task(ask):
        try:
            ask("a walk")
        finally:
            ended.append(True)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        shared_walks.together([task, task], dict)
    assert ended == [True]


def test_the_search_of_a_fold_has_a_limit_of_walks():
    """Its walks are parts of shared ones, which count as well."""
    asked = []
    table = drawn(200)
    source, roles = bind(as_source(table), RowOptions(y_true="y"), features=["x0", "x1"])
    whole = Problem.of(source, learn(source, roles, {}), 0.0)
    own = {"n_rows": whole.n_rows, "sum_weight": whole.sum_weight, "base_rate": whole.base_rate}
    fold = replace(fold_fits.FoldProblem.of_rows(whole, asked.append, **own), limits=Limits(1, 0.0))
    fold.summarised("empty")
    with pytest.raises(LimitReached):
        fold.summarised("empty")
    assert asked == ["empty"]


def test_a_penalised_fit_of_single_precision_is_proved_by_a_pass_without_a_hessian(monkeypatch):
    """The duality gap there is within the tolerance, so that no Hessian is formed in double precision."""
    for name in ("EXPENSIVE_PASS", "FEW_COEFFICIENTS", "MOST_VALUES"):
        monkeypatch.setattr(problem, name, 0)
    # A weak penalty: the gap is a hundred thousand times what the last step gains.
    for l2 in (1e-5, 1e-6):
        model, progress, _, _ = fitted("large, with a starting sample", l2=l2, leave_one_out=False)
        assert model.certificate.nats_per_row < 1e-12
        assert INFORMATION_MATRIX not in progress.phases
