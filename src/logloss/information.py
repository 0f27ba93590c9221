"""Log loss, surprisal, entropy, cross-entropy and KL divergence of arrays, exact to the last digits.

For points that share one prediction p and of which a share q is positive, cross-entropy = entropy + KL:

>>> q, p = 0.7, 0.5
>>> round(cross_entropy(q, p), 4), round(entropy(q), 4), round(kl_divergence(q, p), 4)
(0.6931, 0.6109, 0.0823)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from logloss.data.binding import bind
from logloss.data.block import Block
from logloss.data.columns import as_array
from logloss.data.request import RowOptions, described
from logloss.data.rows import Array
from logloss.data.source import UncheckedPart, warn_of_order
from logloss.data.values import Value
from logloss.errors import DataError
from logloss.text import NATS_PER_BIT, value_text

UNITS = {"nats": 1.0, "bits": NATS_PER_BIT}


@described
def log_loss(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    y_logit: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    counts: ArrayLike | None = None,
    pos_label: Value = None,
    missing: str = "error",
    unit: str = "nats",
) -> float:
    r"""Mean log loss of predicted probabilities, in nats (or bits) per row.

    Smaller is better; 0 only if every outcome was predicted with certainty, infinite if one certain prediction was
    wrong. Also called binary cross-entropy. Nothing is clipped.

    .. math:: -\frac{1}{\sum_i w_i} \sum_i w_i \{ y_i \ln p_i + (1-y_i) \ln(1-p_i) \}

    Parameters
    ----------
    y_true : array of shape (n_rows,)
        Observed labels: 0 or 1 (or −1 and 1, or bools), the share of ones among repeated trials in [0, 1], or two
        classes of which `pos_label` is positive.
    y_proba : array of shape (n_rows,) or (n_rows, 2), values in [0, 1], optional
        Predicted probability of 1; or the probabilities of both classes in sorted order of the labels, of which that of
        the observed class is used.
    y_logit : array of shape (n_rows,), any real or ±inf, optional
        Log-odds of 1, instead of `y_proba`.
    sample_weight : array of shape (n_rows,), values ≥ 0, optional
        Weight of each row; 2 counts like two equal rows, 0 like none. All ones if left out.
    counts : array of shape (n_rows,), whole numbers ≥ 0, optional
        Number of times each row occurs.
    {pos_label}
    {missing}
    unit : {"nats", "bits"}
        Unit of the result.

    Returns
    -------
    float
        Nats (or bits) per unit of weight, in [0, inf], within 2 ULP of the exact value (4 with weights).

    Raises
    ------
    DataError
        If lengths differ, a value leaves its domain, something is missing, or no row has weight.

    Notes
    -----
    Cost: one pass, O(n_rows) time, O(1) memory. The result does not depend on the order of the rows, to the bit.
    Terms with y_i = 0 and p_i = 0 are 0 by continuity.

    References
    ----------
    Good, I. J. (1952). Rational decisions. J. R. Stat. Soc. B 14(1), 107-114. doi:10.1111/j.2517-6161.1952.tb00104.x

    Examples
    --------
    Predicting one half has a loss of ln 2, one bit:

    >>> log_loss([0, 1], [0.5, 0.5])
    0.6931471805599453
    >>> log_loss([0, 1], [0.5, 0.5], unit="bits")
    1.0
    >>> log_loss([1, 1], [1.0, 0.0])
    inf
    """
    from logloss.onepass.run import judged, map_and_merge
    from logloss.onepass.summaries import LossSum

    nats = unit_in_nats(unit)
    requested = RowOptions(
        y_proba=y_proba,
        y_logit=y_logit,
        sample_weight=sample_weight,
        counts=counts,
        pos_label=pos_label,
        missing=missing,
    )
    source, roles = bind(y_true, requested)
    parts = source.parts(roles.columns, roles.keys)
    summary = map_and_merge([UncheckedPart(part, roles) for part in parts], LossSum())
    return float(judged(summary, source, roles).log_loss / nats)


@described
def surprisal(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    y_logit: ArrayLike | None = None,
    pos_label: Value = None,
    unit: str = "nats",
) -> Array:
    """Log loss of each row: −log of the predicted probability of the observed class, in nats (or bits).

    At least 0; infinite where that probability is 0. The mean is the log loss. Also called self-information.

    Parameters
    ----------
    y_true : array of shape (n_rows,)
        Observed labels, as in `log_loss`.
    y_proba : array of shape (n_rows,) or (n_rows, 2), values in [0, 1], optional
        Predicted probability of 1, or of 0 and 1.
    y_logit : array of shape (n_rows,), any real or ±inf, optional
        Log-odds of 1, instead of `y_proba`.
    {pos_label}
    unit : {"nats", "bits"}
        Unit of the result.

    Returns
    -------
    array of shape (n_rows,)
        Nats (or bits), in [0, inf]; within 1 ULP for labels 0 and 1, 3 for shares.

    Raises
    ------
    DataError
        If lengths differ, a value leaves its domain, or something is missing.

    Notes
    -----
    Cost: one pass, O(n_rows) time and memory.

    Examples
    --------
    >>> surprisal([1, 0, 1], [0.5, 0.75, 1.0], unit="bits").tolist()
    [1.0, 2.0, 0.0]
    """
    from logloss.data.checks.labels import judge_coding
    from logloss.onepass.kernels.losses import soft_surprisals, surprisals
    from logloss.onepass.run import blocks_in_order
    from logloss.onepass.summaries import forecast_of

    nats = unit_in_nats(unit)
    source, roles = bind(y_true, RowOptions(y_proba=y_proba, y_logit=y_logit, pos_label=pos_label))
    out = np.empty(source.n_rows or 0)
    coding: set[tuple[str, Any]] = set()

    def fill(block: Block) -> None:
        kernel = surprisals if block.y_true.dtype == np.uint8 else soft_surprisals
        kernel(block.y_true, *forecast_of(block), out[block.first_row : block.first_row + block.n_rows])
        coding.update(block.coding)

    blocks_in_order(source, roles, fill)
    judge_coding(frozenset(coding), roles)
    return out if nats == 1.0 else out / nats


def entropy(q: ArrayLike, *, unit: str = "nats") -> Any:
    r"""Entropy H(q) of a label that is 1 with probability q, in nats (or bits), elementwise.

    The uncertainty of the label: 0 at q = 0 and 1, largest at q = ½ (ln 2 nats, one bit). Also the expected log loss of
    the true probability.

    .. math:: H(q) = -q \ln q - (1-q) \ln(1-q)

    Parameters
    ----------
    q : float or array, values in [0, 1]
        Probability of 1.
    unit : {"nats", "bits"}
        Unit of the result.

    Returns
    -------
    float or array of the shape of `q`
        In [0, ln 2] nats, within 3 ULP.

    Raises
    ------
    DataError
        If a value leaves [0, 1].

    Notes
    -----
    Cost: O(size) time.

    References
    ----------
    Shannon, C. E. (1948). A mathematical theory of communication. Bell Syst. Tech. J. 27, 379-423, section 6.
    doi:10.1002/j.1538-7305.1948.tb01338.x

    Examples
    --------
    >>> entropy([0.0, 0.5, 1.0], unit="bits").tolist()
    [0.0, 1.0, 0.0]
    """
    from logloss.onepass.kernels.losses import entropies

    return elementwise(entropies, unit, q=q)


def cross_entropy(q: ArrayLike, p: ArrayLike, *, unit: str = "nats") -> Any:
    r"""Cross-entropy H(q, p): expected log loss of the prediction p if q is the true probability, in nats (or bits),
    elementwise.

    At least H(q), and equal to it only if p = q; infinite if p is 0 or 1 and q is not equal to it. True probability
    first, prediction second.

    .. math:: H(q, p) = -q \ln p - (1-q) \ln(1-p) = H(q) + \mathrm{KL}(q \| p)

    Parameters
    ----------
    q : float or array, values in [0, 1]
        True probability of 1.
    p : float or array that broadcasts with `q`, values in [0, 1]
        Predicted probability of 1.
    unit : {"nats", "bits"}
        Unit of the result.

    Returns
    -------
    float or array
        In [0, inf], within 3 ULP.

    Raises
    ------
    DataError
        If a value leaves [0, 1].

    Notes
    -----
    Cost: O(size) time.

    References
    ----------
    Cover, T. M. & Thomas, J. A. (2006). Elements of Information Theory, 2nd ed., section 2.3. doi:10.1002/047174882X

    Examples
    --------
    >>> round(cross_entropy(0.7, 0.5), 4)
    0.6931
    """
    from logloss.onepass.kernels.losses import soft_surprisals

    return elementwise(lambda true, predicted, out: soft_surprisals(true, predicted, None, None, out), unit, q=q, p=p)


def kl_divergence(q: ArrayLike, p: ArrayLike, *, unit: str = "nats") -> Any:
    r"""KL divergence KL(q ‖ p) = H(q, p) − H(q), in nats (or bits), elementwise.

    The expected log loss of the prediction p beyond that of the true probability q: 0 only if they are equal, infinite
    if p is 0 or 1 and q is not equal to it; not symmetric. Also called relative entropy. Accurate near 0, where the
    difference of H(q, p) and H(q) is rounding.

    Parameters
    ----------
    q : float or array, values in [0, 1]
        True probability of 1.
    p : float or array that broadcasts with `q`, values in [0, 1]
        Predicted probability of 1.
    unit : {"nats", "bits"}
        Unit of the result.

    Returns
    -------
    float or array
        In [0, inf].

    Raises
    ------
    DataError
        If a value leaves [0, 1].

    Notes
    -----
    Cost: O(size) time.

    References
    ----------
    Kullback, S. & Leibler, R. A. (1951). On information and sufficiency. Ann. Math. Stat. 22(1), 79-86.
    doi:10.1214/aoms/1177729694

    Examples
    --------
    >>> kl_divergence(0.5, 0.5)
    0.0
    >>> f"{kl_divergence(0.3, 0.3 + 1e-10):.9g}"
    '2.38095277e-20'
    """
    from logloss.onepass.kernels.losses import divergences

    return elementwise(divergences, unit, q=q, p=p)


def unit_in_nats(unit: str) -> float:
    """One unit, in nats."""
    if unit not in UNITS:
        raise DataError(f'`unit` must be "nats" or "bits"; got {value_text(unit)}.')
    return UNITS[unit]


def broadcast(**values: ArrayLike) -> tuple[list[Array], tuple[int, ...]]:
    """Probabilities of common shape as flat float64 arrays, and that shape."""
    arrays = []
    warn_of_order({f"`{name}`": value for name, value in values.items()})
    for name, value in values.items():
        found = as_array(value, name)
        try:
            array = found.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"`{name}` must hold probabilities: {error}.") from error
        if found.dtype.kind in "OUS" and any(isinstance(each, str | bytes) for each in found.reshape(-1)):
            raise DataError(f"`{name}` must hold probabilities; it holds text. Convert it to numbers first.")
        bad = ~((array >= 0) & (array <= 1))
        if bad.any():
            index = tuple(int(k) for k in np.argwhere(bad)[0])
            where = f" at {index[0] if len(index) == 1 else index}" if index else ""
            raise DataError(f"`{name}` must lie in [0, 1]; got {value_text(array[index])}{where}.")
        arrays.append(array)
    try:
        arrays = list(np.broadcast_arrays(*arrays))
    except ValueError as error:
        shapes = " and ".join(str(array.shape) for array in arrays)
        raise DataError(f"`q` and `p` must have shapes that broadcast; they have {shapes}.") from error
    return [np.ascontiguousarray(array).reshape(-1) for array in arrays], arrays[0].shape


def elementwise(kernel: Callable[..., None], unit: str, **values: ArrayLike) -> Any:
    """A kernel applied to probabilities, in their shape; a float for floats."""
    nats = unit_in_nats(unit)
    arrays, shape = broadcast(**values)
    out = np.empty(len(arrays[0]))
    kernel(*arrays, out)
    scaled = out if nats == 1.0 else out / nats
    return scaled.reshape(shape) if shape else float(scaled[0])
