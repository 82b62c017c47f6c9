"""The encryption of payloads: AES-GCM, with the key of PENGUIN_PAYLOAD_KEY.

A payload is bound to its namespace and workflow. Copied into another workflow, it is rejected.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    WithSerializationContext,
)
from temporalio.converter import SerializationContext as Context

from penguin.orchestration.backend import ConfigError, WorkflowError

if TYPE_CHECKING:
    from typing import Self

KEY_VARIABLE = "PENGUIN_PAYLOAD_KEY"
ENCODING = b"binary/penguin-aes-gcm"
KEY_BYTES = 32
NONCE_BYTES = 12
HINT = f"make one with:  export {KEY_VARIABLE}=$(openssl rand -hex {KEY_BYTES})"


class PayloadRefused(WorkflowError):
    """A payload that was not written with this key."""

    code = "payload_refused"


class AesCodec(PayloadCodec, WithSerializationContext):
    """A codec that encrypts every payload, and rejects payloads that are not encrypted."""

    def __init__(self, key: bytes, bound_to: bytes = b"") -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._key = key
        self._cipher = AESGCM(key)
        self._bound_to = bound_to
        self.key_id = hashlib.sha256(b"penguin payload key" + key).hexdigest()[:12].encode()
        """Identifies the key without revealing it."""

    def with_context(self, context: Context) -> Self:
        """Return the codec for the payloads of one workflow."""
        names = (getattr(context, "namespace", None) or "", getattr(context, "workflow_id", None) or "")
        return type(self)(self._key, "\0".join(names).encode())

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt payloads. Raises PayloadRefused."""
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, payload.SerializeToString(), self._bound_to)
        return Payload(metadata={"encoding": ENCODING, "key": self.key_id}, data=nonce + sealed)

    def _decrypted(self, payload: Payload) -> Payload:
        from cryptography.exceptions import InvalidTag

        if payload.metadata.get("encoding") != ENCODING:
            raise PayloadRefused(f"a payload is not encrypted, but {KEY_VARIABLE} is set: refused", SAME_KEY)
        if (key_id := payload.metadata.get("key", b"")) != self.key_id:
            theirs = re.sub(r"[^0-9a-f]", "?", key_id[:12].decode("ascii", "replace"))
            ours = self.key_id.decode()
            raise PayloadRefused(f"a payload was encrypted with the key {theirs}, here is {ours}: refused", SAME_KEY)
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            return Payload.FromString(self._cipher.decrypt(nonce, sealed, self._bound_to))
        except (InvalidTag, ValueError) as error:
            raise PayloadRefused("a payload was altered, or belongs to another workflow: refused") from error


SAME_KEY = f"every shell, script and worker needs the same {KEY_VARIABLE}"


def payload_key(environ: Mapping[str, str] = os.environ) -> bytes | None:
    """Return the key of the environment: 32 bytes as hex or base64; None if unset. Raises ConfigError."""
    text = environ.get(KEY_VARIABLE, "").strip()
    if not text:
        return None
    key = _decoded(text)
    if key is None or len(key) != KEY_BYTES:
        # Neither the key nor a part of it is shown: logs are stored.
        found = "neither hex nor base64" if key is None else f"{len(key)} bytes"
        raise ConfigError(f"${KEY_VARIABLE}: {KEY_BYTES} bytes are needed, as hex or base64; this is {found}", HINT)
    return key


def _decoded(text: str) -> bytes | None:
    if re.fullmatch(r"[0-9a-fA-F]+", text) and len(text) == 2 * KEY_BYTES:
        return bytes.fromhex(text)
    try:
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        return base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return None


def data_converter(environ: Mapping[str, str] = os.environ) -> DataConverter:
    """Return the data converter for clients and workers. Raises ConfigError for an invalid key."""
    key = payload_key(environ)
    if key is None:
        return DataConverter.default
    try:
        codec = AesCodec(key)
    except ImportError as error:
        raise ConfigError(
            f"${KEY_VARIABLE} needs cryptography", "in a clone of Penguin: pip install '.[temporal]'"
        ) from error
    # Failure messages quote the failed input, so they are encrypted as well.
    return dataclasses.replace(
        DataConverter.default,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
