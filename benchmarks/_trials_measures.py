"""Random small tables through `measure`, `calibrate`, `compare` and `diff`: figures must be right, errors ours.

Each table is checked against computations that share nothing with the library: losses by `math.fsum`, the area under
the curve by fractions over all pairs of scores, groups by their values, weights as repeated rows, another order and
another cut of the same rows bit for bit. Warnings are errors. What is wrong without an error is a silent difference;
an exception that is not a `DataError` is an undocumented one.
"""

from __future__ import annotations

import json
import math
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

import logloss
from logloss import DataError

N_SHOWN = 20
MOST_ROWS = 200
PROBABILITIES = (0.0, -0.0, 5e-324, 1e-310, 1e-200, 1e-17, 2.0**-53, 0.25, 0.5, 1 - 2.0**-53, 1.0)
LOGITS = (-math.inf, -1.7e308, -1e60, -800.0, -36.6, -5e-324, 0.0, -0.0, 1e-9, 40.0, 720.0, 1e300, 1e308, math.inf)
WEIGHTS = (5e-324, 1e-310, 1e-300, 1e-3, 0.1, 1.0, 2.0, 7.5, 1e300, 1.7e308)
SHARES = (0.0, 5e-324, 1 / 3, 0.5, 0.9, 1 - 2.0**-53, 1.0)
# The library rounds an exact sum once; fsum rounds once, of logarithms right to 1 ULP each.
NEAR = 1e-12
UNBOUNDED = (
    "sequence",
    "autocorrelation_robust",
    "log_e_value",
    "contribution",
    "minus_expected",
    "excess",
    "delta",
    "shifted",
    "change",
    "second_minus_first",
    "expected_reduction",
    "composition",
    "within",
    "less",
)


@dataclass(frozen=True)
class Table:
    """One random table: labels, a forecast, optional columns."""

    y_true: Any
    forecast: Any
    is_logit: bool = False
    sample_weight: Any = None
    counts: Any = None
    by: Any = None
    cluster: Any = None
    missing: str = "error"

    @property
    def arguments(self) -> dict[str, Any]:
        found = {"y_logit" if self.is_logit else "y_proba": self.forecast, "missing": self.missing}
        for name in ("sample_weight", "counts", "by", "cluster"):
            if getattr(self, name) is not None:
                found[name] = {name[0]: getattr(self, name)} if name in ("by", "cluster") else getattr(self, name)
        return found

    def taken(self, rows: Any) -> Table:
        names = ("y_true", "forecast", "sample_weight", "counts", "by", "cluster")
        return replace(self, **{n: getattr(self, n)[rows] for n in names if getattr(self, n) is not None})

    def measured(self, name: str = "") -> logloss.Measurement:
        return logloss.measure(self.y_true, **self.arguments, name=name)


class Wrong(Exception):
    """A wrong figure."""


