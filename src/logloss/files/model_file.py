"""The file of a model: every field of it as JSON, numbers to the last bit.

>>> import logloss
>>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
>>> fields_of(content_of(model), "model.json")["coefficients"] == model.coefficients
True
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.data.terms import Category, Numbers
from logloss.data.values import is_written_value, read_value, written_value
from logloss.errors import DataError
from logloss.files.document import Reading, document_bytes, known_fields, number, written
from logloss.files.storage import write_atomically
from logloss.text import printable, value_text
from logloss.training.leave_one_out import NewRows
from logloss.training.separation import Separation
from logloss.training.standard_errors import Errors

KIND = "model"
# Fields of the model that are written as they are.
PLAIN = (
    "positive",
    "positive_value",
    "l2",
    "n_rows",
    "n_positive",
    "n_dropped",
    "n_dependent",
    "sum_weight",
    "base_rate",
    "has_offset",
    "offset",
    "source",
)
LISTS = ("collinear", "notes")
OTHERS = ("intercept", "coefficients", "log_loss", "design", "values", "certificate", "passes")
OPTIONAL = ("errors", "separation", "new_rows")
TERM_OF_NUMBERS = {"kind", "column", "names", "centre", "scale", "lacks", "means", "lows", "highs"}
TERM_OF_LEVELS = {"kind", "column", "levels", "weights", "reference"}
NEAR = 1e-12
# Kinds of standard errors, and ways to leave rows out.
KINDS = ("information", "sandwich", "clustered")
WAYS = ("refits", "steps", "sampled steps")


def save_model(path: Any, model: Any) -> None:
    """Write the file of a model, whole or not at all."""
    write_atomically(path, document_bytes(KIND, content_of(model)))


def content_of(model: Any) -> dict[str, Any]:
    """The fields of a model as JSON knows them."""
    found: dict[str, Any] = {name: getattr(model, name) for name in PLAIN}
    found |= {name: list(getattr(model, name)) for name in LISTS}
    found["intercept"] = written(model.intercept)
    found["coefficients"] = {name: written(value) for name, value in model.coefficients.items()}
    found["log_loss"] = written(model.log_loss)
    found["certificate"] = [written(model.certificate.nats_per_row), model.certificate.is_proven]
    found["design"] = {"in_place": model.design.in_place, "terms": [_term(term) for term in model.design.terms]}
    found["values"] = model.values.tolist()
    found["passes"] = [[written(p.intercept), list(p.coefficients), p.log_loss, written(p.bound)] for p in model.passes]
    if model.errors is not None:
        own = {name: written(value) for name, value in model.errors.coefficients.items()}
        found["errors"] = {**asdict(model.errors), "intercept": written(model.errors.intercept), "coefficients": own}
    if model.separation is not None:
        directions = [direction.tolist() for direction in model.separation.directions]
        found["separation"] = {
            "columns": list(model.separation.columns),
            "is_complete": model.separation.is_complete,
            "n_divided": model.separation.n_divided,
            "directions": directions,
        }
    if model.new_rows is not None:
        losses = {name: written(getattr(model.new_rows, name)) for name in ("log_loss", "log_loss_of_possible")}
        found["new_rows"] = {**asdict(model.new_rows), **losses}
    return found


def _term(term: Numbers | Category) -> dict[str, Any]:
    """One column of the recipe."""
    if isinstance(term, Category):
        return {
            "kind": "category",
            "column": term.column,
            "levels": list(map(written_value, term.levels)),
            "weights": list(term.weights),
            "reference": term.reference,
        }
    return {
        "kind": "numbers",
        "column": term.column,
        "names": list(term.names),
        "centre": term.centre.tolist(),
        "scale": term.scale.tolist(),
        "lacks": list(term.lacks),
        "means": None if term.means is None else term.means.tolist(),
        "lows": None if term.lows is None else term.lows.tolist(),
        "highs": None if term.highs is None else term.highs.tolist(),
    }


def fields_of(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The fields of a model from what a file holds of it; an error that names the file where they do not fit."""
    known = (*PLAIN, *LISTS, *OTHERS, *OPTIONAL)
    own = known_fields(content, known, name)
    lacking = [each for each in known if each not in own and each not in OPTIONAL]
    if lacking:
        raise DataError(f"{name} must hold a whole model; it lacks {', '.join(lacking)}. Make it again.")
    try:
        return _fields(own, Reading(name))
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        if isinstance(error, DataError) and str(error).startswith(name):
            raise
        said = printable(str(error), 200)
        raise DataError(f"{name} must hold a model; a field does not fit: {said}. Make it again.") from error


