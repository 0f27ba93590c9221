"""Covariances of coefficients: sandwiches of rows and clusters, two ways, faces of separated classes, their digits."""

import json
import math
import pathlib
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
from mpmath import mp
from statsmodels.stats.sandwich_covariance import cov_cluster_2groups
from test_cli import run  # noqa: F401

import logloss
from logloss.files.document import document_bytes
from logloss.show.drawings.of_model import coefficients
from logloss.training import information_matrix, standard_errors

# Of errors that two programs compute in float64 from sums of some hundred rows, at optima that differ by 1e-9.
CLOSE = 1e-7
ENDOMETRIAL = pathlib.Path(__file__).parent / "known_values" / "endometrial.csv"
KINDS = ("information", "HC0", "HC1", "HC2", "HC3", "CR1", "CR2", "CV3")


def drawn(seed=0, n_rows=400):
    """Rows in three units, labels, and two ways of clusters with effects of their own."""
    rng = np.random.default_rng(seed)
    firm, year = rng.integers(0, 30, n_rows), rng.integers(0, 12, n_rows)
    features = rng.normal(size=(n_rows, 3)) * [1, 10, 0.01] + [0, 5, -3]
    effect = rng.normal(size=30)[firm] + 0.7 * rng.normal(size=12)[year]
    logits = (features - [0, 5, -3]) / [1, 10, 0.01] @ [1.0, -0.5, 0.3] + effect
    return features, (rng.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(int), firm, year


def of_model(model):
    return np.array([model.intercept, *model.coefficients.values()])


def errors_of(model):
    return np.array([model.errors.intercept, *model.errors.coefficients.values()])


def pieces_of(model, features, labels, weights=1.0):
    """(Rows with an intercept, residuals and curvatures of each row, inverse information) in NumPy."""
    design = np.column_stack([np.ones(len(features)), features])
    proba = 1 / (1 + np.exp(-design @ of_model(model)))
    curvature = weights * proba * (1 - proba)
    return design, weights * (labels - proba), curvature, np.linalg.inv(design.T @ (design * curvature[:, None]))


def arguments(kind, firm):
    return {"covariance": kind, "leave_one_out": False} | ({"cluster": firm} if kind in ("CR1", "CR2", "CV3") else {})


# --- rows --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3"])
def test_sandwiches_of_rows_are_those_of_the_textbook(kind):
    """MacKinnon & White (1985), on the rows of the working regression: leverages are those of weighted rows."""
    features, labels, _, _ = drawn(1)
    weights = np.random.default_rng(2).gamma(2.0, 1.0, len(labels))
    for own in (np.ones(len(labels)), weights):
        options = {} if own is not weights else {"sample_weight": weights}
        model = logloss.fit(features, labels, covariance=kind, leave_one_out=False, **options)
        design, residuals, curvature, inverse = pieces_of(model, features, labels, own)
        left = 1 - curvature * np.einsum("ij,jk,ik->i", design, inverse, design)
        factor = {"HC0": 1.0, "HC1": len(labels) / (len(labels) - 4), "HC2": 1 / left, "HC3": 1 / left**2}[kind]
        expected = inverse @ (design.T @ (design * (factor * residuals**2)[:, None])) @ inverse
        assert model.errors.kind == kind
        # Off the diagonal an entry can be a small difference of large ones.
        scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        assert np.abs((model.covariance - expected) / scale).max() < CLOSE
        degrees = own.sum() ** 2 / (own**2).sum() - 1
        assert model.errors.intercept_degrees == pytest.approx(degrees, rel=1e-12)
        assert set(model.errors.degrees.values()) == {model.errors.intercept_degrees}
        assert f"sandwich ({kind}, " in repr(model)


def test_the_plain_sandwich_is_that_of_statsmodels():
    """HC0; its Logit has the same for HC1 to HC3, whatever it is asked (version 0.15)."""
    features, labels, _, _ = drawn(1)
    peer = sm.Logit(labels, sm.add_constant(features)).fit(disp=0, method="newton", tol=1e-12, cov_type="HC0")
    assert errors_of(logloss.fit(features, labels, covariance="HC0")) == pytest.approx(peer.bse, rel=CLOSE)


# --- clusters ----------------------------------------------------------------------------------------------------------


def test_cr1_is_that_of_statsmodels_with_the_factor_of_stata():
    """Stata's `logit, vce(cluster)` has G / (G − 1); statsmodels multiplies this with (n − 1) / (n − k)."""
    features, labels, firm, _ = drawn(3)
    model = logloss.fit(features, labels, cluster=firm, covariance="CR1")
    peer = sm.Logit(labels, sm.add_constant(features)).fit(
        disp=0, method="newton", tol=1e-12, cov_type="cluster", cov_kwds={"groups": firm}
    )
    theirs = np.asarray(peer.cov_params()) / (399 / 396)
    assert errors_of(model) == pytest.approx(np.sqrt(np.diag(theirs)), rel=CLOSE)
    assert (model.errors.kind, model.errors.n_clusters) == ("CR1", 30)
    # Degrees of freedom are those of the jackknife: a property of the clusters.
    assert model.errors.degrees == logloss.fit(features, labels, cluster=firm).errors.degrees
    assert "std. error cluster-robust sandwich (CR1 by cluster): 30 clusters, " in repr(model)


def root_of_inverse(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors / np.sqrt(values)) @ vectors.T


def test_cr2_is_that_of_bell_and_mccaffrey():
    """Written out with a matrix for each cluster's rows: W^½x and residuals over the root of p(1 − p)."""
    features, labels, firm, _ = drawn(4)
    model = logloss.fit(features, labels, cluster=firm, covariance="CR2")
    design, residuals, curvature, inverse = pieces_of(model, features, labels)
    rows, errors = design * np.sqrt(curvature)[:, None], residuals / np.sqrt(curvature)
    maker = np.eye(len(labels)) - rows @ inverse @ rows.T
    clusters = [np.flatnonzero(firm == g) for g in np.unique(firm)]
    adjusted = [root_of_inverse(maker[np.ix_(g, g)]) @ rows[g] for g in clusters]
    scores = np.array([own.T @ errors[g] for own, g in zip(adjusted, clusters, strict=True)])
    expected = inverse @ scores.T @ scores @ inverse
    assert errors_of(model) == pytest.approx(np.sqrt(np.diag(expected)), rel=CLOSE)
    # Satterthwaite's degrees of the quadratic form in independent errors of variance 1: its matrix has P·Pᵀ.
    found = [model.errors.intercept_degrees, *model.errors.degrees.values()]
    for j, degrees in enumerate(found):
        spread = np.array([maker[:, g] @ (own @ inverse[:, j]) for own, g in zip(adjusted, clusters, strict=True)])
        gram = spread @ spread.T
        assert degrees == pytest.approx(np.trace(gram) ** 2 / (gram**2).sum(), rel=1e-6)
    assert "cluster-robust sandwich (CR2 by cluster): 30 clusters" in repr(model)


def test_cr2_of_rows_is_hc2():
    features, labels, _, _ = drawn(5)
    rows = logloss.fit(features, labels, covariance="HC2")
    model = logloss.fit(features, labels, cluster=np.arange(400), covariance="CR2")
    assert model.covariance == pytest.approx(rows.covariance, rel=1e-9)


def test_cr1_keeps_many_clusters_apart():
    """Gradients take less room than Hessians: here as many clusters as rows, not 4,096 buckets of them."""
    features, labels, _, _ = drawn(6, n_rows=9_000)
    rows = logloss.fit(features, labels, covariance="HC0", leave_one_out=False)
    model = logloss.fit(features, labels, cluster=np.arange(9_000), covariance="CR1", leave_one_out=False)
    assert model.errors.n_clusters == 9_000
    assert model.covariance == pytest.approx(rows.covariance * 9_000 / 8_999, rel=1e-9)


def test_of_too_many_hessians_cr2_is_that_of_shares(monkeypatch):
    from logloss.onepass.summaries import cluster_scores

    features, labels, firm, _ = drawn(4)
    exact = logloss.fit(features, labels, cluster=firm, covariance="CR2")
    monkeypatch.setattr(cluster_scores, "MOST_NUMBERS", 1)
    model = logloss.fit(features, labels, cluster=firm, covariance="CR2")
    assert model.errors.kind == "CR2 of shares"
    assert "approximate (CR2 of shares by cluster)" in repr(model)
    # Clusters of 13 rows of 400: shares of some 3 %, whose halves differ by less.
    assert errors_of(model) == pytest.approx(errors_of(exact), rel=0.03)


# --- two ways ----------------------------------------------------------------------------------------------------------


def of_clusters(scores, inverse, codes):
    """CR1 of one way, in NumPy."""
    n, sums = len(np.unique(codes)), np.array([scores[codes == g].sum(axis=0) for g in np.unique(codes)])
    return inverse @ sums.T @ sums @ inverse * n / (n - 1)


def test_two_way_clusters_are_those_of_statsmodels_and_of_numpy():
    """Petersen's and Cameron, Gelbach & Miller's V₁ + V₂ − V₁₂; statsmodels' three parts without its n − 1 over n − k."""
    features, labels, firm, year = drawn(7)
    model = logloss.fit(features, labels, cluster={"firm": firm, "year": year}, two_way=True)
    design, residuals, _, inverse = pieces_of(model, features, labels)
    scores, both = design * residuals[:, None], firm * 12 + year
    expected = of_clusters(scores, inverse, firm) + of_clusters(scores, inverse, year)
    expected -= of_clusters(scores, inverse, both)
    assert np.linalg.eigvalsh(expected).min() > 0
    assert errors_of(model) == pytest.approx(np.sqrt(np.diag(expected)), rel=CLOSE)
    peer = sm.Logit(labels, sm.add_constant(features)).fit(disp=0, method="newton", tol=1e-12)
    theirs, _, _ = cov_cluster_2groups(peer, firm, year)
    assert errors_of(model) == pytest.approx(np.sqrt(np.diag(theirs) / (399 / 396)), rel=CLOSE)
    assert (model.errors.kind, model.errors.n_of_each) == ("CR1 two-way", (30, 12))
    assert model.errors.n_clusters == 12
    # Simulated in benchmarks/honesty.py: 89 to 94 % with ten clusters either way, 93 to 96 with twenty.
    effective = math.floor(10 * 400**2 / (np.bincount(year) ** 2).sum()) / 10
    assert f"one of the two ways has {effective} effective clusters (below 20)" in model.cautions[1]
    assert not model.errors.was_indefinite
    assert "cluster-robust sandwich (CR1 two-way by firm and year): 30 and 12 clusters, 11." in repr(model)
    of_each = [logloss.fit(features, labels, cluster=codes).errors for codes in (firm, year)]
    assert model.errors.degrees == {name: min(each.degrees[name] for each in of_each) for name in model.errors.degrees}
    # One cluster for each combination is another thing.
    plain = logloss.fit(features, labels, cluster={"firm": firm, "year": year}, covariance="CR1")
    assert plain.errors.n_clusters == len(np.unique(both))
    assert (errors_of(plain) < errors_of(model)).any()


def test_two_ways_that_are_one_are_one_way():
    features, labels, firm, _ = drawn(8)
    one = logloss.fit(features, labels, cluster=firm, covariance="CR1")
    model = logloss.fit(features, labels, cluster={"firm": firm, "same": firm + 100}, two_way=True)
    assert model.covariance == pytest.approx(one.covariance, rel=1e-9)


def test_a_covariance_of_two_ways_that_is_indefinite_is_mended_and_this_is_told():
    """Four clusters by three of four coefficients: at most six independent sums less twelve."""
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(300, 5)), rng.integers(0, 2, 300)
    cluster = {"a": rng.integers(0, 4, 300), "b": rng.integers(0, 3, 300)}
    model = logloss.fit(features, labels, cluster=cluster, two_way=True)
    design, residuals, _, inverse = pieces_of(model, features, labels)
    scores = design * residuals[:, None]
    raw = sum(of_clusters(scores, inverse, codes) for codes in cluster.values())
    raw -= of_clusters(scores, inverse, cluster["a"] * 3 + cluster["b"])
    # In coordinates in which the information is 1.
    root = np.linalg.cholesky(np.linalg.inv(inverse)).T
    values, vectors = np.linalg.eigh(root @ raw @ root.T)
    assert values[0] < -0.1 * values[-1]
    back = np.linalg.inv(root)
    expected = back @ (vectors * np.maximum(values, 0)) @ vectors.T @ back.T
    assert model.covariance == pytest.approx(expected, rel=CLOSE, abs=CLOSE * expected.max())
    assert model.errors.was_indefinite
    assert "the covariance had negative eigenvalues, which are set to 0" in repr(model)
    # The units of columns do not matter.
    scaled = logloss.fit(features * [1e3, 1, 1e-4, 1, 1], labels, cluster=cluster, two_way=True)
    factors = np.array([1, 1e-3, 1, 1e4, 1, 1])
    assert errors_of(scaled) == pytest.approx(errors_of(model) * factors, rel=CLOSE)


