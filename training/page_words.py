"""Words for printed pages: firms, addresses and goods of several countries, put together anew each time.

Most names are invented, so that a model can only copy them; what tells a firm or an address by (legal forms, words for
streets) is real. No list comes from a data set of receipts.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from training import words


@dataclass(frozen=True)
class Country:
    """How one country prints: names, streets, money and days."""

    name: str
    currency: str
    signs: tuple[str, ...]
    """How the currency is printed beside an amount; "" for not at all."""
    comma: bool
    """Whether the comma parts decimals."""
    dates: tuple[str, ...]
    """`strftime` forms, the commonest first."""
    firms: tuple[str, ...]
    """Forms of a firm's name; N is a name and W an ordinary word of trade."""
    streets: tuple[str, ...]
    """Forms of a street with a number; N is a name, # a number, L a letter."""
    parts: tuple[str, ...]
    """Forms of what may stand between street and city."""
    cities: tuple[str, ...]
    """Forms of the last lines: postal code (digits as 0) and city."""
    numbers: tuple[str, ...]
    """Forms of registration and tax numbers; digits as 0, letters as X."""
    tax: tuple[str, ...]
    rates: tuple[float, ...]
    total: tuple[str, ...]
    subtotal: tuple[str, ...]
    cash: tuple[str, ...]
    change: tuple[str, ...]


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.strip().split("|"))


ENGLISH: dict[str, tuple[str, ...]] = {
    "total": _split("TOTAL|Total|TOTAL:|Total :|Grand Total|GRAND TOTAL|Total Due|AMOUNT DUE|Amount Due|Balance Due|"
                 "NET TOTAL|Nett Total:|Total Payable|TOTAL AMOUNT|Total Amount:|BALANCE DUE|Total to pay"),
    "subtotal": _split("Subtotal|SUBTOTAL|Sub-total|Sub Total:|SUB TOTAL|SUB-TOTAL :|Subtotal:"),
    "cash": _split("CASH|Cash|Cash:|CASH TENDERED|Cash Tendered|Tendered|PAID|CASH :"),
    "change": _split("CHANGE|Change|Change Due|CHANGE DUE|CHANGE :|Change:"),
}  # fmt: skip

