"""What should not be learned: secrets and personal data in a text. Pure: a text in, words out.

    text -> secret_in   -> what kind of secret, in words
    text -> personal_in -> how many of each kind of personal data

An answer never holds a part of the text. A secret is rather missed than found where none is.
Sources of the secrets' shapes: GitHub's "Supported secret scanning patterns" says which there are;
gitleaks' rules (``cmd/generate/config/rules``) and detect-secrets' plugins (``openai``, ``jwt``,
``azure_storage_key``) how they look; AWS's documentation has the example key. No code is theirs.
Of the numbers: E.164, the North American Numbering Plan (555-01xx is fiction), RFC 2606 (domains
for examples), ISO/IEC 7812 and its issuers' ranges, Stripe's and Adyen's pages of test cards, and
ISO 13616 with SWIFT's IBAN registry; of Korea's check digit, Wikipedia's "Resident registration
number" and python-stdnum.

Speed: each text of a dataset passes through here, so both begin with one ``bytes.translate`` to
a picture of the text (a letter a class of characters) in which fast searches find where to look.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from string import ascii_letters, ascii_uppercase, digits


def _picture(classes: Mapping[str, str]) -> bytes:
    """A table for ``bytes.translate``: each character by its class's letter, others blank."""
    letters = {ord(member): ord(letter) for letter, all_ in classes.items() for member in all_}
    return bytes(letters.get(code, ord(" ")) for code in range(256))


def _plain(text: str) -> bytes:
    """The text with a ``?`` for whatever isn't ASCII, a lone surrogate too: places don't move."""
    return text.encode("ascii", "replace")


def is_suspect(text: str) -> bool:
    """Whether ``secret_in`` or ``personal_in`` may find anything: cheap, and true of few texts."""
    plain = text.encode("ascii", "replace")
    if b"@" in plain or _LONG in plain.translate(_TOKENS):
        return True
    picture = plain.translate(_NUMBERS)
    return b"00" in picture and bool(_NUMBER.search(picture) or _IBAN.search(picture))


# ---- secrets ---------------------------------------------------------------------------------


_TOKENS = _picture({"a": ascii_letters + digits + "_-+/=."})
_LONG = b"a" * 20  # the shortest secret, an AWS key, has 20 characters; words have not
_LONGEST_TOKEN = 10_000  # beyond it stands data, such as an image in base64, and no key

_SHAPES: tuple[tuple[str, bytes, bytes], ...] = (  # what, how it begins, how it goes on
    ("an Anthropic API key", b"sk-ant-", rb"[a-z]{3,5}\d\d-[\w-]{40,}+"),
    ("an OpenAI API key", b"sk-", rb"(?:proj|svcacct|admin)-[\w-]{40,}+|[A-Za-z0-9]{40,}+"),
    ("an AWS access key", b"AKIA", rb"[A-Z2-7]{16}(?![A-Za-z0-9])"),
    ("an AWS access key", b"ASIA", rb"[A-Z2-7]{16}(?![A-Za-z0-9])"),
    ("a GitHub token", b"github_pat_", rb"\w{82}(?!\w)"),
    ("a GitHub token", b"gh", rb"[pousr]_[A-Za-z0-9]{36,}+"),
    ("a GitLab token", b"glpat-", rb"[\w-]{20,}+"),
    ("a Slack token", b"xox", rb"[abprs]-(?:\d{1,14}-){1,4}[A-Za-z0-9]{10,64}(?![A-Za-z0-9])"),
    ("a Google API key", b"AIza", rb"[\w-]{35}(?![\w-])"),
    ("a Stripe key", b"sk_live_", rb"[A-Za-z0-9]{20,}+"),
    ("a Stripe key", b"rk_live_", rb"[A-Za-z0-9]{20,}+"),
    ("a Hugging Face token", b"hf_", rb"[A-Za-z0-9]{34}(?!\w)"),
    ("an npm token", b"npm_", rb"[A-Za-z0-9]{36}(?!\w)"),
    ("a PyPI token", b"pypi-AgE", rb"[\w-]{50,}+"),
    ("an Azure storage key", b"AccountKey=", rb"[A-Za-z0-9+/]{86}=="),
    ("a SendGrid API key", b"SG.", rb"[\w-]{22}\.[\w-]{43}(?![\w-])"),
    ("a Databricks token", b"dapi", rb"[0-9a-f]{32}(?![A-Za-z0-9])"),
    ("a JSON web token", b"eyJ", rb"(?<![_-]eyJ)[\w-]{10,}+\.eyJ[\w-]{4,}+\.[\w-]{16,}+"),
)
# A letter may not stand before a key. That is asked after its beginning: a regex that begins with
# letters is searched for many times faster than one that begins by looking behind.
_SECRET = re.compile(
    b"|".join(
        rb"%s(?<![A-Za-z0-9]%s)(?:%s)" % (re.escape(start), re.escape(start), rest)
        for _, start, rest in _SHAPES
    )
)

