"""Where cards may go from a status, what it needs, and the company's own fields."""

from collections.abc import Iterator

from callrouter.domain.setup import JUNK, CustomField, Pipeline, Setup
from callrouter.domain.statuses import NEEDED
from callrouter.setup_file.names import item_name
from callrouter.setup_file.problems import Problem, name_of_item, once, quoted, reference, text

_MOST_CHOICES = 200


def check_fields(setup: Setup) -> Iterator[Problem]:
    for field in setup.field:
        yield from _field(field)


def _field(field: CustomField) -> Iterator[Problem]:
    at = item_name("field", field)
    yield from name_of_item(at, field.key)
    if field.key in NEEDED:
        message = f"is what every card has; allowed: another key than {quoted(NEEDED)}"
        yield Problem(at, message)
    yield from text(f"{at}.name", field.name, needed=True)
    if field.type != "choice":
        if field.choices:
            message = f'is given for a {field.type}; allowed: only with type = "choice"'
            yield Problem(f"{at}.choices", message)
        return
    yield from once(f"{at}.choices", field.choices)
    if not 1 <= len(field.choices) <= _MOST_CHOICES:
        message = f"has {len(field.choices)}; allowed: 1 to {_MOST_CHOICES} choices"
        yield Problem(f"{at}.choices", message)
    for choice in field.choices:
        yield from text(f"{at}.choices", choice, needed=True)


def check_moves(setup: Setup, pipeline: Pipeline) -> Iterator[Problem]:
    """What a pipeline's statuses say of moves and of what they need."""
    known = [*(status.key for status in pipeline.statuses), JUNK]
    fields = [*NEEDED, *(field.key for field in setup.field)]
    for status in pipeline.statuses:
        at = f"{item_name('pipeline', pipeline)}.statuses[{status.key}]"
        yield from once(f"{at}.moves", status.moves or ())
        for to in status.moves or ():
            yield from reference(f"{at}.moves", to, known, "status")
        yield from once(f"{at}.required", status.required)
        for name in status.required:
            yield from reference(f"{at}.required", name, fields, "field")
        if "loss_reason" in status.required and not status.closed:
            message = 'needs "loss_reason" and is open; allowed: of a status with closed = true'
            yield Problem(f"{at}.required", message)