MALAYSIA = Country(
    "my", "MYR", ("RM", "", "", "RM ", "MYR ", "$"), False,
    ("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y", "%d %b %Y", "%d-%m-%y", "%d.%m.%Y", "%Y-%m-%d", "%Y/%m/%d", "%-d/%-m/%Y"),
    ("N SDN BHD", "N SDN BHD", "N SDN. BHD.", "N N SDN BHD", "N W SDN BHD", "N W (M) SDN BHD", "N W SDN. BHD.",
     "N ENTERPRISE", "N TRADING", "RESTORAN N", "RESTORAN N N", "KEDAI W N", "PERNIAGAAN N N", "PASARAYA N SDN BHD",
     "N W & W", "N CO. (M) BHD", "N W CENTRE", "N (M) SDN. BHD.", "KLINIK N", "SYARIKAT N N SDN BHD", "N & SONS W",
     "N BAKERY & CAFE", "N W SDN BHD", "N SUPERMARKET SDN BHD", "N HOLDINGS BERHAD", "N N W"),
    ("NO.#, JALAN N #", "NO # JALAN N #/#", "#, JALAN N", "LOT #, JALAN N #/#", "NO.# & #, JALAN N #", "#-#, JALAN N",
     "NO. #, JLN N", "LOT #-L, JALAN N #", "#L, LORONG N #", "NO.#, GROUND FLOOR, JALAN N #/#", "JALAN N",
     "G.#, LEVEL #, N MALL, JALAN N", "NO #, PERSIARAN N", "PT # JALAN N #L", "BLK L, #, LEBUH N",
     "NO: L#, BLK L, JLN PJU #L/#"),
    ("TAMAN N", "TAMAN N N", "BANDAR BARU N", "SEKSYEN #", "KAWASAN PERINDUSTRIAN N", "DESA N", "BANDAR N",
    "PUSAT BANDAR N",
     "KAMPUNG N", "MEDAN NIAGA N", "SS#/#", "PJS #", "N JAYA", "KOTA N", "TMN N"),
    ("00000 N", "00000 KUALA LUMPUR", "00000 N, SELANGOR", "00000 JOHOR BAHRU, JOHOR", "00000 PETALING JAYA, SELANGOR",
     "00000 N JAYA, SELANGOR DARUL EHSAN", "00000 N, PERAK", "00000 SHAH ALAM, SELANGOR.", "00000 N, MALAYSIA",
     "00000 KUALA LUMPUR, W.P.", "00000 GEORGE TOWN, PULAU PINANG", "SELANGOR DARUL EHSAN", "00000 N, MELAKA"),
    ("(000000-X)", "(0000000-X)", "Co. Reg. No.: 000000-X", "GST ID: 000000000000", "GST Reg No: 000000000000",
    "XX0000000-X",
     "GST NO : 000000000000", "GST NO. : 000000000000", "GST No.: 000000000000", "(Company No. 000000-X)",
    "(GST ID No : 000000000000)", "ROC: 000000-X",
     "SST ID: X00-0000-00000000"),
    ("GST", "GST", "SST", "Tax", "Service Tax", "SVC TAX"), (6.0, 6.0, 10.0),
    total=(*ENGLISH["total"], "Total Sales (Inclusive of GST)", "Total Incl. GST", "TOTAL RM", "Total (RM):",
           "Total Inclusive GST @6%", "Total Amt Payable :", "Total RM Incl. of GST", "Final Total", "JUMLAH",
           "Total Rounded",
           "Total Sales Inclusive GST @6%"),
    subtotal=(*ENGLISH["subtotal"], "Total Excluding GST", "Sub Total (Excl. GST)", "Total Sales (Excluding GST)",
        "Total Excl. of GST"),
    cash=(*ENGLISH["cash"], "TUNAI", "Cash Received"), change=(*ENGLISH["change"], "BAKI", "Change (RM)"),
)  # fmt: skip

