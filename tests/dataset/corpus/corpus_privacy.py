"""Secrets and personal data. All are made here from digests and check digits: none is real."""

from __future__ import annotations

import base64
import hashlib
import string

from tests.dataset.corpus.case import (
    DPO,
    Classes,
    Row,
    assistant,
    chat,
    each,
    message,
    pair,
    together,
    user,
)

# ---- making ----------------------------------------------------------------------------------


def noise(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Characters without a pattern, the same ones each time."""
    digest = hashlib.shake_256(b"corpus").digest(length)
    return "".join(alphabet[byte % len(alphabet)] for byte in digest)


def card(stem: str) -> str:
    """The card number that begins with these digits: its last one checks them (Luhn)."""
    digits = [int(digit) for digit in stem]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[::-2]]
    return f"{stem}{-(sum(doubled) + sum(digits[-2::-2])) % 10}"


def grouped(number: str, separator: str = " ") -> str:
    return separator.join(number[start : start + 4] for start in range(0, len(number), 4))


def resident(born: str, rest: str) -> str:
    """A Korean resident registration number: its last digit checks the others."""
    weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
    total = sum(int(digit) * weight for digit, weight in zip(born + rest, weights, strict=True))
    return f"{born}-{rest}{(11 - total % 11) % 10}"


def iban(country: str, account: str) -> str:
    """The account with the two digits that check it (ISO 7064)."""
    digits = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"


OPENAI = "sk-" + "proj-" + noise(74) + "T3Blbk" + "FJ" + noise(74)
OLD_OPENAI = "sk" + "-" + noise(20) + "T3Blbk" + "FJ" + noise(20)
ANTHROPIC = "sk-" + "ant-" + "api03-" + noise(93) + "AA"
GITHUB = "gh" + "p_" + noise(36)
FINE_GRAINED = "github" + "_pat_" + noise(22) + "_" + noise(59)
AMAZON = "AK" + "IA" + noise(16, string.ascii_uppercase + "234567")
SLACK = "xo" + "xb-" + noise(12, string.digits) + "-" + noise(12, string.digits) + "-" + noise(24)
GOOGLE = "AI" + "za" + noise(35)
STRIPE = "sk_" + "live_" + noise(24)
GITLAB = "gl" + "pat-" + noise(20)
BODY = "\n".join([base64.b64encode(noise(48).encode()).decode()] * 12)
PRIVATE = "-----BEGIN RSA " + f"PRIVATE KEY-----\n{BODY}\n-----END RSA " + "PRIVATE KEY-----"
NEW_PRIVATE = PRIVATE.replace(" RSA", " OPENSSH")

VISA = card("453998123764501")
MASTERCARD = card("537812904417763")
AMEX = card("37193482716004")

GERMAN = iban("DE", "500105170648489890")
BRITISH = iban("GB", "BARC20040138290008")
DUTCH = iban("NL", "INGB0274619903")


# ---- classes ---------------------------------------------------------------------------------


def said(*texts: str) -> list[Row]:
    """Each text once in a question or, every other one, in an answer."""
    asked = [chat(user(text), assistant()) for text in texts[::2]]
    return [*asked, *(chat(user(), assistant(text)) for text in texts[1::2])]


def _image(url: str) -> Row:
    return {"type": "image_url", "image_url": {"url": url}}


def _twice(text: str) -> Row:
    return chat(user(f"{text} or {text}?"), assistant())


SECRETS: Classes = {
    "an API key of a model's maker": each(
        "DS148", *said(OPENAI, f"OPENAI_API_KEY={OLD_OPENAI}", f"Use `{ANTHROPIC}`.", f'"{OPENAI}"')
    ),
    "a token of a code host": each(
        "DS148", *said(GITHUB, f"token: {FINE_GRAINED}", f"https://x:{GITHUB}@github.com", GITLAB)
    ),
    "a key of a cloud or a service": each(
        "DS148", *said(f"{AMAZON}\n", f"bot={SLACK}", f"?key={GOOGLE}", f"키는 {STRIPE}입니다")
    ),
    "a private key": each(
        "DS148", *said(PRIVATE, f"Here:\n{NEW_PRIVATE}\n", PRIVATE.replace(" RSA", ""))
    ),
    "a secret beside the questions": [
        *each(
            "DS148",
            chat(message("system", f"The key is {OPENAI}."), user(), assistant()),
            chat(user([{"type": "text", "text": GITHUB}]), assistant()),
            chat(
                user(),
                assistant(None, function_call={"name": "f", "arguments": f'{{"key": "{AMAZON}"}}'}),
                functions=[{"name": "f"}],
            ),
        ),
        *each("DS148", pair(assistant("A"), assistant(f"Take {SLACK}.")), like=DPO),
    ],
    "a secret that nobody says": [
        *each(
            "DS147 DS148",
            chat(user(), assistant(), api_key=OPENAI),
            chat(user(metadata={"source": [{"token": GITHUB}]}), assistant()),
        ),
        *each(
            "DS148",
            chat(user([{"type": "text", "text": "?", "note": AMAZON}]), assistant()),
            chat(user([_image(f"https://a.example.org/b.png?key={GOOGLE}")]), assistant()),
        ),
    ],
    "more than one secret in an example": [
        *each("DS148", _twice(GITHUB), chat(user(), assistant(f"{AMAZON} {OPENAI}"))),
        *each("DS148 DS148", chat(user(GITHUB), assistant(f"Not {GITHUB}!"))),
        together({1: "DS148", 2: "DS148"}, *said(GITHUB), chat(user(AMAZON), assistant())),
    ],
}

PERSONS: Classes = {
    "an e-mail address": [
        *each("DS149", *said("kim.minsu@naver.com", "Write to J.Doe+orders@mail.acme-corp.co.uk.")),
        *each("DS149", chat(user("메일은minsu_k@daum.net입니다"), assistant())),
        *each("DS149", pair(assistant("<minsu@kakao.com>"), assistant("B")), like=DPO),
        together(
            {2: "DS149"},
            chat(user("Who?"), assistant("jane@example.com")),
            chat(user("You?"), assistant("lee@hanmail.net")),
            chat(user("He?"), assistant("park@gmail.com, choi@gmail.com")),
        ),
    ],
    "a phone number": each(
        "DS150",
        *said("Call 010-2345-6789.", "+82 10-8765-4321", "02-734-5678로 전화 주세요"),
        *said("My number is (415) 682-3391.", "Ring +49 30 90182034 please"),
    ),
    "a payment card's number": each(
        "DS151",
        *said(grouped(VISA), f"Card: {MASTERCARD}", f"카드번호는{grouped(VISA, '-')}입니다"),
        *said(f"{AMEX[:4]} {AMEX[4:10]} {AMEX[10:]}", f"pan={VISA};"),
    ),
    "a Korean resident's number": each(
        "DS152",
        *said(resident("900101", "123456"), f"주민번호는 {resident('851231', '234567')}입니다"),
        *said(f"(주민등록번호:{resident('020315', '312345')})", resident("110708", "456789")),
        # Since October 2020 the last six digits are drawn by lot, and none of them checks.
        *said("210315-3123450"),
    ),
    "a bank account's number": each(
        "DS153",
        *said(GERMAN, f"Pay to {grouped(BRITISH)}.", f"IBAN:{DUTCH}"),
        *said(f"계좌는 {grouped(GERMAN)}입니다"),
    ),
    "personal data of many kinds": [
        *each("DS149 DS150", *said("lee@hanmail.net, 010-2345-6789")),
        *each("DS151 DS153", chat(user(grouped(VISA)), assistant(GERMAN))),
        together(
            {1: "DS150", 2: "DS149 DS152", 3: "DS148"},
            chat(user("010-2345-6789"), assistant()),
            chat(user(f"{resident('900101', '123456')} lee@hanmail.net"), assistant()),
            chat(user(f"010-8765-4321 park@gmail.com {GITHUB}"), assistant()),
        ),
    ],
}

PRIVACY: Classes = {**SECRETS, **PERSONS}
