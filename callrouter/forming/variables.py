"""The names that templates may use, each with what it is; templates are held to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jinja2 import nodes

from callrouter.forming.sandbox import Sandbox
from callrouter.wording.on_paper import PRINTED

Names = Mapping[str, Any]
"""Name to what it is in a sentence; to further names; or to a list of one of these."""

_ENTITY: Final[Names] = {
    "name": "our legal entity, in short",
    "full_name": "our legal entity, in full",
    "inn": "its INN",
    "kpp": "its KPP",
    "ogrn": "its OGRN",
    "address": "its address",
    "bank": "its bank",
    "bik": "the bank's BIK",
    "account": "its account",
    "corr_account": "the bank's correspondent account",
    "phone": "its phone",
    "email": "its e-mail",
    "site": "its site",
    "signer": "who signs",
    "signer_post": "the post of who signs",
    "logo": "the name of its logo among the images",
    "requisites": ["a line of requisites, whole"],
    "contacts": ["phone, e-mail, site: those that there are"],
}
_CUSTOMER: Final[Names] = {
    "name": "to whom",
    "company": "his company",
    "email": "his e-mail",
    "phones": ["a phone of his"],
    "inn": "his company's INN",
}
_MANAGER: Final[Names] = {
    "name": "the manager",
    "post": "his post",
    "phone": "his direct phone",
    "email": "his e-mail",
}
_SUM: Final[Names] = {"label": "what is summed", "sum": "the sum"}

OFFER: Final[Names] = {
    "language": "ru or en",
    "words": {key: f"the word for this: {message}" for key, message in PRINTED.items()},
    "number": "№ 15, or that it will be given",
    "dated": "its day",
    "replaces": "the number that it stands for, in words",
    "valid_until": "its last day",
    "entity": _ENTITY,
    "customer": _CUSTOMER,
    "manager": _MANAGER,
    "opening": "the line before the table",
    "rows": [
        {
            "n": "its number in the table",
            "name": "the item",
            "unit": "its unit",
            "quantity": "how many",
            "price": "of one",
            "discount": "10 %",
            "vat": "20 %",
            "sum": "of all",
        }
    ],
    "with_discounts": "yes, if an item has a discount",
    "with_rates": "yes, if items differ in VAT",
    "totals": {
        "before": [_SUM],
        "label": "the word before the total",
        "total": "the total, with ₽",
        "within": [_SUM],
        "in_words": "the total in words",
    },
    "terms": ["a paragraph of the terms"],
}
LETTER: Final[Names] = {
    "language": "ru or en",
    "greeting": "the first line, with a name where a person has confirmed it",
    "entity": _ENTITY,
    "customer": _CUSTOMER,
    "manager": _MANAGER,
    "offer": {
        "number": "№ 15",
        "dated": "its day",
        "valid_until": "its last day",
        "total": "the total, with ₽",
    },
    "attachments": ["the name of a file that goes along"],
    "opt_out_url": "where one says no to such letters; only in promotional ones",
}


def described(names: Names, above: str = "") -> Iterator[tuple[str, str]]:
    """Each name in full and what it is; `[]` stands for each of a list."""
    for name, known in names.items():
        full = f"{above}{name}"
        while isinstance(known, list):
            known, full = known[0], f"{full}[]"  # noqa: PLW2901
        if isinstance(known, str):
            yield full, known
        else:
            yield from described(known, f"{full}.")


def unknown(source: str, names: Names, place: str = "") -> Iterator[tuple[str, str]]:
    """Each name that there is not, as (place, what is wrong). Raises Refused."""
    tree = Sandbox().parsed(source, place)
    yield from _Reader(place).read(tree, {**names, "range": None, "loop": None})


class _Reader:
    """Walks a template, knowing of each name: names, a list, a text, or None: anything."""

    def __init__(self, place: str) -> None:
        self._place = place

    def read(self, node: nodes.Node, known: dict[str, Any]) -> Iterator[tuple[str, str]]:
        if isinstance(node, nodes.For):
            yield from self.read(node.iter, known)
            each = self._of(node.iter, known)
            inner = dict(known)
            self._bind(inner, node.target, each[0] if isinstance(each, list) else None)
            for child in (*node.body, *([node.test] if node.test else [])):
                yield from self.read(child, inner)
            for child in node.else_:
                yield from self.read(child, known)
        elif isinstance(node, nodes.Assign):
            yield from self.read(node.node, known)
            self._bind(known, node.target, self._of(node.node, known))
        elif isinstance(node, nodes.Macro | nodes.CallBlock):
            inner = dict(known) | {arg.name: None for arg in node.args}
            inner |= dict.fromkeys(("caller", "varargs", "kwargs"))
            if isinstance(node, nodes.Macro):
                known[node.name] = None
                inner[node.name] = None
            for child in node.iter_child_nodes(exclude=("args",)):
                yield from self.read(child, inner)
        elif isinstance(node, nodes.With):
            inner = dict(known)
            for target, value in zip(node.targets, node.values, strict=True):
                yield from self.read(value, known)
                self._bind(inner, target, self._of(value, known))
            for child in node.body:
                yield from self.read(child, inner)
        else:
            if isinstance(node, nodes.AssignBlock):
                self._bind(known, node.target, None)
            if problem := self._problem(node, known):
                yield self._where(node), problem
                return
            for child in node.iter_child_nodes():
                yield from self.read(child, known)

    def _problem(self, node: nodes.Node, known: dict[str, Any]) -> str | None:
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in known:
            return f"there is no {node.name}; there are: {_listed(known)}"
        if isinstance(node, nodes.Getattr) and (of := self._of(node.node, known)):
            if isinstance(of, Mapping) and node.attr not in of:
                return f"there is no {node.attr} here; there are: {_listed(of)}"
            if isinstance(of, list):
                return f"{node.attr} is asked of a list: go through it with for"
        return None

    def _of(self, node: nodes.Node, known: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any shape
        if isinstance(node, nodes.Name):
            return known.get(node.name)
        if isinstance(node, nodes.Getattr):
            of = self._of(node.node, known)
            return of.get(node.attr) if isinstance(of, Mapping) else None
        return None

    def _bind(self, known: dict[str, Any], target: nodes.Node, what: Any) -> None:  # noqa: ANN401
        if isinstance(target, nodes.Name):
            known[target.name] = what
        elif isinstance(target, nodes.Tuple):
            for one in target.items:
                self._bind(known, one, None)

    def _where(self, node: nodes.Node) -> str:
        return self._place or f"line {node.lineno}"


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(sorted(set(names) - {"range", "loop"}))
