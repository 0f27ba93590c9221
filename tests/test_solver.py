"""The state of a fit: made anew by each step, never changed; and the small parts that steps are made of."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest

import logloss
from logloss.data.binding import bind
from logloss.data.request import RowOptions
from logloss.training.evaluation import PassHistory, lbfgs_step, with_pair
from logloss.training.factor import Factor
from logloss.training.optimum import find_optimum
from logloss.training.problem import Problem
from logloss.training.recipe import learn
from logloss.training.separation_proof import Equations
from logloss.training.solver import solve

SEED = 20261129


def problem_of(n_rows=200, l2=0.0, **columns):
    rng = np.random.default_rng(SEED)
    features = {name: rng.normal(size=n_rows) for name in ("a", "b")} | columns
    logits = features["a"] - 0.5 * features["b"]
    source, roles = bind((rng.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(int), RowOptions(), features=features)
    return Problem.of(source, learn(source, roles, {}), l2)


def test_passes_leave_the_problem_and_what_was_known_as_they_were():
    """Two fits from one history are the same to the bit: nothing of the first is left behind in what they share."""
    problem = problem_of()
    history = PassHistory.empty(problem)
    before = pickle.dumps((history, problem.penalty, problem.free))
    first, second = (solve(problem, np.zeros(3), history, 30) for _ in range(2))
    assert pickle.dumps((history, problem.penalty, problem.free)) == before
    assert first.evaluation.coefficients.tobytes() == second.evaluation.coefficients.tobytes()
    assert first.history.passes == second.history.passes
    assert first.n_passes > 2


def test_a_start_far_away_is_left_by_a_line_search():
    """At 8 in each coordinate hardly a row has curvature left: Newton's full step leads away."""
    problem = problem_of(l2=1.0)
    state = solve(problem, np.full(3, 8.0), PassHistory.empty(problem), 30)
    tried = [each for each in state.history.passes if each.bound == np.inf]
    assert len(tried) >= 1
    assert state.evaluation.bound <= problem.tolerance * problem.sum_weight


def test_a_restart_goes_on_counting_passes_and_keeps_what_is_known():
    problem = problem_of()
    first = solve(problem, np.zeros(3), PassHistory.empty(problem), 2)
    again = solve(problem, first.evaluation.coefficients, first.history, 30)
    assert again.history.passes[:2] == first.history.passes
    assert (again.history.largest_diagonal >= first.history.largest_diagonal).all()


def test_pairs_of_lbfgs_hold_the_secant_equation():
    """Nocedal & Wright (2006), equation 6.6: the inverse maps the last change of the gradient to the last step."""
    rng = np.random.default_rng(SEED)
    hessian = np.diag([1.0, 10.0, 100.0])
    pairs = ()
    for _ in range(3):
        step = rng.normal(size=3)
        pairs = with_pair(pairs, step, hessian @ step)
    assert lbfgs_step(pairs, lambda right: right, pairs[-1][1]) == pytest.approx(-step)
    # Along a step on which the objective does not curve upwards nothing is learned.
    assert with_pair(pairs, step, -step) == pairs


def test_columns_that_depend_on_each_other_share_what_they_say():
    """A column twice: the rank is known, and the shortest coefficients say the same of each row."""
    rng = np.random.default_rng(SEED)
    values = rng.normal(size=200)
    problem = problem_of(a=values, c=values.copy())
    optimum = find_optimum(problem, np.zeros(4), PassHistory.empty(problem), 30)
    assert (optimum.rank.n_dependent, optimum.rank.is_sure) == (1, True)
    null = optimum.rank.null[:, 0]
    assert np.abs(null / null[1]) == pytest.approx([0.0, 1.0, 0.0, 1.0], abs=1e-12)
    assert optimum.rank.shortest(np.array([0.5, 2.0, 1.0, 0.0])) == pytest.approx([0.5, 1.0, 1.0, 1.0])


def test_exact_equations_are_solved_exactly():
    equations, rows = Equations(4), [(1, 2, 3, 1), (0, 1, 1, 3), (1, 3, 4, 4)]
    for row in rows:
        equations.add(list(map(Fraction, row)))
    # The third follows from the others.
    assert equations.rank == 2
    wanted = [Fraction(1), Fraction(-1, 3), Fraction(0), Fraction(0)]
    solution = equations.nearest(wanted)
    assert [sum(a * b for a, b in zip(row, solution, strict=True)) for row in rows] == [0, 0, 0]
    left = [j for j in range(4) if j not in equations.rows]
    assert [float(solution[j]) for j in left] == pytest.approx([float(wanted[j]) for j in left], abs=1e-6)


