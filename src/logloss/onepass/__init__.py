"""Blocks become one summary: the mathematics of a row, of a block, and the one loop over blocks."""
