"""Every error this room raises on purpose.

::

    VigieError
    └── UnusableFacts            facts from which an object cannot be made
        ├── UnknownImage         a region on an image that the facts do not describe
        └── UnusableSource       a header that cannot be the source of an object
"""

from worklist.errors import VigieError


class UnusableFacts(VigieError, ValueError):
    """Facts that contradict one another or lack what the object must say."""


class UnknownImage(UnusableFacts):
    """A finding lies on an image of which the facts hold no header."""


class UnusableSource(UnusableFacts):
    """A header without the UIDs or the size of an image."""
