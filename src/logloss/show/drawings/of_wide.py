"""What the pictures of a model of a sparse matrix show."""

from __future__ import annotations

import math
from collections.abc import Callable

from logloss.answers.small_table import SmallTable
from logloss.show.drawings.of_model import FARTHEST, MOST_COEFFICIENTS, passes
from logloss.show.drawings.of_path import path, path_coefficients
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_model import odds_ratio
from logloss.text import counted, printable, significant
from logloss.training.wide_model import WideModel


def coefficients(model: WideModel) -> Drawing:
    """The factor by which one unit more of the columns with the largest coefficients multiplies the odds."""
    largest, title = model.largest(MOST_COEFFICIENTS), "Largest odds ratios"
    if not largest:
        return not_drawn("coefficients", title, "every coefficient is 0")
    n = len(largest)
    table = SmallTable(
        {
            "name": [name for name, _, _ in largest],
            "coefficient": [min(max(value, -FARTHEST), FARTHEST) for _, value, _ in largest],
            "low": [math.nan] * n,
            "high": [math.nan] * n,
            "is_reference": [False] * n,
            "is_heading": [False] * n,
        }
    )
    name, top, _ = largest[0]
    sentence = (
        f"Odds ratios of {printable(model.positive)}, the {n} with the largest effects per standard deviation of "
        f"{counted(model.n_features, 'column')}: {name} multiplies the odds by {odds_ratio(top)} per unit. "
        "Intervals are not available."
    )
    rows = [["", "coefficient", "odds ratio"], *([name, significant(v), odds_ratio(v)] for name, v, _ in largest)]
    return Drawing(
        "coefficients", title, sentence, {"coefficients": table}, {"positive": printable(model.positive)}, rows
    )


KINDS: dict[str, Callable[[WideModel], Drawing]] = {
    "coefficients": coefficients,
    "passes": passes,
    "path": path,
    "path_coefficients": path_coefficients,
}


def kinds(model: WideModel) -> list[str]:
    """The pictures of the model."""
    lacking = set() if model.path is not None else {"path"}
    if model.path is None or not model.path.names:
        lacking.add("path_coefficients")
    return [kind for kind in KINDS if kind not in lacking]
