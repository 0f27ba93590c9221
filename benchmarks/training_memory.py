"""Training on 10^6 and 10^7 rows × 20 float32 in Parquet: peak memory, and time beside passes × a bare read.

usage: python benchmarks/training_memory.py [ROWS]

The files are drawn from a fixed seed into a temporary folder and deleted. Each fit runs in a process of its own; shown
is its peak resident memory above that of a process that fits ten rows. The bare read decodes every column of every row
group with pyarrow, on as many threads as a fit has, and keeps nothing.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

N_COLUMNS, SEED, ROUNDS = 20, 20251124, 3
ROWS_PER_FILE = 250_000

FIT = """
import json, resource, time, logloss
logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
model = logloss.fit({path!r}, "y", features=[f"x{{j}}" for j in range({n_columns})], l2=1.0)
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, len(model.passes), peak // 1024, (peak - start) // 1024, model.certificate.nats_per_row]))
"""
READ = """
import pathlib, time, json
from concurrent.futures import ThreadPoolExecutor
import pyarrow.parquet as pq
from logloss.onepass.run import available_cpus
def read(path):
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        file.read_row_group(group, use_threads=False)
paths = sorted(pathlib.Path({path!r}).glob("*.parquet"))
with ThreadPoolExecutor(available_cpus()) as pool:
    began = time.perf_counter()
    list(pool.map(read, paths))
print(json.dumps(time.perf_counter() - began))
"""


def asked(code: str) -> list:
    """What a process of its own prints."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def make(folder: pathlib.Path, n_rows: int) -> str:
    """Independent standard normal columns, labels of a logistic model; plain encoding, snappy."""
    folder.mkdir()
    random = np.random.default_rng(SEED)
    slopes = random.standard_normal(N_COLUMNS) * 0.3
    for number in range(n_rows // ROWS_PER_FILE):
        rows = random.standard_normal((ROWS_PER_FILE, N_COLUMNS)).astype(np.float32)
        labels = (random.random(ROWS_PER_FILE) < 1 / (1 + np.exp(1 - rows @ slopes))).astype(np.uint8)
        columns = {"y": labels} | {f"x{j}": rows[:, j] for j in range(N_COLUMNS)}
        pq.write_table(pa.table(columns), folder / f"{number:04}.parquet", use_dictionary=["y"])
    return str(folder)


def main() -> None:
    """Print both sizes."""
    n_rows = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10**7
    with tempfile.TemporaryDirectory() as name:
        for rows in (n_rows // 10, n_rows):
            path = make(pathlib.Path(name) / str(rows), rows)
            fits, reads = [], []
            for _ in range(ROUNDS):
                reads.append(asked(READ.format(path=path)))
                fits.append(asked(FIT.format(path=path, n_columns=N_COLUMNS)))
            read = sorted(reads)[ROUNDS // 2]
            seconds, n_passes, peak, grown, bound = sorted(fits)[ROUNDS // 2]
            # One walk more than passes: the first learns the columns.
            print(
                f"{rows:>12,} × {N_COLUMNS} float32: {n_passes} passes and the first walk, {seconds:.2f} s = "
                f"{seconds / ((n_passes + 1) * read):.2f} × as many bare reads of {read:.2f} s; peak {peak} MB, "
                f"{grown} above ten rows; certified within {bound:.0e} nats per row"
            )


if __name__ == "__main__":
    main()
