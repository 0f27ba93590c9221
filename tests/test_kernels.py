"""Every compiled kernel has a twin of its name in plain Python, with which a test compares it."""

from __future__ import annotations

import ast
from pathlib import Path

import reference

from logloss.onepass import kernels

TESTS = Path(__file__).parent


def functions_of(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]


def compiled_names() -> set[str]:
    """Functions decorated @compiled, read from the source: so also where nothing is compiled."""
    return {
        function.name
        for path in Path(kernels.__path__[0]).glob("*.py")
        for function in functions_of(path)
        if any(ast.unparse(decorator) == "compiled" for decorator in function.decorator_list)
    }


def test_every_kernel_has_a_twin_and_every_twin_a_kernel():
    """What else stands in reference.py are parts of twins: they are named here, so that none is forgotten."""
    parts_of_twins = {
        *(
            "ulps_apart",
            "to_53_bits",
            "of_one",
            "of_zero",
            "of_logit",
            "both_of_logit",
            "costs",
            "mixed",
            "at",
            "tally",
            "general_row",
        ),
        *("is_plain", "brier_of", "bits_of", "gap_of", "range_of", "word_of", "split_mix", "rest_of"),
        *("halves", "by_knot", "corners", "entries"),
    }
    twins = {function.name for function in functions_of(Path(reference.__file__))} - parts_of_twins
    assert sorted(twins) == sorted(compiled_names())


def test_every_twin_is_compared_with_its_kernel():
    """By name."""
    tests = "".join(path.read_text(encoding="utf-8") for path in TESTS.glob("test_*.py"))
    assert [name for name in sorted(compiled_names()) if f"reference.{name}(" not in tests] == []
