"""measure on Parquet against DuckDB's bare avg(−ln …) on the same files, 2·10^7 rows, in one run.

usage: python benchmarks/parquet.py [ROWS]

The files are made in a temporary folder: ten of them, a uint8 label and a float64 probability. The ratio is the median
over rounds in which both take turns; DuckDB computes the mean loss only.
"""

from __future__ import annotations

import pathlib
import statistics
import sys
import tempfile
import time

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import logloss

ROUNDS = 9
FILES = 10


def make(folder: pathlib.Path, n_rows: int) -> None:
    """Write the files."""
    random = np.random.default_rng(1)
    for k in range(FILES):
        logit = 1.5 * random.normal(size=n_rows // FILES) - 1
        proba = 1 / (1 + np.exp(-logit))
        labels = (random.random(len(proba)) < proba).astype(np.uint8)
        pq.write_table(pa.table({"y": labels, "p": proba}), folder / f"{k}.parquet")


def main() -> None:
    """Print the ratio."""
    n_rows = int(float(sys.argv[1])) if len(sys.argv) > 1 else 2 * 10**7
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make(folder, n_rows)
        query = f"select avg(case when y = 1 then -ln(p) else -ln(1 - p) end) from '{folder}/*.parquet'"
        theirs, ours = [], []
        for round_number in range(ROUNDS + 2):
            began = time.perf_counter()
            value = duckdb.sql(query).fetchall()[0][0]
            between = time.perf_counter()
            measured = logloss.measure(str(folder), y_true="y", y_proba="p")
            ended = time.perf_counter()
            if round_number >= 2:
                theirs.append(between - began)
                ours.append(ended - between)
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"{n_rows:,} rows in {FILES} Parquet files, medians of {ROUNDS} rounds")
    print(f"DuckDB avg(-ln)   {1e3 * statistics.median(theirs):8.0f} ms   {value!r}")
    print(f"logloss.measure   {1e3 * statistics.median(ours):8.0f} ms   {float(measured.log_loss)!r}")
    print(f"logloss / DuckDB  {ratio:8.2f}")


if __name__ == "__main__":
    main()
