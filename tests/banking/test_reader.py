"""The reader beside a plain one: what both say of entries made at random is the same."""

import datetime
import io
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

from hypothesis import given
from hypothesis import strategies as st

from market.banking import camt
from market.banking.errors import UnreadableStatement
from tests.banking.messages import ACCOUNT, document, one_statement

NAMES = {"02": "n:{party}/n:Nm", "08": "n:{party}/n:Pty/n:Nm"}
SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))
WRITTEN = st.text(st.characters(exclude_categories=["C"]), max_size=12)
WORDS = WRITTEN | st.sampled_from(["", " a  b\n", "<&>\"'\\N\t\\", "货款 ＱＳＫ７ＭＰ３ＸＱ４Ｇ"])
SHAPES = st.sampled_from(["", "<{0}>{1}</{0}>", "<{0}>{1}</{0}>", "<{0}/>"])
FEW = st.integers(1, 4)


@st.composite
def transactions(draw) -> str:
    """A transaction, with whatever may be there or not."""

    def some(*tags: str) -> str:
        inner = escape(draw(WORDS))
        for tag in reversed(tags):
            inner = draw(SHAPES).format(tag, inner)
        return inner

    amount = draw(st.sampled_from(["{}", "<AmtDtls><TxAmt>{}</TxAmt></AmtDtls>", ""]))
    amount = amount.format(f"<Amt Ccy='CNY'>0.0{draw(FEW)}</Amt>")
    side = draw(st.sampled_from(["", "", "<CdtDbtInd>CRDT</CdtDbtInd>", "<CdtDbtInd> DBIT </CdtDbtInd>"]))
    name, number = draw(st.sampled_from([("Nm",), ("Pty", "Nm")])), draw(st.sampled_from([("Othr", "Id"), ("IBAN",)]))
    parties = "".join(some(party, *name) + some(f"{party}Acct", "Id", *number) for party in ("Dbtr", "Cdtr"))
    return (
        f"<TxDtls><Refs>{some('AcctSvcrRef')}{some('EndToEndId')}</Refs>"
        f"{amount}{side}"
        f"<RltdPties>{parties}</RltdPties><RmtInf>{some('Ustrd')}{some('Strd', 'AddtlRmtInf')}</RmtInf>"
        f"{some('RtrInf', 'AddtlInf')}{some('AddtlTxInf')}</TxDtls>"
    )


@st.composite
def entries(draw) -> str:
    """An entry; more often than not one that can be read."""

    def one(*of: str) -> str:
        return draw(st.sampled_from(of))

    amount = one(*[f"0.0{draw(FEW)}"] * 6, "+2", "3.", ".5", "1.10000", "", "-1", "1.005", "1e3")
    day = one(*["2026-11-20"] * 6, "2026-11-20T23:30:00Z", "2026-11-20+08:00", "2026-13-01", "")
    reference = one(*[f"<AcctSvcrRef>B {draw(FEW)}</AcctSvcrRef>"] * 4, "")
    return (
        f'<Ntry><Amt Ccy="{one(*["CNY"] * 9, "EUR")}">{amount}</Amt>'
        f"<CdtDbtInd>{one(*['CRDT', 'DBIT', ' CRDT '] * 3, '')}</CdtDbtInd>"
        f"{one('', '<RvslInd>true</RvslInd>', '<RvslInd>false</RvslInd>')}"
        f"<Sts>{one('BOOK', '<Cd>BOOK</Cd>', *['<Cd> BOOK </Cd>'] * 6, '<Cd>PDNG</Cd>')}</Sts>"
        f"<BookgDt><Dt>{day}</Dt></BookgDt>{one('', '<ValDt><DtTm>2026-11-21T10:00:00</DtTm></ValDt>')}{reference}"
        f"<BkTxCd><Domn><Fmly><SubFmlyCd>{one('DMCT', 'RRTN', 'RPCR')}</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"<NtryDtls>{''.join(draw(st.lists(transactions(), max_size=3)))}</NtryDtls>"
        f"<AddtlNtryInf>{escape(draw(WORDS))}</AddtlNtryInf></Ntry>"
    )


class Refused(Exception):
    pass


