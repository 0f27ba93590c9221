"""Seconds and peak memory of `measure` and `fit` by the number of rows, each in a process of its own.

The files are drawn from a fixed seed into a temporary folder and removed one after the other: a label, a probability
and 4 or 20 float32 features, 10^6 rows in a file, and once all of them in one. Memory is the peak of the process, and
how far it lies above that after the same walk over 10^4 rows. The bare read decodes what a fit reads with pyarrow, on
as many threads, and keeps nothing; a fit is set beside one such read for each of its walks.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq
from _record import CORES, Figures, Lines, in_own_process, peak_mb, record, turns
from _samples import files_of

import logloss


def decode(path: str, n_features: int) -> None:
    """A bare read of the label and the features."""

    def read(path: pathlib.Path) -> None:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            file.read_row_group(group, ["y", *(f"x{j}" for j in range(n_features))], use_threads=False)

    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(read, sorted(pathlib.Path(path).glob("*.parquet"))))


def walked(verb: str, small: str, path: str, n_rows: int, n_features: int) -> Figures:
    """Time and memory of a verb in this process."""

    def walk(path: str) -> int:
        if verb == "measure":
            logloss.measure(path, y_true="y", y_proba="p")
            return 1
        # The first walk learns what the columns hold.
        return 1 + len(logloss.fit(path, "y", features=[f"x{j}" for j in range(n_features)], l2=1.0).passes)

    walk(small)
    before, began = peak_mb(), time.perf_counter()
    n_walks = walk(path)
    seconds, peak = time.perf_counter() - began, peak_mb()
    figures = {"seconds": seconds, "ns_a_row": 1e9 * seconds / n_rows, "peak_mb": peak, "grown_mb": peak - before}
    if verb == "fit":
        read = statistics.median(turns({"": lambda: decode(path, n_features)}, 3)[""])
        figures |= {"walks": n_walks, "of_as_many_reads": seconds / (n_walks * read)}
    return figures


def memory(requested: argparse.Namespace) -> Lines:
    """All sizes."""
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for n_features, sizes in ((4, (100, 10, 1)), (20, (10,))):
            small = files_of(root / f"small {n_features}", 10_000, 1, n_features)
            for n_rows in (requested.rows // size for size in sizes):
                path = files_of(root / str(n_rows), n_rows, max(1, n_rows // 10**6), n_features)
                for verb in ("measure", "fit") if n_features == 4 else ("fit",):
                    case = f"{verb}, {n_rows:,} rows" + (f" of {n_features} features" if verb == "fit" else "")
                    yield case, in_own_process(walked, verb, small, path, n_rows, n_features)
                # 10^8 rows take much disk space.
                shutil.rmtree(path)
        n_rows = requested.rows // 10
        path = files_of(root / "one", n_rows, 1)
        yield f"measure, {n_rows:,} rows in one file", in_own_process(walked, "measure", small, path, n_rows, 0)


if __name__ == "__main__":
    record(memory, rows=(10**8, 10**5))