def _fields(own: Mapping[str, Any], read: Reading) -> dict[str, Any]:
    read.only(own["design"], "design", ("in_place", "terms"))
    terms = tuple(map(_read_term, own["design"]["terms"]))
    design = Design(terms, read.flag(own["design"], "in_place"))
    if design.in_place and not (len(terms) == 1 and isinstance(terms[0], Numbers) and not terms[0].may_lack):
        raise DataError("only one matrix without gaps is read in place")
    values = _array(own["values"])
    if not isinstance(own["coefficients"], dict):
        raise read.wrong("coefficients", "an object", own["coefficients"])
    coefficients = {name: number(value) for name, value in own["coefficients"].items()}
    if len(values) != design.width or tuple(coefficients) != design.names or not np.isfinite(values).all():
        raise DataError("coefficients and columns do not go together")
    found = _plain(own, read, len(coefficients))
    found |= {"design": design, "values": values, "coefficients": coefficients}
    found |= {"intercept": number(own["intercept"]), "log_loss": number(own["log_loss"])}
    bound, is_proven = own["certificate"]
    found["certificate"] = (number(bound), read.flag({"certificate": is_proven}, "certificate"))
    passes = own["passes"]
    found["passes"] = [(number(b), tuple(map(number, w)), number(loss), number(left)) for b, w, loss, left in passes]
    if found["log_loss"] < 0 or found["certificate"][0] < 0 or not passes:
        raise DataError("no loss and no bound is below 0, and a fit has a pass")
    if any(len(each[1]) != len(coefficients) for each in found["passes"]):
        raise DataError("passes and columns do not go together")
    if "errors" in own:
        found["errors"] = _read_errors(own["errors"], read, design.names)
    if "separation" in own:
        found["separation"] = _read_separation(own["separation"], read, design)
    if "new_rows" in own:
        found["new_rows"] = _read_new_rows(own["new_rows"], read)
    columns = found["separation"].columns if "separation" in own else ()
    _check_coefficients(design, values, coefficients, found["intercept"], columns)
    return found


def _plain(own: Mapping[str, Any], read: Reading, n_coefficients: int) -> dict[str, Any]:
    """The fields that are written as they are."""
    found: dict[str, Any] = {name: read.text(own, name) for name in ("positive", "positive_value", "offset", "source")}
    found |= {name: read.count(own, name) for name in ("n_rows", "n_dropped")}
    found |= {name: read.number(own, name) for name in ("l2", "sum_weight", "base_rate")}
    found |= {name: read.texts(own, name) for name in LISTS}
    found["n_dependent"] = read.count(own, "n_dependent", n_coefficients + 1)
    found["has_offset"] = read.flag(own, "has_offset")
    found["n_positive"] = None if own["n_positive"] is None else read.count(own, "n_positive", found["n_rows"])
    for name, is_right, expected in (
        ("n_rows", found["n_rows"] > 0, "at least 1 row"),
        ("l2", 0 <= found["l2"] < np.inf, "a finite number of at least 0"),
        ("sum_weight", 0 < found["sum_weight"] < np.inf, "a finite number above 0"),
        ("base_rate", 0 <= found["base_rate"] <= 1, "a share from 0 to 1"),
        ("base_rate", found["n_positive"] is None or _is_rate(found), "the share of its positive rows"),
        ("offset", found["has_offset"] or not found["offset"], "no column where there is no offset"),
    ):
        if not is_right:
            raise read.wrong(name, expected, found[name])
    return found


def _is_rate(found: Mapping[str, Any]) -> bool:
    """Whether the base rate is that of hard labels without weights: one rounding of a quotient, or of a mean."""
    share = found["n_positive"] / found["n_rows"]
    return found["sum_weight"] == found["n_rows"] and abs(found["base_rate"] - share) <= NEAR * share


def _check_coefficients(
    design: Design, values: Array, coefficients: Mapping[str, float], intercept: float, infinite: Sequence[str]
) -> None:
    """Refuse a model that would print other coefficients than it predicts with."""
    shown = np.array(list(coefficients.values()))
    is_off = np.isinf(shown)
    if [name for name, off in zip(coefficients, is_off.tolist(), strict=True) if off] != list(infinite):
        raise DataError("coefficients are infinite where classes are separated, and only there")
    fixed = np.delete(np.arange(design.width), design.free)
    if not np.array_equal(shown[~is_off], values[design.places][~is_off]) or values[fixed].any():
        raise DataError("its coefficients are not those that it predicts with")
    if np.isinf(intercept):
        return
    parts = values[1 : 1 + design.n_dense] * design.centre
    # A sum of so many products, in whatever order, is right to so many roundings of the sum of their sizes.
    rounding = (len(parts) + 2) * 2.0**-52 * (abs(values[0]) + np.abs(parts).sum())
    if not abs(intercept - (values[0] - parts.sum())) <= rounding:
        raise DataError("its intercept is not the one that it predicts with")


