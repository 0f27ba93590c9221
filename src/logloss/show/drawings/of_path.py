"""What the picture of a penalty path shows."""

from __future__ import annotations

import math

from logloss.answers.small_table import SmallTable
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_path import choice_of, loss_of, path_rows, sentences_of
from logloss.text import capital
from logloss.training.model import LogisticModel
from logloss.training.penalty_path import PenaltyPath
from logloss.training.wide_model import WideModel


def title_of(path: PenaltyPath | None) -> str:
    """What the picture shows."""
    return f"{capital('log loss of held-out rows' if path is None else loss_of(path))} by penalty"


def path(model: LogisticModel | WideModel) -> Drawing:
    """The log loss of held-out rows at each l2, with its interval; the chosen value."""
    own = model.path
    if own is None:
        reason = 'the penalty was not chosen from the data; pass l2_path=True or penalty="auto"'
        return not_drawn("path", title_of(own), reason)
    drawn = [point for point in own.points if point.l2 > 0 and math.isfinite(point.log_loss)]
    numbers = path_rows(own)[0]
    if len(drawn) < 2:
        return not_drawn("path", title_of(own), "it needs two values of l2 above 0 with a finite loss", numbers)
    table = SmallTable(
        {
            "l2": [point.l2 for point in drawn],
            "log_loss": [float(point.log_loss) for point in drawn],
            "low": [point.log_loss.low for point in drawn],
            "high": [point.log_loss.high for point in drawn],
        }
    )
    strong = own.within_one_standard_error
    figures = {
        "chosen_l2": own.l2,
        "chosen_log_loss": float(own.chosen.log_loss),
        "within_one_standard_error_l2": strong.l2,
        "within_one_standard_error_log_loss": float(strong.log_loss),
        "is_strong_chosen": strong.l2 == own.l2,
        "loss": loss_of(own),
    }
    words = [choice_of(own), *(capital(sentence) for sentence in sentences_of(own))]
    sentence = f"{'. '.join(words)}. The band is the 95% interval of each loss on new rows."
    return Drawing("path", title_of(own), sentence, {"path": table}, figures, numbers)
