"""ISO 20022 payment files, ``pain.001.001.09`` (CustomerCreditTransferInitiationV09), written as a stream. Pure.

The same order gives the same bytes, so a file need not be kept: it is written again from what it was made of, and its
digest shows that nothing changed.
"""

import dataclasses
import datetime
import re
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from accounts.bank_numbers import is_cnaps, is_iban
from market.kernel.money import to_text

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
MAX_NAME, MAX_WORDS = 140, 140
PIECE = 64 * 1024
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What cannot stand in XML 1.0 (2.2), however it is written."""

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="{namespace}">
<CstmrCdtTrfInitn>
<GrpHdr>\
<MsgId>{message_id}</MsgId><CreDtTm>{created}</CreDtTm><NbOfTxs>{count}</NbOfTxs><CtrlSum>{total}</CtrlSum>\
<InitgPty><Nm>{debtor}</Nm></InitgPty>\
</GrpHdr>
<PmtInf>\
<PmtInfId>{message_id}</PmtInfId><PmtMtd>TRF</PmtMtd><BtchBookg>false</BtchBookg><NbOfTxs>{count}</NbOfTxs>\
<CtrlSum>{total}</CtrlSum><ReqdExctnDt><Dt>{execute_on}</Dt></ReqdExctnDt>\
<Dbtr><Nm>{debtor}</Nm></Dbtr><DbtrAcct><Id>{account}</Id><Ccy>{currency}</Ccy></DbtrAcct>\
<DbtrAgt><FinInstnId>{agent}</FinInstnId></DbtrAgt><ChrgBr>SHAR</ChrgBr>
"""
PAYMENT = """<CdtTrfTxInf>\
<PmtId><InstrId>{reference}</InstrId><EndToEndId>{reference}</EndToEndId></PmtId>\
<Amt><InstdAmt Ccy="{currency}">{amount}</InstdAmt></Amt>{agent}\
<Cdtr><Nm>{name}</Nm></Cdtr><CdtrAcct><Id>{account}</Id></CdtrAcct>\
<RmtInf><Ustrd>{words}</Ustrd></RmtInf>\
</CdtTrfTxInf>
"""
TAIL = "</PmtInf>\n</CstmrCdtTrfInitn>\n</Document>\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """What a file says once: ``total`` in fen, ``message_id`` at most 35 characters, ``bic`` may be empty."""

    message_id: str
    created_at: datetime.datetime
    execute_on: datetime.date
    count: int
    total: int
    currency: str
    debtor: str
    account: str
    bic: str


@dataclasses.dataclass(frozen=True, slots=True)
class Payment:
    """One payment: fen, to whom; ``reference`` comes back on the bank's statement.

    ``bank_code`` is the CNAPS code or BIC of the payee's bank; without it the file does not name the bank.
    """

    reference: str
    amount: int
    name: str
    account: str
    words: str
    bank_code: str = ""


def write(order: Order, payments: Iterable[Payment]) -> Iterator[bytes]:
    """The file in pieces of about 64 KiB, however many payments there are.

    Raises ``ValueError`` when the payments are not as many, or not as much, as the head has announced.
    """
    agent = f"<BICFI>{escape(order.bic)}</BICFI>" if order.bic else "<Othr><Id>NOTPROVIDED</Id></Othr>"
    waiting = [
        HEAD.format(
            namespace=NAMESPACE,
            message_id=escape(order.message_id),
            created=order.created_at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            execute_on=order.execute_on.isoformat(),
            count=order.count,
            total=to_text(order.total),
            debtor=_text(order.debtor, MAX_NAME),
            account=_identification(order.account),
            currency=order.currency,
            agent=agent,
        )
    ]
    size, count, total = 0, 0, 0
    for payment in payments:
        written = PAYMENT.format(
            reference=escape(payment.reference),
            currency=order.currency,
            amount=to_text(payment.amount),
            agent=_agent(payment.bank_code),
            name=_text(payment.name, MAX_NAME),
            account=_identification(payment.account),
            words=_text(payment.words, MAX_WORDS),
        )
        waiting.append(written)
        size, count, total = size + len(written), count + 1, total + payment.amount
        if size > PIECE:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    if (count, total) != (order.count, order.total):
        raise ValueError(f"{count} payments of {total} fen, not {order.count} of {order.total}, as the head says")
    yield ("".join(waiting) + TAIL).encode()


def _text(text: str, most: int) -> str:
    return escape(" ".join(FORBIDDEN.sub(" ", text).split())[:most]) or "-"


def _agent(bank_code: str) -> str:
    """The payee's bank: by its number in China's clearing system (``CNAPS`` in ISO's external code list) or its BIC."""
    if not bank_code:
        return ""
    bank = f"<BICFI>{bank_code}</BICFI>"
    if is_cnaps(bank_code):
        bank = f"<ClrSysMmbId><ClrSysId><Cd>CNAPS</Cd></ClrSysId><MmbId>{bank_code}</MmbId></ClrSysMmbId>"
    return f"<CdtrAgt><FinInstnId>{bank}</FinInstnId></CdtrAgt>"


def _identification(account: str) -> str:
    """An IBAN by its own check digits (ISO 13616); whatever is none is the bank's own number."""
    plain = "".join(account.split()).upper()
    if is_iban(plain):
        return f"<IBAN>{plain}</IBAN>"
    return f"<Othr><Id>{escape(plain)}</Id></Othr>"
