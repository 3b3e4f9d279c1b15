"""The IDX format of MNIST's files: a magic number, the shape, then the values."""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTES = 0x0800
LARGEST = 128 * 2**20


def parse(data: bytes, axes: int) -> NDArray[np.uint8]:
    """View IDX bytes as an array of `axes` dimensions. Raises ValueError if header and content disagree."""
    if not data:
        raise ValueError("wrong count: the file is empty")
    if data[:100].lstrip()[:1] == b"<":
        raise ValueError("an HTML page instead of the file: does the address lead to it, and without a login?")
    magic = struct.pack(">I", UNSIGNED_BYTES + axes)
    if data[:4] != magic:
        raise ValueError(f"wrong magic number 0x{data[:4].hex()} instead of 0x{magic.hex()}")
    start = 4 + 4 * axes
    if len(data) < start:
        raise ValueError(f"wrong count: the header ends after {len(data)} of {start} bytes")
    shape = struct.unpack(f">{axes}I", data[4:start])
    if len(data) - start != math.prod(shape):
        raise ValueError(f"wrong count: {len(data) - start} values where the header announces {shape}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def build(array: NDArray[np.uint8]) -> bytes:
    """Write an array as IDX bytes."""
    return struct.pack(f">{1 + array.ndim}I", UNSIGNED_BYTES + array.ndim, *array.shape) + array.tobytes()


def unpack(body: bytes, largest: int = LARGEST) -> bytes:
    """Decompress a gzip body, or return it as it is. Raises ValueError if it is damaged or too large."""
    if not body.startswith(GZIP_MAGIC):
        return body
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            data = file.read(largest + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"damaged gzip file ({error})") from error
    if len(data) > largest:
        raise ValueError(f"more than {largest} bytes when decompressed")
    return data
