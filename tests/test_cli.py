"""The shell: exit codes, what goes to stdout and what to stderr, and every option."""

import contextlib
import dataclasses
import json
import math
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logloss import DataError, calibrate, cli, fit, load, measure
from logloss.cli.shell_words import in_shell_words
from logloss.cli.shell_words import options as shell_options
from logloss.data.request import RowOptions

ROWS = "y,p,z,w,n,class\n1,0.9,2.2,1,2,yes\n0,0.2,-1.4,2,1,no\n1,0.6,0.4,1,3,yes\n0,0.5,0,0.5,1,no\n"


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "preds.csv"
    path.write_text(ROWS)
    return str(path)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process: (exit code, stdout, stderr)."""

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["logloss", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        shown = capsys.readouterr()
        return left.value.code, shown.out, shown.err

    return command


def figures(run, *words):
    code, out, _ = run("measure", *words, "--json")
    assert code == 0
    return json.loads(out)


def test_measuring_prints_results_on_stdout_and_all_else_on_stderr(run, csv):
    code, out, err = run("measure", csv, "-y", "y", "-p", "p")
    assert code == 0
    assert out.startswith("preds.csv: 4 rows, 50.0% positive (y = 1); CIs assume independent rows\n")
    assert "log loss" in out
    assert err.startswith("4 distinct predictions, none of them binned · ")


def test_quiet_leaves_stderr_empty(run, csv):
    assert run("measure", csv, "-y", "y", "-p", "p", "--quiet")[2] == ""


def test_json_is_flat_strict_and_what_the_library_says(run, csv):
    found = figures(run, csv, "-y", "y", "-p", "p")
    assert found == json.loads(json.dumps(measure(csv, y_true="y", y_proba="p").to_dict(), allow_nan=False))
    assert found["schema"] == 1
    assert not any(isinstance(value, dict) for value in found.values())


def test_every_way_to_say_the_forecast(run, csv):
    as_logit = figures(run, csv, "-y", "y", "--y-logit", "z")
    assert as_logit["log_loss_nats"] == measure(csv, y_true="y", y_logit="z").log_loss
    weighted = figures(run, csv, "-y", "y", "-p", "p", "-w", "w")
    assert weighted["log_loss_nats"] == measure(csv, y_true="y", y_proba="p", sample_weight="w").log_loss
    assert weighted["sum_weight"] == 4.5
    assert figures(run, csv, "-y", "y", "-p", "p", "--counts", "n")["n_rows"] == 7


def test_two_columns_are_zero_then_one(run, tmp_path):
    path = tmp_path / "pair.csv"
    path.write_text("y,a,b\n0,1e-17,1\n")
    assert figures(run, path, "-y", "y", "-p", "a", "-p", "b")["log_loss_nats"] == pytest.approx(39.1439465808988)


def test_labels_by_name_and_by_comparison(run, csv):
    plain = figures(run, csv, "-y", "y", "-p", "p")
    named = figures(run, csv, "-y", "class", "--pos-label", "yes", "-p", "p")
    compared = figures(run, csv, "-y", "class != 'no'", "-p", "p")
    assert plain["log_loss_nats"] == named["log_loss_nats"] == compared["log_loss_nats"]
    assert named["positive"] == 'class = "yes"'
    assert compared["positive"] == "class != 'no'"


def test_missing_rows_are_an_error_or_counted(run, tmp_path):
    path = tmp_path / "holes.csv"
    path.write_text("y,p\n1,0.9\n0,\n")
    code, out, err = run("measure", path, "-y", "y", "-p", "p")
    assert (code, out) == (3, "")
    assert 'column "p" must hold a value; row 1 (line 3) of holes.csv has none' in err
    assert figures(run, path, "-y", "y", "-p", "p", "--missing", "drop")["n_dropped"] == 1


def test_files_without_a_header_are_numbered(run, tmp_path):
    path = tmp_path / "bare.tsv"
    path.write_text("1\t0.5\n0\t0.5\n")
    assert figures(run, path, "--no-header", "-y", "0", "-p", "1")["log_loss_bits"] == 1.0


def test_folders_patterns_and_lists(run, tmp_path):
    for name in "ab":
        pq.write_table(pa.table({"y": [0, 1], "p": [0.5, 0.5]}), tmp_path / f"{name}.parquet")
    a, b = str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")
    for files in ([tmp_path], [tmp_path / "*.parquet"], [a, b]):
        assert figures(run, *files, "-y", "y", "-p", "p")["n_rows"] == 4
    code, _, err = run("measure", a, a, "-y", "y", "-p", "p")
    assert code == 3
    assert "each file must be named once" in err


def test_a_name_with_a_leading_dash_follows_two_dashes(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-y.csv").write_text(ROWS)
    code, out, _ = run("measure", "-y", "y", "-p", "p", "--", "-y.csv")
    assert code == 0
    assert out.startswith("-y.csv: 4 rows, ")


def test_an_infinite_loss_is_a_result(run, tmp_path):
    path = tmp_path / "sure.csv"
    path.write_text("y,p\n1,1\n0,1\n0,0\n0,0\n")
    code, out, _ = run("measure", path, "-y", "y", "-p", "p")
    assert code == 0
    assert "1 of 4 rows has probability 0 for the observed class" in out
    assert "the first is row 1 (line 3)\n" in out
    assert figures(run, path, "-y", "y", "-p", "p")["log_loss_nats"] == "inf"


def test_fail_if_leaves_with_one(run, csv):
    words = ("measure", csv, "-y", "y", "-p", "p", "--fail-if")
    assert run(*words, "log_loss_nats > 9")[0] == 0
    code, out, err = run(*words, "log_loss_nats > 0.1", "--fail-if", "brier > 9")
    assert code == 1
    assert "log loss" in out
    assert "--fail-if is true: log_loss_nats > 0.1" in err
    assert "brier" not in err


def test_a_figure_that_is_not_defined_fails(run, tmp_path):
    path = tmp_path / "one-class.csv"
    path.write_text("y,p\n1,0.9\n1,0.8\n")
    code, _, err = run("measure", path, "-y", "y", "-p", "p", "--fail-if", "skill < 0")
    assert code == 1
    assert "--fail-if is true: skill < 0 (skill is not defined: one class" in err


@pytest.mark.parametrize("test", ["log_loss_nats > nan", "log_loss_nats < NaN", "brier == nan", "skill != nan"])
def test_a_comparison_with_nan_fails(run, csv, test):
    """A bound that a script has computed, and could not."""
    code, out, err = run("measure", csv, "-y", "y", "-p", "p", "--fail-if", test)
    assert (code, "log loss" in out) == (1, True)
    assert f"--fail-if is true: {test}\n" in err


@pytest.mark.parametrize(
    ("test", "code"),
    [
        ("log_loss_nats >= inf", 1),
        ("log_loss_nats > inf", 0),
        ("log_loss_nats < -inf", 0),
        ("log_loss_nats != 0.5", 1),
        ("is_exact == 1", 1),
        ("is_exact < 1", 0),
        ("auc > 2", 0),
    ],
)
def test_infinities_and_truths_are_numbers_of_a_test(run, tmp_path, test, code):
    path = tmp_path / "sure.csv"
    path.write_text("y,p\n1,1\n0,1\n0,0\n0,0\n")
    assert run("measure", path, "-y", "y", "-p", "p", "--fail-if", test)[0] == code


@pytest.mark.parametrize("name", ["source", "positive", "groups", "skill_reason", "nonsense"])
def test_what_is_no_number_is_no_figure_of_a_test(run, csv, name):
    code, _, err = run("measure", csv, "-y", "y", "-p", "p", "--fail-if", f"{name} > 0")
    assert code == 2
    assert f'--fail-if: no figure "{name}".' in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-y", "y"], "name the predictions by one of -p COL"),
        (["-y", "y", "-p", "p", "-z", "z"], "name the predictions by one of"),
        (
            ["-y", "y", "-p", "p", "--fail-if", "nonsense"],
            '--fail-if must be a comparison such as "log_loss_nats > 0.36"',
        ),
        (["-y", "y", "-p", "p", "--fail-if", "log_loss > 1"], "Did you mean log_loss_nats?"),
        (["-y", "y", "-p", "p", "--group", "yes"], "--group names values of one column: give --by exactly once"),
        (["-p", "p"], "--y-true"),
    ],
)
def test_usage_errors_leave_with_two(run, csv, words, message):
    code, _, err = run("measure", csv, *words)
    assert code == 2
    assert message in err


def test_a_missing_file_is_a_usage_error(run):
    code, out, err = run("measure", "no-such-file.csv", "-y", "y", "-p", "p")
    assert (code, out, err) == (2, "", 'logloss: there is no file or folder "no-such-file.csv".\n')


def test_wrong_data_leaves_with_three_and_the_way_out(run, csv):
    code, out, err = run("measure", csv, "-y", "y", "-p", "pp")
    assert (code, out) == (3, "")
    assert 'no column "pp". The table has: y, p, z, w, n, class. Did you mean "p"?' in err
    code, _, err = run("measure", csv, "-y", "y", "-p", "z")
    assert code == 3
    assert "must lie in [0, 1]; row 0 (line 2) of preds.csv has 2.2" in err
    assert "Traceback" not in err


def test_our_own_fault_is_owned_and_shown_on_request(run, csv, monkeypatch):
    from logloss import measurement

    def broken(*args, **kwargs):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(measurement, "measure", broken)
    code, _, err = run("measure", csv, "-y", "y", "-p", "p")
    assert code == 70
    assert "our fault: ZeroDivisionError: oops" in err
    assert "Traceback" not in err
    assert "Traceback" in run("measure", csv, "-y", "y", "-p", "p", "--debug")[2]


def test_what_the_disk_refuses_leaves_with_four(run, csv, monkeypatch):
    from logloss import measurement

    def refused(*args, **kwargs):
        raise PermissionError(13, "Permission denied", csv)

    monkeypatch.setattr(measurement, "measure", refused)
    assert run("measure", csv, "-y", "y", "-p", "p")[0] == 4


def test_hostile_names_do_not_reach_the_terminal(run, tmp_path):
    path = tmp_path / "evil.csv"
    path.write_text("y,p\x1b[31m,\u202eq\n1,0.5,a\n0,1.5,b\n")
    _, out, err = run("measure", path, "-y", "y", "-p", "identity")
    assert "\x1b" not in out + err
    assert "\u202e" not in out + err


def test_the_demo_prints_the_lesson_and_its_figures(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("demo")
    assert code == 0
    assert "mean   0.3329   = log loss (binary cross-entropy), in nats" in out
    code, out, _ = run("demo", "--json")
    assert json.loads(out)["log_loss_out_of_sample_nats"] == pytest.approx(0.4777, abs=5e-5)


def shell(*words, **options):
    """A process of its own."""
    return subprocess.run([sys.executable, "-m", "logloss", *map(str, words)], capture_output=True, **options)


def test_standard_input_is_csv_or_an_arrow_stream():
    words = ("measure", "-", "-y", "y", "-p", "p", "--json")
    of_csv = json.loads(shell(*words, input=ROWS.encode()).stdout)
    sink = pa.BufferOutputStream()
    table = pa.table({"y": [1, 0, 1, 0], "p": [0.9, 0.2, 0.6, 0.5]})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    of_arrow = json.loads(shell(*words, input=sink.getvalue().to_pybytes()).stdout)
    assert of_csv["log_loss_nats"] == of_arrow["log_loss_nats"]


def test_a_terminal_without_unicode_gets_the_figures(csv):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "NO_COLOR": "1"}
    done = shell("measure", csv, "-y", "y", "-p", "p", env=environment)
    assert done.returncode == 0
    assert b"log loss" in done.stdout
    assert b"\x1b" not in done.stdout + done.stderr


def test_help_and_version(csv):
    assert b"measure" in shell("--help").stdout
    assert shell("--version").stdout.startswith(b"logloss")
    assert b"Did you mean" in shell("mesure", csv).stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_interruption_leaves_with_130_soon(tmp_path):
    """A pipe that never ends: the walk is under way when the signal comes. Within a second on an idle machine; a busy one
    may need several, a walk that goes on would need for ever."""
    output, errors = tmp_path / "out", tmp_path / "err"
    lines = b"1,0.5\n" * 50_000
    with open(output, "wb") as out, open(errors, "wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "logloss", "measure", "-", "-y", "y", "-p", "p"],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
        )
        began = math.inf
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(b"y,p\n")
            until = time.monotonic() + 4
            while time.monotonic() < until:
                pipe.write(lines)
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            while process.poll() is None and time.monotonic() - began < 20:
                pipe.write(lines)
        code = process.wait(timeout=20)
        waited = time.monotonic() - began
    assert (code, errors.read_text().strip()) == (130, "logloss: interrupted")
    assert waited < 10
    assert output.read_bytes() == b""


def test_a_reader_that_has_enough_is_no_error(csv):
    command = f'"{sys.executable}" -m logloss measure "{csv}" -y y -p p | head -1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert np.size(done.stdout.splitlines()) == 1


def test_groups_and_clusters_are_named_by_their_columns(run, csv):
    found = figures(run, csv, "-y", "y", "-p", "p", "--by", "class", "--cluster", "n")
    assert found["by"] == ["class"]
    assert [(row["class"], row["rows"]) for row in found["groups"]] == [("no", 2), ("yes", 2)]
    assert (found["cluster"], found["n_clusters"]) == (["n"], 3)
    kept = figures(run, csv, "-y", "y", "-p", "p", "--by", "n", "--group", "1")
    # In a text file a value is the text that stands there.
    assert [(row["n"], row["rows"]) for row in kept["groups"]] == [("1", 2), ("…the rest", 2)]
    code, out, _ = run("measure", csv, "-y", "y", "-p", "p", "--by", "class", "--by", "n")
    assert code == 0
    heads = [line.split("  ")[0] for line in out.splitlines() if "95% CI" in line and "  rows" in line]
    assert heads == ["class", "n", "class"]
    code, _, err = run("measure", csv, "-y", "y", "-p", "p", "--by", "clas")
    assert (code, err) == (3, 'logloss: no column "clas". The table has: y, p, z, w, n, class. Did you mean "class"?\n')


def test_a_group_of_numbers_may_be_named(run, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"y": [1, 0, 1], "p": [0.5, 0.4, 0.3], "year": [2016, 2017, 2018]}), path)
    found = figures(run, path, "-y", "y", "-p", "p", "--by", "year", "--group", "2017")
    assert [(row["year"], row["rows"]) for row in found["groups"]] == [(2017, 1), ("…the rest", 2)]


def test_a_summary_is_written_shown_and_merged(run, csv, tmp_path):
    more = tmp_path / "more.csv"
    more.write_text("y,p\n1,0.7\n0,0.1\n")
    requested = ("-y", "y", "-p", "p")
    _, first, _ = run("measure", csv, *requested, "-o", tmp_path / "a.logloss")
    run("measure", more, *requested, "-o", tmp_path / "b.logloss")
    assert run("show", tmp_path / "a.logloss")[:2] == (0, first)
    code, out, _ = run("merge", tmp_path / "a.logloss", tmp_path / "b.logloss", "-o", tmp_path / "ab.logloss", "--json")
    assert code == 0
    both = json.loads(out)
    assert both["n_rows"] == 6
    assert both["log_loss_nats"] == measure([csv, str(more)], y_true="y", y_proba="p").log_loss
    assert json.loads(run("show", tmp_path / "ab.logloss", "--json")[1]) == both
    code, _, err = run("merge", tmp_path / "ab.logloss", tmp_path / "a.logloss")
    assert code == 3
    assert "ab.logloss" in err
    assert "both hold preds.csv (1 part, 4 rows)" in err
    run("measure", csv, *requested, "--name", "again", "-o", tmp_path / "again.logloss")
    code, out, _ = run("merge", tmp_path / "ab.logloss", tmp_path / "again.logloss", "--json")
    assert (code, json.loads(out)["n_rows"]) == (0, 10)
    assert run("show", tmp_path / "ab.logloss", "--fail-if", "log_loss_nats > 0.1")[0] == 1
    assert run("show", csv)[0] == 3
    assert run("show", tmp_path / "nothing.logloss")[0] == 2


def test_a_hostile_file_is_wrong_data_and_its_text_is_not_obeyed(run, tmp_path):
    """The checksum is right: what is said is looked at all the same, and shown without escapes and bells."""
    from logloss.files.document import document_bytes
    from logloss.files.summary_writing import bytes_of_record

    path = tmp_path / "a.logloss"
    m = measure([1, 0, 1], [0.9, 0.4, 0.6])
    obeyed = "\x1b[2J\x07\x9b"
    question = dataclasses.replace(m.question, positive=obeyed)
    path.write_bytes(bytes_of_record(dataclasses.replace(m.record, question=question, source=obeyed, notes=(obeyed,))))
    code, out, err = run("show", path)
    assert code == 0
    assert all(line.isprintable() for line in (*out.split("\n"), *err.split("\n")))
    summary = dataclasses.replace(m.summary, n_dropped=-3)
    path.write_bytes(bytes_of_record(dataclasses.replace(m.record, summary=summary)))
    code, out, err = run("show", path)
    assert (code, out) == (3, "")
    assert "a.logloss must have a whole number of at least 0 in summary: n_dropped; got -3" in err
    path.write_bytes(document_bytes("comparison", {"figures": {"schema": 1}, "text": obeyed}))
    assert run("show", path)[:2] == (0, "\ufffd[2J\ufffd\ufffd\n")


def test_an_output_that_cannot_be_written_is_told_before_the_walk(run, csv, tmp_path):
    requested = ("measure", csv, "-y", "y", "-p", "p", "-o")
    code, out, err = run(*requested, tmp_path / "no" / "a.logloss")
    assert (code, out) == (4, "")
    assert "there is no folder" in err
    assert run(*requested, tmp_path)[0] == 4
    code, _, err = run(*requested, csv)
    assert code == 2
    assert "would overwrite what is read" in err
    assert pathlib.Path(csv).read_text() == ROWS


@pytest.fixture
def inputs(run, csv, tmp_path, monkeypatch):
    """A folder with one of each kind of file that commands read; every file of it is as it was when the test ends."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    for name in ("1", "2"):
        table = {"y": [0, 1, 0, 1], "p": [0.5, 0.5, 0.4, float(name) / 4], "z": [0.0, 0.1, 0.0, 0.5]}
        pq.write_table(pa.table(table), f"d/{name}.parquet")
    fit("d", "y", features=["z"], l2=1.0).save("m.json")
    measured = measure("preds.csv", y_true="y", y_proba="p")
    measured.save("s.logloss")
    calibrate(measured).save("c.csv")
    if sys.platform != "win32":
        os.symlink("preds.csv", "link.csv")
    os.link("preds.csv", "hard.csv")
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    yield tmp_path
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()} == before


