"""Segments: how often a search names one where nothing is planted, how often it finds what is, and how long it takes.

`nothing_planted`: `named_percent` is the share of searches that name any segment although every prediction is the
probability with which its label was drawn: 5% at most are right. Without clusters the labels of a table are drawn many
times, as neither the family nor its critical value depend on them, and `searches` counts draws.

`planted`: the log-odds of one segment are too low by `shift`. `found_percent` is the share of searches whose first
segment is it, roughly: of the rows of either, at least half are in both. `any_percent` is the share of searches that
name anything, `others_percent` that of searches which name a segment with less than a tenth of rows in both.

`seconds`: the median of some searches after a first one, on Arrow tables of the given size; all columns are numbers and
categories of 4 to 12 levels in turn, with all their pairs.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import multiprocessing
import statistics
import time
import unittest.mock
import zlib
from collections.abc import Callable

import numpy as np
import pyarrow
from _record import CORES, Figures, Lines, record
from scipy.special import expit, logit, ndtr

import logloss
from logloss.inference.shift_scores import shift_scores
from logloss.segmentation import search as searching
from logloss.segmentation.family import Family
from logloss.segmentation.search import Search

# The module: the function in it has the same name.
verb = importlib.import_module("logloss.segmentation.segments")
SEED = 1
# Labels of a table that are drawn together.
AT_ONCE = 250
Table = dict[str, np.ndarray]


def columns(random: np.random.Generator, n: int, *, shared: float = 0.0) -> Table:
    """Four columns of numbers and four categories; shared: their correlation with one cause."""
    cause = random.normal(size=n)

    def normal() -> np.ndarray:
        return np.sqrt(shared) * cause + np.sqrt(1 - shared) * random.normal(size=n)

    table = {"income": np.exp(normal()), "score": normal(), "age": np.round(40 + 12 * normal()), "visits": np.zeros(n)}
    table["visits"] = np.maximum(np.round(normal() * 2), 0.0)
    table["age"] = np.where(random.random(n) < 0.1, np.nan, table["age"])
    for name, n_levels in (("site", 4), ("brand", 8), ("region", 20)):
        # Levels of unequal size.
        table[name] = np.array(
            [f"{name}{k}" for k in np.minimum(n_levels * ndtr(normal()) ** 2, n_levels - 1).astype(int)]
        )
    table["member"] = np.where(normal() > 0.3, "yes", "no")
    return table


def usual(random: np.random.Generator, n: int) -> Table:
    """Independent columns, predictions around a third."""
    return columns(random, n) | {"p": random.beta(2, 4, n)}


def correlated(random: np.random.Generator, n: int) -> Table:
    """Columns that share a cause, predictions that depend on two of them."""
    table = columns(random, n, shared=0.6)
    return table | {"p": expit(-1 + 0.8 * table["score"] + 0.4 * table["visits"])}


def rare(random: np.random.Generator, n: int) -> Table:
    """Two positives in a hundred rows, some predictions ten times the usual one."""
    return columns(random, n) | {"p": np.minimum(np.exp(random.normal(-4.4, 1.0, n)), 0.9)}


def certain(random: np.random.Generator, n: int) -> Table:
    """Predictions near 0 and near 1."""
    return columns(random, n) | {"p": random.beta(0.1, 0.2, n).clip(1e-9, 1 - 1e-9)}


def weighted(random: np.random.Generator, n: int) -> Table:
    """Weights as those of a survey, an effective third of the rows."""
    return usual(random, n) | {"weight": np.exp(random.normal(0, 1, n))}


def clustered(random: np.random.Generator, n: int) -> Table:
    """Clusters of 1 to 60 rows with dependent labels (a Gaussian copula); two columns are the clusters'."""
    sizes = np.minimum(random.geometric(0.1, n), 60)
    user = np.repeat(np.arange(n), sizes)[:n]
    own = columns(random, n)
    table = columns(random, n) | {name: own[name][user] for name in ("income", "brand")}
    return table | {"p": random.beta(2, 4, n), "user": user, "copula": random.normal(size=n)[user]}


