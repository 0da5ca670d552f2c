"""Amounts in Chinese capital numerals, as contracts and cheques write them against alteration."""

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "万亿")


def capitals(amount: int) -> str:
    """``128050`` fen as ``壹仟贰佰捌拾元伍角整``: the way of 正确填写票据和结算凭证的基本规定 (People's Bank of China).

    For amounts from 0 to below 10¹⁶ yuan. Raises ``ValueError`` otherwise.
    """
    if not 0 <= amount < 10**18:
        raise ValueError(f"{amount} fen cannot be written out")
    yuan, fen = divmod(amount, 100)
    jiao, fen = divmod(fen, 10)
    text = f"{_whole(yuan)}元" if yuan else ""
    if jiao:
        text += f"{_DIGITS[jiao]}角"
    elif fen and yuan:
        text += "零"
    if fen:
        return f"{text}{_DIGITS[fen]}分"
    return f"{text or '零元'}整"


def _whole(number: int) -> str:
    """A whole number > 0, in groups of four digits."""
    text, has_gap, groups = "", False, []
    while number:
        number, group = divmod(number, 10_000)
        groups.append(group)
    for index in range(len(groups) - 1, -1, -1):
        group = groups[index]
        if not group:
            has_gap = bool(text)
            continue
        if text and (has_gap or group < 1_000):
            text += "零"
        text, has_gap = text + _four(group) + _GROUPS[index], False
    # 万亿 and 亿 share their last character: 壹万亿贰仟亿 is written 壹万贰仟亿.
    return text.replace("万亿", "万", 1) if text.count("亿") > 1 else text


def _four(group: int) -> str:
    """A number from 1 to 9999, without the 零 that may stand before it."""
    text, has_gap = "", False
    for index in range(3, -1, -1):
        digit = group // 10**index % 10
        if not digit:
            has_gap = bool(text)
            continue
        text += ("零" if has_gap else "") + _DIGITS[digit] + _PLACES[index]
        has_gap = False
    return text