SINGAPORE = Country(
    "sg", "SGD", ("$", "", "S$", "SGD "), False, ("%d/%m/%Y", "%d %b %Y", "%d-%m-%Y", "%d/%m/%y", "%d %b %y"),
    ("N PTE LTD", "N W PTE LTD", "N W PTE. LTD.", "N W", "N & N W", "N FOOD COURT", "N KOPITIAM"),
    ("# N ROAD #0#-##", "BLK # N AVENUE #", "# N STREET", "# N WALK, #0#-##", "N POINT, # N DRIVE"), ("N PLAZA",
    "N MALL", "N CENTRE"),
    ("SINGAPORE 000000", "S(000000)", "Singapore 000000"), ("GST REG NO: X00000000X", "UEN 000000000X",
    "Co Reg: 000000000X"),
    ("GST",), (7.0, 8.0, 9.0), **ENGLISH,
)  # fmt: skip
AMERICA = Country(
    "us", "USD", ("$", "$", "", "USD "), False, ("%m/%d/%Y", "%m/%d/%y", "%b %d, %Y", "%m-%d-%Y", "%B %d, %Y",
    "%b %d %Y"),
    ("N W", "N'S W", "N & N", "THE N W", "N W INC", "N W CO.", "N W LLC", "N BROS. W", "N'S", "N MARKET"),
    ("# N ST", "# N AVE", "# N BLVD", "# W. N RD", "# N PKWY STE #", "#0 N HWY", "# E N STREET"), ("SUITE #",
    "UNIT #", "N PLAZA"),
    ("N, TX 00000", "N, CA 00000", "N CITY, NY 00000", "N, FL 00000-0000", "N, OH 00000", "N SPRINGS, CO",
    "N, WA 00000"),
    ("STORE #000", "ST# 00000", "TC# 0000 0000 0000", "EIN 00-0000000"), ("TAX", "Tax", "Sales Tax", "TAX 1"), (8.25,
    7.0, 6.5, 8.875), **ENGLISH,
)  # fmt: skip
BRITAIN = Country(
    "uk", "GBP", ("£", "£", "", "GBP "), False, ("%d/%m/%Y", "%d/%m/%y", "%d %b %Y", "%d-%b-%Y", "%d %B %Y",
    "%d.%m.%y"),
    ("N W", "N W LTD", "N & N LTD", "THE N ARMS", "N STORES PLC", "N'S W", "N W LIMITED"),
    ("# N ROAD", "# N STREET", "UNIT #, N PARK", "# HIGH STREET", "#-# N LANE", "THE OLD N, N ROAD"), ("N",
    "N RETAIL PARK", "N-ON-SEA"),
    ("N XX0 0XX", "N, XX00 0XX", "LONDON XX0X 0XX", "N, NSHIRE XX0 0XX"), ("VAT No: GB 000 0000 00",
    "VAT NUMBER 000000000", "Company No 00000000"),
    ("VAT", "VAT @ 20%", "V.A.T."), (20.0, 5.0), **ENGLISH,
)  # fmt: skip
GERMANY = Country(
    "de", "EUR", ("", "EUR ", "€", "EUR"), True, ("%d.%m.%Y", "%d.%m.%y", "%d. %B %Y", "%Y-%m-%d"),
    ("N GmbH", "N W GmbH & Co. KG", "N Markt", "Bäckerei N", "N W e.K.", "Gasthaus zum N", "Apotheke N", "N AG",
    "Café N"),
    ("Nstraße #", "Nstr. #", "Am N #", "Nweg #", "N Platz #", "Nallee #L"), ("Ortsteil N", "N-Center"),
    ("00000 N", "00000 Bad N", "D-00000 N", "00000 Nstadt", "00000 Nburg"), ("USt-IdNr. DE000000000",
    "St.-Nr. 00/000/00000", "HRB 00000"),
    ("MwSt", "USt", "MwSt.", "MWST"), (19.0, 7.0),
    total=_split("SUMME|Summe|Gesamt|GESAMT|zu zahlen|Zu zahlen|Gesamtbetrag|SUMME EUR|Total|Betrag"),
    subtotal=_split("Zwischensumme|Netto|Nettobetrag|ZW-SUMME|Summe netto"),
    cash=_split("Bar|BAR|Gegeben|Bar gegeben|Gegeben BAR"), change=_split("Rückgeld|Zurück|RÜCKGELD|Rückgeld BAR"),
)  # fmt: skip
FRANCE = Country(
    "fr", "EUR", ("€", "", " EUR", "EUR "), True, ("%d/%m/%Y", "%d/%m/%y", "%d-%m-%Y", "%d %B %Y"),
    ("N SARL", "Boulangerie N", "SAS N", "Café N", "Le N", "N Distribution", "Pharmacie N", "Chez N", "Marché N"),
    ("#, rue N", "# avenue N", "# bis, rue de N", "# place N", "ZA de N", "# bd N"), ("BP #0", "Centre Commercial N"),
    ("00000 N", "00000 SAINT-N", "00000 N-SUR-MER", "F-00000 N"), ("SIRET 000 000 000 00000", "TVA FR00000000000",
    "RCS N 000 000 000"),
    ("TVA", "T.V.A."), (20.0, 10.0, 5.5),
    total=_split("TOTAL|Total TTC|TOTAL TTC|NET A PAYER|Montant|A PAYER|Total à payer"),
        subtotal=_split("Total HT|Sous-total|TOTAL HT|S/TOTAL"),
    cash=_split("Espèces|ESPECES|Reçu"), change=_split("Rendu|RENDU|Monnaie"),
)  # fmt: skip
SPAIN = Country(
    "es", "EUR", ("", "€", " €", "EUR "), True, ("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y", "%d de %B de %Y"),
    ("N S.L.", "Bar N", "Supermercados N S.A.", "Panadería N", "Restaurante N", "Farmacia N", "N W S.L.U."),
    ("C/ N, #", "Avda. N #", "Calle de N #", "Plaza N, #", "Pol. Ind. N, nave #"), ("Urb. N",), ("00000 N",
    "00000 - N", "00000 N (Madrid)", "00000 Villa N"),
    ("CIF: X00000000", "NIF X-00000000", "C.I.F. X00000000"), ("IVA", "I.V.A."), (21.0, 10.0, 4.0),
    total=_split("TOTAL|Total a pagar|TOTAL EUR|IMPORTE TOTAL|Total (€)|TOTALE"),
        subtotal=_split("Subtotal|Base imponible|SUBTOTAL|Base"),
    cash=_split("Efectivo|EFECTIVO|Entregado"), change=_split("Cambio|CAMBIO|Devolución"),
)  # fmt: skip
ITALY = Country(
    "it", "EUR", ("", "€ ", "EUR "), True, ("%d/%m/%Y", "%d-%m-%Y", "%d-%m-%y", "%d/%m/%y"),
    ("N S.R.L.", "Bar N", "Trattoria N", "Farmacia N", "Supermercato N S.P.A.", "Panificio N", "N & C. SNC"),
    ("VIA N #", "Via N, #", "P.ZZA N #", "CORSO N, #/L", "V.LE N #"), ("LOC. N",), ("00000 N (XX)", "00000 N XX",
    "00000 - N (XX)"),
    ("P.IVA 00000000000", "P. IVA: IT00000000000", "C.F. 00000000000"), ("IVA", "di cui IVA"), (22.0, 10.0, 4.0),
    total=_split("TOTALE|TOTALE EURO|TOTALE COMPLESSIVO|Totale|IMPORTO PAGATO"),
        subtotal=_split("SUBTOTALE|Subtotale|IMPONIBILE"),
    cash=_split("CONTANTI|Contanti|PAGAMENTO CONTANTE"), change=_split("RESTO|Resto"),
)  # fmt: skip
INDIA = Country(
    "in", "INR", ("Rs. ", "₹", "", "Rs", "INR "), False, ("%d/%m/%Y", "%d-%m-%Y", "%d-%b-%Y", "%d-%b-%y", "%d/%m/%y"),
    ("N W PVT LTD", "HOTEL N", "SRI N W", "N STORES", "N & SONS", "N SWEETS", "M/S N W"),
    ("SHOP NO #, N ROAD", "# N NAGAR", "PLOT #, SECTOR #", "#/#, N MARG", "NO #, #RD CROSS, N"), ("N NAGAR",
    "OPP. N TEMPLE", "NEAR N"),
    ("N - 000000", "NPUR 000000", "N, DELHI 000000", "BANGALORE - 000000"), ("GSTIN: 00XXXXX0000X0XX",
    "FSSAI 00000000000000", "GST NO 00XXXXX0000X0XX"),
    ("CGST", "GST", "SGST", "IGST"), (2.5, 9.0, 18.0, 5.0), **ENGLISH,
)  # fmt: skip

