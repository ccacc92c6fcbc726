"""A peer that speaks byte by byte: what no toolkit would send, or only half of it."""

import io
import socket
import struct
import threading

from tests.listening import association


def associate_pdu() -> bytes:
    """What pynetdicom sends to open an association for CT images."""
    sent = io.BytesIO()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def catch() -> None:
            connection, _ = server.accept()
            with connection:
                sent.write(connection.recv(65536))

        thread = threading.Thread(target=catch)
        thread.start()
        with association(server.getsockname()[1]):
            pass
        thread.join(10)
    return sent.getvalue()


def data_pdu(context_id: int, control: int, data: bytes, length: int | None = None) -> bytes:
    """A P-DATA-TF of one fragment; `length` is what the fragment says it has."""
    item = struct.pack(">LBB", len(data) + 2 if length is None else length, context_id, control)
    return struct.pack(">BxL", 4, len(item) + len(data)) + item + data


def store_command() -> bytes:
    """A C-STORE-RQ of a CT image (PS3.7 section 9.3.1.1)."""
    elements = (
        (0x0002, b"1.2.840.10008.5.1.4.1.1.2\0"),
        (0x0100, struct.pack("<H", 0x0001)),
        (0x0110, struct.pack("<H", 1)),
        (0x0800, struct.pack("<H", 0x0000)),
        (0x1000, b"1.2.3.4\0"),
    )
    return b"".join(
        struct.pack("<HHL", 0, number, len(value)) + value for number, value in elements
    )


def assert_closed(peer: socket.socket) -> None:
    """The other side ends the connection by itself, within the socket's timeout."""
    try:
        while peer.recv(65536):
            pass
    except (ConnectionResetError, BrokenPipeError):
        return
