"""Check digits and dates of national numbers, as pure functions of the digits.

Sources: Luhn is ISO/IEC 7812-1 annex B; the Chinese resident identity number is GB 11643-1999
(ISO 7064 MOD 11-2); the Japanese individual number (My Number) is ordinance 85 of 2014 of the
Ministry of Internal Affairs and Communications, article 5; the Indonesian NIK is law 23/2006 on
population administration (six digits of place, date of birth, serial).
"""

from datetime import date


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CN_CHECKS = "10X98765432"
CN_PROVINCES = _words(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 "
    "71 81 82 83"
)
ID_PROVINCES = _words(
    "11 12 13 14 15 16 17 18 19 21 31 32 33 34 35 36 51 52 53 61 62 63 64 65 71 72 73 74 75 76 81 "
    "82 91 92 93 94 95 96 97"
)
JP_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
LEAP_YEAR = 2000
"""Stands for the unknown century of a two-digit year, so that 29 February is never refused."""


def is_luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def is_resident_id(number: str) -> bool:
    """Whether 18 characters are a mainland Chinese resident identity number."""
    if number[:2] not in CN_PROVINCES or not _is_date(number[6:10], number[10:12], number[12:14]):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(CN_WEIGHTS, number[:17], strict=True))
    return CN_CHECKS[total % 11] == number[17].upper()


def is_my_number(digits: str) -> bool:
    """Whether 12 digits end in the check digit of the Japanese individual number."""
    total = sum(weight * int(digit) for weight, digit in zip(JP_WEIGHTS, digits[:11], strict=True))
    rest = total % 11
    return int(digits[11]) == (0 if rest <= 1 else 11 - rest)


def is_nik(digits: str) -> bool:
    """Whether 16 digits have the province, the date and the serial of an Indonesian NIK.

    A NIK has no check digit; the day of birth of women is raised by 40.
    """
    day = int(digits[6:8])
    born = f"{day - 40 if day > 40 else day:02}"
    in_date = _is_date(str(LEAP_YEAR), digits[8:10], born)
    return digits[:2] in ID_PROVINCES and in_date and digits[12:] != "0000"


def _is_date(year: str, month: str, day: str) -> bool:
    try:
        return date(int(year), int(month), int(day)).year >= 1900
    except ValueError:
        return False
