"""The programs that look for silent faults run, and find none; `python benchmarks/trials.py` does it at length."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[1] / "benchmarks" / "trials.py"


@pytest.mark.parametrize("kind", ["fits", "frames", "measures", "files"])
def test_a_few_random_trials_find_no_silent_fault(kind):
    done = subprocess.run([sys.executable, PROGRAM, kind, "--quick", "--seed", "2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{kind}: trials 12")