# --- what every kind obeys -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*KINDS, "two-way"])
def test_weights_times_a_constant_change_nothing_and_counts_are_repeated_rows(kind):
    features, labels, firm, year = drawn(9)
    cluster = {"firm": firm, "year": year} if kind == "two-way" else firm
    options = arguments(kind, firm) if kind != "two-way" else {"two_way": True, "cluster": cluster}
    weights = np.random.default_rng(3).integers(1, 4, 400)
    if kind != "information":
        one = logloss.fit(features, labels, sample_weight=weights, **options)
        for factor in (1e-200, 3.7, 1e200):
            model = logloss.fit(features, labels, sample_weight=weights * factor, **options)
            assert model.covariance == pytest.approx(one.covariance, rel=1e-8)
    counted = logloss.fit(features, labels, counts=weights, **options)
    if "cluster" in options:
        of_rows = {name: np.repeat(codes, weights) for name, codes in (("firm", firm), ("year", year))}
        options["cluster"] = of_rows if kind == "two-way" else of_rows["firm"]
    repeated = logloss.fit(np.repeat(features, weights, axis=0), np.repeat(labels, weights), **options)
    assert counted.covariance == pytest.approx(repeated.covariance, rel=1e-8)
    degrees = [repeated.errors.intercept_degrees, *repeated.errors.degrees.values()]
    assert [counted.errors.intercept_degrees, *counted.errors.degrees.values()] == pytest.approx(degrees, rel=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_matrix_is_that_of_the_table_in_its_order(kind, tmp_path):
    """With a category between numbers; its diagonal squares the standard errors, and the file keeps every bit."""
    features, labels, firm, _ = drawn(10)
    colour = np.array(["red", "green", "blue"])[np.random.default_rng(1).integers(0, 3, 400)]
    table = {"a": features[:, 0], "colour": colour, "b": features[:, 1]}
    model = logloss.fit(table, labels, **arguments(kind, firm))
    matrix = model.covariance
    assert model.coefficient_table["name"] == ["intercept", "a", "colour: green", "colour: red", "b"]
    assert np.array_equal(matrix, matrix.T)
    assert np.sqrt(np.diag(matrix)) == pytest.approx(model.coefficient_table["std_error"], rel=1e-15)
    # The variance of a difference of levels is the error of one against the other.
    again = logloss.fit(table, labels, reference={"colour": "red"}, **arguments(kind, firm))
    turned = np.eye(5)
    turned[0, 3] = 1
    turned[2, 2:4] = [0, -1]
    turned[3, 2:4] = [1, -1]
    names = [
        again.coefficient_table["name"].index(name) for name in ("intercept", "a", "colour: blue", "colour: green", "b")
    ]
    scale = np.sqrt(np.outer(np.diag(again.covariance), np.diag(again.covariance)))
    difference = (turned @ matrix @ turned.T - again.covariance[np.ix_(names, names)]) / scale[np.ix_(names, names)]
    assert np.abs(difference).max() < 1e-8
    with pytest.raises(ValueError, match="read-only"):
        matrix[0, 0] = 0.0
    model.save(tmp_path / "model.json")
    assert np.array_equal(logloss.load(tmp_path / "model.json").covariance, matrix)


def test_the_covariance_of_information_is_that_of_statsmodels():
    features, labels, _, _ = drawn(11)
    peer = sm.Logit(labels, sm.add_constant(features)).fit(disp=0, method="newton", tol=1e-12)
    assert logloss.fit(features, labels).covariance == pytest.approx(np.asarray(peer.cov_params()), rel=CLOSE)


def test_of_many_coefficients_no_covariance_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(standard_errors, "MOST_COVARIANCES", 2)
    features, labels, _, _ = drawn(12)
    model = logloss.fit(features, labels)
    assert model.covariance is None
    assert errors_of(model).min() > 0
    model.save(tmp_path / "model.json")
    assert logloss.load(tmp_path / "model.json").covariance is None
    assert logloss.fit(features[:, :2], labels).covariance.shape == (3, 3)
    assert logloss.fit(features, labels, l2=1.0).covariance is None


def test_a_file_whose_covariance_does_not_fit_is_refused(tmp_path):
    features, labels, firm, year = drawn(13)
    path = tmp_path / "model.json"
    model = logloss.fit(features, labels, cluster={"firm": firm, "year": year}, two_way=True)
    model.save(path)
    whole = json.loads(path.read_text(encoding="utf-8"))
    fields = {name: value for name, value in whole.items() if name not in ("logloss", "format", "version", "sha256")}
    lower, diagonal = whole["errors"]["lower"], "the squared standard errors on the diagonal of a triangle"
    damages = [
        ("lower", lower[:-1], diagonal),
        ("lower", [2 * lower[0], *lower[1:]], diagonal),
        ("n_of_each", [30], "the clusters of two columns where errors are of two ways"),
        ("kind", "HC9", "one of information, HC0"),
    ]
    for name, value, expected in damages:
        changed = fields | {"errors": whole["errors"] | {name: value}}
        path.write_bytes(document_bytes("model", changed))
        with pytest.raises(logloss.DataError, match=expected):
            logloss.load(path)
    path.write_bytes(document_bytes("model", fields))
    assert logloss.load(path).errors == model.errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"covariance": "HC2", "cluster": True},
            "takes rows as independent; with `cluster` they are not. Choose one of CR1",
        ),
        ({"covariance": "CR2"}, "needs clusters: pass `cluster=`. For independent rows choose one of information, HC0"),
        ({"covariance": "HC4"}, "must be one of information, HC0, HC1, HC2, HC3, CR1, CR2, CV3; got 'HC4'"),
        (
            {"two_way": True, "cluster": True},
            "needs the two columns of clusters in `cluster`, such as firms and years; got 1",
        ),
        ({"two_way": True}, "needs the two columns of clusters in `cluster`.*got 0"),
        ({"two_way": "yes"}, "`two_way` must be True or False; got 'yes'"),
        ({"leave_one_out": "no"}, "`leave_one_out` must be True or False; got 'no'"),
        ({"two_way": True, "covariance": "CV3"}, "takes covariance=\"CR1\" only; got 'CV3'. Leave `covariance` out"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(options, message):
    features, labels, firm, _ = drawn(14)
    options = options | ({"cluster": firm} if "cluster" in options else {})
    with pytest.raises(logloss.DataError, match=message):
        logloss.fit(features, labels, **options)


def test_clusters_that_are_not_used_are_told_of():
    features, labels, firm, _ = drawn(15)
    model = logloss.fit(features, labels, cluster=firm, covariance="information")
    assert errors_of(model) == pytest.approx(errors_of(logloss.fit(features, labels)), rel=1e-12)
    assert 'note       standard errors take rows as independent (covariance="information"), not clusters' in repr(model)
    assert not any("standard errors" in note for note in logloss.fit(features, labels, cluster=firm).notes)


def test_the_shell_asks_for_covariances_and_two_ways(run, tmp_path):  # noqa: F811
    features, labels, firm, year = drawn(16)
    table = pd.DataFrame(features, columns=["a", "b", "c"]).assign(y=labels, firm=firm, year=year)
    table.to_csv(tmp_path / "rows.csv", index=False)
    path, common = str(tmp_path / "rows.csv"), ("-y", "y", "--exclude", "firm,year", "--json")
    own = logloss.fit(table, "y", exclude=["firm", "year"], covariance="HC1").errors
    code, out, _ = run("fit", path, *common, "--covariance", "HC1")
    assert (code, json.loads(out)["errors_kind"]) == (0, "HC1")
    assert json.loads(out)["coefficient_errors"] == pytest.approx(own.coefficients, rel=1e-12)
    code, out, _ = run("fit", path, *common, "--cluster", "firm", "--cluster", "year", "--two-way")
    figures = json.loads(out)
    assert (code, figures["errors_kind"], figures["n_clusters_of_each"]) == (0, "CR1 two-way", [30, 12])
    two = logloss.fit(table, "y", exclude=["firm", "year"], cluster=["firm", "year"], two_way=True).errors
    assert figures["covariance_was_indefinite"] is two.was_indefinite
    assert figures["coefficient_errors"] == pytest.approx(two.coefficients, rel=1e-12)
    code, _, err = run("fit", path, *common, "--covariance", "CR1")
    assert code == 3
    assert "--covariance CR1 needs clusters: pass --cluster. For independent rows choose one of information" in err
    code, _, err = run("fit", path, *common, "--cluster", "firm", "--two-way")
    assert "--two-way needs the two columns of clusters in --cluster, such as firms and years; got 1" in err


# --- separated classes ---------------------------------------------------------------------------------------------------


def endometrial():
    names = ("NV", "PI", "EH", "HG")
    return dict(zip(names, np.loadtxt(ENDOMETRIAL, delimiter=",", skiprows=1).T, strict=True))


def test_under_quasi_separation_finite_coefficients_have_errors():
    """Heinze & Schemper (2002); R's glm and brglm2 print 4.305 (1.637), −.0422 (.0443), −2.903 (.8456)."""
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit(endometrial(), "HG")
    assert model.coefficients["NV"] == math.inf
    # Published with five, four and four digits.
    assert model.errors.intercept == pytest.approx(1.637, abs=5e-4)
    assert model.errors.coefficients["PI"] == pytest.approx(0.0443, abs=5e-5)
    assert model.errors.coefficients["EH"] == pytest.approx(0.8456, abs=5e-5)
    assert math.isnan(model.errors.coefficients["NV"])
    assert math.isnan(model.errors.p_value(math.inf, "NV"))
    assert np.isnan(model.covariance[1]).all()
    assert not np.isnan(np.delete(np.delete(model.covariance, 1, axis=0), 1, axis=1)).any()
    text = repr(model)
    assert "std. error of the finite coefficients, from the rows that are not separated" in text
    assert [line.split() for line in text.splitlines() if line.startswith("NV")] == [
        ["NV", "inf", "not", "available", "inf"]
    ]
    picture = coefficients(model)
    assert picture.sentence.endswith("Infinite coefficients are not drawn (1).")
    assert list(picture.tables["coefficients"]["name"]) == ["EH", "PI"]
    # Cautions are those of the face: 66 rows without NV, 17 of them positive.
    assert model.cautions == ("intervals may be too narrow: 66 rows (below 500), 17 positives (below 50)",)


@pytest.mark.filterwarnings("ignore::logloss.errors.SeparationWarning")
@pytest.mark.parametrize("kind", [*KINDS, "two-way"])
def test_errors_under_quasi_separation_are_those_of_the_rows_of_the_face(kind):
    table = endometrial() | {"g": np.arange(79) % 15, "h": np.arange(79) % 11}
    options = arguments(kind, "g") if kind != "two-way" else {"two_way": True, "cluster": ["g", "h"]}
    options |= {"exclude": ["g", "h"]}
    weights = np.random.default_rng(5).integers(1, 4, 79)
    for more in ({}, {"sample_weight": weights}, {"counts": weights}):
        model = logloss.fit(table, "HG", **options, **more)
        is_left = table["NV"] == 0
        rest = {name: column[is_left] for name, column in table.items() if name != "NV"}
        alone = logloss.fit(rest, "HG", **options, **{name: own[is_left] for name, own in more.items()})
        kept = [0, 2, 3]
        assert model.errors.kind == alone.errors.kind
        assert model.covariance[np.ix_(kept, kept)] == pytest.approx(alone.covariance, rel=1e-9)
        assert model.errors.degrees["PI"] == pytest.approx(alone.errors.degrees["PI"], rel=1e-9)
        assert model.errors.effective_clusters == pytest.approx(alone.errors.effective_clusters, rel=1e-12)
        assert model.cautions == alone.cautions


@pytest.mark.filterwarnings("ignore::logloss.errors.SeparationWarning")
def test_along_a_direction_of_several_columns_none_of_them_has_an_error():
    """x + 2z separates: rows on its plane are those of one column less; an unrelated column and a level keep theirs."""
    rng = np.random.default_rng(6)
    n_rows = 600
    x, u = rng.integers(-2, 3, n_rows).astype(float), rng.normal(size=n_rows)
    margin = rng.integers(-1, 2, n_rows) * (rng.random(n_rows) < 0.3)
    z, level = (margin - x) / 2, np.array(list("abc"))[rng.integers(0, 3, n_rows)]
    labels = (rng.random(n_rows) < 1 / (1 + np.exp(-0.5 * x - u))).astype(int)
    labels[margin != 0] = margin[margin != 0] > 0
    model = logloss.fit({"x": x, "u": u, "z": z, "level": level}, labels)
    assert set(model.separation.columns) == {"x", "z"}
    face = margin == 0
    alone = logloss.fit({"x": x[face], "u": u[face], "level": level[face]}, labels[face])
    for name in ("u", "level: b", "level: c"):
        assert model.errors.coefficients[name] == pytest.approx(alone.errors.coefficients[name], rel=1e-9)
    assert model.errors.intercept == pytest.approx(alone.errors.intercept, rel=1e-9)
    assert all(math.isnan(model.errors.coefficients[name]) for name in ("x", "z"))


@pytest.mark.filterwarnings("ignore::logloss.errors.SeparationWarning")
def test_where_no_coefficient_is_finite_there_are_no_errors():
    complete = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1])
    assert complete.errors is None
    assert "std. error not available: the classes are separated" in repr(complete)
    # The reference level has ones only: all other levels are infinitely far below it.
    level = list("aaabbbccc")
    of_levels = logloss.fit({"level": level}, [1, 1, 1, 0, 1, 0, 0, 1, 1])
    assert of_levels.errors is None
    assert of_levels.covariance is None
    # Of another column the coefficient is finite, and the intercept is not.
    x = [0.0, 1.0, 2.0] * 3
    model = logloss.fit({"level": level, "x": x}, [1, 1, 1, 0, 1, 0, 0, 1, 1])
    assert model.errors.coefficients["x"] > 0
    assert model.to_dict()["intercept_error_reason"] == "the classes are separated, and it is infinite"


