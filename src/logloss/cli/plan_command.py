"""The command that plans a comparison: how many rows, before there are any or after a pilot."""

from __future__ import annotations

from typing import Any

import click

from logloss.cli.options import everywhere, fail_if_option, seen, writes_result
from logloss.cli.outputs import Outputs, as_usage, given_outputs


@click.command()
@click.argument("pilot", required=False, metavar="[PILOT]")
@click.option("--std", type=float, metavar="S", help="Guess of the standard deviation of the difference of two losses.")
@click.option("--difference", type=float, metavar="D", help="Smallest difference worth detecting, in nats per row.")
@click.option(
    "--margin", type=float, metavar="M", help="Non-inferiority: show that the new one is worse by less than M."
)
@click.option("--rows", "n_rows", type=int, metavar="N", help="Rows that there will be: what they show.")
@click.option("--base-rate", type=float, metavar="B", help="Share of positives to come, where a guess cannot know it.")
@click.option("--power", type=float, default=0.8, show_default=True, help="Probability with which it is to be shown.")
@click.option(
    "--confidence",
    type=float,
    default=0.95,
    show_default=True,
    help="Of the two-sided interval; a margin uses one end.",
)
@click.option("--pairs", "n_pairs", type=int, metavar="K", help="Pairs whose intervals hold at once.")
@click.option("--pair", nargs=2, metavar="A B", help="Which two forecasts of the pilot, if not the best two.")
@writes_result
@fail_if_option
@seen
@everywhere
@given_outputs
def plan(outputs: Outputs, pilot: str | None, **words: Any) -> None:
    """Plan how many rows show which of two forecasts is better, or that a new one is hardly worse.

    PILOT is a comparison that `logloss compare … -o PILOT` has written; without one, guess with --std. What a pilot
    happened to show is not the true difference: name the smallest worth detecting.
    """
    if (pilot is None) == (words["std"] is None):
        raise click.UsageError("name a PILOT, or guess how much the difference varies: --std S.")
    outputs.check(*([pilot] if pilot else []))

    from logloss import comparison
    from logloss.files.load import load

    if pilot is not None:
        outputs.deliver(comparison.plan(load(pilot), **words))
        return
    # Without a file there is no data that could be wrong.
    with as_usage():
        planned = comparison.plan(**words)
    outputs.deliver(planned)
