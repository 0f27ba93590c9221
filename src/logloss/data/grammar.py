"""The grammar of features: what a text such as `site * log(price)` means, by a parser of its own. No code is run.

    feature  =  term, { "*", term }          a * b is a + b + a:b, as in R
    term     =  factor, { ":", factor }      a:b is the product alone
    factor   =  name | function, "(", name, { ",", option, "=", whole number }, ")"
    name     =  letters, digits, "_" and "." | "`", any characters, "`"

>>> [str(term) for term in terms_of("site * log(price)", ["site", "price"])]
['site', 'log(price)', 'site:log(price)']
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple, NoReturn

from logloss.data.rows import unknown_column
from logloss.errors import DataError
from logloss.text import listed, printable

# The options of each function: of each its least and greatest value.
OF_NUMBERS = ("log", "log1p", "sqrt")
OF_DATES = ("year", "month", "day", "weekday", "hour", "days")
SPLINE, HASH = "bs", "hash"
OPTIONS: dict[str, dict[str, tuple[int, int]]] = {
    **{name: {} for name in (*OF_NUMBERS, *OF_DATES)},
    SPLINE: {"knots": (0, 100), "df": (1, 105), "degree": (1, 5)},
    HASH: {"bits": (1, 26)},
}
KNOWN = (
    f"{', '.join(OF_NUMBERS)} of numbers; {', '.join(OF_DATES)} of dates; {SPLINE}, a spline of numbers; {HASH}, the "
    "words of a text"
)
# The names that others have for these.
SYNONYMS = {"ln": "log", "dayofweek": "weekday", "dow": "weekday", "ns": "bs", "cr": "bs", "spline": "bs", "s": "bs"}
# More factors make more columns than anybody reads.
MOST_FACTORS = 4
TOKEN = re.compile(r"\s*(?:(?P<quoted>`(?:[^`]|``)*`)|(?P<word>[\w.]+)|(?P<mark>[()*:,=]))")
PLAIN = re.compile(r"[\w.]+")
QUOTED = re.compile(r"(`(?:[^`]|``)*`)")
# The words and signs of a name.
PIECES = re.compile(r"[\w.]+|[^\w.\s]")
# What makes a text an expression; any other text is the name of a column.
SIGNS = re.compile(r"[(`*:]")


@dataclass(frozen=True, slots=True)
class Factor:
    """A column, or a function of it with options."""

    column: str
    function: str = ""
    options: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        own = self.column if PLAIN.fullmatch(self.column) else quoted(self.column)
        if not self.function:
            return own
        return f"{self.function}({', '.join([own, *(f'{name}={value}' for name, value in self.options)])})"


@dataclass(frozen=True, slots=True)
class Term:
    """The product of some factors, or one alone."""

    factors: tuple[Factor, ...]

    @property
    def is_column(self) -> bool:
        """Whether it is a column of the table as it stands."""
        return len(self.factors) == 1 and not self.factors[0].function

    @property
    def name(self) -> str:
        """What it is called: a column by its name, without quotes."""
        return self.factors[0].column if self.is_column else str(self)

    def __str__(self) -> str:
        return ":".join(map(str, self.factors))


class Token(NamedTuple):
    """A piece of the text. kind: quoted, word or mark; at: its first character, from 1."""

    kind: str
    text: str
    at: int


def quoted(name: str) -> str:
    """The name of a column in backticks."""
    return "`" + name.replace("`", "``") + "`"


def terms_of(text: str, names: Sequence[str]) -> tuple[Term, ...]:
    """The terms that a feature stands for, main effects first. names: the columns of the table.

    A text that is the name of a column is that column. Within an expression a name with other characters than letters,
    digits, _ and . is quoted: where one is not, and the text with its quotes is an expression, the text is refused.
    """
    if text in names or not SIGNS.search(text):
        return (Term((Factor(text),)),)
    _refuse_unquoted(text, names)
    return _Parser(text, names).feature()


def same_feature(text: str, features: Sequence[str], columns: Sequence[str]) -> str:
    """The one of some features that a text means as features are written: of `bs( age )` `bs(age)`; else the text.

    columns: those that the features are computed of.
    """
    if text in features or not SIGNS.search(text):
        return text
    wanted = _factors_in(text, columns)
    return next((name for name in features if wanted and _factors_in(name, columns) == wanted), text)


def _factors_in(text: str, columns: Sequence[str]) -> frozenset[Factor]:
    """The factors of a text that is one term; none of any other text."""
    try:
        terms = terms_of(text, columns)
    except DataError:
        return frozenset()
    return frozenset(terms[0].factors) if len(terms) == 1 else frozenset()


def _refuse_unquoted(text: str, names: Sequence[str]) -> None:
    """Refuse names without the quotes that they need: of a column `hours per week`, or `log(x)` beside a column `x`."""
    bare = " ".join(QUOTED.split(text)[::2])
    spellings = {name: _spelling(name, bare) for name in names if not PLAIN.fullmatch(name)}
    found = [name for name, spelling in spellings.items() if spelling and re.search(spelling, bare)]
    # The longest first: it may have others in it.
    found.sort(key=len, reverse=True)
    for some in (found, *([name] for name in found)):
        whole = text
        for name in some:
            pieces = QUOTED.split(whole)
            own = quoted(name).replace("\\", r"\\")
            pieces[::2] = [re.sub(spellings[name], own, piece) for piece in pieces[::2]]
            whole = "".join(pieces)
        if whole != text and _is_expression(whole, names):
            shown = listed([f'"{printable(name)}"' for name in some], 3)
            raise DataError(
                f'the feature "{printable(text, 200)}" has the name of the column {shown} in it; within an expression '
                f'it stands in backticks: "{printable(whole, 200)}". If something else is meant, rename the column.'
            )


def _spelling(name: str, text: str) -> str:
    """A pattern of a name by itself, whatever spaces are in it; "" where a text does not have its words and signs."""
    pieces = PIECES.findall(name)
    if not pieces or not all(piece in text for piece in pieces):
        return ""
    found = re.escape(pieces[0])
    for before, after in pairwise(pieces):
        both_words = PLAIN.fullmatch(before) and PLAIN.fullmatch(after)
        found += (r"\s+" if both_words else r"\s*") + re.escape(after)
    starts, ends = PLAIN.fullmatch(pieces[0]), PLAIN.fullmatch(pieces[-1])
    return (r"(?<![\w.])" if starts else "") + found + (r"(?![\w.])" if ends else "")


def _is_expression(text: str, names: Sequence[str]) -> bool:
    try:
        _Parser(text, names).feature()
    except DataError:
        return False
    return True


class _Parser:
    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text, self.names = text, names
        self.tokens = list(self._tokens())
        self.place = 0

    def _tokens(self) -> Iterator[Token]:
        at, end = 0, len(self.text.rstrip())
        while at < end:
            found = TOKEN.match(self.text, at)
            if found is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip())
                self.fail(f'a name, a function, "*" or ":" is expected at character {at + 1}; got', self.text[at], at)
            kind = found.lastgroup or ""
            yield Token(kind, found[kind], found.start(kind) + 1)
            at = found.end()

    def fail(self, expected: str, got: str = "", at: int | None = None) -> NoReturn:
        """Raise with what is wrong, and, where the text may be the name of a column, with the names that are near."""
        hint = ""
        if at is not None and got in "+-/^'\"~|%[{":
            hint = {
                "+": " Name several features in a list.",
                "-": " Leave out what is not to be a feature, and quote names with backticks: `a-b`.",
                "'": " Quote names with backticks: `a b`.",
                '"': " Quote names with backticks: `a b`.",
            }.get(got, " Quote names with other characters than letters, digits, _ and . with backticks: `a b`.")
        hint += self.hint_of_column()
        got = f' "{printable(got)}"' if got else ""
        raise DataError(
            f'the feature "{printable(self.text, 200)}" is no column, and as an expression {expected}{got}.{hint}'
        )

    def hint_of_column(self) -> str:
        """The column whose name is nearly the whole text."""
        close = difflib.get_close_matches(self.text, self.names, n=1, cutoff=0.75)
        return f' Did you mean the column "{printable(close[0])}"?' if close else ""

    @property
    def now(self) -> Token:
        """The token at hand; one of no kind at the end."""
        return self.tokens[self.place] if self.place < len(self.tokens) else Token("", "", len(self.text) + 1)

    def takes(self, *marks: str) -> str:
        """The mark at hand if it is one of these, which is then behind; "" otherwise."""
        token = self.now
        if token.kind != "mark" or token.text not in marks:
            return ""
        self.place += 1
        return token.text

    def fail_list(self) -> NoReturn:
        """Refuse several features in one text."""
        depth, cuts = 0, [0]
        for token in self.tokens:
            depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "mark" else 0
            if (token.kind, token.text, depth) == ("mark", ",", 0):
                cuts.append(token.at)
        each = [self.text[a:b].rstrip().rstrip(",").strip() for a, b in pairwise([*cuts, len(self.text)])]
        shown = ", ".join(f'"{printable(own)}"' for own in each)
        raise DataError(
            f'the feature "{printable(self.text, 200)}" has a comma: several features are a list, [{shown}].'
        )

    def needs(self, what: str) -> NoReturn:
        """Raise, as something else stands here."""
        if not self.now.kind:
            self.fail(f"it ends where {what} is expected")
        self.fail(f"{what} is expected at character {self.now.at}; got", self.now.text, self.now.at - 1)

    def feature(self) -> tuple[Term, ...]:
        """The terms of the whole text."""
        crossed = [self.term()]
        while self.takes("*"):
            crossed.append(self.term())
        if self.now.text == ",":
            self.fail_list()
        if self.now.kind:
            self.needs('"*" or ":"')
        found: dict[frozenset[Factor], Term] = {}
        for n_crossed in range(1, len(crossed) + 1):
            for some in combinations(crossed, n_crossed):
                factors = tuple(dict.fromkeys(factor for term in some for factor in term))
                found.setdefault(frozenset(factors), Term(factors))
        if any(factor.function == HASH for own in found if len(own) > 1 for factor in own):
            self.fail(f"it has a product with {HASH}(…), which stands alone")
        if max(map(len, found)) > MOST_FACTORS:
            self.fail(f"it has a product of {max(map(len, found))} factors; at most {MOST_FACTORS} are allowed")
        return tuple(found.values())

    def term(self) -> tuple[Factor, ...]:
        factors = [self.factor()]
        while self.takes(":"):
            factors.append(self.factor())
        twice = [factor for number, factor in enumerate(factors) if factor in factors[:number]]
        if twice:
            self.fail(f'it has "{twice[0]}" twice in one product; a curve is bs({twice[0].column})')
        return tuple(factors)

    def factor(self) -> Factor:
        token = self.now
        name = self.name("a column or a function")
        if token.kind == "quoted" or not self.takes("("):
            self.check_column(name)
            return Factor(name)
        if name not in OPTIONS:
            self.fail_function(name)
        inner = self.now
        column = self.name("a column")
        if inner.kind == "word" and self.now.text == "(":
            self.fail(f"{name}() takes the name of a column, not a function; got", column + "(…)")
        self.check_column(column)
        options: dict[str, int] = {}
        while self.takes(","):
            options |= [self.option(name, options)]
        if not self.takes(")"):
            self.needs('"," or ")"' if OPTIONS[name] else '")"')
        if "df" in options and "knots" in options:
            self.fail(f"{name}() takes `knots` or `df`, not both: df is the number of knots plus the degree")
        found = Factor(column, name, tuple(sorted(options.items())))
        if str(found) in self.names:
            raise DataError(
                f'in the feature "{printable(self.text, 200)}": "{printable(str(found))}" would be {name}() of the '
                f'column "{printable(column)}", and the table has a column of that name. Rename it.'
            )
        return found

    def name(self, what: str) -> str:
        token = self.now
        if token.kind not in ("quoted", "word"):
            self.needs(what)
        self.place += 1
        return token.text if token.kind == "word" else token.text[1:-1].replace("``", "`")

    def option(self, function: str, given: dict[str, int]) -> tuple[str, int]:
        """One option with its value."""
        known = OPTIONS[function]
        if not known:
            self.needs(f'")" ({function}() has no options)')
        name = self.now.text
        if self.now.kind != "word" or name not in known or name in given:
            self.needs(f"an option of {function}() ({', '.join(known)}, each once)")
        self.place += 1
        if not self.takes("="):
            self.needs(f'"=" after {name}')
        low, high = known[name]
        value = self.now.text
        if not (value.isdecimal() and value.isascii() and low <= int(value[:9]) <= high):
            self.needs(f"a whole number from {low} to {high} for {name}")
        self.place += 1
        return name, int(value)

    def check_column(self, name: str) -> None:
        """Refuse a column that the table does not have."""
        if name not in self.names:
            hint = self.hint_of_column()
            if self.now.kind == "word":
                hint += " A name with spaces stands in backticks: `a b`."
            error = unknown_column(name, self.names)
            raise DataError(f'in the feature "{printable(self.text, 200)}": {error}{hint}')

    def fail_function(self, name: str) -> NoReturn:
        """Refuse a function that is none."""
        close = SYNONYMS.get(name.lower()) or next(iter(difflib.get_close_matches(name.lower(), OPTIONS, n=1)), "")
        hint = f" Did you mean {close}()?" if close else " Make other columns in the table."
        raise DataError(
            f'the feature "{printable(self.text, 200)}" has no function {printable(name)}(). The functions are: '
            f"{KNOWN}.{hint}"
        )
