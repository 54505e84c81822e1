"""Companies, people, ladders and pipelines: every mistake is told by its key."""

import pytest

from callrouter.domain.setup import Account, Company, Line, Manager, Setup
from callrouter.setup_file import check
from tests.setup_file.good import GOOD, assert_told, changed, problems_of


def manager(setting: str) -> str:
    """The good setup with this instead of a deputy for Anna."""
    return changed('deputy = "vera"', setting)


def ladder(*steps: str) -> str:
    """The good setup with one more ladder, "x"."""
    written = "\n".join(f"  [[ladder.step]]\n  {step}" for step in steps)
    return f'{GOOD}\n[[ladder]]\nkey = "x"\n{written}\n'


COMPANY = [
    pytest.param(
        changed('name = "Ромашка"', 'name = ""'),
        "company.name", "1 to 200", id="no name",
    ),
    pytest.param(
        changed('name = "Ромашка"', f'name = "{"а" * 201}"'),
        "company.name", "at most 200", id="a name too long",
    ),
    pytest.param(
        changed('name = "Ромашка"', 'name = "a\\u202Eb"'),
        "company.name", "people can read", id="a name with bidi marks",
    ),
    pytest.param(
        changed('duty = "vera"', ""),
        "company.duty", '"anna", "vera"', id="nobody on duty",
    ),
    pytest.param(
        changed('duty = "vera"', 'duty = "verra"'),
        "company.duty", 'did you mean "vera"?', id="an unknown manager on duty",
    ),
    pytest.param(
        changed('duty = "vera"', 'duty = "old"'),
        "company.duty", "is not active", id="a dismissed manager on duty",
    ),
    pytest.param(
        changed('duty = "vera"', 'duty = "vera"\nregion = "RUS"'),
        "company.region", '"RU"', id="an unknown country",
    ),
    pytest.param(
        changed('duty = "vera"', 'duty = "vera"\ntime_zone = "Moscow"'),
        "company.time_zone", "Europe/Moscow", id="an unknown zone of the company",
    ),
    pytest.param(
        changed('time_zone = "Europe/Moscow"', 'time_zone = "MSK"'),
        "office[msk].time_zone", "IANA", id="an unknown zone of an office",
    ),
    pytest.param(
        changed("tried_hours = 24", "tried_hours = -1"),
        "routing.tried_hours", "0 to 8784", id="hours below nothing",
    ),
    pytest.param(
        changed("tried_hours = 24", "junk_days = -1"),
        "routing.junk_days", "0 to 3660", id="days without cards below nothing",
    ),
    pytest.param(
        changed("tried_hours = 24", 'responsible = ["card", "card"]'),
        "routing.responsible", "once", id="a source twice",
    ),
    pytest.param(
        changed('key = "msk"', 'key = "Москва"'),
        "office[Москва]", "A-Z", id="a key in Russian",
    ),
    pytest.param(
        changed('key = "msk"', f'key = "{"m" * 65}"'),
        f"office[{'m' * 65}]", "1 to 64", id="a key too long",
    ),
    pytest.param(
        changed('key = "msk"', 'key = "line"'),
        "office[line]", "another key", id='an office called "line"',
    ),
    pytest.param(
        changed('hours = "Mo-Fr 09:00-18:00"', 'hours = "Mo-Fri 9-18"'),
        "office[msk].hours", "Mo-Fr 09:00-18:00", id="hours that cannot be read",
    ),
    pytest.param(
        changed('head = "vera"', 'head = "peter"'),
        "team[sales].head", '"anna"', id="an unknown head",
    ),
    pytest.param(GOOD + "[missed]\ntries = 0", "missed.tries", "1 to 100", id="no tries"),
    pytest.param(
        GOOD + "[recordings]\nmissing_after_min = 0",
        "recordings.missing_after_min", "1 to 10080", id="recordings that are missing at once",
    ),
    pytest.param(
        GOOD + "[recordings]\nmost_mb = 5000",
        "recordings.most_mb", "1 to 2048", id="recordings that are too large",
    ),
    pytest.param(GOOD + "[load]\ntie = 1.5", "load.tie", "0 to 1", id="a tie above one"),
    pytest.param(GOOD + "[load]\ntie = nan", "load.tie", "0 to 1", id="a tie that is no number"),
    pytest.param(
        GOOD + '[letters]\nquiet = "night"',
        "letters.quiet", "Mo-Fr", id="quiet hours unread",
    ),
    pytest.param(
        GOOD + '[letters]\nwithout_items = "offer"',
        "letters.without_items", '"brief"', id="an offer instead of an offer",
    ),
    pytest.param(
        GOOD + "[missed]\nlead_term_min = 0",
        "missed.lead_term_min", "1 to 1440", id="no time for a lead",
    ),
    pytest.param(
        GOOD + '[leads]\npipeline = "shop"',
        "leads.pipeline", '"sales"', id="leads of no pipeline",
    ),
    pytest.param(
        GOOD + '[leads]\nsource = "наш сайт"', "leads.source", "letters", id="a source of words"
    ),
    pytest.param(
        GOOD + '[leads]\npolicy_url = "javascript:alert(1)"',
        "leads.policy_url", "https://", id="a policy that is no page",
    ),
    pytest.param(
        GOOD + '[leads]\nallowed_origins = ["https://shop.example/form"]',
        "leads.allowed_origins", "no path", id="a page for an origin",
    ),
    pytest.param(
        GOOD + '[leads]\nallowed_origins = ["*"]',
        "leads.allowed_origins", "https://", id="every origin",
    ),
    pytest.param(
        changed('number = "+79990000000"', 'number = "spam!"'),
        "block[spam!].number", "+79990000000", id="a block of no number",
    ),
    pytest.param(
        changed('number = "+79990000000"', 'number = "8 (495) 123-00-01"'),
        "block[8 (495) 123-00-01].number", "not ours", id="a block of a line of ours",
    ),
    pytest.param(
        changed('number = "+79990000000"', 'number = "101"'),
        "block[101].number", "not ours", id="a block of an inside dial",
    ),
    pytest.param(
        changed("to = 2026-03-15", "to = 2026-03-01"),
        "absence[anna 2026-03-02].to", "2026-03-02 or later", id="back before leaving",
    ),
    pytest.param(
        changed("to = 2026-03-15", "to = 9999-12-31"),
        "absence[anna 2026-03-02].to", "1900-01-01 to 2199-12-31", id="away for ever",
    ),
    pytest.param(
        changed("from = 2026-03-02", "from = 0001-01-01"),
        "absence[anna 0001-01-01].from", "1900-01-01 to", id="away since ever",
    ),
    pytest.param(
        manager("started_on = 0001-01-01"),
        "manager[anna].started_on", "1900-01-01 to", id="here since ever",
    ),
    pytest.param(
        changed('manager = "anna"', 'manager = "anya"'),
        "absence[anya 2026-03-02].manager", 'did you mean "anna"?', id="an absence of nobody",
    ),
]  # fmt: skip

