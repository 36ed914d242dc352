"""Values that look like personal data and are none: examples, test numbers, reserved ranges.

Documentation and scrubbing tools write them on purpose, so they say nothing of a person. Sources:
reserved domains RFC 2606 and RFC 6761, special addresses RFC 5737, RFC 3849 and the registries
behind Python's `ipaddress`, test cards of payment providers, IBAN examples of the SWIFT registry
and of Wikipedia, replacement addresses of datatrove and BigCode (facts of their source code).
"""

import ipaddress


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RESERVED_DOMAINS = ("example.com", "example.net", "example.org", "example.edu", "domain.com",
                    "yourdomain.com", "mydomain.com", "yourcompany.com", "company.com",
                    "email.com")  # fmt: skip
RESERVED_ENDS = (".example", ".test", ".invalid", ".localhost", ".local", ".internal")
NOBODY = _words(
    "user username name someone somebody you your yourname your.name youremail your.email email "
    "john.doe jane.doe johndoe janedoe max.mustermann erika.mustermann firstname.lastname "
    "first.last noreply no-reply donotreply git"
)
"""Local parts that name nobody; ``git@`` is the user of an SSH address."""

TEST_CARDS = _words(
    "4111111111111111 4242424242424242 4012888888881881 4012001037141112 4000056655665556 "
    "4222222222222 4000000000000002 5555555555554444 5105105105105100 5200828282828210 "
    "2223003122003222 378282246310005 371449635398431 378734493671000 6011111111111117 "
    "6011000990139424 3056930009020004 30569309025904 38520000023237 3566002020360505 "
    "3530111333300000 6200000000000005 4539578763621486"
)
EXAMPLE_IBANS = _words(
    "DE89370400440532013000 GB82WEST12345698765432 GB29NWBK60161331926819 AT611904300234573201 "
    "FR1420041010050500013M02606 NL91ABNA0417164300 CH9300762011623852957 BE68539007547034 "
    "ES9121000418450200051332 IT60X0542811101000000123456 LU280019400644750000 "
    "PL61109010140000071219812874"
)
SCRUBBED_IPS = _words(
    "22.214.171.124 126.96.36.199 188.8.131.52 184.108.40.206 220.127.116.11 18.104.22.168"
)


def is_surrogate(entity: str, value: str) -> bool:
    """Whether a value that was recognised as the entity is known to belong to nobody."""
    if entity == "EMAIL_ADDRESS":
        return _is_surrogate_mail(value.lower())
    if entity == "IP_ADDRESS":
        return _is_surrogate_ip(value)
    plain = "".join(char for char in value if char.isalnum())
    if entity == "IBAN_CODE":
        return plain in EXAMPLE_IBANS
    if entity == "CREDIT_CARD":
        return plain in TEST_CARDS or _is_made_up(plain)
    return _is_made_up(plain)


def _is_surrogate_mail(address: str) -> bool:
    local, _, domain = address.rpartition("@")
    reserved = any(domain == name or domain.endswith(f".{name}") for name in RESERVED_DOMAINS)
    return reserved or domain.endswith(RESERVED_ENDS) or local in NOBODY


def _is_surrogate_ip(value: str) -> bool:
    """Networks, addresses that are not routed, and four single digits, which are versions."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return True
    if not address.is_global or address.is_multicast or value in SCRUBBED_IPS:
        return True
    return address.version == 4 and len(value) == len("1.2.3.4")


def _is_made_up(digits: str) -> bool:
    """Whether the last eight digits are typed in a row or hold at most two different digits."""
    last = digits[-8:]
    return len(set(last)) <= 2 or last in "01234567890123456789" or last in "98765432109876543210"
