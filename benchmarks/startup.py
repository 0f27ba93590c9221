"""What a new process pays: import, --help, the first compiled call in a fresh environment and in later processes.

usage: python benchmarks/startup.py

Each figure is the median wall time of whole processes, beside a bare interpreter's.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 7
FIRST_CALL = "import logloss; logloss.log_loss([0, 1], [0.4, 0.6])"


def seconds(*arguments: str, rounds: int = ROUNDS, environment: dict[str, str] | None = None) -> float:
    """Median wall time of a process of this interpreter."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Print the figures."""
    bare = seconds("-c", "pass")
    print(f"bare interpreter                          {bare:6.3f} s")
    print(f"import logloss                            {seconds('-c', 'import logloss'):6.3f} s")
    print(f"logloss --help                            {seconds('-m', 'logloss', '--help'):6.3f} s")
    fresh = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "LOGLOSS_CACHE_DIR": cache}
            fresh.append(seconds("-c", FIRST_CALL, rounds=1, environment=environment))
            later = seconds("-c", FIRST_CALL, environment=environment)
    print(f"first compiled call, nothing compiled yet {statistics.median(fresh):6.3f} s   (process start to end)")
    print(f"first compiled call, later processes      {later:6.3f} s   (process start to end)")


if __name__ == "__main__":
    main()
