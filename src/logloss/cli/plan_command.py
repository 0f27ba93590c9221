"""The command that plans a comparison: sample size and power, with or without a pilot."""

from __future__ import annotations

from typing import Any

import click

from logloss.cli.options import everywhere, fail_if_option, seen, writes_result
from logloss.cli.outputs import Outputs, as_usage, given_outputs


@click.command()
@click.argument("pilot", required=False, metavar="[PILOT]")
@click.option("--std", type=float, metavar="S", help="Assumed standard deviation of the difference of two losses.")
@click.option("--difference", type=float, metavar="D", help="Smallest difference worth detecting, in nats per row.")
@click.option(
    "--margin", type=float, metavar="M", help="Non-inferiority margin: the new one may be worse by less than M."
)
@click.option(
    "--rows", "n_rows", type=int, metavar="N", help="Rows available: their minimum detectable difference and power."
)
@click.option("--base-rate", type=float, metavar="B", help="Expected share of positives, for a caution.")
@click.option("--power", type=float, default=0.8, show_default=True, help="Probability of a significant result.")
@click.option(
    "--confidence",
    type=float,
    default=0.95,
    show_default=True,
    help="Level of the two-sided interval; a margin uses one end.",
)
@click.option("--pairs", "n_pairs", type=int, metavar="K", help="Pairs that are compared simultaneously.")
@click.option("--pair", nargs=2, metavar="A B", help="Two forecasters of the pilot; by default the best two.")
@writes_result
@fail_if_option
@seen
@everywhere
@given_outputs
def plan(outputs: Outputs, pilot: str | None, **words: Any) -> None:
    """Rows needed to detect a difference in log loss, or non-inferiority, with a given power.

    PILOT is a comparison that `logloss compare … -o PILOT` has written; without one, give --std. The difference
    observed in a pilot is an estimate: give the smallest --difference worth detecting.
    """
    if (pilot is None) == (words["std"] is None):
        raise click.UsageError("name a PILOT, or give the standard deviation of the difference: --std S.")
    outputs.check(*([pilot] if pilot else []))

    from logloss import comparison
    from logloss.files.load import load

    if pilot is not None:
        outputs.deliver(comparison.plan(load(pilot), **words))
        return
    # Without a file no data can be wrong.
    with as_usage():
        planned = comparison.plan(**words)
    outputs.deliver(planned)
