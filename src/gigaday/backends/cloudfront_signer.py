"""CloudFront's signed URLs and cookies: a policy, and a signature of it by the key pair."""

import base64
import json

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_RSA_BITS = 2_048


class CloudFrontSigner:
    """Signs with a private key in PEM, RSA of 2048 bits or ECDSA on P-256. Raises ValueError for any other."""

    def __init__(self, key_pair_id: str, private_key: str) -> None:
        self._id = key_pair_id
        try:
            key = load_pem_private_key(private_key.encode(), password=None)
        except (TypeError, ValueError, UnsupportedAlgorithm) as error:
            raise ValueError("it is no private key in PEM without a password") from error
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise ValueError("the key has to be RSA or ECDSA")
        if key.key_size != _RSA_BITS if isinstance(key, rsa.RSAPrivateKey) else key.curve.name != "secp256r1":
            raise ValueError(f"the key has to be RSA of {_RSA_BITS} bits or ECDSA on P-256")
        self._key = key

    def url(self, url: str, expires: int, resource: str | None = None) -> str:
        """`url`, which opens until `expires` (epoch seconds). `resource` opens more than it: with wildcards, other URLs
        of which the query is then the same."""
        policy = _policy(resource or url, expires)
        said = f"Expires={expires}" if resource is None else f"Policy={_encoded(policy)}"
        proof = f"Signature={_encoded(self._signature(policy))}&Key-Pair-Id={self._id}"
        return f"{url}{'&' if '?' in url else '?'}{said}&{proof}"

    def cookies(self, resource: str, expires: int) -> dict[str, str]:
        """By name, the cookies that open all of `resource`, which may have wildcards."""
        policy = _policy(resource, expires)
        return {
            "CloudFront-Policy": _encoded(policy),
            "CloudFront-Signature": _encoded(self._signature(policy)),
            "CloudFront-Key-Pair-Id": self._id,
        }

    def _signature(self, policy: bytes) -> bytes:
        """CloudFront checks SHA-1 unless told otherwise; nobody else chooses what is hashed here."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(policy, padding.PKCS1v15(), SHA1())  # noqa: S303 - as CloudFront checks
        # The same link for the same hour, so that browsers cache it as well.
        return self._key.sign(policy, ec.ECDSA(SHA1(), deterministic_signing=True))  # noqa: S303 - the same


def _policy(resource: str, expires: int) -> bytes:
    """In the one spelling that CloudFront makes anew of a URL that has no policy of its own."""
    condition = {"DateLessThan": {"AWS:EpochTime": expires}}
    statement = {"Statement": [{"Resource": resource, "Condition": condition}]}
    return json.dumps(statement, separators=(",", ":")).encode()


def _encoded(raw: bytes) -> str:
    """Base64, with characters that a URL and a cookie take instead of those that they do not."""
    return base64.b64encode(raw).decode().translate(str.maketrans("+=/", "-_~"))