@pytest.mark.parametrize(
    "words",
    [
        "measure d -y y -p p -o d/1.parquet",
        "measure d/*.parquet -y y -p p --html d/2.parquet",
        "measure d/../d -y y -p p -o ./d/1.parquet",
        "measure preds.csv -y y -p p -o link.csv",
        "measure link.csv -y y -p p --html preds.csv",
        "measure preds.csv -y y -p p -o hard.csv",
        "measure preds.csv -y y --model m.json -o m.json",
        "merge s.logloss -o s.logloss",
        "show s.logloss --html s.logloss",
        "fit d -y y -o d/1.parquet",
        "fit preds.csv -y y --html preds.csv",
        "predict m.json d -o d/2.parquet",
        "predict m.json d/[12].parquet -o d/2.parquet",
        "predict m.json preds.csv --calibration c.csv -o c.csv",
        "calibrate s.logloss -o s.logloss",
        "calibrate d -y y -p p --html d/1.parquet",
        "compare d -y y -p p -z z -o d/1.parquet",
        "diff s.logloss s.logloss -o s.logloss",
        "demo preds.csv -y y -x z --html preds.csv",
        "demo d -y y -x z --html d/1.parquet",
    ],
)
def test_no_output_takes_the_place_of_what_is_read(run, inputs, words):
    """By whichever way both are named; told before the walk."""
    code, out, err = run(*words.split())
    assert (code, out) == (2, "")
    assert "would overwrite what is read" in err


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("measure preds.csv -y y -p p -o x --html x", "output"),
        ("measure preds.csv -y y -p p -o x --html d/../x", "output"),
        ("merge s.logloss -o x.svg --plot x.svg", "output"),
        ("show s.logloss --html x.png --plot x.png", "html"),
        ("fit d -y y -o x --html ./x", "output"),
        ("calibrate s.logloss -o x --html x", "output"),
        ("compare d -y y -p p -z z -o x --html x", "output"),
        ("diff s.logloss s.logloss -o x --html x", "output"),
    ],
)
def test_no_output_takes_the_place_of_another(run, inputs, words, option):
    code, out, err = run(*words.split())
    assert (code, out) == (2, "")
    assert f"would overwrite what --{option} writes" in err


