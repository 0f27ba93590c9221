"""Lines of svmlight files, `label index:value index:value …  # comment`, as the arrays of a sparse matrix.

    text  the bytes of whole lines      at, stop  places in them

A decimal number whose digits are a whole number m up to 2^53 and whose power of ten is at most 10^22 is m times, or
over, that power, correctly rounded since both are floats (Clinger 1990). The places of all others are handed back.

Clinger, W. D. (1990). How to read floating point numbers accurately. Proceedings of PLDI '90, 92-101.
doi:10.1145/93542.93557
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import compiled, inlined

# What is wrong with a line.
SOUND, NO_PAIR, NOT_ASCENDING = 0, 1, 2
# What is counted: rows, values, numbers that others read, of a text; of all texts so far lines, words `qid:`, the line
# with the first index of 0, the largest index and its line. Lines are counted from 1; 0 is none.
N_ROWS, N_VALUES, N_OTHERS, N_LINES, N_QUERIES, LINE_OF_ZERO, LARGEST, LINE_OF_LARGEST, N_COUNTS = range(9)
# Of a number that others read: −1 − its row where it is a label, else its place among the values; where it begins and
# ends; its line.
N_OF_OTHER = 4
TAB, NEWLINE, RETURN, SPACE, HASH = 9, 10, 13, 32, 35
PLUS, MINUS, POINT, ZERO, NINE, COLON, LARGE_E, SMALL_E = 43, 45, 46, 48, 57, 58, 69, 101
# The letters of `qid:`.
SMALL_Q, SMALL_I, SMALL_D = 113, 105, 100
TENS = np.array([10.0**k for k in range(23)])
TENS.flags.writeable = False
# Digits that 63 bits hold, whatever they are; up to where all whole numbers are floats; an exponent beyond the floats.
MOST_DIGITS, EXACT, MOST_EXPONENT = 18, 1 << 53, 9999


@inlined
def _past_blanks(text, at, stop):
    """The next place that is no white space within a line; a carriage return is such, too."""
    while at < stop and (text[at] == SPACE or (TAB <= text[at] <= RETURN and text[at] != NEWLINE)):
        at += 1
    return at


@inlined
def _is_end(text, at, stop):
    """Whether a word ends here, or a line."""
    if at >= stop:
        return True
    letter = text[at]
    return (letter <= SPACE and (letter == SPACE or TAB <= letter <= RETURN)) or letter == HASH


@inlined
def _is_end_of_line(text, at, stop):
    """Whether no more words follow."""
    return at >= stop or text[at] == NEWLINE or text[at] == HASH


@inlined
def _past_word(text, at, stop):
    """Where a word ends."""
    while not _is_end(text, at, stop):
        at += 1
    return at


@inlined
def _digits(text, at, stop, number, n_digits):
    """(Past the digits, the number that goes on with them, how many of its digits count): the first ones that fit."""
    while at < stop and ZERO <= text[at] <= NINE:
        if n_digits < MOST_DIGITS:
            number = number * 10 + np.int64(text[at] - ZERO)
        n_digits += number > 0
        at += 1
    return at, number, n_digits


@inlined
def _exponent(text, at, stop):
    """(Past the exponent, its value) where one begins; before it, else."""
    if at >= stop or (text[at] != SMALL_E and text[at] != LARGE_E):
        return at, 0
    first = at + 1
    is_below = first < stop and text[first] == MINUS
    if first < stop and (is_below or text[first] == PLUS):
        first += 1
    past, exponent, _ = _digits(text, first, stop, np.int64(0), 0)
    if past == first:
        return at, 0
    exponent = min(exponent, MOST_EXPONENT)
    return past, -exponent if is_below else exponent


@inlined
def _number(text, start, stop):
    """(The number that is the word at a place, where the word ends, whether it is that number to the bit)."""
    at = start + (start < stop and (text[start] == MINUS or text[start] == PLUS))
    first = at
    at, number, n_digits = _digits(text, at, stop, np.int64(0), 0)
    n_written, power = at - first, 0
    if at < stop and text[at] == POINT:
        first = at + 1
        at, number, n_digits = _digits(text, first, stop, number, n_digits)
        n_written, power = n_written + at - first, first - at
    at, exponent = _exponent(text, at, stop)
    power += exponent
    is_short = n_digits <= MOST_DIGITS and number <= EXACT and -len(TENS) < power < len(TENS)
    if n_written == 0 or not is_short or not _is_end(text, at, stop):
        return 0.0, _past_word(text, at, stop), False
    value = np.float64(number)
    value = value * TENS[power] if power >= 0 else value / TENS[-power]
    return -value if text[start] == MINUS else value, at, True


@inlined
def _past_query(text, at, stop, counts):
    """The next word after one `qid:` of a query, which is counted."""
    is_query = at + 4 <= stop and text[at] == SMALL_Q and text[at + 1] == SMALL_I and text[at + 2] == SMALL_D
    if not (is_query and text[at + 3] == COLON):
        return at
    counts[N_QUERIES] += 1
    return _past_blanks(text, _past_word(text, at, stop), stop)


@inlined
def _note_index(index, counts):
    """What is asked of all indices."""
    if index == 0 and counts[LINE_OF_ZERO] == 0:
        counts[LINE_OF_ZERO] = counts[N_LINES]
    if index > counts[LARGEST] or counts[LINE_OF_LARGEST] == 0:
        counts[LARGEST], counts[LINE_OF_LARGEST] = index, counts[N_LINES]


@inlined
def _note_other(others, counts, what, start, past):
    """A number that others read."""
    own = others[counts[N_OTHERS]]
    own[0], own[1], own[2], own[3] = what, start, past, counts[N_LINES]
    counts[N_OTHERS] += 1


@inlined
def _pairs(text, at, stop, indices, data, others, counts):
    """(What is wrong, the place after the pairs of a row, or that of the word that is none)."""
    before = np.int64(-1)
    while not _is_end_of_line(text, at, stop):
        start = at
        at, index, n_digits = _digits(text, start, stop, np.int64(0), 0)
        is_pair = start < at < stop and text[at] == COLON and n_digits <= MOST_DIGITS
        if not is_pair or _is_end(text, at + 1, stop):
            return NO_PAIR, start
        if index <= before:
            return NOT_ASCENDING, start
        _note_index(index, counts)
        before, start = index, at + 1
        value, at, is_read = _number(text, start, stop)
        place = counts[N_VALUES]
        indices[place], data[place] = index, value
        counts[N_VALUES] += 1
        if not is_read:
            _note_other(others, counts, place, start, at)
        at = _past_blanks(text, at, stop)
    return SOUND, at


@compiled
def svmlight_lines(text, labels, ends, indices, data, others, counts):
    """(What is wrong, where) with the first line that is no row, comment or blank.

    indices: as they are written, of 32 bits, if the largest is so. ends: of each row among the values. others: numbers
    that are to be read elsewhere, shape (n, N_OF_OTHER). Cost: 6 to 8 ns a byte.
    """
    counts[N_ROWS] = counts[N_VALUES] = counts[N_OTHERS] = 0
    at, stop = 0, text.shape[0]
    while at < stop:
        counts[N_LINES] += 1
        at = _past_blanks(text, at, stop)
        if not _is_end_of_line(text, at, stop):
            row, start = counts[N_ROWS], at
            labels[row], at, is_read = _number(text, start, stop)
            if not is_read:
                _note_other(others, counts, -1 - row, start, at)
            at = _past_query(text, _past_blanks(text, at, stop), stop, counts)
            fault, at = _pairs(text, at, stop, indices, data, others, counts)
            if fault != SOUND:
                return fault, at
            ends[row] = counts[N_VALUES]
            counts[N_ROWS] += 1
        while at < stop and text[at] != NEWLINE:
            at += 1
        at += 1
    return SOUND, 0
