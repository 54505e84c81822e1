"""What the headings of a file mean: those of Bitrix24 and amoCRM, and what people write themselves.

The exports' own words, Russian and English, were read in their CSV files and message files
(2026-11-21). A heading is compared without case, signs and a number at its end (`Телефон 2`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from callrouter.domain.names import folded
from callrouter.import_file.problems import BadFile

Field = Literal[
    "name",
    "last_name",
    "first_name",
    "middle_name",
    "kind",
    "company",
    "position",
    "phone",
    "email",
    "responsible",
    "tags",
    "source",
    "inn",
    "comment",
    "last_talk",
    "external_id",
    "ignore",
]
FIELDS: Final = get_args(Field)
System = Literal["bitrix24", "amocrm", "file"]

SEVERAL: Final = frozenset({"phone", "email", "tags", "comment", "ignore"})
"""Fields that several columns may hold."""

TELLING: Final = frozenset({"phone", "email", "external_id"})
"""Without one of these a contact could not be recognised again."""

REASON: Final = "callrouter: refused"
"""The heading of the last column of a file of refused lines; it is read over."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column that is used. `label`: of which kind its phones are."""

    index: int
    heading: str
    field: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """What a file's columns are. `ignored`: known and of no use here, or mapped to "ignore".

    `unknown` ones are not read either. `system`: whose ids these are, by the headings.
    """

    used: tuple[Column, ...]
    ignored: tuple[str, ...]
    unknown: tuple[str, ...]
    count: int
    system: System

    def of(self, field: str) -> list[Column]:
        return [one for one in self.used if one.field == field]


def find_columns(headings: Sequence[str], mapped: Mapping[str, str]) -> Columns:
    """Say what each heading means; what a map says of it goes first. Raises BadFile."""
    system = _system(headings)
    found = read_headings(headings, mapped, lambda heading: _known(heading, system), system)
    check_columns(found, FIELDS, SEVERAL)
    if not any(one.field in TELLING for one in found.used):
        raise BadFile(f"no column is a phone, an e-mail or an external id{_unnamed(found, FIELDS)}")
    return found


def read_headings(
    headings: Sequence[str],
    mapped: Mapping[str, str],
    known: Callable[[str], str | None],
    system: System = "file",
) -> Columns:
    """What each heading means, of whatever nouns; `known` says it of those that no map names."""
    stand = {_spelled(one): one for one in headings}
    if strange := [one for one in mapped if _spelled(one) not in stand]:
        raise BadFile(
            f"the map names {_quoted(strange)}, which the file does not have; "
            f"its headings are {_quoted(one.strip() for one in headings if one.strip())}"
        )
    by_map = {_spelled(heading): field for heading, field in mapped.items()}
    used, ignored, unknown = [], [], []
    for index, heading in enumerate(headings):
        shown = heading.strip()
        label = _LABELS.get(plain(heading))
        field = by_map.get(_spelled(heading)) or known(heading)
        if field == "ignore" or shown == REASON:
            ignored += [shown] if shown != REASON else []
        elif field:
            used.append(Column(index, shown, field, label if field == "phone" else None))
        elif shown:
            unknown.append(shown)
    return Columns(tuple(used), tuple(ignored), tuple(unknown), len(headings), system)


def read_people_headings(headings: Sequence[str]) -> Columns:
    """What each heading means by itself, whether or not all of them come to something."""
    system = _system(headings)
    return read_headings(headings, {}, lambda heading: _known(heading, system), system)


def is_known(heading: str) -> bool:
    return plain(heading) in _KNOWN or heading.strip() == REASON


def check_columns(
    found: Columns,
    fields: Collection[str],
    several: Collection[str] = (),
    needed: Collection[str] = (),
) -> None:
    """Raises BadFile for a field that two columns hold, and for one that none holds and must."""
    for field in fields:
        columns = [one.heading for one in found.of(field)]
        if len(columns) > 1 and field not in several:
            raise BadFile(
                f'{_quoted(columns)} are all "{field}"; allowed: one of them. Say in a map '
                '(--map) which others to "ignore"'
            )
    for field in needed:
        if not found.of(field):
            raise BadFile(f'no column is a "{field}"{_unnamed(found, fields)}')


