"""What an encoded frame says of itself, whatever the header of its object claims."""

JPEG_START = b"\xff\xd8"
JPEG_2000_START = b"\xff\x4f\xff\x51"  # SOC, SIZ
JPEG_LS_FRAME = 0xF7
_NO_FRAME_HEADERS = frozenset({0xC4, 0xC8, 0xCC})  # DHT, JPG, DAC lie among SOF0..SOF15


def declared_size(codestream: bytes) -> tuple[int, int] | None:
    """(rows, columns) as the codestream's own header says; None if it cannot be told.

    A codec allocates by this header, so it is compared with the object's before decoding.
    """
    if codestream.startswith(JPEG_START):
        frame = jpeg_frame_header(codestream)
        return None if frame is None else (frame[1], frame[2])
    start = codestream[:256].find(JPEG_2000_START)
    if start < 0 or len(codestream) < start + 24:
        return None
    x1, y1, x0, y0 = (  # ISO 15444-1 A.5.1: Xsiz, Ysiz, XOsiz, YOsiz
        int.from_bytes(codestream[start + 8 + 4 * i : start + 12 + 4 * i], "big") for i in range(4)
    )
    return (y1 - y0, x1 - x0)


def declared_precision(codestream: bytes) -> int | None:
    """Bits a sample as the codestream's own header says; None if it cannot be told."""
    if codestream.startswith(JPEG_START):
        frame = jpeg_frame_header(codestream)
        return None if frame is None else frame[3]
    start = codestream[:256].find(JPEG_2000_START)
    if start < 0 or len(codestream) <= start + 42:
        return None
    return (codestream[start + 42] & 0x7F) + 1  # ISO 15444-1 A.5.1: Ssiz of the first component


def jpeg_frame_header(codestream: bytes) -> tuple[int, int, int, int] | None:
    """(marker, rows, columns, precision) of the first SOF segment (ISO 10918-1 B.2.2)."""
    position = 2
    while position + 9 <= len(codestream) and codestream[position] == 0xFF:
        marker = codestream[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        in_range = 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME_HEADERS
        if in_range or marker == JPEG_LS_FRAME:
            rows = int.from_bytes(codestream[position + 5 : position + 7], "big")
            columns = int.from_bytes(codestream[position + 7 : position + 9], "big")
            return (marker, rows, columns, codestream[position + 4])
        position += 2 + int.from_bytes(codestream[position + 2 : position + 4], "big")
    return None
