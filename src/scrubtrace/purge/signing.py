"""Signing a record as a DSSE envelope, by securesystemslib (the extra ``sign``).

DSSE: https://github.com/secure-systems-lab/dsse; the payload type is that of in-toto statements.
"""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

from scrubtrace.exits import SumsDifferStop, UsageStop

if TYPE_CHECKING:
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner, Signature, SSlibKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MISSING = "signatures need an extra: pip install 'scrubtrace[sign]'"


def sign(content: bytes, key_file: str) -> bytes:
    """The envelope with one signature, as JSON; raises `UsageStop` for an unusable key."""
    try:
        from securesystemslib.dsse import Envelope
    except ImportError:
        raise UsageStop(MISSING) from None
    envelope = Envelope(content, PAYLOAD_TYPE, {})
    envelope.sign(signer(key_file))
    return json.dumps(envelope.to_dict(), sort_keys=True).encode() + b"\n"


def payload_of(envelope: bytes) -> bytes | None:
    """What an envelope holds, whoever signed it; None if it is none."""
    try:
        return base64.b64decode(json.loads(envelope)["payload"])
    except (ValueError, KeyError, TypeError):
        return None


def signer(key_file: str) -> "CryptoSigner":
    """The private key of a PEM file (Ed25519, ECDSA or RSA); raises `UsageStop`."""
    try:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from securesystemslib.signer import CryptoSigner
    except ImportError:
        raise UsageStop(MISSING) from None
    try:
        return CryptoSigner(load_pem_private_key(Path(key_file).read_bytes(), None))
    except OSError as error:
        raise UsageStop(f"cannot read {key_file}: {error.strerror}") from None
    except Exception:  # the message could hold a part of the key
        raise UsageStop(f"{key_file} is no private key in PEM without a password") from None


def verified(envelope: bytes, public_key: str) -> bytes:
    """What an envelope holds; raises `SumsDifferStop` if the key did not sign it."""
    found, key = opened(envelope), _public(public_key)
    if not any(_is_by(key, signature, found.pae()) for signature in found.signatures.values()):
        raise SumsDifferStop(f"the record is not signed by {public_key}, or was changed")
    if found.payload_type != PAYLOAD_TYPE:
        raise SumsDifferStop("what was signed is no in-toto statement")
    return bytes(found.payload)


def _is_by(key: "SSlibKey", signature: "Signature", content: bytes) -> bool:
    from securesystemslib.exceptions import UnverifiedSignatureError
    from securesystemslib.signer import Signature

    try:  # programs name keys differently: the key decides, not its name
        key.verify_signature(Signature(key.keyid, signature.signature), content)
    except UnverifiedSignatureError:
        return False
    return True


def opened(envelope: bytes) -> "Envelope":
    """The envelope, its signatures not looked at; raises `SumsDifferStop` if it is none."""
    try:
        from securesystemslib.dsse import Envelope
    except ImportError:
        raise UsageStop(MISSING) from None
    try:
        return Envelope.from_dict(json.loads(envelope))
    except Exception:  # whatever a damaged file leads to
        raise SumsDifferStop("the signed record is damaged: it is no DSSE envelope") from None


def _public(path: str) -> "SSlibKey":
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.signer import SSlibKey

    try:
        return SSlibKey.from_crypto(load_pem_public_key(Path(path).read_bytes()))
    except OSError as error:
        raise UsageStop(f"cannot read {path}: {error.strerror}") from None
    except Exception:
        raise UsageStop(f"{path} is no public key in PEM") from None
