"""Peak memory of `measure` on 10^6 and 10^7 rows: fifty Parquet files, and one single file in a folder beside them.

usage: python benchmarks/memory.py [ROWS]

Each walk runs in a process of its own; shown is its peak resident memory above that of a process that only imports what
the walk needs.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

IMPORTS = (
    "import logloss, numpy, numba, pyarrow.parquet, pyarrow.csv, pyarrow.dataset, logloss.onepass.kernels.losses\n"
)
PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
BARE = "pass\n"
WALK = "logloss.measure({path!r}, y_true='y', y_proba='p')\n"


def peak(code: str) -> int:
    """Peak resident memory of a process in MB (ru_maxrss counts KB on Linux)."""
    done = subprocess.run([sys.executable, "-c", code + PEAK], check=True, capture_output=True, text=True)
    return int(done.stdout)


def make(folder: pathlib.Path, n_rows: int, n_files: int) -> str:
    """Write the rows to so many files."""
    folder.mkdir()
    random = np.random.default_rng(1)
    for k in range(n_files):
        proba = random.random(n_rows // n_files)
        labels = (random.random(len(proba)) < proba).astype(np.int64)
        pq.write_table(pa.table({"y": labels, "p": proba}), folder / f"{k}.parquet")
    return str(folder)


def main() -> None:
    """Print the peaks."""
    n_rows = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10**7
    start, imported = peak(BARE), peak(IMPORTS)
    print(f"interpreter {start} MB, with imports {imported} MB")
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for rows, files in ((n_rows // 10, 5), (n_rows, 50), (n_rows // 10, 1), (n_rows, 1)):
            path = make(root / f"{rows}-{files}", rows, files)
            reached = peak(IMPORTS + WALK.format(path=path))
            print(
                f"{rows:>12,} rows, {files:2} files: {reached} MB, "
                f"{reached - start} above the interpreter, {reached - imported} above the imports"
            )


if __name__ == "__main__":
    main()
