"""Dask and Spark: the same bits and the same certificate as one machine, our errors, and no run lost or counted twice."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from conftest import java_is_missing

import logloss
from logloss import DataError, EngineError, MissingPackage
from logloss.data.request import RowOptions
from logloss.data.rows import BLOCK_ROWS, Column, FramePlace, Roles, Rows
from logloss.data.source import BlockPart, as_source
from logloss.onepass.engines import placed, travel
from logloss.onepass.engines.frame_sources import FramePart
from logloss.onepass.run import engine_of, parts_of
from logloss.onepass.summaries import LossSum, LossSummary
from logloss.training.leave_one_out import SourceWithout

SEED = 77
# One cluster of each kind serves all of these tests: they stay together where tests are run side by side.
pytestmark = [
    pytest.mark.xdist_group("engines"),
    # Spark does not know pandas 3 yet, and says so; both leave sockets to the end of the process.
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
MEASURED = {"y_true": "y", "y_proba": "p", "by": "g", "cluster": "c"}
# What a frame does not know of its rows: their numbers, and the name of the files.
UNKNOWN = {"largest_losses", "source"}


@pytest.fixture(scope="session")
def dask_client():
    distributed = pytest.importorskip("distributed")
    client = distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    yield client
    client.shutdown()


@pytest.fixture(scope="session")
def spark_session():
    pytest.importorskip("pyspark")
    if java_is_missing():
        pytest.skip("Spark needs Java 17 or newer")
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false").config("spark.log.level", "ERROR")
    # Small files are partitions of their own, so that there is something to merge.
    builder = builder.config("spark.sql.shuffle.partitions", "4")
    session = builder.config("spark.sql.files.openCostInBytes", str(1 << 27)).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(params=["dask", "spark"])
def engine(request):
    return request.getfixturevalue({"dask": "dask_client", "spark": "spark_session"}[request.param])


@pytest.fixture(scope="module")
def table():
    """6,000 rows; every score occurs once, so that no two rows cost the same."""
    rng = np.random.default_rng(SEED)
    n = 6_000
    x = rng.normal(size=(n, 2))
    p = 1 / (1 + np.exp(-(x @ [1.0, -0.5] + 0.3)))
    y = (rng.random(n) < p).astype(np.int64)
    groups = rng.choice(["a", "b", "c"], n)
    return pa.table({"y": y, "p": p, "x0": x[:, 0], "x1": x[:, 1], "g": groups, "c": rng.integers(0, 50, n)})


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    for k in range(4):
        pq.write_table(table.slice(1500 * k, 1500), folder / f"{k}.parquet", row_group_size=500)
    return str(folder)


def frame_of(engine, path):
    """The engine's own frame of Parquet files."""
    if type(engine).__module__.startswith("pyspark"):
        return engine.read.parquet(path)
    dataframe = pytest.importorskip("dask.dataframe")
    return dataframe.read_parquet(path)


def without(figures, names=UNKNOWN):
    return {name: value for name, value in figures.items() if name not in names}


def costs(measured):
    return [(row["predicted"], row["observed"], row["log_loss_nats"]) for row in measured.largest_losses]


@pytest.fixture(scope="module")
def dated(table, tmp_path_factory):
    """The rows with days, moments, and moments in a time zone, of the unit of pandas and of that of Spark."""
    path = str(tmp_path_factory.mktemp("dated") / "rows.parquet")
    days = np.datetime64("2024-03-30") + np.arange(6_000) % 4
    moments = days.astype("datetime64[ns]") + (np.arange(6_000) % 3 * 500_000_000).astype("timedelta64[ns]")
    more = {"day": pa.array(days), "moment": pa.array(moments), "zoned": pa.array(moments, pa.timestamp("us", "UTC"))}
    more["moment"] = more["moment"].cast(pa.timestamp("us"))
    pq.write_table(pa.table({name: table[name] for name in table.column_names} | more), path)
    return path


