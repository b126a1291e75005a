"""Knows how currencies and payments are printed: the sign, the code or the national word for each."""

from __future__ import annotations

import re
from functools import cache

from backend.tasks.forms.receipt_schema import CODES

# Signs and words beside the code itself, as `folding.flat` has them. "sr" and "r" stand beside tax codes and names
# too, so they are left out or need digits behind them.
_WORDS = {
    "AED": "dhs dh د.إ",
    "ARS": "$ ar$",
    "AUD": "$ a$ au$",
    "BDT": "৳ tk taka",
    "BGN": "лв",
    "BRL": "r$ reais",
    "CAD": "$ c$ ca$",
    "CHF": "fr sfr franken francs",
    "CLP": "$",
    "CNY": "¥ 元 rmb 人民币 yuan",
    "COP": "$",
    "CZK": "kc",
    "DKK": "kr",
    "EGP": "e£ le",
    "EUR": "€ euro euros eur",
    "GBP": "£ pound pounds",
    "GEL": "₾ lari",
    "HKD": "$ hk$",
    "HUF": "ft forint",
    "IDR": "rp rupiah",
    "ILS": "₪ nis",
    "INR": "₹ rs rupees rupee",
    "ISK": "kr",
    "JPY": "¥ 円 yen",
    "KRW": "₩ 원 won",
    "KZT": "₸",
    "LKR": "rs",
    "MXN": "$ mx$ pesos",
    "MYR": "rm ringgit",
    "NGN": "₦ naira",
    "NOK": "kr",
    "NZD": "$ nz$",
    "PHP": "₱ php peso pesos",
    "PKR": "rs rupees",
    "PLN": "zl zlotych",
    "RON": "lei",
    "RUB": "₽ руб р",
    "SAR": "ر.س riyal",
    "SEK": "kr kronor",
    "SGD": "$ s$",
    "THB": "฿ baht บาท",
    "TRY": "₺ tl",
    "TWD": "$ nt$ 元",
    "UAH": "₴ грн",
    "USD": "$ us$ dollar dollars",
    "VND": "₫ d dong",
    "ZAR": "r rand",
}
_NEEDS_DIGITS = {"r", "le", "fr", "р", "dh", "ft"}
# Codes that are words or parts of names too, as in “SDN BHD”. They need an amount, or brackets, beside them.
_WORDS_TOO = (
    "all amd ang ars bam bhd bob cad cop cup dop ern gel gip kes lak mad mga mop mur nad pen ron sar sek sos std svc "
    "top try tnd ttd uah"
)
ALSO_WORDS = frozenset(_WORDS_TOO.split())


def _alternatives(words: set[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


_SYMBOLS = {word for words in _WORDS.values() for word in words.split() if not word.isalpha() or not word.isascii()}
_LETTERS = {word for words in _WORDS.values() for word in words.split() if word.isascii() and word.isalpha()}
_IN_LETTERS = _alternatives((_LETTERS | {code.lower() for code in CODES}) - _NEEDS_DIGITS)

SIGN = f"(?:{_alternatives(_SYMBOLS | set('円元원'))}|(?<![a-z])(?:{_IN_LETTERS}))"
"""A pattern for what stands beside an amount; letters only where none comes before."""

TIMES = rf"[x×]\s?(?:{_alternatives(_SYMBOLS)}|{_IN_LETTERS})\.?\s?(?=\d)"
"""A pattern for what stands between a count and an amount: the “xRM” of 3xRM2.60."""

PAYMENTS = {
    "cash": "cash bar bargeld barzahlung tunai especes contant contanti contanten kontant efectivo dinheiro gotowka "
    "numerario 現金 现金 お預り お預かり",
    "card": "card visa mastercard master maestro amex debit credit ec girocard karte kartenzahlung carte cb tarjeta "
    "carta cartao kad bancomat pin unionpay jcb discover paywave vpay kreditkarte cc kredit debito credito "
    "クレジット カード 信用卡 银行卡",
}
"""The words by which receipts name a kind of payment."""

_GENERIC = {
    "cash": {"cash", "bar", "barzahlung"},
    "card": {"card", "credit card", "debit card", "credit", "debit", "creditcard", "bank card", "karte"},
}


@cache
def signs(code: str) -> re.Pattern[str]:
    """Make a pattern that finds a currency's code, sign or word in a flat text."""
    words = {code.lower(), *_WORDS.get(code, "").split()}
    found = [_pattern(word) for word in sorted(words, key=lambda word: (-len(word), word))]
    return re.compile("|".join(found))


@cache
def payments(said: str) -> re.Pattern[str] | None:
    """Make a pattern that finds a payment of a general kind; None for one with a name of its own, which is text."""
    kind = next((kind for kind, words in _GENERIC.items() if said in words), None)
    return re.compile("|".join(_word(word) for word in PAYMENTS[kind].split())) if kind else None


def _pattern(word: str) -> str:
    if not word.isalpha() or not word.isascii():
        ahead = r"(?<![a-z])" if word == "$" else ""  # the $ of R$ and A$ is another
        return ahead + re.escape(word)
    if word == "d":  # of dong, which are counted in hundreds
        return r"(?<=00)\s?d(?![a-z])"
    if word in ALSO_WORDS:
        amount = r"\d[\d.,' ]*[.,]\d\d(?!\d)"
        return rf"(?<![a-z]){word}[.:]?\s?(?=[-(]?{amount})|(?<=[.,]\d\d)\s?{word}(?![a-z])|(?<=[(/]){word}(?=[)/])"
    if word in _NEEDS_DIGITS:  # R12.50 and R 1 200, but neither R1927 nor FR09337043
        amount = r"(?!0\d)(?:\d+[.,]\d\d|\d{1,3}(?:[ '.,]\d{3})*)(?![\w-])"
        return rf"(?<![a-z]){word}\.?\s?(?={amount})|(?<=\d)\s?{word}\.?(?![a-z])"
    return rf"(?<![a-z]){word}(?![a-z])"


def _word(word: str) -> str:
    return rf"(?<![a-z]){word}(?![a-z])" if word.isascii() else re.escape(word)