_PRETENDED = re.compile(
    rb"your|example|xxxx|placeholder|dummy|sample|fake|redacted|changeme|insert|12345678|abcdefg"
    rb"|eyJzdWIiOiIxMjM0NTY3ODkw|(.)\1{5}",  # jwt.io's "sub": "1234567890"; a repeated character
    re.IGNORECASE,
)
_WORDY = re.compile(rb"(?:sk-|glpat-)(?:[A-Za-z_-]+|[a-z0-9_-]+)")  # words joined by hyphens
_LEAST_VARIETY = 9  # different characters among the last 32; a random AWS key has 12 or more of 20

_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=]+")
_LEAST_BODY = 40  # characters on a line of a key's base64; of the smallest key it has 64


def secret_in(text: str) -> str:
    """What kind of secret stands in a text, such as "an AWS access key"; empty if none does.

    A string counts if it has a provider's shape and looks random: one with "your", "example" or
    the like in it, with a character six times in a row or with few different ones doesn't. What
    has no public prefix (a password, an AWS secret key, Twilio's "SK" and 32 hexadecimal digits)
    can't be told from other strings and is not looked for.
    """
    plain = _plain(text)
    picture = plain.translate(_TOKENS)
    at = picture.find(_LONG)
    if at < 0:
        return ""
    for token in _tokens(plain, picture, at):
        for match in _SECRET.finditer(token):
            if _is_secret(match):
                return next(what for what, start, _ in _SHAPES if match[0].startswith(start))
    return "a private key in PEM" if b"PRIVATE KEY" in plain and _has_private_key(plain) else ""


def _tokens(plain: bytes, picture: bytes, at: int) -> Iterator[bytes]:
    """Each unbroken run of characters that keys are made of, where it is long enough for one."""
    while at >= 0:
        end = picture.find(b" ", at)
        end = len(plain) if end < 0 else end
        if end - at <= _LONGEST_TOKEN:
            yield plain[at:end]
        at = picture.find(_LONG, end)


def _is_secret(match: re.Match[bytes]) -> bool:
    value = match[0]
    if _PRETENDED.search(value) or _WORDY.fullmatch(value) or not _is_varied(value):
        return False
    return _is_jwt(value) if value.startswith(b"eyJ") else True


def _is_varied(value: bytes) -> bool:
    return len(set(value[-32:])) >= _LEAST_VARIETY


_STANDARD = bytes.maketrans(b"-_", b"+/")  # from base64 for URLs


def _is_jwt(token: bytes) -> bool:
    """Whether the first part is a JOSE header, an object that names an algorithm (RFC 7519)."""
    header = token.partition(b".")[0]
    try:
        decoded = json.loads(binascii.a2b_base64(header.translate(_STANDARD) + b"==="))
    except (ValueError, RecursionError):
        return False
    return isinstance(decoded, dict) and "alg" in decoded


def _has_private_key(plain: bytes) -> bool:
    """Whether a PEM header is followed by a key: headers alone stand in many a manual."""
    for header in _PRIVATE_KEY.finditer(plain):
        lines = _BASE64.findall(plain, header.end(), header.end() + 400)
        if any(len(line) >= _LEAST_BODY and _is_varied(line) for line in lines):
            return True
    return False


# ---- personal data ---------------------------------------------------------------------------


_NUMBERS = _picture({"0": digits, "A": ascii_uppercase, "-": " -.()/", "+": "+"})
_NUMBER = re.compile(rb"0[0-]{8,}+")
_IBAN = re.compile(rb"AA00")  # begins with the country and two check digits
_LEAST_DIGITS = 9  # the shortest number that counts: 02-123-4567