@pytest.mark.parametrize("column", ["day", "moment", "zoned"])
def test_dates_make_the_same_groups_clusters_and_periods(engine, dated, column):
    frame = frame_of(engine, dated)
    for option in ("by", "cluster"):
        here, there = (
            logloss.measure(rows, y_true="y", y_proba="p", **{option: column}).to_dict() for rows in (dated, frame)
        )
        assert without(there) == without(here)
    assert len(logloss.measure(frame, y_true="y", y_proba="p", by=column).groups) == 4 * (3 if column != "day" else 1)
    pair = {"y_true": "y", "y_proba": ["p", "half"], "order": column}
    here, there = (logloss.compare(with_half(rows), **pair).to_dict() for rows in (pd.read_parquet(dated), frame))
    assert without(there, {"largest_differences", "source"}) == without(here, {"largest_differences", "source"})


def test_kept_columns_come_from_the_rows_of_an_engine(engine, dated):
    here, there = (
        logloss.measure(rows, y_true="y", y_proba="p", keep=["c", "day"]).largest_losses.to_dict()
        for rows in (dated, frame_of(engine, dated))
    )
    assert there["kept_c"] == here["kept_c"]
    assert there["kept_day"] == here["kept_day"]


def with_half(frame):
    """The frame with a second forecast."""
    if hasattr(frame, "withColumn"):
        return frame.withColumn("half", frame["p"] * 0.5 + 0.25)
    return frame.assign(half=frame["p"] * 0.5 + 0.25)


def test_files_are_measured_to_the_same_bits(engine, folder):
    here, there = (logloss.measure(folder, **MEASURED, engine=each) for each in (None, engine))
    assert there.summary == here.summary
    assert there.to_dict() == here.to_dict()
    assert repr(there) == repr(here)


def test_frames_are_measured_to_the_same_bits(engine, folder, table):
    here = logloss.measure(table, **MEASURED)
    there = logloss.measure(frame_of(engine, folder), **MEASURED)
    assert without(there.to_dict()) == without(here.to_dict())
    assert costs(there) == costs(here)
    assert there.parts == here.parts


def test_keys_are_exact_on_every_engine(engine, tmp_path):
    """100 decimals beyond 2^53, as many whole numbers beyond 2^63, and decimals that no float holds."""
    ids = [Decimal(2**53 + k) for k in range(100)]
    table = {"y": [0, 1] * 50, "p": [0.4] * 100, "id": pa.array(ids, pa.decimal128(38, 0))}
    table["large"] = pa.array([2**63 + k for k in range(100)], pa.uint64())
    table["fine"] = pa.array([value.scaleb(-20) for value in ids], pa.decimal128(38, 20))
    pq.write_table(pa.table(table), tmp_path / "rows.parquet", row_group_size=30)
    for column in ("id", "large", "fine"):
        requested = {"y_true": "y", "y_proba": "p", "by": column, "cluster": column}
        here = logloss.measure(str(tmp_path), **requested)
        assert (len(here.groups), here.n_clusters) == (100, 100)
        for there in (
            logloss.measure(str(tmp_path), **requested, engine=engine),
            logloss.measure(frame_of(engine, str(tmp_path)), **requested),
        ):
            assert there.summary.groups.names == here.summary.groups.names
            assert there.summary.clusters.names == here.summary.clusters.names


def test_a_row_of_a_frame_is_named_by_its_values(engine, folder, tmp_path):
    measured = logloss.measure(frame_of(engine, folder), y_true="y", y_proba="p", by="g")
    worst = measured.largest_losses[0]
    assert worst["row"] is None
    assert worst["values"].startswith(f"y = {worst['observed']:g}, p = {worst['predicted']!r}, g = ")
    assert worst["values"] in repr(measured)
    measured.save(tmp_path / "frame.logloss")
    assert logloss.load(tmp_path / "frame.logloss").largest_losses[0]["values"] == worst["values"]


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_fits_have_the_certificate_of_one_machine(engine, folder, fit_intercept):
    requested = {"features": ["x0", "x1", "g"], "cluster": "c", "fit_intercept": fit_intercept}
    here = logloss.fit(folder, "y", **requested)
    of_files = logloss.fit(folder, "y", **requested, engine=engine)
    assert of_files.out_of_sample.log_loss == pytest.approx(here.out_of_sample.log_loss, rel=1e-9)
    for model in (of_files, logloss.fit(frame_of(engine, folder), "y", **requested, leave_one_out=False)):
        assert model.certificate.is_proven
        assert model.certificate.nats_per_row <= 1e-12
        # Each gap is below 1e-12 nats a row: a step of at most √(2e-12·6,000) ≈ 1e-4 standard errors of about 0.04.
        # Newton's method is far nearer than it can prove: what differs is rounding.
        for name, value in here.coefficients.items():
            assert model.coefficients[name] == pytest.approx(value, abs=1e-12)
        assert model.errors.coefficients == pytest.approx(here.errors.coefficients, rel=1e-9)


