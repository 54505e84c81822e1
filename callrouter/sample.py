"""A sample company for the demo: two offices, three teams, eight managers, three lines.

No number in it can be anybody's: the code 943 and numbers that begin with 000 are given to nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from callrouter.domain.setup import (
    DEFAULT_PIPELINE,
    Absence,
    Account,
    Block,
    Company,
    Condition,
    Entity,
    Ladder,
    Letter,
    Letters,
    Line,
    Manager,
    Office,
    Rule,
    Setup,
    Step,
    Team,
)
from callrouter.setup_file import allowed_prefixes

SITE, SHOP, SERVICE = "+74950000101", "+74950000102", "+73430000103"
BLOCKED = "+79430000066"


@dataclass(frozen=True, slots=True)
class SampleContact:
    """Somebody the sample company knows already. `responsible`: a manager's key."""

    name: str
    phones: tuple[str, ...]
    kind: Literal["person", "company"] = "person"
    relation: Literal["client", "supplier", "partner"] = "client"
    responsible: str | None = None
    tags: tuple[str, ...] = ()
    email: str | None = None


def sample_setup(secret_of: Callable[[str], str], *, today: date | None = None) -> Setup:
    """Make the whole company. `secret_of` gives the secret of an account: "main" or "bare".

    Account "main" is a PBX with all manners; "bare" is meant to send no ids and times. With
    `today` one manager is on leave around it and one began to work the day before. At any hour
    somebody is on shift for every line but the service's, which has hours and a message for the
    night. Who calls sales waits when everybody talks.
    """
    company = Company(name="Ромашка", duty="vera")
    accounts = (
        Account(key="main", default_line=SITE, secret=secret_of("main")),
        Account(key="bare", default_line=SERVICE, secret=secret_of("bare")),
    )
    return Setup(
        company=company,
        office=(
            Office("msk", "Москва", "Europe/Moscow", "Mo-Fr 09:00-18:00; PH off"),
            Office("ekb", "Екатеринбург", "Asia/Yekaterinburg", "Mo-Fr 09:00-18:00; PH off"),
        ),
        account=tuple(
            replace(account, allowed_prefixes=allowed_prefixes(account, company))
            for account in accounts
        ),
        team=(
            Team("sales", "Продажи", head="vera"),
            Team("shop", "Магазин", head="dina"),
            Team("service", "Сервис", head="ilya"),
        ),
        manager=_managers(today),
        absence=_absences(today),
        ladder=_ladders(),
        line=_lines(),
        rule=_rules(),
        pipeline=(DEFAULT_PIPELINE,),
        entity=(_ENTITY,),
        letter=_letters(),
        letters=Letters(sender="sales@romashka.example"),
        block=(Block(BLOCKED, reason="Спам: предлагает продвижение сайта"),),
    )


_ENTITY = Entity(
    key="romashka",
    name="ООО «Ромашка»",
    full_name="Общество с ограниченной ответственностью «Ромашка»",
    inn="0000001237",
    kpp="000001001",
    ogrn="1000000000010",
    address="101000, Москва, Ромашковый проезд, д. 1",
    bank="АО «Банк Примерный», Москва",
    bik="040000901",
    account="40702810700000000001",
    corr_account="30101810200000000901",
    phone=SITE,
    email="sales@romashka.example",
    site="romashka.example",
    signer="В. А. Котова",
    signer_post="Генеральный директор",
    terms="Доставка по городу за 3 рабочих дня. Оплата по счёту.",
)


def _letters() -> tuple[Letter, ...]:
    """A card that comes to "in work" gets an offer; without items a short letter instead."""
    return (
        Letter("offer", on_status="in_work", undo_seconds=20, then_status="offer_sent"),
        Letter("brief", kind="brief", template="brief", attach=()),
    )


@dataclass(frozen=True, slots=True)
class SampleProduct:
    article: str
    name: str
    unit: str
    price: Decimal


def sample_products() -> tuple[SampleProduct, ...]:
    """What the sample company sells."""
    return (
        SampleProduct("R-60", "Роза красная, 60 см", "шт", Decimal("145.00")),
        SampleProduct("R-40", "Роза кустовая, 40 см", "шт", Decimal("118.50")),
        SampleProduct("K-15", "Композиция для стойки администратора", "шт", Decimal("3900.00")),
        SampleProduct("F-01", "Фитостена из стабилизированного мха", "м²", Decimal("14500.00")),
        SampleProduct("S-10", "Уход за растениями в офисе", "мес", Decimal("6200.00")),
        SampleProduct("D-01", "Доставка по городу", "усл", Decimal("700.00")),
    )


