"""The UIDs that the beginning of a data set says, found while it arrives."""

from viewer.dicomweb.elements import (
    DEFLATED,
    Broken,
    Read,
    TooManyElements,
    after,
    element_at,
    encoding_of,
    inflated_beginning,
    limited,
)

STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
_LAST = SERIES_INSTANCE_UID
_FIRST_LOOK_BYTES = 8192
# An object that refers to thousands of images has their sequence before its study.
_MOST_BYTES = 16 * 1024**2


class UidsIn:
    """Looks for the study and the series of a data set in its first 16 MiB.

    It looks again when twice as much has come, so that a byte is looked at a few times at most,
    and steps over no more elements than anybody else in the web process.
    """

    def __init__(self, transfer_syntax_uid: str) -> None:
        self._syntax = transfer_syntax_uid
        self._beginning = bytearray()
        self._look_at = _FIRST_LOOK_BYTES
        self._is_over = False
        self._found: dict[int, str] = {}

    def write(self, data: memoryview) -> None:
        """Take the next bytes of the data set."""
        if self._is_over:
            return
        self._beginning += data[: _MOST_BYTES - len(self._beginning)]
        if len(self._beginning) >= self._look_at:
            self._look()
            self._look_at *= 2
            if self._is_over or len(self._beginning) >= _MOST_BYTES:
                self._is_over, self._beginning = True, bytearray()

    def found(self) -> dict[int, str]:
        """What is there, by tag; the data set is whole."""
        if not self._is_over:
            self._look()
            self._is_over, self._beginning = True, bytearray()
        return self._found

    def _look(self) -> None:
        """Find what is there; over when no more of it can come."""
        content = bytes(self._beginning)
        if self._syntax == DEFLATED:
            content = inflated_beginning(content, _MOST_BYTES)
        encoding = encoding_of(self._syntax, content)
        read = limited(_over(content))
        position = 0
        try:
            while position + 8 <= len(content):
                element = element_at(read, position, encoding)
                position = after(read, element, encoding, len(content))
                if element.tag > _LAST:
                    self._is_over = True
                    return
                if element.tag in (STUDY_INSTANCE_UID, SERIES_INSTANCE_UID):
                    if position > len(content) or element.length > 128:
                        return
                    value = content[element.value_at : position].strip(b"\0 ")
                    self._found.setdefault(element.tag, value.decode("ascii", "replace"))
                    self._is_over = element.tag == _LAST
                    if self._is_over:
                        return
        except Broken:
            pass  # it may end there only because more is to come
        except TooManyElements:
            self._is_over = True


def _over(content: bytes) -> Read:
    return lambda position, length: content[position : position + length]
