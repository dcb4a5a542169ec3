"""Shows the map of a region: `gpucap map us-tex-1`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity_client.refusals import Kind, Refused
from gpucap import plan, running, showing
from gpucap.exits import usage
from gpucap.plan import HOLDER_COLOUR, Cell, Plan, Rack

if TYPE_CHECKING:
    from rich.text import Text

    from gpu_capacity_client.client import Client

UNAUTHORIZED: Final = 401


def draw_map(
    region: str, organization: str | None, *, ascii_only: bool, as_json: bool, profile_name: str | None
) -> None:
    """Draw a region as operators see it, or as an organization does.

    Raises:
        Ended: there is nothing to see, or the service said no.
    """
    with running.connected(profile_name, as_json=as_json) as (client, profile):
        body, drawn = _seen(
            client, region, organization or profile.organization, is_named=organization is not None
        )
    if as_json:
        showing.as_json(body)
    elif not drawn.groups:
        raise usage(f"there is no region {region}, or nothing in it that you can have")
    else:
        _print(drawn, ascii_only=ascii_only)


def _seen(client: Client, region: str, organization: str | None, *, is_named: bool) -> tuple[Any, Plan]:
    """The region as the answer has it, and as a plan. Who names an organization sees what that one sees."""
    if not is_named:
        try:
            body = client.call("getRegionMap", {"regionID": region}).body
        except Refused as refused:
            if refused.kind is not Kind.NOT_ALLOWED or refused.status == UNAUTHORIZED:
                raise
        else:
            return body, plan.of_operators(body)
    if organization is None:
        raise usage("missing: --organization")
    asked = {"organizationID": organization, "regionID": region}
    body = client.call("getOrganizationTopology", asked).body
    return body, plan.of_customers(body, region)


def _print(drawn: Plan, *, ascii_only: bool) -> None:
    from rich.text import Text

    out = showing.console()
    width = max(len(pod.name) for pod in drawn.pods())
    for sold, pods in drawn.groups.items():
        out.print(Text(sold, style="bold"))
        for pod in pods:
            line = Text(f"  {pod.name:<{width}} ")
            for rack in pod.racks:
                line.append(" ").append_text(_cell(drawn, rack, ascii_only=ascii_only))
            out.print(line)
    out.print()
    for meant, about in _legend(drawn):
        out.print(Text("  ").append_text(_cell(drawn, meant, ascii_only=ascii_only)).append(f"  {about}"))


def _cell(drawn: Plan, rack: Rack, *, ascii_only: bool) -> Text:
    from rich.text import Text

    if rack.holder is not None:
        # A letter on a ground of its own; lower case where the holder has a part only.
        letter = drawn.letter(rack.holder)
        whole = rack.cell is Cell.HELD
        return Text(
            letter if whole else letter.lower(),
            style=f"bold white on {HOLDER_COLOUR}" if whole else HOLDER_COLOUR,
        )
    return Text(rack.cell.plain if ascii_only else rack.cell.sign, style=rack.cell.colour)


def _legend(drawn: Plan) -> list[tuple[Rack, str]]:
    """What each sign on the map means, with how many there are."""
    racks = [rack for pod in drawn.pods() for rack in pod.racks]
    told = []
    for holder, about in drawn.holders.items():
        whole, part = (sum(rack == Rack(cell, holder) for rack in racks) for cell in (Cell.HELD, Cell.PARTLY))
        if whole or part:
            counts = [f"{whole}"] * bool(whole) + [f"{part} in part"] * bool(part)
            told.append((Rack(Cell.HELD if whole else Cell.PARTLY, holder), f"{about}: {', '.join(counts)}"))
    counted = {cell: sum(rack == Rack(cell) for rack in racks) for cell in Cell}
    return told + [(Rack(cell), f"{cell.meaning}: {count}") for cell, count in counted.items() if count]
