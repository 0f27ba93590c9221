"""Random designs that deceive a solver, against optima at 60 digits and separation decided between fractions.

Columns span 1e-12 to 1e12, with codes such as −999999999 and INT64_MIN among them, with copies and nearly copies, ties,
levels of one class; rows have weights from 1e-8 to lognormal ones. A trial fails if the loss is farther above its least
than the bound says, if a separation is none or leaves out rows, or if anything but a documented error is raised.

Columns that depend on each other but for the rounding of their last digit are one column for both: the least is then
looked for without the last of them. Where no bound is proved ("open"), none is checked.
"""

from __future__ import annotations

import math
import warnings
from fractions import Fraction

import mpmath
import numpy as np
from mpmath import mp

import logloss

DIGITS = 60
# The residual of a column that depends on others up to rounding, in its own unit.
ROUNDED = 1e-12
CODES = (-999999999.0, -(2.0**63), -1e12, 1e9, 1e15)


def column(rng, n, others):
    """One column of numbers, of a kind that is drawn, too."""
    kind = rng.integers(8)
    unit = 10.0 ** rng.uniform(-12, 12)
    if kind == 0:
        return rng.normal(size=n) * unit + rng.choice([0, 1, 1e3, 1e6]) * unit
    if kind == 1:
        return rng.integers(-3, 4, n) * rng.choice([1.0, unit])
    if kind == 2:
        return (rng.random(n) < 0.3).astype(float)
    if kind == 3:
        return rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-12, 12, n)
    if kind == 4 and others:
        return others[0] * rng.choice([1.0, 2.0, -0.5]) + 10.0 ** rng.uniform(-17, -1) * rng.normal(size=n) * np.abs(
            others[0]
        )
    if kind == 5 and others:
        return sum(others) * rng.choice([1.0, 1.0, unit])
    if kind == 6:
        return np.exp(rng.normal(0, rng.choice([1, 4]), n)) * unit
    return np.round(rng.normal(size=n), 1)


