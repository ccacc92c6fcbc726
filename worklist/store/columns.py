"""What all tables share: the metadata they belong to, and the types of their columns."""

from enum import StrEnum

import sqlalchemy as sa

from worklist.finding import TargetFinding

metadata = sa.MetaData()


def enumeration(kind: type[StrEnum], name: str) -> sa.Enum:
    """The database's type of this name, with the values of the enumeration."""
    return sa.Enum(kind, name=name, values_callable=lambda kinds: [str(one) for one in kinds])


UID = sa.String(64, collation="C")  # by code point, as Python compares
AT = sa.DateTime(timezone=True)
NAME = sa.Text(collation="C")
target_finding_type = enumeration(TargetFinding, "target_finding")