def run(n_trials: int, seed: int) -> dict[str, Any]:
    """Count what goes wrong over so many tables: trials, silent_differences, undocumented_exceptions, failures."""
    silent = undocumented = refused = 0
    failures: list[str] = []
    checks = [checked, merged, repeated, perfect, swapped, answered, compared, keyed]
    for trial in range(n_trials):
        rng = np.random.default_rng([seed, trial])
        check = checks[trial % len(checks)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                check(table_of(rng), rng)
            continue
        except DataError as error:
            # "nan", "inf" in an error of ours would be our fault, too.
            refused += 1
            if not str(error).strip():
                raise
            continue
        except Wrong as error:
            silent += 1
            message = str(error)
        except Exception:
            undocumented += 1
            message = " | ".join(line.strip() for line in traceback.format_exc().strip().split("\n")[-7:])
        if len(failures) < N_SHOWN:
            failures.append(f"seed {seed}, trial {trial}, {check.__name__}: {message}")
    return {
        "trials": n_trials,
        "refused": refused,
        "silent_differences": silent,
        "undocumented_exceptions": undocumented,
        "failures": failures,
    }


def table_of(rng: np.random.Generator) -> Table:
    """A random table; some of its columns come from the ends of their scales."""
    n_rows = int(rng.choice([1, 2, 3, int(rng.integers(4, 21)), int(rng.integers(21, 60)), MOST_ROWS]))
    is_logit = bool(rng.random() < 0.3)
    forecast = rng.normal(size=n_rows) * 3 if is_logit else rng.random(n_rows)
    forecast = mixed(rng, forecast, LOGITS if is_logit else PROBABILITIES)
    if rng.random() < 0.3:
        forecast = forecast[rng.integers(0, max(1, n_rows // 6), n_rows)]
    rate = rng.choice([0.02, 0.3, 0.5, 1.0, 0.0], p=[0.2, 0.3, 0.3, 0.1, 0.1])
    labels: Any = (rng.random(n_rows) < rate).astype(float)
    kind = rng.random()
    if kind < 0.2:
        labels = mixed(rng, rng.random(n_rows), SHARES)
    elif kind < 0.3:
        labels = np.full(n_rows, rng.choice([*SHARES, 0.3]))
    found = Table(labels, forecast, is_logit)
    kind = rng.random()
    if kind < 0.25:
        found = replace(found, sample_weight=rng.gamma(0.5, 1, n_rows))
    elif kind < 0.4:
        found = replace(found, sample_weight=mixed(rng, rng.random(n_rows), WEIGHTS))
    elif kind < 0.5:
        found = replace(found, sample_weight=np.full(n_rows, rng.choice(WEIGHTS)))
    if rng.random() < 0.2:
        found = replace(found, counts=rng.choice([0, 1, 2, 1000, 10**10], n_rows))
    if rng.random() < 0.35:
        found = replace(found, by=rng.integers(0, rng.integers(1, 5), n_rows))
    if rng.random() < 0.3:
        found = replace(found, cluster=rng.integers(0, rng.integers(1, 30), n_rows))
    if rng.random() < 0.15:
        labels = np.where(rng.random(n_rows) < 0.3, np.nan, found.y_true)
        found = replace(found, y_true=labels, missing="drop")
    return found


def mixed(rng: np.random.Generator, values: Any, ends: Any) -> Any:
    """The same with some values from the ends of a scale: none, a tenth, or all."""
    return np.where(rng.random(len(values)) < rng.choice([0.0, 0.1, 1.0]), rng.choice(ends, len(values)), values)


def expect(claim: bool, *details: Any) -> None:
    """Raise unless a condition holds."""
    if not claim:
        raise Wrong(" ".join(map(str, details)))


def is_near(found: float, expected: float, near: float = NEAR) -> bool:
    """Whether two values are equal up to a relative error; a quotient of subnormals has few digits."""
    return found == expected or abs(found - expected) <= near * abs(expected) + 1e-300


def surprisal(y: float, p: float, *, is_logit: bool) -> float:
    """The log loss of one row, by `math`."""
    if is_logit:
        one, zero = softplus(-p), softplus(p)
    else:
        one, zero = (-math.log(p) if p > 0 else math.inf), (-math.log1p(-p) if p < 1 else math.inf)
    return (y * one if y > 0 else 0.0) + ((1 - y) * zero if y < 1 else 0.0)


def softplus(z: float) -> float:
    """log(1 + e^z)."""
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def rows_of(table: Table) -> list[tuple[float, float, Fraction, float]]:
    """(Label, forecast, weight, loss) of each row that takes part; the weight is exact."""
    found = []
    for i in range(len(table.y_true)):
        weight = Fraction(1 if table.sample_weight is None else float(table.sample_weight[i]))
        weight *= 1 if table.counts is None else int(table.counts[i])
        y, p = float(table.y_true[i]), float(table.forecast[i])
        if weight and not math.isnan(y):
            found.append((y, p, weight, surprisal(y, p, is_logit=table.is_logit)))
    return found


def loss_of(rows: list[tuple[float, float, Fraction, float]]) -> float:
    """Mean loss: products and sums are exact, the quotient is rounded once."""
    if any(math.isinf(cost) for *_, cost in rows):
        return math.inf
    return over(sum(weight * Fraction(cost) for _, _, weight, cost in rows), sum(weight for _, _, weight, _ in rows))


def over(a: Any, b: Any) -> float:
    """A quotient, infinite beyond the floats."""
    try:
        return float(Fraction(a) / Fraction(b))
    except OverflowError:
        return math.inf


def area_of(rows: list[tuple[float, float, Fraction, float]]) -> Fraction | None:
    """The area under the curve by fractions, over all pairs of distinct scores."""
    masses: dict[float, list[Fraction]] = {}
    for y, p, weight, _ in rows:
        of = masses.setdefault(p + 0.0, [Fraction(0), Fraction(0)])
        of[1] += weight * Fraction(y)
        of[0] += weight * (1 - Fraction(y))
    zeros, ones = (sum((of[k] for of in masses.values()), Fraction(0)) for k in (0, 1))
    if not zeros or not ones:
        return None
    below = won = Fraction(0)
    for score in sorted(masses):
        zero, one = masses[score]
        won += one * (below + zero / 2)
        below += zero
    return won / (zeros * ones)


def checked(table: Table, rng: np.random.Generator) -> None:
    """Loss, base rate, area, groups; every figure in its domain; every interval around its estimate."""
    m = table.measured()
    rows = rows_of(table)
    expect(is_near(m.log_loss, loss_of(rows)), "log_loss", float(m.log_loss), loss_of(rows))
    weight = sum(row[2] for row in rows)
    rate = over(sum(row[2] * Fraction(row[0]) for row in rows), weight)
    # The product of a share and a weight is rounded once.
    expect(is_near(m.base_rate, rate, NEAR if m.is_soft else 0), "base_rate", float(m.base_rate), rate)
    area = area_of(rows)
    expect(math.isnan(m.auc) == (area is None), "auc", float(m.auc), area)
    expect(area is None or m.auc == over(area, 1), "auc", float(m.auc), area and float(area))
    if table.by is not None:
        by_value: dict[int, list[Any]] = {}
        taking = [i for i in range(len(table.y_true)) if len(rows_of(table.taken(np.array([i]))))]
        for i, row in zip(taking, rows, strict=True):
            by_value.setdefault(int(table.by[i]), []).append(row)
        expect(m.groups is not None and m.groups["b"] == sorted(by_value), "groups", m.groups)
        for found, own in zip(m.groups, (by_value[key] for key in sorted(by_value)), strict=True):
            # Without weights, losses below 2^-267 count as 0 in the sums of groups.
            is_nothing = loss_of(own) < 2.0**-267 and found["log_loss_nats"] == 0
            expect(is_nothing or is_near(found["log_loss_nats"], loss_of(own)), "group", found, loss_of(own))
            expect(is_near(found["share"], over(sum(row[2] for row in own), weight)), "share", found)
    shown(m)
    in_domain(m.to_dict())


def shown(m: Any) -> None:
    """All figures and texts of an answer."""
    json.dumps(m.to_dict(), allow_nan=False)
    expect(len(str(m)) > 0 and len(m._repr_html_()) > 0, "nothing shown")


def figures_in(found: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """A dict and those below it."""
    yield path, dict(found)
    for name, value in found.items():
        for number, below in enumerate(value if isinstance(value, list) else []):
            if isinstance(below, dict):
                yield from figures_in(below, f"{path}{name}[{number}].")


def in_domain(figures: Mapping[str, Any]) -> None:
    """Losses and shares are not negative, shares and p-values at most 1, and intervals contain their estimates."""
    for path, found in figures_in(figures):
        for name, value in found.items():
            value = {"inf": math.inf, "-inf": -math.inf}.get(value, value) if isinstance(value, str) else value
            if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
                continue
            if name.endswith("nats") and not any(word in name for word in UNBOUNDED):
                expect(value >= 0, f"{path}{name} is below 0:", value)
            if any(name.endswith(word) for word in ("base_rate", "proba", "p_value", "auc", "brier", "percent")):
                expect(0 <= value <= 1, f"{path}{name} must lie in [0, 1]:", value)
            low, high = found.get(f"{name}_low"), found.get(f"{name}_high")
            low, high = (float(end) if end in ("inf", "-inf") else end for end in (low, high))
            if isinstance(low, float) and isinstance(high, float) and not math.isnan(low):
                expect(low <= value <= high, f"{path}{name} lies outside its interval:", value, low, high)


def without(figures: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Figures but for some."""
    return {name: value for name, value in figures.items() if name not in names}


def merged(table: Table, rng: np.random.Generator) -> None:
    """Another order, and another cut of the same rows, give the same bits; so does the same call again."""
    m = table.measured()
    everywhere, again = m.to_dict(), table.measured().to_dict()
    expect(again == everywhere, "the same call", difference(again, everywhere))
    other = table.taken(rng.permutation(len(table.y_true))).measured().to_dict()
    where = ("largest_losses", "first_infinite", "source")
    expect(
        without(other, *where) == without(everywhere, *where), "another order:", difference(other, everywhere, *where)
    )
    n_rows = len(table.y_true)
    cut = int(rng.integers(0, n_rows + 1))
    halves = [table.taken(np.arange(a, b)) for a, b in ((0, cut), (cut, n_rows))]
    if all(len(rows_of(half)) for half in halves):
        both = halves[0].measured("a").merge(halves[1].measured("b"))
        if both.is_soft != m.is_soft:
            raise Wrong("merged halves are soft, the whole is not")
        found = both.to_dict()
        expect(without(found, *where) == without(everywhere, *where), "a cut:", difference(found, everywhere, *where))


def difference(a: Mapping[str, Any], b: Mapping[str, Any], *but: str) -> str:
    """The figures in which two dicts differ."""
    return ", ".join(f"{k}: {a.get(k)!r} / {b.get(k)!r}" for k in b if k not in but and a.get(k) != b.get(k))[:1500]


def repeated(table: Table, rng: np.random.Generator) -> None:
    """Weight 2 is the row twice, count 2 is the row twice, scaled weights are the same weights."""
    n_rows = len(table.y_true)
    times = rng.integers(1, 4, n_rows)
    if np.isnan(table.y_true).any():
        return
    plain = replace(table, sample_weight=None, counts=None, cluster=None)
    twice = plain.taken(np.repeat(np.arange(n_rows), times)).measured()
    weighted = replace(plain, sample_weight=times.astype(float)).measured()
    counted = replace(plain, counts=times).measured()
    names = ("log_loss", "base_rate", "mean_proba", "auc", "brier", "uncertainty", "discrimination", "miscalibration")
    for name in names:
        a, b = float(getattr(twice, name)), float(getattr(weighted, name))
        expect(is_near(a, b, 1e-9) or abs(a - b) < 1e-12 or (math.isnan(a) and math.isnan(b)), name, "weighted", a, b)
    where = ("largest_losses", "first_infinite")
    expect(
        without(twice.to_dict(), *where) == without(counted.to_dict(), *where),
        "counts:",
        difference(twice.to_dict(), counted.to_dict(), *where),
    )
    scaled, whole = replace(plain, sample_weight=times * 2.0**-7).measured().to_dict(), weighted.to_dict()
    for name, value in whole.items():
        if isinstance(value, float) and name != "sum_weight":
            # The figures of squares are made of floats.
            expect(abs(scaled[name] - value) <= 1e-9 * abs(value) + 1e-9, "scaled weights:", name, scaled[name], value)


def perfect(table: Table, rng: np.random.Generator) -> None:
    """A forecast that ranks perfectly, one that ranks worst, one that is the base rate."""
    n_rows = max(len(table.y_true), 2)
    weight = rng.choice(WEIGHTS, n_rows) if rng.random() < 0.3 else rng.gamma(0.3, 1, n_rows) + 1e-12
    weight = None if rng.random() < 0.3 else weight
    proba = np.sort(rng.random(n_rows))
    labels = (np.arange(n_rows) >= rng.integers(1, n_rows)).astype(int)
    best = logloss.measure(labels, proba, sample_weight=weight)
    worst = logloss.measure(1 - labels, proba, sample_weight=weight)
    expect(best.auc == 1, "perfect ranking", repr(float(best.auc)))
    expect(worst.auc == 0, "worst ranking", repr(float(worst.auc)))
    expect(best.discrimination == best.uncertainty, "perfect discrimination", float(best.discrimination))
    expect(worst.discrimination == 0, "worst discrimination", float(worst.discrimination))
    sure = logloss.measure(labels, labels.astype(float), sample_weight=weight)
    # If one class has nearly no weight, the entropy is nearly 0.
    expect(sure.skill == 1 or sure.uncertainty == 0, "certain and right", float(sure.skill))
    expect((sure.log_loss, sure.miscalibration, sure.brier) == (0, 0, 0), "certain and right", sure)
    half = rng.permutation(np.arange(2 * n_rows) % 2)
    usual = logloss.measure(half, np.full(2 * n_rows, 0.5))
    expect((usual.skill, usual.miscalibration, usual.discrimination) == (0, 0, 0), "the base rate", usual)
    only_last = labels.astype(float)
    only_last[-1] = 0.25
    one = logloss.measure(labels, only_last)
    if n_rows >= 100:
        expect(one.loss_share_of_top_1_percent == 1, "one row has all of the loss", one.loss_share_of_top_1_percent)
    for m in (best, worst, sure, usual, one):
        in_domain(m.to_dict())
        shown(m)


def swapped(table: Table, rng: np.random.Generator) -> None:
    """The other class as positive: losses stay, the area and the base rate are one less what they were."""
    mirrored = -table.forecast if table.is_logit else 1 - table.forecast
    plain = replace(table, forecast=table.forecast if table.is_logit else 1 - mirrored)
    a, b = plain.measured(), replace(plain, y_true=1 - plain.y_true, forecast=mirrored).measured()
    # Labels that are shares are rounded by 1 − y, probabilities were chosen so that they are not.
    near = 0 if not a.is_soft else 1e-12
    losses = float(a.log_loss), float(b.log_loss)
    expect(a.is_soft or is_near(*losses, near or 1e-15), "loss of the other class", *losses)
    expect(abs(a.base_rate + b.base_rate - 1) <= 1e-15 + near, "base rate", float(a.base_rate), float(b.base_rate))
    ranks = logloss.measure(table.y_true, **(table.arguments | {"by": None, "cluster": None}))
    if not ranks.is_soft and not math.isnan(ranks.auc):
        other = logloss.measure(1 - table.y_true, **(table.arguments | {"by": None, "cluster": None}))
        expect(abs(ranks.auc + other.auc - 1) <= 2.0**-52, "auc", float(ranks.auc), float(other.auc))


def answered(table: Table, rng: np.random.Generator) -> None:
    """Calibration, the loss at other base rates, margins, the difference of two halves."""
    m = table.measured()
    n_rows = len(table.y_true)
    halves = [table.taken(np.arange(a, n_rows, 2)).measured(name) for a, name in ((0, "old"), (1, "new"))][
        : 1 + (n_rows > 1)
    ]
    requested: list[Callable[[], Any]] = [lambda: logloss.calibrate(m), lambda: m.at_base_rates()]
    if len(halves) == 2:
        requested.append(lambda: logloss.diff(*halves))
    if table.by is not None:
        requested.append(lambda: m.margin("b"))
    for ask in requested[int(rng.integers(0, 2)) :: 2] if n_rows > 60 else requested:
        try:
            answer = ask()
        except DataError:
            continue
        is_table = isinstance(answer, logloss.SmallTable)
        if not is_table:
            shown(answer)
        in_domain({"rows": list(answer)} if is_table else answer.to_dict())


def compared(table: Table, rng: np.random.Generator) -> None:
    """Two or three forecasts of the same rows, by groups, clusters and in order."""
    n_rows = len(table.y_true)
    forecasts: dict[str, Any] = {"first": table.forecast}
    for name in ("second", "third")[: int(rng.integers(1, 3))]:
        other = rng.normal(size=n_rows) if table.is_logit else rng.random(n_rows)
        forecasts[name] = mixed(rng, other, LOGITS if table.is_logit else PROBABILITIES)
    arguments = table.arguments
    del arguments["y_logit" if table.is_logit else "y_proba"]
    if rng.random() < 0.3:
        arguments["order"] = np.sort(rng.integers(0, 40, n_rows)).astype(float)
    c = logloss.compare(table.y_true, **{"y_logit" if table.is_logit else "y_proba": forecasts}, **arguments)
    shown(c)
    in_domain(c.to_dict())
    for row in c.to_dict()["ranking"]:
        own = loss_of(rows_of(replace(table, forecast=forecasts[row["forecast"]])))
        found = row["log_loss_nats"]
        expect(is_near(math.inf if found == "inf" else found, own, 1e-11), "loss of", row, own)


def keyed(table: Table, rng: np.random.Generator) -> None:
    """Keys of every kind, in every container that can hold them: as many groups and clusters as there are values."""
    n_rows = len(table.y_true)
    start = int(rng.choice([0, 2**53 - 2, 2**63 - 3, 2**64 - 1, 2**70, -(2**53) - 1]))
    keys = [start + int(k) for k in rng.integers(0, 6, n_rows)]
    m = replace(table, by=np.array(keys, object), cluster=np.array(keys, object)).measured()
    taking = [key for i, key in enumerate(keys) if rows_of(table.taken(np.array([i])))]
    expect(m.groups is not None and m.groups["b"] == sorted(set(taking)), "groups", m.groups, taking)
    expect(m.n_clusters == len(set(taking)), "clusters", m.n_clusters, taking)
    shown(m)
    in_domain(m.to_dict())