def _unnamed(found: Columns, fields: Collection[str]) -> str:
    """How a column that is missing could be named."""
    unknown = f"; not known: {_quoted(found.unknown)}" if found.unknown else ""
    return f"{unknown}. Name them in a map (--map), under [columns]; allowed: {_quoted(fields)}"


def _known(heading: str, system: System) -> Field | None:
    field = _KNOWN.get(plain(heading))
    return None if field == "kind" and system != "amocrm" else field  # elsewhere any type of thing


def _system(headings: Iterable[str]) -> System:
    keys = {plain(one) for one in headings}
    if keys & _AMOCRM:
        return "amocrm"
    return "bitrix24" if keys & _BITRIX24 else "file"


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _spelled(heading: str) -> str:
    return " ".join(heading.split()).casefold()


_OF_THE_CONTACT: Final = re.compile(r"\((?:контакт|contact)\)")
_NUMBER: Final = re.compile(r" ?\d+$")
_MAIL: Final = re.compile(r"\be mail\b|\bэл(?:ектронная)? почта\b|\bемейл\b|\bимейл\b|\bмейл\b")


def plain(heading: str) -> str:
    """A heading without what varies: case, signs, its number, and how e-mail is spelled."""
    plain = folded(_OF_THE_CONTACT.sub("", heading.casefold()))
    return _NUMBER.sub("", _MAIL.sub("email", plain))


def words_of(text: str) -> Iterator[tuple[str, str]]:
    """The plain heading and the field, of lines like `name: ФИО | Имя`."""
    for line in text.strip().splitlines():
        field, _, words = line.partition(":")
        for word in words.split("|"):
            yield plain(word), field.strip()