STATES = (
    "SELANGOR",
    "SELANGOR DARUL EHSAN",
    "JOHOR",
    "MALAYSIA",
    "PERAK",
    "KEDAH",
    "PULAU PINANG",
    "W.P. KUALA LUMPUR",
)
"""What stands behind the city in Malaysia."""

COUNTRIES = (MALAYSIA, SINGAPORE, AMERICA, BRITAIN, GERMANY, FRANCE, SPAIN, ITALY, INDIA)
WEIGHTS = (30, 8, 18, 12, 9, 6, 5, 5, 7)

TRADES = _split(
    "HARDWARE|STATIONERY|RESTAURANT|BAKERY|TRADING|MINI MARKET|PHARMACY|BOOKS|ELECTRICAL|CAFE|FOOD|"
    "GIFT SHOP|FASHION|OPTICAL|MARKETING|DEPARTMENT STORE|SEAFOOD|KITCHEN|COFFEE|SUPPLY|MOTOR|"
    "AUTO PARTS|SERVICE STATION|PETROL|FLORIST|HOME DECO|TOYS|SPORTS|FURNITURE|BEAUTY|SALON|LAUNDRY|"
    "PARKING|HOTEL|GROCERY|WINES|DELI|PIZZA|GRILL|NOODLE HOUSE|ELECTRONICS|COMPUTERS|PETS|"
    "GARDEN CENTRE|TOOLS|PAINT|PRINTING|INTERNATIONAL|RETAIL|INDUSTRIES|VENTURES"
)
_SYLLABLES = _listed("""
ka ma la ta sa ra na wa ba da ga ja pa ha mi ni li ri si ti ki bi di gi ku mu nu lu ru su tu bu du po lo
no ro so to ko mo do go chen wong tan lim lee hua ling seng hock yong kim jing fang mei ming guan heng
lai soon chong wei zhi an en in on er ar el or us is al berg stein mann ville mont ford ham ton ley wood
brook hill mar del san cor ven tal bel dor fin gran hart kel lam nor pal quin ros sten tor ulm val win
zan
""")
_OTHER_SYLLABLES = _listed("""
qua zi fe vo wu xe jo yu zo fi ve wo vi fu pe ze gwe thal rhu dro kri plo sna tre vlad mir slav ova ska
ard unn ost holm vik nes dal fjord ras mund sten gaar bju lund stad hof kamp veld dijk huis
""")
_OTHER_TRADES = _split(
    "UPHOLSTERY|CHEESEMONGER|CYCLES|AQUARIUM|TEA HOUSE|STATIONERS|TAILOR|INSTRUMENTS|NURSERY|LAMPS|CARPETS|FISHMONGER"
)


