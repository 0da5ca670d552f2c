"""Rules that hold for every value: paths, prices, media types, data dictionaries, profiles of files."""

import io
import json
import posixpath
import unicodedata

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from market.catalog.profiles import MAX_BYTES, profile_csv
from market.catalog.table_schema import validate_table_schema
from market.catalog.validators import (
    MAX_JSON_BYTES,
    clean_asset_path,
    clean_media_type,
    clean_text,
    validate_profile,
    validate_sample,
)
from market.kernel import money

NASTY = st.text(
    alphabet=st.one_of(st.sampled_from("/.\\: \x00\n\u202e\u200b\u0301e中é"), st.characters(codec=None)), max_size=300
)


@given(NASTY)
def test_a_path_that_is_taken_is_safe_everywhere(text):
    try:
        path = clean_asset_path(text)
    except ValidationError:
        return
    assert path == unicodedata.normalize("NFC", path)
    assert posixpath.normpath(path) == path
    assert posixpath.commonpath(["/root/of/things", posixpath.join("/root/of/things", path)]) == "/root/of/things"
    assert not path.startswith(("/", "../"))
    assert ".." not in path.split("/")
    assert path.isprintable()
    assert "\\" not in path
    assert len(path) <= 255
    path.encode()
    assert clean_asset_path(path) == path


@pytest.mark.parametrize("path", ["a.csv", "2026/02/观测 1.csv", "a/b/c.tar.gz", ".hidden/x", "..a/b", "字" * 85])
def test_ordinary_paths_are_taken(path):
    assert clean_asset_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "\u1680",
        "全\u3000角",
        "/etc/passwd",
        "..",
        "a/../b",
        "a//b",
        "a/",
        "./a",
        "a\\b",
        "C:x",
        "a\x00",
        "a\nb",
        "\u202eexe.csv",
        "a\u200b",
    ]
    + ["a ", " a/b", "a.", "x" * 256, "字" * 86, "\ud800", "con|x", "\u2028"],
)
def test_other_paths_are_refused(path):
    with pytest.raises(ValidationError):
        clean_asset_path(path)


def test_a_path_typed_on_another_computer_is_the_same_path():
    assert clean_asset_path(unicodedata.normalize("NFD", "données.csv")) == "données.csv"


@given(st.integers(min_value=0, max_value=10**15))
def test_yuan_text_and_fen_are_each_others_inverse(fen):
    assert money.from_text(money.to_text(fen)) == fen


@given(st.integers(min_value=0, max_value=10**13 - 1), st.integers(min_value=0, max_value=9))
def test_one_decimal_is_tenths_of_a_yuan(yuan, tenths):
    assert money.from_text(f"{yuan}.{tenths}") == yuan * 100 + tenths * 10


@given(st.text(alphabet="0123456789.,eE+-_ ¥１", max_size=20))
def test_what_is_read_as_yuan_is_written_the_same(text):
    try:
        fen = money.from_text(text)
    except ValueError:
        return
    written = text.strip()
    whole, _point, part = written.partition(".")
    assert money.to_text(fen) == f"{int(whole)}.{part.ljust(2, '0')}"


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".5", "1.234", "1,000", "1e3", "-1", "+1", "１", "NaN", "1_000", "0x1"]
)
def test_other_texts_are_no_yuan(text):
    with pytest.raises(ValueError, match="yuan"):
        money.from_text(text)


def test_media_types():
    assert clean_media_type("", "a.CSV") == "text/csv"
    assert clean_media_type("", "a.parquet") == "application/vnd.apache.parquet"
    assert clean_media_type("", "README") == "application/octet-stream"
    assert clean_media_type("Text/CSV", "x") == "text/csv"
    for wrong in ("csv", "text/", "text/csv; charset=utf-8", "a/b/c", "text/c\nsv", "x" * 64 + "/a"):
        with pytest.raises(ValidationError):
            clean_media_type(wrong, "x")


def test_texts():
    assert clean_text("  a\nb\t ") == "a\nb"
    for wrong in ("a\x00", "a\x1b[0m", "\ud800", "\x7f"):
        with pytest.raises(ValidationError):
            clean_text(wrong)
    with pytest.raises(ValidationError):
        clean_text("a\nb", several_lines=False)
    with pytest.raises(ValidationError):
        clean_text("ab", most=1)


GOOD_SCHEMA = {
    "fields": [
        {"name": "station", "type": "string", "constraints": {"required": True, "enum": ["A", "B"]}},
        {"name": "value", "type": "number", "description": "摄氏度", "constraints": {"minimum": -90, "maximum": 60.5}},
        {"name": "free"},
    ],
    "primaryKey": "station",
    "missingValues": ["", "NA"],
    "title": "extra members are allowed",
}


def test_table_schemas_are_taken():
    validate_table_schema(GOOD_SCHEMA)
    validate_table_schema({})
    validate_table_schema({"fields": [{"name": "a"}], "primaryKey": ["a"]})


