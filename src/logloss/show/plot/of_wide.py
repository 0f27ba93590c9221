"""Pictures of a model of a sparse matrix: those of any model."""

from __future__ import annotations

from logloss.show.plot.of_model import coefficients, height_mm, passes
from logloss.show.plot.of_path import path, path_coefficients

DRAWN = {"coefficients": coefficients, "passes": passes, "path": path, "path_coefficients": path_coefficients}

__all__ = ["DRAWN", "height_mm"]
