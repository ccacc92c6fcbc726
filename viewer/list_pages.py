"""Pages of the list as JSON, made once for all browsers that ask for the same.

A new outcome makes every open browser ask at the same moment. The page is read and written out
once; it holds until the next event, and no longer than a moment, for not everything that a page
shows is an event (a worker that registers another detector is none).
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from viewer.ports import WorklistReader
from viewer.schemas import WorklistAnswer
from worklist.filters import ListFilter
from worklist.people import AccountName
from worklist.views import FilterChoices

_KEPT_FOR = timedelta(seconds=2)
_CHOICES_KEPT_FOR = timedelta(seconds=30)
_MOST = 64  # pages of some hundred kB


@dataclass(frozen=True, kw_only=True, slots=True)
class PageAsked:
    """Which page."""

    asked: ListFilter
    after: str | None
    offset: int
    limit: int
    language: str  # of its sentences


@dataclass(slots=True)
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)  # one makes it, others wait
    answer: WorklistAnswer | None = None
    body: bytes = b""
    holders: frozenset[str] = frozenset()  # who has claimed a study of the page
    version: int = -1
    made_at: datetime | None = None


class ListPages:
    """Answers ``/api/worklist``; each call is from another thread."""

    def __init__(self, reader: WorklistReader, now: Callable[[], datetime]) -> None:
        self._reader = reader
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[PageAsked, _Kept] = OrderedDict()

    def body(self, page: PageAsked, name: AccountName | None) -> bytes:
        """The page as JSON, as this person sees it; None: a machine."""
        kept = self._place_for(page)
        with kept.lock:
            version = self._reader.list_version()
            if not self._is_fresh(kept, version):
                self._make(kept, page)
            if kept.answer is None or name not in kept.holders:
                return kept.body
            answer = kept.answer
        rows = [row.seen_by(name) for row in answer.rows]
        return answer.model_copy(update={"rows": rows}).model_dump_json().encode()

    def _place_for(self, page: PageAsked) -> _Kept:
        with self._lock:
            kept = self._kept.setdefault(page, _Kept())
            self._kept.move_to_end(page)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
            return kept

    def _is_fresh(self, kept: _Kept, version: int) -> bool:
        return (
            kept.made_at is not None
            and kept.version >= version
            and abs(self._now() - kept.made_at) < _KEPT_FOR
        )

    def _make(self, kept: _Kept, page: PageAsked) -> None:
        now = self._now()
        found = self._reader.worklist_page(
            page.after, page.limit, now, offset=page.offset, asked=page.asked
        )
        answer = WorklistAnswer.model_validate(found)
        kept.answer = answer
        kept.body = answer.model_dump_json().encode()
        kept.holders = frozenset(row.claim.name for row in answer.rows if row.claim)
        kept.version = found.version
        kept.made_at = now


class KeptChoices:
    """What the list can be filtered by, read once for all browsers: it looks at every study."""

    def __init__(self, reader: WorklistReader, now: Callable[[], datetime]) -> None:
        self._reader = reader
        self._now = now
        self._lock = threading.Lock()
        self._kept: tuple[datetime, FilterChoices] | None = None

    def choices(self) -> FilterChoices:
        """Those of this half minute."""
        with self._lock:
            now = self._now()
            if self._kept is None or abs(now - self._kept[0]) >= _CHOICES_KEPT_FOR:
                self._kept = (now, self._reader.choices())
            return self._kept[1]