@pytest.mark.parametrize(
    "words",
    [
        "measure d -y y -p p -o d/monday.csv",
        "measure d/* -y y -p p --html d/x.html",
        "predict m.json d -o d/3.parquet",
        "predict m.json d/*.parquet -o d/3.parquet",
        "fit d -y y -o d/model.csv",
    ],
)
def test_no_output_becomes_rows_of_the_next_time(run, inputs, words):
    code, out, err = run(*words.split())
    assert (code, out) == (2, "")
    assert "would be read as rows the next time" in err


def test_an_output_beside_the_rows_that_is_none_of_them_is_written(run, inputs):
    words = ("d", "-y", "y", "-p", "p", "--quiet")
    for options in (["--html", "d/x.html"], ["-o", "d/_monday.logloss"]):
        assert run("measure", *words, *options)[0] == 0
        (inputs / options[1]).unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="redirections of POSIX")
@pytest.mark.parametrize(
    ("words", "file", "message"),
    [
        ("measure preds.csv -y y -p p --html x", "x", "x would overwrite what is written to standard output"),
        ("measure preds.csv -y y -p p", "preds.csv", "standard output would overwrite what is read"),
        ("predict m.json preds.csv -o -", "preds.csv", "standard output would overwrite what is read"),
        ("predict m.json d -o -", "d/1.parquet", "standard output would overwrite what is read"),
    ],
)
def test_what_goes_to_standard_output_takes_the_place_of_no_file(inputs, words, file, message):
    """`>> FILE`: what `> FILE` empties is lost before the command begins."""
    with open(file, "ab") as out:
        done = subprocess.run([sys.executable, "-m", "logloss", *words.split()], stdout=out, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert message in done.stderr.decode()
    if file == "x":
        pathlib.Path(file).unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="redirections of POSIX")
