"""Bank statements as a bank would write them."""

import dataclasses
import io
import itertools
from xml.sax.saxutils import escape

ACCOUNT = "6222000000000000001"
_numbers = itertools.count(1)


@dataclasses.dataclass
class Entry:
    """One booked entry; ``amount`` in fen, negative for a debit. ``details`` are (amount, words) of several."""

    amount: int
    text: str = ""
    reference: str | None = None
    end_to_end_id: str = "NOTPROVIDED"
    return_code: str = ""
    is_reversal: bool = False
    name: str = "遵义食品有限公司"
    account: str = "62220212345678901"
    status: str = "BOOK"
    currency: str = "CNY"
    booked_on: str = "2026-11-20"
    details: list[tuple[int, str]] | None = None
    more: str = ""

    def __post_init__(self) -> None:
        if self.reference is None:
            self.reference = f"B{next(_numbers):012d}"


def yuan(fen: int) -> str:
    return f"{abs(fen) // 100}.{abs(fen) % 100:02d}"


def side(fen: int) -> str:
    return f"<CdtDbtInd>{'CRDT' if fen >= 0 else 'DBIT'}</CdtDbtInd>"


def amount(fen: int, currency: str = "CNY") -> str:
    return f'<Amt Ccy="{currency}">{yuan(fen)}</Amt>'


def party(entry: Entry, version: str) -> str:
    name = f"<Nm>{escape(entry.name)}</Nm>"
    role = "Dbtr" if entry.amount >= 0 else "Cdtr"
    inner = f"<Pty>{name}</Pty>" if version == "08" else name
    number = f"<Id><Othr><Id>{entry.account}</Id></Othr></Id>"
    return f"<RltdPties><{role}>{inner}</{role}><{role}Acct>{number}</{role}Acct></RltdPties>"


def transaction(entry: Entry, version: str, text: str, own: int | None = None) -> str:
    if own is None:
        money = ""
    elif version == "08":
        money = amount(own, entry.currency) + side(own)
    else:
        money = f"<AmtDtls><TxAmt>{amount(own, entry.currency)}</TxAmt></AmtDtls>"
    back = f"<RtrInf><Rsn><Cd>{entry.return_code}</Cd></Rsn></RtrInf>" if entry.return_code else ""
    refs = f"<Refs><EndToEndId>{escape(entry.end_to_end_id)}</EndToEndId></Refs>"
    words = f"<RmtInf><Ustrd>{escape(text)}</Ustrd></RmtInf>" if text else ""
    return f"<TxDtls>{refs}{money}{party(entry, version)}{words}{back}</TxDtls>"


def one_entry(entry: Entry, version: str) -> str:
    status = f"<Sts><Cd>{entry.status}</Cd></Sts>" if version == "08" else f"<Sts>{entry.status}</Sts>"
    reference = f"<AcctSvcrRef>{entry.reference}</AcctSvcrRef>" if entry.reference else ""
    parts = entry.details or [(None, entry.text)]
    details = "".join(transaction(entry, version, text, own) for own, text in parts)
    reversal = "<RvslInd>true</RvslInd>" if entry.is_reversal else ""
    more = f"<AddtlNtryInf>{escape(entry.more)}</AddtlNtryInf>" if entry.more else ""
    return (
        f"<Ntry>{amount(entry.amount, entry.currency)}{side(entry.amount)}{reversal}{status}"
        f"<BookgDt><Dt>{entry.booked_on}</Dt></BookgDt><ValDt><Dt>{entry.booked_on}</Dt></ValDt>{reference}"
        f"<NtryDtls>{details}</NtryDtls>{more}</Ntry>\n"
    )


def balance(code: str, fen: int, day: str = "2026-11-20", currency: str = "CNY") -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{amount(fen, currency)}{side(fen)}"
        f"<Dt><Dt>{day}</Dt></Dt></Bal>\n"
    )


def one_statement(
    entries: list[Entry],
    *,
    version: str = "08",
    statement_id: str = "",
    account: str = ACCOUNT,
    opening: int = 100_000,
    closing: int | None = None,
    head: str = "",
) -> str:
    booked = sum(entry.amount for entry in entries if entry.status == "BOOK")
    closing = opening + booked if closing is None else closing
    return (
        f"<Stmt><Id>{statement_id or f'S{next(_numbers):06d}'}</Id><CreDtTm>2026-11-20T18:00:00+08:00</CreDtTm>"
        f"<Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>"
        f"{balance('OPBD', opening)}{balance('CLBD', closing)}{head}"
        f"{''.join(one_entry(entry, version) for entry in entries)}</Stmt>"
    )


def document(*statements: str, version: str = "08") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>'
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-20T18:00:00+08:00</CreDtTm></GrpHdr>"
        f"{''.join(statements)}</BkToCstmrStmt></Document>"
    ).encode()


def message(entries: list[Entry], *, version: str = "08", **statement) -> io.BytesIO:
    """A file with one statement."""
    return io.BytesIO(document(one_statement(entries, version=version, **statement), version=version))
