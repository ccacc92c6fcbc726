"""What a message does with an order (ORC-1, HL7 table 0119)."""

from worklist.orders import OrderControl

_CHANGES = frozenset({"XO", "XX", "XR", "RO", "RP", "RQ", "RU"})
_CANCELS = frozenset({"CA", "CR", "OC", "DC", "DR", "OD"})
_UNABLE = frozenset({"DE", "UA", "UC", "UD", "UF", "UH", "UM", "UR", "UX"})


def control_of(code: str) -> OrderControl | None:
    """What is done; None: somebody was unable to do something, and the order is as it was."""
    code = code.upper()
    if code in _UNABLE:
        return None
    if code in _CANCELS:
        return OrderControl.CANCELLED
    return OrderControl.CHANGED if code in _CHANGES else OrderControl.PLACED
