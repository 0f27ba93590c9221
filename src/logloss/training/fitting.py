"""What a fit is asked for, and its kinds: of a matrix of many columns, of hashed text, of curves, of a table.

>>> from logloss.data.request import RowOptions
>>> asked = FitRequest([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1], RowOptions(), FitOptions(l2=1.0))
>>> round(fit_of(asked).coefficients["x"], 4)
0.9583
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from logloss.data.binding import OTHERS, bind
from logloss.data.derived import DerivedColumn
from logloss.data.design import Design
from logloss.data.request import RowOptions, wrong_call
from logloss.data.rows import Array, Roles, is_unnamed_index
from logloss.data.shapes import ShapeChoice
from logloss.data.source import Source, as_source, kept_if_small, own_names
from logloss.errors import DataError
from logloss.text import listed, printable
from logloss.training.additive_fit import additive_model
from logloss.training.additive_options import columns_apart, constraints_of, with_choice
from logloss.training.certificate import Pass
from logloss.training.derived_columns import Features, derived_columns, features_of, has_expressions, without_factors
from logloss.training.firth import find_penalised
from logloss.training.fit_options import AUTO, FitOptions
from logloss.training.fitted import fitted_model
from logloss.training.fold_choice import FoldChoice, fold_choice, folds_text
from logloss.training.fold_fits import PathFits, fit_path
from logloss.training.hashed_fit import check_hashed, hashed_rows, with_recipe
from logloss.training.interruptible import told_of_waiting
from logloss.training.left_out_path import fit_left_out
from logloss.training.matrix_input import MatrixInput, matrix_input, opened
from logloss.training.model import NOT_USED, LogisticModel
from logloss.training.optimum import find_optimum, first_point
from logloss.training.path_grid import PathGrid
from logloss.training.penalty_factors import factors_of_design, named_factors
from logloss.training.penalty_path import BEST, PenaltyPath
from logloss.training.problem import Problem
from logloss.training.recipe import Learned, learn, starting_sample, without_references
from logloss.training.sparse_fit import dense_rows, is_fitted_dense, refuse_beside_matrix, sparse_model
from logloss.training.sparse_path import chosen_path
from logloss.training.standard_errors import INFORMATION
from logloss.training.wide_start import wide_start


@dataclass(frozen=True, eq=False)
class FitRequest:
    """What `fit` was asked for: `rows` and `options` are checked, the others are as they were given.

    shapes: the choice of an additive model; None of others. additive: its options as given, which others refuse.
    """

    data: Any
    y_true: Any
    rows: RowOptions
    options: FitOptions
    features: Any = None
    feature_names: Sequence[str] | None = None
    exclude: tuple[str, ...] = ()
    categories: Any = None
    reference: Mapping[str, Any] = field(default_factory=dict)
    shapes: ShapeChoice | None = None
    additive: Mapping[str, Any] = field(default_factory=dict)
    cv: Any = None
    start: LogisticModel | None = None
    on_pass: Callable[[Pass], None] | None = None

    @property
    def is_table(self) -> bool:
        """Whether the data are a table with a label by its name, not arrays."""
        return self.features is not None or isinstance(self.y_true, str)

    @property
    def offset_column(self) -> str:
        """The column of the offset; "" where it is none of the table."""
        return self.rows.offset if isinstance(self.rows.offset, str) else ""

    def check_table(self) -> None:
        """Refuse options of columns that do not go together."""
        if self.exclude and self.features is not None:
            raise DataError("pass `features` or `exclude`, not both.")
        if self.exclude and not self.is_table:
            raise DataError("`exclude` needs a table: pass `y_true` as a column name.")

    def check_choice(self) -> None:
        """Refuse options of a choice where nothing is chosen."""
        options = self.options
        if options.l2_path is None and options.l1_path is None and self.cv is not None:
            raise DataError("`cv` is used with `l2_path` or `l1_path` only: pass one of them, too, or leave `cv` out.")
        if not options.chooses_penalty and options.selection != BEST:
            raise DataError(
                '`selection` is used with `l2_path`, `l1_path` or penalty="auto" only: pass one of them, too, or leave '
                "`selection` out."
            )

    def refused_by_matrix(self) -> dict[str, Any]:
        """The options that a matrix of many columns does not have, as given."""
        rows = self.rows
        return {
            "features": self.features,
            "exclude": self.exclude,
            "categories": self.categories,
            "reference": self.reference,
            **self.additive,
            **self._refused_by_both(),
            f'missing="{rows.missing}"': None if rows.missing == "error" else rows.missing,
        }

    def refused_by_hash(self) -> dict[str, Any]:
        """The options that hashed text does not have, as given."""
        rows, options = self.rows, self.options
        return {
            **self.additive,
            **self._refused_by_both(),
            "penalty_factors": options.penalty_factors,
            "covariance": options.covariance,
            f'missing="{rows.missing}"': None if rows.missing in ("error", "drop") else rows.missing,
        }

    def _refused_by_both(self) -> dict[str, Any]:
        """The options that no matrix of many columns has."""
        options = self.options
        # With an L1 penalty among what it compares "auto" goes by folds.
        without = " without an `l1_ratio` above 0" if options.penalty == AUTO else ""
        return {
            f'penalty="{options.penalty}"{without}': options.penalty if options.grid is None else None,
            "cluster": self.rows.cluster,
            "engine": self.rows.engine,
            "group_levels": options.group_levels or None,
        }


def fit_of(asked: FitRequest) -> Any:
    """The model that was asked for."""
    rows = asked.rows
    if rows.engine is None or asked.y_true is None:
        data = opened(asked.data, header=rows.header, must_exist=asked.y_true is None)
        asked = replace(asked, data=data)
    beside = {name: getattr(rows, name) for name in ("sample_weight", "counts", "offset")}
    matrix = matrix_input(asked.data, asked.y_true, asked.feature_names, rows.progress, **beside)
    asked.check_choice()
    if matrix is not None:
        refuse_beside_matrix(matrix.matrix, asked.refused_by_matrix())
        asked.options.check_clusters(())
        if not is_fitted_dense(matrix.matrix, asked.options):
            return _of_matrix(asked, matrix)
        data, y_true, features = dense_rows(matrix)
        rows = replace(rows, y_true=None if features is None else y_true)
        asked = replace(asked, data=data, y_true=y_true, features=features, rows=rows)
    elif asked.y_true is None:
        raise TypeError(wrong_call("fit", ("data", "y_true"), (), 1, ()))
    asked.check_table()
    from logloss.onepass.engines import placed

    with placed(asked.data, asked.rows, is_repeated=True) as table:
        return _of_table(asked, table)


def _of_matrix(asked: FitRequest, matrix: MatrixInput) -> Any:
    """The fit of a matrix of many columns."""
    rows, options, path = replace(asked.rows, y_true=None), asked.options, None
    start: object = asked.start
    if options.grid is not None:
        path, at = chosen_path(matrix, rows, options, options.grid, asked.cv)
        options = options.at(path.l1, path.l2)
        start = asked.start if at is None else at
    return replace(sparse_model(matrix, rows, options, start=start, on_pass=asked.on_pass), path=path)


@dataclass(frozen=True, eq=False)
class _Bound:
    """The rows of a fit and their roles. choice: the folds of a path. derives: the features that are computed."""

    source: Source
    roles: Roles
    choice: FoldChoice | None = None
    derives: Features | None = None
    derived: tuple[DerivedColumn, ...] = ()
    notes: tuple[str, ...] = ()


def _of_table(asked: FitRequest, table: Any) -> Any:
    """The fit of a table or of arrays, as an engine or this machine reads them."""
    bound = _bound(asked, table)
    if bound.derives is not None:
        asked = _as_features_are_called(asked, bound.derives)
        source, roles, derived = derived_columns(
            bound.derives,
            bound.source,
            bound.roles,
            asked.reference,
            categories=asked.categories,
            shapes=asked.shapes,
            progress=asked.rows.progress,
        )
        bound = replace(bound, source=source, roles=roles, derived=derived)
        asked = replace(asked, reference=without_factors(asked.reference, bound.derives))
        if bound.derives is not None and bound.derives.hashed:
            return _of_hash(asked, bound, bound.derives)
    return _of_columns(asked, bound)


def _as_features_are_called(asked: FitRequest, derives: Features) -> FitRequest:
    """The same with the names in options as features are called: `bs( age )` is `bs(age)` there, too."""
    shapes, options = asked.shapes, asked.options
    if shapes is not None:
        own = {name: derives.named(getattr(shapes, name)) for name in ("kinds", "pooled", "pairs")}
        shapes = replace(shapes, **own)
    if isinstance(options.penalty_factors, Mapping):
        options = replace(options, penalty_factors=derives.named(options.penalty_factors))
    given = {name: derives.named(getattr(asked, name)) for name in ("categories", "reference")}
    constraints = asked.additive.get("monotonic_cst")
    if isinstance(constraints, Mapping):
        given["additive"] = {**asked.additive, "monotonic_cst": derives.named(constraints)}
    return replace(asked, shapes=shapes, options=options, **given)


def _bound(asked: FitRequest, table: Any) -> _Bound:
    """The source, and which column has which role."""
    rows, options, features = asked.rows, asked.options, asked.features
    choice = None
    if options.grid is not None:
        choice = _folds_of(asked.cv, table, None if asked.is_table else asked.y_true, rows.header)
        if not choice.is_numbered:
            rows = replace(rows, by=choice.column if isinstance(choice.column, str) else {"cv": choice.column})
    derives: Features | None = None
    if asked.is_table:
        names = OTHERS if features is None else [features] if isinstance(features, str) else features
        codes = asked.categories
        if has_expressions(names):
            table = as_source(table, header=rows.header)
            derives = features_of(names, own_names(table))
        if derives is not None:
            if derives.hashed:
                check_hashed(options.l1 + options.l2 > 0 or options.grid is not None, asked.refused_by_hash())
            names, codes = derives.columns, derives.codes_of(codes)
        source, roles = bind(table, rows, features=names, exclude=asked.exclude, categories=codes)
    else:
        source, roles = bind(asked.y_true, rows, features=table, categories=asked.categories)
    if len(set(roles.features)) < len(roles.features):
        raise DataError(f"feature names must be unique; got {listed([printable(n) for n in roles.features])}.")
    options.check_clusters(roles.cluster)
    if not source.is_rewalkable:
        raise DataError(
            f"{source.name or 'this stream'} can be read once only; a fit reads its rows repeatedly. "
            "Write it to a file, or read it into a table."
        )
    notes = () if features is not None else _unused(source, roles, asked.exclude)
    return _Bound(source, roles, choice, derives, notes=notes)


def _of_hash(asked: FitRequest, bound: _Bound, derives: Features) -> Any:
    """The fit of words of texts, as a matrix of many columns."""
    options, progress = asked.options, asked.rows.progress
    rows = hashed_rows(bound.source, bound.roles, derives.hashed, asked.reference, bound.derived, progress)
    beside: dict[str, Any] = dict(rows.beside)
    choice = bound.choice
    if choice is not None and rows.folds is not None:
        choice = replace(choice, column=rows.folds)
    own = FitRequest(
        rows.matrix,
        rows.labels,
        RowOptions(**beside, progress=progress),
        options,
        cv=choice if options.l1_path is not None or options.l2_path is not None else asked.cv,
        start=asked.start,
        on_pass=asked.on_pass,
    )
    made = fit_of(own)
    if made.path is not None and bound.choice is not None:
        made = replace(made, path=replace(made.path, folds=folds_text(bound.choice, ())))
    return with_recipe(made, rows, asked.offset_column)


def _of_columns(asked: FitRequest, bound: _Bound) -> Any:
    """The fit of numbers and categories whose Hessian is formed, or of curves."""
    from logloss.onepass.run import blas_on_one_thread

    options, shapes, source, roles, notes = asked.options, asked.shapes, bound.source, bound.roles, bound.notes
    if shapes is not None:
        source, roles, shapes = columns_apart(source, roles, shapes)
        constraints = constraints_of(asked.additive.get("monotonic_cst"), shapes, roles.features)
        shapes = replace(shapes, constraints=constraints, has_counts=options.covariance == INFORMATION)
        roles = with_choice(shapes, roles)
        if roles.cluster:
            notes = (*notes, "no intervals of the effects: the rows of a cluster depend on each other")
    source = kept_if_small(source, len(roles.features) + sum(each.width for each in bound.derived))
    if roles.cluster and options.covariance == INFORMATION:
        notes = (*notes, f'standard errors take rows as independent (covariance="{INFORMATION}"), not clusters')
    # Small matrices are factored faster without a team, and to the same bits whatever its size.
    with blas_on_one_thread(), told_of_waiting(asked.rows.progress):
        learned = learn(
            source,
            roles,
            asked.reference,
            is_chosen=asked.features is not None or not asked.is_table,
            fit_intercept=options.fit_intercept,
            shapes=shapes,
            derived=bound.derived,
            progress=asked.rows.progress,
        )
        if options.group_levels:
            unpenalised = [
                name for name, own in named_factors(options.penalty_factors, learned.design).items() if not own
            ]
            learned = replace(learned, design=without_references(learned.design, asked.reference, unpenalised))
        notes = (*notes, *learned.design.notes, *_lost_orders(source, learned.design, asked.reference))
        problem = replace(
            Problem.of(source, learned, options.l2),
            l1=options.l1,
            tolerance=options.tolerance,
            progress=asked.rows.progress,
            on_pass=asked.on_pass,
            factors=factors_of_design(options.penalty_factors, learned.design),
            is_grouped=options.group_levels,
        )
        if shapes is not None:
            sample = starting_sample(learned.design, learned.columns.sample)
            named, pairs = asked.offset_column, shapes.pairs
            return additive_model(problem, learned, sample, options, pairs=pairs, offset=named, notes=notes)
        return _linear(asked, bound.choice, problem, learned, notes)


def _linear(
    asked: FitRequest, choice: FoldChoice | None, problem: Problem, learned: Learned, notes: tuple[str, ...]
) -> LogisticModel:
    """The passes of a fit of numbers and categories, after those that choose its penalty."""
    options, start_point, path = asked.options, start_of(asked.start, learned.design), None
    if options.chooses_penalty:
        path, start_point = _chosen(problem, learned, choice, options)
        problem = replace(problem, l1=path.l1, l2=path.l2, roles=replace(problem.roles, by=()))
        options = options.at(path.l1, path.l2)
    if start_point is None and options.penalty is None:
        start_point, problem = wide_start(problem, options.max_passes)
    sample = None if start_point is not None else starting_sample(learned.design, learned.columns.sample)
    kind, why = options.interval_of(problem.roles, len(problem.free), is_large=problem.is_expensive)
    first = first_point(problem, start_point, sample, options.max_passes)
    if options.penalty is None:
        optimum = find_optimum(problem, *first, options.max_passes)
    else:
        optimum = find_penalised(problem, options.penalty, *first, options.max_passes)
    own = replace(options, interval=kind)
    notes = (*notes, *([why] if why else []))
    model = fitted_model(optimum, learned, sample, own, offset=asked.offset_column, notes=notes)
    return model if path is None else replace(model, path=path)


def _chosen(
    problem: Problem, learned: Learned, choice: FoldChoice | None, options: FitOptions
) -> tuple[PenaltyPath, Array]:
    """The path of penalties with its choice, and the coefficients there."""
    if choice is None or options.grid is None:
        sample = starting_sample(learned.design, learned.columns.sample)
        left_out = fit_left_out(problem, learned, sample, options.selection, options.max_passes)
        return left_out.path, left_out.coefficients
    fits = fit_path(problem, choice, options.grid, options.max_passes)
    path = fits.path(options.selection)
    return path, fits.chosen(path)


def path_fits(
    source: Source,
    requested: RowOptions,
    features: Sequence[str],
    choice: FoldChoice,
    grid: PathGrid,
    options: FitOptions,
) -> PathFits:
    """The fits of a path in every fold, for rows in memory whose columns have these names."""
    from logloss.onepass.run import blas_on_one_thread

    source, roles = bind(source, requested, features=features)
    source = kept_if_small(source, len(features))
    with blas_on_one_thread():
        learned = learn(source, roles, {}, fit_intercept=options.fit_intercept)
        problem = replace(Problem.of(source, learned, 0.0), tolerance=options.tolerance)
        return fit_path(problem, choice, grid, options.max_passes)


def _folds_of(cv: Any, table: Any, labels: Any, header: bool) -> FoldChoice:
    """`cv` once the number of rows is known; labels: where the rows are arrays."""
    if labels is not None:
        return fold_choice(cv, len(labels))
    return fold_choice(cv, None if isinstance(cv, str | int | None) else as_source(table, header=header).n_rows)


def _unused(source: Source, roles: Roles, exclude: Sequence[str]) -> tuple[str, ...]:
    """A note on the columns of a table that are not used: those that were excluded, and what can be no feature."""
    unused = {name: source.why_unused(name) for name in source.column_names if name not in roles.columns}
    unused |= dict.fromkeys(exclude, "excluded")
    # The levels of an index that pyarrow has named are not columns of the user.
    shown = [f"{printable(name)} ({why})" for name, why in unused.items() if not is_unnamed_index(name)]
    return (f"{NOT_USED}: {listed(shown, len(shown))}",) if shown else ()


def _lost_orders(source: Source, design: Design, reference: Mapping[str, Any]) -> tuple[str, ...]:
    """A note on declared categories whose order is not in the files, where their reference was not named."""
    has_lost = getattr(getattr(source, "source", source), "has_lost_order", None)
    names = [term.column for term in design.categories if term.column not in reference]
    lost = [printable(name) for name in names if has_lost is not None and has_lost(name)]
    if not lost:
        return ()
    return (f"levels in ascending order, as Parquet keeps no declared order of numbers and bools: {listed(lost, 20)}",)


def start_of(model: LogisticModel | None, design: Design) -> Array | None:
    """The coefficients of a model in the coordinates in which another design is solved; None where they do not fit."""
    if model is None or model.separation is not None or model.design.names != design.names:
        return None
    if model.fit_intercept != design.fit_intercept:
        return None
    values = np.zeros(design.width)
    values[design.places] = list(model.coefficients.values())
    values[0] = model.intercept + values[1 : 1 + design.n_dense] @ design.centre
    return values * design.scale
