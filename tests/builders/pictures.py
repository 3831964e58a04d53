"""Pictures as Pillow writes them, of smooth shapes with grain, the same for the same seed."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

__all__ = ["picture"]

FORMS = {
    "baseline": {"format": "JPEG", "quality": 85},
    "progressive": {"format": "JPEG", "quality": 85, "progressive": True},
    "grey": {"format": "JPEG", "quality": 80},
    "restarts": {"format": "JPEG", "quality": 85, "restart_marker_rows": 1},
    "png": {"format": "PNG"},
    "gif": {"format": "GIF"},
    "tiff": {"format": "TIFF", "compression": "tiff_adobe_deflate"},
    "tiff-raw": {"format": "TIFF"},
    "tiff-lzw": {"format": "TIFF", "compression": "tiff_lzw"},
}


def picture(width: int, height: int, *, seed: int, form: str = "baseline", grain: int = 12) -> bytes:
    """Return a picture file; more grain makes it larger."""
    chance = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [
        128 + 90 * np.sin(rows / chance.uniform(9, 90) + chance.uniform(0, 6)) * np.cos(columns / chance.uniform(9, 90))
        for _ in range(3)
    ]
    pixels = np.stack(planes, axis=2) + chance.normal(0, grain, (height, width, 3))
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    image = image.convert("L") if form == "grey" else image
    out = io.BytesIO()
    image.save(out, **FORMS[form])
    return out.getvalue()
