"""The file of a model: every field of it as JSON, numbers to the last bit.

>>> import logloss
>>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
>>> fields_of(content_of(model), "model.json")["coefficients"] == model.coefficients
True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from logloss.data.design import Category, Design, Numbers
from logloss.data.rows import Array
from logloss.data.values import read_value, written_value
from logloss.documents import document_bytes, known_fields, number, written
from logloss.errors import DataError
from logloss.leave_one_out import NewRows
from logloss.separation import Separation
from logloss.standard_errors import Errors
from logloss.storage import write_atomically

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
        return _fields(own)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{name} must hold a model; a field does not fit: {error}. Make it again.") from error


def _fields(own: Mapping[str, Any]) -> dict[str, Any]:
    design = Design(tuple(map(_read_term, own["design"]["terms"])), bool(own["design"]["in_place"]))
    values = _array(own["values"])
    coefficients = {str(name): number(value) for name, value in own["coefficients"].items()}
    if len(values) != design.width or tuple(coefficients) != design.names or not np.isfinite(values).all():
        raise DataError("coefficients and columns do not go together")
    found: dict[str, Any] = {name: own[name] for name in PLAIN} | {name: tuple(own[name]) for name in LISTS}
    found |= {"design": design, "values": values, "coefficients": coefficients}
    found |= {"intercept": number(own["intercept"]), "log_loss": number(own["log_loss"])}
    bound, is_proven = own["certificate"]
    found["certificate"] = (number(bound), bool(is_proven))
    passes = own["passes"]
    found["passes"] = [(number(b), tuple(map(number, w)), number(loss), number(left)) for b, w, loss, left in passes]
    if "errors" in own:
        errors = {**own["errors"], "cluster": tuple(own["errors"]["cluster"])}
        errors["intercept"] = number(errors["intercept"])
        errors["coefficients"] = {each: number(value) for each, value in errors["coefficients"].items()}
        found["errors"] = Errors(**errors)
    if "separation" in own:
        kept = {**own["separation"], "columns": tuple(own["separation"]["columns"])}
        kept["directions"] = tuple(_array(direction) for direction in kept["directions"])
        if any(len(direction) != design.width for direction in kept["directions"]):
            raise DataError("directions and columns do not go together")
        found["separation"] = Separation(**kept)
    if "new_rows" in own:
        losses = {each: number(own["new_rows"][each]) for each in ("log_loss", "log_loss_of_possible")}
        found["new_rows"] = NewRows(**{**own["new_rows"], **losses})
    return found


def _array(values: Any) -> Array:
    return np.array([number(value) for value in values], dtype=np.float64)


def _read_term(term: Mapping[str, Any]) -> Numbers | Category:
    """One column of the recipe; whatever is not of the right length is refused."""
    if term["kind"] == "category":
        levels, weights, reference = (
            tuple(map(read_value, term["levels"])),
            tuple(map(number, term["weights"])),
            term["reference"],
        )
        if not (len(levels) == len(weights) and isinstance(reference, int) and 0 <= reference < len(levels)):
            raise DataError("levels of a category do not go together")
        return Category(str(term["column"]), levels, weights, reference)
    names, centre, scale = tuple(map(str, term["names"])), _array(term["centre"]), _array(term["scale"])
    # What a file of an older version lacks is not known.
    means, lows, highs = (None if term.get(key) is None else _array(term[key]) for key in ("means", "lows", "highs"))
    lacks = tuple(map(bool, term["lacks"]))
    is_whole = len(names) == len(centre) == len(scale) and len(lacks) in (0, len(names)) and bool((scale > 0).all())
    if (
        term["kind"] != "numbers"
        or not is_whole
        or any(each is not None and len(each) != len(names) for each in (means, lows, highs))
    ):
        raise DataError("a column of numbers does not go together")
    return Numbers(str(term["column"]), names, centre, scale, lacks, means, lows, highs)
