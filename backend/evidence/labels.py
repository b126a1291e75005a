"""Knows the words beside a value: the field's name in JSON, and what receipts print for it in several languages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from rapidfuzz.distance import Levenshtein

from backend.evidence.folding import confused, flat

# Per role: phrases of receipts in several languages. The longest phrase of a row counts, so that "sub total" is no
# total. After "|" those that name the sum to pay beyond doubt.
_PHRASES = {
    "total": "total; totals; total amount; total amt; amount; total rm; total sales; total price; total value; "
    "total incl gst; total inclusive gst; total inclusive of gst; total including gst; total incl of "
    "gst; summe; gesamt; gesamtsumme; gesamtbetrag; betrag; endbetrag; total eur; montant; total ttc; "
    "montant ttc; totale; importo; totale complessivo; importe; importe total; jumlah; jumlah besar; "
    "totaal; bedrag; valor total; somme; suma; total sales inclusive gst; total sales incl gst; 合計; 总计; "
    "总额; 합계; 総計; 小計合計| grand total; nett total; net total; total due; amount due; balance due; total "
    "payable; amount payable; amt payable; total amt payable; total amount payable; total to pay; to pay; "
    "net payable; total rounded; total amt rounded; "
    "total amount rounded; rounded total; total after rounding; total sales rounded; zu zahlen; "
    "zahlbetrag; net a payer; a payer; total a payer; totale a pagare; da pagare; total a pagar; a "
    "pagar; te betalen; jumlah perlu dibayar; お会計; 合計金額; 应付; total after adj; invoice total; bill "
    "total; total da fattura",
    "subtotal": "subtotal; sub total; subtotals; s total; sub ttl; total excl gst; total excl of gst; total excluding "
    "gst; total excluded gst; total before tax; amt excl gst; amount excl gst; taxable amount; zwischensumme; "
    "netto; nettobetrag; nettosumme; net; nett; sous total; total ht; montant ht; subtotale; "
    "imponibile; base imponible; base; subtotaal; jumlah kecil; total sales excluding gst; total sales "
    "excl gst; excl tax; 小計; 小计; 소계; taxable; net amount",
    "tax": "tax; taxes; gst; sst; vat; hst; pst; qst; total gst; gst total; gst amt; gst amount; total tax; "
    "tax total; tax amount; tax amt; sales tax; service tax; gst payable; add gst; mwst; ust; "
    "mehrwertsteuer; umsatzsteuer; steuer; steuern; tva; total tva; montant tva; iva; totale iva; "
    "impuesto; impuestos; cukai; btw; moms; imposto; cgst; sgst; igst; sr; zrl; total cgst; total sgst; "
    "ppn; pajak; 消費税; 内税; 外税; 税; 부가세",
    "discount": "discount; disc; total discount; discounts; less; rebate; saving; savings; you saved; coupon; "
    "voucher; promo; promotion; avoir; gutschrift; rabatt; nachlass; gutschein; remise; reduction; sconto; descuento; "
    "diskaun; korting; desconto; 値引; 割引; 优惠; 折扣; 할인",
    "change": "change; change due; change amount; balance; change rm; ruckgeld; wechselgeld; zuruck; rendu; rendu "
    "monnaie; monnaie; resto; cambio; baki; kembali; kembalian; wisselgeld; troco; お釣り; おつり; 釣; 找零; "
    "거스름돈",
    "cash": "cash; paid; amount paid; cash paid; tendered; cash tendered; tender; amount tendered; cash "
    "received; received; payment; total payment; bar; gegeben; bezahlt; bargeld; especes; recu; paye; "
    "contanti; contante; efectivo; recibido; entregado; tunai; bayar; dibayar; contant; dinheiro; visa; "
    "mastercard; master; maestro; card; credit card; debit card; ec karte; girocard; kreditkarte; "
    "ec cash; carte bleue; carte bancaire; cb; carta di credito; bancomat; tarjeta; contactless; paypal; amex; "
    "american express; nets; debit; credit; pay by; paid by; paywave; 現金; "
    "お預り; 预付; 现金; 받은금액",
    "rounding": "rounding; rnd; rnd adj; rounding adj; rounding adjustment; round adj; round; rundung; arrondi; "
    "arrotondamento; redondeo; pembundaran; penggenapan; afronding; arredondamento; total rounding; round off",
    "tip": "tip; gratuity; trinkgeld; pourboire; mancia; propina; service; service charge; svc chg; serv chg; "
    "gorjeta; caj perkhidmatan; fooi",
    "quantity": "qty; quantity; quantities; qtys; total qty; tot qty; total quantity; no of items; no of item; "
    "items; item count; total items; total item; pcs; pieces; units; menge; anzahl; stuck; stk; qte; "
    "quantite; quantita; qta; cantidad; cant; kuantiti; kuantitas; aantal; quantidade; qtd; 数量; 点数; 件数; "
    "수량",
    "price": "unit price; price; u price; unit; each; rsp; s price; rate price; einzelpreis; preis; e preis; "
    "prix; prix unitaire; pu; prezzo; prezzo unitario; precio; precio unitario; harga; harga seunit; "
    "prijs; preco; preco unitario; 単価; 单价; 단가",
    "amount": "amt; amount rm; amt rm; line total; item total; extended; ext price; total price item; "
    "gesamtpreis; 金額; 金额; 금액",
    "rate": "rate; tax rate; gst rate; vat rate; percent; percentage; satz; steuersatz; mwst satz; taux; taux "
    "tva; aliquota; tipo; tasa; kadar; tarief; aliquota iva; 税率",
    "time": "time; zeit; uhrzeit; uhr; heure; ora; ore; orario; hora; masa; jam; waktu; tijd; 時間; 时间; 시간",
    "date": "date; datum; tag; data; fecha; tarikh; tanggal; bill date; invoice date; date time; 日付; 日期; 날짜",
}
MONEY = frozenset({"total", "subtotal", "tax", "discount", "change", "cash", "rounding", "tip", "price", "amount"})
EITHER_SIGN = frozenset({"discount", "change", "rounding"})
SUMS = MONEY - {"price", "amount"}
BESIDE_SUMS = re.compile(
    "add|less|plus|incl|includes|including|included|inclusive|excl|excluded|of|to|at|on|by|in|pay|before|after|no|amt"
)
"""The words that stand beside one for a sum: Add GST, Total incl. of VAT."""
HEADING = (
    r"(?:(?:official|sales|cash|tax|guest|customer|simplified) ?)*(?:receipt|invoice|bill|check|copy|sales?)|original"
    r"|duplicate|welcome(?: to)?|powered by.*|thank you.*|please .*"
    r"|goods sold.*|(?:kunden|bewirtungs|zahlungs)?(?:beleg|rechnung|quittung)|(?:kassen)?(?:bon|zettel)"
    r"|ticket(?: client| de caisse)?|facture|re[cç]u|scontrino(?: fiscale)?|ricevuta|factura(?: simplificada)?|recibo"
)
"""A pattern for the lines that are no name of anything: what kind of paper it is, welcome and thanks."""
_OF_PAPER = ("", "official", "sales", "cash", "tax", "guest", "customer")
_PAPERS = ("receipt", "invoice", "bill", "check", "copy")
_HEADINGS = [
    *(f"{of}{paper}" for of in _OF_PAPER for paper in _PAPERS),
    "original",
    "duplicate",
    "welcome",
    "takeaway",
    "eatin",
    "dinein",
]
_VAGUE = {None, "amount", "price", "quantity"}
_LONGEST = 5  # words of a phrase
_LONG, _LONGEST_SUM = 5, 20  # letters of a phrase in which one may be misread
_LONG_BESIDE = 8  # the same of a discount or of rounding, whose shorter words are too much like others

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Label:
    """A word or phrase of a row, [start, end): compared form, role if it is one of a receipt's, and its rank."""

    start: int
    end: int
    text: str
    role: str | None = None
    rank: int = 0
    part: bool = False  # a word of a phrase, which has the phrase's role


