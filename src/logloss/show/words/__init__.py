"""An answer in words, as people read it."""