Spans = list[tuple[int, int]]


def personal_in(text: str) -> Mapping[str, int]:
    """How much personal data stands in a text, by kind; a kind without any is left out.

    The kinds: "e-mail", "phone", "card", "resident number" (Korea's) and "IBAN". Nothing counts
    as two of them. Left out are what is reserved for examples (RFC 2606's domains, 555-01xx,
    published test cards) and what can't be told from other numbers: a phone number without
    separators (but for Korea's 010), a card of 13 digits (it looks like a product's bar code), a
    resident number without its hyphen. A resident number needs its check digit, unless its owner
    was born after such digits were given up in October 2020. Only ASCII digits count.
    """
    plain = _plain(text)
    found: dict[str, int] = {}
    if "@" in text and (mails := _count_mails(plain)):
        found["e-mail"] = mails
    picture = plain.translate(_NUMBERS)
    if _IBAN.search(picture) and (ibans := _find_ibans(plain, picture)):
        found["IBAN"] = len(ibans)
        plain = _without(plain, ibans)
        picture = plain.translate(_NUMBERS)
    if _NUMBER.search(picture):  # most texts end here, and a search is faster than an iterator
        _count_runs(plain, picture, found)
    return found


def _count_runs(plain: bytes, picture: bytes, found: dict[str, int]) -> None:
    for run in _NUMBER.finditer(picture):
        if picture.count(b"0", *run.span()) >= _LEAST_DIGITS:
            around = slice(max(0, run.start() - 2), run.end() + 2)
            _count_numbers(plain[around], picture[around], found)


def _without(plain: bytes, spans: Spans) -> bytes:
    """The text with letters over what was found, so that nothing is found in it again."""
    rest = bytearray(plain)
    for start, end in spans:
        rest[start:end] = b"x" * (end - start)
    return bytes(rest)


# ---- e-mail, IBAN ----------------------------------------------------------------------------


_MAIL = re.compile(rb"@(?<=[\w.+%%-]@)(%s(?:\.%s)+)" % ((rb"[A-Za-z0-9](?:[A-Za-z0-9-]*+)",) * 2))
_RESERVED = re.compile(rb"(?:.*\.)?(?:example\.(?:com|org|net)|example|test|invalid|localhost)")
_TOP = re.compile(rb"xn--[a-z0-9-]+|[a-z]{2,24}")
_FILE_ENDS = frozenset(b"png jpg jpeg gif svg webp js ts css json html yaml".split())  # a@2x.png
_USER_OF_URL = re.compile(rb"://[^/?#]*\Z")  # https://user:password@host, which is no address


def _count_mails(plain: bytes) -> int:
    return sum(_is_mail(plain, match) for match in _MAIL.finditer(plain))


def _is_mail(plain: bytes, match: re.Match[bytes]) -> bool:
    domain = match[1].lower()
    top = domain.rpartition(b".")[2]
    if not _TOP.fullmatch(top) or top in _FILE_ENDS or _RESERVED.fullmatch(domain):
        return False
    before = plain[max(0, match.start() - 100) : match.start()]
    is_clone = before.endswith(b"git") and plain[match.end() : match.end() + 1] == b":"
    return not is_clone and not _USER_OF_URL.search(before)


_REGISTRY = (  # country and length
    b"AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
    b"DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 "
    b"IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 "
    b"MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 "
    b"SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 "
)
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _REGISTRY.split()}
_VALUES = [str(int(chr(code), 36)).encode() if chr(code).isalnum() else b"" for code in range(128)]


def _find_ibans(plain: bytes, picture: bytes) -> Spans:
    begins = (match.start() for match in _IBAN.finditer(picture))
    return [(at, end) for at in begins if (end := _iban_end(plain, at))]