@cache
def _table() -> dict[str, tuple[str, int]]:
    """Each phrase, compared as OCR readers confuse it and without spaces, with its role and rank."""
    table = {}
    for role, phrases in _PHRASES.items():
        for rank, group in enumerate(phrases.split("|")):
            for phrase in group.split(";"):
                table[confused(phrase.replace(" ", "").strip())] = (role, rank)
    return table


@cache
def _misread_sums() -> dict[str, str]:
    """The longer words for a sum with each of their letters left open, by what they stand for."""
    long = {"total": _LONG, "subtotal": _LONG, "discount": _LONG_BESIDE, "rounding": _LONG_BESIDE}
    sums = [text for text, (role, _) in _table().items() if role in long and len(text) >= long[role]]
    return {f"{text[:at]}?{text[at + 1 :]}": text for text in sums for at in range(len(text))}


def _corrected(text: str) -> str:
    """A phrase of the table in which one letter of a word for a sum was misread: “Totel”, “Svb-total”."""
    if text in _table() or not _LONG <= len(text) <= _LONGEST_SUM:
        return text
    found = (_misread_sums().get(f"{text[:at]}?{text[at + 1 :]}") for at in range(len(text)))
    return next(filter(None, found), text)


@cache
def _unspaced() -> re.Pattern[str]:
    """The phrases of scripts that set no spaces, the longest first."""
    phrases = [phrase for phrase in _table() if not phrase.isascii()]
    return re.compile("|".join(map(re.escape, sorted(phrases, key=len, reverse=True))))