POPULATIONS: dict[str, tuple[Callable[[np.random.Generator, int], Table], int]] = {
    "usual, 500 rows": (usual, 500),
    "usual, 5,000 rows": (usual, 5_000),
    "correlated columns, 5,000 rows": (correlated, 5_000),
    "rare positives, 10,000 rows": (rare, 10_000),
    "predictions near 0 and 1, 5,000 rows": (certain, 5_000),
    "unequal weights, 5,000 rows": (weighted, 5_000),
    "unequal clusters, 5,000 rows": (clustered, 5_000),
}
# What is planted: which rows of a table.
PLANTED: dict[str, Callable[[Table], np.ndarray]] = {
    "a level": lambda table: table["region"] == "region10",
    "an interval": lambda table: (table["score"] >= 0.6) & (table["score"] < 1.1),
    "a missing value": lambda table: np.isnan(table["age"]),
    "a pair": lambda table: (table["site"] == "site0") & (table["visits"] >= 2),
}
SHIFTS = (0.5, 0.8)


def labelled(random: np.random.Generator, table: Table, proba: np.ndarray) -> tuple[Table, dict[str, str]]:
    """The table with labels drawn with some probabilities, and what its columns of weights and clusters are."""
    table = dict(table)
    copula = table.pop("copula", None)
    latent = random.normal(size=len(proba))
    if copula is not None:
        latent = np.sqrt(0.3) * copula + np.sqrt(0.7) * latent
    table["y"] = (ndtr(latent) < proba).astype(np.int64)
    roles = {"sample_weight": "weight", "cluster": "user"}
    return table, {role: name for role, name in roles.items() if name in table}


def started(case: str, number: int) -> np.random.Generator:
    """The random numbers of one sample."""
    return np.random.default_rng(np.random.SeedSequence([SEED, zlib.crc32(case.encode()), number]))


def search_of_clusters(name: str, number: int) -> Figures:
    """One search where every prediction is right."""
    draw, n_rows = POPULATIONS[name]
    random = started(name, number)
    table = draw(random, n_rows)
    table, roles = labelled(random, table, table["p"])
    found = logloss.segments(table, y_true="y", y_proba="p", most=1, **roles)
    return {
        "named": float(len(found.miscalibrated)),
        "searches": 1.0,
        "tested": found.n_segments,
        "critical_z": found.critical_z,
    }


def searches_of_rows(name: str, n_labels: int, number: int) -> Figures:
    """One table with every prediction right, its labels drawn many times: no label has a part in the family."""
    draw, n_rows = POPULATIONS[name]
    random = started(name, number)
    table = draw(random, n_rows)
    labels, roles = labelled(random, table, table["p"])
    family, critical = family_of(labels, roles)
    codes = np.concatenate(list(family.cut.known.values()))
    is_in = np.array([box.holds(codes) for box in family.boxes], np.float32)
    p, w = table["p"], table.get("weight", np.ones(n_rows))
    v = p * (1 - p)
    variance, third = ((is_in @ sums)[:, None] for sums in (w**2 * v, w**3 * v * (1 - 2 * p)))
    n_named = 0
    for start in range(0, n_labels, AT_ONCE):
        y = random.random((n_rows, min(AT_ONCE, n_labels - start))) < p[:, None]
        scores = is_in @ (w[:, None] * (y - p[:, None])).astype(np.float32)
        z = shift_scores(scores.astype(float), variance, third).z
        n_named += int((np.abs(z).max(axis=0) > critical).sum())
    return {"named": n_named / n_labels, "searches": n_labels, "tested": len(family), "critical_z": critical}


def family_of(table: Table, roles: dict[str, str]) -> tuple[Family, float]:
    """The family of a table and its critical value, from the search itself."""
    kept = []

    def search(*arguments: object) -> Search:
        kept.append(searching.search(*arguments))
        return kept[0]

    with unittest.mock.patch.object(verb, "search", search):
        logloss.segments(table, y_true="y", y_proba="p", most=1, **roles)
    return kept[0].family, kept[0].critical


def nothing_planted(requested: argparse.Namespace) -> Lines:
    """Each population."""
    with multiprocessing.get_context("spawn").Pool(requested.workers) as pool:
        for name, (draw, _) in POPULATIONS.items():
            if draw is clustered:
                drawn = pool.map(functools.partial(search_of_clusters, name), range(requested.clustered), chunksize=5)
            else:
                of_table = functools.partial(searches_of_rows, name, requested.labels)
                drawn = pool.map(of_table, range(requested.tables))
            means = {key: float(np.mean([each[key] for each in drawn])) for key in drawn[0]}
            yield (
                name,
                {
                    "named_percent": 100 * means["named"],
                    "searches": int(sum(each["searches"] for each in drawn)),
                    "tested": means["tested"],
                    "critical_z": means["critical_z"],
                },
            )


