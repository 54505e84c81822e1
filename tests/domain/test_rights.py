"""Whose things somebody sees, and what he may give: by role, team, office and who stands in."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from callrouter.domain.rights import Viewer, viewer_of
from callrouter.domain.setup import Absence, Manager, Office, Role, Setup, Team, Workplace
from tests.examples import MONDAY_NOON, SETUP

TODAY = date(2026, 3, 2)
DAY = timedelta(days=1)

STAFF = replace(
    SETUP,
    office=(Office("msk", "Москва"), Office("kam", "Камчатка", "Asia/Kamchatka")),
    team=(Team("sales", head="vera"), Team("service", head="vera"), Team("export", head="igor")),
    manager=(
        Manager("anna", "Анна", team="sales", office="msk"),
        Manager("boris", "Борис", team="sales", office="kam"),
        Manager("vera", "Вера", team="sales", office="msk", role="head"),
        Manager("dina", "Дина", team="service", office="msk"),
        Manager("igor", "Игорь", team="service", office="kam", role="head"),
        Manager("elena", "Елена", team="export", office="kam"),
        Manager("free", "Без отдела"),
        Manager("loose", "Тоже без отдела"),
        Manager("chief", "Администратор", role="admin"),
        Manager("clerk", "Аудитор", role="auditor"),
    ),
)


def people(who: str, setup: Setup = STAFF, at: datetime = MONDAY_NOON) -> set[str] | None:
    """Whose things he sees, by the Setup; None: everybody's."""
    found = viewer_of(setup.managers[who], setup, at).people
    return None if found is None else set(found)


def seeing(what: Any) -> Setup:
    return replace(STAFF, workplace=Workplace(managers_see=what))


def changed(key: str, **changes: Any) -> Setup:
    return replace(
        STAFF,
        manager=tuple(replace(one, **changes) if one.key == key else one for one in STAFF.manager),
    )


SALES, SERVICE = {"anna", "boris", "vera"}, {"dina", "igor"}
MSK, KAM = {"anna", "vera", "dina"}, {"boris", "igor", "elena"}


@pytest.mark.parametrize(
    ("see", "who", "whose"),
    [
        pytest.param("own", "anna", {"anna"}, id="own: himself alone"),
        pytest.param("own", "vera", SALES | SERVICE, id="own: a head, of each team he leads"),
        pytest.param(
            "own", "igor", SERVICE | {"elena"}, id="own: a head, his own team and the one he leads"
        ),
        pytest.param("own", "free", {"free"}, id="own: of no team"),
        pytest.param("team", "anna", SALES, id="team: his"),
        pytest.param("team", "dina", SERVICE, id="team: not one that is led by the same head"),
        pytest.param("team", "free", {"free"}, id="team: no team is no team in common"),
        pytest.param("team", "vera", SALES | SERVICE, id="team: a head no less than before"),
        pytest.param("office", "anna", MSK, id="office: his"),
        pytest.param("office", "boris", KAM, id="office: the other"),
        pytest.param("office", "free", {"free"}, id="office: no office is none in common"),
        pytest.param("office", "vera", SALES | SERVICE, id="office: a head has both"),
        pytest.param("all", "anna", None, id="all: everybody's"),
        pytest.param("all", "free", None, id="all: also of no team"),
        pytest.param("own", "chief", None, id="own: an admin sees all"),
        pytest.param("own", "clerk", None, id="own: an auditor sees all"),
    ],
)
def test_whose_things_one_sees(see: str, who: str, whose: set[str] | None) -> None:
    assert people(who, seeing(see)) == whose


def test_who_leads_a_team_without_being_a_head_by_role_sees_his_own() -> None:
    setup = replace(STAFF, team=(Team("sales", head="dina"), *STAFF.team[1:]))
    assert people("dina", setup) == {"dina"}


def test_a_head_of_no_team_sees_his_own() -> None:
    assert people("free", changed("free", role="head")) == {"free"}


# Standing in


