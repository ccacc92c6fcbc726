"""Identifiers of patients as messages write them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Identifier:
    """An identifier of a patient (CX): the same number of another authority is another."""

    value: str
    issuer: str  # assigning authority, its name; empty: not said
    kind: str  # HL7 table 0203: MR, PI, VN, SS ...; empty: not said

    def is_beside(self, other: "Identifier") -> bool:
        """Whether both may be of one authority and type, as far as they say."""
        return all(
            not mine or not theirs or mine == theirs
            for mine, theirs in ((self.issuer, other.issuer), (self.kind, other.kind))
        )
