"""The consistency check: compares all tables with each other and with the providers, and repairs what it can.

Its published name is *audit*: `make audit`, `AuditHoldersFunction`, `docs/audit.md`, the metrics `Audit…`. It
has nothing to do with the audit log, the line that ``Telemetry.audit`` writes for each change of a record.

``run`` is the entry: it reads facts (``store``, ``reading``), applies the rules (``rules``, ``ownership``,
``bookkeeping``, ``vms``, ``servers``), confirms each suspicion, and lets ``repair`` apply ``writes`` or ask
``providers``.
"""
