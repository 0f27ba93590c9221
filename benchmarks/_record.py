"""What all programs here share: options, timing, and the record of the figures.

A program is some functions that yield (case, figures), one line each. `record(first, second, rows=(10**7, 10**5))` runs
them, prints the lines as they come, and writes them as JSON where that is asked for; `rows` becomes an option with its
usual value and that of `--quick`, which takes seconds and whose figures mean nothing.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import multiprocessing
import os
import pathlib
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

HERE = pathlib.Path(__file__).parent
PACKAGES = ("logloss", "numpy", "numba", "scipy", "pyarrow")
# Named where they were imported.
PEERS = ("duckdb", "pandas", "polars", "matplotlib", "mpmath", "dask", "distributed", "pyspark", "sklearn", "sklearnex")
PEERS += ("glum", "statsmodels", "interpret", "lightgbm", "celer", "skglm")
# Packages whose distribution has another name.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "sklearnex": "scikit-learn-intelex", "interpret": "interpret-core"}
# What must be equal in a record that figures are added to.
SAME = ("machine", "commit", "quick", "sizes")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

Figures = dict[str, Any]
Lines = Iterator[tuple[str, Figures]]


def turns(work: dict[str, Callable[[], object]], rounds: int, *, warm_up: int = 2) -> dict[str, list[float]]:
    """Seconds of each, by rounds in which all take turns, after some (no more) for warming up."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for number in range(-min(warm_up, rounds), rounds):
        for name, call in work.items():
            began = time.perf_counter()
            call()
            if number >= 0:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(times: list[float], base: list[float]) -> float:
    """The median of quotients, round by round: other load on the machine slows both."""
    return statistics.median(a / b for a, b in zip(times, base, strict=True))


def in_own_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def peak_mb() -> float:
    """The most memory that this process has had resident, in MB.

    Not `ru_maxrss` where there is another way: on Linux a new process inherits that of the one that started it.
    """
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def processor() -> str:
    """The name of the processor, if the system has it."""
    listed = pathlib.Path("/proc/cpuinfo")
    named = re.search(r"model name\s*:\s*(.+)", listed.read_text()) if listed.exists() else None
    return named[1] if named else platform.processor() or platform.machine()


def circumstances() -> dict[str, Any]:
    """Machine, commit and versions."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=HERE.parent, capture_output=True, text=True).stdout.strip()

    names = [*PACKAGES, *(DISTRIBUTIONS.get(name, name) for name in PEERS if name in sys.modules)]
    return {
        "machine": {"processor": processor(), "cores": CORES},
        "commit": git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "src") else ""),
        "versions": {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names},
    }


def shown(value: Any) -> str:
    """A figure as it is printed."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)


def options(
    text: str,
    parts: list[str],
    sizes: dict[str, tuple[int, int]],
    choices: dict[str, tuple[str, ...]],
    *,
    folder: bool,
    has_only: bool,
) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=text.split("\n")[0])
    if folder:
        parser.add_argument("folder", nargs="?", type=pathlib.Path, help="where the tables are")
    elif len(parts) > 1:
        parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(parts)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="the same in seconds, with tiny sizes")
    if has_only:
        parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name has this in it")
    parser.add_argument("--json", nargs="?", type=pathlib.Path, const=True, metavar="PATH", help="keep the figures")
    for name, of in choices.items():
        words = f"some of {', '.join(of)}, with commas between; all if left out"
        parser.add_argument(f"--{name}", type=chosen_of(of), default=list(of), metavar="NAMES", help=words)
    if choices:
        parser.add_argument("--add", action="store_true", help="add the figures to the record that is there")
    for name, (usual, quick) in sizes.items():
        of = f"{usual:,}; with --quick {quick:,}"
        parser.add_argument(f"--{name}", type=lambda word: int(float(word)), metavar="N", help=of)
    requested = parser.parse_args()
    for name, of_mode in sizes.items():
        if getattr(requested, name) is None:
            setattr(requested, name, of_mode[requested.quick])
    requested.parts = getattr(requested, "parts", None) or parts
    if unknown := set(requested.parts) - set(parts):
        parser.error(f"{', '.join(unknown)} is none of the parts: {', '.join(parts)}")
    is_part = requested.parts != parts or bool(getattr(requested, "only", ""))
    is_part |= any(getattr(requested, name) != list(of) for name, of in choices.items()) and not requested.add
    if requested.json is True and (requested.quick or is_part):
        parser.error("only all parts at their usual length are kept in results: name a file")
    return requested


def chosen_of(names: tuple[str, ...]) -> Callable[[str], list[str]]:
    """The type of an option that takes some of the names; "none" stands for none of them."""

    def chosen(words: str) -> list[str]:
        asked = [] if words == "none" else words.split(",")
        if unknown := set(asked) - set(names):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))} is none of {', '.join(names)}")
        return [name for name in names if name in asked]

    return chosen


def differences(earlier: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What keeps figures from being added to a record: another machine, commit, length or version."""
    versions = now["versions"]
    of_versions = [name for name, own in earlier["versions"].items() if versions.get(name, own) != own]
    return [*(name for name in SAME if earlier[name] != now[name]), *of_versions]


def added_to(earlier: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """A record with the figures of another run; equal cases are replaced."""
    both = {name: earlier[name] | kept[name] for name in ("versions", "figures")}
    for name, cases in earlier["figures"].items():
        both["figures"][name] = cases | kept["figures"].get(name, {})
    return kept | both | {"seconds": round(earlier["seconds"] + kept["seconds"], 1)}


def record(
    *works: Callable[[argparse.Namespace], Lines],
    folder: bool = False,
    has_only: bool = False,
    choices: dict[str, tuple[str, ...]] | None = None,
    **sizes: tuple[int, int],
) -> Figures:
    """Run the functions of a program; {function: {case: figures}}, printed and, where asked for, written.

    choices: options that take some of the names; with these, runs of a part can be added to one record.
    """
    program = sys.modules[works[0].__module__]
    parts = [work.__name__ for work in works]
    requested = options(program.__doc__ or "", parts, sizes, choices or {}, folder=folder, has_only=has_only)
    results = HERE / "results" / f"{pathlib.Path(program.__file__).stem}.json"
    path = results if requested.json is True else requested.json
    earlier: dict[str, Any] = {}
    if path and getattr(requested, "add", False) and path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        if found := differences(earlier, kept_of(requested, sizes)):
            sys.exit(f"nothing can be added to {path}, which differs in {', '.join(found)}; remove it to begin anew")
    began = time.perf_counter()
    figures: Figures = {}
    for work in works:
        if work.__name__ not in requested.parts:
            continue
        print(f"{work.__name__}:")
        own = figures[work.__name__] = {}
        for case, line in work(requested):
            line = own[case] = {name: float(f"{v:.4g}") if isinstance(v, float) else v for name, v in line.items()}
            print(f"  {case:32}", *(f" {name} {shown(value)}" for name, value in line.items()), flush=True)
    if path:
        kept = kept_of(requested, sizes) | {"seconds": round(time.perf_counter() - began, 1), "figures": figures}
        if earlier and differences(earlier, kept):
            path = path.with_name(f"not_added_{path.name}")
            print(f"written to {path}: {', '.join(differences(earlier, kept))} changed meanwhile")
        elif earlier:
            kept = added_to(earlier, kept)
        path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return figures


def kept_of(requested: argparse.Namespace, sizes: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """What a record has beside the figures."""
    own = {name: getattr(requested, name) for name in sizes}
    return {**circumstances(), "quick": requested.quick, "sizes": own}
