"""docs/quotes.md says what the code does."""

import re
from pathlib import Path

import pytest
from django.urls import Resolver404, resolve

from market.negotiation.states import HAS_THE_WORD, QUOTE_MOVES, QuoteState, Side, acts_of

DOCUMENT = (Path(__file__).parents[2] / "docs" / "quotes.md").read_text()
ROWS = {
    cells[0].strip("`"): cells[1:]
    for line in DOCUMENT.splitlines()
    if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 5 and cells[0].startswith("`")
}


@pytest.mark.parametrize("state", QuoteState.values)
def test_who_may_do_what(state):
    word, buyer, vendor, end = ROWS[state]
    assert word == HAS_THE_WORD.get(state, "")
    for side, said in ((Side.BUYER, buyer), (Side.VENDOR, vendor)):
        assert sorted(re.findall(r"`(\w+)`", said)) == sorted(acts_of(side, state))
    assert bool(end) == ("expired" in QUOTE_MOVES.legal_moves(state))


def test_the_picture_shows_every_move_and_no_other():
    drawn = {tuple(pair) for pair in re.findall(r"^    (\w+) --> (\w+)", DOCUMENT, re.MULTILINE)}
    assert drawn == {(state, target) for state in QuoteState.values for target in QUOTE_MOVES.legal_moves(state)}


def test_every_address_exists():
    addresses = re.findall(r"`(?:GET|POST) (/api/v1/[^`?]+)[`?]", DOCUMENT)
    assert len(addresses) == 6
    for address in addresses:
        try:
            resolve(address.replace("{id}", "019b0a54-7777-7d3a-8f57-2b9d3c1e7a10"))
        except Resolver404:
            pytest.fail(f"{address} leads nowhere")
