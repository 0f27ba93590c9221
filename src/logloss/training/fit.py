"""Training: a logistic regression that minimises the log loss, with a bound on its distance from the minimum.

>>> import logloss
>>> model = logloss.fit([[-1.0], [0.0], [1.0], [2.0]], [0, 1, 0, 1], l2=1.0)
>>> model.certificate.is_proven, model.certificate.nats_per_row < 1e-15
(True, True)

The objective is the summed loss, weights as counts, plus l1 times the absolute coefficients
and l2 / 2 times their squares; the intercept is free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from logloss.data.block import Block
from logloss.data.request import RowOptions, described
from logloss.data.values import Value
from logloss.training.additive_options import check_options, constraints_of, shape_choice
from logloss.training.certificate import Pass
from logloss.training.fit_options import FitOptions
from logloss.training.fitting import FitRequest, fit_of
from logloss.training.model import LogisticModel
from logloss.training.penalty_path import BEST
from logloss.training.problem import TOLERANCE


@described
def fit(
    data: Any,
    y_true: Any = None,
    *,
    features: Any = None,
    feature_names: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    categories: Any = None,
    reference: Mapping[str, Any] | None = None,
    shapes: str | Mapping[str, str] | None = None,
    pooled: str | Sequence[str] | None = None,
    pairs: str | Sequence[tuple[str, str]] | None = None,
    monotonic_cst: Mapping[str, int] | Sequence[int] | None = None,
    l2: float = 0.0,
    l1: float = 0.0,
    penalty_factors: Mapping[str, float] | Sequence[float] | None = None,
    group_levels: bool = False,
    fit_intercept: bool = True,
    l2_path: bool | int | Sequence[float] | None = None,
    l1_path: bool | int | Sequence[float] | None = None,
    l1_ratio: float | Sequence[float] | None = None,
    cv: Any = None,
    selection: str = BEST,
    penalty: str | None = None,
    offset: Any = None,
    sample_weight: Any = None,
    counts: Any = None,
    cluster: Any = None,
    pos_label: Value = None,
    missing: str = "error",
    covariance: str | None = None,
    two_way: bool = False,
    interval: str | None = None,
    leave_one_out: bool = True,
    header: bool = True,
    tolerance: float = TOLERANCE,
    max_passes: int = 100,
    start: LogisticModel | None = None,
    engine: object = None,
    progress: Callable[[Block], None] | None = None,
    on_pass: Callable[[Pass], None] | None = None,
) -> LogisticModel | Any:
    r"""Fit a logistic regression by minimising the log loss, plus an optional L1 or L2 penalty.

    The result has a proven bound on its distance from the minimum, in nats per row, except under Firth's penalty.

    .. math:: \min_{b, w} \sum_i s_i \{ \log(1 + e^{z_i}) - y_i z_i \} + l_1 |w|_1 + \tfrac{l_2}{2} |w|^2, \quad
        z_i = b + x_i^T w

    Parameters
    ----------
    data : array of shape (n_rows, n_features) or (n_rows,), or table
        Features: a matrix of finite numbers, or a frame. If `y_true` is a name or `features` is given: a table, as in
        `measure`: a frame, or the path of Parquet or CSV files. Or a sparse matrix of SciPy, a frame of pandas whose
        columns are all sparse, or the path of files in svmlight format, with `l2` or `l1`: the result is a `WideModel`.
        CSR is read where it is, other formats are converted; files are read once, into memory. Without either it is
        made dense if it has fewer than 5,000 columns and 512 MB so. With either an array may have 5,000 columns or
        more, too; float32 and float64 are read where they are. docs/sparse.md.
    y_true : array of shape (n_rows,), or name of a column
        Labels, as in `log_loss`: 0 and 1, shares in [0, 1], or two classes with `pos_label`. Left out of files in
        svmlight format, which have them.
    features : list of names, optional
        The columns of the table to use, and what is computed of columns: "log(price)", "month(date)", "bs(age)",
        "site:device" (a product), "site * device" (both and their product), "hash(query, bits=20)" (the words of a
        text, with `l2`: the result is then a `HashedModel`); docs/features.md has the grammar. If left out, every
        column of numbers, bools or text that has no other role. A number is one coefficient; bools, text and declared
        categories, in their order, one for each level but one. Dates, other columns that cannot be features (the model
        lists them) and the index of a frame are left out; a column that only identifies rows is refused. All columns
        together have at most 5,000 coefficients: the Hessian of that many numbers and levels is held in memory and
        factored.
    feature_names : list of str, optional
        What the columns of a sparse matrix are called, instead of x0, x1, …; those of a frame have its names, those of
        an svmlight file are called by their index there.
    exclude : list of names, optional
        Columns of the table not to use.
    categories : list of names, optional
        Columns of numbers that are codes: one coefficient for each value but one.
    reference : dict of name to level, optional
        The level of a category that has no coefficient; the first one in order if left out.
    shapes : "auto", or dict of name to {"smooth", "linear", "cyclic"}, optional
        Fit an additive model (GAM) instead: each column of numbers contributes a function of its own to the log-odds.
        "smooth": a curve, linear between knots: each distinct value, up to 128, else up to 66 quantiles of the rows and
        of the distinct values; "linear": a straight line; "cyclic": a curve that ends where it begins, such as of the
        hour of the day. "auto": all columns of numbers are smooth, as are those that a dict does not name; those of an
        array are called x0, x1, …, a single one x. Beyond the outermost knots, the range of training, a curve is
        constant. Each term has a penalty, whose precisions are chosen from the data; a missing value has an effect of
        its own with missing="indicator". Categories are pooled. Not with `penalty`, `l2_path`, `two_way`,
        interval="profile" or `start`; `l2` is for coefficients without a precision of their own. docs/shapes.md.
    pooled : name or list of names, optional
        Categories whose levels are partially pooled (random effects): each level has an effect, shrunk towards the
        average of the column the more, the fewer rows it has and the less levels differ. Columns of numbers among them
        are codes. If left out with `shapes`, all categories. A level that training did not see has the average effect.
        Without `shapes` numbers and the other categories have coefficients without a penalty.
    pairs : "auto", or list of (name, name), optional
        With `shapes`: pairs of columns that contribute a table beyond what each contributes by itself. "auto": those
        that raise the log marginal likelihood by more than 2 nats, from one pass that looks at every pair, up to 500;
        not with `pooled`, and none of a column in `monotonic_cst`. Other levels than the 48 most frequent of a category
        share a place. docs/shapes.md.
    monotonic_cst : dict of name to {1, -1, 0}, or list of these, one for each column, optional
        With `shapes`: columns whose contribution must not decrease (1) or not increase (-1) anywhere; 0: no constraint.
        They are "smooth" or "linear". The precisions are those that are chosen without constraints, and the certificate
        is about the minimum under them. docs/shapes.md.
    l2 : float ≥ 0
        Strength of the L2 penalty on the summed loss, 1 / C in scikit-learn; 0: none. The intercept is never penalised.
    l1 : float ≥ 0
        Strength of the L1 penalty (lasso; with `l2`, elastic net) on the summed loss, l1_ratio / C in scikit-learn; 0:
        none. Coefficients may then be exactly 0. It is on the scale of the columns as they are; of a category each
        level but the reference is penalised by itself. Not with `penalty`, `l2_path`, `l1_path`, `covariance`,
        `shapes`, `pooled` or interval="profile". docs/inference.md, docs/sparse.md.
    penalty_factors : dict of name to float ≥ 0, or array of shape (n_features,), optional
        What `l1` and `l2` are multiplied with in each column; 1 where a dict does not name it, 0: no penalty. As
        glmnet's penalty.factor, but not rescaled to a mean of 1. Of a category it holds for all levels. With `l1`, `l2`
        or `l1_path`.
    group_levels : bool
        With `l1`: whether the levels of a category are kept together (group lasso). Its part of the L1 penalty is then
        l1 · √(number of levels) · the Euclidean norm of its coefficients, in place of the sum of their sizes: all are
        0, or none. Each level has a coefficient, no reference is chosen, and those of a category add up to 0; a
        category of factor 0 in `penalty_factors` has its reference. There is no leave-one-out log loss.
        docs/inference.md.
    fit_intercept : bool
        Whether the model has an intercept b; False: b = 0, and the log-odds are 0 where every number is 0 and every
        category is at its reference, which has no coefficient either way; a missing number with an indicator counts as
        0. Columns are then not centred: if several lie 10⁵ times their spread from 0, no bound is certified.
    l2_path : True, int ≥ 2, or list of floats ≥ 0, optional
        Choose `l2` by cross-validation: the values to compare. True: 10 to 30 values, evenly spaced in logarithms, from
        where the slopes together have 0.1 effective degrees of freedom to where they have 0.01 less than without a
        penalty; a whole number: that many values in the same range. `model.path` has the log loss of the held-out rows
        at each. Not with `penalty` or interval="profile". Of a sparse matrix True takes the Hessian as diagonal.
    l1_path : True, int ≥ 2, or list of floats > 0, optional
        Choose `l1` by cross-validation, as `l2_path` chooses `l2`: the values to compare. True: 100 values, evenly
        spaced in logarithms, from the least at which every coefficient is 0 to 1e-4 of it, or 1e-2 where there are no
        more rows than coefficients; to less where standard deviations of columns differ, or in a sparse matrix the
        sizes of values that are not 0. A whole number: that many.
        `model.path` has the log loss of the held-out rows and the number of coefficients that are not 0 at each value,
        and the coefficients. Not with `l1`, `l2`, `l2_path`, `penalty` or interval="profile".
    l1_ratio : float in [0, 1], or list of them, optional
        With `l1_path` or penalty="auto": the share of the L1 penalty, l1 / (l1 + l2), 1 (lasso) if left out with
        `l1_path`; below it elastic net, with l2 = l1 · (1 − l1_ratio) / l1_ratio at each value. Of several the best is
        chosen; 0, an L2 penalty, has the values of l2_path=True.
    cv : int ≥ 2, name of a column, array of shape (n_rows,), or list of pairs (train, test), optional
        Folds, with `l2_path` or `l1_path`. A number K (5 if left out): of every K consecutive rows one goes to each
        fold, in an order drawn from a hash; with `cluster`, whole clusters go to folds. A column or array: the fold
        number of each row; rows of −1 only train. Pairs: numbers or masks of rows, which may overlap or leave rows out,
        as `list(TimeSeriesSplit().split(X))` has them.
    selection : {"best", "one_standard_error"}
        With a path or penalty="auto": the least log loss of the held-out rows, or the strongest penalty, of the same
        `l1_ratio`, whose log loss is at most one standard error above it (Hastie, Tibshirani & Friedman 2009, section
        7.10).
    penalty : {"auto", "firth", "flic", "flac"}, optional
        "auto": choose `l2` by the leave-one-out log loss, without folds: the values of l2_path=True, then values
        around the best one, and 0 where the maximum-likelihood estimate exists; each fit is to all rows, and certified;
        each row is left out by one Newton step from it, with `cluster` each cluster. `model.path` has the log loss at
        each value. Multiplying all weights by a number multiplies `l2` by it, up to its third digit, and changes no
        prediction. With an `l1_ratio` above 0: l1_path=True with 5 folds, as what leaves a row or cluster out under an
        L1 penalty is not a Newton step away. docs/inference.md.
        Firth's penalty, half the log-determinant of the information (Jeffreys' prior), for separated classes and rare
        events: finite coefficients, less biased ones. "flic" refits the intercept after it, and "flac" adds a
        covariate, so that the mean prediction is the base rate. Weights are counts in it. docs/firth.md.
    {offset}
    {sample_weight}
    {counts}
    cluster : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        Rows with equal values depend on each other: standard errors take clusters, not rows, as independent (the
        jackknife CV3, with as many degrees of freedom as there are effective clusters, less one). Of several columns
        each combination of values is one cluster, unless `two_way`.
    {pos_label}
    missing : {"error", "drop", "indicator"}
        What to do with rows in which a feature is missing; "indicator" gives them a coefficient of their own.
    covariance : {"information", "HC0", "HC1", "HC2", "HC3", "CR1", "CR2", "CV3"}, optional
        The estimate of the covariance matrix that standard errors come from. "information", the inverse of the
        Hessian, assumes a correct model; it takes `sample_weight` as numbers of rows and ignores `cluster`. The
        sandwich of independent rows does not assume one: "HC0"; "HC1", times n / (n − k); "HC2" and "HC3", whose
        residuals are divided by the root of 1 − leverage, and by 1 − leverage. With `cluster`, the sandwich of
        clusters: "CR1", times G / (G − 1), as Stata's `vce(cluster)`; "CR2", Bell and McCaffrey's, with their degrees
        of freedom; "CV3", the jackknife that leaves out one cluster at a time. Not used with `l1` or `l2`. If
        left out, "CV3" where `cluster` is given, "HC3" where `sample_weight` is, else "information". With `shapes` or
        `pooled`
        standard errors are those of the posterior distribution, given how much each part is held back; "information"
        takes `sample_weight` as numbers of rows there, too, and otherwise only the ratios of weights count; with
        `cluster` there are none.
    two_way : bool
        With two columns in `cluster`: rows depend on each other where they share the value of either, not only of both
        (CR1 of either column, added up, less CR1 of their combinations).
    interval : {"wald", "profile"}, optional
        The 95% intervals and p-values of the coefficients. "wald": coefficient ± 1.96 standard errors, or Student's
        quantile where they have degrees of freedom. "profile": profile-likelihood intervals and likelihood-ratio tests,
        of the penalised likelihood under Firth's penalty; for independent rows, covariance="information" and at most
        200 coefficients. If left out, "profile" where `penalty` is given and "profile" is allowed (not for large
        tables, with a note), else "wald".
    leave_one_out : bool
        Whether to compute the leave-one-out log loss: `model.out_of_sample`. Not under Firth's penalty. With `cluster`,
        too, rows are left out one by one.
    {header}
    tolerance : float > 0
        The fit ends once it is certified to be within this distance of the minimum, in nats per row; under Firth's
        penalty it bounds the expected gain of another step.
    max_passes : int ≥ 1
        Maximum number of passes over the rows; then the fit stops with a ConvergenceWarning. Other phases that read
        the rows have limits of their own (Notes).
    start : LogisticModel, optional
        Where to begin: a model whose coefficients are finite and have the same names, with an intercept if this one has
        one; any other is not used. It changes the number of passes, not the result.
    engine : distributed.Client, SparkSession, "dask" or "spark", optional
        The engine that reads the files; "dask" or "spark" start one on this machine. A frame of theirs needs none, and
        is held in the engine's memory where it allows that (docs/scale.md). The certificate is that of one machine;
        coefficients differ by rounding and, where passes are expensive, by at most 1e-5 of a standard error.
    {progress}
    on_pass : function, optional
        Called with the `Pass` after each pass.

    Returns
    -------
    LogisticModel
        Coefficients, standard errors, log loss and certificate; `predict_proba` predicts, `measure` evaluates, `save`
        writes it. With `shapes` or `pooled` an AdditiveModel: effects of the terms instead of coefficients. Of a sparse
        matrix a WideModel.

    Raises
    ------
    DataError
        If the data or options are invalid, or only one class occurs.
    SourceNotFound
        If a path does not exist.

    Warns
    -----
    ConvergenceWarning
        If the fit ends before it is certified to be within `tolerance` of the minimum.
    SeparationWarning
        If the classes are separated and there is no penalty, so that no finite maximum-likelihood estimate exists.

    Notes
    -----
    Cost: one pass to learn the columns and to draw a sample, then a handful of passes, O(n_rows · n_features) each
    and O(n_rows · n_features²) where it forms the Hessian; memory O(n_features²), and of a table in memory of up
    to 33 million numbers a checked copy of columns that are not floats: 256 MB at most. A large table is begun by
    Newton's method on growing subsamples; then few Hessians and L-BFGS between them. A table in memory of which at
    least half of the sample repeats other rows is begun at the optimum of its distinct rows, each with the weight of
    those equal to it; a pass or two over all rows follow. A table in memory of up to 524,288 numbers, without
    categories and outliers, is checked once and begun at the optimum of every eighth row. The bound is proved in
    docs/certificate.md. Without a penalty one more pass may form the information matrix, another one the sandwich or
    the parts of clusters. With `l2_path` one walk over the rows serves one pass of every fold: about two walks for each
    value of `l2`, and the arithmetic of all fits; tables in memory of that size need no walks for it. The fit of each
    fold is certified to `tolerance`, too. With `l1_path` it is about two passes for each value and fold, each of which
    forms the Hessian; where rows are read from files, a walk serves several values. A fold whose training rows have one
    class only predicts their base rate, with half a row of each class added, at every value.
    With penalty="auto" each value takes two or three passes over all rows; one walk that costs as much as a Hessian
    for each value has the leave-one-out losses of all, one more walk those of each value of the refinement, and with
    `cluster` one more for each value its clusters' Hessians: of up to 4,096 clusters with 2 million numbers together,
    else of groups of whole clusters. Memory O(n_features²) for each value.
    With `l1` each pass forms the Hessian: five to eight passes are usual, and between them coordinate descent and
    a factor of the coefficients that are not 0, O(n_features²) and more.
    A sparse matrix takes a handful of passes, and about three products with the Hessian for each, each of which is a
    walk, O(number of values) and at most 200 a step; memory for about 12 vectors of n_features beside it, two more for
    each of up to 16 parts, and a block of up to 34 MB. With `l1` it takes five to ten passes, and between them walks
    over copies of the columns that matter, by rows and by columns: at most three times the memory of the matrix. With
    `l1_path` it takes about one pass for each value, of each fold and of all rows, and memory for the coefficients of
    all these fits that are not 0.
    Firth's penalty takes two passes a step, 10 to 40 altogether; profiles usually take 10 to 120 more for all
    coefficients together, at most 1,000, each of which evaluates up to three points for each coefficient.
    The leave-one-out log loss refits the model without each row for up to 1,000 rows, takes one more pass for up to
    200,000, and uses a random sample of a twentieth of larger tables, at most 400,000 rows.

    Limits are counted, not timed: the result does not depend on the speed of the machine. Each phase has its own, and
    the name that `progress.on_phase` is called with; Ctrl-C ends any of them.

    ============================== ==================================================================================
    phase                          limit
    ============================== ==================================================================================
    columns                        1 walk over the rows; 2 where a column of a text file turns out to hold text; as
                                   many more for products and splines among the features
    starting sample                20 steps on each of its nested subsamples, or 25 on every eighth row, or
                                   `max_passes` over rows that differ; no walk
    passes                         `max_passes`, line searches included; once, up to 4 walks more that determine
                                   which columns are linearly dependent; before them, with `shapes` or `pooled`, up
                                   to 12 that choose how much each part is held back; with `pairs`, 9 for each of
                                   four updates of theirs, mostly 2
    separation                     1,000 walks; 2 · 10^10 iterations of linear programs times values, a minute or two
    passes over rows not separated what is left of `max_passes`, at least 1
    profile likelihood             1,000 walks, with interval="profile"
    information matrix             2 walks
    standard errors                1 walk; 3 with `two_way`
    leave-one-out                  1 walk; refits of up to 5 · 10^12 products, and one search for separation
    ============================== ==================================================================================

    If a limit leaves separation undecided, or the leave-one-out log loss not computed, `model.notes` has a note on
    it.

    References
    ----------
    Boyd, S. & Vandenberghe, L. (2004). Convex Optimization, sections 5.5.1 and 9.5. doi:10.1017/CBO9780511804441

    Firth, D. (1993). Bias reduction of maximum likelihood estimates. Biometrika 80(1), 27-38.
    doi:10.1093/biomet/80.1.27

    Hastie, T., Tibshirani, R. & Friedman, J. (2009). The Elements of Statistical Learning, 2nd ed., section 7.10.
    doi:10.1007/978-0-387-84858-7

    Wood, S. N. (2011). Fast stable restricted maximum likelihood and marginal likelihood estimation of semiparametric
    generalized linear models. Journal of the Royal Statistical Society B 73(1), 3-36.
    doi:10.1111/j.1467-9868.2010.00749.x

    Examples
    --------
    >>> import logloss
    >>> model = logloss.fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1], l2=1.0)
    >>> round(model.coefficients["x"], 4)
    0.9583
    """
    options = FitOptions(
        l2=l2,
        l1=l1,
        fit_intercept=fit_intercept,
        covariance=covariance,
        two_way=two_way,
        leave_one_out=leave_one_out,
        tolerance=tolerance,
        max_passes=max_passes,
        l2_path=l2_path,  # type: ignore[arg-type]
        l1_path=l1_path,  # type: ignore[arg-type]
        l1_ratio=l1_ratio,  # type: ignore[arg-type]
        selection=selection,
        penalty=penalty,
        interval=interval,
        penalty_factors=penalty_factors,  # type: ignore[arg-type]
        group_levels=group_levels,
    )
    choice_of_shapes = shape_choice(shapes, pooled, pairs)
    if choice_of_shapes is not None:
        check_options(options, start)
    elif monotonic_cst is not None:
        constraints_of(monotonic_cst, None, ())
    is_table = features is not None or isinstance(y_true, str)
    rows = RowOptions(
        y_true=y_true if is_table else None,
        offset=offset,
        sample_weight=sample_weight,
        counts=counts,
        cluster=cluster,
        pos_label=pos_label,
        missing=missing,
        header=header,
        engine=engine,
        progress=progress,
    )
    additive = {"shapes": shapes, "pooled": pooled, "pairs": pairs, "monotonic_cst": monotonic_cst}
    return fit_of(
        FitRequest(
            data,
            y_true,
            rows,
            options,
            features=features,
            feature_names=feature_names,
            exclude=(exclude,) if isinstance(exclude, str) else tuple(exclude),
            categories=categories,
            reference=reference or {},
            shapes=choice_of_shapes,
            additive=additive,
            cv=cv,
            start=start,
            on_pass=on_pass,
        )
    )
