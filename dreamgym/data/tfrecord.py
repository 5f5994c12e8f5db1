"""Writes and reads TFRecord files that hold one ``tf.train.Example``, without TensorFlow.

A record is its length, the length's checksum, the data and the data's checksum (masked CRC-32C). An Example maps
names to lists of bytes, float32 or int64. TensorFlow reads these files with ``tf.data.TFRecordDataset``.
"""

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import google_crc32c
import numpy as np

Feature = Sequence[bytes] | Sequence[int] | np.ndarray
_HEADER, _FOOTER = 12, 4
_BYTES, _FLOATS, _INTS = 1, 2, 3  # field numbers of the message Feature


def encode_record(data: bytes) -> bytes:
    """The content of a TFRecord file with ``data`` as its only record."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _checksum(length), data, _checksum(data)))


def decode_record(content: bytes) -> bytes:
    """The data of the only record in a TFRecord file's content. A broken or foreign file raises ValueError."""
    if len(content) < _HEADER + _FOOTER or content[8:12] != _checksum(content[:8]):
        raise ValueError("it does not start like a TFRecord")
    (length,) = struct.unpack_from("<Q", content)
    if len(content) != _HEADER + length + _FOOTER:
        raise ValueError(f"it has {len(content)} bytes, expected {_HEADER + length + _FOOTER}")
    data = content[_HEADER:-_FOOTER]
    if content[-_FOOTER:] != _checksum(data):
        raise ValueError("its checksum does not match its content")
    return data


def read_checksum(path: Path) -> int:
    """The data checksum at the end of a TFRecord file; 0 if it cannot be read. It identifies a file's content."""
    try:
        with path.open("rb") as file:
            file.seek(-_FOOTER, os.SEEK_END)
            return int.from_bytes(file.read(), "little")
    except OSError:
        return 0


def checksum_of(content: bytes) -> int:
    """The data checksum at the end of a TFRecord file's content."""
    return int.from_bytes(content[-_FOOTER:], "little")


def _checksum(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def encode_example(features: Mapping[str, Feature]) -> bytes:
    """Serialises a ``tf.train.Example``. Ints must be 0 to 2**63 - 1; arrays are stored flat, as float32."""
    entries = [_field(1, name.encode()) + _field(2, _encode_feature(values)) for name, values in features.items()]
    return _field(1, b"".join(_field(1, entry) for entry in entries))


def _encode_feature(values: Feature) -> bytes:
    if isinstance(values, np.ndarray):
        return _field(_FLOATS, _field(1, values.astype("<f4").tobytes()))
    if values and isinstance(values[0], bytes):
        return _field(_BYTES, b"".join(_field(1, value) for value in values))  # type: ignore[arg-type]
    return _field(_INTS, _field(1, b"".join(_varint(int(value)) for value in values)))


def decode_example(data: bytes) -> dict[str, Feature]:
    """Parses a ``tf.train.Example``: by name, lists of bytes or ints, or flat float32 arrays; else ValueError."""
    features: dict[str, Feature] = {}
    try:
        for _, block in _fields(memoryview(data)):
            for _, entry in _fields(block):
                name, feature = (value for _, value in _fields(entry))
                features[bytes(name).decode()] = _decode_feature(feature)
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("its record is not a tf.train.Example") from error
    return features


def _decode_feature(feature: memoryview) -> Feature:
    ((kind, values),) = _fields(feature)
    items = [value for _, value in _fields(values)]
    if kind == _BYTES:
        return [bytes(item) for item in items]
    if kind == _FLOATS:
        return np.frombuffer(b"".join(items), "<f4").astype(np.float32)
    packed, numbers, place = b"".join(items), [], 0
    while place < len(packed):
        number, place = _read_varint(packed, place)
        numbers.append(number)
    return numbers


def _field(number: int, content: bytes) -> bytes:
    return b"".join((_varint(number << 3 | 2), _varint(len(content)), content))


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Field numbers and contents of a message. All fields of an Example are length-delimited (wire type 2)."""
    place = 0
    while place < len(data):
        tag, place = _read_varint(data, place)
        size, place = _read_varint(data, place)
        if tag & 7 != 2 or place + size > len(data):
            raise ValueError("its record is not a tf.train.Example")
        yield tag >> 3, data[place : place + size]
        place += size


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _read_varint(data: bytes | memoryview, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place