_KNOWN: Final = cast(
    "Mapping[str, Field]",
    dict(
        words_of(
            """
        name: ФИО | Ф.И.О. | Имя, Фамилия | Полное имя | Полное имя контакта | Имя контакта
        name: Наименование | Контакт | Контактное лицо | Клиент | Имя клиента | ФИО клиента
        name: Name | Full name | First and Last Names | Contact | Contact name | Contact full name
        last_name: Фамилия | Last name | Surname
        first_name: Имя | First name
        middle_name: Отчество | Second name | Middle name | Patronymic
        kind: Тип | Type
        company: Компания | Название компании | Компания контакта | Организация | Фирма
        company: Контрагент | Company | Company name | Company title | Organization
        position: Должность | Position | Job title | Post
        phone: Телефон | Телефоны | Тел. | Номер телефона | Контактный телефон | Phone
        phone: Phones | Phone number | Рабочий телефон | Рабочий прямой телефон | Раб. телефон
        phone: Раб. тел. | Work phone | Work direct phone | Work direct | Direct phone
        phone: Мобильный телефон | Мобильный | Моб. телефон | Моб. тел. | Сотовый | Сотовый телефон
        phone: Mobile | Mobile phone | Cell phone | Домашний телефон | Дом. телефон | Home phone
        phone: Другой телефон | Дополнительный телефон | Доп. телефон | Other phone
        phone: Other phone number | Телефон для рассылок | Mailing phone | Факс | Номер факса | Fax
        email: Email | Email адрес | Почта | Адрес электронной почты | Рабочий email | Частный email
        email: Личный email | Другой email | Email для рассылок | Work email | Home email
        email: Private email | Personal email | Priv. email | Other email | Newsletters email
        email: Mailing email | Email address
        responsible: Ответственный | Ответственный за контакт | Ответственный менеджер | Менеджер
        responsible: Responsible | Responsible person | Responsible user | Manager
        responsible: Responsible for contact | Contact responsible user
        tags: Теги | Тег | Теги контакта | Метки | Tags | Tag | Contact tags
        source: Источник | Источник контакта | Source
        inn: ИНН | ИНН компании | INN | Tax ID
        comment: Комментарий | Комментарии | Примечание | Примечание к контакту | Заметки | Comment
        comment: Comments | Note | Notes
        last_talk: Последний разговор | Последний звонок | Последний контакт
        last_talk: Дата последнего звонка | Дата последнего контакта | Дата последнего разговора
        last_talk: Последняя коммуникация
        last_talk: Последнее общение | Last talk | Last call | Last contact | Last communication
        external_id: ID | ID контакта | Contact ID | External ID | Внешний ID | Внешний код | Код
        ignore: Обращение | Salutation | Дата рождения | Birthday | Date of birth | Birthdate | Фото
        ignore: Фотография | Photo | Тип контакта | Contact type | Номер пейджера | Pager number
        ignore: Корпоративный сайт | Corporate website | Личная страница | Personal page | Web
        ignore: Сайт
        ignore: Site | Website | Страница Facebook | Facebook page | Страница ВКонтакте | VK page
        ignore: Страница LiveJournal | LiveJournal | Микроблог Twitter | Twitter | Другой сайт
        ignore: Other website | Контакт Facebook | Контакт Telegram | Telegram | Контакт ВКонтакте
        ignore: Контакт Skype | Skype ID | Skype | Контакт Viber | Viber | Комментарии Instagram
        ignore: Instagram | Контакт Битрикс24 Network | Контакт Битрикс24.Network | Онлайн-чат
        ignore: Контакт Открытая линия | Контакт ICQ | ICQ number | Контакт MSN/Live! | MSN/Live!
        ignore: Контакт Jabber | Jabber | Другой контакт | Other contact | Мессенджер | Messenger
        ignore: Связанный пользователь | Адрес | Address | Улица, номер дома | Улица | Street
        ignore: Квартира, офис, комната, этаж | Квартира | Населенный пункт | Город | City | Район
        ignore: Регион | Область | Region | Почтовый индекс | Индекс | Zip | Postal code | Страна
        ignore: Country | Дополнительно об источнике | Source information | Экспорт
        ignore: Участвует в экспорте контактов | Included in export | Доступен для всех
        ignore: Available to everyone | Дата создания | Created on | Created at | Date created
        ignore: Создатель | Кем создан | Кем создана | Created by | Дата изменения | Modified on
        ignore: Дата редактирования | Кем изменен | Кем изменена | Автор изменения | Modified by
        ignore: Кем редактирован | Кем редактирована | Last modified | Ближайшая задача | Сделки
        ignore: Closest task | Next task | Deals | Leads | Date modified | Адрес (компания)
        ignore: Web (компания) | Address (company) | Web (company) | Мгн. сообщения | IM
        ignore: Пользовательское соглашение | User agreement
        """
        )
    ),
)


def _keys(*headings: str) -> frozenset[str]:
    return frozenset(map(plain, headings))


_LABELS: Final[Mapping[str, str]] = {
    plain(heading): label
    for label, headings in {
        "work": "Рабочий телефон|Рабочий прямой телефон|Раб. телефон|Раб. тел.|Work phone"
        "|Work direct phone|Work direct|Direct phone",
        "mobile": "Мобильный телефон|Мобильный|Моб. телефон|Моб. тел.|Сотовый|Сотовый телефон"
        "|Mobile|Mobile phone|Cell phone",
        "home": "Домашний телефон|Дом. телефон|Home phone",
        "fax": "Факс|Номер факса|Fax",
        "other": "Другой телефон|Дополнительный телефон|Доп. телефон|Other phone"
        "|Other phone number",
    }.items()
    for heading in headings.split("|")
}

# Words that only one of the two writes.
_AMOCRM: Final = _keys(
    *("Рабочий прямой телефон", "Ближайшая задача", "Автор изменения", "Полное имя контакта"),
    *("Кем редактирован", "Work direct phone", "Responsible user", "Closest task"),
)
_BITRIX24: Final = _keys(
    *("Частный e-mail", "Номер пейджера", "Доступен для всех", "Дополнительно об источнике"),
    *("Страница LiveJournal", "Участвует в экспорте контактов", "Контакт Открытая линия"),
    *("Available to everyone", "Included in export", "Pager Number", "Responsible person"),
    *("First and Last Names", "Source information"),
)