@pytest.mark.parametrize("option", ["-o", "--html"])
def test_no_output_takes_the_place_of_the_file_behind_standard_input(inputs, option):
    words = ["measure", "-", "-y", "y", "-p", "p", option, "preds.csv"]
    with open("preds.csv", "rb") as rows:
        done = subprocess.run([sys.executable, "-m", "logloss", *words], stdin=rows, capture_output=True)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"preds.csv would overwrite what is read" in done.stderr


@pytest.mark.parametrize("words", ["d", "d/*", "d/*.parquet"])
@pytest.mark.parametrize("name", ["monday.logloss", "monday.parquet"])
def test_a_summary_in_the_folder_of_its_rows_is_left_out_the_next_time(run, tmp_path, monkeypatch, words, name):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("d").mkdir()
    pq.write_table(pa.table({"y": [1, 0, 1, 0], "p": [0.8, 0.4, 0.6, 0.1]}), "d/1.parquet")
    command = ("measure", words, "-y", "y", "-p", "p", "-o", f"d/{name}", "--json")
    whole = json.loads(run(*command)[1])
    for _ in range(2):
        code, out, err = run(*command)
        assert (code, json.loads(out)["log_loss_nats"]) == (0, whole["log_loss_nats"])
        is_met = name.endswith(".parquet") or words != "d/*.parquet"
        assert ("left out: no rows, but a summary that logloss has written" in err) is is_met


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_what_comes_through_a_pipe_is_read_once(csv):
    """Process substitution, `/dev/stdin`: as `-`; a fit, which walks repeatedly, says what to do."""
    here = f"{shlex.quote(sys.executable)} -m logloss"
    whole = subprocess.run(f"{here} measure {csv} -y y -p p --json", shell=True, capture_output=True, text=True).stdout
    for rows in (f"<(cat {csv})", f"/dev/stdin < <(gzip -c {csv})", f"- < <(gzip -c {csv})"):
        done = subprocess.run(["bash", "-c", f"{here} measure {rows} -y y -p p --json"], capture_output=True, text=True)
        assert (done.returncode, json.loads(done.stdout)["log_loss_nats"]) == (0, json.loads(whole)["log_loss_nats"])
    done = subprocess.run(["bash", "-c", f"{here} fit <(cat {csv}) -y y"], capture_output=True, text=True)
    assert done.returncode == 3
    assert "can be read once only; a fit reads its rows repeatedly. Write it to a file" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and descriptors of POSIX")
