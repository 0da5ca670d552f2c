"""The Range header: no text whatever breaks it, and what it selects is what a slice selects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.delivery.errors import RangeNotSatisfiable
from market.delivery.ranges import requested_span

SIZE = 100
numbers = st.one_of(st.just(""), st.integers(0, 300).map(str), st.text("0123456789", min_size=1, max_size=5000))
headers = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="bytes=-, 0123456789\t", max_size=60),
    st.builds(
        "{}={}{}-{}".format,
        st.sampled_from(["bytes", "Bytes", "items", ""]),
        st.text(" ,\t", max_size=3),
        numbers,
        numbers,
    ),
    st.lists(st.builds("{}-{}".format, numbers, numbers), max_size=4).map(lambda specs: "bytes=" + ",".join(specs)),
)


@given(header=headers, size=st.integers(0, 200))
def test_any_header_selects_bytes_of_the_file_or_is_refused(header, size):
    try:
        span = requested_span(header, size)
    except RangeNotSatisfiable as refusal:
        assert refusal.extra == {"bytes": size}
        assert refusal.status == 416
        return
    if span is not None:
        assert 0 <= span.start < size
        assert 1 <= span.length <= size - span.start


@given(content=st.binary(min_size=1, max_size=200), first=st.integers(0, 250), length=st.integers(1, 250))
def test_a_closed_range_is_a_slice(content, first, length):
    last = first + length - 1
    header = f"bytes={first}-{last}"
    if first >= len(content):
        with pytest.raises(RangeNotSatisfiable):
            requested_span(header, len(content))
        return
    span = requested_span(header, len(content))
    sent = content[span.start : span.start + span.length]
    assert sent == content[first : last + 1]
    assert span.content_range(len(content)) == f"bytes {first}-{first + len(sent) - 1}/{len(content)}"


@given(content=st.binary(min_size=1, max_size=200), count=st.integers(1, 250))
def test_a_suffix_is_the_end(content, count):
    span = requested_span(f"bytes=-{count}", len(content))
    assert content[span.start : span.start + span.length] == content[-count:]


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=10-", (10, 90)),
        ("bytes=99-", (99, 1)),
        ("bytes=0-1000", (0, 100)),
        ("bytes=-1", (99, 1)),
        ("bytes=-1000", (0, 100)),
        ("BYTES=1-2", (1, 2)),
        ("bytes= ,1-2 ,", (1, 2)),
        ("bytes=00000000000000000000000000001-2", (1, 2)),
        ("bytes=0-" + "9" * 5000, (0, 100)),
    ],
)
def test_satisfiable(header, span):
    found = requested_span(header, SIZE)
    assert (found.start, found.length) == span


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=1-2,4-5",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=1 - 2",
        "bytes=٣-٤",
        "items=0-1",
        "bytes 0-1",
    ],
)
def test_ignored(header):
    assert requested_span(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + "9" * 5000 + "-"])
def test_unsatisfiable(header):
    with pytest.raises(RangeNotSatisfiable):
        requested_span(header, SIZE)


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-1", "bytes=0-0", "bytes=-0"])
def test_an_empty_file_is_sent_whole(header):
    assert requested_span(header, 0) is None