AWAY = [
    pytest.param(TODAY, TODAY, True, id="today"),
    pytest.param(TODAY - DAY, TODAY + DAY, True, id="since yesterday"),
    pytest.param(TODAY - 2 * DAY, TODAY - DAY, False, id="until yesterday"),
    pytest.param(TODAY + DAY, TODAY + 2 * DAY, False, id="from tomorrow"),
]


@pytest.mark.parametrize(("begins", "ends", "stands_in"), AWAY)
def test_a_deputy_sees_what_is_of_whoever_is_away(
    begins: date, ends: date, *, stands_in: bool
) -> None:
    setup = replace(changed("anna", deputy="dina"), absence=(Absence("anna", begins, ends),))
    assert people("dina", setup) == {"dina"} | ({"anna"} if stands_in else set())
    assert people("boris", setup) == {"boris"}


def test_a_deputy_of_who_is_there_sees_his_own() -> None:
    assert people("dina", changed("anna", deputy="dina")) == {"dina"}


def test_a_deputy_of_who_was_dismissed_sees_what_was_his() -> None:
    assert people("dina", changed("anna", deputy="dina", active=False)) == {"dina", "anna"}


def test_somebody_elses_absence_opens_nothing() -> None:
    setup = replace(changed("anna", deputy="dina"), absence=(Absence("boris", TODAY, TODAY),))
    assert people("dina", setup) == {"dina"}


def test_the_deputy_of_a_head_sees_the_heads_things_not_his_peoples() -> None:
    setup = changed("vera", deputy="dina", active=False)
    assert people("dina", setup) == {"dina", "vera"}


def test_days_away_are_those_of_the_office() -> None:
    """Monday noon in Moscow; at 16:00 there it is Tuesday on Kamchatka."""
    setup = replace(changed("boris", deputy="dina"), absence=(Absence("boris", TODAY, TODAY),))
    assert people("dina", setup, MONDAY_NOON) == {"dina", "boris"}
    assert people("dina", setup, MONDAY_NOON + timedelta(hours=4)) == {"dina"}


def test_a_viewer_is_what_the_setup_says_of_him_now() -> None:
    viewer = viewer_of(STAFF.managers["vera"], STAFF, MONDAY_NOON)
    assert (viewer.role, viewer.manager, viewer.team, viewer.office, viewer.at) == (
        "head",
        "vera",
        "sales",
        "msk",
        MONDAY_NOON,
    )


@pytest.mark.parametrize(
    ("owner", "seen"),
    [
        pytest.param("anna", True, id="his own"),
        pytest.param(None, True, id="nobody's"),
        pytest.param("boris", False, id="somebody else's"),
    ],
)
def test_what_is_nobodys_is_everybodys_to_see(owner: str | None, *, seen: bool) -> None:
    assert viewer_of(STAFF.managers["anna"], STAFF, MONDAY_NOON).sees(owner) is seen
    assert viewer_of(STAFF.managers["chief"], STAFF, MONDAY_NOON).sees(owner)


# Giving


@pytest.mark.parametrize(
    ("role", "manager", "owner", "to", "may"),
    [
        pytest.param("manager", "anna", None, "anna", True, id="takes what is nobody's"),
        pytest.param("manager", "anna", None, "boris", False, id="gives nobody's to another"),
        pytest.param("manager", "anna", "anna", "boris", True, id="gives away his own"),
        pytest.param("manager", "anna", "anna", None, True, id="lets go of his own"),
        pytest.param("manager", "anna", "boris", "anna", False, id="takes another's"),
        pytest.param("head", "vera", "anna", "boris", True, id="a head gives anybody's"),
        pytest.param("admin", "chief", "anna", "boris", True, id="an admin does"),
        pytest.param("auditor", "clerk", None, "clerk", False, id="an auditor takes nothing"),
        pytest.param("manager", None, "anna", "boris", True, id="a program that works gives"),
        pytest.param("auditor", None, "anna", "boris", False, id="a program that reads does not"),
    ],
)
def test_who_makes_whom_responsible(
    role: Role, manager: str | None, owner: str | None, to: str | None, *, may: bool
) -> None:
    assert Viewer(role, manager).may_give(owner, to) is may
