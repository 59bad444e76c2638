"""Rules for one image of an example: a content part in, findings out. Pure: nothing is fetched.

    image_url part -> DS134 its shape and its URL
    data URL       -> DS137 its base64, type, colours and completeness; DS138 its size

Sources: OpenAI's vision fine-tuning guide ("Image data requirements": JPEG, PNG or WEBP, in RGB or
RGBA mode, at most 10 MB), RFC 2397 (data URLs), the first bytes that each format's specification
prescribes, and Pillow's documentation of ``Image.open`` and ``Image.MAX_IMAGE_PIXELS``.
Where it is not known whether the service takes something (a null ``detail``, an animation, the
unregistered ``image/jpg``), no rule speaks. A finding never carries a URL or any part of one.
"""

from __future__ import annotations

import binascii
import io
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from reconciler.dataset.rules import Finding

if TYPE_CHECKING:
    from PIL.Image import Image

DETAILS = ("low", "high", "auto")
"""How closely the service looks at an image."""

MOST_BYTES = 10 * 1024 * 1024
"""Bytes of one image: 10 MB in the wider reading, so that no rule speaks of what may be taken."""

MOST_PIXELS = 89_478_485
"""Pixels from which an image is not decoded: the number at which Pillow warns of a bomb.

It is a quarter of a GiB at three bytes a pixel. The guide names no limit, but the service asks for
Pillow's modes by their names, so this is where its own decoder would begin to complain; and the
check never holds more than one such image in memory.
"""

_FORMATS = ("JPEG", "PNG", "WEBP")
_WANTED = "an RGB or RGBA image in JPEG, PNG or WEBP"

_DECLARED = {
    "image/jpeg": "JPEG",
    "image/jpg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
}

_LONGEST_HEADER = 1_000  # of a data URL: a comma that comes later is not its own

Findings = Iterator[Finding]
"""What a check yields; nothing if all is well."""


class _Fault(NamedTuple):
    """A Finding that doesn't know its field yet."""

    rule: str
    found: str
    expected: str


def check_image(part: Mapping[str, object], field: str) -> Findings:
    """All findings of one content part of type ``image_url``. Any part gives findings, no error.

    Args:
        part: the content part, as parsed.
        field: where it stands in the example, such as ``messages[0].content[1]``.
    """
    image, field = part.get("image_url"), f"{field}.image_url"
    if isinstance(image, dict):
        yield from _check_detail(image, f"{field}.detail")
        yield from _check_url(image, f"{field}.url")
    else:
        found = "a bare string" if isinstance(image, str) else _described(part, "image_url")
        yield Finding("DS134", found, "an object with a url", field)


def _check_detail(image: Mapping[str, object], field: str) -> Findings:
    detail = image.get("detail")
    if detail is not None and detail not in DETAILS:
        found = "another word" if isinstance(detail, str) else _described(image, "detail")
        yield Finding("DS134", found, ", ".join(DETAILS), field)


def _check_url(image: Mapping[str, object], field: str) -> Findings:
    url = image.get("url")
    if not isinstance(url, str):
        yield Finding("DS134", _described(image, "url"), "a string", field)
    elif url[:5].lower() == "data:":
        for fault in _data_faults(url):
            yield Finding(*fault, field)
    elif found := _not_https(url):
        yield Finding("DS134", found, "an https URL or a data URL", field)


def _described(holder: Mapping[str, object], key: str) -> str:
    """A value's type in JSON's words; ``checks.kind`` would import in a circle."""
    if key not in holder:
        return f"no {key}"
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    value = holder[key]
    return "null" if value is None else names.get(type(value), "a number")


# ---- addresses -------------------------------------------------------------------------------


