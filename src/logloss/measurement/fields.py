"""The figures of the decomposition and of unlabelled rows in the JSON of a measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logloss.answers.figures import put, put_estimate
from logloss.inference.unlabelled_rows import NOT_KEPT

if TYPE_CHECKING:
    from logloss.inference.decomposition import Discrimination, Miscalibration
    from logloss.measurement.answer import Measurement


def put_parts(figures: dict[str, Any], discrimination: Discrimination, part: Miscalibration) -> None:
    """Discrimination and miscalibration, raw and without overfitting, and the null distribution of the latter."""
    put(figures, "discrimination_nats", discrimination)
    put_estimate(figures, "discrimination_excess_nats", discrimination.excess)
    put(figures, "miscalibration_nats", part)
    put(figures, "miscalibration_nats_lowest", part.lowest)
    put(figures, "miscalibration_nats_highest", part.highest)
    put(
        figures,
        "miscalibration_expected_if_calibrated_nats",
        part.expected_if_calibrated,
        part.expected_if_calibrated_reason,
    )
    put(
        figures,
        "miscalibration_quantile_95_if_calibrated_nats",
        part.quantile_95_if_calibrated,
        part.expected_if_calibrated_reason or "not computed for 12 rows or fewer",
    )
    put(figures, "miscalibration_p_value", part.p_value, part.expected_if_calibrated_reason)
    put_estimate(figures, "miscalibration_excess_nats", part.excess)
    put(figures, "overfitting_nats", part.overfitting, part.excess.reason)


def put_unlabelled(figures: dict[str, Any], m: Measurement) -> None:
    """Rows whose label is missing: mean prediction, what they are expected to cost, how their scores differ."""
    reason, rows = why_none(m.n_unlabelled), m.unlabelled
    figures["n_unlabelled"] = m.n_unlabelled
    if m.n_unlabelled is None:
        figures["n_unlabelled_reason"] = reason
    put(figures, "unlabelled_mean_proba", m.unlabelled_mean_proba, reason)
    put(figures, "unlabelled_expected_log_loss_nats", m.unlabelled_expected_log_loss, reason)
    if rows is None:
        return
    put(figures, "unlabelled_share", rows.share)
    put_estimate(figures, "expected_on_unlabelled_nats", rows.log_loss)
    put_estimate(figures, "expected_on_unlabelled_if_base_rate_changed_nats", rows.log_loss_if_base_rate_changed)
    put_estimate(figures, "base_rate_unlabelled", rows.base_rate)
    put(figures, "base_rate_unlabelled_fit_p_value", rows.base_rate_fit_p_value, rows.base_rate.reason)
    put(figures, "unlabelled_shift_p_value", rows.shift_p_value, NOT_KEPT)
    put(figures, "unlabelled_psi", rows.psi, NOT_KEPT)


def why_none(n_unlabelled: int | None) -> str:
    """Why there are no figures of rows without a label."""
    return "not kept by the logloss that wrote the summary" if n_unlabelled is None else "there are none"
