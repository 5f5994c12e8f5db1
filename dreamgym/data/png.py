"""Encodes and decodes frames as PNG files."""

import struct
import zlib

import numpy as np

_SIGNATURE, _RGB, _UP_FILTER = b"\x89PNG\r\n\x1a\n", 2, 2


def encode_png(frame: np.ndarray) -> bytes:
    """Encodes an RGB uint8 frame ``(height, width, 3)`` as a PNG file."""
    # For frames with flat areas, the Up filter with run-length compression takes half the time of OpenCV's fastest
    # setting. The files are nearly as small as with a search over all filters.
    height, width, _ = frame.shape
    rows = frame.reshape(height, 3 * width)
    filtered = np.empty((height, 1 + 3 * width), np.uint8)
    filtered[:, 0] = _UP_FILTER
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    packer = zlib.compressobj(1, zlib.DEFLATED, 14, 6, zlib.Z_RLE)
    packed = packer.compress(filtered.data) + packer.flush()
    header = struct.pack(">2I5B", width, height, 8, _RGB, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def decode_png(content: bytes) -> np.ndarray:
    """Decodes a PNG file to an RGB uint8 frame ``(height, width, 3)``. Other content raises ValueError."""
    import cv2

    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if picture is None:
        raise ValueError("a frame is not a PNG file")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
