"""The engine: what its errors say may stand in a log."""

import pytest
import sqlalchemy as sa


def test_an_error_of_the_database_does_not_repeat_the_values(engine: sa.Engine) -> None:
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError) as raised:
        connection.execute(sa.text("SELECT 1 / :zero, :name"), {"zero": 0, "name": "DOE^JANE"})
    assert "DOE^JANE" not in str(raised.value)