def test_a_saved_model_of_separated_classes_keeps_its_errors(tmp_path):
    with warnings.catch_warnings(action="ignore"):
        model = logloss.fit(endometrial(), "HG")
    model.save(tmp_path / "model.json")
    loaded = logloss.load(tmp_path / "model.json")
    assert repr(loaded) == repr(model)
    assert np.array_equal(loaded.covariance, model.covariance, equal_nan=True)


# --- digits --------------------------------------------------------------------------------------------------------------


def polynomial(degree):
    """Powers of one number on [0, 10], as Longley's and NIST's tests of regressions have them."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 10, 200)
    return np.column_stack([x**k for k in range(1, degree + 1)]), (rng.random(200) < 0.5 + 0.3 * np.sin(x)).astype(int)


def nearly_one():
    """Two columns that differ in the fourth digit."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=300)
    features = np.column_stack([x, x + 1e-4 * rng.normal(size=300)])
    return features, (rng.random(300) < 1 / (1 + np.exp(-x))).astype(int)


def errors_at_fifty_digits(start, features, labels):
    """Standard errors at the optimum, one Newton step from a start that is right to ten digits: then to twenty."""
    with mp.workdps(50):
        rows = np.array([[mp.mpf(1), *(mp.mpf(float(value)) for value in row)] for row in features], object)
        point = np.array([mp.mpf(float(value)) for value in start], object)
        for _ in range(2):
            proba = np.array([1 / (1 + mp.exp(-z)) for z in rows @ point], object)
            hessian = rows.T @ (rows * (proba * (1 - proba))[:, None])
            inverse = mp.matrix(hessian.tolist()) ** -1
            step = inverse * mp.matrix((rows.T @ (proba - labels)).tolist())
            point = point - np.array(list(step), object)
        return [float(mp.sqrt(inverse[j, j])) for j in range(len(point))]


