"""The keys by which the heads of the record's days are signed: Ed25519, in ``DATA/record``.

The private key never leaves the folder, and the database never sees it: whoever owns the database
cannot sign. Public keys of the past stay, so that old days can be verified.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from worklist.errors import VigieError
from worklist.record import SignedHead, Signer

_PRIVATE = "signing_key.pem"
_PUBLIC = ".pub.pem"
_HEADS = "day_heads.jsonl"


class KeyUnreadable(VigieError):
    """A key, or the copies of heads, cannot be read; the message names the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeKey:
    """A key that was made just now."""

    key_id: str
    public_pem: str


class RecordKeys:
    """The keys and the heads in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def heads_file(self) -> Path:
        """A copy of every head, outside the database."""
        return self.folder / _HEADS

    def make(self, *, anew: bool = False) -> MadeKey | None:
        """Make a key where there is none, or put a new one in its place; None: it was there."""
        path = self.folder / _PRIVATE
        if path.exists() and not anew:
            return None
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = Ed25519PrivateKey.generate()
        public = _pem_of(key.public_key())
        key_id = key_id_of(key.public_key())
        _write(self.folder / f"{key_id}{_PUBLIC}", public)
        _write(
            path,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        return MadeKey(key_id=key_id, public_pem=public.decode())

    def signer(self) -> Signer:
        """What signs by the key in force.

        Raises
        ------
        KeyUnreadable
            If there is none, or it is no Ed25519 key.
        """
        path = self.folder / _PRIVATE
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise KeyUnreadable(f"the key {path} cannot be read: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyUnreadable(f"the key {path} is no Ed25519 key")
        return Signer(key_id=key_id_of(key.public_key()), sign=key.sign)

    def public_keys(self) -> dict[str, Ed25519PublicKey]:
        """The public keys of all times, by what names them."""
        return read_public_keys(sorted(self.folder.glob(f"*{_PUBLIC}")))

    def add_head(self, signed: SignedHead) -> None:
        """Keep a copy of a head, durably."""
        line = json.dumps(signed.as_json(), sort_keys=True) + "\n"
        descriptor = os.open(self.heads_file, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            whole = file.read().rpartition(b"\n")
            file.seek(len(whole[0] + whole[1]))  # over what a crash cut off
            file.truncate()
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def heads(self) -> list[SignedHead]:
        """The copies, oldest first; none before the first day was sealed."""
        return read_heads(self.heads_file) if self.heads_file.exists() else []

    def public_pem(self, key_id: str) -> str:
        """A public key, as it is given to others."""
        return (self.folder / f"{key_id}{_PUBLIC}").read_text(encoding="ascii")


def read_heads(path: Path) -> list[SignedHead]:
    """Heads in a file, oldest first; a last line that was cut off by a crash is left out.

    Raises
    ------
    KeyUnreadable
        If a line holds none.
    """
    heads = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            heads.append(SignedHead.from_json(json.loads(line)))
        except (KeyError, TypeError, ValueError) as error:
            if line.endswith("\n"):
                raise KeyUnreadable(f"{path} holds no heads of days: {error}") from error
    return heads


def key_id_of(key: Ed25519PublicKey) -> str:
    """What names a key: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def read_public_keys(paths: Iterable[Path]) -> dict[str, Ed25519PublicKey]:
    """Public keys in PEM files, by what names them.

    Raises
    ------
    KeyUnreadable
        If one of the files holds none.
    """
    keys = {}
    for path in paths:
        try:
            key = serialization.load_pem_public_key(path.read_bytes())
        except (OSError, ValueError) as error:
            raise KeyUnreadable(f"the public key {path} cannot be read: {error}") from error
        if not isinstance(key, Ed25519PublicKey):
            raise KeyUnreadable(f"the public key {path} is no Ed25519 key")
        keys[key_id_of(key)] = key
    return keys


def signature_fault(signed: SignedHead, keys: Mapping[str, Ed25519PublicKey]) -> str | None:
    """What is wrong with the signature of a head, in words; None: it is good."""
    day, key_id = signed.head.day, signed.head.key_id
    key = keys.get(key_id)
    if key is None:
        return f"the head of the day {day} is signed by a key that is not known here: {key_id}"
    try:
        key.verify(signed.signature, signed.head.text)
    except InvalidSignature:
        return f"the head of the day {day} is not what was signed"
    return None


def _pem_of(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, for the owner's eyes only."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
