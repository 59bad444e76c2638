"""Laws of the image rules: any part and any bytes give findings, and never an error or content."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reconciler.dataset.images import MOST_BYTES, MOST_PIXELS, check_image

AT = "messages[0].content[1]"
URL = f"{AT}.image_url.url"


def part(url: object, **more: object) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def found(content: Mapping[str, object]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.field) for finding in check_image(content, AT)]


def said(content: Mapping[str, object]) -> list[str]:
    return [finding.found for finding in check_image(content, AT)]


def data_url(data: bytes, media: str = "image/png") -> str:
    return f"data:{media};base64,{base64.b64encode(data).decode()}"


@cache
def drawn(mode: str = "RGB", form: str = "PNG", size: tuple[int, int] = (24, 16)) -> bytes:
    """An image whose bytes don't repeat, so that a cut anywhere takes something away."""
    noise = hashlib.shake_256(b"").digest(size[0] * size[1] * 3)
    image = Image.frombytes("RGB", size, noise).convert(mode)
    file = io.BytesIO()
    image.save(file, form, **({"lossless": True} if form == "WEBP" else {}))
    return file.getvalue()


# ---- the part --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a.png",
        "HTTPS://EXAMPLE.ORG",
        "https://xn--80ak6aa92e.com:8443/a/b?c=d&e=%20#f",
        "https://[2001:db8::1]/a.webp",
        "https://예시.kr/사진.jpg",
    ],
)
@pytest.mark.parametrize("more", [{}, {"detail": None}, *({"detail": d} for d in ("low", "auto"))])
def test_an_https_url_is_taken_unseen(url: str, more: dict[str, object]) -> None:
    assert found(part(url, **more)) == []


WRONG_URLS = [
    ("http://example.org/a.png", "an http URL"),
    ("https://", "a malformed https URL"),
    ("https:///a.png", "a malformed https URL"),
    ("https://example.org/a b.png", "a malformed https URL"),
    ("https:example.org", "a malformed https URL"),
    ("file:///SECRET.png", "a file's path"),
    ("s3://SECRET/a.png", "a URL of another scheme"),
    ("gs://SECRET/a.png", "a URL of another scheme"),
    ("javascript:alert(1)", "a URL of another scheme"),
    ("C:\\SECRET.png", "a path or a name without a scheme"),
    ("images/SECRET.png", "a path or a name without a scheme"),
    ("www.example.org/SECRET.png", "a path or a name without a scheme"),
    (base64.b64encode(drawn()).decode(), 'base64 without "data:" and its type before it'),
    (
        base64.b64encode(drawn(form="JPEG")).decode(),
        'base64 without "data:" and its type before it',
    ),
    ("", "an empty string"),
    (" ", "an empty string"),
]


@pytest.mark.parametrize(("url", "what"), WRONG_URLS)
def test_any_other_url_is_named_for_what_it_is(url: str, what: str) -> None:
    assert found(part(url)) == [("DS134", URL)]
    assert said(part(url)) == [what]


SHAPES: list[tuple[dict[str, object], str, str]] = [
    ({}, "no image_url", f"{AT}.image_url"),
    ({"image_url": None}, "null", f"{AT}.image_url"),
    ({"image_url": "https://example.org/a.png"}, "a bare string", f"{AT}.image_url"),
    ({"image_url": ["https://example.org/a.png"]}, "a list", f"{AT}.image_url"),
    ({"image_url": 7}, "a number", f"{AT}.image_url"),
    ({"image_url": {}}, "no url", URL),
    ({"image_url": {"url": None}}, "null", URL),
    ({"image_url": {"url": {}}}, "an object", URL),
    ({"image_url": {"url": True}}, "a boolean", URL),
    (part("https://example.org", detail="medium"), "another word", f"{AT}.image_url.detail"),
    (part("https://example.org", detail=["low"]), "a list", f"{AT}.image_url.detail"),
    (part("https://example.org", detail=1), "a number", f"{AT}.image_url.detail"),
]


@pytest.mark.parametrize(("content", "what", "field"), SHAPES)
def test_a_malformed_part_is_told_where_and_how(
    content: dict[str, object], what: str, field: str
) -> None:
    assert found(content) == [("DS134", field)]
    assert said(content) == [what]


# ---- the data URL ----------------------------------------------------------------------------

