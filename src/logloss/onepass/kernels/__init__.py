"""The mathematics of a row and of a block, compiled."""
