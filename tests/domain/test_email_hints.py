"""A slip in a common domain is told of; real domains, however near, are left alone."""

import pytest

from callrouter.domain.email_hints import COMMON_DOMAINS, likely_meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("anna@gmial.com", "anna@gmail.com"),  # two swapped
        ("anna@gmai.com", "anna@gmail.com"),  # one left out
        ("anna@gmaill.com", "anna@gmail.com"),  # one too many
        ("anna@gmail.con", "anna@gmail.com"),  # another
        (" Anna.K@Yandex.ry ", "Anna.K@yandex.ru"),
        ("anna@outlok.com", "anna@outlook.com"),
        ("anna@mail.tu", "anna@mail.ru"),
    ],
)
def test_a_slip_is_told_of(written: str, meant: str) -> None:
    assert likely_meant(written) == meant


@pytest.mark.parametrize(
    "address",
    ["a@firma.ru", "a@ymail.com", "a@yandex.kz", "a@bk.ru", "a@mall.ru", "gmial.com", "@gmial.com"],
)
def test_what_may_be_meant_so_is_left_alone(address: str) -> None:
    assert likely_meant(address) is None


@pytest.mark.parametrize("domain", COMMON_DOMAINS)
def test_no_common_domain_is_a_slip_of_another(domain: str) -> None:
    assert likely_meant(f"a@{domain}") is None
