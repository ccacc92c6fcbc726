"""What is told of a flag, in the words of one language and as JSON.

Whatever came from outside is one short line of printable text here, so that it can neither end a
header nor look like a line of ours (P9).
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from results.notifying.vocabulary import VOCABULARIES, Vocabulary
from worklist.notifying import Flag, Notice
from worklist.uid import StudyInstanceUID

PAYLOAD_VERSION = 1
_LONGEST = 120  # characters of a text from outside

Language = Literal["en", "fr"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """Who tells."""

    ae_title: str
    software_version: str
    public_address: str | None = None  # where people reach its page; None: not known

    def study_address(self, uid: StudyInstanceUID) -> str | None:
        """The page of a study."""
        if self.public_address is None:
            return None
        return f"{self.public_address.rstrip('/')}/#/studies/{uid}"


def one_line(text: str) -> str:
    """A text from outside on one line: no control or formatting characters, and not too long."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    line = " ".join(printable.encode("utf-8", "replace").decode("utf-8").split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def payload(notice: Notice, node: Node, language: Language) -> bytes:
    """The body of a webhook's request: JSON in UTF-8, as ``docs/notifications.md`` lists it."""
    words = VOCABULARIES[language]
    content: dict[str, Any] = {
        "version": PAYLOAD_VERSION,
        "type": "test" if notice.flag is None else "finding_suspected",
        "id": str(notice.notification_id),
        "channel": notice.channel,
        "text": statement(notice, words),
        "reviewed": False,
        "node": {"ae_title": node.ae_title, "software_version": node.software_version},
    }
    if notice.flag is not None:
        content |= _finding(notice, notice.flag, node, words)
    return json.dumps(content, ensure_ascii=False).encode()


def _finding(notice: Notice, flag: Flag, node: Node, words: Vocabulary) -> dict[str, Any]:
    code = flag.target.code
    uid = flag.study_instance_uid
    return {
        "finding": {
            "name": flag.target,
            "words": words.findings[flag.target],
            "code": {"value": code.value, "scheme": code.scheme, "meaning": code.meaning},
        },
        "model": {
            "name": one_line(flag.detector.name),
            "version": one_line(flag.detector.version),
            "operating_point": flag.detector.operating_point,
        },
        "probability": notice.probability,
        "flagged_at": flag.flagged_at.astimezone(UTC).isoformat(),
        "caveats": list(notice.caveats),
        "study": {
            "study_instance_uid": uid,
            **{datum: one_line(text) for datum, text in notice.study.items()},
        },
        "link": node.study_address(uid),
    }


def statement(notice: Notice, words: Vocabulary) -> str:
    """What is told in one line, without anything of the patient."""
    if notice.flag is None:
        return words.test
    said = words.suspected.format(finding=words.findings[notice.flag.target])
    caveats = ", ".join(words.in_short[one] for one in notice.caveats)
    return f"{said} ({caveats})" if caveats else said


def text_body(notice: Notice, node: Node, language: Language) -> str:
    """A message for people."""
    words = VOCABULARIES[language]
    lines = [statement(notice, words), ""]
    if notice.flag is None:
        lines.append(words.test_means)
    else:
        if notice.caveats:
            lines += [*(words.in_full[one] for one in notice.caveats), ""]
        lines += _facts(notice, notice.flag, words)
        address = node.study_address(notice.flag.study_instance_uid)
        if address is not None:
            lines += ["", address]
        lines += ["", words.not_reviewed]
    sender = f"Vigie {node.software_version}, {node.ae_title}"
    return "\n".join([*lines, "", sender, words.channel.format(name=notice.channel)]) + "\n"


def _facts(notice: Notice, flag: Flag, words: Vocabulary) -> list[str]:
    model = f"{one_line(flag.detector.name)} {one_line(flag.detector.version)}"
    facts = {words.model: model}
    if notice.probability is not None:
        facts[words.probability] = words.percent(notice.probability)
    facts[words.flagged_at] = _clock(flag.flagged_at)
    facts |= {words.data[datum]: one_line(text) for datum, text in notice.study.items()}
    facts["Study Instance UID"] = flag.study_instance_uid
    return [words.fact.format(name=name, value=value) for name, value in facts.items()]


def _clock(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