def test_a_summary_goes_through_a_descriptor(csv, tmp_path):
    """What the shell has opened goes on from where it stands: not replaced, not begun anew."""
    with open(tmp_path / "out", "wb") as out:
        words = ["measure", csv, "-y", "y", "-p", "p", "--quiet", "-o", "/dev/fd/1"]
        assert subprocess.run([sys.executable, "-m", "logloss", *words], stdout=out).returncode == 0
    written = (tmp_path / "out").read_bytes()
    assert written.startswith(b"PAR1")
    assert b"PAR1preds.csv: 4 rows, " in written


def test_kept_columns_stand_beside_rows(run, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("y,p,q,id,home team\n1,0.8,0.7,007,NYK\n0,0.6,0.5,008,LAL\n")
    code, out, _ = run("measure", path, "-y", "y", "-p", "p", "--keep", "id,home team")
    assert (code, "1 (line 3), id = 008, home team = LAL" in out) == (0, True)
    code, out, _ = run("compare", path, "-y", "y", "-p", "p", "-p", "q", "--keep", "id", "--json")
    assert [row["kept_id"] for row in json.loads(out)["largest_differences"]] == ["008", "007"]


def test_many_tiny_summaries_merge(run, tmp_path):
    """One for each request; their names are many, and the tree of merges is low."""
    paths = []
    for k in range(300):
        paths.append(tmp_path / f"{k}.logloss")
        measure([k % 2], [(k + 1) / 302]).save(paths[-1])
    code, out, _ = run("merge", *paths, "--json")
    assert code == 0
    assert json.loads(out)["n_rows"] == 300


FORECASTERS = "y,old,new,day,team\n" + "".join(
    f"{k % 2},{0.5},{0.7 if k % 2 else 0.3},2024-01-{1 + k // 4:02},{'ab'[k // 2 % 2]}\n" for k in range(100)
)


@pytest.fixture
def forecasters(tmp_path):
    path = tmp_path / "forecasters.csv"
    path.write_text(FORECASTERS)
    return str(path)


def test_comparing_begins_with_the_better_forecaster(run, forecasters):
    code, out, err = run("compare", forecasters, "-y", "y", "-p", "old", "-p", "new", "--order", "day", "--by", "team")
    assert code == 0
    assert out.startswith("new has the lowest log loss: 0.3365 nats per row lower than old")
    assert "\nnew vs old: the confidence sequence first excluded 0 on 2024-01-" in out
    assert err.startswith("1 pair compared in one pass over the rows · ")
    assert run("compare", forecasters, "-y", "y", "-p", "old", "-p", "new", "--quiet")[2] == ""


def test_what_is_known_of_the_rows_of_a_period_is_said(run, forecasters):
    words = ("compare", forecasters, "-y", "y", "-p", "old", "-p", "new")
    assert json.loads(run(*words, "--order", "day", "--json")[1])["within"] == "dependent"
    code, out, _ = run(*words, "--order", "day", "--within", "changing")
    assert code == 0
    assert "no confidence sequence: forecasts change within a period" in out
    # By their words: a value that is none, no periods to speak of, two that do not go together.
    code, _, err = run(*words, "--order", "day", "--within", "games")
    assert (code, "'games' is not one of 'dependent', 'independent', 'changing'" in err) == (2, True)
    code, _, err = run(*words, "--within", "independent")
    assert (code, "name the periods with --order" in err) == (3, True)
    code, _, err = run(*words, "--order", "day", "--within", "independent", "--cluster", "team")
    assert (code, "--cluster that some are not" in err) == (3, True)


@pytest.mark.parametrize(
    ("days", "code", "message"),
    [
        (["2024-01-01"] * 100, 0, "1 period"),
        (list(range(100)), 0, "100 periods"),
        (["", *["2024-01-01"] * 99], 3, 'column "day" must hold a value; row 0'),
        ([f"{1 + k % 28}.{1 + k // 28}.2024" for k in range(100)], 3, "Write dates with the year first"),
        ([f"0{1 + k // 50}/01/{2024 - k // 50}" for k in range(100)], 3, '"01/01/2024" sorts before "02/01/2023"'),
        (["2024-01-01", *range(99)], 3, 'column "day" must hold numbers, or text'),
    ],
)
def test_an_order_that_is_none_is_refused_by_its_words(run, tmp_path, days, code, message):
    path = tmp_path / "days.csv"
    lines = FORECASTERS.splitlines()
    rows = [",".join((*line.split(",")[:3], str(day))) for line, day in zip(lines[1:], days, strict=True)]
    path.write_text("\n".join(["y,old,new,day", *rows]))
    found = run("compare", path, "-y", "y", "-p", "old", "-p", "new", "--order", "day")
    assert found[0] == code
    assert message in found[1] + found[2]


def test_comparing_as_json_is_what_the_library_says(run, forecasters, tmp_path):
    from logloss import compare

    words = ("compare", forecasters, "-y", "y", "-p", "old", "-p", "new", "--order", "day", "--cluster", "team")
    code, out, _ = run(*words, "--json", "-o", tmp_path / "found.json")
    assert code == 0
    expected = compare(forecasters, y_true="y", y_proba=["old", "new"], order="day", cluster="team").to_dict()
    assert json.loads(out) == expected == json.loads((tmp_path / "found.json").read_text())["figures"]
    # Shown again it says the same, in words and in figures.
    assert run("show", tmp_path / "found.json")[1] == run(*words)[1]
    assert json.loads(run("show", tmp_path / "found.json", "--json")[1]) == expected
    assert run("show", tmp_path / "found.json", "--fail-if", "second_minus_first_nats < 0")[0] == 1
    code, _, err = run("show", tmp_path / "found.json", "--html", tmp_path / "found.html")
    assert code == 2
    assert "`logloss compare` makes its pictures and report" in err
    assert not any(isinstance(value, dict) for value in expected.values())


def test_comparing_fails_by_its_figures(run, forecasters):
    words = ("compare", forecasters, "-y", "y", "-p", "old", "-p", "new")
    assert run(*words, "--fail-if", "second_minus_first_nats > 0")[0] == 0
    code, _, err = run(*words, "--fail-if", "second_minus_first_nats < 0")
    assert code == 1
    assert "--fail-if is true: second_minus_first_nats < 0" in err
    assert run("compare", forecasters, "-y", "y", "-p", "old")[0] == 2
    assert run("compare", forecasters, "-y", "y", "-p", "old", "-p", "newer")[0] == 3
    assert run("compare", "no-such-file.csv", "-y", "y", "-p", "old", "-p", "new")[0] == 2


def test_a_difference_of_two_summaries(run, csv, forecasters, tmp_path):
    paths = [tmp_path / name for name in ("old.logloss", "new.logloss")]
    for path, column in zip(paths, ("old", "new"), strict=True):
        assert run("measure", forecasters, "-y", "y", "-p", column, "-o", path, "--quiet")[0] == 0
    code, out, _ = run("diff", *paths, "-o", tmp_path / "moved.json")
    assert code == 0
    assert run("show", tmp_path / "moved.json")[1] == out
    assert out.startswith("log loss 0.69315 → 0.35667: −0.33647 (95% CI −0.3365–−0.3365)")
    code, out, _ = run("diff", *paths, "--json", "--fail-if", "log_loss_change_nats < 0")
    assert code == 1
    assert json.loads(out)["psi"] > 0
    assert run("diff", paths[0], tmp_path / "none.logloss")[0] == 2
    assert run("diff", paths[0], csv)[0] == 3


def test_a_plan_before_the_data_and_after_a_pilot(run, forecasters, csv, tmp_path):
    code, out, err = run("plan", "--std", 0.1, "--difference", 0.005, "-o", tmp_path / "plan.json")
    assert (code, err) == (0, "")
    assert out.startswith("3,142 rows detect a difference of 0.005 nats per row with 80% power.\n")
    assert run("show", tmp_path / "plan.json")[1] == out
    assert run("plan", "--std", 0.1, "--margin", 0.005, "--fail-if", "rows_needed > 3000")[0] == 1
    pilot = tmp_path / "pilot.json"
    assert run("compare", forecasters, "-y", "y", "-p", "old", "-p", "new", "-o", pilot, "--quiet")[0] == 0
    code, out, _ = run("plan", pilot, "--difference", 0.2, "--rows", 100, "--power", 0.9, "--pairs", 3, "--json")
    figures = json.loads(out)
    assert (code, figures["std_source"], figures["n_pairs"], figures["n_rows"]) == (0, "pilot", 3, 100)
    assert run("plan", pilot, "--pair", "new", "old", "--json")[0] == 0
    assert run("plan", pilot, "--pair", "new", "other")[0] == 3
    assert run("plan")[0] == run("plan", "--std", 0.1)[0] == run("plan", "--std", 0, "--margin", 1)[0] == 2
    assert run("plan", tmp_path / "none.json")[0] == 2
    assert run("plan", csv, "--margin", 0.1)[0] == 3


def forecasts(tmp_path, slope):
    """600 forecasts whose labels follow their log-odds, times a slope."""
    random = np.random.default_rng(5)
    z = random.normal(0, 1.5, 600)
    y = (random.random(600) < 1 / (1 + np.exp(-slope * z))).astype(int)
    path = tmp_path / "many.csv"
    path.write_text(
        "y,p\n"
        + "\n".join(f"{label},{p!r}" for label, p in zip(y.tolist(), (1 / (1 + np.exp(-z))).tolist(), strict=True))
    )
    return str(path)


def test_measuring_ends_with_what_recalibrating_would_save_and_how(run, tmp_path):
    path = forecasts(tmp_path, 0.4)
    _, out, _ = run("measure", path, "-y", "y", "-p", "p", "--negatives-kept", "0.9")
    *_, message, command = out.rstrip().splitlines()
    assert message.startswith("Recalibration is expected to reduce the log loss by 0.")
    assert message.endswith("):")
    assert command == f"  logloss calibrate {path} -y y -p p --negatives-kept 0.9 -o calibration.json"
    code, shown, _ = run(*command.split()[1:-1], tmp_path / "c.json")
    assert code == 0
    assert shown.startswith("Calibration: ")


def test_measuring_says_when_no_improvement_is_shown(run, tmp_path, csv):
    _, out, _ = run("measure", forecasts(tmp_path, 1.0), "-y", "y", "-p", "p")
    assert "Recalibration is not shown to reduce the log loss: expected reduction " in out
    assert " rows." in out
    assert "othing to repair" not in out
    assert "1 if calibrated" in out
    assert "0 if calibrated" in out
    _, out, _ = run("measure", csv, "-y", "y", "-p", "p", "--json")
    assert "not shown" not in out


def test_a_summary_is_calibrated_without_its_rows(run, tmp_path):
    path = forecasts(tmp_path, 0.4)
    summary, made = tmp_path / "s.logloss", tmp_path / "c.json"
    _, out, _ = run("measure", path, "-y", "y", "-p", "p", "-o", summary)
    assert out.rstrip().splitlines()[-1] == f"  logloss calibrate {summary} -o calibration.json"
    code, first, err = run("calibrate", summary, "-o", made)
    assert code == 0
    assert err.endswith(" s\n")
    assert run("calibrate", path, "-y", "y", "-p", "p", "--quiet")[1:] == (first, "")
    code, out, _ = run("show", made)
    assert (code, out) == (0, first)
    figures = json.loads(run("show", made, "--json")[1])
    assert figures["method"] == "stack"
    assert figures["share_temperature"] > figures.get("share_identity", 0.0)
    assert run("show", made, "--fail-if", "expected_reduction_nats < 0")[0] == 0
    assert run("show", made, "--fail-if", "expected_reduction_nats > 0")[0] == 1
    assert run("show", summary)[1].rstrip().endswith(f"  logloss calibrate {summary} -o calibration.json")


def test_calibrating_takes_the_columns_of_measuring(run, csv):
    words = ("--method", "platt", "--folds", "2", "--json")
    for columns in (
        ("-p", "p"),
        ("-z", "z"),
        ("-p", "p", "-w", "w"),
        ("-p", "p", "--counts", "n", "--cluster", "class", "--missing", "drop"),
    ):
        code, out, err = run("calibrate", csv, "-y", "y", *columns, *words)
        assert (code, json.loads(out)["method"]) == (0, "platt"), err
    assert run("calibrate", csv, "-y", "class", "-p", "p", "--pos-label", "yes", *words)[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("calibrate", "CSV"), 3, "is a table of rows, not a summary|begins otherwise"),
        (("calibrate", "CSV", "-p", "p"), 2, "name the labels of the rows: -y COL"),
        (("calibrate", "CSV", "-y", "y"), 2, "name the forecast: -p COL"),
        (("calibrate", "CSV", "-y", "y", "-p", "p", "-z", "z"), 2, "name the forecast: -p COL"),
        (("calibrate", "CSV", "-y", "y", "-p", "p", "--folds", "1"), 2, "1 is not in the range"),
        (("calibrate", "CSV", "-y", "y", "-p", "p", "--negatives-kept", "2"), 3, "must be a share in"),
        (("calibrate", "CSV", "-y", "y", "-p", "p", "-o", "CSV"), 2, "would overwrite what is read"),
        (("calibrate", "missing.csv", "-y", "y", "-p", "p"), 2, "there is no file"),
    ],
)
def test_what_calibrate_refuses(run, csv, words, code, message):
    found, _, err = run(*[csv if word == "CSV" else word for word in words])
    assert found == code
    import re

    assert re.search(message, err), err


