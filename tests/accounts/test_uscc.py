"""GB 32100-2015, annex A: what the check character catches, and the one exchange that it cannot."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from accounts import uscc

PUBLISHED = [
    "91350100M000100Y43",
    "91330100799655058B",
    "9144030071526726XG",
    "914403001922038216",
    "91110000802100433B",
]
character = st.sampled_from(uscc.ALPHABET)
digit = st.sampled_from("0123456789")


@st.composite
def codes(draw) -> str:
    authority = draw(character) + draw(character)
    region = "".join(draw(st.lists(digit, min_size=6, max_size=6)))
    body = "".join(draw(st.lists(character, min_size=9, max_size=9)))
    first = authority + region + body
    return first + uscc.check_character(first)


@pytest.mark.parametrize("code", PUBLISHED)
def test_published_codes_are_valid(code):
    assert uscc.is_valid(code)


@given(codes())
def test_a_code_with_its_check_character_is_valid(code):
    assert uscc.is_valid(code)


@given(codes(), st.integers(0, 17), character)
def test_every_changed_character_is_caught(code, position, other):
    assume(other != code[position])
    assert not uscc.is_valid(code[:position] + other + code[position + 1 :])


@given(codes(), st.integers(0, 17), st.integers(0, 17))
def test_every_exchange_of_two_characters_is_caught_but_first_with_last(code, one, two):
    assume(one < two and code[one] != code[two] and (one, two) != (0, 17))
    letters = list(code)
    letters[one], letters[two] = letters[two], letters[one]
    assert not uscc.is_valid("".join(letters))


@given(codes())
def test_the_check_character_weighs_as_much_as_the_first(code):
    """Not a fault of ours: both have weight 1 in the standard, so their exchange leaves the sum as it is."""
    assert uscc.is_valid(code[-1] + code[1:-1] + code[0])


@given(st.text(max_size=20))
def test_any_text_is_answered(text):
    assert uscc.is_valid(text) in (True, False)


@pytest.mark.parametrize(
    "code", ["", "91350100M000100Y4", "91350100M000100Y433", "91350100m000100Y43", "９1350100M000100Y43"]
)
def test_wrong_shapes(code):
    assert not uscc.is_valid(code)


def test_letters_that_look_like_digits_are_not_allowed():
    for letter in "IOSVZ":
        assert letter not in uscc.ALPHABET
        assert not uscc.is_valid(f"9135010{letter}M000100Y43"[:18])
