"""The shell's fit and predict: words in, a model out, predictions beside kept columns, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from test_cli import run  # noqa: F401
from test_design import people

import logloss
from logloss.cli.outputs import Bar


@pytest.fixture
def csv(tmp_path):
    frame = people()
    frame["label"] = np.where(frame.label, "yes", "no")
    frame.to_csv(tmp_path / "people.csv", index=False)
    return str(tmp_path / "people.csv")


@pytest.fixture
def model_file(run, csv, tmp_path):  # noqa: F811
    path = str(tmp_path / "model.json")
    assert run("fit", csv, "-y", "label", "--pos-label", "yes", "-o", path)[0] == 0
    return path


def test_fitting_prints_the_model_and_writes_it(run, csv, tmp_path):  # noqa: F811
    path = tmp_path / "model.json"
    code, out, err = run("fit", csv, "-y", "label", "--pos-label", "yes", "--exclude", "new,pay", "-o", path)
    assert code == 0
    assert out.startswith('LogisticModel: P(label = "yes"), 2 features, 400 rows (')
    assert "\n  Chur " in out
    assert " passes · " in err
    assert repr(logloss.load(path)) == out.rstrip("\n")
    assert run("show", path)[1] == out


def test_options_of_fit_are_those_of_python(run, csv):  # noqa: F811
    code, out, _ = run(
        *("fit", csv, "-y", "label == 'yes'", "--features", "age,city", "--l2", "2.5", "--reference", "city=Genf"),
        *("--tolerance", "1e-9", "--max-passes", "50", "--json", "--quiet"),
    )
    assert code == 0
    figures = json.loads(out)
    frame = pd.read_csv(csv)
    model = logloss.fit(frame, "label == 'yes'", features=["age", "city"], l2=2.5, reference={"city": "Genf"})
    assert figures["coefficients"] == pytest.approx(model.coefficients, abs=1e-9)
    assert figures["l2"] == 2.5


def test_coefficients_are_printed_per_standard_deviation_on_request(run, csv):  # noqa: F811
    words = ("fit", csv, "-y", "label", "--pos-label", "yes", "--features", "age,city", "--quiet")
    code, out, _ = run(*words, "--per", "sd")
    model = logloss.fit(csv, "label", pos_label="yes", features=["age", "city"])
    assert code == 0
    assert out.rstrip("\n") == repr(model.summary(per="sd"))
    assert "coefficient per SD" in out
    assert "per SD" not in run(*words, "--per", "unit")[1]
    figures = json.loads(run(*words, "--per", "sd", "--json")[1])
    assert figures["coefficients"] == model.coefficients
    assert figures["standard_deviations"] == model.design.sds
    assert run(*words, "--per", "SD")[0] == 2


def test_predictions_are_written_beside_kept_columns(run, csv, model_file, tmp_path):  # noqa: F811
    expected = logloss.load(model_file).predict_proba(pd.read_csv(csv))
    out = tmp_path / "out.parquet"
    code, _, err = run("predict", model_file, csv, "--keep", "age,label", "-o", out)
    assert code == 0
    assert err.startswith("400 rows predicted · ")
    table = pq.read_table(out)
    assert table.column_names == ["age", "label", "y_proba"]
    assert table["y_proba"].to_numpy() == pytest.approx(expected, abs=1e-14)
    code, _, _ = run("predict", model_file, csv, "--keep", "label", "-o", tmp_path / "out.csv", "--quiet")
    assert code == 0
    assert pd.read_csv(tmp_path / "out.csv").y_proba.to_numpy() == pytest.approx(expected, abs=1e-14)
    # What is kept in text stays as it was written.
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith('"')


def test_the_shell_finds_columns_by_name_and_names_what_is_missing(run, csv, model_file, tmp_path):  # noqa: F811
    frame = pd.read_csv(csv)
    expected = logloss.load(model_file).predict_proba(frame)
    turned = frame.assign(code=pd.Categorical(np.arange(len(frame)) % 3, [2, 1, 0]))[[*frame.columns[::-1], "code"]]
    turned.index = np.random.default_rng(0).permutation(len(frame))
    turned.to_parquet(tmp_path / "turned.parquet")
    out = tmp_path / "out.parquet"
    assert run("predict", model_file, tmp_path / "turned.parquet", "--keep", "code,label", "-o", out, "--quiet")[0] == 0
    assert pq.read_table(out)["y_proba"].to_numpy() == pytest.approx(expected, abs=1e-14)
    # Values, not the codes of a category.
    assert pq.read_table(out)["code"].to_pylist() == turned.code.tolist()
    turned.drop(columns="age").to_parquet(tmp_path / "less.parquet")
    for words in (
        ("predict", model_file, tmp_path / "less.parquet", "-o", out),
        ("measure", tmp_path / "less.parquet", "-y", "label", "--pos-label", "yes", "--model", model_file),
    ):
        code, _, err = run(*words)
        assert code == 3
        assert 'the model reads the column "age", which the table lacks. The table has: label' in err
        assert "__index_level_0__" not in err


def test_predictions_are_corrected_for_negatives_left_out_and_calibrated(run, csv, model_file, tmp_path):  # noqa: F811
    logits = logloss.load(model_file).predict_logit(pd.read_csv(csv))
    out, made = tmp_path / "out.parquet", tmp_path / "c.json"
    code, _, err = run("predict", model_file, csv, "--negatives-kept", "0.1", "-o", out)
    assert code == 0
    assert "corrected: training kept 0.1 of the negatives" in err
    expected = 1 / (1 + np.exp(-(logits + np.log(0.1))))
    # Of other blocks a row's log-odds may differ by a rounding.
    assert pq.read_table(out)["y_proba"].to_numpy() == pytest.approx(expected, abs=1e-14)
    labels = pd.read_csv(csv).label == "yes"
    calibration = logloss.calibrate(labels, y_logit=logits, method="platt")
    calibration.save(made)
    assert run("predict", model_file, csv, "--calibration", made, "-o", out)[0] == 0
    expected = 1 / (1 + np.exp(-calibration.apply_logit(logits)))
    assert pq.read_table(out)["y_proba"].to_numpy() == pytest.approx(expected, abs=1e-14)
    logloss.calibrate(labels, y_logit=logits, method="platt", negatives_kept=0.5).save(made)
    code, _, err = run("predict", model_file, csv, "--calibration", made, "--negatives-kept", "0.1", "-o", out)
    assert code == 3
    assert "the calibration corrects for negatives_kept = 0.5 itself" in err


def test_a_model_is_measured_on_a_file(run, csv, model_file, tmp_path):  # noqa: F811
    code, out, _ = run("measure", csv, "-y", "label", "--pos-label", "yes", "--model", model_file, "--json")
    assert code == 0
    run("predict", model_file, csv, "--keep", "label", "-o", tmp_path / "out.parquet")
    _, again, _ = run(
        "measure", tmp_path / "out.parquet", "-y", "label", "--pos-label", "yes", "-p", "y_proba", "--json"
    )
    assert json.loads(out)["log_loss_nats"] == pytest.approx(json.loads(again)["log_loss_nats"], rel=1e-12)


def test_rows_without_a_feature_get_no_prediction_on_request(run, model_file, tmp_path):  # noqa: F811
    frame = people(10)
    frame.loc[4, "pay"] = np.nan
    frame.to_parquet(tmp_path / "gaps.parquet")
    code, _, err = run("predict", model_file, tmp_path / "gaps.parquet", "-o", tmp_path / "out.parquet")
    assert code == 3
    assert 'column "pay" must hold a value; row 4 of gaps.parquet has none' in err
    # Nothing is left of a file that could not be finished.
    assert sorted(os.listdir(tmp_path)) == ["gaps.parquet", "model.json", "people.csv"]
    code, _, err = run(
        "predict", model_file, tmp_path / "gaps.parquet", "--missing", "drop", "-o", tmp_path / "out.parquet"
    )
    assert code == 0
    assert pq.read_table(tmp_path / "out.parquet")["y_proba"].null_count == 1
    assert 'no prediction (NaN) for 1 row in which "pay" is missing.' in err


def test_predictions_go_to_stdout_as_csv(csv, model_file):
    """In a process of its own: bytes go to the stream below the text."""
    words = [sys.executable, "-m", "logloss", "predict", model_file, csv, "--keep", "label", "-o", "-", "--quiet"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == '"label","y_proba"'
    assert len(lines) == 401


def test_fail_if_holds_for_a_model(run, csv):  # noqa: F811
    words = ("fit", csv, "-y", "label", "--pos-label", "yes")
    assert run(*words, "--fail-if", "log_loss_nats > 0.9")[0] == 0
    assert run(*words, "--fail-if", "log_loss_nats > 0.1")[0] == 1
    assert run(*words, "--fail-if", "log_loss_out_of_sample_nats > 0.1")[0] == 1
    code, _, err = run(*words, "--fail-if", "logloss > 1")
    assert code == 2
    assert "Did you mean log_loss_nats?" in err


def test_warnings_of_a_fit_are_lines_on_stderr(run, tmp_path):  # noqa: F811
    pd.DataFrame({"x": [0.5, 1.5, 2.25, 3.0], "y": [0, 0, 1, 1]}).to_csv(tmp_path / "s.csv", index=False)
    code, out, err = run("fit", tmp_path / "s.csv", "-y", "y")
    assert code == 0
    assert 'warning: the classes are separated: "x"' in err
    assert "separated by x" in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["fit", "CSV"], 2, "--y-true"),
        (
            ["fit", "CSV", "-y", "label", "--features", "age", "--exclude", "pay"],
            2,
            "pass --features or --exclude, not both",
        ),
        (["fit", "CSV", "-y", "label", "--reference", "city"], 2, "--reference must read like sex=Male"),
        (["fit", "CSV", "-y", "label", "--pos-label", "yes", "-o", "CSV"], 2, "would overwrite what is read"),
        (["fit", "CSV", "-y", "label"], 3, "--pos-label"),
        (["fit", "CSV", "-y", "lable", "--pos-label", "yes"], 3, 'Did you mean "label"?'),
        (["fit", "CSV", "-y", "label", "--pos-label", "yes", "--l2", "-1"], 3, "--l2 must be finite"),
        (["fit", "no-such.csv", "-y", "y"], 2, "there is no file"),
        (["predict", "MODEL", "CSV"], 2, "--output"),
        (["predict", "MODEL", "CSV", "-o", "out.xlsx"], 2, "-o must end in .parquet or .csv"),
        (["predict", "MODEL", "CSV", "-o", "no/such/out.csv"], 4, 'there is no folder "'),
        (["predict", "CSV", "CSV", "-o", "out.csv"], 3, "must be a file that"),
        (
            ["predict", "MODEL", "CSV", "--calibration", "MODEL", "-o", "out.csv"],
            3,
            "must hold a calibration; it holds",
        ),
        (["predict", "MODEL", "CSV", "--negatives-kept", "2", "-o", "out.csv"], 3, "must be a share in (0, 1]; got 2"),
        (["predict", "MODEL", "CSV", "--keep", "town", "-o", "out.csv"], 3, 'no column "town"'),
        (["measure", "CSV", "-y", "label", "--model", "MODEL", "-p", "age"], 2, "name the predictions by one of"),
        (["merge", "MODEL"], 3, "it holds a document, of a model or a calibration"),
    ],
)
def test_wrong_words_are_answered_in_words(run, csv, model_file, tmp_path, monkeypatch, words, code, message):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    found, _, err = run(*({"CSV": csv, "MODEL": model_file}.get(word, word) for word in words))
    assert message in err
    assert found == code
    assert "Traceback" not in err


def test_progress_tells_the_pass_the_loss_and_the_bound():
    """A bar that began anew with each pass would never be seen where a pass takes less than a second."""

    class Shown:
        n = last_print_n = 0

        def update(self, n_rows):
            self.n += n_rows

        def set_postfix_str(self, text, refresh):
            self.text = text

        def set_description(self, text, refresh):
            phases.append(text)

    shown, phases = Shown(), []
    progress = Bar(shown)
    losses = []
    model = logloss.fit(
        people(),
        "label",
        progress=progress,
        on_pass=lambda found: (losses.append(found.log_loss), progress.on_pass(found)),
    )
    assert [each.log_loss for each in model.passes] == losses
    assert shown.text.startswith(f"pass {len(losses)}, log loss {model.log_loss:.4f}, within ")
    assert shown.text.endswith(" nats")
    assert phases[0] == "columns"
    assert [text for text in phases if text.startswith("pass ")] == [f"pass {n + 1}" for n in range(len(losses))]
    assert phases[-1] == "leave-one-out"
    # The next pass begins at 0 again; after the last one nothing was walked: so few rows are at hand.
    assert shown.n == 0
