"""Laws of the privacy rules: they find what is one, leave alone what isn't, and quote nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import string
import time
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.dataset.privacy import personal_in, secret_in

ALNUM = string.ascii_letters + string.digits
WORD = ALNUM + "_-"
HEX = "0123456789abcdef"
KINDS = {"e-mail", "phone", "card", "resident number", "IBAN"}


def noise(length: int, alphabet: str = ALNUM) -> str:
    """The same characters each time, and no secret of anybody."""
    stream = hashlib.shake_256(alphabet.encode()).digest(length)
    return "".join(alphabet[byte % len(alphabet)] for byte in stream)


def jwt(header: object, payload: object) -> str:
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, payload))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def pem(name: str, body: str) -> str:
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----{'BEGIN'} {name}-----\n{lines}\n-----{'END'} {name}-----"


# ---- secrets ---------------------------------------------------------------------------------

# Put together here, so that no scanner of secrets finds one in this file.
SECRETS = [
    ("an OpenAI API key", "sk-" + noise(20) + "T3Blbk" + "FJ" + noise(20)),
    ("an OpenAI API key", "sk-" + "proj-" + noise(74, WORD) + "T3Blbk" + "FJ" + noise(74, WORD)),
    ("an OpenAI API key", "sk-" + "svcacct-" + noise(120, WORD)),
    ("an OpenAI API key", "sk-" + "admin-" + noise(120, WORD)),
    ("an Anthropic API key", "sk-" + "ant-api03-" + noise(93, WORD) + "AA"),
    ("an Anthropic API key", "sk-" + "ant-oat01-" + noise(90, WORD)),
    ("an AWS access key", "AK" + "IA" + noise(16, string.ascii_uppercase + "234567")),
    ("an AWS access key", "AS" + "IA" + noise(16, string.ascii_uppercase + "234567")),
    *(("a GitHub token", f"gh{kind}" + "_" + noise(36)) for kind in "pousr"),
    ("a GitHub token", "github" + "_pat_" + noise(22) + "_" + noise(59)),
    ("a GitLab token", "gl" + "pat-" + noise(20, WORD)),
    ("a Slack token", "xox" + "b-" + "2636594206564-2343594206574-" + noise(24)),
    ("a Slack token", "xox" + "p-" + "283316862324-298911817009-298923149681-" + noise(32, HEX)),
    ("a Google API key", "AI" + "za" + noise(35, WORD)),
    ("a Stripe key", "sk" + "_live_" + noise(24)),
    ("a Stripe key", "rk" + "_live_" + noise(99)),
    ("a Hugging Face token", "h" + "f_" + noise(34, string.ascii_letters)),
    ("an npm token", "np" + "m_" + noise(36)),
    ("a PyPI token", "py" + "pi-AgE" + "IcHlwaS5vcmc" + noise(90, WORD)),
    ("an Azure storage key", "Account" + "Key=" + noise(86, ALNUM + "+/") + "=="),
    ("a SendGrid API key", "S" + "G." + noise(22, WORD) + "." + noise(43, WORD)),
    ("a Databricks token", "da" + "pi" + noise(32, HEX)),
    ("a JSON web token", jwt({"alg": "HS256"}, {"sub": "7"}) + "." + noise(43, WORD)),
    ("a private key in PEM", pem("PRIVATE " + "KEY", noise(64, ALNUM + "+/"))),
    ("a private key in PEM", pem("RSA PRIVATE " + "KEY", noise(1_000, ALNUM + "+/"))),
    ("a private key in PEM", pem("PGP PRIVATE " + "KEY BLOCK", noise(300, ALNUM + "+/"))),
    ("a private key in PEM", pem("RSA PRIVATE " + "KEY", "DEK-Info: AES,0F\n\n" + noise(640))),
]
WRAPPERS = [
    "{}", "key={}", 'export KEY="{}"', "use {}.", "?token={}&x=1", "키는{}입니다", "a\n{}\nb",
]  # fmt: skip


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize(("what", "secret"), SECRETS)
def test_a_secret_is_found_and_named_anywhere(what: str, secret: str, wrapper: str) -> None:
    assert secret_in(wrapper.format(secret)) == what


NO_SECRETS = [
    "",
    "A risk-averse desk-based task-oriented disk-image.",
    "sk-" + "x" * 48,
    "sk-" + "your-key-here",
    "sk-" + "proj-your-very-long-project-key-goes-right-in-here-7",
    "sk-" + "proj-this-is-a-long-name-of-words-and-of-nothing-else-at-all",
    "sk-" + "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH",
    "sk-" + "1234567890" * 5,
    "sk-" + "ant-api03-" + "xY7" * 40,
    "AK" + "IAIOSFODNN7EXAMPLE",
    "AK" + "IA" + "Q" * 16,
    "AK" + "IA" + noise(20, string.ascii_uppercase),
    "TODAYINASIAASACKOFRICEFELLOVER",
    "gh" + "p_" + "x" * 36,
    "gh" + "p_" + noise(12),
    "h" + "f_requiredCharacteristicTypesForDisplayMetadata",
    "np" + "m_config_registry_and_some_more_of_the_name",
    "xox" + "b-xxxxxxxxxxx-xxxxxxxxxxxxxxxxxxxxxxxx",
    "https://example.org/a/very/long/path/of-words/and-more_words/index.html",
    "da" + "pi" + "0" * 32,
    "eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + noise(43),
    "eyJ" + noise(20) + ".eyJ" + noise(20) + "." + noise(43),
    jwt({"typ": "JWT"}, {"sub": "7"}) + "." + noise(43),
    jwt({"alg": "HS256"}, {"sub": "7"}),
    "-----" + "BEGIN PRIVATE KEY-----\n...\n-----" + "END PRIVATE KEY-----",
    pem("PUBLIC KEY", noise(300)),
    pem("CERTIFICATE", noise(300)),
    pem("PRIVATE " + "KEY", "x" * 300),
    hashlib.sha256(b"").hexdigest(),
    "SK" + noise(32, HEX),
    noise(5_000),
]


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_only_looks_like_a_secret_is_none(text: str) -> None:
    assert secret_in(text) == ""


@given(st.text(), st.sampled_from(SECRETS), st.text())
def test_no_surroundings_hide_a_secret(before: str, known: tuple[str, str], after: str) -> None:
    assert secret_in(f"{before} {known[1]} {after}") == known[0]


# ---- personal data ---------------------------------------------------------------------------

PHONES = [
    "(555) 123-4567", "(415) 555-2671", "(415)555-2671", "415-555-2671", "415.555.2671",
    "1-415-555-2671", "+1 415 555 2671", "+1 (415) 555-2671", "+14155552671",
    "010-1234-5678", "010.9876.5432", "01098765432", "02-123-4567", "02)123-4567",
    "031-123-4567", "070-1234-5678", "0507-1234-5678", "+82 10-9876-5432", "+82-2-123-4567",
    "03-1234-5678", "0466-12-3456", "020 7946 0958", "0161 496 0123", "07700 900123",
    "+44 20 7946 0958", "01 42 68 53 00", "+33 1 42 68 53 00", "0171/1234567",
    "+49 (0)30 123456", "+34 612 345 678", "(11) 91234-5678", "138-1234-5678", "0412 345 678",
]  # fmt: skip

NO_PHONES = [
    "2021-03-14", "14.03.2021 10:30", "01-02-2021", "03 2020 1234", "1990-2000", "2019 2020 2021",
    "192.168.100.200", "978-0-306-40615-7", "978-89-1234-567-8", "0-306-40615-2", "9780306406157",
    "1700000000", "1700000000000", "20240115103000", "$1,234,567.89", "1 234 567 890", "0.1234567",
    "3.14159265358979", "order #1234567890", "id_01098765432", "A-010-1234-5678", "x=-415-555-2671",
    "(415) 555-0123", "415-555-0199", "+1 415-555-0100", "555-0123", "010-0000-0000",
    "01 02 03 04 05", "05 10 15 20 25 30", "+1.000.000.000", "12345-6789-0123", "+0123456789",
    "1234-5678-9012-3456-7890", "123e4567-e89b-12d3-a456-426614174000", "415-555-2671-9",
]  # fmt: skip

SENTENCES = [
    "{}", "Call {}.", "전화는 {}입니다", "tel:{},", "({})", "a\n{}\nb", '{{"phone": "{}"}}',
]  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("phone", PHONES)
def test_a_phone_number_is_counted_once(phone: str, sentence: str) -> None:
    assert personal_in(sentence.format(phone)) == {"phone": 1}


@pytest.mark.parametrize("text", NO_PHONES)
def test_dates_ids_prices_and_fiction_are_no_phone_numbers(text: str) -> None:
    assert personal_in(text) == {}


@pytest.mark.parametrize("zero", [0xFF10, 0x660])  # full width, Arabic
def test_only_ascii_digits_count(zero: int) -> None:
    others = str.maketrans(string.digits, "".join(chr(zero + value) for value in range(10)))
    assert personal_in("010-9876-5432, 4539578763621486".translate(others)) == {}


@pytest.mark.parametrize("joiner", [" ", ", ", "/", "\n", " 또는 "])
def test_each_of_two_phone_numbers_is_counted(joiner: str) -> None:
    assert personal_in(f"010-9876-5432{joiner}02-123-4567") == {"phone": 2}


MAILS = [
    "ann@firm.de", "ann.lee+x@mail.firm.co.kr", "a_b-c@x.io", "ANN@FIRM.COM", "mailto:ann@firm.de",
    "Ann <ann@firm.de>", "a@xn--80ak6aa92e.com", "1@2.org", "ann@firm.de.", "'ann@firm.de'",
    "메일은ann@firm.kr입니다", "https://x.org/?to=ann@firm.de", "01098765432@firm.kr",
    "git@firm.de",
]  # fmt: skip

NO_MAILS = [
    "@", "a@", "@b.de", "a@b", "a @ b.de", "a@b.c", "user@localhost", "ann@example.com",
    "Ann@mail.Example.ORG", "ann@example.net", "ann@shop.example", "a@x.test", "a@no.invalid",
    "@app.route", "icon@2x.png", "npm i left-pad@1.3.0", "actions/checkout@v4.1", "a@@b.de",
    "git@github.com:a/b.git", "https://u:p@host.com/x", "postgres://ann:pw@db.firm.de/x",
    "a@.de", "a@-b.de",
]  # fmt: skip


@pytest.mark.parametrize("text", MAILS)
def test_an_e_mail_address_is_counted_once(text: str) -> None:
    assert personal_in(text) == {"e-mail": 1}


@pytest.mark.parametrize("text", NO_MAILS)
def test_reserved_domains_and_other_signs_are_no_e_mail(text: str) -> None:
    assert personal_in(text) == {}


NO_CARDS = [
    "4111 1111 1111 1111", "4242-4242-4242-4242", "4242424242424242", "5555555555554444",
    "378282246310005", "3782 822463 10005", "6011111111111117", "30569309025904",
    "4000000000000002", "0000 0000 0000 0000", "4539578763621486123456", "#4539578763621486",
    "x4539578763621486", "0.4539578763621486", "4006381333931", "1234 4539 5787 6362 1486 1234",
    "9999 9999 9999 9995", "/4539578763621486",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_CARDS)
def test_test_cards_and_ids_are_no_cards(text: str) -> None:
    assert personal_in(text) == {}


CARDS = [
    "4539578763621486", "4539 5787 6362 1486", "4539-5787-6362-1486", "4539 5787 6362 1486 123",
    "4539 5787 6362 1486 12/27", "카드는4539578763621486입니다",
]  # fmt: skip


@pytest.mark.parametrize("text", CARDS)
def test_a_card_is_counted_once(text: str) -> None:
    assert personal_in(text) == {"card": 1}


IBANS = [
    "DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "IBAN:GB29NWBK60161331926819.",
    "MT84 MALT 0110 0001 2345 MTLC AST0 01S", "NO93 8601 1117 947 IS MINE",
]  # fmt: skip
NO_IBANS = [
    "DE89 3704 0044 0532 0130 01", "DE8937040044053201300", "XDE89370400440532013000", "DE89",
    "DE89370400440532013000X", "ZZ89370400440532013000", "de89370400440532013000",
]  # fmt: skip


@pytest.mark.parametrize("text", IBANS)
def test_an_iban_is_counted_once_and_is_nothing_else(text: str) -> None:
    assert personal_in(text) == {"IBAN": 1}


@pytest.mark.parametrize("text", NO_IBANS)
def test_a_wrong_iban_is_none(text: str) -> None:
    assert "IBAN" not in personal_in(text)


def test_all_kinds_are_counted_side_by_side() -> None:
    text = "ann@firm.de, bob@firm.de; 010-9876-5432; 4539578763621486; DE89370400440532013000"
    assert personal_in(text) == {"e-mail": 2, "phone": 1, "card": 1, "IBAN": 1}


# ---- check digits ----------------------------------------------------------------------------


def luhn(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def grouped(number: str) -> str:
    sizes = {14: (4, 6, 4), 15: (4, 6, 5)}.get(len(number), (4, 4, 4, 4, 3))
    groups, rest = [], number
    for size in sizes:
        groups.append(rest[:size])
        rest = rest[size:]
    return " ".join(filter(None, groups))


def replaced(text: str, at: int, by: int) -> str:
    """The text with the digit there turned into another one."""
    return text[:at] + str((int(text[at]) + by) % 10) + text[at + 1 :]


DIGITS = st.text(string.digits, min_size=30, max_size=30)
STARTS = [
    ("4", 16), ("51", 16), ("2720", 16), ("37", 15), ("6011", 16), ("649", 16), ("3528", 16),
    ("62", 16), ("62", 19), ("36", 14), ("305", 14),
]  # fmt: skip


@given(st.sampled_from(STARTS), DIGITS, st.booleans(), st.integers(0, 13), st.integers(1, 9))
def test_a_card_counts_with_its_check_digit_and_not_without(
    start: tuple[str, int], body: str, is_grouped: bool, at: int, by: int
) -> None:
    number = luhn((start[0] + body)[: start[1] - 1])
    shown = grouped(number) if is_grouped else number
    assume(all(digit * 6 not in number for digit in string.digits))
    assert personal_in(f"Card {shown}, please")["card"] == 1
    place = [index for index, char in enumerate(shown) if char.isdigit()][at]
    wrong = replaced(shown, place, by)
    assume(len(number) < 19)  # the first 16 of 19 digits may be a card themselves
    assert "card" not in personal_in(f"Card {wrong}, please")


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.booleans(), DIGITS, st.integers(1, 9))
def test_a_resident_number_counts_with_its_check_digit_and_not_without(
    born: date, is_woman: bool, body: str, by: int
) -> None:
    first = (1 if born.year < 2000 else 3) + is_woman
    number = f"{born:%y%m%d}{first}{body[:5]}"
    total = sum(int(digit) * (place % 8 + 2) for place, digit in enumerate(number))
    number = f"{number[:6]}-{number[6:]}{(11 - total % 11) % 10}"
    assert personal_in(f"주민번호 {number}입니다") == {"resident number": 1}
    has_check = not date(2020, 10, 5) <= born < date(2040, 1, 1)
    wrong = personal_in(f"주민번호 {replaced(number, 13, by)}입니다")
    assert has_check == ("resident number" not in wrong)


def test_a_resident_number_needs_a_real_date() -> None:
    assert personal_in("999999-1111119") == {}


def as_number(text: str) -> int:
    return int("".join(str(int(char, 36)) for char in text))


LENGTHS = {"DE": 22, "GB": 22, "NL": 18, "NO": 15, "MT": 31, "FR": 27}
BODIES = st.text(string.ascii_uppercase + string.digits, min_size=30, max_size=30)


@given(st.sampled_from(sorted(LENGTHS)), BODIES, st.booleans(), st.data())
def test_an_iban_counts_with_its_check_digits_and_not_without(
    country: str, body: str, is_grouped: bool, data: st.DataObject
) -> None:
    body = body[: LENGTHS[country] - 4]
    number = f"{country}{98 - as_number(f'{body}{country}00') % 97:02}{body}"
    if is_grouped:
        number = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    assert personal_in(f"Pay to {number} today")["IBAN"] == 1
    places = [index for index, char in enumerate(number) if char.isdigit()]
    wrong = replaced(number, data.draw(st.sampled_from(places)), data.draw(st.integers(1, 9)))
    assert "IBAN" not in personal_in(f"Pay to {wrong} today")


# ---- any text --------------------------------------------------------------------------------

ANYTHING = st.text(st.characters(exclude_categories=()))  # lone surrogates too
SIGNS = st.text("0123456789 +-.()/@AZaz_=eyJsk", max_size=200)


@given(ANYTHING | SIGNS)
def test_no_text_raises_and_no_answer_quotes_it(text: str) -> None:
    assert secret_in(text) in {"", *(what for what, _ in SECRETS)}
    found = personal_in(text)
    assert found.keys() <= KINDS
    assert all(count > 0 for count in found.values())


@given(st.text(string.ascii_letters + " .,;:!?'\"\n"))
def test_prose_holds_nothing(text: str) -> None:
    assume(len(max(text.split(), key=len, default="")) < 20)
    assert secret_in(text) == ""
    assert personal_in(text) == {}


# ---- speed -----------------------------------------------------------------------------------

PROSE = "In 2024 our well-known team answered the question, and nobody asked for 3 more. "
HOSTILE = [
    "1 ", "1-", "1--", "12345 ", "1234567890123 ", "4539578763621487 ", "010-1234-567 ", "+1 ",
    "(0", "01 02 ", "AA00", "GB29", "@a", "a@a.", "a@" + "a." * 50, "sk-", "sk-" * 3_300 + " ",
    "eyJ", "eyJ" * 3_300 + " ", "eyJaaaaaaaaaaaa.eyJaaaa.", "AKIA" * 5 + " ", "xoxb-1-",
    "a" * 20 + " ",
    "-----BEGIN " + "PRIVATE KEY-----" + "A" * 39 + " ",
]  # fmt: skip


def seconds(work: Callable[[str], object], text: str) -> float:
    begun = time.thread_time()
    work(text)
    return time.thread_time() - begun


def megabyte(pattern: str) -> str:
    return (pattern * (1_000_000 // len(pattern) + 1))[:1_000_000]


def both(text: str) -> None:
    secret_in(text)
    personal_in(text)


def test_a_repeated_character_costs_no_more_than_ten_times_prose() -> None:
    prose = min(seconds(both, megabyte(PROSE)) for _ in range(3))
    for character in "a1A @-.+=(/_\n한\ud800":
        text = megabyte(character)
        assert min(seconds(both, text) for _ in range(3)) < 10 * prose, ascii(character)


def test_no_pattern_makes_the_search_more_than_linear() -> None:
    """1 MB of the worst takes some 60 times prose; what is quadratic takes thousands of times."""
    prose = min(seconds(both, megabyte(PROSE)) for _ in range(3))
    for pattern in HOSTILE:
        assert seconds(both, megabyte(pattern)) < 200 * prose, pattern[:20]
