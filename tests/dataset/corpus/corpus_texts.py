"""Texts that look like something that must be found, and aren't."""

from __future__ import annotations

from tests.dataset.corpus.case import Case, assistant, chat, user, valid


def written(*texts: str) -> Case:
    """The texts as questions, and as answers to others."""
    asked = [chat(user(said), assistant("I see.")) for said in texts]
    told = [chat(user(f"What is number {n}?"), assistant(said)) for n, said in enumerate(texts)]
    return valid(*asked, *told)


TEXTS: dict[str, Case] = {
    "code": written(
        "```python\n@app.get('/a')\ndef f(x: list[int]) -> str:\n    return x[0] | {}\n```",
        "SELECT a.b FROM c WHERE d = 'e\\'f' -- 1;",
        "C:\\games\\new\\u0041 and ^\\d{3}-\\w+$",
        "if (a<b && c>d) { x <|y|> z; } // <|user|> < |endoftext| > <endoftext>",
    ),
    "JSON in a text": written(
        '{"messages": [{"role": "user", "content": "hi"}]}',
        '{"a": 1, "a": NaN, "b": [Infinity, -Infinity]}',
        "[{}]{}\n{}",
    ),
    "texts about other formats": written(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1",
        "prompt,completion\na,b\nc,d",
        "PK\x03\x04 and %PDF-1.7 and PAR1",
    ),
    "dates and times": written(
        "From 2024-01-15 10:20:30 to 2024-02-16T11:21:31+09:00.",
        "1700000000, 1700000000123, 20240115102030",
        "2010-2015, 010, 1/2/2024, 15.01.2024, 24-01-15",
    ),
    "prices and quantities": written(
        "₩1,234,567 or $12,345.67 or 1.234.567,89 €",
        "1234567890 units at 0.000123456789 each",
        "3.14159265358979323846, 6.02214076e23, 12345 - 67890 = -55545",
    ),
    "versions and addresses of machines": written(
        "v10.2.3456, 1.2.3-rc.4+build.5678, Python 3.11.7",
        "192.168.100.200:8080, 10.0.0.1/24, fe80::1ff:fe23:4567:890a",
        "37.5665, 126.9780 and 00:1B:44:11:3A:B7",
    ),
    "identities of things": written(
        "123e4567-e89b-12d3-a456-426614174000",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "ISBN 978-3-16-148410-0, order A-20240115-77, business 123-45-67890",
    ),
    "numbers as long as a card's": written(
        "Parcel 1234567890123456 or 1234 5678 9012 3457",
        "0000 0000 0000 0001 and 9999999999999999",
    ),
    "published numbers of test cards": written(
        "4242 4242 4242 4242 or 4242424242424242",
        "4111-1111-1111-1111 and 5555 5555 5555 4444",
        "378282246310005 or 3782 822463 10005",
    ),
    "numbers as long as a resident's": written(
        "900101-123456", "901301-1234567", "900132-2234567", "123456-7890123"
    ),
    "mail to reserved domains": written(
        "jane@example.com, joe.doe+tag@example.org, a@mail.example.net",
        "root@localhost, me@shop.test, you@nowhere.invalid, we@corp.example",
    ),
    "at signs": written(
        "@minsu said: npm i left-pad@1.3.0 @types/node", "a @ b, x@y, 3@5, @media, user@", "👩@🏠"
    ),
    "words that begin like a key": written(
        "a task-based, risk-averse disk-cache, sk-learn, sk-fading-circle",
        "task-oriented-dialogue-systems-for-korean-shops-and-others",
        "Set OPENAI_API_KEY=sk-... or {{api_key}} or $GITHUB_TOKEN or ghp_...",
        "AKIA is a prefix, xoxb- is another, and -----BEGIN CERTIFICATE----- begins no key",
    ),
    "words like a bank account's": written(
        "DE89 is no account, GB12ABCD neither", "DE00 5001 0517 0648 4898 91", "ISO13616:2020"
    ),
    "markup": written("<b>a</b> &lt;|endoftext|&gt; <https://example.com/a@b>", "$\\frac{1}{2}$"),
}