def _iban_end(plain: bytes, at: int) -> int:
    """Where the IBAN that begins here ends; 0 if none does."""
    length = _IBAN_LENGTHS.get(plain[at : at + 2])
    if length is None or plain[at - 1 : at].isalnum():
        return 0
    for size in (length, length + (length - 1) // 4):  # without blanks, or with one after four
        number, after = plain[at : at + size].replace(b" ", b""), plain[at + size : at + size + 1]
        if len(number) == length and not after.isalnum() and _is_iban(number):
            return at + size
    return 0


def _is_iban(number: bytes) -> bool:
    if not (number.isalnum() and number.isupper()):
        return False
    return int(b"".join([_VALUES[code] for code in number[4:] + number[:4]])) % 97 == 1


# ---- cards, resident numbers, phones ---------------------------------------------------------


_CARD = re.compile(  # 14 to 19 digits, or 4-4-4-4, 4-4-4-4-3, 4-6-5, 4-6-4, in no longer table
    rb"\d(?<![\w$#+/-]\d)(?<!\d\.\d)(?:\d{13,18}|\d{3}(?<!\d{4}[ -]\d{4})([ -])%s)(?![\w@]|[.-]\d)"
    % rb"(?:\d{4}\1\d{4}\1\d{4}(?:\1\d{3}(?!\d))?(?!\1\d{4})|\d{6}\1\d{4,5})"
)
_ISSUED = re.compile(
    rb"4\d{15}(?:\d{3})?"  # Visa
    rb"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    rb"|3[47]\d{13}"  # American Express
    rb"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}"  # Discover
    rb"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    rb"|62\d{14,17}"  # UnionPay
    rb"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
)
_SAME_SIX = re.compile(rb"(\d)\1{5}")  # most test cards: 4000 0000 0000 0002
_TEST_CARDS = frozenset(
    b"4242424242424242 4012888888881881 4000056655665556 5555555555554444 5105105105105100 "
    b"5200828282828210 5454545454545454 2223003122003222 378282246310005 371449635398431 "
    b"378734493671000 6011000990139424 6011981111111113 30569309025904 38520000023237 "
    b"3056930009020004 36227206271667 3566002020360505 3530111333300000".split()
)
_WEIGHT = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))


def _is_card(match: re.Match[bytes]) -> bool:
    """Of 19 digits in groups the last three may be the card's security code."""
    number = _digits(match)
    return _is_issued(number) or (match.lastindex is not None and _is_issued(number[:16]))


def _is_issued(number: bytes) -> bool:
    if not _ISSUED.fullmatch(number) or number in _TEST_CARDS or _SAME_SIX.search(number):
        return False
    luhn = sum(number[-1::-2].translate(_WEIGHT)) + sum(number[-2::-2].translate(_DOUBLED))
    return luhn % 10 == 0


def _digits(match: re.Match[bytes]) -> bytes:
    return match[0].translate(None, b" +.()/-")


_RESIDENT = re.compile(rb"(?<![\w-])\d{6} ?- ?[1-8]\d{6}(?![\w-])")
_RESIDENT_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)


def _is_resident(match: re.Match[bytes]) -> bool:
    number = list(_digits(match).translate(_WEIGHT))
    century = 1900 if number[6] in (1, 2, 5, 6) else 2000
    year, month, day = (10 * number[at] + number[at + 1] for at in (0, 2, 4))
    try:
        born = date(century + year, month, day)
    except ValueError:
        return False
    if date(2020, 10, 5) <= born < date(2040, 1, 1):  # numbers drawn by lot; later years are ids
        return True
    total = sum(map(int.__mul__, number, _RESIDENT_WEIGHTS))
    keys = (11, 13) if number[6] >= 5 else (11,)  # sources differ on the key for foreigners
    return number[12] in [(key - total % 11) % 10 for key in keys]