def test_an_l1_penalty_has_the_certificate_of_one_machine(engine, folder):
    """The coefficients that are 0 are the same, exactly."""
    requested = {"features": ["x0", "x1", "g"], "l1": 30.0, "l2": 1.0}
    here = logloss.fit(folder, "y", **requested)
    of_files = logloss.fit(folder, "y", **requested, engine=engine)
    for model in (of_files, logloss.fit(frame_of(engine, folder), "y", **requested, leave_one_out=False)):
        assert model.certificate.nats_per_row <= 1e-12
        assert 0 in model.coefficients.values()
        for name, value in here.coefficients.items():
            assert model.coefficients[name] == pytest.approx(value, rel=1e-9, abs=0 if value == 0 else 1e-12)


def test_shapes_have_the_certificate_of_one_machine(engine, folder):
    """Knots are quantiles of the same rows; precisions end at the same place, from sums that differ by rounding."""
    requested = {"features": ["x0", "x1", "g"], "shapes": {"x1": "linear"}}
    here = logloss.fit(folder, "y", **requested)
    of_files = logloss.fit(folder, "y", **requested, engine=engine)
    assert of_files.out_of_sample.log_loss == pytest.approx(here.out_of_sample.log_loss, rel=1e-9)
    for model in (of_files, logloss.fit(frame_of(engine, folder), "y", **requested, leave_one_out=False)):
        assert model.certificate.nats_per_row <= 1e-12
        assert [term.kind for term in model.terms] == ["smooth", "linear", "pooled levels"]
        assert model.design.shapes[0].knots.tolist() == here.design.shapes[0].knots.tolist()
        for own, theirs in zip(model.terms, here.terms, strict=True):
            assert own.effect == pytest.approx(theirs.effect, abs=1e-9)
            assert own.std_error == pytest.approx(theirs.std_error, rel=1e-8)
    assert of_files.measure(folder, "y", engine=engine).to_dict() == of_files.measure(folder, "y").to_dict()


def test_pairs_have_the_certificate_of_one_machine(engine, folder):
    requested = {"features": ["x0", "x1", "g"], "shapes": "auto", "pairs": [("x0", "x1"), ("x0", "g")]}
    here = logloss.fit(folder, "y", leave_one_out=False, **requested)
    there = logloss.fit(folder, "y", leave_one_out=False, engine=engine, **requested)
    assert there.certificate.nats_per_row <= 1e-12
    assert [pair.columns for pair in there.pair_terms] == [pair.columns for pair in here.pair_terms]
    # Sums in another order, of which precisions are made, four updates long.
    assert there.log_loss == pytest.approx(here.log_loss, abs=1e-7)


@pytest.mark.parametrize("features", [["x0"], ["x0", "x1"], ["x0", "x1", "g", "p"]])
def test_few_columns_of_a_frame_are_fitted(engine, folder, features):
    """Of few columns Dask joins files as it reads them: a frame in memory has fewer partitions than it names."""
    here = logloss.fit(folder, "y", features=features, leave_one_out=False)
    there = logloss.fit(frame_of(engine, folder), "y", features=features, leave_one_out=False)
    assert there.n_rows == here.n_rows
    for name, value in here.coefficients.items():
        # Newton's method is far nearer to the optimum than it can prove: what differs is rounding.
        assert there.coefficients[name] == pytest.approx(value, abs=1e-10)


def test_a_model_is_measured_to_the_same_bits(engine, folder, table, tmp_path):
    """With levels that it has not seen: what workers noticed is said here, once for each row."""
    model = logloss.fit(table.filter(pa.compute.not_equal(table["g"], "c")), "y", features=["x0", "g"])
    here = model.measure(folder, "y")
    assert "levels that training did not see" in here.notes[0]
    there = model.measure(folder, "y", engine=engine)
    assert there.to_dict() == here.to_dict()
    of_frame = model.measure(frame_of(engine, folder), "y")
    assert without(of_frame.to_dict()) == without(here.to_dict())


