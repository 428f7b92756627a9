# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate of its own for a gateway that was given none: self-signed, P-256, made at the first start, as the product makes one.

The standard library can use certificates but not make them, and a host need not have openssl. The signature is ECDSA (FIPS 186-4,
section 6), the encoding that of RFC 5280 and RFC 5915.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
import time

# The curve P-256 (FIPS 186-4, appendix D.1.2.3).
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

_Point = tuple[int, int]

_COMMON_NAME = "2.5.4.3"
_SUBJECT_ALTERNATIVE_NAME = "2.5.29.17"
_EC_PUBLIC_KEY, _PRIME256V1, _ECDSA_WITH_SHA256 = "1.2.840.10045.2.1", "1.2.840.10045.3.1.7", "1.2.840.10045.4.3.2"

_DAYS = 3650


def self_signed(names: list[str]) -> tuple[str, str]:
    """A certificate and its key, both PEM. The first name is the subject; names that are addresses are written as such."""
    secret = _random()
    x, y = _multiply(secret, _G)
    public = _bits(b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big"))
    name = _sequence(_tlv(0x31, _sequence(_oid(_COMMON_NAME), _tlv(0x0C, names[0].encode()))))
    now = time.time()
    algorithm = _sequence(_oid(_ECDSA_WITH_SHA256))
    body = _sequence(
        _tlv(0xA0, _integer(2)),
        _integer(int.from_bytes(os.urandom(8), "big") >> 1),
        algorithm,
        name,
        _sequence(_time(now - 86400), _time(now + _DAYS * 86400)),
        name,
        _sequence(_sequence(_oid(_EC_PUBLIC_KEY), _oid(_PRIME256V1)), public),
        _tlv(0xA3, _sequence(_sequence(_oid(_SUBJECT_ALTERNATIVE_NAME), _tlv(0x04, _sequence(*map(_general, names)))))),
    )
    certificate = _sequence(body, algorithm, _bits(_sign(secret, body)))
    scalar = _tlv(0x04, secret.to_bytes(32, "big"))
    key = _sequence(_integer(1), scalar, _tlv(0xA0, _oid(_PRIME256V1)), _tlv(0xA1, public))
    return _pem("CERTIFICATE", certificate), _pem("EC PRIVATE KEY", key)


def _random() -> int:
    return int.from_bytes(os.urandom(40), "big") % (_N - 1) + 1


def _sign(secret: int, message: bytes) -> bytes:
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    nonce = _random()
    r = _multiply(nonce, _G)[0] % _N
    s = pow(nonce, -1, _N) * (digest + r * secret) % _N
    return _sequence(_integer(r), _integer(s))


def _multiply(scalar: int, point: _Point) -> _Point:
    result: _Point | None = None
    for bit in f"{scalar:b}":
        result = _add(result, result) if result else None
        if bit == "1":
            result = _add(result, point) if result else point
    assert result
    return result


def _add(first: _Point, second: _Point) -> _Point:
    """Neither is the other's negative: no scalar here reaches the order of the curve."""
    if first == second:
        slope = (3 * first[0] ** 2 - 3) * pow(2 * first[1], -1, _P)
    else:
        slope = (second[1] - first[1]) * pow(second[0] - first[0], -1, _P)
    x = (slope**2 - first[0] - second[0]) % _P
    return x, (slope * (first[0] - x) - first[1]) % _P


def _general(name: str) -> bytes:
    try:
        return _tlv(0x87, ipaddress.ip_address(name).packed)
    except ValueError:
        return _tlv(0x82, name.encode())


def _tlv(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 128:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content


def _sequence(*parts: bytes) -> bytes:
    return _tlv(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _bits(content: bytes) -> bytes:
    return _tlv(0x03, b"\0" + content)


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = bytes((40 * first + second,))
    for number in rest:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.insert(0, 0x80 | number & 0x7F)
        content += bytes(digits)
    return _tlv(0x06, content)


def _time(seconds: float) -> bytes:
    """Until 2049, RFC 5280 wants two digits of the year."""
    return _tlv(0x17, time.strftime("%y%m%d%H%M%SZ", time.gmtime(seconds)).encode())


def _pem(label: str, content: bytes) -> str:
    text = base64.b64encode(content).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])