_HTTPS = re.compile(r"https://[\w\[]\S*", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters at least: C: is a drive
_BARE_BASE64 = ("/9j/", "iVBORw0KGgo", "UklGR")  # how JPEG, PNG and WEBP begin in base64


def _not_https(url: str) -> str:
    """What a URL is instead of an https one, in words; empty if it is one by its syntax."""
    if _HTTPS.fullmatch(url):
        return ""
    if url.startswith(_BARE_BASE64):
        return 'base64 without "data:" and its type before it'
    scheme = _SCHEME.match(url)
    known = {"http:": "an http URL", "https:": "a malformed https URL", "file:": "a file's path"}
    if scheme:
        return known.get(scheme[0].lower(), "a URL of another scheme")
    return "a path or a name without a scheme" if url.strip() else "an empty string"


# ---- data URLs -------------------------------------------------------------------------------


def _data_faults(url: str) -> list[_Fault]:
    comma = url.find(",", 0, _LONGEST_HEADER)
    media, *parameters = url[5 : max(comma, 5)].lower().split(";")
    if "base64" not in map(str.strip, parameters[-1:]):
        return [_Fault("DS137", "a data URL that is not base64", "data:image/...;base64,...")]
    size = (len(url) - comma - 1) * 3 // 4
    if size - 2 > MOST_BYTES:  # asked before any of it is decoded; 2 may be padding
        return [_too_many_bytes(size)]
    return _content_faults(url[comma + 1 :], _DECLARED.get(media.strip(), "another type"))


def _content_faults(base64: str, declared: str) -> list[_Fault]:
    try:
        data = binascii.a2b_base64(base64, strict_mode=True)
    except ValueError:  # binascii.Error, and what is not ASCII
        return [_Fault("DS137", _not_base64(base64), "standard base64 without line breaks")]
    return _image_faults(data, declared)


def _not_base64(base64: str) -> str:
    """Why it can't be decoded; the order is from the plainest reason to the vaguest."""
    if any(map(base64.__contains__, " \t\r\n")):
        return "base64 with blanks or line breaks in it"
    if "-" in base64 or "_" in base64:
        return "base64 of the URL-safe kind, with - or _"
    if base64.isascii() and base64.isalnum():
        return "base64 that is cut short or lacks its padding"
    return "base64 with wrong padding or with other characters in it"


def _image_faults(data: bytes, declared: str) -> list[_Fault]:
    if len(data) > MOST_BYTES:
        return [_too_many_bytes(len(data))]
    content = _format_of(data)
    if content not in _FORMATS:
        return [
            _Fault("DS137", content or "no image that is known" if data else "no data", _WANTED)
        ]
    mislabelled = _Fault("DS137", f"{content} declared as {declared}", "the type that it is")
    return [*([mislabelled] if content != declared else []), *_pixel_faults(data, content)]


def _too_many_bytes(size: int) -> _Fault:
    return _Fault("DS138", f"an image of {size:,} bytes", f"at most {MOST_BYTES:,}")


_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"%PDF-", "PDF"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"), "HEIC"
)


def _format_of(data: bytes) -> str:
    """The format that the first bytes announce; empty if it is none of those we know."""
    for beginning, name in _BEGINNINGS:
        if data.startswith(beginning):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "")
    return "SVG" if b"<svg" in data[:1_000].lower() else ""


# ---- pixels ----------------------------------------------------------------------------------


_MODES = {
    "1": "a black-and-white image",
    "L": "a grayscale image",
    "LA": "a grayscale image with transparency",
    "P": "a palette image",
    "PA": "a palette image",
    "CMYK": "a CMYK image",
    "I": "a 16-bit grayscale image",
    "I;16": "a 16-bit grayscale image",
}


def _pixel_faults(data: bytes, content: str) -> list[_Fault]:
    from PIL import Image  # only here: most datasets hold no image

    if content == "PNG" and bytes(4) in (data[16:20], data[20:24]):  # its width, its height
        return [_Fault("DS138", "an image without a pixel", "at least one")]
    faults: list[_Fault] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bombs and of odd metadata: findings tell, not warnings
        try:
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                faults.extend(_decode(image))
        except Image.DecompressionBombError:
            faults.append(_too_many_pixels(f"more than {2 * MOST_PIXELS:,} pixels"))
        except Exception:  # noqa: BLE001 - Pillow raises all sorts; each means that it can't be read
            faults.append(_Fault("DS137", f"a {content} that is cut short or broken", _WANTED))
    return faults


def _decode(image: Image) -> Iterator[_Fault]:
    """What an opened image tells of itself, then its pixels to the last one.

    Raises:
        Exception: of whatever class, where they can't be decoded.
    """
    width, height = image.size
    if width * height > MOST_PIXELS:
        yield _too_many_pixels(f"{width:,} x {height:,} pixels")
        return
    if image.mode not in ("RGB", "RGBA"):
        yield _Fault("DS137", _MODES.get(image.mode, "an image in another mode"), _WANTED)
    image.draft(None, (1, 1))  # a JPEG is read whole but drawn at an eighth: less memory and time
    image.load()


def _too_many_pixels(found: str) -> _Fault:
    return _Fault("DS138", found, f"at most {MOST_PIXELS:,} pixels")