def test_comparing_and_calibrating_are_the_same_walk(engine, folder):
    """All their figures are made of counted summaries, so that even their words are the same."""
    requested = {"y_true": "y", "y_logit": ["x0", "x1"], "by": "g", "order": "c"}
    assert repr(logloss.compare(folder, **requested, engine=engine)) == repr(logloss.compare(folder, **requested))
    requested = {"y_true": "y", "y_logit": "x0"}
    assert repr(logloss.calibrate(folder, **requested, engine=engine)) == repr(logloss.calibrate(folder, **requested))


def test_rows_of_a_frame_are_shown_by_their_values_in_a_comparison(engine, folder):
    """As in a measurement: their numbers are those of a partition, which nobody can look up."""
    compared = logloss.compare(frame_of(engine, folder), y_true="y", y_logit=["x0", "x1"])
    measured = logloss.measure(frame_of(engine, folder), y_true="y", y_logit="x0")
    assert "a row of the frame" not in repr(compared) + compared.to_html()
    rows = compared.pair.largest_differences.to_dict()
    assert set(rows["row"]) == {None} == set(measured.largest_losses.to_dict()["row"])
    for named in (rows["values"], measured.largest_losses.to_dict()["values"]):
        assert all(text.startswith("y = ") and "x0 = " in text for text in named)
    assert rows["values"][0] in repr(compared)
    here = logloss.compare(folder, y_true="y", y_logit=["x0", "x1"]).pair.largest_differences.to_dict()
    assert here["delta_nats"] == rows["delta_nats"]
    assert "values" not in here


def test_a_frame_of_dask_has_no_index_for_a_column_and_keeps_its_categories(dask_client):
    dataframe = pytest.importorskip("dask.dataframe")
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"x": rng.normal(size=400), "code": pd.Categorical(rng.choice([1, 2, 3], 400), [3, 1, 2])})
    frame["day"] = pd.Timestamp("2026-01-01")
    frame["y"] = (rng.random(400) < 1 / (1 + np.exp(-frame.x))).astype(int)
    frame.index = pd.Index(rng.permutation(400), name="key")
    here = logloss.fit(frame, "y")
    assert list(here.coefficients) == ["x", "code: 1", "code: 2"]
    there = logloss.fit(dataframe.from_pandas(frame, npartitions=3, sort=False), "y")
    assert there.coefficients == pytest.approx(here.coefficients, abs=1e-9)
    assert "day (dates)" in repr(there)
    lazy = dataframe.from_pandas(frame[["y", "code", "x", "day"]], npartitions=3, sort=False)
    assert here.predict_logit(lazy) == pytest.approx(here.predict_logit(frame), abs=1e-12)
    other = logloss.fit(frame, "y", features=["code"])
    compared = logloss.compare(lazy, {"here": here, "other": other}, y_true="y")
    assert compared.log_losses["here"] == pytest.approx(here.log_loss, abs=1e-12)
    assert compared.log_losses["other"] == pytest.approx(other.log_loss, abs=1e-12)
    with pytest.raises(DataError, match="holds dates; a feature must hold numbers"):
        logloss.fit(lazy, "y", features=["day"])


def test_separation_is_found_by_an_engine(dask_client, tmp_path):
    x = np.linspace(-1, 1, 100)
    pq.write_table(pa.table({"y": (x > 0.2).astype(int), "x": x}), tmp_path / "a.parquet")
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit(frame_of(dask_client, str(tmp_path / "a.parquet")), "y")
    assert model.separation.columns == ("x",)


def test_an_error_in_a_block_is_ours_with_file_and_row(engine, folder, table, tmp_path, capfd):
    bad = table["p"][:1500].to_numpy().copy()
    bad[700] = 1.25
    rows = table.slice(0, 1500).set_column(1, "p", pa.array(bad))
    pq.write_table(table.slice(0, 1500), tmp_path / "0.parquet")
    pq.write_table(rows, tmp_path / "1.parquet", row_group_size=500)
    with pytest.raises(DataError) as raised:
        logloss.measure(str(tmp_path), y_true="y", y_proba="p", engine=engine)
    assert str(raised.value).startswith('column "p" must lie in [0, 1]; row 700 of 1.parquet has 1.25.')
    with pytest.raises(DataError, match=r"must lie in \[0, 1\]; the row with y = [01], p = 1\.25 has 1\.25"):
        logloss.measure(frame_of(engine, str(tmp_path)), y_true="y", y_proba="p")
    assert "Traceback" not in "".join(capfd.readouterr())


