"""A connection to a DICOM node, plain or under TLS (PS3.15 annex B), and why there is none."""

import socket
import ssl

from results.sending.destination import DimseDestination, Tls
from results.sending.errors import DestinationUnavailable


def connect(destination: DimseDestination) -> socket.socket:
    """Connect, and shake hands where the destination speaks TLS.

    Raises
    ------
    DestinationUnavailable
        With a sentence that says what to look at.
    """
    where = f"{destination.host}:{destination.port}"
    context = tls_context(destination.tls) if destination.tls is not None else None
    address = (destination.host, destination.port)
    try:
        connection = socket.create_connection(address, timeout=destination.connect_timeout_s)
    except OSError as error:
        raise unreachable(destination.host, where, error) from error
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if context is None:
            return connection
        return context.wrap_socket(connection, server_hostname=destination.host)
    except (ssl.SSLEOFError, ConnectionError) as error:
        connection.close()
        raise _no_tls(where, error) from error
    except OSError as error:
        connection.close()
        raise lost(where, error) from error


def tls_context(tls: Tls) -> ssl.SSLContext:
    """What we believe and show; TLS 1.2 at least.

    Raises
    ------
    DestinationUnavailable
        If one of the files cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=None if tls.ca is None else str(tls.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = tls.check_host_name
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise DestinationUnavailable(
            f"The CA, certificate or key for TLS cannot be used: {_words(error)}"
        ) from error
    return context


def lost(where: str, error: OSError) -> DestinationUnavailable:
    """What a broken connection means, for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return DestinationUnavailable(
            f"We refuse the certificate of {where}: {error.verify_message}. "
            "Check the CA of the destination, and the host name in its certificate."
        )
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        return DestinationUnavailable(
            f"{where} refused our TLS connection: {_words(error)}. "
            "Check our certificate, and the CA that it is checked with there."
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return _no_tls(where, error)
    if isinstance(error, TimeoutError):
        return DestinationUnavailable(f"{where} stopped to answer.")
    return DestinationUnavailable(f"{where} closed the connection: {_words(error)}")


def unreachable(host: str, where: str, error: OSError) -> DestinationUnavailable:
    """Why there is no connection, for people."""
    if isinstance(error, socket.gaierror):
        return DestinationUnavailable(
            f"No address is known for {host}: check the host of the destination."
        )
    if isinstance(error, ConnectionRefusedError):
        return DestinationUnavailable(
            f"Nothing listens at {where}: check the port, and whether the node runs."
        )
    if isinstance(error, TimeoutError):
        return DestinationUnavailable(
            f"{where} does not answer: check host and port, the network and its firewalls."
        )
    return DestinationUnavailable(f"{where} cannot be reached: {_words(error)}")


def _no_tls(where: str, error: OSError) -> DestinationUnavailable:
    return DestinationUnavailable(
        f"No TLS with {where}: {_words(error)}. Check whether TLS is spoken there."
    )


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        name = f" ({error.filename})" if error.filename else ""
        return error.strerror + name
    return str(error) or type(error).__name__


def _no_password() -> str:
    """Fail rather than ask at a terminal."""
    raise ValueError("the key is locked with a password")
