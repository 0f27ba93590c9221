"""The regression table of a model: coefficients, standard errors, tests, odds ratios; per unit or standard deviation.

>>> import logloss
>>> model = logloss.fit([0.0, 10.0, 20.0, 30.0, 40.0], [0, 1, 0, 1, 1])
>>> [round(row["coefficient"], 4) for row in (coefficient_table(model)[1], coefficient_table(model, SD)[1])]
[0.109, 1.5421]
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from logloss.answers.answer import render
from logloss.answers.small_table import SmallTable
from logloss.errors import DataError
from logloss.text import value_text

if TYPE_CHECKING:
    from logloss.training.model import LogisticModel

# By how much a number is changed: by 1, or by its standard deviation in training.
UNIT, SD = "unit", "sd"
COLUMNS = ("name", "coefficient", "std_error", "statistic", "p_value", "low", "high", "reference")
# exp of more is no number.
LARGEST_EXPONENT = 709.0


@dataclass(frozen=True, slots=True, repr=False)
class ModelSummary:
    """The regression table of a model, as `model.summary()` returns it: it prints, and is a table in notebooks.

    Attributes
    ----------
    model : LogisticModel
        Whose coefficients they are.
    per : {"unit", "sd"}
        Whether coefficients and odds ratios are of one unit of a number, or of one standard deviation.

    Examples
    --------
    >>> import logloss
    >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1])
    >>> repr(model.summary()) == repr(model)
    True
    """

    model: LogisticModel
    per: str = UNIT

    @property
    def table(self) -> SmallTable:
        """The same as a table, with the columns of `model.coefficient_table`."""
        return coefficient_table(self.model, self.per)

    def to_pandas(self) -> Any:
        """The table as a pandas.DataFrame whose index is the name of the coefficient; pandas must be installed."""
        return self.table.to_pandas().set_index("name")

    def to_polars(self) -> Any:
        """The table as a polars.DataFrame; polars must be installed."""
        return self.table.to_polars()

    def __repr__(self) -> str:
        text: str = render(self.model.kind, "text")(self.model, self.per)
        return text

    def _repr_html_(self) -> str:
        """The table for notebooks, with what must be known of the fit below it."""
        html: str = render(self.model.kind, "notebook")(self.model, self.per)
        return html


def summary_of(model: LogisticModel, per: str) -> ModelSummary:
    """The summary per unit or per standard deviation."""
    check_per(per)
    return ModelSummary(model, per)


def check_per(per: str) -> None:
    """Refuse a change of numbers that is neither."""
    if per not in (UNIT, SD):
        raise DataError(f'`per` must be "{UNIT}" or "{SD}"; got {value_text(per)}.')


def coefficient_table(model: LogisticModel, per: str = UNIT) -> SmallTable:
    """The intercept and the coefficients, one row each, as `LogisticModel.coefficient_table` describes it."""
    references, sds = model.design.references, model.design.sds if per == SD else {}
    rows = [_row(model, "intercept", model.intercept, None, 1.0)] if model.fit_intercept else []
    for name, value in model.coefficients.items():
        rows.append(_row(model, name, value, name, sds.get(name, 1.0)) | {"reference": references.get(name, "")})
    return SmallTable({key: [row[key] for row in rows] for key in COLUMNS})


def _row(model: LogisticModel, label: str, value: float, name: str | None, change: float) -> dict[str, Any]:
    """A row of that table; name: None of the intercept. change: what the coefficient is multiplied with."""
    error = statistic = p_value = reach = math.nan
    if model.errors is not None:
        error = model.errors.intercept if name is None else model.errors.coefficients[name]
        statistic = value / error if error > 0 else math.nan
        p_value, reach = model.errors.p_value(value, name), model.errors.margin(name)
    ends = (value - reach) * change, (value + reach) * change
    return dict(zip(COLUMNS, (label, value * change, error * change, statistic, p_value, *ends, ""), strict=True))


def odds_ratios(model: LogisticModel, per: str) -> SmallTable:
    """The odds ratio of each coefficient, as `LogisticModel.odds_ratios` describes it."""
    check_per(per)
    sds = model.design.sds
    table = coefficient_table(model, per)
    rows = table[len(table) - len(model.coefficients) :]
    return SmallTable(
        {
            "name": rows["name"],
            "odds_ratio": [_exp(each) for each in rows["coefficient"]],
            "low": [_exp(each) for each in rows["low"]],
            "high": [_exp(each) for each in rows["high"]],
            "change": [sds.get(name, 1.0) if per == SD else 1.0 for name in rows["name"]],
            "reference": rows["reference"],
        }
    )


def _exp(value: float) -> float:
    """e to a coefficient; infinite where that is no number."""
    return math.inf if value > LARGEST_EXPONENT else math.exp(value)
