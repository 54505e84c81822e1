"""Orders a call from a PBX: first kept, then sent once, then what came of it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from callrouter.accounts import provider_of
from callrouter.flows.order_call import (
    Outcome,
    Plan,
    Wanted,
    account_of,
    ask_for_call,
    plan_call,
    settle_order,
)
from callrouter.outside.client import OutsideError, TooSoon, asked_to_rest, door_of
from storage.ids import new_id
from webhooks.provider import CallOrder, Provider, Refused, Request

if TYPE_CHECKING:
    from callrouter.domain.setup import Account, Line
    from callrouter.service import Service
    from storage.orders import OrderState, StoredOrder

log = structlog.get_logger()

_OF_A_GATEWAY: Final = (502, 504)
"""Said by one who did not hear the PBX himself."""

_NO_ORDER: Final = "0" * 26
_ANYBODY: Final = "+79430000000"
"""Of a request that is made to see whether it could be, and never sent."""


class CannotOrder(Exception):
    """The account makes no calls for us; the text says why."""


class NotOrdered(Exception):
    """The call was not made. The text says what the provider said.

    `again_after_s`: when it may be asked again; None: whenever.
    """

    def __init__(self, message: str, again_after_s: float | None = None) -> None:
        super().__init__(message)
        self.again_after_s = again_after_s


async def order_call(service: Service, wanted: Wanted, *, by: str) -> StoredOrder:
    """Let the PBX ring a manager and then a number. Asked again within seconds: the same order.

    The order is `accepted`, or `in_doubt`: it is unknown what became of it, and it is not sent
    again; a repeat may see it still `asked`. Raises BadFields, CannotOrder, NotOrdered.
    """
    setup, now = service.setups.current, service.clock()
    plan = plan_call(setup, wanted)
    account = plan.account
    provider = provider_of(account, setup, service.seal, service.settings.environ)
    hook_url = f"{service.settings.public_url}{account.hook_path}"
    id_ = new_id(now)
    target, request = _request_of(provider, plan, id_, hook_url)
    order = await service.database.write(ask_for_call, id_, plan, target, setup, by=by, now=now)
    if order.id != id_:
        return order
    outcome = await _send(service, account, provider, request)
    settled = await service.database.write(settle_order, order.id, outcome, now=service.clock())
    if outcome.state == "failed":
        raise NotOrdered(outcome.reason or "", outcome.again_after_s)
    return settled or order


def can_order(service: Service, manager: str, line: Line) -> bool:
    """Whether a manager's click can make a call on this line at all."""
    setup = service.setups.current
    account, found = account_of(setup, line), setup.managers.get(manager)
    if account is None or found is None or not found.active:
        return False
    provider = provider_of(account, setup, service.seal, service.settings.environ)
    plan = Plan(account, manager, found.dials(account.key), _ANYBODY, line.number)
    try:
        _request_of(provider, plan, _NO_ORDER, "")
    except CannotOrder:
        return False
    return True


def _request_of(provider: Provider, plan: Plan, id_: str, hook_url: str) -> tuple[str, Request]:
    """What to ask, and which of the manager's phones it rings: the first that it can."""
    try:
        for dial in plan.dials:
            asked = CallOrder(id_, dial, plan.number, plan.line, hook_url)
            if request := provider.place_call(asked):
                return dial, request
    except Refused as refused:
        raise CannotOrder(str(refused)) from None
    raise CannotOrder(
        f"The account {plan.account.key} cannot make this call: it has no click-to-call in the "
        "setup, or none that rings this manager's phone."
    )


async def _send(
    service: Service, account: Account, provider: Provider, request: Request
) -> Outcome:
    try:
        response = await service.outside.send(request, door_of(account, provider))
    except OutsideError as error:
        state: OrderState = "in_doubt" if error.may_have_arrived else "failed"
        again = error.again_after_s if isinstance(error, TooSoon) else None
        return Outcome(state, reason=str(error), again_after_s=again)
    if response.status in _OF_A_GATEWAY:
        return Outcome("in_doubt", reason=f"a gateway before the PBX answered {response.status}")
    try:
        return Outcome("accepted", ref=provider.placed(response))
    except Refused as refused:
        again = refused.again_after_s or asked_to_rest(response)
        return Outcome("failed", reason=str(refused), again_after_s=again)
    except Exception as error:  # noqa: BLE001  a bug of ours must not hide that a call was ordered
        log.error("answer_unreadable", account=account.key, error=type(error).__name__)  # noqa: TRY400
        return Outcome("in_doubt", reason="the answer could not be read")
