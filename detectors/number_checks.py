"""Check digits and dates inside personal numbers: whether a run of digits can be one.

Sources: GB 11643-1999 (Chinese resident identity number), ordinance 85 of 2014 of the Japanese
Ministry of Internal Affairs (individual number), the layout of the Indonesian NIK (regulation 40 of
2019), ISO/IEC 7812 (cards).
"""

from datetime import date

_CN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CN_CHECK = "10X98765432"
_JP_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_FEMALE_DAY = 40
_EARLIEST_YEAR = 1900

CARD_LENGTHS = (13, 14, 15, 16, 19)

TEST_CARDS = frozenset({
    "4111111111111111", "4242424242424242", "4012888888881881", "4000056655665556",
    "4222222222222", "5555555555554444", "5105105105105100", "2223003122003222",
    "378282246310005", "371449635398431", "6011111111111117", "6011000990139424",
    "30569309025904", "38520000023237", "3530111333300000", "3566002020360505",
})  # fmt: skip
"""Card numbers that payment processors publish for tests."""


def digits_of(found: str) -> str:
    """The digits of a written number, and a final X, without separators."""
    return "".join(
        char for char in found.upper() if char.isascii() and (char.isdigit() or char == "X")
    )


def is_chinese_identity_number(found: str) -> bool:
    """18 places: region, birth date, order, check digit (ISO 7064 MOD 11-2)."""
    number = digits_of(found)
    if len(number) != 18 or not number[:17].isdigit() or number[0] in "09":
        return False
    total = sum(int(d) * w for d, w in zip(number, _CN_WEIGHTS, strict=False))
    return _CN_CHECK[total % 11] == number[17] and _is_date(number[6:14])


def is_japanese_individual_number(found: str) -> bool:
    """12 digits, the last of which checks the others; not all alike."""
    number = digits_of(found)
    if len(number) != 12 or not number.isdigit() or len(set(number)) == 1:
        return False
    rest = sum(int(d) * w for d, w in zip(number, _JP_WEIGHTS, strict=False)) % 11
    return int(number[11]) == (0 if rest <= 1 else 11 - rest)


def is_indonesian_identity_number(found: str) -> bool:
    """16 digits: district (11 to 99), birth date with 40 added for women, order from 0001."""
    number = digits_of(found)
    if len(number) != 16 or not number.isdigit() or number[0] == "0" or number[12:] == "0000":
        return False
    day = int(number[6:8])
    day -= _FEMALE_DAY if day > _FEMALE_DAY else 0
    return any(_is_date(f"{century}{number[10:12]}{number[8:10]}{day:02}") for century in (19, 20))


def is_card_number(found: str) -> bool:
    """A length and range of a card network, passing the Luhn check, and no published test."""
    number = digits_of(found)
    if len(number) not in CARD_LENGTHS or not number.isdigit() or number in TEST_CARDS:
        return False
    if number[0] not in "3456" and not 2221 <= int(number[:4]) <= 2720:
        return False
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(number))]
    return len(set(number)) > 2 and sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _is_date(number: str) -> bool:
    try:
        born = date(int(number[:4]), int(number[4:6]), int(number[6:8]))
    except ValueError:
        return False
    return born.year >= _EARLIEST_YEAR