FORMS = [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")]


@pytest.mark.parametrize(("form", "media"), FORMS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_image_of_each_type_is_taken(form: str, media: str, mode: str) -> None:
    if (form, mode) != ("JPEG", "RGBA"):  # JPEG has no transparency
        assert found(part(data_url(drawn(mode, form), media))) == []


@pytest.mark.parametrize(
    "start",
    [
        "data:image/jpeg;base64,",
        "DATA:IMAGE/JPEG;BASE64,",
        "data:image/jpg;base64,",
        "data:image/jpeg;charset=utf-8;base64,",
        "data:image/jpeg; name=SECRET.jpg ;base64,",
    ],
)
def test_how_a_data_url_is_spelled_makes_no_difference(start: str) -> None:
    assert found(part(start + base64.b64encode(drawn(form="JPEG")).decode())) == []


CODED = base64.b64encode(drawn() + b"\xff\xfe").decode()
BROKEN_TEXTS = [
    ("data:", "a data URL that is not base64"),
    ("data:,SECRET", "a data URL that is not base64"),
    ("data:image/png,%89PNG", "a data URL that is not base64"),
    ("data:image/png;base64", "a data URL that is not base64"),
    ("data:image/svg+xml;utf8,<svg/>", "a data URL that is not base64"),
    ("data:" + "x" * 2_000 + ";base64,AAAA", "a data URL that is not base64"),
    ("data:image/png;base64,", "no data"),
    ("data:image/png;base64," + CODED[:40] + "\n" + CODED[40:], "base64 with blanks or line"),
    ("data:image/png;base64, " + CODED, "base64 with blanks or line"),
    ("data:image/png;base64,-_" + CODED[2:], "base64 of the URL-safe kind"),
    ("data:image/png;base64," + CODED[:41], "base64 that is cut short"),
    ("data:image/png;base64," + CODED[:40] + "=" + CODED[40:], "base64 with wrong padding"),
    ("data:image/png;base64," + CODED[:40] + "%2B" + CODED[43:], "base64 with wrong padding"),
    ("data:image/png;base64," + CODED[:40] + "한글", "base64 with wrong padding"),
    ("data:image/png;base64," + CODED[:40] + "\ud800", "base64 with wrong padding"),
]


@pytest.mark.parametrize(("url", "what"), BROKEN_TEXTS)
def test_a_data_url_without_clean_base64_is_told_why(url: str, what: str) -> None:
    assert found(part(url)) == [("DS137", URL)]
    assert said(part(url))[0].startswith(what)


# ---- the image -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "what"),
    [
        ("image/jpeg", "PNG declared as JPEG"),
        ("image/webp", "PNG declared as WEBP"),
        ("image/gif", "PNG declared as another type"),
        ("application/octet-stream", "PNG declared as another type"),
        ("", "PNG declared as another type"),
    ],
)
def test_an_image_under_another_type_is_told(media: str, what: str) -> None:
    url = data_url(drawn(), media)
    assert found(part(url)) == [("DS137", URL)]
    assert said(part(url)) == [what]


OTHERS = [
    (drawn("P", "GIF"), "GIF"),
    (drawn("RGB", "BMP"), "BMP"),
    (drawn("RGB", "TIFF"), "TIFF"),
    (drawn("RGB", "PDF"), "PDF"),
    (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
    (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
    (b"<?xml version='1.0'?>\n<SVG xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    (b"\0\0\0\x18ftypmp42", "no image that is known"),
    (b"RIFF\0\0\0\0WAVE", "no image that is known"),
    (b"SECRET", "no image that is known"),
]


@pytest.mark.parametrize(("data", "what"), OTHERS)
def test_another_format_is_named(data: bytes, what: str) -> None:
    assert found(part(data_url(data))) == [("DS137", URL)]
    assert said(part(data_url(data))) == [what]


@pytest.mark.parametrize(
    ("mode", "form", "what"),
    [
        ("L", "PNG", "a grayscale image"),
        ("L", "JPEG", "a grayscale image"),
        ("LA", "PNG", "a grayscale image with transparency"),
        ("P", "PNG", "a palette image"),
        ("1", "PNG", "a black-and-white image"),
        ("I;16", "PNG", "a 16-bit grayscale image"),
        ("CMYK", "JPEG", "a CMYK image"),
    ],
)
def test_another_mode_is_named(mode: str, form: str, what: str) -> None:
    url = data_url(drawn(mode, form), f"image/{form.lower()}")
    assert found(part(url)) == [("DS137", URL)]
    assert said(part(url)) == [what]


def test_all_that_is_wrong_with_an_image_is_told_at_once() -> None:
    cut = drawn("CMYK", "JPEG")[:-200]
    assert said(part(data_url(cut), detail="huge")) == [
        "another word",
        "JPEG declared as PNG",
        "a CMYK image",
        "a JPEG that is cut short or broken",
    ]


def test_a_photograph_of_several_pictures_is_a_jpeg() -> None:
    file = io.BytesIO()
    first, second = (Image.new("RGB", (24, 16), colour) for colour in ("red", "blue"))
    first.save(file, "MPO", save_all=True, append_images=[second])
    assert found(part(data_url(file.getvalue(), "image/jpeg"))) == []


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_of_an_animation_no_rule_speaks(form: str) -> None:
    file = io.BytesIO()
    first, second = (Image.new("RGB", (24, 16), colour) for colour in ("red", "blue"))
    first.save(file, form, save_all=True, append_images=[second])
    assert found(part(data_url(file.getvalue(), f"image/{form.lower()}"))) == []


# ---- sizes -----------------------------------------------------------------------------------


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def claiming(width: int, height: int) -> bytes:
    """A small PNG whose header claims a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(b"\0" * 1_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


def webp_claiming(width: int, height: int) -> bytes:
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + sizes
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (claiming(100_000, 100_000), f"more than {2 * MOST_PIXELS:,} pixels"),
        (claiming(10_000, 10_000), "10,000 x 10,000 pixels"),
        (claiming(MOST_PIXELS + 1, 1), f"{MOST_PIXELS + 1:,} x 1 pixels"),
        (claiming(0, 5), "an image without a pixel"),
        (claiming(5, 0), "an image without a pixel"),
    ],
)
def test_a_claimed_size_is_refused_before_it_is_decoded(data: bytes, what: str) -> None:
    assert found(part(data_url(data))) == [("DS138", URL)]
    assert said(part(data_url(data))) == [what]


def test_a_webp_bomb_is_refused_too() -> None:
    url = data_url(webp_claiming(60_000, 60_000), "image/webp")
    assert found(part(url)) == [("DS138", URL)]


def test_pillow_warns_of_bombs_at_the_same_number() -> None:
    assert Image.MAX_IMAGE_PIXELS == MOST_PIXELS


@pytest.mark.parametrize("excess", [1, 2, 3, 1_000_000])
def test_too_many_bytes_are_one_finding(excess: int) -> None:
    data = drawn() + b"\0" * (MOST_BYTES + excess - len(drawn()))
    assert found(part(data_url(data))) == [("DS138", URL)]


def test_as_many_bytes_as_are_allowed_are_decoded() -> None:
    data = drawn() + b"\0" * (MOST_BYTES - len(drawn()))
    assert found(part(data_url(data))) == []


# ---- any bytes -------------------------------------------------------------------------------

WHOLE = [(drawn(form=form, size=(40, 30)), media) for form, media in FORMS] + [
    (drawn("RGBA", "PNG"), "image/png"),
    (drawn("CMYK", "JPEG"), "image/jpeg"),
]
RULES = {"DS134", "DS137", "DS138"}


@pytest.mark.parametrize(("data", "media"), WHOLE[:3])
@pytest.mark.parametrize("kept", [0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
def test_an_image_that_is_cut_short_is_told(data: bytes, media: str, kept: float) -> None:
    assert found(part(data_url(data[: int(len(data) * kept)], media))) == [("DS137", URL)]


@given(st.sampled_from(WHOLE), st.data())
def test_no_part_of_an_image_raises_or_warns(whole: tuple[bytes, str], data: st.DataObject) -> None:
    image, media = whole
    end = data.draw(st.integers(0, len(image)))
    assert {rule for rule, _ in found(part(data_url(image[:end], media)))} <= RULES


@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0), st.integers(1, 255)), max_size=9))
def test_no_flipped_bytes_raise_or_warn(
    whole: tuple[bytes, str], flips: list[tuple[int, int]]
) -> None:
    image = bytearray(whole[0])
    for place, mask in flips:
        image[place % len(image)] ^= mask
    assert {rule for rule, _ in found(part(data_url(bytes(image), whole[1])))} <= RULES


STARTS = (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"BM", b"II*\0")


@given(st.sampled_from(STARTS), st.binary(max_size=300))
def test_no_bytes_raise_or_warn(start: bytes, rest: bytes) -> None:
    assert {rule for rule, _ in found(part(data_url(start + rest)))} <= RULES


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
PREFIXES = st.sampled_from(
    ["", "https://", "data:", "data:image/png;base64,", "DATA:;base64,", "C:"]
)
URLS = st.builds(str.__add__, PREFIXES, st.text(st.characters(exclude_categories=())))


@given(st.fixed_dictionaries({"image_url": VALUES | st.builds(part, VALUES | URLS, detail=VALUES)}))
def test_no_part_raises(content: dict[str, Any]) -> None:
    nested = content["image_url"]
    for one in (content, nested if isinstance(nested, dict) else {}):
        assert {rule for rule, _ in found(one)} <= RULES


def test_no_finding_quotes_a_part(capfd: pytest.CaptureFixture[str]) -> None:
    urls = [url for url, _ in WRONG_URLS + BROKEN_TEXTS] + [data_url(data) for data, _ in OTHERS]
    every = [vars(finding) for url in urls for finding in check_image(part(url), AT)]
    assert every
    assert "SECRET" not in json.dumps(every)
    assert capfd.readouterr() == ("", "")


def test_pillow_is_loaded_by_the_first_data_url_only() -> None:
    code = (
        "import sys; from reconciler.dataset.images import check_image;"
        "list(check_image({'image_url': {'url': sys.argv[1]}}, '')); print('PIL' in sys.modules)"
    )
    for url, is_loaded in (("https://example.org/a.png", "False"), (data_url(drawn()), "True")):
        run = subprocess.run([sys.executable, "-c", code, url], capture_output=True, check=True)
        assert run.stdout.decode().strip() == is_loaded
