"""Jinja for people who are not us: it knows texts, lists and mappings, and little that can be done.

Nothing has attributes but a loop; arithmetic is of numbers; filters and tests are those named here;
what comes out is bounded. Time and memory are the child's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final

import jinja2.debug  # noqa: F401 - read when a template fails; by then nothing can be read
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS as ALL_FILTERS
from jinja2.runtime import LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS as ALL_TESTS

from callrouter.forming.errors import Refused, TooLarge

MOST_TEXT: Final = 8 * 1024**2
MOST_RANGE: Final = 1000

FILTERS: Final = frozenset(
    {"capitalize", "count", "d", "default", "e", "escape", "first", "int", "join", "last"}
    | {"length", "list", "lower", "replace", "title", "trim", "truncate", "upper", "wordcount"}
)
TESTS: Final = frozenset(
    {"boolean", "defined", "divisibleby", "even", "false", "in", "integer", "iterable", "mapping"}
    | {"none", "number", "odd", "sequence", "string", "true", "undefined"}
    | {"eq", "equalto", "ge", "gt", "le", "lt", "ne", "==", "!=", ">", ">=", "<", "<="}
)
TEXT_METHODS: Final = frozenset(
    {"capitalize", "endswith", "lower", "startswith", "strip", "title", "upper"}
)
LOOP: Final = frozenset(
    {"changed", "cycle", "depth", "first", "index", "index0", "last", "length"}
    | {"nextitem", "previtem", "revindex", "revindex0"}
)


_UNSAYABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


class _Bounded(Template):
    """A template whose result is looked at while it grows."""

    def render(self, *args: Any, **kwargs: Any) -> str:  # noqa: ANN401 - as the library has it
        pieces, size = [], 0
        for piece in self.generate(*args, **kwargs):
            size += len(piece)
            if size > MOST_TEXT:
                raise TooLarge("what it renders is too large")
            pieces.append(piece)
        return "".join(pieces)


class Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    template_class = _Bounded

    def __init__(self, *, escapes: bool = True) -> None:
        super().__init__(autoescape=escapes, undefined=StrictUndefined, cache_size=0)
        self.globals = {"range": _short_range}
        self.filters = {name: ALL_FILTERS[name] for name in FILTERS}
        self.tests = {name: ALL_TESTS[name] for name in TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - as the library has it
        if isinstance(obj, Mapping):
            return self.getitem(obj, attribute)
        if isinstance(obj, Undefined):
            return obj[attribute]  # which raises and says of what
        if (isinstance(obj, LoopContext) and attribute in LOOP) or (
            isinstance(obj, str) and attribute in TEXT_METHODS
        ):
            return getattr(obj, attribute)
        raise SecurityError(f"{attribute!r} is not for templates")

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 - as the library has it
        if isinstance(obj, Undefined):
            return obj[argument]
        if not isinstance(obj, Mapping | list | tuple | str):
            raise SecurityError(f"{argument!r} is not for templates")
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        numbers = all(type(one) in (int, float) and abs(one) < 1e15 for one in (left, right))
        if operator == "**" or not numbers:
            raise SecurityError(f"{operator!r} is for small numbers only; texts are joined by ~")
        return super().call_binop(context, operator, left, right)

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ANN401 - as the library has it
        if obj is _short_range or isinstance(obj, Macro | LoopContext):
            return True
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(owner, LoopContext):
            return name in LOOP
        return isinstance(owner, str) and name in TEXT_METHODS

    def parsed(self, source: str, place: str = "") -> nodes.Template:
        """Raises Refused: a syntax error, an unknown filter, escaping switched off."""
        try:
            tree = self.parse(source)
            self.compile(source)  # which looks for filters and tests
        except TemplateSyntaxError as error:
            raise Refused(str(error.message), place or f"line {error.lineno}") from None
        refused = (nodes.EvalContextModifier, nodes.Extends, nodes.Include, nodes.Import)
        for node in tree.find_all((*refused, nodes.FromImport)):
            what = type(node).__name__.lower().replace("scopedevalcontextmodifier", "autoescape")
            raise Refused(f"{what} is not for templates", place or f"line {node.lineno}")
        return tree

    def rendered(self, source: str, values: Mapping[str, Any], place: str = "") -> str:
        """Raises Refused, TooLarge."""
        self.parsed(source, place)
        text = self.run(lambda: self.from_string(source).render(values), place)
        if _UNSAYABLE.search(text):
            raise Refused("it renders characters that no document can hold", place)
        return text

    def run(self, render: Callable[[], str], place: str = "") -> str:
        """Do what renders a template of ours; its errors become Refused."""
        try:
            return render()
        except TemplateSyntaxError as error:
            raise Refused(str(error.message), place or f"line {error.lineno}") from None
        except (TemplateError, TypeError, ValueError, OverflowError, ArithmeticError) as error:
            line = _line_of(error.__traceback__)
            raise Refused(str(error)[:500], place or (f"line {line}" if line else "")) from None


def _short_range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > MOST_RANGE:
        raise TooLarge(f"a range has at most {MOST_RANGE} numbers")
    return found


def _line_of(trace: TracebackType | None) -> int | None:
    found = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            found = trace.tb_lineno
        trace = trace.tb_next
    return found