MANAGERS = [
    pytest.param(
        changed('name = "Анна Смирнова"', 'name = " "'),
        "manager[anna].name", "1 to 200", id="a blank name",
    ),
    pytest.param(manager("capacity = 0"), "manager[anna].capacity", "1 to 10000", id="capacity"),
    pytest.param(manager("wrap_up_s = -1"), "manager[anna].wrap_up_s", "0 to 3600", id="wrap-up"),
    pytest.param(
        changed('shift = "Mo-Fr 09:00-18:00"', 'shift = ""'),
        "manager[anna].shift", "24/7", id="an empty shift",
    ),
    pytest.param(
        manager('team = "seles"').replace('team = "sales"\noffice', "office"),
        "manager[anna].team", 'did you mean "sales"?', id="an unknown team",
    ),
    pytest.param(
        changed('office = "msk"', 'office = "spb"'),
        "manager[anna].office", '"msk"', id="an unknown office",
    ),
    pytest.param(
        manager('deputy = "boris"'),
        "manager[anna].deputy", '"vera"', id="an unknown deputy",
    ),
    pytest.param(
        manager('deputy = "anna"'),
        "manager[anna].deputy", "another manager", id="his own deputy",
    ),
    pytest.param(
        manager('phones = ["101"]'),
        "manager[anna].phones", "+79160000001", id="a phone inside",
    ),
    pytest.param(
        manager('email = "anna at home"'),
        "manager[anna].email", "a@b.example", id="no address",
    ),
    pytest.param(
        manager('skills = ["en", "en"]'),
        "manager[anna].skills", "once", id="a skill twice",
    ),
]  # fmt: skip

