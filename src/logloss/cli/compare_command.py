"""Commands that compare: forecasters of the same rows, and two measurements of one forecaster."""

from __future__ import annotations

from typing import Any

import click

from logloss.cli.inputs import split
from logloss.cli.options import everywhere, fail_if_option, keywords, rows, seen, writes_result
from logloss.cli.outputs import Outputs, as_usage, given_outputs
from logloss.text import counted


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@rows("y_true", "y_probas", "y_logits", "sample_weight", "counts", "pos_label", "by_delta", "cluster", "order")
@rows("within")
@click.option(
    "--margin",
    type=float,
    metavar="M",
    help="Largest increase of the log loss that is accepted, in nats per row: adds a verdict on each forecaster beside "
    "the reference.",
)
@click.option("--reference", metavar="COL", help="With --margin: the forecaster in use; the first one if left out.")
@rows("keep", "missing", "no_header")
@writes_result
@fail_if_option
@seen
@everywhere
@given_outputs
def compare(
    outputs: Outputs, files: tuple[str, ...], y_proba: tuple[str, ...], y_logit: tuple[str, ...], **words: Any
) -> None:
    """Compare the log losses of forecasters of the same rows, with paired 95% intervals.

    With --order also a confidence sequence, which stays valid however often results are looked at. With --margin also
    whether each forecaster is non-inferior to the reference: --fail-if "non_inferior == false" makes a gate of it.
    """
    if len(y_proba) + len(y_logit) < 2:
        raise click.UsageError("name two forecasters or more: -p COL -p COL (-z COL for log-odds).")
    outputs.check(*files)

    from logloss import comparison
    from logloss.comparison.verdicts import check_margin

    # Without a file no data can be wrong.
    with as_usage():
        check_margin(words["margin"], words["reference"])

    requested = keywords(words | {"y_proba": y_proba, "y_logit": y_logit})
    table = outputs.opened(files, no_header=words["no_header"])
    requested |= {"keep": split(words["keep"], table) or ()}
    with outputs.bar(table) as progress:
        compared = comparison.compare(table, **requested, progress=progress)
    outputs.deliver(compared, f"{counted(len(compared.pairs), 'pair')} compared in one pass over the rows")


@click.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@writes_result
@fail_if_option
@seen
@everywhere
@given_outputs
def diff(outputs: Outputs, old: str, new: str) -> None:
    """Decompose the change in log loss between two summaries that `logloss measure -o` has written."""
    outputs.check(old, new)

    from logloss import difference
    from logloss.files.load import load_as
    from logloss.measurement import Measurement

    outputs.deliver(difference.diff(load_as(Measurement, old), load_as(Measurement, new)))
