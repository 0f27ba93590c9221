"""measure on Parquet against DuckDB's bare avg(−ln …) on the same files, 2·10^7 rows, in one run.

usage: python benchmarks/parquet.py [ROWS]

The files are made in a temporary folder: ten of them, a uint8 label, a float64 probability and 50 countries. DuckDB
computes the mean loss only; measure also the parts with intervals, the curve and the costliest rows, and then with the
countries as groups. The chance level does not depend on the number of rows: its time is taken apart and stated. The
ratios are medians over rounds in which all take turns.
"""

from __future__ import annotations

import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import logloss
from logloss import measurement
from logloss.inference import groups

ROUNDS = 9
FILES = 10
COUNTRIES = 50


def make(folder: pathlib.Path, n_rows: int) -> None:
    """Write the files."""
    random = np.random.default_rng(1)
    names = pa.array([f"country {number}" for number in range(COUNTRIES)])
    for k in range(FILES):
        logit = 1.5 * random.normal(size=n_rows // FILES) - 1
        proba = 1 / (1 + np.exp(-logit))
        labels = (random.random(len(proba)) < proba).astype(np.uint8)
        countries = names.take(pa.array(random.integers(0, COUNTRIES, len(proba))))
        pq.write_table(pa.table({"y": labels, "p": proba, "country": countries}), folder / f"{k}.parquet")


class Apart:
    """Seconds spent in the chance level."""

    def __init__(self) -> None:
        self.seconds = 0.0
        for module in (measurement, groups):
            module.chance_of = self.timed(module.chance_of)  # type: ignore[attr-defined]

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time added up."""

        def call(*arguments: Any, **options: Any) -> Any:
            began = time.perf_counter()
            result = function(*arguments, **options)
            self.seconds += time.perf_counter() - began
            return result

        return call


def main() -> None:
    """Print the ratios."""
    n_rows = int(float(sys.argv[1])) if len(sys.argv) > 1 else 2 * 10**7
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make(folder, n_rows)
        query = f"select avg(case when y = 1 then -ln(p) else -ln(1 - p) end) from '{folder}/*.parquet'"
        apart = Apart()
        work: dict[str, Callable[[], Any]] = {
            "DuckDB avg(-ln)": lambda: duckdb.sql(query).fetchall()[0][0],
            "measure": lambda: logloss.measure(str(folder), y_true="y", y_proba="p").log_loss,
            "measure by country": lambda: logloss.measure(str(folder), y_true="y", y_proba="p", by="country").log_loss,
        }
        seconds: dict[str, list[float]] = {name: [] for name in work}
        chance: dict[str, list[float]] = {name: [] for name in work}
        for round_number in range(ROUNDS + 2):
            for name, run in work.items():
                apart.seconds = 0.0
                began = time.perf_counter()
                value = run()
                if round_number >= 2:
                    seconds[name].append(time.perf_counter() - began - apart.seconds)
                    chance[name].append(apart.seconds)
                else:
                    print(f"{name}: {float(value)!r}")
    base = seconds["DuckDB avg(-ln)"]
    print(f"{n_rows:,} rows in {FILES} Parquet files, medians of {ROUNDS} rounds")
    for name, times in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(times, base, strict=True))
        more = f"   chance level apart: {1e3 * statistics.median(chance[name]):.0f} ms" if any(chance[name]) else ""
        print(f"{name:20s} {1e3 * statistics.median(times):6.0f} ms   {ratio:5.2f} × DuckDB{more}")


if __name__ == "__main__":
    main()
