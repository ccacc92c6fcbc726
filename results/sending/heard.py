"""What archives said of the objects we sent, as the listener heard it.

An archive answers a request for storage commitment when it can, most often on an association of
its own, to our listener. The listener needs no database: before it says that it heard, it writes
the N-EVENT-REPORT durably and undecoded (synced, then renamed, then the folder synced) to
``<data>/commitments/heard/<time>_<association>_<number>_<peer>.json``, one file a message. Who
records answers takes them from there:

    for path, answer in heard(folder):
        record(answer)  # commit
        path.unlink(missing_ok=True)

A crash between the two lets the answer be recorded twice, which must change nothing. Answers to
requests that nobody made, or by another peer than was asked, are written too: anybody can open an
association; who records them compares the transaction UID *and* the AE title with what was asked.
"""

from collections.abc import Iterator
from pathlib import Path

import structlog

from results.sending.commitment import decoded_answer
from worklist.commitment import CommitmentAnswer, CommitmentMessage

log = structlog.get_logger(__name__)


def heard(folder: Path) -> Iterator[tuple[Path, CommitmentAnswer]]:
    """The answers in a folder, the oldest first, each with its file.

    What cannot be read is renamed (``.unreadable``), said in the log and passed over. A folder that
    is not there holds none.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            message = CommitmentMessage.from_json(path.read_text(encoding="utf-8"))
            answer = decoded_answer(message)
        except FileNotFoundError:
            continue  # taken by another process
        except ValueError as error:
            log.error(
                "an answer of storage commitment is unreadable", path=str(path), why=str(error)
            )
            path.rename(path.with_suffix(".unreadable"))
            continue
        yield path, answer