@pytest.mark.parametrize("data", [lambda: polynomial(3), lambda: polynomial(5), nearly_one])
def test_standard_errors_of_nearly_dependent_columns_keep_twelve_digits(data, monkeypatch):
    """A float64 inverse loses as many digits as the condition of the information matrix has, up to 1e9 here."""
    features, labels = data()
    model = logloss.fit(features, labels, leave_one_out=False)
    exact = errors_at_fifty_digits(of_model(model), features, labels)
    assert errors_of(model) == pytest.approx(exact, rel=1e-12)
    if features.shape[1] != 3:
        # What the correction is there for.
        monkeypatch.setattr(information_matrix, "INFLATED", math.inf)
        assert errors_of(logloss.fit(features, labels, leave_one_out=False)) != pytest.approx(exact, rel=1e-12)


# --- coverage ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_way_intervals_cover_where_rows_share_firms_and_years():
    """Fifty firms by fifty years, an effect of each on a feature of its own; one way alone covers far less.

    A method that covers 90 % or more fails with a probability below 1e-6 each.
    """
    rng = np.random.default_rng(21)
    firm, year = np.repeat(np.arange(50), 50), np.tile(np.arange(50), 50)
    slopes, n_fits = np.array([0.6, 0.6]), 300
    hits = {"two-way": np.zeros(2), "by firm": np.zeros(2)}
    for _ in range(n_fits):
        x = np.column_stack([rng.normal(size=50)[firm], rng.normal(size=50)[year]])
        # Of three normal parts: its marginal probability is that of the probit of a standard normal.
        luck = math.sqrt(0.2) * (rng.normal(size=50)[firm] + rng.normal(size=50)[year])
        luck += math.sqrt(0.6) * rng.normal(size=2_500)
        labels = (luck < scipy.stats.norm.ppf(1 / (1 + np.exp(-x @ slopes)))).astype(int)
        options = {"two-way": {"cluster": {"f": firm, "y": year}, "two_way": True}, "by firm": {"cluster": firm}}
        for name, own in options.items():
            model = logloss.fit(x, labels, leave_one_out=False, **own)
            margins = [model.errors.margin("x0"), model.errors.margin("x1")]
            hits[name] += np.abs(of_model(model)[1:] - slopes) <= margins
    least = scipy.stats.binom.ppf(1e-6, n_fits, 0.90)
    assert (hits["two-way"] >= least).all(), hits["two-way"] / n_fits
    assert hits["by firm"][1] < least


@pytest.mark.parametrize("options", [{"l2": 1.0}, {"l2_path": True}, {"l2_path": np.array([1.0, 2.0])}])
def test_a_penalty_leaves_no_standard_errors_to_choose(options):
    with pytest.raises(logloss.DataError, match=r'no standard errors for `covariance="HC3"`. Leave it out, or fit'):
        logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], covariance="HC3", **options)