def design(rng):
    """(Columns by name, labels, weights or None, l2) of a small table."""
    n, k = int(rng.integers(6, 31)), int(rng.integers(1, 4))
    columns = []
    for _ in range(k):
        found = column(rng, n, columns)
        if rng.random() < 0.35:
            n_codes = 1 if rng.random() < 0.6 else int(rng.integers(1, max(2, n // 3)))
            found[rng.choice(n, n_codes, replace=False)] = rng.choice(CODES) * rng.choice([1.0, 1.0, 1e-6])
        columns.append(found)
    table = {f"x{j}": values for j, values in enumerate(columns)}
    if rng.random() < 0.2:
        table["kind"] = rng.choice(["a", "b", "c", "d"], n)
    spread = [(v - np.median(v)) / (np.median(np.abs(v - np.median(v))) or 1.0) for v in columns]
    z = sum(rng.choice([-2, -1, 0, 1, 2]) * np.clip(s, -3, 3) for s in spread) + rng.choice([-1, 0, 1])
    kind = rng.integers(4)
    if kind == 0:
        y = (z > 0).astype(float)
    elif kind == 1:
        y = np.where(np.abs(z) < 0.5, rng.integers(0, 2, n), z > 0).astype(float)
    elif kind == 2 and rng.random() < 0.5:
        y = np.round(rng.random(n), 1)
    else:
        y = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(float)
    weights = None
    if rng.random() < 0.3:
        weights = rng.choice([np.full(n, 1e-8), rng.lognormal(0, 2, n), rng.integers(1, 4, n).astype(float)])
    l2 = float(rng.choice([0.0, 0.0, 0.0, 1e-3, 1.0]))
    return table, y, weights, l2


def fractions_of(model, table, n):
    """The rows as the model's design lays them out, exactly, on numbers less their centre; without references."""
    made = model.design
    rows = [[Fraction(1)] for _ in range(n)]
    for term in made.numbers:
        for i, value in enumerate(table[term.column]):
            rows[i].append(Fraction(float(value)) - Fraction(float(term.centre[0])))
    for term in made.categories:
        for i, value in enumerate(table[term.column]):
            rows[i] += [Fraction(int(level == value)) for level in term.levels]
    return rows


def loss(point, rows, labels, weights, penalty):
    total = sum((c * b * b for c, b in zip(penalty, point, strict=True)), mp.mpf(0)) / 2
    for row, y, w in zip(rows, labels, weights, strict=True):
        z = mp.fdot(row, point)
        total += w * (mp.log1p(mp.exp(-abs(z))) + max(z, 0) - y * z)
    return total


def least(point, rows, labels, weights, penalty, keep):
    """(The least objective that Newton's method finds from a point, its squared decrement), at the precision of mp."""
    value = loss(point, rows, labels, weights, penalty)
    decrement = mp.inf
    for _ in range(80):
        width = len(keep)
        gradient = mp.matrix([penalty[j] * point[j] for j in keep])
        hessian = mp.diag([penalty[j] for j in keep])
        for row, y, w in zip(rows, labels, weights, strict=True):
            z = mp.fdot(row, point)
            p = 1 / (1 + mp.exp(-z)) if z > -1000 else mp.exp(z)
            own = [row[j] for j in keep]
            curve = w * p * (1 - p)
            for a in range(width):
                gradient[a] += w * (p - y) * own[a]
                if curve and own[a]:
                    for b in range(a + 1):
                        hessian[a, b] += curve * own[a] * own[b]
        for a in range(width):
            for b in range(a):
                hessian[b, a] = hessian[a, b]
        # Each coefficient in its own unit; a minimal ridge for dependent columns.
        unit = [mp.sqrt(hessian[a, a]) or mp.mpf(1) for a in range(width)]
        for a in range(width):
            for b in range(width):
                hessian[a, b] /= unit[a] * unit[b]
            gradient[a] /= unit[a]
            hessian[a, a] += mp.mpf(10) ** -45
        step = mp.lu_solve(hessian, gradient)
        decrement = mp.fdot(step, gradient)
        if decrement < mp.mpf(10) ** -34 * sum(weights):
            break
        share = mp.mpf(1)
        for _ in range(60):
            trial = list(point)
            for a, j in enumerate(keep):
                trial[j] -= share * step[a] / unit[a]
            tried = loss(trial, rows, labels, weights, penalty)
            if tried < value:
                break
            share /= 2
        else:
            break
        point, value = trial, tried
    return value, decrement


def independent(rows, keep):
    """The columns that do not depend on the ones before them up to rounding (Gram and Schmidt)."""
    found, basis = [], []
    for j in keep:
        own = [row[j] for row in rows]
        size = mp.sqrt(mp.fdot(own, own))
        for each in basis * 2:
            share = mp.fdot(own, each)
            own = [a - share * b for a, b in zip(own, each, strict=True)]
        left = mp.sqrt(mp.fdot(own, own))
        if left > size * ROUNDED:
            basis.append([a / left for a in own])
            found.append(j)
    return found


def farthest(rows, gain):
    """The d with |d| ≤ 1 and rows·d ≥ 0 of most gain·d: the simplex method between fractions, with Bland's rule."""
    width = len(gain)
    # d = a − b with a, b in [0, 1]; a dictionary of slacks over the 2·width variables, feasible at 0.
    table = [[-x for x in row] + list(row) + [Fraction(0)] for row in rows]
    for j in range(2 * width):
        table.append([Fraction(int(j == k)) for k in range(2 * width)] + [Fraction(1)])
    aim = [-g for g in gain] + list(gain) + [Fraction(0)]
    basis = list(range(2 * width, 2 * width + len(table)))
    names = list(range(2 * width))
    while True:
        enters = min((names[k], k) for k in range(2 * width) if aim[k] < 0) if min(aim[:-1]) < 0 else None
        if enters is None:
            break
        k = enters[1]
        ratios = [(row[-1] / row[k], basis[i], i) for i, row in enumerate(table) if row[k] > 0]
        _, _, i = min(ratios)
        pivot = table[i]
        factor = pivot[k]
        table[i] = [x / factor for x in pivot]
        table[i][k] = 1 / factor
        for other in range(len(table)):
            if other != i and table[other][k]:
                c = table[other][k]
                table[other] = [x - c * y for x, y in zip(table[other], table[i], strict=True)]
                table[other][k] = -c / factor
        c = aim[k]
        aim = [x - c * y for x, y in zip(aim, table[i], strict=True)]
        aim[k] = -c / factor
        basis[i], names[k] = names[k], basis[i]
    values = [Fraction(0)] * (2 * width)
    for name, row in zip(basis, table, strict=True):
        if name < 2 * width:
            values[name] = row[-1]
    return [values[j] - values[width + j] for j in range(width)]


def divided(rows, labels):
    """The rows that some separating direction divides, exactly."""
    signed = []
    for row, y in zip(rows, labels, strict=True):
        # A power of two near the largest entry, which changes no sign, keeps the fractions short.
        scale = Fraction(2) ** -math.frexp(float(max(map(abs, row))))[1]
        own = [x * scale for x in row]
        signed.append([own] if y == 1 else [[-x for x in own]] if y == 0 else [own, [-x for x in own]])
    all_rows = [own for each in signed for own in each]
    is_divided = [False] * len(rows)
    while True:
        left = [each[0] for each, is_known in zip(signed, is_divided, strict=True) if len(each) == 1 and not is_known]
        if not left:
            return is_divided
        gain = [sum(column) for column in zip(*left, strict=True)]
        found = farthest(all_rows, gain)
        if sum(g * d for g, d in zip(gain, found, strict=True)) <= 0:
            return is_divided
        for i, each in enumerate(signed):
            if len(each) == 1 and sum(x * d for x, d in zip(each[0], found, strict=True)) > 0:
                is_divided[i] = True


def complaint(rng):
    """(The fault of the fit of a random design, or "", its outcome)."""
    table, y, weights, l2 = design(rng)
    n = len(y)
    try:
        model = logloss.fit(table, y, sample_weight=weights, l2=l2, leave_one_out=False)
    except logloss.DataError:
        return "", "refused"
    mass = np.ones(n) if weights is None else weights
    rows = fractions_of(model, table, n)
    keep = [j for j in range(len(rows[0])) if j in set(model.design.free.tolist())]
    bound = model.certificate.nats_per_row
    is_reported = np.isinf(model.predict_logit(table)).tolist()
    if model.separation is not None:
        is_divided = divided([[row[j] for j in keep] for row in rows], y)
        is_whole = model.certificate.is_proven and not model.n_dependent
        if any(a and not b for a, b in zip(is_reported, is_divided, strict=True)) or (
            is_whole and is_reported != is_divided
        ):
            return f"{sum(is_reported)} rows are reported as divided; {sum(is_divided)} are", "separated"
    kept = [i for i in range(n) if not is_reported[i]]
    with mp.workdps(DIGITS):
        exact = [[mpmath.mpf(x.numerator) / x.denominator for x in rows[i]] for i in kept]
        labels = [mp.mpf(float(y[i])) for i in kept]
        own = [mp.mpf(float(mass[i])) for i in kept]
        penalty = [mp.mpf(0)] + [mp.mpf(l2)] * (len(rows[0]) - 1)
        at = [mp.mpf(float(value)) for value in model.values]
        ours = loss(at, exact, labels, own, penalty)
        total = mp.mpf(float(mass.sum()))
        gap = mp.mpf(0)
        if model.n_dependent and not l2:
            keep = independent(exact, keep)
            # The point has the shortest of many answers; the loss of each is the same but for rounding.
            bound += 1e-13
        if kept and math.isfinite(bound):
            best, _ = least(at, exact, labels, own, penalty, keep)
            gap = (ours - best) / total
        penalised = mp.fdot(penalty, [b * b for b in at]) / 2
        error = abs((ours - penalised) / total - mp.mpf(model.log_loss))
    if math.isfinite(bound) and gap > bound:
        return f"{float(gap):.1e} nats above the least, with a bound of {bound:.1e}", "proved"
    # Logits are right to a few roundings of their largest terms, and so is the stated loss.
    if error > 1e-9 * (1 + abs(model.log_loss)):
        return f"the loss at the answer differs from the stated one by {float(error):.1e}", "proved"
    return "", "separated" if model.separation is not None else "proved" if model.certificate.is_proven else "open"


def run(n_trials: int, seed: int) -> dict:
    """Counts of the outcomes, and the first failures as text."""
    found = {"trials": n_trials, "invalid_bounds": 0, "undocumented_exceptions": 0}
    outcomes = {"proved": 0, "separated": 0, "open": 0, "refused": 0}
    failures = []
    for number in range(n_trials):
        rng = np.random.default_rng([seed, number])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for allowed in (logloss.SeparationWarning, logloss.ConvergenceWarning):
                warnings.simplefilter("ignore", allowed)
            try:
                wrong, kind = complaint(rng)
            except Exception as error:
                found["undocumented_exceptions"] += 1
                failures.append(f"trial {number}: {type(error).__name__}: {str(error)[:120]}")
                continue
        outcomes[kind] += 1
        if wrong:
            found["invalid_bounds"] += 1
            failures.append(f"trial {number}: {wrong}")
    return found | outcomes | {"failures": failures[:20]}