def test_files_that_workers_cannot_find_are_named(engine, folder, monkeypatch, tmp_path):
    pq.write_table(pa.table({"y": [0, 1], "p": [0.5, 0.5]}), tmp_path / "a.parquet")
    source = as_source(str(tmp_path / "a.parquet"))
    (tmp_path / "a.parquet").unlink()
    with pytest.raises(EngineError, match=r"worker cannot read what it was given.*every worker finds them"):
        logloss.measure(source, y_true="y", y_proba="p", engine=engine)


def test_datasets_and_empty_partitions_travel(engine, folder, tmp_path):
    here = logloss.measure(folder, y_true="y", y_proba="p")
    there = logloss.measure(ds.dataset(folder), y_true="y", y_proba="p", engine=engine)
    assert there.log_loss == here.log_loss
    schema = pq.read_schema(f"{folder}/0.parquet")
    pq.write_table(schema.empty_table(), tmp_path / "0.parquet")
    with pytest.raises(DataError, match="expected at least one row"):
        logloss.measure(frame_of(engine, str(tmp_path)), y_true="y", y_proba="p")
    if not type(engine).__module__.startswith("pyspark"):
        with pytest.raises(DataError, match="cannot be described to another machine"):
            logloss.measure(ds.dataset(folder).filter(ds.field("p") > 0.5), y_true="y", y_proba="p", engine=engine)


def test_progress_tells_of_every_row_once(engine, folder):
    for data, more in ((folder, {"engine": engine}), (frame_of(engine, folder), {})):
        seen = []
        logloss.measure(data, y_true="y", y_proba="p", progress=lambda done: seen.append(done.n_rows), **more)  # noqa: B023
        assert sum(seen) == 6_000


def test_a_killed_worker_changes_no_bit(dask_client, folder):
    """The first run that is done kills the worker that may hold it; benchmarks/faults.py does it at many moments."""
    here = logloss.measure(folder, **MEASURED)
    pids = dask_client.run(os.getpid)

    def kill(done):
        if pids:
            os.kill(pids.pop(next(iter(pids))), signal.SIGKILL)

    there = logloss.measure(folder, **MEASURED, engine=dask_client, progress=kill)
    assert there.to_dict() == here.to_dict()
    dask_client.wait_for_workers(2, timeout=60)


def test_large_answers_are_merged_by_workers(engine, folder, monkeypatch):
    """More answers than the driver takes: a second mapInArrow, or a tree of tasks."""
    from logloss.onepass.engines import dask, spark

    monkeypatch.setattr(spark, "MOST_ANSWERS", 1)
    monkeypatch.setattr(dask, "MERGED_AT_ONCE", 2)
    here = logloss.measure(folder, **MEASURED)
    assert logloss.measure(folder, **MEASURED, engine=engine).to_dict() == here.to_dict()
    assert without(logloss.measure(frame_of(engine, folder), **MEASURED).to_dict()) == without(here.to_dict())


def test_predictions_of_a_spark_frame_are_not_brought_here(spark_session, folder):
    model = logloss.fit({"x0": [0.0, 1.5, 2.0, 3.0], "y": [0, 1, 0, 1]}, "y", l2=1.0)
    with pytest.raises(DataError, match=r"Measure it, model\.measure\(frame, y_true\)"):
        model.predict_proba(frame_of(spark_session, folder))


def test_a_cluster_without_a_cache_reads_anew_and_says_so(spark_session, folder, monkeypatch):
    from pyspark.errors import PySparkException

    def refused(self, *level):
        raise PySparkException("PERSIST TABLE is not supported on serverless compute.")

    frame = frame_of(spark_session, folder)
    monkeypatch.setattr(type(frame), "persist", refused)
    model = logloss.fit(frame, "y", features=["x0"], leave_one_out=False)
    assert model.certificate.is_proven
    assert [note for note in model.notes if "each pass reads anew" in note]


def settings_of(session):
    from logloss.onepass.engines import spark

    return [session.conf.get(name, None) for name in (spark.BYTES, spark.RECORDS)]


