"""The grammar of features: what texts mean, what is refused by which words, and that no text ever does anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logloss import DataError
from logloss.data.grammar import OPTIONS, Factor, Term, same_feature, terms_of

NAMES = ["x", "z", "site", "device", "hours per week", "a`b", "log(w)", "2nd", "größe", "bs"]


def texts(text):
    return [str(term) for term in terms_of(text, NAMES)]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("x", ["x"]),
        (" log( x ) ", ["log(x)"]),
        ("x*z", ["x", "z", "x:z"]),
        ("x:z", ["x:z"]),
        ("site * device:x", ["site", "device:x", "site:device:x"]),
        ("site:x * x", ["site:x", "x"]),
        ("x*z*site", ["x", "z", "site", "x:z", "x:site", "z:site", "x:z:site"]),
        ("bs(x, degree = 2,knots=5)", ["bs(x, degree=2, knots=5)"]),
        ("`hours per week` * log(`a``b`)", ["`hours per week`", "log(`a``b`)", "`hours per week`:log(`a``b`)"]),
        ("2nd:größe", ["2nd:größe"]),
        ("bs:x", ["bs:x"]),
        ("`log(w)`:x", ["`log(w)`:x"]),
    ],
)
def test_a_text_stands_for_terms(text, terms):
    assert texts(text) == terms


def test_a_column_goes_before_what_its_name_would_mean():
    (term,) = terms_of("log(w)", NAMES)
    assert term == Term((Factor("log(w)"),))
    assert (term.is_column, term.name, str(term)) == (True, "log(w)", "`log(w)`")
    # What looks like no expression is left to those who know the columns.
    assert terms_of("hours-per-week", NAMES) == (Term((Factor("hours-per-week"),)),)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("log(hours per week)", "log(`hours per week`)"),
        ("bs( hours  per week , df=4):x", "bs( `hours per week` , df=4):x"),
        ("hours per week * log(a`b)", "`hours per week` * log(`a``b`)"),
        ("log(w):x", "`log(w)`:x"),
        ("x * log( w )", "x * `log(w)`"),
        ("`x`:log(w)", "`x`:`log(w)`"),
    ],
)
def test_names_with_other_signs_are_quoted_in_expressions(text, quoted):
    with pytest.raises(DataError) as caught:
        terms_of(text, [*NAMES, "w"])
    assert f'it stands in backticks: "{quoted}". If something else' in str(caught.value)
    assert terms_of(quoted, [*NAMES, "w"])


def test_names_that_are_no_factors_of_a_text_do_not_forbid_it():
    # With their quotes these would be no expressions.
    for name in (":", "(x)", "x)", "g(x)", "z*", "=3", " "):
        assert [str(term) for term in terms_of("log(x)*bs(z, knots=3)", [*NAMES, name])][:2] == [
            "log(x)",
            "bs(z, knots=3)",
        ]


def test_a_text_means_a_feature_however_it_is_written():
    features = ["x", "bs(x, df=5)", "site:device", "log(`hours per week`)", "log(w)"]
    for text, name in {
        "bs( x,df = 5 )": "bs(x, df=5)",
        "device : site": "site:device",
        "log( `hours per week` )": "log(`hours per week`)",
        "log(w)": "log(w)",
        "`x`": "x",
        "bs(x)": "bs(x)",
        "x*z": "x*z",
        "site: device: a": "site: device: a",
    }.items():
        assert same_feature(text, features, NAMES) == name


def test_what_a_term_is_called_means_the_term():
    for text in ("x*z*site", "bs(x, df=5):`a``b`", "log(`hours per week`)", "`2nd`:month(x)"):
        for term in terms_of(text, NAMES):
            assert terms_of(str(term), NAMES) == (term,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("log(x", 'it ends where ")" is expected'),
        ("log(x))", '"*" or ":" is expected at character 7; got ")"'),
        ("x*", "it ends where a column or a function is expected"),
        ("x**2", 'a column or a function is expected at character 3; got "*"'),
        ("x + log(z)", 'is expected at character 3; got "+". Name several features in a list.'),
        ("hours-per-week:x", "quote names with backticks"),
        ("log(y)", 'in the feature "log(y)": no column "y". The table has: x, z, site'),
        ("site:devise", 'Did you mean "device"?'),
        ("ln(x)", "has no function ln(). The functions are: log, log1p, sqrt of numbers; year, month"),
        ("ln(x)", "Did you mean log()?"),
        ("exec(x)", "Make other columns in the table."),
        ("__import__(x)", "has no function __import__()"),
        ("log(log1p(x))", "log() takes the name of a column, not a function"),
        ("log(x, base=2)", "log() has no options"),
        ("bs(x, k=3)", "an option of bs() (knots, df, degree, each once) is expected"),
        ("bs(x, knots=3, knots=4)", "each once"),
        ("bs(x, knots=2.5)", 'a whole number from 0 to 100 for knots is expected at character 13; got "2.5"'),
        ("bs(x, knots=1000)", "from 0 to 100"),
        ("bs(x, knots=)", "a whole number from 0 to 100 for knots"),
        ("bs(x, knots=3, df=6)", "takes `knots` or `df`, not both"),
        ("x:x", 'it has "x" twice in one product'),
        ("x:z:site:device:2nd", "a product of 5 factors; at most 4 are allowed"),
        ("(x)", 'a column or a function is expected at character 1; got "("'),
        ("log(w", 'Did you mean the column "log(w)"?'),
        ("log(Hours per week)", "A name with spaces stands in backticks: `a b`."),
        ("log(x), bs(z, df=4),x", 'several features are a list, ["log(x)", "bs(z, df=4)", "x"]'),
        ("`x", "is expected at character 1"),
    ],
)
def test_what_is_no_feature_is_refused_by_its_words(text, words):
    with pytest.raises(DataError) as caught:
        terms_of(text, NAMES)
    assert words in str(caught.value)


PIECES = ["x", "z", "log", "bs", "knots", "(", ")", "*", ":", ",", "=", "3", "`", " ", "+", "_", "é", "\n"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_terms_of_known_columns_or_refused(text):
    try:
        terms = terms_of(text, NAMES)
    except DataError:
        return
    for term in terms:
        if not term.is_column:
            assert all(factor.column in NAMES and factor.function in ("", *OPTIONS) for factor in term.factors)
