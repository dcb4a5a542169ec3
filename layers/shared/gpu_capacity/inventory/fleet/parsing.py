"""Parses bytes into a valid ``Fleet``. Refusals name the place of a fault and never repeat a value."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from gpu_capacity import strict_json
from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.inventory.fleet.document import DOCUMENT_BYTES_MAX, Catalogue, FleetDocument
from gpu_capacity.inventory.fleet.model import DIGEST_FORM, Fleet, ReportedRegion
from gpu_capacity.inventory.fleet.packing import unpacked
from gpu_capacity.inventory.model import (
    Domain,
    Flavor,
    Gpu,
    Host,
    HostState,
    Offering,
    Pod,
    Region,
    VmShape,
)
from gpu_capacity.inventory.text import text_of
from gpu_capacity.placement.slices import SLICE_SIZES

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from gpu_capacity.inventory.fleet.document import DomainPart, FlavorPart, PodPart, RegionPart

Model = TypeVar("Model", bound=BaseModel)

_PROBLEMS_SHOWN_MAX: Final = 5
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,40}")


def parse(raw: bytes) -> Fleet:
    """Parse and validate a fleet document.

    Raises:
        FeedRefused: ``too_large`` or ``malformed``. The message names up to five places.
    """
    document = _validated(FleetDocument, _loaded(raw))
    if disagreements := list(_disagreements(document)):
        raise _malformed(disagreements)
    return _fleet(document)


def parse_catalogue(raw: bytes) -> dict[str, Any]:
    """Parse and validate a catalogue: a fleet document without pods, ``sequence`` and ``observedAt``.

    What its fields must agree on is checked in the document that it becomes a part of.

    Raises:
        FeedRefused: as for ``parse``.
    """
    content: dict[str, Any] = _loaded(raw)
    _validated(Catalogue, content)
    return content


def _loaded(raw: bytes) -> Any:
    if len(raw) > DOCUMENT_BYTES_MAX:
        raise FeedRefused(FeedRefusal.TOO_LARGE, f"the document has more than {DOCUMENT_BYTES_MAX} bytes")
    try:
        return strict_json.loads(unpacked(raw))
    except strict_json.KeyRepeated as error:
        raise _malformed([_problem(error.place, "", "the key occurs more than once")]) from None
    except strict_json.JsonRefused as error:
        raise _malformed([f"document: {error}"]) from None


def _validated(model: type[Model], content: Any) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = [_problem(e["loc"], e["type"], e["msg"]) for e in error.errors(include_input=False)]
        raise _malformed(problems) from None  # the cause would put the input into the logs


def _malformed(problems: list[str]) -> FeedRefused:
    shown = "; ".join(problems[:_PROBLEMS_SHOWN_MAX])
    more = len(problems) - _PROBLEMS_SHOWN_MAX
    return FeedRefused(FeedRefusal.MALFORMED, f"{shown}; and {more} more" if more > 0 else shown)


def _problem(place: tuple[int | str, ...], kind: str, message: str) -> str:
    path = ""
    for step in place:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _PLAIN_NAME.fullmatch(step):
            path += f".{step}" if path else step
        else:  # the name of an unknown field is input, too
            path += ".(unprintable)"
    if kind == "extra_forbidden":
        message = "unknown field"
    return f"{path or 'document'}: {message.removeprefix('Value error, ')}"


def _disagreements(document: FleetDocument) -> Iterator[str]:
    """Yield the faults that only several fields together show, in document order."""
    yield from _repeated_ids("flavors", (f.id for f in document.flavors))
    yield from _repeated_ids("regions", (r.id for r in document.regions))
    for index, flavor in enumerate(document.flavors):
        if flavor.vm is not None and flavor.gpu.physical_count not in SLICE_SIZES:
            yield f"flavors[{index}].vm: hosts that are rented in slices have 1, 2, 4 or 8 GPUs"
    yield from _instance_type_disagreements(document)
    flavors = {f.id for f in document.flavors}
    hosts_seen: dict[str, str] = {}
    for index, region in enumerate(document.regions):
        yield from _region_disagreements(f"regions[{index}]", region, flavors)
        for pod_index, pod in enumerate(region.pods):
            yield from _pod_disagreements(f"regions[{index}].pods[{pod_index}]", pod, hosts_seen)
    yield from _node_disagreements(document)


def _instance_type_disagreements(document: FleetDocument) -> Iterator[str]:
    """Several flavors may be sold as one type, if the document spells it in the same case everywhere.

    Customers may write an instance type in any case.
    """
    spelled: dict[str, str] = {}
    for index, flavor in enumerate(document.flavors):
        name = flavor.instance_type
        if name is not None and spelled.setdefault(name.lower(), name) != name:
            yield f"flavors[{index}].instanceType: another flavor's differs from it in case alone"


def _region_disagreements(place: str, region: RegionPart, flavors: set[str]) -> Iterator[str]:
    yield from _repeated(f"{place}.organizations", "entry", region.organizations or ())
    yield from _repeated_ids(f"{place}.pods", (p.id for p in region.pods))
    seen: dict[str, str] = {}
    for p, pod in enumerate(region.pods):
        for d, domain in enumerate(pod.domains):
            if problem := _taken(seen, domain.id, "another domain of the region"):
                yield f"{place}.pods[{p}].domains[{d}].id: {problem}"
    yield from _repeated(
        f"{place}.offerings", "accelerator and unit", ((o.accelerator, o.unit) for o in region.offerings)
    )
    agreed: dict[str, tuple[str, int]] = {}
    for index, offering in enumerate(region.offerings):
        if offering.flavor_id not in flavors:
            yield f"{place}.offerings[{index}].flavorId: no flavor has this id"
        terms = (offering.device_type_resource_class, offering.hosts_per_unit)
        if agreed.setdefault(offering.flavor_id, terms) != terms:
            yield (
                f"{place}.offerings[{index}]: offerings of one flavor must agree on"
                " deviceTypeResourceClass and hostsPerUnit"
            )
    for index, pod in enumerate(region.pods):
        if pod.flavor_id not in flavors:
            yield f"{place}.pods[{index}].flavorId: no flavor has this id"


def _pod_disagreements(place: str, pod: PodPart, hosts_seen: dict[str, str]) -> Iterator[str]:
    yield from _repeated(f"{place}.domains", "position", (d.position for d in pod.domains))
    for index, domain in enumerate(pod.domains):
        yield from _repeated(f"{place}.domains[{index}].hosts", "slot", (h.slot for h in domain.hosts))
        for host_index, host in enumerate(domain.hosts):
            if problem := _taken(hosts_seen, host.id, "another host"):
                yield f"{place}.domains[{index}].hosts[{host_index}].id: {problem}"


def _node_disagreements(document: FleetDocument) -> Iterator[str]:
    """A host that is rented in slices is alone in its domain, and its name is unique: customers use it."""
    rented = {flavor.id for flavor in document.flavors if flavor.vm is not None}
    names_seen: dict[str, str] = {}
    for index, region in enumerate(document.regions):
        for pod_index, pod in enumerate(region.pods):
            if pod.flavor_id not in rented:
                continue
            for domain_index, domain in enumerate(pod.domains):
                place = f"regions[{index}].pods[{pod_index}].domains[{domain_index}].hosts"
                if len(domain.hosts) != 1 or domain.hosts[0].slot != 0:
                    yield f"{place}: a host that is rented in slices is alone in its domain, in slot 0"
                for host_index, host in enumerate(domain.hosts):
                    taken_by = "another host that is rented in slices"
                    if problem := _taken(names_seen, host.name or host.id, taken_by):
                        yield f"{place}[{host_index}].name: {problem}"


def _repeated_ids(place: str, ids: Iterable[str]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for index, identifier in enumerate(ids):
        if problem := _taken(seen, identifier, "another one"):
            yield f"{place}[{index}].id: {problem}"


def _taken(seen: dict[str, str], identifier: str, by: str) -> str | None:
    """Why an id conflicts with an earlier one; ``None`` if it does not. Ids must differ in more than case."""
    before = seen.get(identifier.lower())
    if before is None:
        seen[identifier.lower()] = identifier
        return None
    return f"{by} has it" if before == identifier else f"{by} has it but for upper and lower case"


def _repeated(place: str, what: str, values: Iterable[Hashable]) -> Iterator[str]:
    seen: set[Hashable] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield f"{place}[{index}]: repeats the {what} of another one"
        seen.add(value)


def _fleet(document: FleetDocument) -> Fleet:
    flavors = {f.id: _flavor(f) for f in document.flavors}
    regions = {
        r.id: _reported(
            _region(r, flavors, document.observed_at), [_pod(r.id, p) for p in r.pods], _repaired(r)
        )
        for r in sorted(document.regions, key=lambda r: r.id)
    }
    return Fleet(
        sequence=document.sequence,
        digest=_digest(document.observed_at, flavors.values(), regions.values()),
        observed_at=document.observed_at,
        regions=regions,
    )


def _repaired(part: RegionPart) -> dict[str, int]:
    return {
        host.id: host.repaired_at
        for pod in part.pods
        for domain in pod.domains
        for host in domain.hosts
        if host.repaired_at is not None
    }


def _reported(region: Region, pods: list[Pod], repaired: Mapping[str, int]) -> ReportedRegion:
    return ReportedRegion(
        region,
        {pod.id: pod for pod in pods},
        {pod.id: hashlib.sha256(text_of(pod.domains).encode()).digest() for pod in pods},
        repaired,
    )


def _flavor(part: FlavorPart) -> Flavor:
    gpu = Gpu(
        vendor=part.gpu.vendor,
        model=part.gpu.model,
        physical_count=part.gpu.physical_count,
        logical_count=part.gpu.logical_count,
        memory_gib=part.gpu.memory_gib,
    )
    return Flavor(
        id=part.id,
        cpus=part.cpus,
        memory_gib=part.memory_gib,
        disk_gb=part.disk_gb,
        gpu=gpu,
        architecture=part.architecture,
        instance_type=part.instance_type,
        vm=None
        if part.vm is None
        else VmShape(
            gpu_type=part.vm.gpu_type,
            gpu_ram_mb=part.vm.gpu_ram_mb,
            cpu_model=part.vm.cpu_model,
            pcie_gen=part.vm.pcie_gen,
        ),
    )


def _region(part: RegionPart, flavors: dict[str, Flavor], observed_at: int) -> Region:
    offerings = (
        Offering(
            region_id=part.id,
            accelerator=o.accelerator,
            unit=o.unit,
            flavor=flavors[o.flavor_id],
            device_type_resource_class=o.device_type_resource_class,
            hosts_per_unit=o.hosts_per_unit,
        )
        for o in part.offerings
    )
    present = [flavors[flavor_id] for flavor_id in sorted({pod.flavor_id for pod in part.pods})]
    return Region(
        id=part.id,
        organizations=frozenset(part.organizations or ()),
        offerings=tuple(sorted(offerings, key=lambda o: (o.accelerator, o.unit))),
        observed_at=observed_at,
        instance_types=tuple(
            sorted((flavor.instance_type, flavor.id) for flavor in present if flavor.instance_type)
        ),
        vm_flavors=tuple(flavor for flavor in present if flavor.vm is not None),
    )


def _pod(region_id: str, part: PodPart) -> Pod:
    return Pod(
        region_id=region_id,
        id=part.id,
        flavor_id=part.flavor_id,
        version=0,
        domains=tuple(_domain(d) for d in sorted(part.domains, key=lambda d: d.position)),
    )


def _domain(part: DomainPart) -> Domain:
    hosts = (
        Host(h.slot, h.id, h.name or h.id, h.resource_class, HostState(h.state.value)) for h in part.hosts
    )
    return Domain(
        position=part.position,
        id=part.id,
        name=part.name or part.id,
        cordoned=part.cordoned,
        hosts=tuple(sorted(hosts, key=lambda h: h.slot)),
    )


def _digest(observed_at: int, flavors: Iterable[Flavor], regions: Iterable[ReportedRegion]) -> str:
    """Fingerprint of the content. The order of fields and entries, and omitted defaults, do not change it."""
    regions = list(regions)
    content = [
        observed_at,
        sorted((asdict(flavor) for flavor in flavors), key=itemgetter("id")),
        [
            [
                reported.region.id,
                sorted(reported.region.organizations),
                [asdict(offering) for offering in reported.region.offerings],
                sorted(
                    [pod.id, pod.flavor_id, reported.digests[pod.id].hex()] for pod in reported.pods.values()
                ),
            ]
            for reported in regions
        ],
    ]
    # A document without repairs has the digest that versions before 0.9.0 computed.
    if repaired := sorted(item for reported in regions for item in reported.repaired.items()):
        content.append(repaired)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return DIGEST_FORM + hashlib.sha256(canonical.encode()).hexdigest()
