"""Whole processes, from start to end: import, --help, the first compiled call, a command, the first page and picture.

Each figure is the median wall time; beside it, where there is one, that of a peer: the same figures of the same file by
pandas and scikit-learn. "nothing compiled yet" begins with an empty folder of kernels.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from _record import Lines, record

FIRST_CALL = "import logloss; logloss.log_loss([0, 1], [0.4, 0.6])"
COMMAND = ("-m", "logloss", "measure", "small.csv", "--y-true", "y", "--y-proba", "p")
SCIKIT_LEARN_CALL = "from sklearn.metrics import log_loss; log_loss([0, 1], [0.4, 0.6])"
SCIKIT_LEARN_FILE = """
import pandas
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
table = pandas.read_csv("small.csv")
print(*(figure(table["y"], table["p"]) for figure in (log_loss, brier_score_loss, roc_auc_score)))
"""
MEASURED = "import logloss; measured = logloss.measure([1, 0], [0.6, 0.5])"


class Processes:
    """Starts processes of this interpreter in a folder that holds small.csv and compiled kernels."""

    def __init__(self, folder: str, rounds: int) -> None:
        self.folder, self.rounds = folder, rounds
        # What Python has compiled is kept, as where a package is installed.
        self.environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        rows = (f"{row % 3 % 2},{(1 + row * 37 % 97) / 99:.4f}" for row in range(200))
        pathlib.Path(folder, "small.csv").write_text("\n".join(["y,p", *rows, ""]))

    def once(self, *arguments: str, kernels: str) -> float:
        """Seconds of one, with this folder of kernels."""
        environment = self.environment | {"LOGLOSS_CACHE_DIR": os.path.join(self.folder, kernels)}
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment, cwd=self.folder)
        return time.perf_counter() - began

    def median(self, *arguments: str) -> dict[str, float]:
        """Median seconds, after one that fills the cache."""
        times = [self.once(*arguments, kernels="kernels") for _ in range(self.rounds + 1)]
        return {"seconds": statistics.median(times[1:])}

    def fresh(self, *arguments: str) -> dict[str, float]:
        """Median seconds where nothing is compiled yet."""
        rounds = range(max(1, self.rounds // 3))
        name = str(hash(arguments))
        return {"seconds": statistics.median(self.once(*arguments, kernels=f"{name} {each}") for each in rounds)}


def startup(requested: argparse.Namespace) -> Lines:
    """Whole processes."""
    has_peers = all(importlib.util.find_spec(name) for name in ("pandas", "sklearn"))
    with tempfile.TemporaryDirectory() as folder:
        processes = Processes(folder, requested.rounds)
        yield "bare interpreter", processes.median("-c", "pass")
        yield "import numpy", processes.median("-c", "import numpy")
        yield "import logloss", processes.median("-c", "import logloss")
        yield "logloss --help", processes.median("-m", "logloss", "--help")
        yield "first log_loss, nothing compiled yet", processes.fresh("-c", FIRST_CALL)
        yield "first log_loss, compiled before", processes.median("-c", FIRST_CALL)
        if has_peers:
            yield "first log_loss by scikit-learn", processes.median("-c", SCIKIT_LEARN_CALL)
        yield "logloss measure small.csv, nothing compiled yet", processes.fresh(*COMMAND)
        yield "logloss measure small.csv, compiled before", processes.median(*COMMAND)
        if has_peers:
            yield "three of its figures by pandas and scikit-learn", processes.median("-c", SCIKIT_LEARN_FILE)
        else:
            yield "left out: pandas and scikit-learn, which are not installed", {}
        yield "a measurement and its page", processes.median("-c", f"{MEASURED}; measured.to_html()")
        yield "a measurement and a picture", processes.median(*COMMAND, "--plot", "picture.svg")


if __name__ == "__main__":
    record(startup, rounds=(7, 1))
