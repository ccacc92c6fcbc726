"""How one listener is set up."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class ListenerSettings:
    """What one DICOM listener needs to know; several processes may share one.

    Raises
    ------
    ValueError
        If a value cannot be meant; the message names it.
    """

    data: Path  # the node's folder; inbox, archive and quarantine lie in it
    ae_title: str = "VIGIE"
    host: str = "127.0.0.1"
    port: int = 11112  # 0: any free port
    allowed_calling_ae_titles: tuple[str, ...] = ()  # empty: every calling AE title
    allowed_addresses: tuple[str, ...] = ()  # addresses or networks (10.1.0.0/16); empty: all
    require_called_ae_title: bool = False  # refuse senders that call another AE title
    max_associations: int = 64  # in one process
    max_pdu_bytes: int = 131072  # announced; DCMTK sends no larger ones
    max_object_bytes: int = 8 * 1024**3  # of one data set
    disk_reserve_bytes: int = 2 * 1024**3  # kept free; below it objects are refused (0xA700)
    acse_timeout_s: float = 30.0  # to negotiate, and for the peer to close afterwards
    network_timeout_s: float = 60.0  # silence between two messages
    dimse_timeout_s: float = 30.0  # silence inside a message, and for one PDU to be whole
    stop_limit_s: float = 30.0  # for associations in hand when the listener is stopped
    implementation_version_name: str = "VIGIE"  # at most 16 characters
    tls_certificate: Path | None = None  # PEM with the chain; None: no TLS
    tls_key: Path | None = None  # PEM; None: the key is in the certificate file
    tls_client_ca: Path | None = None  # PEM; set: peers must show a certificate it signed

    def __post_init__(self) -> None:
        for name, title in (
            ("ae_title", self.ae_title),
            *(("allowed_calling_ae_titles", t) for t in self.allowed_calling_ae_titles),
        ):
            if not _is_ae_title(title):
                raise ValueError(f"{name}: {title!r} is no AE title (1 to 16 ASCII characters)")
        for network in self.allowed_addresses:
            try:
                ip_network(network, strict=False)
            except ValueError as error:
                raise ValueError(f"allowed_addresses: {error}") from error
        if not 4096 <= self.max_pdu_bytes <= 16 * 1024**2:
            raise ValueError("max_pdu_bytes: must lie between 4096 and 16777216")
        if not 0 <= self.port <= 65535:
            raise ValueError("port: must lie between 0 and 65535")
        if self.max_associations < 1:
            raise ValueError("max_associations: must be at least 1")

    @property
    def inbox(self) -> Path:
        """Objects received and not yet filed."""
        return self.data / "inbox"

    def allows_address(self, address: str) -> bool:
        """Whether a peer at this IP address may connect."""
        if not self.allowed_addresses:
            return True
        peer = ip_address(address.split("%")[0])
        mapped = getattr(peer, "ipv4_mapped", None)
        networks = [ip_network(text, strict=False) for text in self.allowed_addresses]
        return any((mapped or peer) in network for network in networks)


def _is_ae_title(text: str) -> bool:
    """PS3.5 table 6.2-1, AE: ASCII without control characters and backslash, not all spaces."""
    printable = text.isascii() and text.isprintable()
    return printable and "\\" not in text and len(text.strip()) > 0 and len(text) <= 16
