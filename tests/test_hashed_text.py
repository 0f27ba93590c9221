"""Hashed text: the words of a text, the matrix that a table becomes, and the model that predicts tables."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from test_cli import run  # noqa: F401

import logloss
from logloss import DataError
from logloss.data.hashed_text import HashedText, columns_of, words_of
from logloss.data.rows import Column
from logloss.files import document
from logloss.training.hashed_model import HashedModel

WORDS = ["red", "blue", "green", "shoe", "hat", "Boot", "größe", "x1", "café"]
QUERY = "hash(query, bits=16)"
FEATURES = ["log(price)", "site", QUERY]


def drawn(n_rows=1_000, seed=2):
    random = np.random.default_rng(seed)
    numbers, n_words = random.integers(0, len(WORDS), (n_rows, 5)), random.integers(1, 6, n_rows)
    effects = random.normal(size=len(WORDS))
    queries = [" ".join(np.array(WORDS)[own[:n]]) for own, n in zip(numbers, n_words, strict=True)]
    logits = np.array([effects[own[:n]].sum() for own, n in zip(numbers, n_words, strict=True)])
    frame = pd.DataFrame({"query": queries, "price": random.gamma(2.0, 2.0, n_rows)})
    frame["site"], frame["n"] = random.choice(["north", "south", "west"], n_rows), random.integers(0, 3, n_rows)
    return frame.assign(y=(random.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(int))


@pytest.fixture(scope="module")
def frame():
    return drawn()


@pytest.fixture(scope="module")
def model(frame):
    return logloss.fit(frame, "y", features=FEATURES, l2=1.0)


def test_words_are_runs_of_letters_and_digits_of_any_script():
    assert words_of("Red-shoes, red_HAT x1!") == ["red", "shoes", "red", "hat", "x1"]
    # An accent of its own, and a letter with one, are the same.
    assert words_of("Café") == words_of("Cafe\N{COMBINING ACUTE ACCENT}") == ["café"]
    assert words_of("Größe 靴 обувь") == ["größe", "靴", "обувь"]
    assert words_of(" -- ") == []


def test_hashes_never_change():
    # Saved models rely on them.
    assert columns_of(["red", "größe", "7"], 20).tolist() == [644957, 6066, 634460]
    assert columns_of(["red"], 4).tolist() == [644957 >> 16]
    places = columns_of([f"word {k}" for k in range(20_000)], 10)
    # Of 1,024 columns each has about as many words: χ² with 1,023 degrees, 6 standard deviations.
    counts = np.bincount(places, minlength=1024)
    assert abs(((counts - counts.mean()) ** 2 / counts.mean()).sum() - 1023) < 6 * np.sqrt(2 * 1023)


def test_counts_are_those_of_each_row():
    texts = ("red red hat", "", "hat")
    column = Column(np.array([2, 0, 1, 0, 2]), np.array([False, False, False, True, False]), texts)
    counts = HashedText("q", "q", 12).counts(column)
    red, hat = columns_of(["red", "hat"], 12).tolist()
    dense = np.zeros((5, 4096))
    np.add.at(dense, (counts.rows, counts.places), counts.values)
    assert dense[:, [red, hat]].tolist() == [[0, 1], [2, 1], [0, 0], [0, 0], [0, 1]]
    assert dense.sum() == 5
    weights = np.arange(4096.0)
    assert counts.sums(weights, 5).tolist() == (dense @ weights).tolist()
    empty = HashedText("q", "q", 12).counts(Column(np.zeros(0, np.int32), None, ()))
    assert len(empty.rows) == 0
    # Numbers are text as they print.
    (seven,) = HashedText("q", "q", 12).counts(Column(np.array([7.0]))).places
    assert seven == columns_of(["7"], 12)[0]


def test_a_table_with_hashed_text_is_fitted_as_its_counts(frame, model):
    counts = CountVectorizer(token_pattern=r"[^\W_]+")
    words = counts.fit_transform(frame["query"]).toarray()
    columns = np.column_stack([np.log(frame.price), frame.site == "south", frame.site == "west", words])
    peer = LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000).fit(columns, frame.y)
    assert model.n_features == 3 + 2**16
    # The peer is 1e-9 nats per row from the minimum.
    assert np.abs(peer.predict_proba(columns)[:, 1] - model.predict_proba(frame)).max() < 1e-5
    own = [model.coefficient_of(QUERY, word) for word in counts.get_feature_names_out()]
    assert own == pytest.approx(peer.coef_[0, 3:].tolist(), abs=1e-4)
    assert list(model.coefficients)[:3] == ["log(price)", "site: south", "site: west"]
    place = int(columns_of(["red"], 16)[0])
    assert model.coefficients[f"{QUERY}[{place}]"] == model.coefficient_of(QUERY, "RED")
    assert f"{QUERY}: red" in [name for name, *_ in model.largest(20)]
    assert f"{QUERY}: red" in repr(model)
    assert model.certificate.is_proven


def test_words_of_one_hash_share_a_coefficient(frame):
    model = logloss.fit(frame, "y", features=["hash(query, bits=2)"], l2=1.0)
    counts = CountVectorizer(token_pattern=r"[^\W_]+")
    words = counts.fit_transform(frame["query"]).toarray()
    places = columns_of(counts.get_feature_names_out().tolist(), 2)
    together = np.column_stack([words[:, places == place].sum(axis=1) for place in range(4)])
    expected = logloss.fit(together.astype(float), frame.y, l2=1.0)
    assert len(set(places.tolist())) < len(places)
    assert model.coef.tolist() == pytest.approx(list(expected.coefficients.values()), abs=1e-6)
    assert any(", " in name for name, *_ in model.largest(4))


def test_an_l1_penalty_and_a_path_are_as_of_the_matrix(frame):
    model = logloss.fit(frame, "y", features=FEATURES, l1=5.0)
    assert model.l1 == 5.0
    assert model.certificate.is_proven
    shown = {name for name, *_ in model.largest(50)}
    assert 0 < len(shown) == np.count_nonzero(model.coef) < 12
    # The optimum's conditions: each derivative is l1 where a coefficient is not 0, and at most that elsewhere.
    counts = CountVectorizer(token_pattern=r"[^\W_]+")
    words = counts.fit_transform(frame["query"]).toarray()
    derivatives = np.abs(words.T @ (model.predict_proba(frame) - frame.y.to_numpy()))
    own = np.array([model.coefficient_of(QUERY, word) for word in counts.get_feature_names_out()])
    assert derivatives[own != 0] == pytest.approx(5.0, abs=1e-3)
    assert (derivatives[own == 0] < 5.0).all()
    path = logloss.fit(frame, "y", features=FEATURES, l2_path=[10.0, 1.0, 0.1], cv=4)
    assert path.path.l2 == path.l2
    again = logloss.fit(frame, "y", features=FEATURES, l2=path.l2)
    assert np.abs(path.predict_logit(frame) - again.predict_logit(frame)).max() < 1e-4


def test_files_in_every_cut_give_the_same_model(frame, model, tmp_path):
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=130)
    for path in (tmp_path / "rows.csv", tmp_path / "rows.parquet"):
        other = logloss.fit(path, "y", features=FEATURES, l2=1.0)
        assert np.array_equal(other.coef, model.coef)
        assert other.words == model.words
        assert model.measure(path, "y").log_loss == pytest.approx(model.log_loss, abs=1e-12)


def test_counts_weights_offsets_and_labels_are_as_of_any_fit(frame):
    repeated = frame.loc[frame.index.repeat(frame.n)]
    first = logloss.fit(frame, "y", features=FEATURES, l2=1.0, counts="n")
    second = logloss.fit(repeated, "y", features=FEATURES, l2=1.0)
    assert (first.n_rows, first.n_positive) == (second.n_rows, second.n_positive)
    assert np.abs(first.coef - second.coef).max() < 1e-6
    with_offset = logloss.fit(frame, "y", features=[QUERY], l2=1.0, offset="price")
    assert with_offset.measure(frame, "y").log_loss == pytest.approx(with_offset.log_loss, abs=1e-12)
    words = frame.assign(y=np.where(frame.y == 1, "yes", "no"))
    named = logloss.fit(words, "y", pos_label="yes", features=[QUERY], l2=1.0)
    assert named.classes == ("no", "yes")
    assert set(named.predict(words).tolist()) == {"no", "yes"}
    alone = logloss.fit(frame, "y", features=[QUERY], l2=1.0, fit_intercept=False)
    assert alone.intercept == 0.0


def test_a_saved_model_predicts_the_same(frame, model, tmp_path):
    model.save(tmp_path / "model.json")
    again = logloss.load(tmp_path / "model.json")
    assert isinstance(again, HashedModel)
    assert np.array_equal(again.predict_logit(frame), model.predict_logit(frame))
    assert repr(again) == repr(model)
    fields = json.loads((tmp_path / "model.json").read_bytes())
    fields["hashed"][0]["bits"] = 15
    head = {key: value for key, value in fields.items() if key not in document.HEAD}
    (tmp_path / "other.json").write_bytes(document.document_bytes("wide", head))
    with pytest.raises(DataError, match="a finite number of each column"):
        logloss.load(tmp_path / "other.json")


def test_the_shell_fits_and_predicts_with_hashed_text(run, frame, tmp_path):  # noqa: F811
    frame.to_csv(tmp_path / "rows.csv", index=False)
    words = ("--features", f"log(price),{QUERY}", "--l2", "1")
    assert run("fit", tmp_path / "rows.csv", "-y", "y", *words, "-o", tmp_path / "m.json")[0] == 0
    assert run("predict", tmp_path / "m.json", tmp_path / "rows.csv", "-o", tmp_path / "p.csv")[0] == 0
    expected = logloss.fit(frame, "y", features=["log(price)", QUERY], l2=1.0).predict_proba(frame)
    assert pd.read_csv(tmp_path / "p.csv").y_proba.to_numpy() == pytest.approx(expected, abs=1e-12)


def test_what_lacks_a_text_is_refused_or_dropped(frame, model):
    gaps = frame.assign(query=frame["query"].where(frame.index != 4, None))
    with pytest.raises(DataError, match='column "query" must hold a value; row 4 has none'):
        logloss.fit(gaps, "y", features=[QUERY], l2=1.0)
    dropped = logloss.fit(gaps, "y", features=[QUERY], l2=1.0, missing="drop")
    assert dropped.n_rows == len(frame) - 1
    assert dropped.notes == ("1 row left out, as a value is missing",)
    with pytest.raises(DataError, match='column "query" must hold a value; row 4 has none'):
        model.predict_proba(gaps)
    assert np.flatnonzero(np.isnan(model.predict_proba(gaps, missing="drop"))).tolist() == [4]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "pass a penalty, l2= (such as l2=1), l1=, l2_path= or l1_path="),
        ({"l2": 1.0, "shapes": "auto"}, "`shapes` is not available beside hash(…)"),
        ({"l2": 1.0, "cluster": "site"}, "`cluster` is not available beside hash(…)"),
        ({"l2": 1.0, "missing": "indicator"}, '`missing="indicator"` is not available beside hash(…)'),
        ({"l2": 1.0, "features": ["hash(query):site"]}, "a product with hash(…), which stands alone"),
        ({"l2": 1.0, "features": ["hash(query, bits=40)"]}, "a whole number from 1 to 26 for bits"),
        ({"l2": 1.0, "features": ["hash(text)"]}, 'no column "text"'),
    ],
)
def test_what_hashed_text_does_not_take_is_refused_by_its_words(frame, options, words):
    with pytest.raises(DataError) as caught:
        logloss.fit(frame, "y", **{"features": FEATURES} | options)
    assert words in str(caught.value)


def test_what_is_not_defined_of_hashed_text_is_refused_by_its_words(frame, model):
    for call, words in (
        (
            lambda: model.predict(frame.drop(columns="query")),
            'the model reads the column "query", which the table lacks',
        ),
        (lambda: model.predict(np.zeros((3, 3))), "`X` has no names of columns"),
        (lambda: model.contributions(frame), "hashed words have none"),
        (lambda: model.to_sklearn(), "no transformer of scikit-learn does alike"),
        (lambda: model.coefficient_of(QUERY, "two words"), "must be one word"),
        (lambda: model.predict(frame.assign(query=1.5)), "must hold text, or whole numbers such as codes"),
        (lambda: model.coefficient_of("hash(text)", "red"), "The model has: hash(query, bits=16)"),
    ):
        with pytest.raises(DataError) as caught:
            call()
        assert words in str(caught.value)


def test_measurements_are_no_text(frame, tmp_path):
    words = r'column "price" must hold text, or whole numbers such as codes, for hash\(price\); it has '
    frame.to_csv(tmp_path / "rows.csv", index=False)
    for table in (frame, frame.assign(price=frame.price.astype("category")), tmp_path / "rows.csv"):
        with pytest.raises(DataError, match=words):
            logloss.fit(table, "y", features=["hash(price)"], l2=1.0)
    # Codes are, also where one is missing or a file has them, and texts of which some are numbers.
    codes = frame.assign(price=np.where(frame.index == 5, np.nan, frame.index % 7))
    codes.to_csv(tmp_path / "codes.csv", index=False)
    for table in (codes, tmp_path / "codes.csv"):
        model = logloss.fit(table, "y", features=["hash(price)"], l2=1.0, missing="drop")
        assert model.coefficient_of("hash(price)", "3") != 0
    mixed = frame.assign(query=np.where(frame.index % 2, "1.5", frame["query"]))
    assert logloss.fit(mixed, "y", features=[QUERY], l2=1.0).coefficient_of(QUERY, "5") != 0


def test_errors_of_missing_values_advise_what_works(frame, model):
    for name in ("query", "price", "site"):
        gaps = frame.assign(**{name: frame[name].where(frame.index != 4, None)})
        with pytest.raises(DataError, match=f'column "{name}" must hold a value; row 4 has none') as caught:
            model.predict_proba(gaps)
        assert "indicator" not in str(caught.value)
        assert 'fill it, or pass missing="drop"' in str(caught.value)


def test_a_feature_is_named_as_features_are(model):
    for text in ("hash(query,bits=16)", " hash( query , bits = 16 )"):
        assert model.coefficient_of(text, "red") == model.coefficient_of(QUERY, "red")


def test_what_only_dense_models_have_is_said_to_be_absent(model):
    for name in ("summary", "wald_test", "errors"):
        assert not hasattr(model, name)
        with pytest.raises(AttributeError, match=f"no attribute '{name}': it has no standard errors"):
            getattr(model, name)
    assert "summary" not in dir(model)
    with pytest.raises(AttributeError, match=r"no attribute 'coeff'$"):
        _ = model.coeff


def test_a_model_of_hashed_text_is_drawn_and_reported(model, tmp_path):
    model.plot()
    model.to_html(tmp_path / "page.html")
    assert f"{QUERY}: red" in (tmp_path / "page.html").read_text()
    assert f"{QUERY}: red" in model.to_dict()["largest_coefficients"]
