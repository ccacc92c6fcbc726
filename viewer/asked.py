"""What every body and query of a request has in common."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


class Asked(BaseModel):
    """What is asked for, and nothing beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _is_text(cls, given: Any) -> Any:
        """Refuse NUL and halves of surrogate pairs anywhere (P9).

        JSON can write them; the database cannot hold them, nor UTF-8 the halves.
        """
        waiting = [given]
        while waiting:
            match waiting.pop():
                case str() as text if _NO_TEXT.search(text):
                    raise ValueError("a text holds a character that is none")
                case dict() as members:
                    waiting += [*members, *members.values()]
                case list() as values:
                    waiting += values
        return given
