"""The version, where every room may read it.

>>> __version__.count(".")
2
"""

__version__ = "0.1.0"
