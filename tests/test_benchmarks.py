"""Every program in benchmarks/ runs and writes a record, and README and docs quote the figures of the kept records."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from statistics import mean

import pytest
from conftest import java_is_missing

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PROGRAMS = {path.stem: path for path in sorted((ROOT / "benchmarks").glob("[!_]*.py"))}
OF_ENGINES = {"faults", "scale"}
ROWS = ("1,000,000", "10,000,000", "100,000,000")
# What a document quotes, and where the figures are: program / function / case / name.
QUOTED: list[tuple[str, str, list[str]]] = [
    (
        "README.md",
        "10^7 losses take {:.1f} × a bare read of their bytes, and scikit-learn {:.0f} × as long",
        [
            "arrays / of_one / log_loss, probabilities / of_a_read",
            "arrays / of_one / scikit-learn's log_loss / of_ours",
        ],
    ),
    (
        "README.md",
        "`measure` of 2·10^7 rows in Parquet takes {:.1f} × DuckDB's bare mean loss",
        ["parquet / parquet / measure / of_duckdb"],
    ),
    (
        "README.md",
        "memory flat, {:.1f} × as many bare reads for 20 columns",
        ["memory / memory / fit, 10,000,000 rows of 20 features / of_as_many_reads"],
    ),
    (
        "README.md",
        "peaks of {:.0f} and {:.0f} MB for 10^7 and 10^8 measured, {:.0f} and {:.0f} MB for as many fitted",
        [
            f"memory / memory / {case.format(n)} / peak_mb"
            for case in ("measure, {} rows", "fit, {} rows of 4 features")
            for n in ROWS[1:]
        ],
    ),
    (
        "README.md",
        "whatever the number of rows: {:.0f} KB for 2,000,000",
        ["pages / pages / measurement, 2,000,000 rows / kb"],
    ),
    *(
        ("docs/scale.md", sentence, [f"memory / memory / {case.format(n)} / {name}" for n in ROWS])
        for sentence, case, name in (
            ("| `measure`, peak memory | {:.0f} MB | {:.0f} MB | {:.0f} MB |", "measure, {} rows", "peak_mb"),
            ("on the rows) | {:.0f} ns | {:.1f} ns | {:.1f} ns |", "measure, {} rows", "ns_a_row"),
            (
                "four columns, peak memory | {:.0f} MB | {:.0f} MB | {:.0f} MB |",
                "fit, {} rows of 4 features",
                "peak_mb",
            ),
            ("all passes together | {:.0f} ns | {:.0f} ns | {:.0f} ns |", "fit, {} rows of 4 features", "ns_a_row"),
        )
    ),
    (
        "docs/scale.md",
        "efficiencies of {:.2f} and {:.2f} on Dask, {:.2f} and {:.2f} on Spark",
        [
            f"scale / engines / {verb}, {engine} / efficiency"
            for engine in ("Dask", "Spark")
            for verb in ("measure", "fit")
        ],
    ),
    (
        "docs/scale.md",
        "| description of a part (a row group) | {:,}; ten of one folder {:,} |",
        ["scale / traffic / measure / part", "scale / traffic / measure / ten_parts"],
    ),
    (
        "README.md",
        "{:.0f} of {:.0f} promised claims about populations of known truth, {:.0f} are withheld",
        [f"honesty / verdicts / promised / {name}" for name in ("holds", "claims", "withheld")],
    ),
    (
        "README.md",
        "with 30 clusters, each with rows in every group, {:.0f}% of intervals cover the group's log loss and {:.0f}% its contribution",
        [
            f"honesty / groups / groups, 30 equal clusters: {claim} / coverage_percent"
            for claim in ("log loss of a group", "contribution of a group")
        ],
    ),
    (
        "docs/inference.md",
        "Their interval covers the population value in {:.0f}% of samples, that of 5,000 rows in {:.0f}%",
        [f"honesty / rows / rare extreme losses, {n} rows: log loss / coverage_percent" for n in ("500", "5,000")],
    ),
    *(
        (
            "docs/inference.md",
            f"| {text} | {' | '.join(['{:.5f}'] * 7)} |",
            [f"penalty_auto / regrets / {case}, {n} rows / auto" for n in ("500", "2,000", "8,000")]
            + [
                f"penalty_auto / regrets / {case}, 2,000 rows / {name}"
                for name in ("worst", "folds", "one_standard_error", "none")
            ],
        )
        for case, text in (
            ("dense", "20 columns"),
            ("correlated", "30 correlated columns (0.95)"),
            ("noise", "100 columns, 95 of them noise"),
            ("categories", "levels: 60, 12; a number"),
            ("rare", "20 columns, base rate 0.05"),
        )
    ),
    (
        "docs/sparse.md",
        "{:.0f} s, {:,} passes and {:,} products; {:,.0f} MB at the peak, {:,.0f} MB to make the table",
        [
            f"sparse_files / columns / 10,000,000 / {name}"
            for name in ("seconds", "passes", "products", "peak_mb", "made_mb")
        ],
    ),
    *(
        (
            "docs/sparse.md",
            f"{text} | {{:.0f}} MB; written in {{:.1f}} s, read in {{:.1f}} s",
            [f"sparse_files / columns / {case} / {name}" for name in ("file_mb", "save", "load")],
        )
        for case, text in (("10,000,000", "coefficients of 0"), ("all used", "other than 0"))
    ),
    (
        "docs/sparse.md",
        "of {:,} values of 1 | {:.3f} s; `load_svmlight_file` of scikit-learn takes {:.1f} times as long",
        [f"sparse_files / reading / adult / {name}" for name in ("values", "seconds", "of_ours")],
    ),
    (
        "docs/sparse.md",
        "of {:,} values of 16 digits | {:.2f} s; {:.1f} times as long",
        [f"sparse_files / reading / text / {name}" for name in ("values", "seconds", "of_ours")],
    ),
    *(
        (
            "docs/late-labels.md",
            f"| {case} | {text} | {{:.0f}}% | {{:.0f}}% |",
            [f"unlabelled / expectations / {case}: {shift} / {name}" for name in ("loss", "shift")],
        )
        for case in ("600 + 300 overconfident", "3,000 + 1,500 bent", "6,000 + 2,500 rare")
        for shift, text in (
            ("nothing", "nothing"),
            ("base rate", "the base rate"),
            ("scores", "the scores"),
            ("concept", "P(label \\| score)"),
        )
    ),
    *(
        (
            "docs/late-labels.md",
            f"| {case} | {{:.0f}}% | {{:.0f}}% | {{:.0f}}% |",
            [f"unlabelled / expectations / {case}: base rate / {name}" for name in ("at_rate", "rate", "fit")],
        )
        for case in ("600 + 300 overconfident", "3,000 + 1,500 bent", "6,000 + 2,500 rare")
    ),
    *(
        (
            "docs/prediction-intervals.md",
            f"| {kind} | {n_rows} | {{:.0f}}% |",
            [f"unlabelled / intervals / model, {kind}, {n_rows} rows / coverage_percent"],
        )
        for kind, n_rows in (("information", "200"), ("information", "2,000"), ("HC3", "200"), ("clusters", "600"))
    ),
    (
        "docs/prediction-intervals.md",
        "{:.0f}% of the cases with 200 calibration rows, and in {:.0f}% with 2,000",
        [f"unlabelled / intervals / Venn–Abers pair, {n_rows} rows / contains_percent" for n_rows in ("200", "2,000")],
    ),
    ("docs/scale.md", "| an empty summary of `measure` | {:,} |", ["scale / traffic / measure / there"]),
    (
        "docs/watch.md",
        "A year of daily summaries of 2,000 rows is watched in {:.2f} s of processor time; reading them from their files "
        "takes {:.1f} s",
        [f"monitoring / year / 365 days / {name}" for name in ("seconds", "read_seconds")],
    ),
    *(
        (
            "docs/firth.md",
            f"| {case} | {{:.0f}}% | {{:.0f}}% | {{:.0f}}% | {{:.0f}}% | {{:.0f}}% | {{:.0f}}% |",
            [
                f"rare_events / coverage / {case} / {name}"
                for name in ("separated_percent", "firth_profile", "firth_wald", "profile", "wald", "wald_given")
            ],
        )
        for case in (
            f"{population}, {n} rows"
            for population in ("rare exposure", "skewed dose", "correlated marks")
            for n in (50, 100, 200)
        )
    ),
]


# Parts of the program that have no claims about single samples, and bands, which docs/shapes.md is about.
NO_CLAIMS = ("reductions", "verdicts", "covariances", "shapes")
# A table of figures stands between these.
MARKS = {
    document: (
        f"<!-- {name}: `python tests/test_benchmarks.py` writes it from the record -->",
        f"<!-- end of {name} -->",
    )
    for document, name in (
        ("docs/inference.md", "coverage"),
        ("docs/scikit-learn.md", "tests"),
        ("docs/shapes.md", "held-out losses"),
        ("docs/sparse.md", "times"),
        ("docs/thresholds.md", "coverage of thresholds"),
        ("docs/gate.md", "gate"),
        ("docs/watch.md", "alarms"),
    )
}


def with_marks(name: str):
    """A program; those of engines are tested where engines are."""
    return pytest.param(
        name, marks=[pytest.mark.slow, *([pytest.mark.xdist_group("engines")] if name in OF_ENGINES else [])]
    )


@cache
def record(program: str) -> dict:
    return json.loads((RESULTS / f"{program}.json").read_text(encoding="utf-8"))


def figure(path: str) -> float:
    """A figure of the records that are kept."""
    program, function, case, name = path.split(" / ")
    return record(program)["figures"][function][case][name]


def lines(program: str, function: str) -> dict[str, dict]:
    return record(program)["figures"][function]


@pytest.mark.parametrize("program", [with_marks(name) for name in PROGRAMS])
def test_a_program_runs_and_leaves_its_record(program, tmp_path):
    """The whole of it with tiny sizes: all names of the source that it uses exist."""
    if program in OF_ENGINES:
        pytest.importorskip("distributed")
        pytest.importorskip("pyspark")
        if java_is_missing():
            pytest.skip("Spark needs Java 17 or newer")
    path = tmp_path / "record.json"
    words = [sys.executable, PROGRAMS[program], "--quick", "--json", path]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    quick, kept = json.loads(path.read_text(encoding="utf-8")), record(program)
    assert quick["quick"]
    assert not kept["quick"]
    assert quick.keys() == kept.keys()
    assert quick["sizes"].keys() == kept["sizes"].keys()
    assert set(quick["machine"]) == {"processor", "cores"}
    assert {"python", "logloss", "numpy", "numba", "scipy", "pyarrow"} <= set(quick["versions"])
    assert quick["commit"]
    assert quick["seconds"] > 0
    assert kept["figures"].keys() <= quick["figures"].keys()
    assert all(figures for cases in quick["figures"].values() for figures in cases.values())
    assert any(quick["figures"].values())


def test_every_program_has_a_record_and_is_cited():
    """A program whose figures are not cited is not run again."""
    assert {path.stem for path in RESULTS.iterdir()} == set(PROGRAMS)
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in documents)
    assert [name for name in PROGRAMS if f"benchmarks/{name}.py" not in text] == []


def test_a_quick_record_never_takes_the_place_of_a_kept_one():
    done = subprocess.run([sys.executable, PROGRAMS["startup"], "--quick", "--json"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "name a file" in done.stderr


@pytest.mark.parametrize(("document", "sentence", "figures"), QUOTED)
def test_documents_quote_the_figures_of_the_records(document, sentence, figures):
    """After new measurements: python tests/test_benchmarks.py."""
    text = " ".join((ROOT / document).read_text(encoding="utf-8").split())
    assert sentence.format(*map(figure, figures)) in text


def coverage_of_claims() -> str:
    """How many claims of each kind hold, and those that do not, as Markdown."""
    by_claim: dict[str, dict[bool, list[dict]]] = {}
    fails: list[str] = []
    for function, cases in record("honesty")["figures"].items():
        for name, line in cases.items() if function not in NO_CLAIMS else ():
            case, _, claim = name.rpartition(": ")
            by_claim.setdefault(claim, {True: [], False: []})[line["is_promised"]].append(line)
            if line["is_promised"] and line["verdict"] not in ("holds", "withheld"):
                percent = line.get("coverage_percent", line.get("rejected_percent"))
                fails.append(f"| {claim} | {case} | {percent:.1f} ± {line['error']:.1f} | {line['verdict']} |")
    head = "| claim | promised cases | % | hold | withheld | other cases | % | withheld |"
    rows = [head, "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for claim, of in by_claim.items():
        promised, other = of[True], of[False]
        counts = [sum(line["verdict"] == verdict for line in promised) for verdict in ("holds", "withheld")]
        withheld = sum(line["verdict"] == "withheld" for line in other)
        cells = len(promised), percents_of(promised), *counts, len(other), percents_of(other), withheld
        rows.append(f"| {claim} | {' | '.join(map(str, cells))} |")
    text = "\n".join(rows) + "\n\nPromised cases in which a claim does not hold:\n\n"
    if not fails:
        return text + "None.\n"
    return text + "\n".join(["| claim | case | % | verdict |", "| --- | --- | --- | --- |", *fails]) + "\n"


def percents_of(claims: list[dict]) -> str:
    """The range of the simulated percentages; "" if there are none."""
    known = [line.get("coverage_percent", line.get("rejected_percent")) for line in claims]
    known = [each for each in known if each is not None]
    return f"{min(known):.1f}–{max(known):.1f}" if known else ""


# What a test of scikit-learn uses, where all of it is supported.
SUPPORTED = ("an L1 penalty, two classes", "sparse X, two classes", "dense, two classes")


def passed_tests() -> str:
    """How many tests of scikit-learn are passed by what they ask for, and each that should be and is not, as Markdown."""
    rows = ["| what a test uses | tests | passed with ours |", "| --- | --- | --- |"]
    for kind, line in lines("scikit_learn_tests", "kinds").items():
        rows.append(f"| {kind} | {line['tests']:,} | {line['passed']:,} ({line['percent']:.1f}%) |")
    reasons: dict[str, dict[str, int]] = {}
    for name, line in lines("scikit_learn_tests", "failures").items():
        named = f"`{name.partition('[')[0].replace('::', '` `')}`"
        of_reason = reasons.setdefault(line["reason"], {})
        of_reason[named] = of_reason.get(named, 0) + 1
    own = [*SUPPORTED, "messages of its own solvers, deprecations"]
    tests, passed = (
        sum(lines("scikit_learn_tests", "kinds")[kind][key] for kind in own) for key in ("tests", "passed")
    )
    n_files = len(lines("scikit_learn_tests", "suites"))
    rows += [
        "",
        f"These are the tests of {n_files} files. Together the last {len(own)} lines are {passed} of {tests} tests ({passed / tests:.1%}).",
    ]
    rows += ["", "Tests of these that do not pass:", "", "| reason | tests |", "| --- | --- |"]
    for reason, names in reasons.items():
        counted = ", ".join(f"{name} ({n} cases)" if n > 1 else name for name, n in names.items())
        rows.append(f"| {reason} | {counted} |")
    return "\n".join(rows) + "\n"


def held_out_losses() -> str:
    """The loss of each model on each table, and the time of EBM, as Markdown; models that no table has are left out."""
    cases = lines("shapes", "shipped") | lines("shapes", "real")
    models = ["linear", "shapes", "shapes and pairs", "EBM", "LightGBM"]
    models = [model for model in models if any(case.endswith(f", {model}") for case in cases)]
    rows = [f"| table | rows | {' | '.join(models)} | seconds | EBM's time |", "| --- " * (4 + len(models)) + "|"]
    for table, size in cases.items():
        if "rows" not in size:
            continue
        found = [cases.get(f"{table}, {model}", {}) for model in models]
        cells = [f"{line['log_loss']:.4f}" if line else "" for line in found]
        place = models.index("shapes")
        cells[place] += f" ± {found[place]['error']:.4f}"
        ours, peer = (cases.get(f"{table}, {model}", {}).get("seconds") for model in ("shapes and pairs", "EBM"))
        cells += [f"{ours:.2g}", f"{peer / ours:.0f}×" if peer else ""]
        rows.append(f"| {table} | {size['rows']:,} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def times_of_sparse() -> str:
    """Seconds of a sparse fit, and how many times as long others take, as Markdown."""
    squares = times_beside_peers("sparse_rows", ["lbfgs", "newton-cg", "liblinear", "intelex", "glum"])
    absolute = times_beside_peers("sparse_lasso", ["liblinear", "saga", "glum", "skglm", "celer"])
    dense = times_beside_peers("wide_rows", ["lbfgs", "newton-cg", "liblinear"])
    return f"{squares}\nArrays:\n\n{dense}\nUnder an L1 penalty:\n\n{absolute}"


def errors_of_verdicts() -> str:
    """The percentage of verdicts of non-inferiority, as Markdown."""
    rows = ["| candidate | fixed number of rows | sequence, at the end | sequence, at any look |", "| --- " * 4 + "|"]
    for case, line in lines("monitoring", "gate").items():
        cells = [f"{line[name]:.1f}%" if name in line else "" for name in ("fixed_percent", "sequence_percent")]
        cells.append(f"{line['any_look_percent']:.1f}%" if "any_look_percent" in line else "")
        rows.append(f"| {case} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def alarms() -> str:
    """Runs with a false alarm, and delays, as Markdown."""
    rows = ["| no change; population | dependent | independent |", "| --- " * 3 + "|"]
    for case, line in lines("monitoring", "false_alarms").items():
        rows.append(f"| {case} | {line['dependent_percent']:.1f}% | {line['independent_percent']:.1f}% |")
    rows += ["", "| change after half of the run | detected | median periods | false before |", "| --- " * 4 + "|"]
    for case, line in lines("monitoring", "delay").items():
        median = "not within the run" if line["median_periods"] is None else f"{line['median_periods']:g}"
        cells = f"{line['detected_percent']:.0f}%", median, f"{line['false_percent']:.1f}%"
        rows.append(f"| {case} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def times_beside_peers(program: str, peers: list[str]) -> str:
    """Our seconds for each table, and how many times as long peers take; more than so many where one has not come near."""
    cases = lines(program, "tables")
    rows = [f"| table | values | seconds | {' | '.join(peers)} |", "| --- " * (3 + len(peers)) + "|"]
    for case, line in cases.items():
        if "values" not in line:
            continue
        table = case.removesuffix(", ours")
        cells = [times_of_ours(cases.get(f"{table}, {peer}", {})) for peer in peers]
        rows.append(f"| {table} | {line['values']:,} | {line['seconds']:.2g} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def times_of_ours(line: dict[str, float]) -> str:
    """A ratio of times; empty where there is none."""
    if "of_ours" in line:
        return f"{line['of_ours']:.1f}×"
    return f"> {line['of_ours_and_not_there']:.0f}×" if "of_ours_and_not_there" in line else ""


def thresholds_tables() -> str:
    """Coverage, optimism and milliseconds of thresholds as Markdown."""
    cases = lines("thresholds", "thresholds")
    rows = ["| population | hold, of 24 | mean | lowest | highest |", "| --- | --- | --- | --- | --- |"]
    for case, of in cases.items():
        if "mean_percent" in of:
            ends = f"{of['mean_percent']:.1f}% | {of['lowest_percent']:.1f}% | {of['highest_percent']:.1f}%"
            rows.append(f"| {case} | {of['holds']} | {ends} |")
    rows += ["", "| population | true cost above the lowest on the rows | optimism |", "| --- | --- | --- |"]
    for case, of in cases.items():
        if "optimism" in of:
            rise = f"{of['rise_on_new_rows']:.4f} ± {of['error']:.4f}"
            rows.append(f"| {case.removeprefix('chosen: ')} | {rise} | {of['optimism']:.4f} |")
    rows += ["", "| summary | milliseconds |", "| --- | --- |"]
    rows += [f"| {case} | {of['ms_of_processor']:.1f} |" for case, of in cases.items() if "ms_of_processor" in of]
    return "\n".join(rows) + "\n"


TABLES = {
    "docs/thresholds.md": thresholds_tables,
    "docs/inference.md": coverage_of_claims,
    "docs/scikit-learn.md": passed_tests,
    "docs/shapes.md": held_out_losses,
    "docs/sparse.md": times_of_sparse,
    "docs/gate.md": errors_of_verdicts,
    "docs/watch.md": alarms,
}


@pytest.mark.parametrize("document", MARKS)
def test_the_tables_of_the_documents_are_those_of_the_record(document):
    """Else: python tests/test_benchmarks.py."""
    text = (ROOT / document).read_text(encoding="utf-8")
    assert MARKS[document][0] in text
    assert renewed(document, text) == text


def test_scikit_learns_tests_pass_or_a_reason_is_known():
    """Of dense rows and two classes, at least 95% of those that its own class passes."""
    assert lines("scikit_learn_tests", "kinds")["dense, two classes"]["percent"] >= 95
    assert [name for name, line in lines("scikit_learn_tests", "failures").items() if not line["reason"]] == []


# Promises of README without a figure.


def test_promised_claims_hold_or_the_answer_says_so():
    """Claims that fail without a caution are listed in docs/inference.md, among what no interval corrects."""
    failed = {
        name
        for function, cases in record("honesty")["figures"].items()
        if function not in NO_CLAIMS
        for name, line in cases.items()
        if line["is_promised"] and line["verdict"] in ("too narrow", "too often")
    }
    assert failed <= {"one better, 100 Zipf clusters: difference in excess miscalibration"}


def test_looking_after_every_period_errs_in_at_most_5_percent_of_series():
    assert all(share <= 5 for line in lines("comparing", "peeking").values() for share in line.values())


def test_expected_reductions_are_unbiased_and_gaps_are_certified():
    """For maps of a fixed method: `auto` selects its maps by the same rows."""
    gaps = lines("calibrating", "gaps").values()
    assert all(line["certified"] >= line["true"] - 1e-15 for line in gaps)
    fitted = [line for case, line in lines("calibrating", "reductions").items() if not case.endswith("auto")]
    assert all(abs(line["bias"]) <= 4 * line["error"] for line in fitted)
    assert mean(line["coverage_percent"] for line in fitted) >= 93.5


def test_shapes_are_no_worse_than_a_line_beyond_noise():
    """2.78: Student's 97.5% quantile at five splits."""
    cases = lines("shapes", "shipped") | lines("shapes", "real")
    compared = [line for case, line in cases.items() if case.endswith(", shapes")]
    assert len(compared) >= 8
    assert all(line["less_linear"] > -2.78 * line["error"] for line in compared)