def _read_errors(found: Any, read: Reading, names: Sequence[str]) -> Errors:
    """Standard errors: of each coefficient, none below 0."""
    read.only(found, "errors", [each.name for each in fields(Errors)])
    own = {each: number(value) for each, value in found["coefficients"].items()}
    errors = Errors(
        read.text(found, "kind"),
        number(found["intercept"]),
        own,
        read.texts(found, "cluster"),
        read.count(found, "n_clusters"),
    )
    if tuple(own) != tuple(names) or any(each < 0 for each in (errors.intercept, *own.values())):
        raise DataError("standard errors and coefficients do not go together")
    if errors.kind not in KINDS or (errors.kind == KINDS[-1]) != bool(errors.cluster):
        raise DataError("its standard errors are of no kind that is known")
    if errors.cluster and errors.n_clusters < 2:
        raise DataError("standard errors by cluster need two clusters")
    return errors


def _read_separation(found: Any, read: Reading, design: Design) -> Separation:
    """Why no finite coefficients are best."""
    read.only(found, "separation", [each.name for each in fields(Separation)])
    directions = tuple(_array(direction) for direction in found["directions"])
    if not directions or any(
        len(direction) != design.width or not np.isfinite(direction).all() for direction in directions
    ):
        raise DataError("directions and columns do not go together")
    columns, n_divided = read.texts(found, "columns"), read.count(found, "n_divided")
    return Separation(columns, read.flag(found, "is_complete"), n_divided, directions)


def _read_new_rows(found: Any, read: Reading) -> NewRows:
    """What new rows may cost."""
    read.only(found, "new_rows", [each.name for each in fields(NewRows)])
    n_rows = read.count(found, "n_rows")
    log_loss, of_possible = number(found["log_loss"]), number(found["log_loss_of_possible"])
    kind, first = read.text(found, "kind"), read.text(found, "first_infinite")
    if kind not in WAYS or log_loss < 0 or of_possible < 0:
        raise DataError("losses of new rows are at least 0, and of a kind that is known")
    return NewRows(log_loss, of_possible, kind, n_rows, read.count(found, "n_infinite", n_rows), first)


def _array(values: Any) -> Array:
    if not isinstance(values, list):
        raise DataError(f"a list of numbers was expected; got {value_text(values)}")
    return np.array([number(value) for value in values], dtype=np.float64)


def _read_term(term: Any) -> Numbers | Category:
    """One column of the recipe; whatever is not of the right length is refused."""
    if not isinstance(term, dict) or set(term) not in (TERM_OF_NUMBERS, TERM_OF_LEVELS):
        raise DataError("a column of the recipe is neither numbers nor a category")
    if not isinstance(term["column"], str):
        raise DataError("a column has no name")
    if term["kind"] == "category":
        written_levels, weights, reference = term["levels"], _array(term["weights"]), term["reference"]
        if not isinstance(written_levels, list) or not all(map(is_written_value, written_levels)):
            raise DataError("levels of a category are texts, numbers, bools or nothing")
        levels = list(map(read_value, written_levels))
        is_whole = type(reference) is int and 0 <= reference < len(levels) == len(weights)
        if not is_whole or len({(type(each), each) for each in levels}) < len(levels) or not (weights >= 0).all():
            raise DataError("levels of a category do not go together")
        return Category(term["column"], tuple(levels), tuple(weights.tolist()), reference)
    names, centre, scale = term["names"], _array(term["centre"]), _array(term["scale"])
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise DataError("names of numbers are texts")
    means, lows, highs = (None if term[key] is None else _array(term[key]) for key in ("means", "lows", "highs"))
    lacks = term["lacks"]
    if not isinstance(lacks, list) or not all(isinstance(each, bool) for each in lacks):
        raise DataError("whether numbers lack something is true or false")
    is_whole = len(names) == len(centre) == len(scale) and len(lacks) in (0, len(names))
    numbers = [each for each in (centre, scale, means, lows, highs) if each is not None]
    if (
        term["kind"] != "numbers"
        or not is_whole
        or any(len(each) != len(names) or not np.isfinite(each).all() for each in numbers)
        or not (scale > 0).all()
        or (lows is None) != (highs is None)
        or (lows is not None and not (lows <= highs).all())
    ):
        raise DataError("a column of numbers does not go together")
    return Numbers(term["column"], tuple(names), centre, scale, tuple(lacks), means, lows, highs)
