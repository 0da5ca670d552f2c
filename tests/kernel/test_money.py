"""Money in whole fen: nothing is lost, nothing is made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.kernel.money import BPS, MAX_AMOUNT, from_text, share, split, to_text

amounts = st.integers(0, MAX_AMOUNT)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)


@given(amount=amounts, weights=weights)
def test_parts_add_up_and_none_is_a_fen_off(amount, weights):
    parts = split(amount, weights)
    assert sum(parts) == amount and len(parts) == len(weights)
    total = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * total - amount * weight) < total
        assert weight or not part


@given(amount=amounts, weights=weights, factor=st.integers(1, 1000))
def test_only_the_proportion_of_weights_counts(amount, weights, factor):
    assert split(amount, [weight * factor for weight in weights]) == split(amount, weights)


@given(amount=amounts, weights=weights)
def test_a_larger_weight_never_gets_less(amount, weights):
    ordered = sorted(weights, reverse=True)
    parts = split(amount, ordered)
    assert parts == sorted(parts, reverse=True)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (1, [1, 1], [1, 0]),
        (10_000, [9_000, 500, 500], [9_000, 500, 500]),
        (101, [1, 2, 3], [17, 34, 50]),
        (0, [5], [0]),
        (7, [0, 1, 0], [0, 7, 0]),
    ],
)
def test_worked_examples(amount, weights, parts):
    assert split(amount, weights) == parts


@pytest.mark.parametrize(("amount", "weights"), [(-1, [1]), (1, []), (1, [0, 0]), (1, [2, -1])])
def test_what_cannot_be_split_is_refused(amount, weights):
    with pytest.raises(ValueError):
        split(amount, weights)


@given(amount=amounts, bps=st.integers(0, BPS))
def test_a_share_is_within_half_a_fen(amount, bps):
    part = share(amount, bps)
    assert 0 <= part <= amount
    assert -BPS <= 2 * (amount * bps - part * BPS) < BPS
    assert share(amount, 0) == 0 and share(amount, BPS) == amount


@pytest.mark.parametrize(("amount", "bps", "part"), [(50, 100, 1), (49, 100, 0), (1, 5_000, 1), (12_345, 600, 741)])
def test_half_a_fen_goes_up(amount, bps, part):
    assert share(amount, bps) == part


@given(amount=st.integers(0, MAX_AMOUNT - 1))
def test_text_and_back(amount):
    assert from_text(to_text(amount)) == amount


@given(amount=st.integers(-MAX_AMOUNT, MAX_AMOUNT))
def test_text_is_the_amount_exactly(amount):
    sign, _minus, digits = to_text(amount).rpartition("-")
    yuan, fen = digits.split(".")
    assert len(fen) == 2 and (int(yuan) * 100 + int(fen)) * (-1 if _minus else 1) == amount and sign == ""


@given(text=st.text(max_size=20))
def test_nothing_but_plain_amounts_is_read(text):
    try:
        fen = from_text(text)
    except ValueError:
        return
    whole, _point, _decimals = text.strip().partition(".")
    assert text.strip().isascii() and whole.isdigit()
    assert fen >= 0