def plainly(entry: ElementTree.Element, version: str) -> list[tuple]:
    """The lines of an entry, read one fact after the other: nothing here is quick."""
    spaces = {"n": f"{camt.NAMESPACE}{version}"}

    def text(element: ElementTree.Element, path: str) -> str:
        found = element.find(path, spaces)
        return "" if found is None else "".join(found.itertext())

    def line(words: str, most: int) -> str:
        return " ".join(words.split())[:most]

    def fen(amount: str) -> int:
        whole, _point, fraction = amount.strip().removeprefix("+").partition(".")
        if not (whole + fraction).isdecimal() or fraction[2:].strip("0"):
            raise Refused
        return int(whole or 0) * 100 + int(fraction[:2].ljust(2, "0"))

    def day(words: str) -> str:
        try:
            if "T" in words:
                moment = datetime.datetime.fromisoformat(words)
                return (moment.astimezone(SHANGHAI) if moment.tzinfo else moment).date().isoformat()
            return datetime.date.fromisoformat(words[:10]).isoformat()
        except ValueError:
            raise Refused from None

    def told(detail: ElementTree.Element, party: str) -> tuple[str, str, str, str, str | None]:
        account = text(detail, f"n:RltdPties/n:{party}Acct/n:Id/n:Othr/n:Id")
        account = account or text(detail, f"n:RltdPties/n:{party}Acct/n:Id/n:IBAN")
        given = detail.find("n:RmtInf", spaces)
        parts = [each.text for each in given.iter() if each is not given and each.text]
        words = "\n".join(parts) if len(given) > 1 else "".join(given.itertext())
        back = [each for found in detail.findall("n:RtrInf", spaces) for each in found.iter() if each is not found]
        reason = " ".join(" ".join(each.text for each in back if each.text).split())
        if more := text(detail, "n:AddtlTxInf"):
            words = f"{words}\n{more}"
        came_back = detail.find("n:RtrInf", spaces) is not None
        name = text(detail, "n:RltdPties/" + NAMES[version].format(party=party))
        return text(detail, "n:Refs/n:EndToEndId"), name, account, words, reason if came_back else None

    if text(entry, "n:Sts").strip() != "BOOK":
        return []
    amount, side = fen(text(entry, "n:Amt")), text(entry, "n:CdtDbtInd").strip()
    booked, value = day(text(entry, "n:BookgDt")), text(entry, "n:ValDt")
    if side not in ("CRDT", "DBIT") or entry.find("n:Amt", spaces).get("Ccy") != "CNY":
        raise Refused
    if not amount:
        return []
    total, party = (amount, "Dbtr") if side == "CRDT" else (-amount, "Cdtr")
    found = entry.findall("n:NtryDtls/n:TxDtls", spaces)
    parts = []
    for detail in found:
        own = text(detail, "n:Amt") or text(detail, "n:AmtDtls/n:TxAmt/n:Amt")
        own_side = text(detail, "n:CdtDbtInd").strip() or side
        sign = -1 if own_side == "DBIT" else 1
        its = line(text(detail, "n:Refs/n:AcctSvcrRef"), 35)
        parts.append((sign * fen(own or "0"), its, told(detail, "Dbtr" if sign > 0 else "Cdtr")))
    reference, whole = line(text(entry, "n:AcctSvcrRef"), 35), True
    if len(found) == 1:
        reference = reference or parts[0][1]
        parts = [(total, "", told(found[0], party))]
    elif not found or not all(own for own, *_ in parts) or sum(own for own, *_ in parts) != total:
        whole = not found
        parts = [(total, "", ("", "", "", "\n".join(each[3] for _own, _its, each in parts), None))]
    back = text(entry, "n:RvslInd") == "true"
    back = back or (total > 0 and text(entry, ".//n:SubFmlyCd").strip() in ("RRTN", "RPCR"))
    lines, several, more = [], len(parts) > 1, text(entry, "n:AddtlNtryInf")
    for position, (own, its, (end_to_end, name, account, words, reason)) in enumerate(parts, start=1):
        named = f"{reference}/{position}" if several and reference else reference or its
        if not named:
            raise Refused
        lines.append(
            (1, position if several else 0, named, own > 0, abs(own), booked, day(value) if value else None)
            + (line(end_to_end, 35), (f"{words}\n{more}" if more else words).strip()[:2000])
            + (line(name, 140), line(account, 34), back or reason is not None, reason or "", whole)
        )
    return lines


def file_of(entry: str, version: str, total: int) -> bytes:
    head, tail = document(one_statement([], version=version, closing=100_000 + total), version=version).split(
        b"</Stmt>"
    )
    return head + entry.encode() + b"</Stmt>" + tail


@given(entries(), st.sampled_from(["02", "08"]))
def test_it_reads_what_a_plain_reader_reads(entry, version):
    element = ElementTree.fromstring(file_of(entry, version, 0)).find(f".//{{{camt.NAMESPACE}{version}}}Ntry")
    try:
        expected = plainly(element, version)
    except Refused:
        expected = None
    total = sum(line[4] if line[3] else -line[4] for line in expected or [])
    found = None
    try:
        for statement in camt.read(io.BytesIO(file_of(entry, version, total)), account=ACCOUNT, currency="CNY"):
            found = list(statement.lines)
    except UnreadableStatement:
        found = None
    assert found == expected
