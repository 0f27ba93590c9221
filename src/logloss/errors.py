"""Every exception and warning of logloss.

    LogLossError                 base class of all errors
    ├── DataError                the data is wrong                    (a ValueError)
    ├── SourceNotFound           there is no such file or folder      (a FileNotFoundError)
    ├── MissingPackage           an optional package is not installed (an ImportError)
    └── EngineError              Dask or Spark could not do it        (a RuntimeError)
    ConvergenceWarning           a fit stopped before it was certified
    └── SeparationWarning        no finite coefficients minimise the loss

A message states what was expected, what was passed, where, and what to do next.

>>> issubclass(DataError, ValueError)
True
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# A message and its class, as the caller's interface words and classes them.
Rewording = Callable[[str, type[Warning]], tuple[str, type[Warning]]]
_rewording: ContextVar[Rewording | None] = ContextVar("rewording", default=None)


class LogLossError(Exception):
    """Any error that logloss raises on purpose.

    Examples
    --------
    >>> issubclass(SourceNotFound, LogLossError)
    True
    """


class DataError(LogLossError, ValueError):
    """Invalid data or arguments; the message states what was expected, what was found, where, and what to do.

    Examples
    --------
    >>> import logloss
    >>> try:
    ...     logloss.log_loss([0, 1], [0.5, 1.2])
    ... except logloss.DataError as error:
    ...     print(error)
    `y_proba` must lie in [0, 1]; row 1 has 1.2. If it holds log-odds, pass it as `y_logit`.
    """


class SourceNotFound(LogLossError, FileNotFoundError):
    """A file, folder or pattern names nothing that can be read.

    Examples
    --------
    >>> import logloss
    >>> try:
    ...     logloss.measure("no-such-file.csv", y_true="y", y_proba="p")
    ... except logloss.SourceNotFound as error:
    ...     print(error)
    there is no file or folder "no-such-file.csv".
    """


class MissingPackage(LogLossError, ImportError):
    """An optional package is needed; the message says how to install it.

    Examples
    --------
    >>> issubclass(MissingPackage, ImportError)
    True
    """


class EngineError(LogLossError, RuntimeError):
    """An engine failed while it read the rows; there is no partial answer.

    Examples
    --------
    >>> issubclass(EngineError, LogLossError)
    True
    """


class ConvergenceWarning(UserWarning):
    """A fit ended before its certificate was within the tolerance; the message says why.

    Examples
    --------
    >>> issubclass(ConvergenceWarning, UserWarning)
    True
    """


class SeparationWarning(ConvergenceWarning):
    """The labels are separable: without a penalty no finite coefficients minimise the loss.

    Examples
    --------
    >>> issubclass(SeparationWarning, ConvergenceWarning)
    True
    """


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line outside this package that made the call."""
    rewording = _rewording.get()
    if rewording is not None:
        message, category = rewording(message, category)
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


@contextmanager
def reworded(rewording: Rewording) -> Iterator[None]:
    """Inside, warnings of this package have the words and the class that an interface to it gives them."""
    # Not `catch_warnings`, which replaces the filters of all threads.
    token = _rewording.set(rewording)
    try:
        yield
    finally:
        _rewording.reset(token)