@pytest.fixture
def settings_seen(spark_session, monkeypatch):
    """The settings of batches while each pass is collected; what a test sets is taken back."""
    from logloss.onepass.engines import spark

    seen = []
    collected = spark.SparkEngine._collected

    def noted(self, answers):
        seen.append(settings_of(spark_session))
        return collected(self, answers)

    monkeypatch.setattr(spark.SparkEngine, "_collected", noted)
    yield seen
    for name in (spark.BYTES, spark.RECORDS):
        spark_session.conf.unset(name)


def test_a_session_has_its_own_settings_after_a_pass(spark_session, folder, settings_seen):
    """Also after one that fails. Without a limit in bytes a batch has so few rows that it stays below the usual one."""
    from logloss.onepass.engines import spark

    frame = frame_of(spark_session, folder)
    spark_session.conf.set(spark.RECORDS, "5000")
    logloss.measure(frame, y_true="y", y_proba="p")
    with pytest.raises(DataError, match=r"must lie in \[0, 1\]"):
        logloss.measure(frame, y_true="y", y_proba="x0")
    assert settings_seen == [[spark.NO_LIMIT, "5000"]] * 2
    assert settings_of(spark_session) == [None, "5000"]
    spark_session.conf.set(spark.RECORDS, "0")
    logloss.measure(frame, y_true="y", y_proba="p")
    assert settings_seen[-1] == [spark.NO_LIMIT, str(spark.VALUES_OF_A_BATCH // 2)]
    assert settings_of(spark_session) == [None, "0"]


def test_a_limit_in_bytes_that_someone_has_set_stays(spark_session, folder, settings_seen):
    from logloss.onepass.engines import spark

    spark_session.conf.set(spark.BYTES, "1048576")
    logloss.measure(frame_of(spark_session, folder), y_true="y", y_proba="p")
    assert settings_seen == [["1048576", None]]


@pytest.mark.parametrize("name", ["set", "get"])
def test_a_cluster_that_refuses_settings_walks_all_the_same(spark_session, folder, settings_seen, monkeypatch, name):
    from pyspark.errors import PySparkException

    def refused(self, *pair):
        raise PySparkException("Configuration is not available.")

    here = logloss.measure(folder, y_true="y", y_proba="p")
    frame = frame_of(spark_session, folder)
    with monkeypatch.context() as patched:
        patched.setattr(type(spark_session.conf), "set", refused)
        there = logloss.measure(frame, y_true="y", y_proba="p")
    assert settings_seen == [[None, None]]
    assert without(there.to_dict()) == without(here.to_dict())


def test_a_cluster_whose_settings_cannot_be_read_walks_all_the_same(spark_session, folder, monkeypatch):
    from pyspark.errors import PySparkException

    from logloss.onepass.engines import spark

    here = logloss.measure(folder, y_true="y", y_proba="p")
    frame, conf = frame_of(spark_session, folder), type(spark_session.conf)
    get = conf.get

    def refused(self, name, *default):
        if name in (spark.BYTES, spark.RECORDS):
            raise PySparkException("Configuration is not available.")
        return get(self, name, *default)

    monkeypatch.setattr(conf, "get", refused)
    assert without(logloss.measure(frame, y_true="y", y_proba="p").to_dict()) == without(here.to_dict())


def test_workers_of_spark_keep_modules_out_of_the_collector(spark_session, folder):
    """Spark collects after each task, which takes as long as there are objects to look through."""

    def counted(batches):
        import gc

        for batch in batches:
            yield type(batch).from_pydict({"frozen": [gc.get_freeze_count()] * batch.num_rows})

    logloss.measure(folder, y_true="y", y_proba="p", engine=spark_session)
    counts = [row.frozen for row in spark_session.range(0, 8, 1, 8).mapInArrow(counted, "frozen long").collect()]
    assert max(counts) > 10_000


def test_an_engine_is_started_and_stopped_by_its_name(folder):
    pytest.importorskip("distributed")
    there = logloss.measure(folder, y_true="y", y_proba="p", engine="dask")
    assert there.to_dict() == logloss.measure(folder, y_true="y", y_proba="p").to_dict()


def test_what_an_engine_cannot_walk_is_refused(dask_client, folder):
    with pytest.raises(DataError, match="list is in the memory of this process"):
        logloss.measure([1, 0], [0.5, 0.5], engine=dask_client)
    with pytest.raises(DataError, match=r"`engine` must be a distributed\.Client.*got 'ray'"):
        logloss.measure(folder, y_true="y", y_proba="p", engine="ray")
    frame = frame_of(dask_client, folder)
    with pytest.raises(DataError, match="one of Dask; `engine=` names Spark"):
        logloss.measure(frame, y_true="y", y_proba="p", engine="spark")
    with pytest.raises(DataError, match=r'Pass y_true="…", y_proba="p"'):
        logloss.measure(frame, "p")
    with pytest.raises(DataError, match="an array can stand for a column of a table in memory only"):
        logloss.measure(frame, y_true=np.zeros(6_000), y_proba="p")
    with placed(frame, RowOptions()) as source, pytest.raises(DataError, match="read by its workers only"):
        list(source.parts(("y",))[0].rows())


@pytest.mark.parametrize(("package", "extra"), [("distributed", "dask"), ("pyspark", "spark")])
def test_a_missing_package_is_named(monkeypatch, folder, package, extra):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackage, match=rf'pip install "logloss\[{extra}\]"'):
        logloss.measure(folder, y_true="y", y_proba="p", engine=extra)


LACKING = """
import pickle, sys
call = pickle.load(sys.stdin.buffer)
sys.modules["logloss"] = {module}
sys.stdout.buffer.write(call("fold_files", 0, b"", b""))
"""


@pytest.mark.parametrize("module", ["None", "other"])
def test_a_worker_without_logloss_says_how_to_install_it(module):
    """The function that travels is pickled whole, and needs nothing of ours to say that we are not there."""
    cloudpickle = pytest.importorskip("cloudpickle")
    code = (
        LACKING.format(module="None") if module == "None" else LACKING.replace('sys.modules["logloss"] = {module}', "")
    )
    call = travel.carried(logloss.__version__ if module == "None" else "0.0.1")
    done = subprocess.run([sys.executable, "-c", code], input=cloudpickle.dumps(call), capture_output=True, check=True)
    message = str(travel.opened(done.stdout).error)
    assert ("cannot import logloss" if module == "None" else f"has logloss {logloss.__version__}") in message
    assert f"pip install logloss=={logloss.__version__}" in message
    # An answer of such a worker is the answer of all.
    assert str(travel.opened(travel.merge_answers([done.stdout, done.stdout])).error) == message


def test_workers_of_dask_without_logloss_say_so(dask_client, folder):
    def forget():
        import sys

        sys.kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "logloss"}
        sys.modules["logloss"] = None

    def remember():
        import sys

        sys.modules.pop("logloss")
        sys.modules.update(sys.kept)

    dask_client.run(forget)
    try:
        with pytest.raises(EngineError, match=r"a worker on .* cannot import logloss: .*PipInstall"):
            logloss.measure(folder, y_true="y", y_proba="p", engine=dask_client)
    finally:
        dask_client.run(remember)


