"""Passwords are hashed once, and neither shown nor logged."""

from __future__ import annotations

import json
import re

import pytest

from gpu_capacity.vms.api.models import VmCreate
from gpu_capacity.vms.passwords import hash_password
from testkit.handlers.vm_stage import Stage, read

PASSWORD = "correct horse battery staple"  # the password of the sample event


@pytest.mark.parametrize(
    ("password", "salt", "expected"),
    # Made with this code once and checked then with crypt(3) of libxcrypt, which reads this format.
    [
        (
            "correct horse battery",
            bytes(range(16)),
            "$7$D6..../.....2U.1EE/4Q.07ck0AoU1D.$iK4whFcbSm43QaoIMAMVfGOSncywVZAp6kPP1IDIfbD",
        ),
        (
            "p\u00e4\u00dfw\u00f6rd-\u00fcn\u00efcode",
            b"\xff" * 16,
            "$7$D6..../....zzzzzzzzzzzzzzzzzzzzz1$gSSnfzHrnvawLEmlacylZPFuQeTAdRixBlew3hYsQj5",
        ),
    ],
)
def test_the_hash_has_a_format_that_linux_guests_accept(password: str, salt: bytes, expected: str) -> None:
    assert hash_password(password, salt) == expected


def test_equal_passwords_have_different_hashes() -> None:
    assert hash_password(PASSWORD, b"a" * 16) != hash_password(PASSWORD, b"b" * 16)


def test_the_record_has_the_hash_and_no_response_or_log_has_either(stage: Stage) -> None:
    created = stage.send("create_vm", "with_password")
    (record,) = [i for i in stage.db.dump()["holders"] if i["sk"]["S"].startswith("VM#")]
    kept = record["password_hash"]["S"]
    assert re.fullmatch(r"\$7\$D6..../....[./0-9A-Za-z]{22}\$[./0-9A-Za-z]{43}", kept)
    listed = stage.send("list_vms", "all")
    shown = created.text + listed.text + stage.log + json.dumps(stage.db.dump(), default=str)
    assert PASSWORD not in shown
    assert kept not in created.text + listed.text + stage.log
    assert "password" not in created.text + listed.text


def test_a_refused_password_is_not_echoed(stage: Stage) -> None:
    refused = stage.send("create_vm", "password_too_short")
    assert refused.status == 422
    assert "too short" not in refused.text + stage.log


def test_no_text_made_from_the_request_contains_the_password() -> None:
    body = VmCreate.model_validate_json(read("create_vm", "with_password")["body"])
    assert body.password == PASSWORD
    assert PASSWORD not in f"{body!r} {body}"
