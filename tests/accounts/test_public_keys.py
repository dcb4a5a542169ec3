"""Which SSH public keys are accepted."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from gpu_capacity.accounts.api.public_keys import PublicKeyInvalid, read_public_key


def line(key: object) -> str:
    public = key.public_key()  # type: ignore[attr-defined]
    return str(
        public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    )


ED25519 = line(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
# As `ssh-keygen -lf` shows the key above.
FINGERPRINT = "SHA256:lbmsoA0yIEcEiVDRnMWuzm+nV+3ZEEpVIURqFoeSspg"


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda c: c.name)
def test_ecdsa_keys_of_every_curve_of_openssh_are_accepted(curve: ec.EllipticCurve) -> None:
    text = line(ec.generate_private_key(curve))
    assert read_public_key(text).line == text


def test_rsa_keys_of_2048_bits_are_accepted() -> None:
    text = line(rsa.generate_private_key(65537, 2048))
    assert read_public_key(text).line == text


def test_rsa_keys_of_fewer_bits_are_refused() -> None:
    text = line(rsa.generate_private_key(65537, 1024))  # noqa: S505 - that is why
    with pytest.raises(PublicKeyInvalid, match="2048"):
        read_public_key(text)


def test_the_fingerprint_equals_that_of_openssh() -> None:
    assert read_public_key(ED25519).fingerprint == FINGERPRINT


def test_comment_and_surrounding_blanks_do_not_change_the_key() -> None:
    key = read_public_key(f"  {ED25519}  me @ my  desk \n")
    assert key.line == f"{ED25519} me @ my desk"
    assert key.comment == "me @ my desk"
    assert key.fingerprint == FINGERPRINT


@pytest.mark.parametrize(
    "text",
    [
        ED25519.replace(" ", "  "),
        ED25519.replace(" ", "\t"),
        ED25519.replace(" ", " \t "),
        f" \t{ED25519}",
        f"{ED25519}\n",
        f"{ED25519}\r\n",
        f"\r\n{ED25519} \t\r\n\r\n",
    ],
    ids=ascii,
)
def test_blanks_and_tabs_separate_and_line_ends_around_the_key_are_ignored(text: str) -> None:
    key = read_public_key(text)
    assert (key.line, key.fingerprint) == (ED25519, FINGERPRINT)


def test_tabs_in_a_comment_become_blanks() -> None:
    assert read_public_key(f"{ED25519}\tme\t at  home").comment == "me at home"


def test_a_long_comment_is_shortened() -> None:
    key = read_public_key(f"{ED25519} {'c' * 300}")
    assert key.line == f"{ED25519} {'c' * 255}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'command="rm -rf /" {ED25519}', "options"),
        (f"no-pty,no-user-rc {ED25519}", "options"),
        (f'\tfrom="10.0.0.0/8"\t{ED25519}', "options"),
        (f"{ED25519}\n{ED25519}", "several keys"),
        (f"{ED25519}\r\n\r\n{ED25519} me", "several keys"),
        (ED25519[:40] + "\n" + ED25519[40:], "wrapped"),
        ("ssh-dss AAAAB3NzaC1kc3MAAACBAP me", "Ed25519, ECDSA or RSA"),
        (ED25519.split()[1], "type, base64"),
    ],
    ids=lambda text: ascii(text[:24]),
)
def test_common_pasting_mistakes_are_refused_with_their_reason(text: str, reason: str) -> None:
    with pytest.raises(PublicKeyInvalid, match=reason):
        read_public_key(text)


def dss() -> str:
    public = dsa.generate_private_key(2048).public_key().public_numbers()
    numbers = public.parameter_numbers
    octets = b""
    for part in (b"ssh-dss", *(_mpint(n) for n in (numbers.p, numbers.q, numbers.g, public.y))):
        octets += len(part).to_bytes(4, "big") + part
    return f"ssh-dss {base64.b64encode(octets).decode()}"


def _mpint(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def certificate() -> str:
    builder: Any = serialization.SSHCertificateBuilder()
    builder = (
        builder.public_key(ed25519.Ed25519PrivateKey.generate().public_key())
        .type(serialization.SSHCertificateType.USER)
        .valid_for_all_principals()
        .valid_after(0)
        .valid_before(2**32)
    )
    text: bytes = builder.sign(ed25519.Ed25519PrivateKey.generate()).public_bytes()
    return text.decode()


def security_token() -> str:
    octets = base64.b64decode(ED25519.split()[1])[-32:]
    parts = (b"sk-ssh-ed25519@openssh.com", octets, b"ssh:")
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"sk-ssh-ed25519@openssh.com {base64.b64encode(blob).decode()}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-rsa " + ED25519.split()[1],
        f'command="rm -rf /" {ED25519}',
        f"{ED25519}\n{ED25519}",
        f"{ED25519} comment\nssh-ed25519 smuggled",
        f"{ED25519} \x1b[31mred",
        f"{ED25519} \u2028 line",
        ED25519 + "A" * 9000,
        ED25519[:-6],
        dss(),
        certificate(),
        security_token(),
        "ssh-ed25519 \u00e9\u00e9",
        "\ud800",
    ],
    ids=lambda text: ascii(text[:24]),
)
def test_any_other_text_is_refused_and_not_echoed(text: str) -> None:
    with pytest.raises(PublicKeyInvalid) as refusal:
        read_public_key(text)
    assert not text.strip() or text.strip()[:40] not in str(refusal.value)


def test_a_private_key_is_recognized() -> None:
    private = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    with pytest.raises(PublicKeyInvalid, match="private key"):
        read_public_key(private.decode())


def test_the_fingerprint_is_the_sha256_of_the_keys_bytes() -> None:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(base64.b64decode(ED25519.split()[1]))
    expected = base64.b64encode(digest.finalize()).decode().rstrip("=")
    assert f"SHA256:{expected}" == FINGERPRINT
