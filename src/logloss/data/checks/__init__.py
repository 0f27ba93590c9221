"""Every rule about what may be in a table, applied to one run of rows at a time by `Block.of`."""