def _managers(today: date | None) -> tuple[Manager, ...]:
    def manager(key: str, name: str, dial: str, team: str, office: str) -> Manager:
        email, post = f"{key}@romashka.example", "менеджер по работе с клиентами"
        return Manager(key, name, dial, team, office, email=email, post=post, wrap_up_s=10)

    return (
        replace(
            manager("anna", "Анна Смирнова", "101", "sales", "msk"),
            dial=("101", "+79431110001"),
            confirm=True,
            deputy="boris",
        ),
        replace(
            manager("boris", "Борис Орлов", "102", "sales", "msk"),
            shift="Mo-Fr 09:00-18:00; PH off",
            capacity=15,
            deputy="anna",
        ),
        replace(
            manager("vera", "Вера Котова", "103", "sales", "msk"),
            role="head",
            capacity=10,
            skills=("en",),
        ),
        replace(
            manager("gleb", "Глеб Лебедев", "104", "sales", "msk"), skills=("en",), deputy="vera"
        ),
        replace(
            manager("dina", "Дина Фролова", "201", "shop", "ekb"),
            role="head",
            shift="Mo-Su 08:00-23:00",
        ),
        replace(
            manager("egor", "Егор Зайцев", "202", "shop", "ekb"),
            deputy="dina",
            started_on=today - timedelta(days=1) if today else None,
        ),
        replace(manager("zhanna", "Жанна Белова", "203", "service", "ekb"), capacity=12),
        replace(
            manager("ilya", "Илья Громов", "105", "service", "msk"),
            role="head",
            phones=("+79431110005",),
        ),
    )


def _absences(today: date | None) -> tuple[Absence, ...]:
    if today is None:
        return ()
    return (Absence("gleb", today - timedelta(days=3), today + timedelta(days=11), "leave"),)


def _ladders() -> tuple[Ladder, ...]:
    responsible = Step(ring="responsible", seconds=20)
    return (
        Ladder(
            "sales",
            (
                responsible,
                Step(ring="least_loaded", team="sales", count=2, seconds=20, busy="wait", wait=180),
                Step(ring="all", team="sales", seconds=25),
            ),
        ),
        Ladder(
            "shop",
            (
                responsible,
                Step(ring="longest_idle", team="shop", seconds=20),
                Step(ring="least_loaded", team="sales", seconds=20, busy="wait", wait=90),
            ),
        ),
        Ladder("service", (Step(ring="all", team="service", seconds=30),)),
        Ladder(
            "vip",
            (
                Step(ring="manager", managers=("vera",), seconds=20),
                Step(ring="in_order", managers=("anna", "gleb", "boris"), count=2, seconds=15),
            ),
        ),
        Ladder("everybody", (Step(ring="all", count=5, seconds=30),)),
        Ladder("night", (Step(say="Мы перезвоним завтра с девяти", record=True, max_s=120),)),
    )


def _lines() -> tuple[Line, ...]:
    return (
        Line(
            number=SITE,
            aliases=("88000000101", "trunk-site"),
            name="Сайт, Москва",
            account="main",
            ladder="sales",
            pipeline="sales",
            source="site",
            office="msk",
            recording=True,
            last_resort="+74950000901",
        ),
        Line(
            number=SHOP,
            name="Магазин и реклама",
            account="main",
            ladder="shop",
            pipeline="sales",
            source="adverts",
            office="ekb",
            recording=True,
            last_resort="+74950000902",
        ),
        Line(
            number=SERVICE,
            name="Сервис, Екатеринбург",
            account="bare",
            ladder="service",
            hours="Mo-Fr 09:00-18:00; PH off",
            closed="night",
            pipeline="sales",
            source="service",
            office="ekb",
            last_resort="+74950000903",
        ),
    )


def _rules() -> tuple[Rule, ...]:
    vip = Condition(field="contact.tag", op="has", value="vip")
    tired = Condition(field="missed_today", op="above", value=1)
    awake = Condition(field="hours", op="is", value="open")
    return (
        Rule("VIP: сразу руководителю", vip, "vip"),
        Rule("Дважды не дозвонился: звоним всем", Condition(all=(tired, awake)), "everybody"),
    )


def sample_contacts() -> tuple[SampleContact, ...]:
    """People whom the sample company knows: one VIP, some with a manager, two not clients."""
    return (
        SampleContact(
            "Мария Кузнецова",
            ("+79430000001",),
            responsible="anna",
            tags=("vip",),
            email="kuznetsova@mail.example",
        ),
        SampleContact("Иван Петров", ("+79430000002", "+74950002002"), responsible="anna"),
        SampleContact("Ольга Павлова", ("+79430000003",), responsible="boris"),
        SampleContact(
            "ООО «Северный ветер»",
            ("+74950002004", "+79430000004"),
            kind="company",
            responsible="gleb",
            tags=("опт",),
            email="zakaz@sever.example",
        ),
        SampleContact("Сергей Тихонов", ("+79430000005",), responsible="vera"),
        SampleContact("Наталья Волкова", ("+79430000006",), responsible="dina"),
        SampleContact("Алексей Морозов", ("+79430000007",), responsible="egor"),
        SampleContact("Екатерина Соколова", ("+73430002008",), responsible="zhanna"),
        SampleContact("Дмитрий Новиков", ("+79430000009",), tags=("повторный",)),
        SampleContact(
            "Кафе «Уют»", ("+73430002010",), kind="company", responsible="egor", tags=("опт",)
        ),
        SampleContact("Склад «Восток»", ("+74950002011",), kind="company", relation="supplier"),
        SampleContact("Павел Егоров, монтаж", ("+79430000012",), relation="partner"),
    )
