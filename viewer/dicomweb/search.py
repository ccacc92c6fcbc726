"""Searches as they are asked (PS3.18 section 8.3.4), and what was found as DICOM JSON."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from pydicom.datadict import keyword_for_tag, tag_for_keyword

from worklist.archive_search import (
    ArchiveQuery,
    Dates,
    Found,
    FoundInstance,
    FoundSeries,
    FoundStudy,
    Key,
    Level,
    Match,
    Number,
    Text,
    Times,
    Uids,
)
from worklist.errors import InvalidUID, VigieError
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

MOST_ROWS = 5000  # in one answer; whoever wants more asks again with an offset
MOST_DESCRIBED = 500  # rows, where attributes are asked for that only the objects say
MOST_SKIPPED = 100_000  # rows; each is found before it is skipped
_MOST_UIDS = 1000
_LONGEST_VALUE = 16384
_OTHERS = frozenset(
    {"limit", "offset", "fuzzymatching", "includefield", "accept", "emptyvaluematching"}
)
_UIDS = frozenset({Key.STUDY_INSTANCE_UID, Key.SERIES_INSTANCE_UID, Key.SOP_INSTANCE_UID})
_LISTS = frozenset({Key.MODALITIES_IN_STUDY, Key.MODALITY, Key.BODY_PART_EXAMINED})
_NUMBERS = frozenset({Key.SERIES_NUMBER, Key.INSTANCE_NUMBER})
_DATES = frozenset({Key.STUDY_DATE, Key.PATIENT_BIRTH_DATE})
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?", re.ASCII)
_TAG = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
_BULK = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")


def _tags(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What an object says of its study and of its series (PS3.3 C.7.1, C.7.2; C.7.3.1, C.7.4, C.7.5.1).
OF_STUDY = _tags(
    """00080020 00080030 00080050 00080051 00080090 00080096 00080201 00081030 00081032 00081048
    00081060 00081080 00081110 00100010 00100020 00100021 00100024 00100030 00100032 00100040
    00101000 00101001 00101002 00101010 00101020 00101030 00102000 00102110 00102154 00102160
    00102180 001021B0 001021C0 00104000 0020000D 00200010 00321060 00321064 00380010 00380500
    00400012"""
)
OF_SERIES = _tags(
    """00080021 00080031 00080060 00080068 00080070 00080080 00080081 0008103E 0008103F 00081010
    00081040 00081050 00081070 00081090 00081111 00180015 00181000 00181020 00181030 00185100
    0020000E 00200011 00200052 00200060 00201040 00400244 00400245 00400250 00400251 00400253
    00400254 00400260 00400275"""
)
# What the database holds.
_KNOWN = {
    Level.STUDY: _tags(
        """00080020 00080030 00080050 00080056 00080061 00081030 00081190 00100010 00100020
        00100030 00100040 0020000D 00200010 00201206 00201208"""
    ),
    Level.SERIES: _tags("00080060 0008103E 00180015 0020000E 00200011 00201209"),
    Level.INSTANCE: _tags("00080016 00080018 00083002 00200013 00280008 00280010 00280011"),
}


class InvalidSearch(VigieError, ValueError):
    """A search that cannot be meant, or by something that cannot be searched by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A search, and how it is to be answered."""

    query: ArchiveQuery  # for one row more than are to be shown
    include: frozenset[str]  # tags besides the usual ones
    include_all: bool
    fuzzy: bool  # asked for, and not supported

    @property
    def described(self) -> bool:
        """Whether an object of each row has to be looked into."""
        return self.include_all or bool(self.include)

    @property
    def limit(self) -> int:
        """Rows to be shown."""
        return self.query.limit - 1


def parse(
    pairs: Iterable[tuple[str, str]],
    level: Level,
    study: StudyInstanceUID | None,
    series: SeriesInstanceUID | None,
) -> Asked:
    """Read the query of a search; raises InvalidSearch."""
    matches: dict[Key, Match] = {}
    others: dict[str, list[str]] = {}
    for name, value in pairs:
        if len(value) > _LONGEST_VALUE:
            raise InvalidSearch(f"{name[:64]}: the value is too long")
        if name in _OTHERS:
            others.setdefault(name, []).append(value)
            continue
        key = _key(name)
        if value.strip():  # an empty value matches everything
            if key in matches:
                raise InvalidSearch(f"{key}: it can be asked for once")
            matches[key] = _match(key, value.strip())
    include, include_all = _included(others.get("includefield", []), level)
    most = MOST_DESCRIBED if include or include_all else MOST_ROWS
    limit = min(_whole("limit", others, most), most)
    offset = _whole("offset", others, 0)
    if offset > MOST_SKIPPED:
        raise InvalidSearch(f"offset: at most {MOST_SKIPPED} can be skipped: narrow the search")
    return Asked(
        query=ArchiveQuery(
            level=level,
            matches=matches,
            study=study,
            series=series,
            limit=limit + 1,
            offset=offset,
        ),
        include=include,
        include_all=include_all,
        fuzzy=others.get("fuzzymatching", ["false"])[-1].lower() == "true",
    )


def _key(name: str) -> Key:
    keyword = keyword_for_tag(int(name, 16)) if _TAG.fullmatch(name) else name
    try:
        return Key(keyword)
    except ValueError:
        keys = ", ".join(Key)
        raise InvalidSearch(
            f"{name[:64]}: the archive cannot be searched by it; it can be by {keys}"
        ) from None


def _match(key: Key, value: str) -> Match:
    if key in _UIDS:
        return _uids(key, value)
    if key in _NUMBERS:
        if not re.fullmatch(r"[+-]?\d{1,9}", value, re.ASCII):
            raise InvalidSearch(f"{key}: a whole number is expected")
        return Number(int(value))
    if key in _DATES:
        return Dates(*_range(key, value, _date))
    if key is Key.STUDY_TIME:
        first, last = _range(key, value, _time)
        return Times(first, None if last is None else _to_the_end(value, last))
    value = value.replace("\0", "")
    return Text(tuple(re.split(r"[,\\]", value)) if key in _LISTS else (value,))


def _uids(key: Key, value: str) -> Uids:
    parts = [part.strip() for part in re.split(r"[,\\]", value)]
    if len(parts) > _MOST_UIDS:
        raise InvalidSearch(f"{key}: at most {_MOST_UIDS} can be asked for at once")
    try:
        return Uids(tuple(str(SOPInstanceUID(part)) for part in parts))
    except InvalidUID as error:
        raise InvalidSearch(f"{key}: {error}") from error


def _range(key: Key, value: str, read: Callable[[str], Any]) -> tuple[Any, Any]:
    """A single value, or first-last with one of them left out (PS3.4 section C.2.2.2.5)."""
    first, dash, last = value.partition("-")
    try:
        if not dash:
            return read(first), read(first)
        if not first and not last:
            raise ValueError
        return (read(first) if first else None), (read(last) if last else None)
    except ValueError:
        example = "20260131 or 20260101-20260131" if read is _date else "1030 or 0800-1030"
        raise InvalidSearch(f"{key}: expected {example}") from None


def _date(text: str) -> date:
    match = _DATE.fullmatch(text.strip())
    if match is None:
        raise ValueError
    return date(int(match[1]), int(match[2]), int(match[3]))


def _time(text: str) -> time:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError
    hours, minutes, seconds = (int(match[i] or 0) for i in (1, 2, 3))
    return time(hours, minutes, min(seconds, 59), int((match[4] or "").ljust(6, "0")))


def _to_the_end(value: str, last: time) -> time:
    """The end of the hour, minute or second that is named: 10 ends at 10:59:59.999999."""
    digits = value.rpartition("-")[2].strip()
    if "." in digits:
        return last
    return last.replace(
        minute=59 if len(digits) < 4 else last.minute,
        second=59 if len(digits) < 6 else last.second,
        microsecond=999_999,
    )


def _whole(name: str, others: Mapping[str, Sequence[str]], default: int) -> int:
    text = others.get(name, [str(default)])[-1]
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidSearch(f"{name}: a whole number is expected")
    return int(text)


def _included(values: Sequence[str], level: Level) -> tuple[frozenset[str], bool]:
    """Tags asked for that the database does not hold, and whether all are asked for."""
    named = [part.strip() for value in values for part in value.split(",") if part.strip()]
    tags: set[str] = set()
    for name in named:
        first = name.split(".")[0]  # of a sequence, the whole of it
        tag = int(first, 16) if _TAG.fullmatch(first) else tag_for_keyword(first)
        if tag is None and first.lower() != "all":
            raise InvalidSearch(f"includefield: {name[:64]} is no attribute")
        if tag is not None:
            tags.add(f"{tag:08X}")
    known = _KNOWN[Level.STUDY] | _KNOWN[level]
    if level is Level.INSTANCE:
        known |= _KNOWN[Level.SERIES]
    may = {Level.STUDY: OF_STUDY, Level.SERIES: OF_STUDY | OF_SERIES}.get(level)
    wanted = (tags if may is None else tags & may) - known
    return frozenset(wanted), any(name.lower() == "all" for name in named)


def row(found: Found, asked: Asked, base: str, said: Mapping[str, Any] | None) -> dict[str, Any]:
    """One row of the answer.

    Parameters
    ----------
    base
        Address of the service.
    said
        What an object of it says, as DICOM JSON; None: nobody looked.
    """
    address = f"{base}/studies/{found.study.study_instance_uid}"
    answer = _study(found.study)
    if found.series is not None:
        answer |= _series(found.series)
        address += f"/series/{found.series.series_instance_uid}"
    if found.instance is not None:
        answer |= _instance(found.instance)
        address += f"/instances/{found.instance.sop_instance_uid}"
    answer |= {
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00081190": {"vr": "UR", "Value": [address]},
    }
    for tag, attribute in (said or {}).items():
        if tag not in answer and _is_asked(tag, attribute, asked):
            answer[tag] = attribute
    return dict(sorted(answer.items()))


def _is_asked(tag: str, attribute: Mapping[str, Any], asked: Asked) -> bool:
    if tag in asked.include:
        return True
    if not asked.include_all or attribute["vr"] in _BULK or "BulkDataURI" in attribute:
        return False
    match asked.query.level:
        case Level.STUDY:
            return tag in OF_STUDY
        case Level.SERIES:
            return tag in OF_STUDY or tag in OF_SERIES
        case Level.INSTANCE:
            return tag != "00080005"


def _study(found: FoundStudy) -> dict[str, Any]:
    at = found.study_at
    return {
        "00080020": _values("DA", None if at is None else f"{at:%Y%m%d}"),
        "00080030": _values("TM", None if at is None else f"{at:%H%M%S}"),
        "00080050": _values("SH", found.accession_number),
        "00080061": _values("CS", *found.modalities),
        "00081030": _values("LO", found.study_description),
        "00100010": _values("PN", _name(found.patient_name)),
        "00100020": _values("LO", found.patient_id),
        "00100030": _values(
            "DA", found.patient_birth_date and f"{found.patient_birth_date:%Y%m%d}"
        ),
        "00100040": _values("CS", found.patient_sex),
        "0020000D": _values("UI", found.study_instance_uid),
        "00200010": _values("SH", found.study_id),
        "00201206": _values("IS", found.series_count),
        "00201208": _values("IS", found.instance_count),
    }


def _series(found: FoundSeries) -> dict[str, Any]:
    return {
        "00080060": _values("CS", found.modality),
        "0008103E": _values("LO", found.series_description),
        "00180015": _values("CS", found.body_part_examined),
        "0020000E": _values("UI", found.series_instance_uid),
        "00200011": _values("IS", found.series_number),
        "00201209": _values("IS", found.instance_count),
    }


def _instance(found: FoundInstance) -> dict[str, Any]:
    answer = {
        "00080016": _values("UI", found.sop_class_uid),
        "00080018": _values("UI", found.sop_instance_uid),
        "00083002": _values("UI", found.transfer_syntax_uid),
        "00200013": _values("IS", found.instance_number),
    }
    if found.rows is not None:
        answer |= {
            "00280008": _values("IS", found.number_of_frames),
            "00280010": _values("US", found.rows),
            "00280011": _values("US", found.columns),
        }
    return answer


def _values(vr: str, *values: object) -> dict[str, Any]:
    kept = [one for one in values if one not in (None, "")]
    return {"vr": vr, "Value": kept} if kept else {"vr": vr}


def _name(text: str) -> dict[str, str] | None:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    return {group: part for group, part in groups if part} or None
