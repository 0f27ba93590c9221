"""One vocabulary: what people read is in the field's own terms, and a word that has one is not said otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Words that the texts of earlier versions had for things that have a standard term, and that term. Names in the source
# are read as words, too: `n_costliest` is "n costliest".
INSTEAD = {
    r"said|saying|foretold": "predicted",
    r"happened|what happens": "observed; outcome",
    r"by chance|chance alone|beyond chance|than chance|chance levels?|within chance": "expected if perfectly calibrated; null distribution",
    r"costliest|costly": "largest losses",
    r"payers?|pays|who pays|bears? the loss": "loss concentration; account for",
    r"leads?": "difference in log loss; delta",
    r"contests?|rivals?": "pairwise comparison; forecasters",
    r"courses?": "sequential analysis",
    r"expected of itself|promised of|they promise": "expected loss",
    r"saved by|saves|to save": "expected reduction",
    r"settled|settles|tells? apart|told apart|may be chance": "significant; not significant",
    r"worth repairing|repairs?|repaired|repairing": "recalibrate",
    r"shrugs?|coins?": "always predicting one half",
    r"clear since": "first excluded",
    r"furthest apart": "largest differences",
    r"gets? wrong about|what they know|knows more|knows less": "miscalibration; discrimination",
    r"dear|creeping|creeps": "expensive; slow",
    r"over confident|under confident": "overconfident; underconfident",
    r"the truth cost|impossible": "infinite loss; probability 0",
}
# The percent sign stands at its number, and what may be pasted has a hyphen for a minus.
MARKS = {r"\d %": "95%", r"\de−\d": "1e-16"}
READ = [
    *(path for end in ("py", "css", "js") for path in sorted((ROOT / "src").rglob(f"*.{end}"))),
    *sorted((ROOT / "benchmarks").glob("*.py")),
    *(ROOT / name for name in ("README.md", "VISION.md", "CONTRIBUTING.md", "pyproject.toml")),
    *sorted((ROOT / "docs").glob("*.md")),
]
WORD = re.compile("|".join(rf"(?P<w{number}>\b(?:{words})\b)" for number, words in enumerate(INSTEAD)))


def others_in(text: str) -> list[str]:
    """Words of a text that have a better one, with their lines."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        # Names become words: an underscore, a hyphen, a capital within a name.
        words = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\-\s]+", " ", line).lower()
        for match in WORD.finditer(words):
            instead = list(INSTEAD.values())[int(str(match.lastgroup)[1:])]
            found.append(f"{number}: {match[0]!r} (write: {instead})")
        found += [f"{number}: {mark!r} (write {example})" for mark, example in MARKS.items() if re.search(mark, line)]
    return found


@pytest.mark.parametrize("path", READ, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_term_of_the_field_is_used_where_there_is_one(path):
    assert others_in(path.read_text(encoding="utf-8")) == []


def test_the_readme_can_be_read_at_once():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_words_are_found_in_text_and_in_names():
    assert others_in("The costliest rows\nn_costliest = 3\nclass CostliestRow: 9 %") == [
        "1: 'costliest' (write: largest losses)",
        "2: 'costliest' (write: largest losses)",
        "3: 'costliest' (write: largest losses)",
        "3: '\\\\d %' (write 95%)",
    ]
    assert others_in("The largest losses are 9% of 0.6191.") == []
