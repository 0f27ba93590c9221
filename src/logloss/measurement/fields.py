"""What the JSON of a measurement says of its parts and of rows without a label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logloss.answers.figures import put, put_estimate

if TYPE_CHECKING:
    from logloss.inference.decomposition import Discrimination, Miscalibration
    from logloss.measurement.answer import Measurement


def put_parts(figures: dict[str, Any], known: Discrimination, wrong: Miscalibration) -> None:
    """What is known of discrimination and miscalibration, what chance alone would show, and what is overfitting."""
    put(figures, "discrimination_nats", known)
    put_estimate(figures, "discrimination_excess_nats", known.excess)
    put(figures, "miscalibration_nats", wrong)
    put(figures, "miscalibration_nats_lowest", wrong.lowest)
    put(figures, "miscalibration_nats_highest", wrong.highest)
    put(
        figures,
        "miscalibration_expected_if_calibrated_nats",
        wrong.expected_if_calibrated,
        wrong.expected_if_calibrated_reason,
    )
    put(
        figures,
        "miscalibration_quantile_95_if_calibrated_nats",
        wrong.quantile_95_if_calibrated,
        wrong.expected_if_calibrated_reason or "all outcomes",
    )
    put(figures, "miscalibration_p_value", wrong.p_value, wrong.expected_if_calibrated_reason)
    put_estimate(figures, "miscalibration_excess_nats", wrong.excess)
    put(figures, "overfitting_nats", wrong.overfitting, wrong.excess.reason)


def put_unlabelled(figures: dict[str, Any], m: Measurement) -> None:
    """What is known of rows without a label yet."""
    reason = "not kept by the logloss that wrote the summary" if m.n_unlabelled is None else "there are none"
    figures["n_unlabelled"] = m.n_unlabelled
    if m.n_unlabelled is None:
        figures["n_unlabelled_reason"] = reason
    put(figures, "unlabelled_mean_proba", m.unlabelled_mean_proba, reason)
    put(figures, "unlabelled_expected_log_loss_nats", m.unlabelled_expected_log_loss, reason)
