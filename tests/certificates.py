"""A certificate authority of the test, and what it signs; by the program openssl."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Signed:
    """A certificate and its key, PEM."""

    certificate: Path
    key: Path


class Authority:
    """A CA that signs certificates for localhost and 127.0.0.1."""

    def __init__(self, program: Callable[[str], str], folder: Path, name: str) -> None:
        self._openssl = program("openssl")
        self._folder, self._name = folder, name
        self.ca = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        self._run(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", str(self._key), "-out", str(self.ca),
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def sign(self, host: str = "localhost") -> Signed:
        """A certificate made out to a host."""
        stem = f"{self._name}-{host}"
        request, extensions = self._folder / f"{stem}.csr", self._folder / f"{stem}.ext"
        signed = Signed(self._folder / f"{stem}.crt", self._folder / f"{stem}.key")
        also = ",IP:127.0.0.1" if host == "localhost" else ""
        extensions.write_text(f"subjectAltName=DNS:{host}{also}\nauthorityKeyIdentifier=keyid\n")
        self._run(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}",
            "-keyout", str(signed.key), "-out", str(request),
        )  # fmt: skip
        self._run(
            "x509", "-req", "-in", str(request), "-CA", str(self.ca), "-CAkey", str(self._key),
            "-CAcreateserial", "-days", "2", "-extfile", str(extensions),
            "-out", str(signed.certificate),
        )  # fmt: skip
        return signed

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._openssl, *arguments], check=True, capture_output=True, timeout=60)
