"""Argon2id as it is used here."""

import argon2

from vigie.passwords import Argon2Passwords

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def test_a_password_matches_only_its_own_hash_and_nothing_matches_none() -> None:
    passwords = Argon2Passwords(CHEAP)
    kept = passwords.hashed("correct horse")
    assert kept.startswith("$argon2id$")
    assert "correct" not in kept
    assert passwords.matches("correct horse", kept)
    assert not passwords.matches("correct hors", kept)
    assert not passwords.matches("correct horse", None)
    assert passwords.hashed("correct horse") != kept


def test_a_hash_of_less_effort_is_dated() -> None:
    kept = Argon2Passwords(CHEAP).hashed("correct horse")
    assert not Argon2Passwords(CHEAP).is_dated(kept)
    assert Argon2Passwords().is_dated(kept)
    assert Argon2Passwords().matches("correct horse", kept)


def test_new_passwords_and_secrets_differ_each_time() -> None:
    passwords = Argon2Passwords(CHEAP)
    made = {passwords.new_password() for _ in range(100)}
    assert len(made) == 100
    assert {len(one.replace("-", "")) for one in made} == {20}
    assert not set("".join(made)) & set("0oO1lI")
    assert len({passwords.new_secret() for _ in range(100)}) == 100


def test_a_password_is_the_same_from_every_keyboard() -> None:
    passwords = Argon2Passwords(CHEAP)
    composed, decomposed = "caf\u00e9 cr\u00e8me glac\u00e9e", "cafe\u0301 cre\u0300me glace\u0301e"
    assert passwords.matches(decomposed, passwords.hashed(composed))
    assert not passwords.matches("cafe creme glacee", passwords.hashed(composed))
