"""Files that nobody vouches for: each is refused with a reason, quickly, and nothing is imported."""

import io
import pathlib
import tracemalloc

import pytest

from market.banking import camt
from market.banking.errors import UnreadableStatement
from tests.banking.messages import ACCOUNT, Entry, document, message, one_statement

GOOD = document(one_statement([Entry(100 + number, f"word {number}") for number in range(50)]))
LAUGHS = "".join(f'<!ENTITY lol{level} "{f"&lol{level - 1};" * 10 if level else "lol"}">' for level in range(12))


def read(file: bytes | io.BytesIO) -> list[camt.Statement]:
    source = io.BytesIO(file) if isinstance(file, bytes) else file
    found = []
    for statement in camt.read(source, account=ACCOUNT, currency="CNY"):
        list(statement.lines)
        found.append(statement)
    return found


def refused(file: bytes | io.BytesIO) -> str:
    with pytest.raises(UnreadableStatement) as refusal:
        read(file)
    return str(refusal.value)


def with_doctype(declaration: str, use: str = "") -> bytes:
    text = GOOD.decode().replace("\n", f"\n<!DOCTYPE Document [{declaration}]>\n", 1)
    return text.replace("word 0", use or "word 0").encode()


def test_the_good_one_is_read():
    assert len(read(GOOD)) == 1


@pytest.mark.parametrize("use", ["", "&lol11;"])
def test_billion_laughs(use):
    tracemalloc.start()
    said = refused(with_doctype(LAUGHS, use))
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "DTD" in said or "well-formed" in said
    assert peak < 20 * 2**20


def test_billion_laughs_in_an_attribute():
    file = with_doctype(LAUGHS).replace(b"<BkToCstmrStmt>", b'<BkToCstmrStmt a="&lol11;">')
    assert refused(file)


@pytest.mark.parametrize("kind", ["SYSTEM", 'PUBLIC "x"'])
def test_an_external_entity_is_not_opened(kind, tmp_path: pathlib.Path):
    secret = tmp_path / "secret"
    secret.write_text("very secret words")
    for where in (secret.as_uri(), "http://127.0.0.1:9/never"):
        said = refused(with_doctype(f'<!ENTITY it {kind} "{where}">', "&it;"))
        assert "DTD" in said and "secret" not in said


def test_an_external_dtd_is_not_loaded(tmp_path: pathlib.Path):
    dtd = tmp_path / "it.dtd"
    dtd.write_text('<!ENTITY it "loaded">')
    file = GOOD.replace(b"\n", f'\n<!DOCTYPE Document SYSTEM "{dtd.as_uri()}">\n'.encode(), 1)
    assert "DTD" in refused(file)


def test_nothing_at_all():
    assert "not well-formed" in refused(b"")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_cut_off(part):
    assert "not well-formed" in refused(GOOD[: int(len(GOOD) * part)])


def test_whatever_byte_it_ends_at_it_is_refused():
    small = document(one_statement([Entry(100)]))
    for end in range(len(small) - 1):
        assert refused(small[:end])


@pytest.mark.parametrize(
    "file",
    [
        GOOD.replace(b"UTF-8", b"UTF-16"),
        GOOD.replace(b"UTF-8", b"no-such-encoding"),
        GOOD.decode().encode("gb18030"),
        GOOD.replace(b"word 7", b"word \xff\xfe"),
        b"\x00" * 4096,
        b"PK\x03\x04" + b"\x00" * 1000,
        b"not xml",
    ],
)
def test_another_encoding_than_it_says(file):
    assert "not well-formed" in refused(file)


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "utf-8-sig"])
def test_an_encoding_that_it_says_is_read(encoding):
    name = "UTF-8" if encoding == "utf-8-sig" else encoding
    assert len(read(GOOD.decode().replace("UTF-8", name).encode(encoding))) == 1


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (GOOD.replace(b"camt.053.001.08", b"camt.053.001.04"), "It is camt.053.001.04"),
        (GOOD.replace(b"camt.053.001.08", b"camt.054.001.08"), "It is camt.054.001.08"),
        (GOOD.replace(b' xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"', b""), "no message of ISO 20022"),
        (b"<html><body>Please sign in</body></html>", "no camt.053 statement"),
        (b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><GrpHdr/></Document>', "It is pain.001"),
        (document(), "no camt.053 statement"),
        (document("<Stmt></Stmt>"), "no identification"),
        (document("<Stmt><Id>1</Id></Stmt>"), "is of account ?"),
        (GOOD.replace(b"<CdtDbtInd>CRDT</CdtDbtInd><Sts>", b"<Sts>"), "does not say whether"),
        (GOOD.replace(b"<Dt>2026-11-20</Dt></BookgDt>", b"<Dt>2026-13-20</Dt></BookgDt>"), "is no booking date"),
        (GOOD.replace(b"word 7", "word \ue01f".encode()), "private use"),
    ],
)
def test_another_schema(file, words):
    assert words in refused(file)


class Endless:
    """A file that goes on for ever."""

    def __init__(self, head: bytes, more: bytes) -> None:
        self.head, self.more, self.given = head, more, 0

    def read(self, size: int) -> bytes:
        piece = (self.head + self.more * (size // len(self.more) + 1))[:size]
        self.head = b""
        self.given += len(piece)
        return piece


@pytest.mark.parametrize("more", [b"<Bal></Bal>", b"<a>", b"x", b"<!-- x -->"])
def test_one_that_never_ends(more):
    file = Endless(GOOD[: GOOD.index(b"<Bal>")], more)
    assert refused(file)
    assert file.given <= camt.MAX_ENTRY_BYTES + 2**20


def test_a_deep_one():
    assert "well-formed" in refused(GOOD[: GOOD.index(b"<Ntry>")] + b"<a>" * 100_000)


def entries(count: int):
    """A large file in pieces, without holding it."""
    head, tail = document(one_statement([], closing=100_000 + count * 100)).split(b"</Stmt>")
    return io.BufferedReader(_Pieces(head, count, b"</Stmt>" + tail))


class _Pieces(io.RawIOBase):
    def __init__(self, head: bytes, count: int, tail: bytes) -> None:
        sample = one_statement([Entry(100, "word", reference="REFERENCE")])
        entry = sample[sample.index("<Ntry>") : sample.index("</Stmt>")]
        self.parts = iter([head, *[None] * count, tail])
        self.entry, self.number, self.rest = entry, 0, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while len(self.rest) < len(buffer):
            part = next(self.parts, b"")
            if part is None:
                self.number += 1
                part = self.entry.replace("REFERENCE", f"B{self.number}").encode()
            elif not part:
                break
            self.rest += part
        size = min(len(buffer), len(self.rest))
        buffer[:size], self.rest = self.rest[:size], self.rest[size:]
        return size


def test_memory_does_not_grow_with_the_file():
    """Python's share; libxml2's is freed with the elements, which the large benchmark measures."""
    peaks = []
    for count in (500, 5_000):
        tracemalloc.start()
        (statement,) = camt.read(entries(count), account=ACCOUNT, currency="CNY")
        assert sum(1 for _line in statement.lines) == 0  # the next statement was asked for: all were drawn
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5 + 100_000, peaks


def test_a_batch_booking_is_taken_apart_as_it_is_read():
    details = [(100, f"payment {number}") for number in range(3_000)]
    (statement,) = camt.read(message([Entry(300_000, details=details)]), account=ACCOUNT, currency="CNY")
    assert statement.closing == 400_000
