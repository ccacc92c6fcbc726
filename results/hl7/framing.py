"""MLLP (HL7 v2 Minimal Lower Layer Protocol, release 1): <VT> message <FS> <CR>."""

from results.hl7.errors import BadFraming

START = b"\x0b"
END = b"\x1c"
_ANEW = START + b"MSH"
_AFTER_END = (b"\r", START)  # the standard's, and of senders that leave it out
_KEPT = 65536  # bytes of a message that is cut: its header is in them
_MOST_BETWEEN = 4096  # bytes that are in no frame: more than that is another protocol


def framed(message: bytes) -> bytes:
    """A message as it goes over the wire."""
    return START + message + END + b"\r"


class FrameReader:
    """Takes bytes as they come and gives whole messages."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._buffer = bytearray()
        self._searched = 0  # bytes of the frame that hold no end
        self._is_open = False
        self._between = 0

    @property
    def is_within(self) -> bool:
        """Whether a message has begun that is not whole yet."""
        return self._is_open

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now.

        A message that begins anew before the one before it ended takes its place: that one was
        cut off, and nobody acknowledged it.

        Raises
        ------
        BadFraming
            If a message is longer than any that is taken, holds the byte that ends one (FS)
            before its end, or the bytes are no MLLP.
        """
        self._buffer += data
        messages = []
        while self._opened():
            end = self._buffer.find(END, self._searched)
            anew = self._buffer.rfind(_ANEW, max(0, self._searched - 3), None if end < 0 else end)
            if anew >= 0:
                del self._buffer[: anew + 1]
                self._searched = 0
                continue
            if end < 0 or end + 1 == len(self._buffer):
                self._searched = len(self._buffer) if end < 0 else end
                break
            if self._buffer[end + 1 : end + 2] not in _AFTER_END:
                raise BadFraming(
                    "a message holds the byte that ends one", beginning=bytes(self._buffer[:_KEPT])
                )
            messages.append(bytes(self._buffer[:end]))
            del self._buffer[: end + 1]
            self._is_open, self._searched = False, 0
        for one in (*messages, self._buffer.removesuffix(END) if self._is_open else b""):
            if len(one) > self._longest:
                raise BadFraming(
                    f"a message is longer than {self._longest} bytes", beginning=bytes(one[:_KEPT])
                )
        return messages

    def paused(self) -> list[bytes]:
        """A message that lacks but the CR after its end; to be asked for when no more comes."""
        if not self._is_open or not self._buffer.endswith(END):
            return []
        message = bytes(self._buffer.removesuffix(END))
        self._buffer.clear()
        self._is_open, self._searched = False, 0
        return [message]

    def _opened(self) -> bool:
        """Go to the beginning of the next message; what lies before is of no message."""
        if self._is_open:
            return True
        start = self._buffer.find(START)
        passed = len(self._buffer) if start < 0 else start
        self._between += passed
        if self._between > _MOST_BETWEEN:
            raise BadFraming("the bytes are no MLLP: no message begins")
        if start < 0:
            self._buffer.clear()
            return False
        del self._buffer[: start + 1]
        self._between, self._is_open, self._searched = 0, True, 0
        return True
