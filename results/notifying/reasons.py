"""Why a receiver could not be reached, in a few words."""

import ssl

from results.notifying.message import one_line

_DEEPEST = 10  # errors within errors


def in_words(error: BaseException) -> str:
    """What went wrong; without what is only the program's (addresses, objects in memory)."""
    inner = _innermost(error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {one_line(inner.verify_message)}"
    return f"cannot be reached: {_named(inner)}"


def _named(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return one_line(error.reason)
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    if type(error) is OSError and error.args:  # a proxy's answer, as http.client says it
        return one_line(str(error))
    return type(error).__name__


def _innermost(error: BaseException) -> BaseException:
    for _ in range(_DEEPEST):
        candidates = (getattr(error, "reason", None), *error.args, error.__cause__)
        inner = next((one for one in candidates if isinstance(one, BaseException)), None)
        if inner is None:
            break
        error = inner
    return error
