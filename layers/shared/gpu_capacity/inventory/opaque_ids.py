"""The ids by which customers see pods and domains: digests, as the fleet manager's own ids are not published.

They only say which ones are the same. They never change, and so neither does a hash over them.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

_DIGITS: Final = 32


def opaque_pod_id(region_id: str, pod_id: str) -> str:
    """32 hex digits for a pod. Its id is unique in its region."""
    return _opaque("pod", region_id, pod_id)


def opaque_domain_id(region_id: str, domain_id: str) -> str:
    """32 hex digits for a domain. Its id is unique in its region, and it keeps it in another pod."""
    return _opaque("domain", region_id, domain_id)


def _opaque(*names: str) -> str:
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()[:_DIGITS]
