"""A table becomes blocks: where rows come from, and every rule about what may be in them."""
