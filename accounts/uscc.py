"""统一社会信用代码: the Unified Social Credit Code of GB 32100-2015."""

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The 31 characters the standard allows: no I, O, S, V, Z (GB 32100-2015, 5.1)."""

WEIGHTS = tuple(3**position % 31 for position in range(17))
"""Weight of each of the first 17 characters (GB 32100-2015, annex A)."""

PATTERN = "^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$"
"""Two letters of authority and kind, six digits of region (GB/T 2260), nine of body, one check character."""


def check_character(first_seventeen: str) -> str:
    """The 18th character: C = 31 - (sum of weight x value) mod 31, where 31 stands for 0 (annex A).

    Raises ``ValueError`` for a character outside the alphabet or a wrong length.
    """
    if len(first_seventeen) != 17:
        raise ValueError("the check character is computed over 17 characters")
    total = sum(weight * ALPHABET.index(character) for weight, character in zip(WEIGHTS, first_seventeen, strict=True))
    return ALPHABET[-total % 31]


def is_valid(code: str) -> bool:
    """Whether ``code`` is 18 allowed characters with the right check character."""
    if len(code) != 18 or any(character not in ALPHABET for character in code):
        return False
    return code[2:8].isdigit() and check_character(code[:17]) == code[17]