def answer(number, n_rows=1):
    return travel.Answer(((number, number + 1),), n_rows, LossSum(n_rows))


def test_a_run_that_is_lost_or_counted_twice_is_an_error():
    parts, empty = [], LossSum.empty()
    assert travel.summary_of_answers([answer(2), answer(0), answer(1)], empty, parts, 3) == LossSum(3)
    assert travel.summary_of_answers([], empty, parts, 0) == empty
    with pytest.raises(EngineError, match="run 1 of a pass was counted twice"):
        travel.summary_of_answers([answer(0), answer(1), answer(1)], empty, parts, 3)
    with pytest.raises(EngineError, match="counted twice"):
        travel.summary_of_answers([travel.merged([answer(0), answer(1)]), answer(1)], empty, parts, 2)
    with pytest.raises(EngineError, match=r"a pass has 3 runs of parts; answers came of \(\(0, 1\), \(2, 3\)\)"):
        travel.summary_of_answers([answer(0), answer(2)], empty, parts, 3)


def test_of_several_errors_the_first_is_raised():
    failed = [travel.Answer(((k, k + 1),), 0, None, {}, DataError(f"in run {k}")) for k in (3, 1)]
    with pytest.raises(DataError, match="in run 1"):
        travel.summary_of_answers([*failed, answer(0)], LossSum.empty(), [], 4)


