"""Salted digests: what the event log holds of things that can be erased later.

The log cannot be changed, so it must not say what somebody may ask to have erased, nor hold a
digest of it that guesses could be tried against. It holds the SHA-256 of a random salt of 128 bits,
a colon and the value. The salt is kept beside the value, in a table of its own. As long as both are
there, everybody can check them against the log; once they are deleted, the digest says nothing.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from scrubtrace.review.table import review_people

PERSON = re.compile("u[0-9a-f]{24}")
"""What a person is called where the name must not stand."""


def new_salt() -> str:
    """32 hexadecimal digits by chance."""
    return secrets.token_hex(16)


def salted(salt: str, value: str) -> str:
    """The digest, as 64 hexadecimal digits."""
    return hashlib.sha256(f"{salt}:{value}".encode()).hexdigest()


@dataclass(frozen=True)
class Person:
    """A reviewer or a user: the first digits of a salted digest of the name."""

    person: str
    name: str
    salt: str

    @classmethod
    def new(cls, name: str) -> "Person":
        """Somebody whom the table does not know yet."""
        salt = new_salt()
        return cls(person_id(salt, name), name, salt)


def person_id(salt: str, name: str) -> str:
    """``u`` and 24 hexadecimal digits: 96 bits, which nobody finds another name for."""
    return "u" + salted(salt, name)[:24]


def person_of(connection: Connection, name: str) -> Person:
    """The person of that name: the one that the table knows, or a new one, not stored yet."""
    columns = review_people.c
    query = select(review_people).where(columns.name == name).order_by(columns.person).limit(1)
    row = connection.execute(query).mappings().first()
    return Person.new(name) if row is None else Person(**row)


def remembered(connection: Connection, name: str) -> str:
    """The id of the person of that name, stored if it is new; the log must be locked."""
    found = person_of(connection, name)
    remember(connection, found)
    return found.person


def remember(connection: Connection, found: Person) -> None:
    """Store the person unless the table has it; the log must be locked."""
    known = select(review_people.c.person).where(review_people.c.person == found.person)
    if connection.execute(known).first() is None:
        connection.execute(insert(review_people), vars(found))
