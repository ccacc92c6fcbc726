"""How the list is asked for: the filters of ``/api/worklist``, in a query or in a saved view."""

from typing import Annotated
from urllib.parse import parse_qs

from pydantic import Field, ValidationError

from viewer.asked import Asked
from worklist.filters import InvalidFilter, ListFilter, make_filter
from worklist.people import AccountName

_Texts = Annotated[list[str], Field(max_length=32)]
_LISTS = frozenset({"modality", "body_part", "priority", "state"})


class FilterQuery(Asked):
    """Which studies; of several values of one kind, one of them."""

    modality: _Texts = Field(default=[], description="One of these, for example CT.")
    body_part: _Texts = Field(default=[], description="One of these, as in the header.")
    priority: _Texts = Field(default=[], description="In force: stat, urgent or routine.")
    state: _Texts = Field(
        default=[], description="Of a detector (fracture:flagged), or of any (flagged)."
    )
    q: str = Field(
        default="",
        max_length=256,
        description="Words of name, ID, accession number, description; each by its beginning.",
    )
    mine: bool = Field(default=False, description="Claimed by whoever asks.")
    unclaimed: bool = Field(default=False, description="By nobody; with mine: either.")
    unread: bool = Field(default=True, description="False: those that were read, instead.")

    def as_filter(self, name: AccountName | None) -> ListFilter:
        """The filter, as this person asks; None: a machine.

        Raises
        ------
        InvalidFilter
            If a value means nothing.
        """
        if self.mine and name is None:
            raise InvalidFilter("a machine claims no studies")
        return make_filter(
            modalities=self.modality,
            body_parts=self.body_part,
            priorities=self.priority,
            states=self.state,
            text=self.q,
            claimed_by=name if self.mine else None,
            unclaimed=self.unclaimed,
            read=not self.unread,
        )


class ListQuery(FilterQuery):
    """Which part of the list."""

    after: str | None = Field(default=None, max_length=512, description="Go on after this cursor.")
    offset: int = Field(default=0, ge=0, le=10_000_000, description="Rows to leave out.")
    limit: int = Field(default=100, ge=1, le=500, description="Rows at most.")


def check_view(query: str, name: AccountName) -> None:
    """Refuse to keep a view that the list would not answer.

    Raises
    ------
    InvalidFilter
        If it is no query of the list's filters.
    """
    given = parse_qs(query, keep_blank_values=True, max_num_fields=256)
    values = {key: value if key in _LISTS else value[-1] for key, value in given.items()}
    try:
        FilterQuery.model_validate(values).as_filter(name)
    except ValidationError as error:
        words = "; ".join(f"{(*one['loc'], 'query')[0]}: {one['msg']}" for one in error.errors())
        raise InvalidFilter(words) from None
