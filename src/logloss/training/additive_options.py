"""The options of an additive model: what becomes of each column, which pairs, what must be monotone; checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Real

from logloss.data.binding import matrix_names, no_feature
from logloss.data.rows import Column, Roles
from logloss.data.shapes import AUTO, CYCLIC, DECREASING, INCREASING, KINDS, SMOOTH, ShapeChoice
from logloss.data.source import MemorySource, Source
from logloss.errors import DataError
from logloss.text import counted, listed, value_text
from logloss.training.fit_options import FitOptions
from logloss.training.profile import PROFILE
from logloss.training.standard_errors import INFORMATION


def shape_choice(shapes: object, pooled: object, pairs: object = None) -> ShapeChoice | None:
    """`shapes`, `pooled` and `pairs` of `fit`, checked; None where none is given."""
    if pairs is not None and (shapes is None or pooled is not None):
        raise DataError(
            '`pairs` needs a penalty of each column: pass shapes="auto", too, and leave `pooled` out, which pools all '
            "categories."
        )
    if shapes is None and pooled is None:
        return None
    names, tables = _names_of(pooled), _pairs_of(pairs)
    if shapes is None:
        return ShapeChoice({}, None, names)
    if shapes == AUTO:
        return ShapeChoice({}, SMOOTH, names, tables)
    if not isinstance(shapes, Mapping):
        raise DataError(
            f'`shapes` must be "auto" or a dict of names of columns, such as {{"age": "smooth"}}; got '
            f"{value_text(shapes)}."
        )
    for name, kind in shapes.items():
        if kind not in KINDS:
            known = listed([value_text(each) for each in KINDS])
            raise DataError(f"the shape of {value_text(name)} must be one of {known}; got {value_text(kind)}.")
    return ShapeChoice(dict(shapes), SMOOTH, names, tables)


def _pairs_of(given: object) -> str | tuple[tuple[str, str], ...] | None:
    """`pairs` of `fit`, checked: "auto", or two names each, every pair once."""
    if given is None or given == AUTO:
        return AUTO if given == AUTO else None
    each = None if isinstance(given, str | Mapping) or not isinstance(given, Iterable) else list(given)
    if not each or not all(_is_pair(names) for names in each):
        raise DataError(
            f'`pairs` must be "auto" or a list of pairs of names of columns, such as [("age", "hours")]; got '
            f"{value_text(given)}."
        )
    found: dict[frozenset[str], tuple[str, str]] = {}
    for first, second in each:
        if frozenset((first, second)) in found:
            raise DataError(
                f"`pairs` must name each pair once; got {value_text(first)} with {value_text(second)} twice."
            )
        found[frozenset((first, second))] = (first, second)
    return tuple(found.values())


def _is_pair(names: object) -> bool:
    """Whether it is two names, not the same."""
    is_two = isinstance(names, tuple | list) and len(names) == 2 and all(isinstance(name, str) for name in names)
    return is_two and names[0] != names[1]  # type: ignore[index]


def constraints_of(given: object, choice: ShapeChoice | None, features: Sequence[str]) -> dict[str, str]:
    """`monotonic_cst` of `fit`, checked: how columns must run, by name. features: the columns, in order."""
    if given is None:
        return {}
    if choice is None or choice.other is None:
        raise DataError(
            '`monotonic_cst` is for the curves of an additive model: pass shapes="auto", too, or leave it out.'
        )
    if not isinstance(given, Mapping):
        values = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else None
        if values is None or len(values) != len(features):
            got = value_text(given) if values is None else counted(len(values), "value")
            raise DataError(
                "`monotonic_cst` must be a dict of names of columns, or a list with one value for each of the "
                f'{counted(len(features), "column")}: 1 increasing, -1 decreasing, 0 neither, such as {{"age": 1}}; '
                f"got {got}."
            )
        given = dict(zip(features, values, strict=True))
    found = {}
    for name, value in given.items():
        if not (isinstance(value, Real) and float(value) in (-1, 0, 1)):
            raise DataError(
                f"`monotonic_cst` must have 1 (increasing), -1 (decreasing) or 0 (neither) for {value_text(name)}; got "
                f"{value_text(value)}."
            )
        if value and choice.kind_of(name) == CYCLIC:
            raise DataError(
                f"{value_text(name)} is cyclic and ends where it begins, so that it cannot be monotone. Leave it out "
                'of `monotonic_cst`, or make it "smooth".'
            )
        if value or name not in features:
            found[name] = INCREASING if float(value) > 0 else DECREASING
    return found


def _names_of(pooled: object) -> tuple[str, ...] | None:
    if pooled is None:
        return None
    names = (pooled,) if isinstance(pooled, str) else tuple(pooled) if isinstance(pooled, Iterable) else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise DataError(
            f"`pooled` must be names of categories; got {value_text(pooled)}. "
            "The levels of each are shrunk towards their mean."
        )
    return names


def with_choice(choice: ShapeChoice, roles: Roles) -> Roles:
    """The roles with the pooled columns among the categories; an error for names that are no features."""
    pooled = choice.pooled or ()
    in_pairs = () if choice.pairs in (None, AUTO) else [name for pair in choice.pairs for name in pair]
    named = {"shapes": choice.kinds, "pooled": pooled, "monotonic_cst": choice.constraints, "pairs": in_pairs}
    for option, names in named.items():
        for name in names:
            if name not in roles.features:
                raise no_feature(option, name, roles.features)
    return replace(roles, categories=tuple(dict.fromkeys((*roles.categories, *pooled))))


def check_options(options: FitOptions, start: object) -> None:
    """Refuse options that mean nothing where precisions are chosen."""
    chosen = 'precisions are chosen from the data; shapes={"x": "linear"} has a straight line with such a penalty'
    posterior = "intervals are those of the posterior distribution"
    refused = {
        "penalty": (options.penalty is not None, "the terms have penalties of their own, whose precisions are chosen"),
        "l2_path": (options.l2_path is not None, chosen),
        "l1": (options.l1 > 0, chosen),
        "penalty_factors": (options.penalty_factors is not None, chosen),
        "covariance": (
            options.covariance not in (None, INFORMATION),
            f'{posterior}; covariance="{INFORMATION}" takes weights as numbers of rows',
        ),
        "two_way": (options.two_way, posterior),
        "interval": (options.interval == PROFILE, posterior),
        "start": (start is not None, "the fit begins at the base rate"),
    }
    for name, (is_given, why) in refused.items():
        if is_given:
            raise DataError(f"`{name}` is not used with `shapes` and `pooled`: {why}. Leave `{name}` out.")


def columns_apart(source: Source, roles: Roles, choice: ShapeChoice) -> tuple[Source, Roles, ShapeChoice]:
    """The same with each column of a matrix a column by itself, whose shape is its own."""
    columns = dict(getattr(source, "columns", {}))
    matrices = {name: columns[name] for name in roles.features if name in columns and columns[name].is_matrix}
    if not matrices:
        return source, roles, choice
    features: list[str] = []
    is_nameless = False
    for name in roles.features:
        if name not in matrices:
            features.append(name)
            continue
        matrix = columns.pop(name)
        is_nameless = matrix.names == matrix_names(len(matrix.names))
        columns |= {own: Column(matrix.values[:, j]) for j, own in enumerate(matrix.names)}
        features += matrix.names
    roles = replace(roles, features=tuple(features))
    return MemorySource(columns, source.name, notes=source.notes), roles, replace(choice, is_nameless=is_nameless)
