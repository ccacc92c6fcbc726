"""Passwords by Argon2id (RFC 9106), and secrets from the operating system."""

import functools
import secrets
import threading
import unicodedata

import argon2

_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # none is taken for another
_GROUPS, _GROUP_LENGTH = 4, 5  # 31 ** 20: 99 bits
_AT_ONCE = 4  # each takes 64 MiB: a flood of tries must not take all memory


class Argon2Passwords:
    """Satisfies `worklist.people_ports.Passwords`; may be used from many threads.

    Parameters
    ----------
    hasher
        None: with the parameters that argon2-cffi recommends at its version.
    """

    def __init__(self, hasher: argon2.PasswordHasher | None = None) -> None:
        self._hasher = hasher or argon2.PasswordHasher()
        self._at_once = threading.BoundedSemaphore(_AT_ONCE)

    @functools.cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe())

    def hashed(self, password: str) -> str:
        """What is kept instead of the password."""
        with self._at_once:
            return self._hasher.hash(_as_typed_anywhere(password))

    def matches(self, password: str, kept: str | None) -> bool:
        """Whether it is the password; None, which nothing matches, takes as long."""
        with self._at_once:
            try:
                typed = _as_typed_anywhere(password)
                return self._hasher.verify(kept or self._nobodys, typed) and kept is not None
            except argon2.exceptions.VerificationError:
                return False

    def is_dated(self, kept: str) -> bool:
        """Whether it was hashed with less effort than is usual now."""
        return self._hasher.check_needs_rehash(kept)

    def new_password(self) -> str:
        """One that a person can copy from paper and nobody can guess."""
        return "-".join(
            "".join(secrets.choice(_SIGNS) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS)
        )

    def new_secret(self) -> str:
        """One for machines and browsers, 256 bits."""
        return secrets.token_urlsafe(32)


def _as_typed_anywhere(password: str) -> str:
    """The same signs in the same code points, whatever the keyboard (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)
