"""What each section of the setup is on a form: its fields in words, in their order.

`tests/pages/test_setup_forms.py` holds it to `callrouter.domain.setup`: no key is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, Final, get_args, get_type_hints

from callrouter.domain.setup import Setup
from callrouter.pages.setup_kinds import (
    Choice,
    ConditionText,
    Day,
    Days,
    Dials,
    Field,
    Flag,
    HoursText,
    Mailbox,
    Moves,
    Number,
    Phone,
    Pick,
    Place,
    Ranked,
    Rate,
    Reason,
    Required,
    Rows,
    Secret,
    Several,
    Text,
    Texts,
)
from callrouter.setup_file.names import LISTS, SWAPPED
from callrouter.wording.catalogue import mark
from callrouter.wording.codes import RESPONSIBLE
from callrouter.wording.moves import LETTER_KINDS
from callrouter.wording.users import ROLES

_DAYS, _MINUTES, _HOURS, _SECONDS = mark("days"), mark("min"), mark("h"), mark("s")
_MB, _PER_CENT = mark("MB"), "%"

_LANGUAGES: Final = (("ru", mark("Russian")), ("en", mark("English")))
_ZONES: Final = (
    "Europe/Kaliningrad",
    "Europe/Moscow",
    "Europe/Samara",
    "Asia/Yekaterinburg",
    "Asia/Omsk",
    "Asia/Novosibirsk",
    "Asia/Krasnoyarsk",
    "Asia/Irkutsk",
    "Asia/Yakutsk",
    "Asia/Vladivostok",
    "Asia/Magadan",
    "Asia/Kamchatka",
    "Europe/Minsk",
    "Asia/Almaty",
    "Asia/Tashkent",
    "Asia/Yerevan",
    "Asia/Tbilisi",
    "Asia/Baku",
    "Asia/Bishkek",
)
_ZONE: Final = Text(longest=64, offers=_ZONES, like="Europe/Moscow")
_REGION: Final = Text(longest=2, offers=("RU", "BY", "KZ", "UZ", "AM", "GE"), like="RU")
_KEY: Final = Text(longest=64, like="sales")
_KEY_HELP: Final = mark(
    "A short name for the file and the address, of Latin letters and digits. It stays."
)


@dataclass(frozen=True)
class Section:
    """A list or a single table of the setup.

    `columns`: of its list, the first leads to the item; `ordered`: the order of its items means
    something, which `order` says; `search`: the list may be long.
    """

    name: str
    title: str
    about: str
    fields: tuple[Field, ...]
    new: str = ""
    columns: tuple[str, ...] = ()
    order: str = ""
    search: bool = False
    nothing: str = ""

    @property
    def is_list(self) -> bool:
        return self.name in LISTS

    @property
    def path(self) -> str:
        return f"/setup/{self.name}"

    def field(self, name: str) -> Field:
        return next(one for one in self.fields if one.name == name)


@dataclass(frozen=True)
class Group:
    """Sections under one heading of the index."""

    title: str
    sections: tuple[Section, ...]


COMPANY = Section(
    "company",
    mark("The company"),
    mark("Its name, country and time, and who is on duty."),
    (
        Field(
            "name",
            mark("Name of the company"),
            Text(),
            mark("Pages and letters call it so."),
            needed=True,
        ),
        Field(
            "duty",
            mark("On duty"),
            Pick(noun="manager"),
            mark("Owes what nobody else owes: calls back and questions without an owner."),
            needed=True,
        ),
        Field(
            "language",
            mark("Language"),
            Choice(_LANGUAGES),
            mark(
                "Of pages, letters and explanations; everybody may choose another for themselves."
            ),
        ),
        Field(
            "region",
            mark("Country"),
            _REGION,
            mark("Two capital letters: of numbers written without a country, and of holidays."),
        ),
        Field(
            "time_zone",
            mark("Time zone"),
            _ZONE,
            mark("Where the company works; an office may have its own."),
        ),
        Field(
            "holidays",
            mark("Own days off"),
            Days(),
            mark("Besides the country’s own; each on a line."),
        ),
    ),
)

WORKPLACE = Section(
    "workplace",
    mark("Workplace"),
    mark("What managers see, and what they have to do after a talk."),
    (
        Field(
            "managers_see",
            mark("A manager sees"),
            Choice(
                (
                    ("own", mark("their own deals, calls and clients")),
                    ("team", mark("those of their team too")),
                    ("office", mark("those of their office too")),
                    ("all", mark("everybody’s")),
                )
            ),
            mark("What is nobody’s is seen by everybody."),
        ),
        Field(
            "write_up",
            mark("After a talk"),
            Choice(
                (
                    ("offered", mark("the write-up is offered")),
                    ("obligatory", mark("the write-up is obligatory")),
                )
            ),
            mark("Obligatory ones wait on top of the manager’s day until they are done."),
        ),
        Field(
            "pop_at",
            mark("The call’s card opens"),
            Choice(
                (
                    ("ring", mark("when the phone rings")),
                    ("answer", mark("when the call is answered")),
                    ("never", mark("never by itself")),
                )
            ),
            mark("Unless its reader has chosen otherwise on the page “About you”."),
        ),
        Field(
            "next_days",
            mark("Next step in"),
            Number(0, 366, mark("working days")),
            mark("This is proposed after a talk or another status."),
        ),
        Field(
            "pop_mail",
            mark("The link to the call’s card by mail, too"),
            Flag(),
            mark("Whoever is rung gets it."),
        ),
    ),
)

OFFICE = Section(
    "office",
    mark("Offices"),
    mark("Places with a time and hours of their own."),
    (
        Field("key", mark("Key"), _KEY, _KEY_HELP, needed=True, fixed=True),
        Field("name", mark("Title"), Text(), mark("As people see it.")),
        Field(
            "time_zone",
            mark("Time zone"),
            _ZONE,
            mark("Empty: the company’s. Shifts and hours of its people and lines count in it."),
        ),
        Field(
            "entity",
            mark("Legal entity"),
            Pick(noun="entity", none=mark("the first of the list")),
            mark("In whose name its offers are."),
        ),
        Field(
            "hours",
            mark("Working hours"),
            HoursText(),
            mark("Terms of calls back run in these hours where a line has none of its own."),
            wide=True,
        ),
    ),
    new=mark("New office"),
    columns=("name", "time_zone", "hours", "entity"),
    nothing=mark("There are no offices: everything goes by the company’s time."),
)

TEAM = Section(
    "team",
    mark("Teams"),
    mark("Who works together, and who leads."),
    (
        Field("key", mark("Key"), _KEY, _KEY_HELP, needed=True, fixed=True),
        Field("name", mark("Title"), Text(), mark("As people see it.")),
        Field(
            "head",
            mark("Head of the team"),
            Pick(noun="manager", none=mark("nobody")),
            mark("Gets calls back that nobody made, and sees the work of the team."),
        ),
    ),
    new=mark("New team"),
    columns=("name", "head"),
    nothing=mark("There are no teams yet."),
)

MANAGER = Section(
    "manager",
    mark("Managers"),
    mark("Who talks to customers: phones, shifts, skills, roles."),
    (
        Field("key", mark("Key"), _KEY, _KEY_HELP, needed=True, fixed=True, group=mark("Who")),
        Field("name", mark("Name"), Text(like="Анна Смирнова"), needed=True, group=mark("Who")),
        Field(
            "active",
            mark("Works here"),
            Flag(),
            mark("Without the tick: dismissed. Is not rung and cannot sign in."),
            group=mark("Who"),
        ),
        Field(
            "role",
            mark("Role"),
            Choice(tuple((key, name) for key, name in ROLES.items())),
            mark("What may be seen and done on these pages."),
            group=mark("Who"),
        ),
        Field(
            "post",
            mark("Position"),
            Text(),
            mark("Under letters and offers."),
            group=mark("Who"),
        ),
        Field("email", mark("E-mail"), Text(longest=254, input="email"), group=mark("Who")),
        Field(
            "team",
            mark("Team"),
            Pick(noun="team", none=mark("none")),
            group=mark("Who"),
        ),
        Field(
            "office",
            mark("Office"),
            Pick(noun="office", none=mark("none")),
            mark("In its time the shift counts."),
            group=mark("Who"),
        ),
        Field(
            "dial",
            mark("Phones that are rung"),
            Dials(),
            mark("As the PBX dials them, each on a line: 101, +79160000001. All ring together."),
            group=mark("Phones"),
            wide=True,
        ),
        Field(
            "confirm",
            mark("Press a key"),
            Flag(),
            mark("An outside phone is connected only after a key press: no answering machine."),
            group=mark("Phones"),
        ),
        Field(
            "phones",
            mark("Own numbers"),
            Texts(like="+79160000001"),
            mark("Calls from them make no deals."),
            group=mark("Phones"),
        ),
        Field(
            "shift",
            mark("Shift"),
            HoursText(),
            mark("Empty: always."),
            group=mark("Work"),
            wide=True,
        ),
        Field(
            "capacity",
            mark("Full load"),
            Number(1, 10_000, mark("deals in work")),
            mark("So many open deals are 100 % of load."),
            group=mark("Work"),
        ),
        Field(
            "wrap_up_s",
            mark("Wrap-up after a talk"),
            Number(0, 3600, _SECONDS),
            mark("For so long the next call rings somebody else."),
            group=mark("Work"),
        ),
        Field(
            "skills",
            mark("Skills"),
            Texts(like="en"),
            mark("Words that a step of a ladder may ask for; each on a line."),
            group=mark("Work"),
        ),
        Field(
            "deputy",
            mark("Who stands in"),
            Pick(noun="manager", none=mark("nobody")),
            mark("During an absence; then whoever stands in for that one."),
            group=mark("Work"),
        ),
        Field(
            "owns_cards",
            mark("Becomes responsible"),
            Flag(),
            mark("Without the tick (reception): answering makes nobody responsible."),
            group=mark("Work"),
        ),
        Field(
            "started_on",
            mark("First working day"),
            Day(),
            mark("In the first days who is new counts as loaded as the team."),
            group=mark("Work"),
        ),
        Field(
            "smtp",
            mark("Own mailbox"),
            Mailbox(),
            mark("Letters leave from it. Empty: from the company’s mailbox."),
            group=mark("Letters"),
            wide=True,
        ),
    ),
    new=mark("New manager"),
    columns=("name", "dial", "team", "office", "role", "shift"),
    order=mark("A step “in the order of the list” rings a team in this order."),
    search=True,
    nothing=mark("There are no managers yet."),
)

ABSENCE = Section(
    "absence",
    mark("Absences"),
    mark("Leaves, illnesses, trips: who is away when."),
    (
        Field("manager", mark("Who"), Pick(noun="manager"), needed=True),
        Field(
            "reason",
            mark("Reason of the absence"),
            Reason(offers=("leave", "sick", "trip"), like="leave"),
            mark("leave, sick, trip, or a word of your own; it is shown in “why”."),
        ),
        Field("from", mark("First day away"), Day(), needed=True),
        Field("to", mark("Last day away"), Day(), mark("This day is still one away."), needed=True),
    ),
    new=mark("New absence"),
    columns=("manager", "from", "to", "reason"),
    search=True,
    nothing=mark("Nobody is going to be away."),
)

LINE = Section(
    "line",
    mark("Numbers of the company"),
    mark("What people dial, and where their calls go."),
    (
        Field(
            "number",
            mark("Number"),
            Phone(longest=128, like="+74951230001"),
            mark("As the PBX tells it, with the country."),
            needed=True,
        ),
        Field("name", mark("Title"), Text(), mark("As people see it: where it is published.")),
        Field(
            "account",
            mark("Connection to the PBX"),
            Pick(noun="account", none=mark("any")),
            mark("By which its calls come."),
        ),
        Field(
            "aliases",
            mark("Other spellings"),
            Texts(like="88001234567"),
            mark("As a PBX may tell the same number; each on a line."),
        ),
        Field(
            "ladder",
            mark("Ladder"),
            Pick(noun="ladder", none=mark("responsible, then the least loaded")),
            mark("Whom its calls ring, if no rule says otherwise."),
            group=mark("Where calls go"),
        ),
        Field(
            "closed",
            mark("Ladder after hours"),
            Pick(noun="ladder", none=mark("straight to the last resort")),
            group=mark("Where calls go"),
        ),
        Field(
            "last_resort",
            mark("Last resort"),
            Phone(longest=128, like="+74950000000"),
            mark("Rings when nobody else has answered. It cannot be one of our own numbers."),
            needed=True,
            group=mark("Where calls go"),
        ),
        Field(
            "last_resort_kind",
            mark("Who answers there"),
            Choice(
                (
                    ("person", mark("a person")),
                    ("voicemail", mark("voicemail: it counts as missed")),
                )
            ),
            group=mark("Where calls go"),
        ),
        Field(
            "hours",
            mark("Working hours"),
            HoursText(),
            mark("Empty: those of its office, else always open."),
            group=mark("Where calls go"),
            wide=True,
        ),
        Field(
            "office",
            mark("Office"),
            Pick(noun="office", none=mark("none")),
            mark("Its time, and the office of its calls and deals."),
            group=mark("What comes of calls"),
        ),
        Field(
            "pipeline",
            mark("Pipeline"),
            Pick(noun="pipeline", none=mark("the first one")),
            mark("Where its new deals go."),
            group=mark("What comes of calls"),
        ),
        Field(
            "source",
            mark("Source of clients"),
            Text(longest=64, like="site"),
            mark("Where its callers know us from; figures count by it."),
            group=mark("What comes of calls"),
        ),
        Field(
            "region",
            mark("Country of callers"),
            _REGION,
            mark("Of numbers that come without one. Empty: the company’s."),
            group=mark("What comes of calls"),
        ),
        Field(
            "recording",
            mark("Record talks"),
            Flag(),
            mark("The PBX is told to record."),
            group=mark("Recordings"),
        ),
        Field(
            "record_days",
            mark("Keep recordings"),
            Number(0, 36_600, _DAYS),
            mark("0: for ever."),
            group=mark("Recordings"),
        ),
        Field(
            "notice",
            mark("The caller is told of it by"),
            Choice(
                (
                    ("pbx", mark("the PBX")),
                    ("manager", mark("the manager")),
                    ("none", mark("nobody")),
                )
            ),
            group=mark("Recordings"),
        ),
    ),
    new=mark("New number"),
    columns=("number", "name", "account", "ladder", "hours", "last_resort"),
    search=True,
    nothing=mark("There are no numbers yet: no call can be told from another."),
)

ROUTING = Section(
    "routing",
    mark("Whose a caller is"),
    mark("Who is responsible for whoever calls, and when a call makes a deal."),
    (
        Field(
            "responsible",
            mark("The responsible is looked for"),
            Ranked(tuple(RESPONSIBLE.items())),
            mark("In this order; the first that is found."),
            wide=True,
        ),
        Field(
            "tried_hours",
            mark("After our call"),
            Number(0, 8784, _HOURS),
            mark("For so long a client who calls back gets who tried to call."),
        ),
        Field(
            "talked_days",
            mark("After a talk"),
            Number(0, 3660, _DAYS),
            mark("For so long a client gets who talked last."),
        ),
        Field(
            "strict",
            mark("Only the responsible"),
            Flag(),
            mark("A known caller rings only the responsible or the deputy, then the last resort."),
        ),
        Field(
            "card_at",
            mark("A stranger becomes a deal"),
            Choice(
                (
                    ("ring", mark("when the phone rings")),
                    ("answer", mark("when the call is answered")),
                    ("never", mark("never by itself")),
                )
            ),
        ),
        Field(
            "owner",
            mark("After several talks the deal is"),
            Choice(
                (
                    ("first", mark("of who talked first")),
                    ("last", mark("of who talked last")),
                )
            ),
        ),
        Field(
            "owner_min_talk_s",
            mark("Shortest talk"),
            Number(0, 3600, _SECONDS),
            mark("A shorter one makes nobody responsible."),
        ),
        Field(
            "junk_days",
            mark("“Not a deal” holds"),
            Number(0, 3660, _DAYS),
            mark("For so long calls of the same caller make no new deal."),
        ),
    ),
)

MISSED = Section(
    "missed",
    mark("Missed calls"),
    mark("By when somebody has to call back."),
    (
        Field(
            "term_min",
            mark("Call back within"),
            Number(1, 1440, mark("working minutes")),
        ),
        Field(
            "after_opening_min",
            mark("Missed after hours"),
            Number(0, 1440, _MINUTES),
            mark("So long after the next opening."),
        ),
        Field(
            "tries",
            mark("Tries without a talk"),
            Number(1, 100),
            mark("Then it goes to the head of the team."),
        ),
        Field(
            "lead_term_min",
            mark("Call who left a request within"),
            Number(1, 1440, mark("working minutes")),
        ),
    ),
)

LOAD = Section(
    "load",
    mark("Load"),
    mark("How it is reckoned who has the least to do."),
    (
        Field(
            "active_days",
            mark("A deal counts for"),
            Number(1, 366, _DAYS),
            mark("After its last touch; then it weighs nothing."),
        ),
        Field(
            "tie",
            mark("Equal within"),
            Number(0, 100, _PER_CENT, whole=False, times=100),
            mark("Loads so near to the lowest are equal; then the longest without a call is rung."),
        ),
        Field(
            "soft_days",
            mark("Soft start"),
            Number(0, 366, mark("working days")),
            mark("For so long who is new, or back, counts as loaded as the team. 0: none."),
        ),
    ),
)

RECORDINGS = Section(
    "recordings",
    mark("Recordings"),
    mark("Which talks are recorded; how long they are kept stands with each number."),
    (
        Field(
            "outgoing",
            mark("Record outgoing calls"),
            Flag(),
        ),
        Field(
            "missing_after_min",
            mark("Missing after"),
            Number(1, 10_080, _MINUTES),
            mark("An answered call without a recording is listed then."),
        ),
        Field(
            "most_mb",
            mark("Largest file"),
            Number(1, 2048, _MB),
            mark("A larger one is refused."),
        ),
        Field(
            "transcribe",
            mark("Make text of talks"),
            Flag(),
            mark("Needs a model on the server: CALLROUTER_WHISPER_MODEL."),
        ),
    ),
)

PIPELINE = Section(
    "pipeline",
    mark("Pipelines"),
    mark("The ways of a deal, status by status."),
    (
        Field("key", mark("Key"), _KEY, _KEY_HELP, needed=True, fixed=True),
        Field("name", mark("Title"), Text(), mark("As people see it.")),
        Field(
            "statuses",
            mark("Statuses"),
            Rows(
                (
                    Field("key", mark("Key"), Text(longest=64, like="in_work"), fixed=True),
                    Field("name", mark("Title"), Text()),
                    Field("weight", mark("Weight"), Number(0, 1000, whole=False)),
                    Field("closed", mark("The deal is over"), Flag()),
                    Field("moves", mark("Where to from here"), Moves()),
                    Field("required", mark("Needed to come here"), Required()),
                )
            ),
            mark(
                "A new deal gets the first one. The weight says how much an open deal counts in "
                "the load: 0 is nothing, 2 is twice."
            ),
            needed=True,
            wide=True,
        ),
    ),
    new=mark("New pipeline"),
    columns=("name", "statuses"),
    order=mark("Deals of numbers and requests that name no pipeline go to the first."),
    nothing=mark("There are none of your own: the usual one with six statuses is used."),
)

FIELD = Section(
    "field",
    mark("Own fields"),
    mark("What you keep of deals and clients besides."),
    (
        Field("key", mark("Key"), _KEY, _KEY_HELP, needed=True, fixed=True),
        Field("name", mark("Title"), Text(), needed=True),
        Field(
            "noun",
            mark("Stands on"),
            Choice((("card", mark("on a deal")), ("contact", mark("on a client")))),
        ),
        Field(
            "type",
            mark("Holds"),
            Choice(
                (
                    ("text", mark("a text")),
                    ("number", mark("a figure")),
                    ("date", mark("a day")),
                    ("flag", mark("yes or no")),
                    ("choice", mark("one of a list")),
                )
            ),
        ),
        Field(
            "choices",
            mark("The list"),
            Texts(),
            mark("For “one of a list”; each on a line."),
        ),
    ),
    new=mark("New field"),
    columns=("name", "noun", "type", "choices"),
    order=mark("They stand in this order."),
    nothing=mark("There are none yet."),
)

_REQUISITES, _OFFERS = mark("Requisites"), mark("Offers")

ENTITY = Section(
    "entity",
    mark("Legal entities"),
    mark("In whose name offers are made, and how they are numbered."),
    (
        Field("key", mark("Key"), _KEY, _KEY_HELP, needed=True, fixed=True),
        Field("name", mark("Short name"), Text(like="ООО «Ромашка»"), needed=True),
        Field("full_name", mark("Full name"), Text(longest=300), wide=True),
        Field(
            "inn",
            mark("INN"),
            Text(longest=12),
            mark("10 or 12 digits."),
            group=_REQUISITES,
        ),
        Field("kpp", mark("KPP"), Text(longest=9), mark("9 characters."), group=_REQUISITES),
        Field("ogrn", mark("OGRN"), Text(longest=15), mark("13 or 15 digits."), group=_REQUISITES),
        Field("address", mark("Address"), Text(longest=300), group=_REQUISITES, wide=True),
        Field("bank", mark("Name of the bank"), Text(longest=300), group=_REQUISITES),
        Field("bik", mark("BIK"), Text(longest=9), mark("9 digits."), group=_REQUISITES),
        Field(
            "account",
            mark("Settlement account"),
            Text(longest=20),
            mark("20 digits."),
            group=_REQUISITES,
        ),
        Field(
            "corr_account",
            mark("Correspondent account"),
            Text(longest=20),
            mark("20 digits."),
            group=_REQUISITES,
        ),
        Field("phone", mark("Phone"), Phone(longest=300), group=mark("On papers")),
        Field("email", mark("E-mail"), Text(longest=254, input="email"), group=mark("On papers")),
        Field("site", mark("Site"), Text(longest=300), group=mark("On papers")),
        Field("signer", mark("Who signs"), Text(longest=300), group=mark("On papers")),
        Field("signer_post", mark("The signer’s post"), Text(longest=300), group=mark("On papers")),
        Field(
            "logo",
            mark("Logo"),
            Text(longest=50, like="logo"),
            mark("The name of an image among the templates."),
            group=mark("On papers"),
        ),
        Field(
            "vat",
            mark("VAT"),
            Rate(none=mark("the general rate of the day")),
            mark("Of goods that say nothing else."),
            group=_OFFERS,
        ),
        Field(
            "prices_include_vat",
            mark("Prices include VAT"),
            Flag(),
            group=_OFFERS,
        ),
        Field(
            "series",
            mark("Numbers of offers"),
            Text(longest=64, like="КП-{year}-{n:04}"),
            mark("{n} is the number, {n:04} with four digits; with {year} they begin anew."),
            group=_OFFERS,
        ),
        Field(
            "valid_days",
            mark("An offer holds"),
            Number(1, 365, _DAYS),
            group=_OFFERS,
        ),
        Field(
            "terms",
            mark("Terms"),
            Text(longest=4000, lines=True),
            mark("At the end of an offer."),
            group=_OFFERS,
            wide=True,
        ),
    ),
    new=mark("New legal entity"),
    columns=("name", "inn", "vat", "series"),
    order=mark("The first stands for all offices that name none."),
    nothing=mark("There is none yet: offers have no seller."),
)

LETTER = Section(
    "letter",
    mark("Letters of deals"),
    mark("Which letter leaves by itself, when, and who lets it go."),
    (
        Field("key", mark("Key"), _KEY, _KEY_HELP, needed=True, fixed=True),
        Field("kind", mark("Kind"), Choice(tuple(LETTER_KINDS.items()))),
        Field("template", mark("Template"), Text(longest=64, like="offer"), needed=True),
        Field(
            "attach",
            mark("The offer is attached as"),
            Several((("pdf", "PDF"), ("docx", "DOCX"), ("odt", "ODT"))),
        ),
        Field(
            "pipeline",
            mark("Deals of the pipeline"),
            Pick(noun="pipeline"),
            needed=True,
            group=mark("When it leaves"),
        ),
        Field(
            "on_status",
            mark("A deal that comes to"),
            Pick(noun="status", none=mark("none: by hand only")),
            mark("This status asks for the letter."),
            group=mark("When it leaves"),
        ),
        Field(
            "release",
            mark("Who lets it go"),
            Choice(
                (
                    ("auto", mark("nobody need: it leaves by itself")),
                    ("manager", mark("the manager")),
                    ("head", mark("the head")),
                )
            ),
            group=mark("When it leaves"),
        ),
        Field(
            "undo_seconds",
            mark("Can be taken back for"),
            Number(0, 86_400, _SECONDS),
            group=mark("When it leaves"),
        ),
        Field(
            "then_status",
            mark("Then the deal goes to"),
            Pick(noun="status", none=mark("it stays where it is")),
            group=mark("When it leaves"),
        ),
        Field(
            "promotional",
            mark("Advertising"),
            Flag(),
            mark("Only to who agreed to it, with a link to stop."),
            group=mark("When it leaves"),
        ),
        Field(
            "when",
            mark("Only for deals where"),
            ConditionText(),
            mark("A condition as in setup.toml. Empty: for all."),
            group=mark("When it leaves"),
            wide=True,
        ),
    ),
    new=mark("New letter"),
    columns=("key", "kind", "on_status", "release", "then_status"),
    nothing=mark("No letter leaves by itself."),
)

LETTERS = Section(
    "letters",
    mark("All letters"),
    mark("Quiet hours, the sender, how many in an hour."),
    (
        Field(
            "sender",
            mark("Sender"),
            Text(longest=254, input="email", like="sales@romashka.example"),
            mark("The address of the company’s mailbox. Empty: its user name."),
        ),
        Field(
            "copy_to_manager",
            mark("A copy to the manager"),
            Flag(),
            mark("Of each letter, unseen by the client."),
        ),
        Field(
            "without_items",
            mark("An offer without goods"),
            Choice(
                (
                    ("brief", mark("becomes the short letter")),
                    ("thanks", mark("becomes the letter of thanks")),
                    ("wait", mark("waits for goods")),
                )
            ),
        ),
        Field(
            "same_offer_days",
            mark("The same offer again"),
            Number(0, 366, _DAYS),
            mark("To the same address from another deal within so many days: somebody is asked."),
        ),
        Field(
            "per_hour",
            mark("At most in an hour"),
            Number(1, 1_000_000, mark("letters")),
        ),
        Field(
            "quiet",
            mark("Quiet hours"),
            HoursText(like="20:00-08:00"),
            mark("No letter leaves in them. Empty: there are none."),
            wide=True,
        ),
    ),
)

LEADS = Section(
    "leads",
    mark("Requests from the site"),
    mark("The form on your site, and where its requests go."),
    (
        Field("form", mark("Serve the form"), Flag(), mark("At /form of this server.")),
        Field(
            "pipeline",
            mark("Pipeline"),
            Pick(noun="pipeline", none=mark("the first one")),
            mark("Of requests that name none."),
        ),
        Field(
            "source",
            mark("Source of clients"),
            Text(longest=64, like="site"),
            mark("Of requests that name none."),
            needed=True,
        ),
        Field(
            "policy_url",
            mark("Policy on personal data"),
            Text(longest=500, input="url", like="https://example.com/privacy"),
            mark("The consent on the form links to it."),
        ),
        Field(
            "text_version",
            mark("Version of the consent"),
            Text(longest=64, like="2026-1"),
            mark("It is kept with each consent."),
        ),
        Field(
            "allowed_origins",
            mark("Sites with the form"),
            Texts(like="https://example.com"),
            mark("Who may frame it, or send a form of their own; each on a line."),
        ),
    ),
)

BACKUPS = Section(
    "backups",
    mark("Backups"),
    mark("When they are made, how many are kept, where else."),
    (
        Field(
            "at",
            mark("Made at"),
            Text(longest=5, input="time", like="03:15"),
            mark("Each night, in the company’s time."),
            needed=True,
        ),
        Field("days", mark("Daily ones"), Number(1, 366), mark("So many are kept.")),
        Field("weeks", mark("Weekly ones"), Number(0, 520), mark("So many are kept besides.")),
        Field(
            "to",
            mark("Second place"),
            Place(longest=500, like="s3://bucket/prefix"),
            mark("file:///DIR or s3://BUCKET/PREFIX. Empty: on this machine only."),
            wide=True,
        ),
    ),
)

ALARMS = Section(
    "alarms",
    mark("Alarms"),
    mark("Who is told when something goes wrong."),
    (
        Field(
            "mail",
            mark("Mail goes to"),
            Texts(like="it@example.com", unset=True),
            mark("Each on a line. Empty: to all administrators who have an address."),
        ),
        Field(
            "silent_min",
            mark("A PBX is silent for"),
            Number(0, 1440, _MINUTES),
            mark("At an hour at which it usually is not: then it is an alarm. 0: never."),
        ),
    ),
)

DIGEST = Section(
    "digest",
    mark("Morning letter"),
    mark("To heads and administrators on their working days."),
    (
        Field("active", mark("Send it"), Flag()),
        Field(
            "at",
            mark("Sent at"),
            Text(longest=5, input="time", like="08:30"),
            mark("In the time of the reader’s office."),
            needed=True,
        ),
    ),
)

WEBHOOK = Section(
    "webhook",
    mark("Webhooks of yours"),
    mark("Programs of yours that are told what happens here."),
    (
        Field("key", mark("Key"), _KEY, _KEY_HELP, needed=True, fixed=True),
        Field("active", mark("Is told"), Flag(), mark("Without the tick nothing is sent.")),
        Field(
            "url",
            mark("Address"),
            Text(longest=500, input="url", like="https://example.com/callrouter"),
            needed=True,
            wide=True,
        ),
        Field(
            "secret",
            mark("Secret"),
            Secret(),
            mark(
                "Signs what is sent: 12 characters or more, or env:NAME for a variable of the "
                "server. Nobody is shown it later."
            ),
            needed=True,
        ),
        Field(
            "allow_private",
            mark("A private address is allowed"),
            Flag(),
            mark("And http:// as well: a program in your own network."),
        ),
        Field(
            "events",
            mark("Of what it is told"),
            Several(
                (
                    ("call.ringing", mark("a call rings")),
                    ("call.ended", mark("a call is over")),
                    ("call.missed", mark("a call was missed")),
                    ("card.created", mark("a new deal")),
                    ("card.moved", mark("a deal has another status")),
                    ("letter.sent", mark("a letter has left")),
                    ("letter.in_doubt", mark("nobody knows whether a letter has left")),
                    ("obligation.opened", mark("a call back is owed")),
                    ("obligation.closed", mark("a call back is done with")),
                    ("alarm.opened", mark("an alarm begins")),
                    ("alarm.closed", mark("an alarm is over")),
                )
            ),
            mark("No tick: of everything."),
            wide=True,
        ),
    ),
    new=mark("New webhook"),
    columns=("key", "url", "events", "active"),
    nothing=mark("There are none."),
)

SECTION_GROUPS: Final = (
    Group(mark("Company and places"), (COMPANY, OFFICE, ENTITY, WORKPLACE)),
    Group(mark("People"), (MANAGER, TEAM, ABSENCE)),
    Group(mark("Telephony"), (LINE, ROUTING, MISSED, LOAD, RECORDINGS)),
    Group(mark("Deals and letters"), (PIPELINE, FIELD, LETTER, LETTERS, LEADS)),
    Group(mark("Service"), (ALARMS, DIGEST, WEBHOOK, BACKUPS)),
)
"""Every section that has a form here, as the index shows them."""

SECTIONS: Final[Mapping[str, Section]] = {
    one.name: one for group in SECTION_GROUPS for one in group.sections
}

LEFT_OUT: Final[Mapping[str, str]] = {
    "load.overdue_weight": "has no effect yet",
    "account": "has pages of its own",
    "ladder": "has pages of its own",
    "rule": "has pages of its own",
    "block": "is shown at /blocks",
}
"""Keys and sections of the setup that have no field here, with the reason."""


@cache
def defaults(section: str) -> Mapping[str, Any]:
    """What a key that is not written means, by its name in the file; None where it has to be."""
    return {SWAPPED.get(one.name, one.name): _default(one) for one in fields(_class_of(section))}


def _default(one: Any) -> Any:  # noqa: ANN401  a field of any dataclass
    if one.default_factory is not MISSING:
        return one.default_factory()
    return None if one.default is MISSING else one.default


def _class_of(section: str) -> Any:  # noqa: ANN401
    hint = get_type_hints(Setup)[section]
    return get_args(hint)[0] if section in LISTS else hint


__all__ = ["LEFT_OUT", "SECTIONS", "SECTION_GROUPS", "Group", "Section", "defaults"]