def test_verdicts_and_alarms_are_wrong_in_at_most_5_percent():
    """But for noise: two standard errors of the number of simulated series; shocks contradict independent rows."""
    of_verdicts = [line for case, line in lines("monitoring", "gate").items() if case.startswith("worse")]
    assert all(share <= 5 + 200 * math.sqrt(0.0475 / 200) for line in of_verdicts for share in line.values())
    for case, line in lines("monitoring", "false_alarms").items():
        names = ["dependent_percent"] + ["independent_percent"] * (case not in ("shocks", "sizes"))
        assert all(line[name] <= 5 + 200 * math.sqrt(0.0475 / record("monitoring")["sizes"]["runs"]) for name in names)


def test_memory_does_not_grow_with_the_number_of_rows():
    """From 10^7 to 10^8 rows."""
    cases = lines("memory", "memory")
    for case in ("measure, {} rows", "fit, {} rows of 4 features"):
        few, many = (cases[case.format(n)]["peak_mb"] for n in ROWS[1:])
        assert many < 1.1 * few


def test_pages_stay_small():
    assert all(line.get("kb", 0) < 250 for line in lines("pages", "pages").values())


def test_a_worker_that_is_killed_changes_no_bit():
    for engine in record("faults")["figures"]:
        disturbed = lines("faults", engine)["disturbed"]
        assert (disturbed["wrong"], disturbed["killed"]) == (0, record("faults")["sizes"]["faults"])


