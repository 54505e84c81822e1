"""Which passwords are too weak."""

import pytest

from callrouter.domain.passwords import Weakness, weakness

OWN = ("Анна Смирнова", "anna.smirnova@example.com", "Ромашка")


@pytest.mark.parametrize(
    ("password", "found"),
    [
        ("nine char", "short"),
        ("x" * 201, "long"),
        ("1234567890", "common"),
        ("0987654321", "common"),
        ("aaaaaaaaaaaa", "common"),
        ("1212121212", "common"),
        ("password123", "common"),
        ("Password2026!", "common"),
        ("P@ssw0rd12345", "common"),
        ("qwertyuiop", "common"),
        ("poiuytrewq", "common"),
        ("1q2w3e4r5t", "common"),
        ("йцукенгшщз", "common"),
        ("Пароль2026", "common"),
        ("passwordpassword", "common"),
        ("iloveyou!!!!", "common"),
        ("gfhjkm1234", "common"),
        ("смирнова12", "own"),
        ("AnnaSmirnova", "own"),
        ("анна_смирнова_1", "own"),
        ("Ромашка2026", "own"),
        ("example.com1", "own"),
        ("seven green owls", None),
        ("correct horse battery", None),
        ("анна любит зелёный чай", None),
        ("тритесныхкота", None),
        ("kT9#vQ2!pL", None),
        ("          x y z w q", None),
    ],
)
def test_a_weak_password_is_known(password: str, found: Weakness | None) -> None:
    assert weakness(password, OWN) == found