def table_with_an_outlier(size, n_columns, n_rows, seed):
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, 7, size=(n_rows, n_columns)).astype(float)
    labels = (rng.random(n_rows) < 0.5).astype(int)
    labels[:2] = 0, 1
    numbers[rng.integers(n_rows), 0] = size
    return numbers, labels


@pytest.mark.filterwarnings("ignore::logloss.SeparationWarning")
@pytest.mark.parametrize("l2", [0.0, 1e-3, 1.0])
@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("size", [1e4, -1e6, 1e8, -1e12, 1e15, -1e15])
def test_an_outlier_of_either_class_leaves_a_certificate(size, n_columns, l2):
    """Or the proof that classes are separated. Beside it the loss has a wall on one side and a tail on the other."""
    for n_rows, seed in ((8, SEED), (8, SEED + 1), (40, SEED)):
        numbers, labels = table_with_an_outlier(size, n_columns, n_rows, seed)
        for own in (labels, 1 - labels):
            model = logloss.fit(numbers, own, l2=l2, leave_one_out=False)
            assert model.certificate.nats_per_row < 1e-12


def test_two_outliers_in_whose_tail_newtons_steps_seem_to_have_arrived():
    """Each step changes their log-odds by 1 and is expected to gain 1e-17, where far along it 0.04 nats are gained.

    The minimum is that of Newton's method at 120 digits.
    """
    x0 = [1e7, 940.0, -7e-5, 7e-5, -5e-5, 7e-5, 7e-5, -7e-5]
    x1 = [-3e-5, 6e-6, 1.1e-4, 1.7e-4, 3e-5, 5e-6, 1e13, 8e-5]
    model = logloss.fit(np.column_stack([x0, x1]), [0, 1, 0, 1, 1, 1, 0, 0], leave_one_out=False)
    assert model.certificate.nats_per_row < 1e-15
    assert model.log_loss == pytest.approx(0.43599921615441489444, rel=1e-15)


def test_a_fit_that_float64_cannot_resolve_says_so_and_not_that_more_passes_help():
    """At its minimum the rows at b = 1 and b = 3 have log-odds of 680,000: their losses are 0 in float64."""
    numbers = {"a": [4.0, 6.0, -1e7, 5.0, 1.0, 2.0], "b": [2.0, 2.0, 1.0, 3.0, 2.0, 2.0]}
    with pytest.warns(logloss.ConvergenceWarning, match="no step lowers the loss any more in float64") as caught:
        model = logloss.fit(numbers, [0, 1, 0, 0, 1, 0], leave_one_out=False)
    message = str(caught[0].message)
    assert "Raise `max_passes`" not in message
    assert '"a": few values are many thousand times as large as is usual in the column' in message
    assert len(model.passes) < 100
    assert "optimum    not certified" in repr(model)


def test_what_rounding_can_take_from_a_hessian_is_less_than_its_lost_share():
    """Products that are all rounded up by their most: the smallest eigenvalue falls by no more than is stated."""
    rng = np.random.default_rng(SEED)
    n_additions = 2**38
    for n in (2, 5, 12):
        rows = rng.normal(size=(3 * n, n)) * 10.0 ** rng.integers(-3, 4, n)
        rows[:, -1] = rows[:, 0] + 0.3 * rows[:, -1] * rows[:, 0].std() / rows[:, -1].std()
        factor = Factor(rows.T @ rows)
        size = np.sqrt(np.diag(factor.matrix))
        rounded = (n_additions + 8) * 2.0**-53 * np.outer(size, size)
        direction = np.sign(np.linalg.eigh(factor.matrix / np.outer(size, size))[1][:, 0])
        true = factor.matrix - rounded * np.outer(direction, direction)
        least = np.linalg.eigvalsh(factor.half @ true @ factor.half.T).min()
        share = factor.lost_share(n_additions)
        assert 1 - share <= least < 1
        assert 0 < share < 1


@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_nothing_is_proved_with_a_hessian_of_single_precision(monkeypatch, l2):
    """Its products are rounded by 2^-24 each: steps may use them, the certificate is computed without."""
    monkeypatch.setattr("logloss.training.problem.EXPENSIVE_PASS", 0)
    problem = problem_of(2_000, l2)
    optimum = find_optimum(problem, np.zeros(3), PassHistory.empty(problem), 30)
    now = optimum.evaluation
    assert now.factor.is_single
    assert 0 < optimum.bound <= problem.tolerance * problem.sum_weight
    if l2 == 0:
        assert not optimum.information.is_single
        # Where the Hessian of double precision gives no bound there is none.
        monkeypatch.setattr(Factor, "lost_share", lambda self, n_additions: 1.0)
        again = find_optimum(problem, np.zeros(3), PassHistory.empty(problem), 30)
        assert again.evaluation.is_proven
        assert again.bound == np.inf