@dataclass(frozen=True)
class Names:
    """What names are put together from."""

    listed: words.Words
    syllables: tuple[str, ...]
    trades: tuple[str, ...]
    lengths: tuple[int, ...] = (1, 2, 2, 2, 3, 3, 4)
    invented: float = 0.0


TRAINING = Names(words.TRAINING, _SYLLABLES, TRADES, invented=0.3)
HELD_OUT = Names(words.HELD_OUT, _OTHER_SYLLABLES, _OTHER_TRADES)
"""Syllables, goods and trades that no training page has."""


_ORDINARY = _listed("""
Maple Harbour Corner River Willow Amber Mercer Hudson Clover Dalton Ashford Weston Linden Parker Morgan Ellis Carter
Bennett Hollis Fielding Greenway Kingsley Merton Oakley Preston Ridley Sutton Thornton Walton Whitby Alder Bishop
""")


class HeldOut(random.Random):
    """Chance that draws the names of the test set."""

    names = HELD_OUT


class Ordinary(random.Random):
    """Chance that draws names as one meets them, for an example to look at."""

    names = Names(words.TRAINING, _ORDINARY, TRADES, (1,))


def names_of(rng: random.Random) -> Names:
    """What a source of chance draws names from."""
    found = getattr(rng, "names", TRAINING)
    assert isinstance(found, Names)
    return found


def name(rng: random.Random) -> str:
    """A proper name that is nobody's, of one to four syllables."""
    names = names_of(rng)
    if rng.random() < 0.25:
        return rng.choice((rng.choice(names.listed.shop_first), rng.choice(names.listed.goods)))
    if rng.random() < names.invented:
        return words.invent(rng)
    return "".join(rng.choice(names.syllables) for _ in range(rng.choice(names.lengths))).capitalize()


_ENDINGS = ("straße", "str.", "weg", "allee", "stadt", "burg", "PUR", "SHIRE")
"""What a name may be the beginning of."""


