"""`measure` on ten Parquet files, and by fifty countries, beside DuckDB's bare avg(−ln …) on the same files.

DuckDB computes the mean loss only, of all rows or of each country; `measure` also the decomposition with its null
distribution, intervals and the largest losses. The ratios are medians over rounds in which all take turns.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import tempfile

import duckdb
from _record import Lines, ratio, record, turns
from _samples import files_of

import logloss


def parquet(requested: argparse.Namespace) -> Lines:
    """Milliseconds, and the ratios."""
    with tempfile.TemporaryDirectory() as name:
        path = files_of(pathlib.Path(name) / "rows", requested.rows, 10, has_keys=True)
        mean = f"avg(case when y = 1 then -ln(p) else -ln(1 - p) end) from '{path}/*.parquet'"
        seconds = turns(
            {
                "DuckDB's avg(-ln)": lambda: duckdb.sql(f"select {mean}").fetchall(),
                "DuckDB's avg(-ln) by country": lambda: duckdb.sql(f"select country, {mean} group by 1").fetchall(),
                "measure": lambda: logloss.measure(path, y_true="y", y_proba="p"),
                "measure by country": lambda: logloss.measure(path, y_true="y", y_proba="p", by="country"),
            },
            requested.rounds,
        )
    for case, times in seconds.items():
        base = seconds["DuckDB's avg(-ln) by country" if "country" in case else "DuckDB's avg(-ln)"]
        yield case, {"ms": 1e3 * statistics.median(times), "of_duckdb": ratio(times, base)}


if __name__ == "__main__":
    record(parquet, rows=(2 * 10**7, 10**5), rounds=(9, 1))
