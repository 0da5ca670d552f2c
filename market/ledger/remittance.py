"""The code by which a buyer's payment names the wallet it is for. Pure.

``QS`` and nine characters of the alphabet of GB 32100-2015, the last a check character: the sum of all nine, weighted
3^1 to 3^8 and 1, is a multiple of 31. As 31 is prime and no two weights are equal, every wrong character and every
exchange of two characters is noticed; what people type for I, O, S, V and Z is no character of it, and is
never taken for one.
"""

import functools
import re
import secrets
import unicodedata

from accounts.uscc import ALPHABET

PREFIX = "QS"
BODY = 8
LENGTH = len(PREFIX) + BODY + 1

# Banks break lines, and people put spaces and hyphens for the eye: one of them may stand before each character.
WRITTEN = re.compile(rf"(?<![0-9A-Z]){PREFIX}((?:[ \n-]?[0-9A-Z]){{{BODY + 1}}})(?![0-9A-Z])")
WITHOUT_SPACES = str.maketrans("", "", " \n-")


def check_character(body: str) -> str:
    """The last character for these eight."""
    total = sum(pow(3, power, 31) * ALPHABET.index(character) for power, character in enumerate(body, start=1))
    return ALPHABET[-total % 31]


def new_code() -> str:
    """A code that nobody can foretell: one of 31^8, so that a slip of the pen does not name another buyer."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(BODY))
    return f"{PREFIX}{body}{check_character(body)}"


@functools.lru_cache(maxsize=4096)
def is_valid(code: str) -> bool:
    """Whether the code is well formed and its check character right."""
    body, check = code[len(PREFIX) : -1], code[-1:]
    if len(code) != LENGTH or not code.startswith(PREFIX) or set(code[len(PREFIX) :]) - set(ALPHABET):
        return False
    return check_character(body) == check


def written_in(text: str) -> tuple[set[str], bool]:
    """The valid codes in what somebody wrote on a payment, and whether something else there looks like a code."""
    plain = (text if text.isascii() else unicodedata.normalize("NFKC", text)).upper()
    if PREFIX not in plain:
        return set(), False
    found = {PREFIX + each.translate(WITHOUT_SPACES) for each in WRITTEN.findall(plain)}
    valid = {code for code in found if is_valid(code)}
    return valid, len(valid) < len(found)
