"""TFRecord files of one ``tf.train.Example`` each, written and read without TensorFlow.

The two formats are small and frozen: a record is its length, the length's checksum, the data and the data's
checksum (CRC-32C, masked); an Example is a map from names to lists of bytes, float32 or int64.
TensorFlow reads these files with ``tf.data.TFRecordDataset`` and ``tf.io.parse_single_example``.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence

import google_crc32c
import numpy as np

Feature = Sequence[bytes] | Sequence[int] | np.ndarray
_HEADER, _FOOTER = 12, 4
_BYTES, _FLOATS, _INTS = 1, 2, 3  # the fields of a Feature


def encode_record(data: bytes) -> bytes:
    """A whole TFRecord file that holds ``data`` as its only record."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _checksum(length), data, _checksum(data)))


def decode_record(content: bytes) -> bytes:
    """The only record of a TFRecord file.

    Raises:
        ValueError: The content is truncated, altered, or no single record.
    """
    if len(content) < _HEADER + _FOOTER or content[8:12] != _checksum(content[:8]):
        raise ValueError("it does not begin like a TFRecord")
    (length,) = struct.unpack_from("<Q", content)
    if len(content) != _HEADER + length + _FOOTER:
        raise ValueError(f"it has {len(content)} bytes, a record of {length} takes {_HEADER + length + _FOOTER}")
    data = content[_HEADER:-_FOOTER]
    if content[-_FOOTER:] != _checksum(data):
        raise ValueError("its checksum does not fit its content")
    return data


def _checksum(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def encode_example(features: Mapping[str, Feature]) -> bytes:
    """A serialised ``tf.train.Example``.

    Args:
        features: A list of bytes, a list of non-negative ints, or a float32 array (stored flat) by name.
    """
    entries = (
        _field(1, _field(1, name.encode()) + _field(2, _encode_feature(values))) for name, values in features.items()
    )
    return _field(1, b"".join(entries))


def _encode_feature(values: Feature) -> bytes:
    if isinstance(values, np.ndarray):
        return _field(_FLOATS, _field(1, values.astype("<f4").tobytes()))
    if values and isinstance(values[0], bytes):
        return _field(_BYTES, b"".join(_field(1, value) for value in values))  # type: ignore[arg-type]
    return _field(_INTS, _field(1, b"".join(_varint(int(value)) for value in values)))


def decode_example(data: bytes) -> dict[str, Feature]:
    """The features of a serialised ``tf.train.Example``, as :func:`encode_example` takes them.

    Raises:
        ValueError: The data is no Example.
    """
    features: dict[str, Feature] = {}
    try:
        for _, block in _fields(memoryview(data)):
            for _, entry in _fields(block):
                name, feature = (value for _, value in _fields(entry))
                features[bytes(name).decode()] = _decode_feature(feature)
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("its record is no tf.train.Example") from error
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
    """The numbers and contents of a message's fields; all that an Example has are length-delimited."""
    place = 0
    while place < len(data):
        tag, place = _read_varint(data, place)
        size, place = _read_varint(data, place)
        if tag & 7 != 2 or place + size > len(data):
            raise ValueError("its record is no tf.train.Example")
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