def test_runs_of_a_fit_do_not_depend_on_the_workers(folder):
    parts = parts_of(as_source(folder), Roles("y", "p"))
    cuts = [travel.runs_of(parts, is_floating=True, n_slots=n) for n in (1, 2, 1000)]
    assert cuts[0] == cuts[1] == cuts[2]
    for is_floating in (True, False):
        for n_slots in (1, 2, 1000):
            runs = travel.runs_of(parts, is_floating=is_floating, n_slots=n_slots)
            assert [part for run in runs for part in run] == parts
    lengths = [len(run) for run in travel.runs_of(parts, is_floating=False, n_slots=1)]
    assert len(lengths) == travel.RUNS_OF_A_SLOT
    assert max(lengths) - min(lengths) <= 1
    assert travel.runs_of([], is_floating=False, n_slots=2) == []


def test_a_part_travels_as_its_description(folder):
    """500 rows or a million: a few hundred bytes; nothing of a frame's rows travels with a place."""
    [part, *_] = parts_of(as_source(folder), Roles("y", "p"))
    assert len(travel.packed([part])) < 1_000
    columns = {"y": Column(np.arange(100_000)), "g": Column(np.zeros(100_000, np.int32), None, ("a",))}
    place = FramePlace("", "", columns, 7)
    assert place.where(9) == 'the row with y = 2, g = "a"'
    assert len(pickle.dumps(place)) < 200
    assert pickle.loads(pickle.dumps(place)) == place
    assert pickle.loads(pickle.dumps(place.remembered(9))).where(9) == 'the row with y = 2, g = "a"'
    assert pickle.loads(pickle.dumps(place)).where(9) == "a row of the frame"


def test_an_identifier_is_recognised_in_a_frame(dask_client, tmp_path):
    """A frame does not number its rows; a column that goes up by one in every partition numbers them."""
    for k in range(2):
        ids = np.arange(1000 * k, 1000 * k + 1000)
        pq.write_table(pa.table({"id": ids, "x": np.sin(ids), "y": ids % 2}), tmp_path / f"{k}.parquet")
    with pytest.raises(DataError, match='column "id" looks like an identifier'):
        logloss.fit(frame_of(dask_client, str(tmp_path)), "y")


def test_batches_of_an_engine_become_whole_blocks():
    from logloss.data.arrow import rows_of_batches

    batches = [pa.record_batch({"y": np.arange(10_000) + 10_000 * k}) for k in range(30)]
    rows = list(rows_of_batches(batches, ("y",), 5))
    assert [each.n_rows for each in rows] == [BLOCK_ROWS, BLOCK_ROWS, 300_000 - 2 * BLOCK_ROWS]
    assert np.concatenate([each.columns["y"].values for each in rows]).tolist() == list(range(300_000))
    assert [each.first_row for each in rows] == [5 + int(each.columns["y"].values[0]) for each in rows]


def test_an_engine_is_found_whatever_is_put_around_a_source(dask_client, folder):
    with placed(folder, RowOptions(engine=dask_client)) as source:
        wrapped = SourceWithout(source, FramePlace(), 3)
        assert engine_of(wrapped) is source.engine
    assert engine_of(as_source(folder)) is None
    part = BlockPart(FramePart(("y",)), Roles("y", "p"))
    assert isinstance(part.part, FramePart)
    assert Rows({"y": Column(np.zeros(2))}, 0, FramePlace()).n_rows == 2
    assert LossSummary.empty().n_rows == 0


def test_segments_are_those_of_one_machine(engine, tmp_path):
    """Sums of scores are floats, added in the order of the parts: figures agree but for rounding."""
    random = np.random.default_rng(7)
    proba, level = np.round(random.uniform(0.05, 0.95, 4000), 3), random.choice(list("uvw"), 4000)
    shifted = np.where(level == "u", np.minimum(proba + 0.15, 1), proba)
    rows = pa.table({"level": level.tolist(), "p": proba, "y": (random.random(4000) < shifted).astype(np.int8)})
    path = tmp_path / "rows.parquet"
    pq.write_table(rows, path, row_group_size=1000)
    own, one = (logloss.segments(str(path), y_true="y", y_proba="p", engine=each) for each in (engine, None))
    assert own.miscalibrated["segment"] == one.miscalibrated["segment"] == ["level = u"]
    assert own.miscalibrated["rows"] == one.miscalibrated["rows"]
    for name in ("gain_nats", "shift", "p_value"):
        assert own.miscalibrated[name] == pytest.approx(one.miscalibrated[name], rel=1e-9)
