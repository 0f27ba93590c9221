"""The command that watches a forecaster over time: summaries of periods, in the order of time."""

from __future__ import annotations

import click

from logloss.cli.options import everywhere, fail_if_option, seen, writes_result
from logloss.cli.outputs import Outputs, as_usage, given_outputs
from logloss.text import counted


@click.command()
@click.argument("summaries", nargs=-1, required=True, metavar="SUMMARY...")
@click.option(
    "--reference",
    type=int,
    metavar="N",
    help="How many of the first periods later ones are compared with: by default 8 (of fewer all but the last), with "
    "--within independent 1.",
)
@click.option(
    "--within",
    type=click.Choice(["dependent", "independent"]),
    default="dependent",
    show_default=True,
    help="Dependence of rows within a period, given the predictions. dependent: any; how much periods vary is "
    "estimated from the periods. independent: none; the variance follows from the number of rows.",
)
@click.option(
    "--alpha",
    type=float,
    default=0.05,
    show_default=True,
    metavar="A",
    help="Probability of any false alarm in the whole run.",
)
@fail_if_option
@writes_result
@seen
@everywhere
@given_outputs
def watch(outputs: Outputs, summaries: tuple[str, ...], reference: int | None, within: str, alpha: float) -> None:
    """Watch the log loss by period, and detect a change: --fail-if "alarm == 1".

    SUMMARY is written by `logloss measure -o`, one for each period, in the order of time; a folder of .logloss files or
    a glob is taken in the order of the numbers in their names.
    """
    outputs.check(*summaries)

    from logloss.files.period_files import records_of
    from logloss.monitoring import watch_records
    from logloss.monitoring.watch import check_options

    with as_usage():
        check_options(reference, within, alpha)
    names, records = records_of(summaries)
    found = watch_records(names, records, reference=reference, within=within, alpha=alpha)
    outputs.deliver(found, f"{counted(found.n_periods, 'period')} read and watched")
