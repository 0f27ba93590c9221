"""How a command ends: what closed streams, signals and names that no terminal shows do to its answer and its files."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from test_cli import ROWS, csv, shell  # noqa: F401

from logloss import fit

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="streams and signals of POSIX")

ASKED = ("-y", "y", "-p", "p")


def bash(command, *words, **options):
    """A command of the shell in which `"$@"` stands for `logloss WORDS`."""
    line = ["bash", "-c", command, "bash", sys.executable, "-m", "logloss", *map(str, words)]
    return subprocess.run(line, capture_output=True, **options)


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_where_nobody_can_read_notes_the_answer_is_the_same(csv, tmp_path, closed):  # noqa: F811
    done = bash(f'"$@" {closed}', "measure", csv, *ASKED, "-o", tmp_path / "a.logloss")
    assert done.returncode == 0
    assert b"log loss" in done.stdout
    assert done.stderr == b""
    assert (tmp_path / "a.logloss").read_bytes().startswith(b"PAR1")


@pytest.mark.parametrize("closed", [">&-", ">/dev/full", "<&- >&-"])
def test_an_answer_that_cannot_be_given_is_told_and_its_file_is_there(csv, tmp_path, closed):  # noqa: F811
    done = bash(f'"$@" {closed}', "measure", csv, *ASKED, "-q", "-o", tmp_path / "a.logloss")
    assert (done.returncode, done.stdout) == (4, b"")
    assert done.stderr.startswith(b"logloss: cannot write the answer")
    assert done.stderr.count(b"\n") == 1
    assert (tmp_path / "a.logloss").read_bytes().startswith(b"PAR1")


def test_standard_input_that_is_closed_is_a_matter_of_usage():
    done = bash('"$@" <&-', "measure", "-", *ASKED)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.endswith(b"Error: - names standard input, which is closed.\n")


def test_without_a_command_there_is_help_and_no_answer():
    done = shell()
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"Usage: ")
    assert b"Error" not in done.stderr


def test_predictions_have_nowhere_to_go_where_stdout_is_closed_or_full(csv, tmp_path):  # noqa: F811
    fit({"x": [0.0, 1.5, 2.0, 3.0], "y": [0, 1, 0, 1]}, "y", l2=1.0).save(tmp_path / "model.json")
    done = bash('"$@" >&-', "predict", tmp_path / "model.json", csv, "-o", "-")
    assert done.returncode == 4
    assert done.stderr == b"logloss: cannot write the answer: standard output is closed. Send it to a file.\n"
    columns = tmp_path / "x.csv"
    columns.write_text("x\n0.5\n")
    done = bash('"$@" >/dev/full', "predict", tmp_path / "model.json", columns, "-o", "-")
    assert done.returncode == 4
    assert done.stderr.startswith(b"logloss: cannot write the answer to standard output: ")


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_test_fails_also_where_the_reader_has_enough(csv, reader):  # noqa: F811
    """A gate in a script: `logloss … --fail-if … | head -1` under pipefail."""
    command = f'set -o pipefail; "$@" | {reader}'
    done = bash(command, "measure", csv, *ASKED, "--fail-if", "log_loss_nats > 0.1")
    assert done.returncode == 1
    assert b"--fail-if is true: log_loss_nats > 0.1" in done.stderr
    assert bash(command, "measure", csv, *ASKED, "--fail-if", "log_loss_nats > 9").returncode == 0


ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, ASCII, {**ASCII, "PYTHONIOENCODING": "latin-1:strict"}])
def test_names_that_no_terminal_shows_are_measured_saved_and_shown(tmp_path, settings):
    name = os.path.join(os.fsencode(tmp_path), b"d\xc3\xbc\xff\x1b1.csv")
    try:
        with open(name, "w") as file:
            file.write(ROWS)
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    environment = {**os.environ, **settings}
    saved = name + b".logloss"

    def command(*words):
        return subprocess.run([sys.executable, "-m", "logloss", *words], capture_output=True, env=environment)

    done = command(b"measure", name, *ASKED, "-o", saved)
    assert (done.returncode, b"log loss" in done.stdout) == (0, True)
    assert os.path.exists(saved)
    assert b"\x1b" not in done.stdout + done.stderr
    figures = json.loads(command("show", saved, "--json").stdout)
    # What it is called does not depend on the locale.
    assert figures["source"] == "dü\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}1.csv"
    done = command("measure", name + b"x", *ASKED)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"logloss: there is no file or folder")


def predicting(tmp_path, out):
    """A command that is writing predictions, of a pipe that never ends; what it writes is under way."""
    fit({"x": [0.0, 1.5, 2.0, 3.0], "y": [0, 1, 0, 1]}, "y", l2=1.0).save(tmp_path / "model.json")
    words = ["predict", str(tmp_path / "model.json"), "-", "-o", str(out)]
    process = subprocess.Popen([sys.executable, "-m", "logloss", *words], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b"x\n")
    until = time.monotonic() + 60
    while not any(each.stat().st_size for each in tmp_path.glob(".logloss-*")) and time.monotonic() < until:
        process.stdin.write(b"0.5\n" * 50_000)
    assert list(tmp_path.glob(".logloss-*"))
    return process


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
@pytest.mark.parametrize("is_fed", [True, False])
def test_a_signal_leaves_the_old_file_and_nothing_half_written(tmp_path, name, is_fed):
    """Also where the pipe says nothing more: compiled code waits for it, and Python's handlers do not run."""
    out = tmp_path / "out.csv"
    out.write_text("old")
    process = predicting(tmp_path, out)
    number = getattr(signal, name)
    process.send_signal(number)
    until = time.monotonic() + 20
    with contextlib.suppress(BrokenPipeError):
        while is_fed and process.poll() is None and time.monotonic() < until:
            process.stdin.write(b"0.5\n" * 50_000)
    assert process.wait(timeout=20) == 128 + number
    message = "interrupted" if name == "SIGINT" else f"ended by {name}"
    assert process.stderr.read().decode() == f"logloss: {message}\n"
    process.stderr.close()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    assert out.read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.json", "out.csv"]


def test_a_signal_that_is_ignored_stays_so(csv):  # noqa: F811
    """`nohup logloss …` goes on when the terminal is closed."""
    code = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
        "from logloss import cli, measurement; real = measurement.measure\n"
        "def measure(*args, **options):\n    os.kill(os.getpid(), signal.SIGHUP)\n    return real(*args, **options)\n"
        "measurement.measure = measure; cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code, "measure", csv, *ASKED], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"log loss" in done.stdout


def test_the_end_of_a_file_is_no_interruption(csv, monkeypatch, capsys):  # noqa: F811
    """click takes any EOFError for Ctrl-D."""
    from logloss import cli, measurement

    def broken(*args, **kwargs):
        raise EOFError("Ran out of input")

    monkeypatch.setattr(measurement, "measure", broken)
    monkeypatch.setattr(sys, "argv", ["logloss", "measure", csv, *ASKED])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 70
    assert "EOFError: Ran out of input" in capsys.readouterr().err


@pytest.mark.slow
def test_a_short_row_from_a_pipe_is_wrong_data_each_time():
    """Threads may still read it when the command ends."""
    for _ in range(5):
        done = shell("measure", "-", *ASKED, input=b"y,p\n1,0.5\n1\n" + b"0,0.5\n" * 2_000_000)
        assert done.returncode == 3, done.stderr
        assert b"every row must have 2 fields; row 1 of standard input has 1" in done.stderr