def labels(text: str) -> list[Label]:
    """Find the words of a flat text, and the phrases that receipts use, longer ones in place of shorter."""
    words = [match for match in _WORD.finditer(text) if not match[0].isdigit()]
    found, at = [], 0
    while at < len(words):
        taken, label = _longest(words[at : at + _LONGEST])
        role = label.role if label else None
        found += [
            Label(word.start(), word.end(), confused(word[0]), role, part=label is not None)
            for word in words[at : at + taken]
        ]
        if label:
            found.append(label)
        at += taken
    return found if text.isascii() else [*found, *_characters(text)]


def is_heading(text: str) -> bool:
    """Whether a line says what kind of paper it is and no more, also with a letter misread: “CASM BILL”."""
    joined = "".join(_WORD.findall(flat(text)))
    return len(joined) > _LONG and any(abs(len(joined) - len(one)) < 2 and _near(joined, one) for one in _HEADINGS)


def _near(text: str, other: str) -> bool:
    return Levenshtein.distance(text, other, score_cutoff=1) <= 1


def role_of(key: str, parent: str = "") -> str | None:
    """Tell a field's role by its name: `unit_price` is a price, `amount` in `taxes` a tax; None if it has none."""
    own, above = _role(key), _role(parent)
    return above if own in _VAGUE and above in SUMS else own


def words_of(key: str) -> frozenset[str]:
    """A field's name as words to look for: whole, and each part of it."""
    parts = _parts(key)
    return frozenset({confused("".join(parts)), *(confused(part) for part in parts if len(part) > 2)})


def as_words(phrases: Iterable[str]) -> frozenset[str]:
    """Phrases as words to look for."""
    return frozenset(word for phrase in phrases for word in words_of(phrase))


def _parts(key: str) -> list[str]:
    """`unitPrice` and `unit_price` in words."""
    return [match[0] for match in _WORD.finditer(flat(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key)).replace("_", " "))]


def _role(key: str) -> str | None:
    parts = _parts(key)
    for count in range(len(parts), 0, -1):  # the longest end first: total_tax_amount
        for start in range(len(parts) - count + 1):
            found = _table().get(confused("".join(parts[start : start + count])))
            if found:
                return "amount" if parts == ["amount"] else found[0]
    return None


def _longest(words: list[re.Match[str]]) -> tuple[int, Label | None]:
    joined = [confused(word[0]) for word in words]
    for count in range(len(words), 0, -1):
        text = _corrected("".join(joined[:count]))
        if text in _table():
            role, rank = _table()[text]
            return count, Label(words[0].start(), words[count - 1].end(), text, role, rank)
    return 1, None


def _characters(text: str) -> Iterator[Label]:
    for match in _unspaced().finditer(text):
        role, rank = _table()[match[0]]
        yield Label(match.start(), match.end(), match[0], role, rank)