def fill(form: str, rng: random.Random) -> str:
    """A form with its names, numbers and letters put in; letters of ordinary words stay."""
    filled = ""
    for at, character in enumerate(form):
        alone = not form[at - 1 : at].isalpha() and not form[at + 1 : at + 2].isalpha()
        if character == "N" and (alone or form.startswith(_ENDINGS, at + 1)):
            filled += name(rng)
        elif character == "W" and alone and form[at + 1 : at + 2] != ".":
            filled += rng.choice(names_of(rng).trades)
        elif character == "L" and alone:
            filled += rng.choice("ABCDEFGHJK")
        elif character == "#":
            filled += str(rng.choice((rng.randint(1, 9), rng.randint(1, 99), rng.randint(1, 300))))
        else:
            filled += character
    return filled


def coded(form: str, rng: random.Random) -> str:
    """A form with 0 as any digit and single or repeated X as any letter."""
    return "".join(
        str(rng.randrange(10)) if one == "0" else rng.choice("ABCDEFGHKLMPRSTVWX") if one == "X" else one
        for one in form
    )


def told(form: str, rng: random.Random) -> str:
    """A form with names, numbers, digits and letters put in."""
    return coded(fill(form, rng), rng)


def firm(country: Country, rng: random.Random) -> str:
    """A firm's name as it is printed."""
    text = fill(rng.choice(country.firms), rng)
    return rng.choice((str.upper, str.upper, str.title, str))(text) if country.name != "de" else text


def address(country: Country, rng: random.Random) -> tuple[str, ...]:
    """The parts of an address, in order: street, what stands between, postal code and city."""
    parts = [fill(rng.choice(country.streets), rng)]
    parts += [fill(rng.choice(country.parts), rng) for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 2, 3)))]
    if rng.random() < 0.93:
        parts.append(coded(fill(rng.choice(country.cities), rng), rng))
    if country.name == "my" and rng.random() < 0.3 and "," not in parts[-1]:
        parts.append(rng.choice(STATES))
    shape = rng.choice((str.upper, str.upper, str.title, str))
    return tuple(map(shape, parts))


def wrapped(parts: Sequence[str], rng: random.Random) -> tuple[str, ...]:
    """Parts of an address on one to five lines, with commas or without, broken where a narrow paper would."""
    comma = rng.choice((", ", ", ", ",", " ", ", "))
    text = comma.join(parts)
    if rng.random() < 0.35:
        lines = [part + (comma.strip() if part != parts[-1] else "") for part in parts]
    else:
        lines = broken(text, rng.randint(16, 44))
    if rng.random() < 0.12:
        lines[-1] += "."
    return tuple(lines)


def broken(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` characters, broken at blanks; longer words stand alone."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def goods(rng: random.Random) -> str:
    """What is sold, as tills print it."""
    parts = [name(rng) if rng.random() < 0.5 else rng.choice(names_of(rng).listed.goods)]
    if rng.random() < 0.55:
        parts.insert(rng.randrange(2), name(rng) if rng.random() < 0.4 else rng.choice(names_of(rng).listed.kinds))
    if rng.random() < 0.25:
        parts.append(name(rng))
    if rng.random() < 0.3:
        parts.append(
            rng.choice(
                (
                    "500G",
                    "1KG",
                    "1.5L",
                    "330ml",
                    "(S)",
                    "(L)",
                    "A4",
                    "10'S",
                    "70g",
                    "2PCS",
                    "24MMx7Y",
                    "250 g",
                    '12"',
                    "#5",
                    "1L",
                    "40MM",
                    "XL",
                    "(HOT)",
                    "+ Soda",
                    "6x",
                    "w/ Rice",
                    "No.3",
                    "4065#",
                    "2in1",
                    "100'S",
                )
            )
        )
    shape = rng.choice((str.upper, str.upper, str.title, str))
    return shape(" ".join(parts))
