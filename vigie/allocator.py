"""How this process's C library keeps memory.

Training takes and drops buffers of many megabytes for every batch. glibc gives such memory back
to the kernel at once and fetches it anew, page by page and zeroed; where memory is slow to come
(virtual machines), that takes longer than the computing.
"""

import ctypes
import os
import platform

# mallopt(3): parameter in malloc.h, value, and the variable with which a person sets it
_KEPT = (
    (-3, 2**30, "MALLOC_MMAP_THRESHOLD_"),  # bytes; smaller buffers are kept for the next
    (-1, 2**31 - 1, "MALLOC_TRIM_THRESHOLD_"),  # bytes unused before any are given back
    (-2, 2**28, "MALLOC_TOP_PAD_"),  # bytes fetched at a time
    (-8, 1, "MALLOC_ARENA_MAX"),  # threads share what is kept
)


def keep_freed_memory() -> bool:
    """Let freed memory stay with this process, where its C library is glibc.

    What a person set by a ``MALLOC_`` variable stays as it is.

    Returns
    -------
    bool
        Whether the library took all of it.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(
        variable in os.environ or mallopt(parameter, value) == 1
        for parameter, value, variable in _KEPT
    )
