"""Windows that slide over an image: sizes, and which node meets which.

Along an axis of n pixels, with windows of k pixels every s pixels (Keras' conventions):

    valid   out = floor((n - k) / s) + 1      windows start at 0, s, 2 s, ...
    same    out = ceil(n / s)                 padded by p = max((out - 1) s + k - n, 0) pixels, of which
                                              floor(p / 2) come before: windows start at -floor(p / 2), ...

Taps that fall outside the image are left out: there is no node for them, so no element either. With
"same" every window still has a tap inside. Images are numbered in the order (height, width, channels).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ebana.circuit.elements import INDEX
from ebana.layers.base import Layer, Shape, positive_integer
from ebana.storage.described import Check, count, listed, text

Padding = Literal["valid", "same"]
Pair = tuple[int, int]
Image = tuple[int, int, int]

WINDOWS: dict[str, Check] = {"strides": listed(count), "padding": text}
"""Checks of what stored layers with windows tell about them."""

# -- indices -------------------------------------------------------------------------------------------


def output_size(size: int, kernel: int, stride: int, padding: Padding) -> int:
    """Number of windows along an axis of ``size`` pixels; zero or less where none fits.

    Example:
        >>> output_size(28, 5, 2, "valid"), output_size(28, 5, 2, "same"), output_size(4, 5, 1, "valid")
        (12, 14, 0)
    """
    return -(-size // stride) if padding == "same" else (size - kernel) // stride + 1


def taps(size: int, kernel: int, stride: int, padding: Padding) -> np.ndarray:
    """Pixels that the windows along one axis cover, ``(windows, kernel)``; below 0 or past ``size`` if outside.

    Example:
        >>> taps(5, 3, 2, "same").tolist()
        [[-1, 0, 1], [1, 2, 3], [3, 4, 5]]
    """
    starts = _starts(size, kernel, stride, padding).astype(INDEX)
    return starts[:, None] + np.arange(kernel, dtype=INDEX)


def _starts(size: int, kernel: int, stride: int, padding: Padding) -> np.ndarray:
    """First pixel of each window along one axis."""
    out = output_size(size, kernel, stride, padding)
    before = max((out - 1) * stride + kernel - size, 0) // 2 if padding == "same" else 0
    return np.arange(out, dtype=np.int64) * stride - before


def taps_inside(image: Image, kernel: Pair, strides: Pair, padding: Padding) -> int:
    """Number of taps of all windows inside an image, of one channel, without listing them.

    Example:
        >>> taps_inside((1, 3, 1), (1, 2), (1, 1), "same")
        5
    """
    rows, columns = (_inside(image[i], kernel[i], strides[i], padding) for i in range(2))
    return rows * columns


def _inside(size: int, kernel: int, stride: int, padding: Padding) -> int:
    """Number of taps of all windows along one axis that lie inside."""
    starts = _starts(size, kernel, stride, padding)
    return int(np.sum(np.minimum(starts + kernel, size) - np.maximum(starts, 0)))


def local_pairs(
    image: Image, filters: int, kernel: Pair, strides: Pair, padding: Padding
) -> tuple[np.ndarray, np.ndarray]:
    """Every output node with every input node of its window.

    Returns:
        Positions in the flat input image and in the flat output ``(out_h, out_w, filters)``, one pair for
        each element, in the order (out_h, out_w, filters, kh, kw, channels), without the taps outside.

    Example:
        >>> pixels, outputs = local_pairs((1, 3, 1), 2, (1, 2), (1, 1), "same")
        >>> pixels.tolist(), outputs.tolist()
        ([0, 1, 0, 1, 1, 2, 1, 2, 2, 2], [0, 0, 1, 1, 2, 2, 3, 3, 4, 5])
    """
    channels = np.arange(image[2], dtype=INDEX)
    pixel, inside = _windows(image, kernel, strides, padding)  # (out_h, out_w, kh, kw)
    pixel = (pixel[..., None] * image[2] + channels)[:, :, None]
    return _chosen(pixel, filters, inside[:, :, None, :, :, None])


def channel_pairs(
    image: Image, kernel: Pair, strides: Pair, padding: Padding
) -> tuple[np.ndarray, np.ndarray]:
    """Every output node with the input nodes of its window in its own channel.

    Returns:
        As :func:`local_pairs`, for the output ``(out_h, out_w, channels)``, in the order
        (out_h, out_w, channels, kh, kw).
    """
    channels = np.arange(image[2], dtype=INDEX)[:, None, None]
    pixel, inside = _windows(image, kernel, strides, padding)
    return _chosen(pixel[:, :, None] * image[2] + channels, image[2], inside[:, :, None])


def _windows(image: Image, kernel: Pair, strides: Pair, padding: Padding) -> tuple[np.ndarray, np.ndarray]:
    """Pixels under each window, and which lie inside; both ``(out_h, out_w, kh, kw)``."""
    height, width, _ = image
    kernel = min(kernel[0], 2 * height), min(kernel[1], 2 * width)  # a larger one covers all from everywhere
    rows = taps(height, kernel[0], strides[0], padding)[:, None, :, None]
    columns = taps(width, kernel[1], strides[1], padding)[None, :, None, :]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return rows * INDEX(width) + columns, inside


def _chosen(pixel: np.ndarray, units: int, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flat pairs of (pixel, output), where axes 0 to 2 of ``pixel`` are those of the output, 2 of ``units``."""
    sites = (*pixel.shape[:2], units)
    shape = (*sites, *pixel.shape[3:])
    output = np.arange(np.prod(sites), dtype=INDEX).reshape(*sites, *[1] * (pixel.ndim - 3))
    pixel, output = np.broadcast_to(pixel, shape), np.broadcast_to(output, shape)
    if inside.all():
        return pixel.ravel(), output.ravel()
    inside = np.broadcast_to(inside, shape)
    return pixel[inside], output[inside]


