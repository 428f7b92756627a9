# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's certificate authority, and certificates for services of its hosts. Made once, kept in the lab's state."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_VALID = datetime.timedelta(days=3650)


def authority(folder: Path) -> Path:
    """The authority's certificate, made unless it is there.

    :param folder: where ``ca.pem`` and ``ca.key`` are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    certificate = folder / "ca.pem"
    if not certificate.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("holdfast-lab")
        builder = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        made = builder.add_extension(_may(sign_certificates=True), critical=True).sign(key, hashes.SHA256())
        _write_key(folder / "ca.key", key)
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return certificate


def issue(folder: Path, target: Path, host: str, address: str) -> None:
    """Make ``chain.pem`` and ``key.pem`` for a host's name and address, unless they are there for this address."""
    mark = target / "issued-for"
    wanted = f"{host} {address}\n"
    if mark.exists() and mark.read_text() == wanted:
        return
    issuer = x509.load_pem_x509_certificate(authority(folder).read_bytes())
    signer = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(host), x509.IPAddress(ipaddress.ip_address(address))])
    builder = _builder(_name(host), issuer.subject, key).add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = builder.add_extension(_may(sign_certificates=False), critical=True).sign(signer, hashes.SHA256())
    target.mkdir(parents=True, exist_ok=True)
    _write_key(target / "key.pem", key)
    (target / "chain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    mark.write_text(wanted)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    # A machine's clock may be set back.
    return builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + _VALID)


def _may(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