_ABROAD = re.compile(rb"\+(?<![\w+]\+)[1-9](?:[ .()-]{0,2}\d){8,14}(?![\w@])")
_THOUSANDS = re.compile(rb"\+\d{1,3}(?:\.\d{3})+")
_TRUNK = re.compile(  # with the 0 of trunk calls
    rb"""0(?<![\w$#+-]0)(?:
      10(?=\d{0,7}[2-9])\d{8}                           # 01012345678: Korea; no binary number
    | \d(?P<a>[.-])\d{3,4}(?P=a)\d{4}                  # 02-123-4567: Korea, Japan
    | \d\d(?P<b>[ .-])\d{3,4}(?P=b)\d{4}               # 031-123-4567, 020 7946 0958: Britain
    | \d{3,4}(?P<c>[ .-])\d{2,3}(?P=c)\d{4}            # 0161 496 0123: Britain, Japan
    | 50\d(?P<d>[.-])\d{4}(?P=d)\d{4}                  # 0507-1234-5678: Korea
    | \d{1,3}\)[ ]?\d{3,4}[ .-]\d{4}                  # 02)123-4567: Korea, Japan, Australia
    | [1-9](?P<e>[ .-])\d\d(?:(?P=e)\d\d){3}           # 01 42 68 53 00: France
    | 7\d{3}[ -]\d{6}                                 # 07700 900123: Britain
    | 1[5-7]\d{1,2}[ /-]\d{7,8}                       # 0171/1234567: Germany
    | 4\d\d[ ]\d{3}[ ]\d{3}                           # 0412 345 678: Australia
    )(?![\w@])""",
    re.VERBOSE,
)
_BRACKETS = re.compile(  # (415) 555-2671: North America; (11) 91234-5678: Brazil
    rb"\((?<![\w$#+-]\()(?:[2-9]\d\d\) ?\d{3}[ .-]\d{4}|[1-9]\d\) ?9?\d{4}-\d{4})(?![\w@])"
)
_THREE_GROUPS = re.compile(  # 415-555-2671, 1-415-555-2671: North America; 138-1234-5678: China
    rb"\d(?<![\w$#+-]\d)(?:(?:(?<=1)[ .-][2-9]|(?<=[2-9]))\d\d([.-])\d{3}\1\d{4}"
    rb"|(?<=1)[3-9]\d-\d{4}-\d{4})(?![\w@])"
)
_COUNTING = b"".join(b"%02d" % number for number in range(100))  # 01 02 03 04 05 is no phone


def _is_phone_abroad(match: re.Match[bytes]) -> bool:
    number = _digits(match)
    is_possible = re.fullmatch(rb"1[2-9]\d{9}|[2-9]\d+", number) is not None
    return is_possible and not _THOUSANDS.fullmatch(match[0]) and not _is_invented(number)


def _is_phone(match: re.Match[bytes]) -> bool:
    return _stands_alone(match) and not _is_invented(_digits(match))


def _is_invented(number: bytes) -> bool:
    """Counted up, one digit all along, or a number that North America keeps for fiction."""
    if number in _COUNTING or len(set(number[-7:])) == 1:
        return True
    is_american = len(number) - number.startswith(b"1") == 10 and not number.startswith(b"0")
    return is_american and number[-7:-2] == b"55501"


def _stands_alone(match: re.Match[bytes]) -> bool:
    """Whether no group precedes or follows with the same separator: a longer number is an id."""
    text, (start, end) = match.string, match.span()
    joiner = match[match.lastindex] if match.lastindex else b"-"
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    is_preceded = before.endswith(joiner) and before[:1].isdigit()
    return not is_preceded and not (after.startswith(joiner) and after[1:].isdigit())


Last = Callable[[re.Match[bytes]], bool]
# Kind, pictures of which one must be there (far faster than the regex), regex, last word.
_KINDS: tuple[tuple[str, tuple[bytes, ...], re.Pattern[bytes], Last], ...] = (
    ("resident number", (b"000000-0000000", b"0--0000000"), _RESIDENT, _is_resident),
    ("card", (b"0" * 14, b"0000-0000-0000-0000", b"0000-000000-0000"), _CARD, _is_card),
    ("phone", (b"+",), _ABROAD, _is_phone_abroad),
    ("phone", (b"000-0000", b"00-00-00", b"0000-000-000", b"0" * 11), _TRUNK, _is_phone),
    ("phone", (b"-000-", b"-00-"), _BRACKETS, _is_phone),
    ("phone", (b"000-000-0000", b"000-0000-0000"), _THREE_GROUPS, _is_phone),
)
_ENDLESS = re.compile(rb"0{20,}+")  # no number of a person or of a card is so long


def _count_numbers(run: bytes, picture: bytes, found: dict[str, int]) -> None:
    if b"0" * 20 in picture:
        spans = [match.span() for match in _ENDLESS.finditer(picture)]
        run, picture = _without(run, spans), _without(picture, spans)
    for kind, sketches, pattern, is_one in _KINDS:
        if not any(sketch in picture for sketch in sketches):
            continue
        if spans := [match.span() for match in pattern.finditer(run) if is_one(match)]:
            found[kind] = found.get(kind, 0) + len(spans)
            run, picture = _without(run, spans), _without(picture, spans)
