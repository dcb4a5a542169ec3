"""GET /api/v2/usage and GET /operator/v1/usage."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import InvalidRequest
from gpu_capacity.http.call import PlainText, Reply
from gpu_capacity.http.pages import ANSWER_BYTES_MAX, LIMIT, cut, page_of
from gpu_capacity.http.rendering import NO_CACHE
from gpu_capacity.usage.api.models import usage_view
from gpu_capacity.usage.focus import csv_of
from gpu_capacity.usage.report import Period, usage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from gpu_capacity.http.call import Call
    from gpu_capacity.usage.meter import DayOfUsage
    from gpu_capacity.usage.report import Needs as UsageNeeds
    from gpu_capacity.vms.roles import HasPrices

    class Needs(UsageNeeds, HasPrices, Protocol):
        """What the functions of this module work with."""


DAYS_MAX: Final = 31
"""More than a month is asked for in parts: all of it is in one answer, or counted for each page."""

FORMATS: Final = ("json", "csv")

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def own_usage(call: Call[Needs]) -> Reply:
    """200 with the usage of the caller's organizations: of its projects, and of what has no project."""
    organizations = call.caller.organizations_to_search(call.values("organizationID"))
    caller = call.caller

    def may_see(day: DayOfUsage) -> bool:
        of_a_project = day.holder.project_id
        return not of_a_project or caller.may_see(day.organization_id, of_a_project)

    return _usage(call, organizations, may_see)


def usage_of_all(call: Call[Needs]) -> Reply:
    """200 with the usage of every organization, or of those that the request names."""
    named = sorted(call.values("organizationID"))
    return _usage(call, named or call.services.usage.organizations(), lambda _: True)


def _usage(call: Call[Needs], organizations: Sequence[str], may_see: Callable[[DayOfUsage], bool]) -> Reply:
    period, projects, form = _period(call), call.values("projectID"), _format(call)
    page = page_of(call, "usage", organizations)
    days = usage_of(
        call.services,
        organizations,
        lambda day: may_see(day) and (not projects or day.holder.project_id in projects),
        period,
        page.window,
    )
    prices = call.services.prices
    if form == "json":
        views, link = cut(page, days, partial(usage_view, prices=prices))
        return Reply(HTTPStatus.OK, views, NO_CACHE | link)
    text = csv_of(days[: page.limit], prices)
    if len(text.encode()) > ANSWER_BYTES_MAX:
        raise InvalidRequest(f"query {LIMIT}", "required, as the answer is too large: send it, or fewer days")
    _, link = cut(page, days, lambda _: {})
    return Reply(
        HTTPStatus.OK, PlainText(text), NO_CACHE | link | {"Content-Type": "text/csv; charset=utf-8"}
    )


def _period(call: Call[Needs]) -> Period:
    """The days that ``since`` and ``until`` name; without them the month so far.

    Raises:
        InvalidRequest: one is no date, or they are no days, or too many.
    """
    today = datetime.fromtimestamp(call.services.clock.now(), tz=UTC)
    tomorrow = datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(days=1)
    until = _date(call, "until") or tomorrow
    since = _date(call, "since") or (until - timedelta(days=1)).replace(day=1)
    if not timedelta(0) < until - since <= timedelta(days=DAYS_MAX):
        raise InvalidRequest("query until", f"must be after since, by at most {DAYS_MAX} days")
    return Period(int(since.timestamp()), int(until.timestamp()))


def _date(call: Call[Needs], name: str) -> datetime | None:
    value = call.single(name)
    if value is None:
        return None
    try:
        if _DATE.fullmatch(value):
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        pass
    raise InvalidRequest(f"query {name}", "must be a day, as in 2026-11-30")


def _format(call: Call[Needs]) -> str:
    form = call.single("format") or FORMATS[0]
    if form not in FORMATS:
        raise InvalidRequest("query format", f"must be one of {', '.join(FORMATS)}")
    return form