def holds(table: Table, segment: str) -> np.ndarray:
    """The rows of a segment, by its words."""
    rows = np.ones(len(table["y"]), bool)
    for part in segment.split(" and "):
        rows &= _holds(table, part)
    return rows


def _holds(table: Table, part: str) -> np.ndarray:
    if part == "all rows":
        return np.ones(len(table["y"]), bool)
    if part.endswith(" is missing"):
        return np.isnan(table[part.removesuffix(" is missing")])
    words = part.split(" ")
    if len(words) == 5:
        return (table[words[2]] >= float(words[0])) & (table[words[2]] < float(words[4]))
    if len(words) == 2:
        low, high = map(float, words[1].split("–"))
        return (table[words[0]] >= low) & (table[words[0]] <= high)
    values = table[words[0]]
    other = words[2] if values.dtype.kind == "U" else float(words[2])
    return {"=": values == other, "<": values < other, "≥": values >= other}[words[1]]  # type: ignore[operator]


def search_of_planted(name: str, shift: float, n_rows: int, number: int) -> Figures:
    """One search where the log-odds of one segment are too low."""
    random = started(f"{name} {shift}", number)
    table = usual(random, n_rows)
    planted = PLANTED[name](table)
    table, _ = labelled(random, table, expit(logit(table["p"]) + shift * planted))
    found = [
        holds(table, segment) for segment in logloss.segments(table, y_true="y", y_proba="p").miscalibrated["segment"]
    ]
    overlap = [float((own & planted).sum() / (own | planted).sum()) for own in found]
    return {
        "share": float(planted.mean()),
        "any": float(bool(found)),
        "found": float(bool(found) and overlap[0] >= 0.5),
        "others": float(any(each < 0.1 for each in overlap)),
        "named": float(len(found)),
    }


def planted(requested: argparse.Namespace) -> Lines:
    """Each kind of segment with each shift."""
    with multiprocessing.get_context("spawn").Pool(requested.workers) as pool:
        for name in PLANTED:
            for shift in SHIFTS:
                of_case = functools.partial(search_of_planted, name, shift, requested.rows_planted)
                drawn = pool.map(of_case, range(requested.repetitions), chunksize=5)
                means = {key: float(np.mean([each[key] for each in drawn])) for key in drawn[0]}
                yield (
                    f"{name}, shift {shift}",
                    {
                        "share_percent": 100 * means["share"],
                        "found_percent": 100 * means["found"],
                        "any_percent": 100 * means["any"],
                        "others_percent": 100 * means["others"],
                        "named": means["named"],
                    },
                )


def large(n_rows: int, n_columns: int) -> Table:
    """A table of half numbers, half categories of 4 to 12 levels; two segments are miscalibrated."""
    random = np.random.default_rng(SEED)
    table: Table = {}
    for j in range(n_columns):
        values = random.normal(size=n_rows)
        table[f"x{j}"] = (
            values if j % 2 else np.array(list("abcdefghijkl"))[(np.abs(values) * (2 + j % 5)).astype(int) % 12]
        )
    table["p"] = random.beta(2, 4, n_rows)
    shift = 0.5 * (table["x0"] == "b") - 0.4 * (table["x1"] > 1)
    table["y"] = (random.random(n_rows) < expit(logit(table["p"]) + shift)).astype(np.int64)
    return table


def seconds(requested: argparse.Namespace) -> Lines:
    """A table of the size of adult's test part, and a large one."""
    for name, n_rows, n_columns in (("as adult", requested.rows_small, 14), ("large", requested.rows, 20)):
        table = pyarrow.table(large(n_rows, n_columns))
        found, taken = None, []
        for _ in range(requested.times + 1):
            began = time.perf_counter()
            found = logloss.segments(table, y_true="y", y_proba="p")
            taken.append(time.perf_counter() - began)
        assert found is not None
        yield (
            f"{name}, {n_columns} columns",
            {
                "rows": n_rows,
                "seconds": statistics.median(taken[1:]),
                "segments": found.n_segments,
                "named": len(found.miscalibrated),
                "passes": found.n_passes,
            },
        )


if __name__ == "__main__":
    record(
        seconds,
        nothing_planted,
        planted,
        rows_small=(16_281, 1_000),
        rows=(10**6, 2_000),
        times=(3, 1),
        tables=(8, 1),
        labels=(500, 10),
        clustered=(200, 1),
        rows_planted=(10_000, 1_000),
        repetitions=(50, 1),
        workers=(CORES, 1),
    )