# -- arguments -----------------------------------------------------------------------------------------


def pair(value: Any, layer: Layer, what: str) -> Pair:
    """A whole number, or two of them for height and width, as two."""
    try:
        given = [value] * 2 if np.ndim(value) == 0 else list(value)
        height, width = (positive_integer(item, layer, what) for item in given)
    except ValueError:
        raise ValueError(
            f"layer {layer.name!r}: {what}={value!r}. Expected a whole number above zero, or two of them "
            "as (height, width)."
        ) from None
    return height, width


def padding_of(value: Any, layer: Layer) -> Padding:
    """The name of a padding, whatever the case of its letters."""
    name = value.lower() if isinstance(value, str) else value
    if name == "valid" or name == "same":
        return name
    raise ValueError(
        f"layer {layer.name!r}: padding={value!r}. Expected 'valid' (windows inside the image) or 'same' "
        "(a window around every pixel, cut off at the edges)."
    )


def image_of(shape: Sequence[int], layer: Layer) -> Image:
    """An input shape as (height, width, channels); two dimensions are an image of one channel."""
    if len(shape) not in (2, 3):
        raise ValueError(
            f"layer {layer.name!r} is called on an input of shape {tuple(shape)}. Expected an image, (height, width) "
            "or (height, width, channels); put ReshapeLayer(shape=(height, width, channels)) before it."
        )
    height, width, channels = (*shape, 1)[:3]
    return height, width, channels


def windows_of(image: Image, kernel: Pair, strides: Pair, padding: Padding, layer: Layer, what: str) -> Shape:
    """Number of windows as (out_h, out_w); refuses windows larger than the image."""
    out = tuple(output_size(n, k, s, padding) for n, k, s in zip(image[:2], kernel, strides, strict=True))
    if min(out) < 1:
        raise ValueError(
            f"layer {layer.name!r}: {what}={kernel} is larger than the image of {image[0]} x {image[1]} pixels. "
            f"Expected at most {image[:2]}, or padding='same'."
        )
    return out
