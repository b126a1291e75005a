"""The form of a receipt: its fields and their bounds, and the receipt that a text of JSON is.

Money stays as printed, in units of the currency. What is not printed is null: never invented.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from backend.tasks.forms.json_text import load, objects

_LINES = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF",
    "CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD",
    "HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD",
    "LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK",
    "PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS",
    "TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG",
)

CODES = frozenset(code for line in _LINES for code in line.split())


def _known(code: str) -> str:
    if code not in CODES:
        raise ValueError("no currency of ISO 4217")
    return code


def _number(low: int, high: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "number", "minimum": low, "maximum": high, "multipleOf": 0.001})


Money = Annotated[Decimal, _number(-10_000_000, 10_000_000)]
Quantity = Annotated[Decimal, _number(0, 100_000)]
Percent = Annotated[Decimal, _number(0, 100)]
# Bounds end an answer that would repeat itself for ever.
Words = Annotated[str, WithJsonSchema({"type": "string", "maxLength": 120})]
Lines = Annotated[str, WithJsonSchema({"type": "string", "maxLength": 240})]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]
Currency = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": sorted(CODES)})]


class _Strict(BaseModel):
    # Every field is written, null where nothing is printed.
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class Item(_Strict):
    """One line of a receipt; `unit_price` is null where only the amount is printed."""

    name: Words
    quantity: Quantity | None = None
    unit_price: Money | None = None
    amount: Money | None = None


class Tax(_Strict):
    """One tax line; `rate` in percent."""

    name: Words | None = None
    rate: Percent | None = None
    amount: Money | None = None


class Receipt(_Strict):
    """A receipt: date ISO 8601, time HH:MM, currency ISO 4217; null where nothing is printed."""

    shop: Words | None = None
    address: Lines | None = None
    date: Day | None = None
    time: Clock | None = None
    currency: Currency | None = None
    items: Annotated[tuple[Item, ...], Field(json_schema_extra={"maxItems": 100})] = ()
    subtotal: Money | None = None
    discount: Money | None = None
    taxes: Annotated[tuple[Tax, ...], Field(json_schema_extra={"maxItems": 10})] = ()
    total: Money | None = None
    payment: Words | None = None


def parse(answer: str) -> Receipt | None:
    """The first receipt in an answer, text and code fences around the JSON ignored; None without a valid one."""
    return next((receipt for start, end in objects(answer) if (receipt := as_receipt(answer[start:end]))), None)


def as_receipt(source: str) -> Receipt | None:
    """The receipt that a text of JSON is; None where it is none."""
    try:
        return Receipt.model_validate(load(source, Decimal))
    except (ValueError, ArithmeticError):  # pydantic's and json's errors are ValueErrors
        return None
