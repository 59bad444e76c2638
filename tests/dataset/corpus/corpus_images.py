"""Images that the service doesn't take. They are drawn here, a few pixels each."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from dataclasses import replace

from PIL import Image

from tests.dataset.corpus.case import (
    SUPERVISED,
    Classes,
    Row,
    assistant,
    chat,
    each,
    message,
    together,
    user,
)

WEB = "https://example.com/parcel.png"


# ---- drawing ---------------------------------------------------------------------------------


def drawn(mode: str = "RGB", size: int = 32) -> Image.Image:
    """A picture with something in it, so that half of its file is not all of it."""
    gradient = Image.linear_gradient("L").resize((size, size))
    turned = gradient.rotate(90)
    return Image.merge("RGB", (gradient, turned, gradient.rotate(37))).convert(mode)


def saved(image: Image.Image, form: str, **options: bool | int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def data_url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def black(width: int, height: int) -> bytes:
    """A whole PNG of this many pixels (height in thousands), written without drawing them."""
    size = (3 * width + 1) * height
    packer = zlib.compressobj(9, wbits=-15)
    rows = packer.compress(bytes(size // 1_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    checked = struct.pack(">HH", size % 65_521, 1)  # Adler-32 of so many zeros
    pixels = b"\x78\x01" + rows * 1_000 + b"\x03\x00" + checked
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checked = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checked


PNG = saved(drawn(), "PNG")
JPEG = saved(drawn(), "JPEG")
WEBP = saved(drawn(), "WEBP")
HEAVY = saved(Image.new("RGB", (2_000, 1_800)), "PNG", compress_level=0)
"""10.8 MB, since nothing is compressed: its line is longer than any that is read."""


# ---- rows ------------------------------------------------------------------------------------


def part(url: object = WEB, **more: object) -> Row:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def seen(*parts: object, said: str = "What is this?") -> Row:
    """A question about images, and an answer."""
    return chat(user([{"type": "text", "text": said}, *parts]), assistant("A parcel."))


def embedded(content: bytes, kind: str = "image/png") -> Row:
    return seen(part(data_url(content, kind)))


def many(count: int) -> list[Row]:
    return [part(f"https://example.com/{number}.png") for number in range(count)]


BLIND = replace(SUPERVISED, takes_images=False)


# ---- classes ---------------------------------------------------------------------------------

IMAGES: Classes = {
    "an image part without a URL": each(
        "DS134",
        seen({"type": "image_url"}),
        seen({"type": "image_url", "image_url": WEB}),
        seen({"type": "image_url", "image_url": {}}),
        seen(part(None)),
        seen(part(["https://example.com/a.png"])),
    ),
    "an image's URL that nobody can fetch": each(
        "DS134",
        seen(part("http://example.com/parcel.png")),
        seen(part("images/parcel.png")),
        seen(part("file:///tmp/parcel.png")),
        seen(part(base64.b64encode(PNG).decode())),
        seen(part("")),
    ),
    "an unknown detail": each(
        "DS134",
        seen(part(detail="medium")),
        seen(part(detail="HIGH")),
        seen(part(detail=1)),
        seen(part(data_url(PNG), detail="")),
    ),
    "an image that is not the user's": each(
        "DS135",
        chat(user(), assistant([{"type": "text", "text": "Look:"}, part()])),
        chat(message("system", [part()]), user(), assistant()),
        chat(message("developer", [part(data_url(PNG))]), user(), assistant()),
        chat(
            user(),
            assistant(
                None,
                tool_calls=[
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "photo", "arguments": "{}"},
                    }
                ],
            ),
            message("tool", [part()], tool_call_id="call_1"),
            assistant(),
            tools=[{"type": "function", "function": {"name": "photo"}}],
        ),
    ),
    "too many images": each(
        "DS136",
        seen(*many(11)),
        chat(user(many(6)), assistant("Six."), user(many(5)), assistant("Five.")),
        seen(*[part(data_url(PNG))] * 11),
        seen(*many(10), part(data_url(JPEG, "image/jpeg"))),
    ),
    "a damaged image": each(
        "DS137",
        embedded(PNG[: len(PNG) // 2]),
        embedded(JPEG[: len(JPEG) * 2 // 3], "image/jpeg"),
        embedded(b"parcel" * 20),
        seen(part("data:image/png;base64,iVBORw0K!!not*base64!!")),
        embedded(WEBP[: len(WEBP) // 2], "image/webp"),
    ),
    "an image of a type that is not taken": each(
        "DS137",
        embedded(saved(drawn(), "GIF"), "image/gif"),
        embedded(saved(drawn(), "BMP"), "image/bmp"),
        embedded(saved(drawn(), "TIFF"), "image/tiff"),
        embedded(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
    ),
    "an image in a mode that is not taken": each(
        "DS137",
        embedded(saved(drawn("L"), "PNG")),
        embedded(saved(drawn("CMYK"), "JPEG"), "image/jpeg"),
        embedded(saved(drawn("P"), "PNG")),
        embedded(saved(drawn("L"), "JPEG"), "image/jpeg"),
        embedded(saved(drawn("LA"), "PNG")),
    ),
    "an image declared as another type": each(
        "DS137",
        embedded(PNG, "image/jpeg"),
        embedded(JPEG, "image/png"),
        embedded(WEBP, "image/png"),
        embedded(saved(drawn(), "GIF"), "image/png"),
    ),
    "an image that is too large": each(
        "DS138",
        embedded(black(20_000, 20_000)),
        seen(part(), part(data_url(black(30_000, 10_000)))),
        embedded(black(1_000, 300_000)),
    ),
    "images for a base that takes none": [
        *each("DS140", seen(part()), embedded(PNG), like=BLIND),
        *each("DS140", seen(part(), part(data_url(JPEG, "image/jpeg"))), like=BLIND),
        together(
            {1: "DS140", 3: "DS140"},
            seen(part()),
            chat(user(), assistant()),
            seen(part(), said="And this?"),
            like=BLIND,
        ),
    ],
}
