"""How numbers are written."""

import math
import os

from logloss import text
from logloss.show import page


def test_nothing_is_never_written_with_a_sign():
    assert text.fixed(-0.003, 1) == "0.0"
    assert text.fixed(-0.06, 1) == "−0.1"


def test_infinity_is_a_word():
    assert text.fixed(-math.inf, 2) == "−inf"
    assert text.significant(math.inf) == "inf"


def test_sums_take_the_digits_that_they_need():
    assert text.adding_digits(0.6931471805599453, [0.6108643020548935, 0.0822828785050518]) == 6
    assert text.adding_digits(0.5, [0.25, 0.25]) == 4


def test_cells_that_a_terminal_would_obey_are_shown_as_replaced():
    assert text.value_text("\x1b[31m") == '"\ufffd[31m"'
    assert text.value_text(1.0000000000000002) == "1.0000000000000002"


def test_lines_stay_lines_and_nothing_else_is_obeyed():
    assert text.printable_lines("a\x1b[2J\nb\u202e\x07") == "a\ufffd[2J\nb\ufffd\ufffd"
    assert "\x1b" not in page.short_table([["\x1b"], ["\x07<"]], "l")
    assert page.short_paragraphs(["<\x9b>"]) == "<p>&lt;\ufffd&gt;</p>"


def test_a_name_is_called_alike_in_every_locale():
    """Where the locale is not UTF-8, Python hands out the bytes of a name one by one; summaries keep what they were called."""
    assert text.printable("d\udcc3\udcbc.csv") == "dü.csv" == text.printable("dü.csv")
    assert text.printable(os.fsdecode(b"d\xff.csv")) == "d\ufffd.csv"
    assert text.printable("d\ud800.csv") == "d\ufffd.csv"
