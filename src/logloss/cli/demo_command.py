"""The command that explains the log loss: by ten points, or by points of one's own."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from logloss.cli.inputs import check_outputs
from logloss.cli.options import everywhere, rows
from logloss.cli.outputs import Outputs, given_outputs
from logloss.cli.streams import LONGEST, to_stderr, to_stdout
from logloss.text import printable

if TYPE_CHECKING:
    from logloss.show.explanation.answer import Explanation

PICTURES = "./logloss-demo.html"


@click.command()
@click.argument("file", required=False, metavar="[FILE]")
@click.option("-y", "--y-true", metavar="COL", help='Column of labels in FILE, or a comparison: "stars >= 4".')
@click.option("-x", "--feature", metavar="COL", help="Column of numbers in FILE.")
@rows("pos_label")
@click.option("--l2", type=float, metavar="X", help="L2 penalty on the slope of FILE, as in `fit`.  [default: 1.0]")
@rows("no_header")
@click.option("--html", metavar="PAGE", help=f"File to write the page of pictures to, instead of {PICTURES}.")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@everywhere
@given_outputs
def demo(
    outputs: Outputs,
    file: str | None,
    y_true: str | None,
    feature: str | None,
    pos_label: str | None,
    l2: float | None,
    no_header: bool,
    opens: bool,
) -> None:
    """Explain log loss with ten points on a line, or up to 200 of your own in FILE: fitted, measured, decomposed."""
    if file is not None and (y_true is None or feature is None):
        raise click.UsageError("name the columns of FILE: -y COL for the labels, -x COL for the numbers.")
    of_file = {"-y": y_true, "-x": feature, "--pos-label": pos_label, "--l2": l2, "--no-header": no_header or None}
    given = [option for option, value in of_file.items() if value is not None]
    if file is None and given:
        raise click.UsageError(f"{given[0]} needs a FILE, which is left out: logloss demo FILE -y COL -x COL.")
    # Not `outputs.check`: the pictures of a lesson need no matplotlib.
    check_outputs((file,), html=outputs.html)

    from logloss.show.explanation.explain import explain
    from logloss.show.explanation.ten_points import ten_points_explained, ten_points_figures, ten_points_text

    if file is None:
        explanation = ten_points_explained()
    else:
        table = outputs.opened((file,), no_header=no_header)
        explanation = explain(
            table, y_true, feature=feature, pos_label=pos_label, l2=1.0 if l2 is None else l2, header=not no_header
        )
    # With --json no page is written, unless it is named.
    wanted = outputs.html or ("" if outputs.as_json and not opens else PICTURES)
    written = written_pictures(explanation, wanted, is_requested=outputs.html is not None) if wanted else ""
    if outputs.as_json:
        figures = ten_points_figures() if file is None else explanation.to_dict()
        to_stdout(json.dumps(figures, allow_nan=False, indent=1))
    elif file is None:
        to_stdout(ten_points_text(written))
    else:
        to_stdout(repr(explanation) + (f"\n\nPictures: {written}" if written else ""))
    if opens and written:
        import webbrowser
        from pathlib import Path

        if not webbrowser.open(Path(os.path.abspath(written)).as_uri()):
            to_stderr(f"no browser is available here. Open {written} in one.")


def written_pictures(explanation: Explanation, path: str, *, is_requested: bool) -> str:
    """The file that the page was written to; "" where it cannot be written and was not requested by name."""
    try:
        explanation.to_html(path)
    except OSError as error:
        if is_requested:
            raise
        why = error.strerror or str(error)
        to_stderr(f"no pictures: {printable(path)} cannot be written ({why}). Name another file: --html PAGE")
        return ""
    return printable(path, LONGEST)