def test_a_calibration_is_no_summary_to_calibrate(run, csv, tmp_path):
    made = tmp_path / "c.json"
    assert run("calibrate", csv, "-y", "y", "-p", "p", "-o", made)[0] == 0
    code, _, err = run("calibrate", made)
    assert code == 2
    assert "must be a summary that measure -o has written, or rows with -y COL" in err


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))
sys.argv = ["logloss", *sys.argv[1:]]
from logloss.cli import main
main()
"""


def limited(n_bytes, *words):
    """The shell in a process that may write files of so many bytes only: as on a full disk, a write fails."""
    code = LIMITED.format(bytes=n_bytes)
    return subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk_is_told_and_the_old_file_stays(tmp_path):
    """Known before the walk where not even a little can be written, after it where the result does not fit."""
    rng = np.random.default_rng(1)
    n = 50_000
    path, model, out = tmp_path / "a.parquet", tmp_path / "model.json", tmp_path / "out.csv"
    pq.write_table(pa.table({"y": rng.integers(0, 2, n), "p": rng.random(n), "x": rng.random(n)}), path)
    fit(str(path), "y", features=["x"]).save(model)
    summary = tmp_path / "a.logloss"
    for output in (summary, out):
        output.write_text("old")
    requested = {
        summary: ("measure", path, "-y", "y", "-p", "p", "-o", summary),
        out: ("predict", model, path, "-o", out),
    }
    for n_bytes, when in ((1 << 10, "Name a file in another folder"), (1 << 17, "What was there before still is")):
        for output, words in requested.items():
            done = limited(n_bytes, *words)
            assert (done.returncode, done.stdout) == (4, "")
            assert done.stderr.startswith(f'logloss: cannot write "{output}": File too large.')
            assert when in done.stderr
            assert output.read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.logloss", "a.parquet", "model.json", "out.csv"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_device_behind_stdout_is_told(csv):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "logloss", "measure", csv, "-y", "y", "-p", "p"], stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 4
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no folder in which nobody may write")
def test_a_folder_in_which_nobody_may_write_is_told_before_the_walk(run, csv):
    code, out, err = run("measure", csv, "-y", "y", "-p", "p", "-o", "/proc/self/a.logloss")
    assert (code, out) == (4, "")
    assert 'cannot write "/proc/self/a.logloss": ' in err
    assert "Name a file in another folder" in err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("seconds", [0.3, 1.5])
def test_interruption_while_predictions_are_written_leaves_the_old_file(tmp_path, seconds):
    fit({"x": [0.0, 1.5, 2.0, 3.0], "y": [0, 1, 0, 1]}, "y", l2=1.0).save(tmp_path / "model.json")
    out = tmp_path / "out.csv"
    out.write_text("old")
    errors = tmp_path / "errors"
    words = ["predict", str(tmp_path / "model.json"), "-", "-o", str(out)]
    with open(errors, "wb") as err:
        process = subprocess.Popen([sys.executable, "-m", "logloss", *words], stdin=subprocess.PIPE, stderr=err)
    began = math.inf
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(b"x\n")
        until = time.monotonic() + 60
        # Once rows are being written.
        while not any(each.stat().st_size for each in tmp_path.glob(".logloss-*")) and time.monotonic() < until:
            pipe.write(b"0.5\n" * 50_000)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pipe.write(b"0.5\n" * 50_000)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        while process.poll() is None and time.monotonic() - began < 10:
            pipe.write(b"0.5\n" * 50_000)
    code = process.wait(timeout=10)
    assert (code, errors.read_text().strip()) == (130, "logloss: interrupted")
    assert time.monotonic() - began < 2
    assert out.read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["errors", "model.json", "out.csv"]


WRONG = """
measure preds.csv -y Y -p p
measure preds.csv -y y -p n
measure preds.csv -y class -p p
measure preds.csv -y class -p p --pos-label maybe
measure preds.csv -y n -p p
measure preds.csv -y q -p p
measure preds.csv -y y -p gaps
measure preds.csv -y y -p p -w z
measure preds.csv -y y -p p --counts w
measure preds.csv -y y -p p --by w --by w
measure preds.csv -y y -p p --by class --group YES
measure preds.csv -y y -p p --negatives-kept 2
measure preds.csv -y p -p y
measure preds.csv -y y -p p -o -
measure preds.csv -y 0 -p 1
measure bare.csv -y y -p p
compare preds.csv -y y -p p -p p
compare preds.csv -y y -p p -p gaps
compare preds.csv -y y -p p -p w --within changing
fit preds.csv -y y --features n,zz
fit preds.csv -y y --features n --categories w
fit preds.csv -y y --features n --reference w=1
fit preds.csv -y y --features n --l2 -1
fit preds.csv -y y --features n --tolerance 0
fit preds.csv -y y --features gaps
fit preds.csv -y class --features n
fit preds.csv -y y --features p
fit preds.csv -y y --features n --max-passes 1
predict preds.csv preds.csv -o out.csv
calibrate preds.csv -y class -p p
calibrate preds.csv
plan --std 1 --difference -1
plan --std -1
plan --std 1 --base-rate 2 --rows 10
plan preds.csv
demo --l2 3
demo preds.csv -y class -x n
demo preds.csv -y y -x class
demo preds.csv -y y -x n --l2 -1
show preds.csv
diff preds.csv preds.csv
measure preds.csv -y y -p p --plot x.png --picture nope
"""
# An argument between backticks, with or without "=", one with a value, a call, None and True.
PYTHON = re.compile(
    r"`[\w.]+=?`|`[^`]*=[^`]*`|\w=[\"'\[…]|\b\w+=(?=[\s,.)])|\w\(\)|\b(None|True|False)\b|\blogloss\.[a-z]"
)


@pytest.mark.parametrize("command", WRONG.strip().split("\n"))
def test_messages_speak_the_words_of_the_shell(run, csv, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("preds.csv").write_text(
        ROWS.replace("class", "class,gaps,q")
        .replace("no\n", "no,,0.5\n", 1)
        .replace("yes\n", "yes,0.5,-1\n")
        .replace("no\n", "no,0.5,0\n")
    )
    pathlib.Path("bare.csv").write_text("1,0.9\n0,0.2\n")
    code, out, err = run(*command.split())
    is_noted = any(word in command for word in ("--group", "-y p -p y", "--max-passes", "--features p"))
    assert code in ((0,) if is_noted else (2, 3))
    text = err if code else out + err
    assert text
    assert PYTHON.findall(text) == []


def test_python_in_messages_becomes_options():
    words = {
        "Two classes need `pos_label=`.": "Two classes need --pos-label.",
        'y_true="stars >= 4" makes one': "--y-true 'stars >= 4' makes one",
        'or pass missing="drop" to': "or pass --missing drop to",
        'Leave it out, exclude=["id", "name"], or name the `features`.': "Leave it out, --exclude id,name, or name the --features.",
        "Pass l2= (l2=1 is common)": "Pass --l2 (--l2 1 is common)",
        "Raise `max_passes`, or look at `model.passes` and `model.notes`.": "Raise --max-passes.",
        'first: y_true="…"; or pass an array as `by`.': "first: --y-true ….",
        "`pilot` must be what `compare` gives": "PILOT must be what `logloss compare` gives",
        "Check its spelling (`groups`).": "Check its spelling (--group).",
        "pass `header=False`.": "pass --no-header.",
        "which fit_intercept=False leaves out": "which --no-intercept leaves out",
        "Read it with logloss.load first.": "Read it with `logloss load` first.",
        "`X` must be finite": "X must be finite",
    }
    assert {text: in_shell_words(text) for text in words} == words
    # What a table holds stays as it is.
    for text in (
        'no column "l2=1".',
        'positive: class = ">50K"',
        'found 2 values: "by", "order"',
        "a `b` c = d".replace("`", ""),
    ):
        assert in_shell_words(text) == text


def test_every_argument_of_a_verb_that_has_an_option_is_translated():
    """A new option whose name differs from its keyword would be missed."""
    known = shell_options()
    missing = {each.name for each in dataclasses.fields(RowOptions)} - set(known)
    assert missing == {"X", "leave_two_out", "engine", "progress"}
    assert known["sample_weight"] == "--sample-weight"
    assert known["n_rows"] == "--rows"


def test_an_answer_has_one_way_to_standard_output(run, csv):
    code, out, err = run("measure", csv, "-y", "y", "-p", "p", "-o", "-")
    assert (code, out) == (2, "")
    assert "--output must name a file; got -, which is standard output, where the answer is written." in err
    assert not os.path.exists("-")


@pytest.mark.parametrize("option", [("--l2", "3"), ("-x", "n"), ("--no-header",), ("--pos-label", "1")])
def test_options_of_a_file_need_one(run, option):
    code, out, err = run("demo", *option)
    assert (code, out) == (2, "")
    assert f"{option[0]} needs a FILE, which is left out: logloss demo FILE -y COL -x COL." in err


def test_a_group_that_no_row_has_is_noted(run, csv):
    _, _, err = run("measure", csv, "-y", "y", "-p", "p", "--by", "class", "--group", "Yes")
    assert 'no row has the group "Yes" of "class"; check its spelling (--group)' in err
    _, _, err = run("measure", csv, "-y", "y", "-p", "p", "--by", "n", "--group", "2")
    assert "no row has" not in err


@pytest.mark.parametrize("call", ["save", "to_html", "load"])
def test_what_names_no_file_is_refused_in_words(call, tmp_path):
    m = measure([1, 0], [0.5, 0.25])
    method = load if call == "load" else getattr(m, call)
    with pytest.raises(DataError, match=r"^a file must be named by its path, a text; got int\.$"):
        method(5)
    if call != "load":
        with pytest.raises(IsADirectoryError, match=r"it is a folder\. Name a file\.$"):
            method(tmp_path)
        with pytest.raises(FileNotFoundError, match="there is no folder"):
            method(tmp_path / "none" / "m.logloss")


def test_swapped_labels_and_forecasts_are_noted():
    y, p = [1, 0, 1, 0], [0.75, 0.25, 0.5, 0.5]
    assert any("They may be swapped: `y_true` is the labels" in note for note in measure(p, y).notes)
    assert measure(p, [0.5, 0, 1, 0]).notes == measure(y, p).notes == ()
