"""The explanation of binary cross-entropy: one page of pictures, for points on a line or for any predictions."""
