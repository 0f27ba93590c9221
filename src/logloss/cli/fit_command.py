"""Commands that train a model and predict with it."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import click

from logloss.answers.estimate import CONFIDENCE
from logloss.cli.inputs import check_label, split, split_features
from logloss.cli.options import everywhere, fail_if_option, keywords, output, rows, seen
from logloss.cli.outputs import Outputs, given_outputs
from logloss.cli.streams import check_stdout, say_notes, say_warnings, stdout_named, to_stderr, to_stdout
from logloss.text import counted

if TYPE_CHECKING:
    from logloss.data.source import MemorySource
    from logloss.training.predict import Predictor

# `--l2-path` and `--l1-path` without a value.
ALONE = "auto"
# `--shapes` for all columns, and `--pairs` for those that the data speak for.
AUTO = "auto"


def path_of(_context: click.Context, option: click.Parameter, given: str | None) -> bool | int | list[float] | None:
    """`l2_path=` or `l1_path=` from the command line: no value, one whole number, or numbers between commas."""
    if given is None or given == ALONE:
        return None if given is None else True
    if given.isdecimal():
        return int(given)
    try:
        return [float(each) for each in given.split(",")]
    except ValueError as error:
        raise click.UsageError(
            f"{option.opts[0]} takes no value, a number of values, or values such as 10,1,0.1; got {given!r}. Without "
            "a value it must not come directly before a file."
        ) from error


def level_of(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    """`--interval` from the command line: no value, or a confidence level."""
    try:
        if given in (None, ALONE) or 0 < float(given) < 1:
            return given
    except ValueError:
        pass
    raise click.UsageError(
        f"--interval takes no value, or a confidence level such as 0.9; got {given!r}. Without a value it must not "
        "come directly before a file."
    )


def ratios_of(given: str | None) -> list[float] | None:
    """`l1_ratio=` from the command line: numbers between commas."""
    if given is None:
        return None
    try:
        return [float(each) for each in given.split(",")]
    except ValueError as error:
        raise click.UsageError(f"--l1-ratio must read like 0.5 or 0.5,1; got {given!r}.") from error


def shapes_of(given: str | None) -> str | dict[str, str] | None:
    """`shapes=` from the command line: `auto`, or columns with their kinds between commas."""
    if given is None or given == AUTO:
        return given
    pairs = [each.rpartition("=") for each in given.split(",") if each.strip()]
    if not pairs or not all(name.strip() and kind.strip() for name, _, kind in pairs):
        raise click.UsageError(f"--shapes must be auto, or read like age=smooth,hour=cyclic; got {given!r}.")
    return {name.strip(): kind.strip() for name, _, kind in pairs}


def directions_of(given: str | None) -> dict[str, int] | None:
    """`monotonic_cst=` from the command line: columns with 1, -1 or 0, between commas."""
    if given is None:
        return None
    pairs = [each.rpartition("=") for each in given.split(",") if each.strip()]
    if not pairs or not all(name.strip() and value.strip() in ("1", "-1", "0", "+1") for name, _, value in pairs):
        raise click.UsageError(f"--monotonic-cst must read like age=1,income=-1; got {given!r}.")
    return {name.strip(): int(value) for name, _, value in pairs}


def pairs_of(given: tuple[str, ...]) -> str | list[tuple[str, str]] | None:
    """`pairs=` from the command line: `auto`, or two columns with a comma between them, each time it is given."""
    if given in ((), (AUTO,)):
        return AUTO if given else None
    named = [[name.strip() for name in each.split(",")] for each in given]
    for each, names in zip(given, named, strict=True):
        if len(names) != 2 or not all(names) or names[0] == names[1]:
            raise click.UsageError(
                f"--pairs must be auto, or two columns such as --pairs age,hours, repeated for each pair; got {each!r}."
            )
    return [(first, second) for first, second in named]


def factors_of(given: tuple[str, ...]) -> dict[str, float] | None:
    """`penalty_factors=` from the command line: columns with their factors."""
    found = {}
    for each in given:
        name, _, factor = each.rpartition("=")
        try:
            found[name.strip()] = float(factor)
        except ValueError as error:
            raise click.UsageError(f"--penalty-factor must read like age=0; got {each!r}.") from error
        if not name.strip():
            raise click.UsageError(f"--penalty-factor must read like age=0; got {each!r}.")
    return found or None


def folds_of(given: str | None) -> int | str | None:
    """`cv=` from the command line: a number of folds, or the name of a column."""
    return int(given) if given is not None and given.isdecimal() else given


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@rows("y_true_or_svmlight")
@click.option(
    "--features",
    metavar="A,B",
    help="Columns to use, and what is made of columns: log(price), bs(age), month(date), site*device, site:device; if "
    "left out, all columns that can be used.",
)
@click.option("--exclude", metavar="A,B", help="Columns not to use.")
@click.option("--categories", metavar="A,B", help="Numeric columns to treat as categorical.")
@click.option(
    "--reference", multiple=True, metavar="COL=LEVEL", help="Reference level of a categorical column (repeatable)."
)
@click.option(
    "--l2",
    type=float,
    default=0.0,
    metavar="X",
    help="Strength of the L2 penalty on the summed loss, 1 / C in scikit-learn; 0: none.",
)
@click.option(
    "--l1",
    type=float,
    default=0.0,
    metavar="X",
    help="Strength of the L1 penalty on the summed loss, under which coefficients may be 0; 0: none.",
)
@click.option(
    "--penalty-factor",
    "penalty_factors",
    multiple=True,
    metavar="COL=X",
    callback=lambda _context, _option, given: factors_of(given),
    help="What --l1 and --l2 are multiplied with for a column, 0: no penalty (repeatable).",
)
@click.option(
    "--penalty",
    type=click.Choice(["auto", "firth", "flic", "flac"]),
    help="auto: choose the L2 penalty by the leave-one-out log loss; with --l1-ratio by 5 folds. Others: Firth's "
    "penalty, for separated classes and rare events; with flic and flac the mean prediction is the base rate.",
)
@click.option(
    "--group-levels", is_flag=True, help="Keep the levels of a category together under --l1: all are 0, or none."
)
@click.option(
    "--no-intercept", "fit_intercept", is_flag=True, flag_value=False, default=True, help="Fit without an intercept."
)
@click.option(
    "--l2-path",
    is_flag=False,
    flag_value=ALONE,
    # Checked before FILE, which is missing where this took it for its value.
    callback=path_of,
    metavar="[N|X,Y]",
    help="Choose the L2 penalty by cross-validation, from N values or those listed. Without a value (not directly "
    "before FILE) from values that suit the data.",
)
@click.option(
    "--l1-path",
    is_flag=False,
    flag_value=ALONE,
    callback=path_of,
    metavar="[N|X,Y]",
    help="The same for the L1 penalty: from N values (100 if left out) below the least at which every coefficient is "
    "0, or those listed.",
)
@click.option(
    "--l1-ratio",
    metavar="R[,R]",
    callback=lambda _context, _option, given: ratios_of(given),
    help="With --l1-path or --penalty auto: share of the L1 penalty, 1 for L1 alone, below it elastic net; of several "
    "the best is chosen.",
)
@click.option(
    "--cv",
    metavar="K|COL",
    help="With --l2-path or --l1-path: number of folds (5 if left out), or column of folds.",
)
@click.option(
    "--selection",
    type=click.Choice(["best", "one_standard_error"]),
    help="With a path or --penalty auto: the least log loss, or the largest penalty within one standard error of it.",
)
@click.option(
    "--shapes",
    metavar="auto|COL=KIND,…",
    # Checked before the files are opened.
    callback=lambda _context, _option, given: shapes_of(given),
    help="Additive model: auto, every column of numbers a smooth term; or by name smooth, linear or cyclic, the others "
    "smooth. Categories are pooled. Precisions are chosen from the data.",
)
@click.option(
    "--pairs",
    multiple=True,
    metavar="auto|A,B",
    callback=lambda _context, _option, given: pairs_of(given),
    help="With --shapes: add what pairs of columns contribute together: auto, those that the data speak for; or two "
    "columns (repeatable).",
)
@click.option(
    "--monotonic-cst",
    metavar="COL=1|-1,…",
    callback=lambda _context, _option, given: directions_of(given),
    help="With --shapes: columns whose contribution must not decrease (1) or not increase (-1) anywhere.",
)
@click.option(
    "--pooled",
    metavar="A,B",
    help="Categorical columns whose levels are partially pooled (random effects); with --shapes all if left out.",
)
@click.option("--offset", metavar="COL", help="Column added to the log-odds.")
@rows("sample_weight", "counts", "cluster", "pos_label")
@click.option(
    "--missing",
    type=click.Choice(["error", "drop", "indicator"]),
    default="error",
    help="Rows in which a feature is missing; indicator: add a missing-value indicator.",
)
@click.option(
    "--covariance",
    type=click.Choice(["information", "HC0", "HC1", "HC2", "HC3", "CR1", "CR2", "CV3"]),
    help="Covariance estimate of the standard errors: information matrix, sandwich of rows (HC), or of clusters (CR, "
    "CV). If left out, CV3 with clusters, HC3 with weights, else information.",
)
@click.option(
    "--two-way",
    is_flag=True,
    help="Two-way clusters: rows that share a value of either column of --cluster depend on each other.",
)
@click.option(
    "--interval",
    type=click.Choice(["wald", "profile"]),
    help="Intervals of coefficients. If left out, profile with --penalty (wald for weights, clusters, another "
    "covariance and large tables), else wald.",
)
@click.option(
    "--tolerance",
    type=float,
    metavar="X",
    help="The fit ends once it is certified to be within this distance of the minimum, in nats per row.",
)
@click.option(
    "--per",
    type=click.Choice(["unit", "sd"]),
    default="unit",
    help="Print coefficients of numbers per unit of their column, or per standard deviation.",
)
@click.option("--max-passes", type=int, metavar="N", help="Maximum number of passes over the rows.")
@rows("no_header")
@fail_if_option
@output("MODEL", "Write the model, as JSON.")
@seen
@everywhere
@given_outputs
def fit(
    outputs: Outputs,
    files: tuple[str, ...],
    y_true: str | None,
    features: str | None,
    exclude: str | None,
    categories: str | None,
    pooled: str | None,
    reference: tuple[str, ...],
    per: str,
    **words: Any,
) -> None:
    """Fit a logistic regression or an additive model to Parquet, CSV or svmlight files.

    It minimises the log loss (plus an optional L1 or L2 penalty), with a proven bound on the distance from the minimum;
    or it maximises Firth's penalised likelihood.
    """
    if features and exclude:
        raise click.UsageError("pass --features or --exclude, not both.")
    if per != "unit" and (words["shapes"] or pooled):
        raise click.UsageError("--per is for coefficients; with --shapes or --pooled effects are printed.")
    levels = [each.partition("=") for each in reference]
    if not all(name and sign for name, sign, _ in levels):
        raise click.UsageError("--reference must read like sex=Male.")
    words |= {"cv": folds_of(words["cv"])}
    outputs.check(*files)

    from logloss.training import fit
    from logloss.training.model import LogisticModel
    from logloss.training.wide_model import WideModel

    table = outputs.opened(files, no_header=words["no_header"])
    check_label(table, y_true)
    with warnings.catch_warnings(record=True) as caught, outputs.bar(table) as progress:
        warnings.simplefilter("always")
        model = fit.fit(
            table,
            y_true,
            features=split_features(features, table),
            exclude=split(exclude, table) or (),
            categories=split(categories, table),
            pooled=split(pooled, table),
            reference={name: level for name, _, level in levels},
            progress=progress,
            on_pass=None if progress is None else progress.on_pass,
            **keywords(words),
        )
    passes = counted(len(model.passes), "pass", "passes")
    text = None
    if isinstance(model, WideModel):
        passes += f", {counted(model.n_products, 'product')} with the Hessian, {model.n_megabytes:,.1f} MB of values"
    if isinstance(model, LogisticModel):
        text = repr(model.summary(per=per))
        if model.path is not None:
            passes += f", {counted(model.path.n_walks, 'walk')} for the path"
    # The text of a model ends with its notes.
    outputs.deliver(model, passes, caught=caught, has_notes=outputs.as_json, text=text)


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--calibration", metavar="C", help="Calibration written by `logloss calibrate -o`, applied to the predictions."
)
@click.option(
    "--interval",
    is_flag=False,
    flag_value=ALONE,
    callback=level_of,
    metavar="[LEVEL]",
    help="Write limits of the probability, y_proba_low and y_proba_high: of the model at this confidence level (0.95 "
    "if left out), by the delta method; with --calibration its Venn–Abers pair, which has no level.",
)
@click.option("--negatives-kept", type=float, default=1.0, metavar="R", help="Share of negatives that training kept.")
@click.option(
    "--keep", metavar="A,B", help="Columns to write beside the predictions; of svmlight files `label` is the only one."
)
@click.option(
    "--missing",
    type=click.Choice(["error", "drop"]),
    help="Rows in which a feature is missing; drop: they get no prediction. As in training if left out.",
)
@rows("no_header")
@output("OUT", "A .parquet or .csv file, or - for CSV on stdout.", required=True)
@everywhere
@given_outputs
def predict(
    outputs: Outputs,
    model: str,
    files: tuple[str, ...],
    calibration: str | None,
    interval: str | None,
    negatives_kept: float,
    keep: str | None,
    missing: str | None,
    no_header: bool,
) -> None:
    """Predict the rows of files with a model: a column y_proba of P(1)."""
    path = outputs.output or ""
    kind = os.path.splitext(path)[1].lower().lstrip(".")
    if path == "-":
        check_stdout()
        outputs.output = None
    elif kind not in ("parquet", "csv"):
        raise click.UsageError("-o must end in .parquet or .csv, or be - for CSV on stdout.")
    outputs.check(model, calibration, *files)

    from logloss.calibration import Calibration
    from logloss.files.load import load_as, load_model
    from logloss.files.storage import replacing
    from logloss.training.matrix_input import is_svmlight
    from logloss.training.predict import ScoredSource, notes_on_lacking
    from logloss.training.prediction_interval import SourceWithErrors
    from logloss.training.written_predictions import ProbabilityLimits, mapping_of, scored_svmlight, write_predictions

    fitted = load_model(model)
    predictor = fitted.predictor
    calibrated = None if calibration is None else load_as(Calibration, calibration)
    mapped = mapping_of(calibrated, negatives_kept)
    limits = None
    if interval is not None:
        if calibrated is not None and interval != ALONE:
            raise click.UsageError("--interval has no level with --calibration: a Venn–Abers pair is written.")
        level = CONFIDENCE if interval == ALONE else float(interval)
        limits = ProbabilityLimits.of(fitted, calibrated, negatives_kept, level)
    errors = None if limits is None else limits.errors
    table = outputs.opened(files, no_header=no_header)
    caught: list[warnings.WarningMessage] = []
    scored: ScoredSource | SourceWithErrors | MemorySource
    with ExitStack() as stack:
        progress = stack.enter_context(outputs.bar(table))
        if is_svmlight(table):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                scored = scored_svmlight(table, predictor, progress, errors)
        else:
            # A model of a sparse matrix refuses a table as it is read.
            scored = ScoredSource(table, cast("Predictor", predictor), predictor.answer_to(missing))
            scored = scored if errors is None else SourceWithErrors(scored, errors)
        if path == "-":
            stack.enter_context(stdout_named())
        stream = sys.stdout.buffer if path == "-" else stack.enter_context(replacing(path))
        n_rows = write_predictions(
            scored,
            stream,
            kind or "csv",
            keep=split(keep, table) or (),
            mapped=mapped,
            limits=limits,
            progress=progress,
        )
    if outputs.as_json and path != "-":
        to_stdout(f'{{"schema": 1, "n_rows": {n_rows}}}')
    if not outputs.quiet:
        if negatives_kept != 1:
            to_stderr(f"corrected: training kept {negatives_kept:g} of the negatives")
        say_warnings(caught)
        outputs.say_time(f"{n_rows:,} rows predicted")
        say_notes((*scored.notes, *notes_on_lacking(getattr(scored, "lacking", {}))))