def renewed(document: str, text: str) -> str:
    """A document with the figures of the records in the sentences that quote them, and the table of coverage."""
    for name, sentence, figures in QUOTED:
        if name != document:
            continue
        words = [r"\s+".join(map(re.escape, re.split(r"\s+", part))) for part in re.split(r"\{[^}]*\}", sentence)]
        # The sentence may be broken into lines: only what stands for its figures is replaced.
        pattern = "".join(f"({word})" + r"[\d.,]+" * (k < len(words) - 1) for k, word in enumerate(words))
        formats = re.findall(r"\{[^}]*\}", sentence)
        shown = [each.format(figure(path)) for each, path in zip(formats, figures, strict=True)]
        kept = [rf"\g<{k + 1}>{value}" for k, value in enumerate([*shown, ""])]
        text = re.sub(pattern, "".join(kept), text)
    if document not in MARKS:
        return text
    first, last = MARKS[document]
    before, mark, rest = text.partition(first)
    return f"{before}{mark}\n{TABLES[document]()}{last}{rest.partition(last)[2]}"


if __name__ == "__main__":
    for name in sorted({name for name, _, _ in QUOTED} | set(MARKS)):
        path = ROOT / name
        path.write_text(renewed(name, path.read_text(encoding="utf-8")), encoding="utf-8")