@pytest.mark.parametrize(
    "schema",
    [
        [],
        "text",
        None,
        {"fields": []},
        {"fields": {}},
        {"fields": ["a"]},
        {"fields": [{"type": "string"}]},
        {"fields": [{"name": " "}]},
        {"fields": [{"name": 5}]},
        {"fields": [{"name": "a"}, {"name": "a"}]},
        {"fields": [{"name": "a", "type": "money"}]},
        {"fields": [{"name": "a", "type": ["string"]}]},
        {"fields": [{"name": "a", "description": 5}]},
        {"fields": [{"name": "a", "constraints": []}]},
        {"fields": [{"name": "a", "constraints": {"required": "yes"}}]},
        {"fields": [{"name": "a", "constraints": {"minLength": True}}]},
        {"fields": [{"name": "a", "constraints": {"colour": 1}}]},
        {"fields": [{"name": "a"}], "primaryKey": "b"},
        {"fields": [{"name": "a"}], "primaryKey": {}},
        {"fields": [{"name": "a"}], "missingValues": "NA"},
        {"fields": [{"name": "a"}], "foreignKeys": {}},
        {"fields": [{"name": "a\x00"}]},
        {"fields": [{"name": "a", "x": float("nan")}]},
        {"fields": [{"name": "a", "x": "y" * MAX_JSON_BYTES}]},
    ],
)
def test_what_is_no_table_schema_is_refused(schema):
    with pytest.raises(ValidationError):
        validate_table_schema(schema)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.one_of(
        JSON,
        st.fixed_dictionaries(
            {"fields": st.lists(st.fixed_dictionaries({"name": JSON}, optional={"type": JSON, "constraints": JSON}))},
            optional={"primaryKey": JSON, "missingValues": JSON, "foreignKeys": JSON},
        ),
    )
)
def test_any_json_is_either_taken_or_refused_in_order(value):
    for validate in (validate_table_schema, validate_sample, validate_profile):
        try:
            validate(value)
        except ValidationError:
            continue
        json.dumps(value, allow_nan=False).encode()


def profiled(content: bytes, media_type: str = "text/csv", budget: int = MAX_BYTES):
    profile, sample, _taken = profile_csv(io.BytesIO(content), media_type, budget)
    return profile, sample


def test_types_of_columns():
    content = (
        "id,code,price,when,day,flag,name,empty\n"
        "1,007,1.50,2026-01-01T08:00:00Z,2026-01-01,true,贵阳,\n"
        "-2,08,2,2026-01-02 09:00,2026-01-02,false,5,\n"
    ).encode()
    profile, sample = profiled(content)
    kinds = {column["name"]: column["type"] for column in profile["columns"]}
    assert kinds == {
        "id": "integer",
        "code": "string",
        "price": "number",
        "when": "datetime",
        "day": "date",
        "flag": "boolean",
        "name": "string",
        "empty": "string",
    }
    assert profile["columns"][-1]["missing"] == 2
    assert (profile["rows"], profile["complete"], len(sample)) == (2, True, 2)


def test_encodings_and_delimiters_of_chinese_offices():
    for encoding, name in (("gb18030", "gb18030"), ("utf-8-sig", "utf-8-sig"), ("utf-8", "utf-8-sig")):
        profile, sample = profiled("站点;值\n贵阳;1\n".encode(encoding))
        assert (profile["encoding"], profile["delimiter"]) == (name, ";")
        assert sample == [{"站点": "贵阳", "值": "1"}]
    profile, sample = profiled(b"a\tb\n1\t2,3\n", "text/tab-separated-values")
    assert sample == [{"a": "1", "b": "2,3"}]


def test_odd_headers_and_ragged_rows():
    profile, sample = profiled(b"a,a,,b\n1,2\n\n1,2,3,4,5\n")
    assert [column["name"] for column in profile["columns"]] == ["a", "a_2", "column_3", "b"]
    assert [column["missing"] for column in profile["columns"]] == [0, 0, 1, 1]
    assert sample == [{"a": "1", "a_2": "2"}, {"a": "1", "a_2": "2", "column_3": "3", "b": "4"}]


def test_a_quoted_line_break_is_no_row():
    profile, _sample = profiled(b'a,b\n"x\ny",2\n')
    assert profile["rows"] == 1


def test_only_so_much_is_read():
    line = "贵阳,1\n".encode()

    class Endless(io.RawIOBase):
        position = 0

        def read(self, size=-1):
            start = self.position % len(line)
            self.position += size
            return (line * (size // len(line) + 2))[start : start + size]

    stream = Endless()
    profile, sample, taken = profile_csv(stream, "text/csv", 100_000)
    assert taken == 100_000
    assert stream.position <= 100_001
    assert profile["complete"] is False
    assert profile["rows"] == 100_000 // len(line) - 1
    assert len(sample) == 5


@given(st.binary(max_size=400), st.integers(min_value=1, max_value=400))
def test_no_bytes_break_the_profile_and_the_result_can_be_stored(content, budget):
    profile, sample = profiled(content, budget=budget)
    text = json.dumps([profile, sample], ensure_ascii=False)
    assert "\\u0000" not in text
    text.encode()
    assert len(sample) <= 5
