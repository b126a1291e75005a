"""The words of tills: headings, lines of no interest, names of sums. 0 is any digit, X any letter, N a name."""

JUNK = (
    "X00000",
    "X00000",
    "00000000",
    "0000000",
    "0000000",
    "00",
    "X0000.0",
    "XX",
    "0 0",
    "0000000 CHECKED",
    "(XX",
    "#0",
    "- X -",
)
"""What stands on the top margin: stamps, notes, marks."""
LEGAL = ("SDN", "LTD", "GMBH", "INC", "LLC", "SARL", "S.L", "S.R.L", "BHD")
REGISTERED = ("(000000-X)", "(000000-X)", "(0000000-X)", "000000-X", "(000000X)", "(XX0000000-X)", "(000000 X)")
"""A firm's registration number beside its name."""
PHONES = (
    "TEL: 00-0000000",
    "Tel:00-0000000 Fax:00-0000000",
    "Phone (000) 000-0000",
    "TEL : 00-0000 0000",
    "Tel. 00000/00000",
    "H/P:000-0000000",
    "Tel No 000 0000 0000",
    "(000) 000-0000",
)
WEB = ("www.xxx.com", "info@xxxxx.com", "Mobile /Whatsapps : +6000-000 0000")
HEADINGS = (
    "TAX INVOICE",
    "Tax Invoice",
    "RECEIPT",
    "INVOICE",
    "CASH SALES",
    "OFFICIAL RECEIPT",
    "CASH BILL",
    "TAXINVOICE",
    "Receipt",
    "SALES RECEIPT",
    "SIMPLIFIED TAX INVOICE",
    "**TAX INVOICE**",
    "ORIGINAL",
    "Customer Copy",
    "*** COPY ***",
    "BILL",
    "WELCOME",
    "Guest Check",
)
META = (
    "Invoice No: 0000000",
    "INV NO.: XX000000",
    "Receipt #: 00000",
    "Bill No.: 000-000000",
    "Cashier: N",
    "CASHIER: 00",
    "Slip No.: 0000000000",
    "Trans: 000000",
    "Counter: 0  Pos: 00",
    "Table 00",
    "Table: X0",
    "Order #0000",
    "Server: N",
    "Staff: XX00000",
    "Till 0  Op 00",
    "Ref: 0000000",
    "Doc No. : XX00000000",
    "Terminal ID 00000000",
    "Salesperson: N",
    "Member: 0000000000",
    "Pax: 0",
    "TRN: XX0000000",
    "Order No. 0000  Dine In",
    "Cashier#: N",
    "Guests 0",
    "REG 00",
    "Room No: 00  000000",
    "CUSTOMER: CASH",
    "Name: N N",
    "Page: 1 of 1",
    "Page 1/1",
    "M.Card: 0000000",
)
DATED = ("Date: ", "DATE: ", "Date : ", "", "", "Date  ", "Invoice Date: ", "Bill Date:", "Date/Time: ")
COLUMNS = (
    ("Item", "Price($)", "Amt($)"),
    ("Item", "Qty", "Price", "Amt"),
    ("Description", "Amount"),
    ("DESCRIPTION", "QTY", "PRICE", "TOTAL"),
    ("Qty", "Item", "$"),
    ("Qty Description", "Amount"),
    ("Item", "Qty", "U.Price($)", "$"),
    ("CODE/DESC", "PRICE", "Disc", "AMOUNT"),
    ("Artikel", "$"),
    ("QTY  DESCRIPTION", "AMT"),
    ("ITEM", "S/PRICE", "AMOUNT"),
    ("Item", "Price"),
    ("Qty", "U/P", "Amount"),
)
FEET = (
    "Thank You! Please Come Again!",
    "THANK YOU",
    "Thank you for shopping with us",
    "GOODS SOLD ARE NOT RETURNABLE",
    "Goods sold are not refundable",
    "PLEASE KEEP THIS RECEIPT",
    "www.N.com",
    "Like us on Facebook!",
    "Have a nice day",
    "Customer Service: 000-0000000",
    "Exchange within 7 days with receipt",
    "Total Savings  0.00",
    "Points earned: 00",
    "Powered by N POS",
    "** END **",
    "VISA ************0000",
    "APPR CODE 000000",
    "AID: X000000000000",
    "REF # 000000000000",
    "Tell us how we did: www.N.com/survey",
    "Your balance: 00.00",
    "Item Count 0",
    "No. of Items: 0",
    "Opening hours 0am - 0pm",
    "E.&O.E.",
    "WIFI: N0000",
    "Expires 00/00/0000",
)
CARDS = (
    "VISA",
    "Visa",
    "MASTERCARD",
    "MasterCard",
    "CREDIT CARD",
    "DEBIT CARD",
    "Card",
    "CARD",
    "AMEX",
    "VISA CARD",
    "Debit",
    "NETS",
    "Contactless",
)
DISCOUNTS = (
    "Discount",
    "DISCOUNT",
    "Less: Discount",
    "Member Discount",
    "Voucher",
    "Coupon",
    "Disc",
    "Savings",
    "Promo",
    "Coupon Discount",
    "DISC 10%",
)
LOCAL: dict[str, dict[str, tuple[str, ...]]] = {
    "headings": {
        "de": ("Rechnung", "Quittung", "Kassenbon", "Kundenbeleg", "Bewirtungsbeleg"),
        "fr": ("TICKET", "Facture", "Ticket client", "Addition"),
        "es": ("FACTURA SIMPLIFICADA", "TICKET", "Copia cliente"),
        "it": ("DOCUMENTO COMMERCIALE", "Scontrino fiscale", "RICEVUTA"),
    },
    "meta": {
        "de": ("Kasse 0  Bon 0000", "Bon-Nr. 0000", "Es bediente Sie: N", "Tisch 00", "St.Nr. 00/000/00000"),
        "fr": ("Caisse 00", "Ticket 000000", "Servi par N", "Table 00  Couverts 0"),
        "es": ("Caja 00", "Mesa 00", "Le atiende: N", "Factura 000000"),
        "it": ("Cassa 0", "Operatore N", "Documento n. 0000-0000", "Tavolo 00"),
    },
    "feet": {
        "de": ("Vielen Dank für Ihren Einkauf", "Auf Wiedersehen", "Es gelten unsere AGB", "TSE-Signatur: X0X0X000"),
        "fr": ("Merci de votre visite", "A BIENTOT", "Merci et à bientôt"),
        "es": ("GRACIAS POR SU VISITA", "IVA incluido", "No se admiten devoluciones sin ticket"),
        "it": ("Grazie e arrivederci", "GRAZIE", "Arrivederci"),
        "my": ("TERIMA KASIH", "Terima kasih, sila datang lagi", "BARANG YANG DIJUAL TIDAK BOLEH DITUKAR"),
    },
    "cards": {
        "de": ("EC-Karte", "Girocard", "Kreditkarte", "VISA"),
        "fr": ("CB", "Carte bancaire", "CARTE BLEUE"),
        "es": ("Tarjeta", "TARJETA", "VISA"),
        "it": ("CARTA", "Pagamento elettronico", "BANCOMAT"),
    },
    "discounts": {
        "de": ("Rabatt", "Nachlass", "Coupon"),
        "fr": ("Remise", "Réduction", "Avoir"),
        "es": ("Descuento", "Dto.", "Cupón"),
        "it": ("Sconto", "Buono", "SCONTO"),
    },
}
"""By list and country, what is printed there; other countries print the English ones."""
ROUNDINGS = ("Rounding", "Rounding Adj", "ROUNDING ADJ", "Rounding Adjustment :", "Round Adj", "Rounding:", "RND")
TAXED = (
    "{name} {rate}%",
    "{name} @{rate}%",
    "{rate}% {name}",
    "{name} ({rate}%)",
    "{name} @ {rate}%:",
    "Total {name} ({rate}%)",
    "{name} {rate} %",
    "{name} payable ({rate}%):",
    "Add {rate}% {name}",
)


def of(kind: str, country: str) -> tuple[str, ...]:
    """The words of a kind ("headings", "meta", "feet", "cards", "discounts") that a country's tills print."""
    local = LOCAL[kind].get(country, ())
    return local if local and country != "my" else (*local, *_ENGLISH[kind])


_ENGLISH = {"headings": HEADINGS, "meta": META, "feet": FEET, "cards": CARDS, "discounts": DISCOUNTS}
