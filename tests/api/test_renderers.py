"""JSON as it is sent: quicker than the API framework writes it, and the same."""

import datetime
import json

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer

from market.api.renderers import FastJSONRenderer
from market.orders.states import OrderState
from tests import factories

moments = st.datetimes(timezones=st.just(datetime.UTC))
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.uuids()
    | st.dates()
    | moments
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from(OrderState)
    | st.just(gettext_lazy("Orders"))
)
names = st.text() | st.integers()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=20)


@given(values)
def test_it_says_what_the_framework_would_have_said(value):
    ours, theirs = FastJSONRenderer().render(value), JSONRenderer().render(value)
    assert (json.loads(ours) if ours else None) == (json.loads(theirs) if theirs else None)


@pytest.mark.django_db
def test_who_asks_for_indented_json_gets_it():
    client = factories.api_client(factories.market().purchaser)
    plain = client.get("/api/v1/orders", HTTP_ACCEPT="application/json")
    indented = client.get("/api/v1/orders", HTTP_ACCEPT="application/json; indent=4")
    assert plain.json() == indented.json()
    assert b"\n" not in plain.content
    assert indented.content.startswith(b'{\n    "')