LADDERS = [
    pytest.param(ladder(), "ladder[x].step", "[[ladder.step]]", id="no steps"),
    pytest.param(ladder("count = 1"), "ladder[x].step[1]", "exactly one of ring", id="no act"),
    pytest.param(
        ladder('ring = "all"\nsay = "Да"'),
        "ladder[x].step[1]", "exactly one", id="ring and say",
    ),
    pytest.param(
        ladder('say = "Да"\nplay = "yes"'),
        "ladder[x].step[1]", "exactly one", id="say and play",
    ),
    pytest.param(
        ladder('ring = "all"', 'say = "Да"', 'ring = "all"'),
        "ladder[x].step[3]", "nothing after it", id="a step after the message",
    ),
    pytest.param(ladder('say = " "'), "ladder[x].step[1].say", "1 to 1000", id="nothing said"),
    pytest.param(
        ladder('ring = "all"\nseconds = 0'),
        "ladder[x].step[1].seconds", "1 to 600", id="0 s",
    ),
    pytest.param(
        ladder('ring = "all"\nseconds = 601'),
        "ladder[x].step[1].seconds", "1 to 600", id="601 s",
    ),
    pytest.param(
        ladder('ring = "all"\ncount = 0'),
        "ladder[x].step[1].count", "1 to 100", id="count of 0",
    ),
    pytest.param(
        ladder('ring = "all"\nteam = "x"'),
        "ladder[x].step[1].team", '"sales"', id="team",
    ),
    pytest.param(
        ladder('ring = "all"\noffice = "lin"'),
        "ladder[x].step[1].office", '"msk", "line"', id="office",
    ),
    pytest.param(
        ladder('ring = "in_order"\nmanagers = ["ann", "vera"]'),
        "ladder[x].step[1].managers", 'did you mean "anna"?', id="an unknown manager",
    ),
    pytest.param(
        ladder('ring = "manager"'),
        "ladder[x].step[1].managers", "exactly one", id="which manager",
    ),
    pytest.param(
        ladder('ring = "manager"\nmanagers = ["anna", "vera"]'),
        "ladder[x].step[1].managers", "exactly one", id="two managers where one is rung",
    ),
    pytest.param(
        ladder('ring = "in_order"'),
        "ladder[x].step[1].managers", "a team", id="in which order",
    ),
]  # fmt: skip

PIPELINES = [
    pytest.param(
        changed('[{ key = "new" }, ', '[{ key = "new", weight = -1 }, '),
        "pipeline[sales].statuses[new].weight", "0 to 1000", id="a weight below nothing",
    ),
    pytest.param(
        changed('[{ key = "new" }, ', '[{ key = "new", weight = inf }, '),
        "pipeline[sales].statuses[new].weight", "0 to 1000", id="a weight without end",
    ),
    pytest.param(
        changed('[{ key = "new" }, ', '[{ key = "new" }, { key = "new" }, '),
        "pipeline[sales].statuses", "once", id="a status twice",
    ),
    pytest.param(
        changed('{ key = "new" }, ', ""),
        "pipeline[sales].statuses", "that a new card gets", id="no open status",
    ),
    pytest.param(
        changed('[{ key = "new" }, ', '[{ key = "new" }, { key = "junk" }, '),
        "pipeline[sales].statuses[junk].closed", "closed = true", id="junk that is open",
    ),
    pytest.param(
        changed('on_status = "new"', 'on_status = "in_work"'),
        "letter[offer].on_status", '"new", "won"', id="a letter on an unknown status",
    ),
    pytest.param(
        changed('on_status = "new"', 'pipeline = "x"'),
        "letter[offer].pipeline", '"sales"', id="a letter of an unknown pipeline",
    ),
    pytest.param(
        changed('on_status = "new"', 'template = "../offer"'),
        "letter[offer].template", "A-Z", id="a template elsewhere",
    ),
    pytest.param(
        changed('on_status = "new"', "undo_seconds = -1"),
        "letter[offer].undo_seconds", "0 to", id="undo",
    ),
]  # fmt: skip

MISTAKES = [*COMPANY, *MANAGERS, *LADDERS, *PIPELINES]


@pytest.mark.parametrize(("text", "key", "allowed"), MISTAKES)
def test_a_mistake_is_told_by_its_key_and_by_what_is_allowed(
    text: str, key: str, allowed: str
) -> None:
    assert_told(text, key, allowed)


def test_all_mistakes_are_told_at_once() -> None:
    text = manager("capacity = 0").replace('head = "vera"', 'head = "x"')
    found = {problem.key for problem in problems_of(text)}
    assert found == {"manager[anna].capacity", "team[sales].head"}


def test_the_good_setup_has_no_problem() -> None:
    assert problems_of(GOOD) == ()


def test_one_who_is_gone_may_have_been_in_a_team_that_is_gone() -> None:
    assert problems_of(changed("active = false", 'active = false\nteam = "gone"')) == ()


def test_a_setup_that_no_file_made_is_checked_too() -> None:
    setup = Setup(
        company=Company(duty="a"),
        account=(Account("main", "+74951230001", secret="sealed:x"),),
        manager=(Manager("a", "А"), Manager("a", "Б")),
        line=(Line("+74951230001", "+491511234567"),),
    )
    found = {problem.key for problem in check(setup)}
    assert found == {"manager[a]", "line[+74951230001].last_resort"}
