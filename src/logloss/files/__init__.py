"""An answer on disk and back: written whole or not at all, checked when it is read."""
