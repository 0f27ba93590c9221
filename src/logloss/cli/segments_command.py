"""The command that finds segments in which predictions are miscalibrated, or lose most."""

from __future__ import annotations

from typing import Any

import click

from logloss.cli.inputs import split
from logloss.cli.options import everywhere, fail_if_option, keywords, one_or_two, rows, seen, writes_result
from logloss.cli.outputs import Outputs, given_outputs
from logloss.text import counted


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@rows("y_true", "y_proba", "y_logit")
@click.option("--features", metavar="A,B", help="Columns to search; by default all that have no other role.")
@click.option("--exclude", metavar="A,B", help="Columns that are not searched.")
@click.option("--no-pairs", is_flag=True, help="Search single columns only, not pairs of them.")
@click.option("--most", type=int, default=10, show_default=True, help="Most segments to name.")
@rows("sample_weight", "pos_label", "cluster", "missing", "no_header")
@writes_result
@fail_if_option
@seen
@everywhere
@given_outputs
def segments(
    outputs: Outputs,
    files: tuple[str, ...],
    y_proba: tuple[str, ...],
    y_logit: str | None,
    features: str | None,
    exclude: str | None,
    no_pairs: bool,
    most: int,
    **words: Any,
) -> None:
    """Find segments of the rows in which predictions are miscalibrated, or lose most.

    Segments are levels of categories, intervals of numbers, and pairs of these. P-values and intervals hold over the
    whole search.
    """
    if bool(y_proba) + (y_logit is not None) != 1 or len(y_proba) > 2:
        raise click.UsageError("name the predictions by one of -p COL (probabilities) and -z COL (log-odds).")
    outputs.check(*files)

    from logloss import segmentation

    requested = keywords(words) | {"y_proba": one_or_two(y_proba), "y_logit": y_logit}
    table = outputs.opened(files, no_header=words["no_header"])
    requested |= {"features": split(features, table) or None, "exclude": split(exclude, table) or ()}
    with outputs.bar(table) as progress:
        found = segmentation.segments(table, **requested, pairs=not no_pairs, most=most, progress=progress)
    outputs.deliver(
        found, f"{counted(found.n_segments, 'segment')} tested in {counted(found.n_passes, 'pass', 'passes')}"
    )
