"""Google's service accounts: who may send push messages, and the key that proves it.

Pure: imports nothing of ours.
"""

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


class ServiceAccount(msgspec.Struct, frozen=True):
    """Of the JSON file that Google hands out, what is needed."""

    client_email: str
    private_key: str


def account(text: str) -> tuple[ServiceAccount, RSAPrivateKey]:
    """The service account with its key; raises ValueError with what to do."""
    try:
        made = msgspec.json.decode(text, type=ServiceAccount)
        key = load_pem_private_key(made.private_key.encode(), password=None)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise ValueError("`service_account` is not the JSON file that Google hands out") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("the service account's key is not RSA; get a new one from Google")
    return made, key
