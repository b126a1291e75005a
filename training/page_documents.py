"""Pages that are no receipts: forms, letters, tickets, notices and tables, with questions that their words answer."""

from __future__ import annotations

import random
from datetime import date, timedelta

from backend.evidence.asked import NOT_PRINTED
from backend.evidence.copying import TEXT_ALONE
from backend.tasks.presets import document, read_text, table
from training import page_words, prompts, text
from training.page_chat import STRANGE, UNKNOWN, quoted
from training.page_words import coded, fill, name
from training.pages import Cell, Page, Sheet, day, joined, write
from training.values import PAGE, Piece, Turn, say

LABELS: dict[str, tuple[str, ...]] = {
    "name": ("Name", "Customer", "Passenger", "Patient", "Contact", "Guest", "Tenant", "Prepared by", "Signed by",
    "Recipient", "Student", "Owner"),
    "number": ("Invoice no.", "Order number", "Booking ref", "Account no.", "Contract no.", "Policy number",
    "Case no.", "Customer ID", "Ticket no.", "Serial no.", "Meter no.", "Licence"),
    "day": ("Date", "Due date", "Date of birth", "Departure date", "Valid until", "Issued", "Delivery date",
    "Check-in", "Check-out", "Expiry date", "Payment due"),
    "time": ("Time", "Departure", "Arrival", "Boarding", "Opening time", "Start", "Doors open", "Pick-up"),
    "money": ("Amount", "Total due", "Price", "Deposit", "Fee", "Balance", "Rent", "Fine", "Salary", "Premium",
    "Amount due"),
    "place": ("Address", "Venue", "From", "To", "Location", "Destination", "Room", "Gate", "Seat", "Platform"),
    "count": ("Quantity", "Guests", "Pages", "Nights", "Adults", "Weight", "Height", "Units", "Dosage", "Consumption"),
    "phone": ("Phone", "Tel", "Fax", "Mobile", "Emergency contact"),
    "mail": ("E-mail", "Email", "Website", "Web"),
}  # fmt: skip

TITLES = ("INVOICE", "Booking confirmation", "BOARDING PASS", "Delivery note", "RENTAL AGREEMENT", "Prescription",
    "MEMBERSHIP CARD", "Concert ticket", "Bank statement", "NOTICE",
          "Certificate of attendance", "Application form", "Parking permit", "ELECTRICITY BILL", "Order summary",
          "Warranty card", "Appointment", "Shipping label", "Report", "MENU")  # fmt: skip

SENTENCES = (
    ("The {thing} takes place on {day} in {place}.", "When does the {thing} take place?", "day",
    "The {thing} takes place on ", "day"),
    ("Please pay {money} before {day}.", "How much must be paid?", "money", "The amount to pay is ", "money"),
    ("Please pay {money} before {day}.", "By when must it be paid?", "day", "It must be paid before ", "day"),
    ("The {thing} opens at {time} and closes at {time2}.", "When does the {thing} close?", "time2",
    "The {thing} closes at ", "time2"),
    ("The {thing} opens at {time} and closes at {time2}.", "When does the {thing} open?", "time",
    "The {thing} opens at ", "time"),
    ("For questions call {phone} or write to {person}.", "Which number can be called?", "phone", "The number is ",
    "phone"),
    ("For questions call {phone} or write to {person}.", "To whom can one write?", "person", "One can write to ",
    "person"),
    ("Entry costs {money}, for children {money2}.", "How much does entry cost?", "money", "Entry costs ", "money"),
    ("Entry costs {money}, for children {money2}.", "How much does it cost for children?", "money2",
    "For children it costs ", "money2"),
    ("{person} was born in {place} in {year}.", "Where was {person} born?", "place", "{person} was born in ", "place"),
    ("{person} was born in {place} in {year}.", "In which year was {person} born?", "year", "{person} was born in ",
    "year"),
    ("The lift is closed until {day}.", "Until when is the lift closed?", "day", "It is closed until ", "day"),
    ("Your parcel will arrive on {day} between {time} and {time2}.", "When will the parcel arrive?", "day",
    "It will arrive on ", "day"),
    ("Take {count} tablets every {count2} hours.", "How many tablets should be taken?", "count", "Take ", "count"),
    ("The contract ends on {day} and can be cancelled by {person}.", "When does the contract end?", "day",
    "It ends on ", "day"),
    ("Trains to {place} leave at {time} from platform {count}.",
    "From which platform does the train to {place} leave?", "count", "It leaves from platform ", "count"),
    ("Trains to {place} leave at {time} from platform {count}.", "When does the train to {place} leave?", "time",
    "It leaves at ", "time"),
    ("Room {count} is on floor {count2}.", "On which floor is room {count}?", "count2", "It is on floor ", "count2"),
    ("The {thing} was written by {person} in {year}.", "Who wrote the {thing}?", "person", "It was written by ",
    "person"),
    ("Speed limit {count} from {time} to {time2}.", "What is the speed limit?", "count", "The speed limit is ",
    "count"),
)  # fmt: skip
THINGS = (
    "meeting",
    "concert",
    "course",
    "market",
    "library",
    "pool",
    "museum",
    "party",
    "lesson",
    "report",
    "play",
    "office",
    "exam",
    "tour",
    "workshop",
    "shop",
)
FILLERS = ("Dear customer,", "Thank you for your order.", "Kind regards", "Please keep this page.",
    "We look forward to your visit.", "This notice replaces all earlier ones.", "No smoking.",
           "All prices include tax.", "Bring your own lunch.", "Terms and conditions apply.", "Page 1 of 2",
           "See the other side.", "Children under 12 need an adult.", "CONFIDENTIAL",
           "Subject to change.", "Keep out of reach of children.", "With best wishes", "Yours sincerely",
           "Dogs must be kept on a lead.")  # fmt: skip


def _person(rng: random.Random) -> str:
    return f"{rng.choice(('', '', 'Mr ', 'Dr. ', 'Ms '))}{name(rng)} {name(rng)}"


def _day(rng: random.Random) -> str:
    when = date(2000, 1, 1) + timedelta(rng.randrange(11000))
    country = rng.choice(page_words.COUNTRIES)
    return rng.choice(
        (
            day(when, rng.choice(country.dates), country.name),
            f"{when.day} {when:%B}",
            f"{when:%A}, {when.day} {when:%B %Y}",
        )
    )


def _value(kind: str, rng: random.Random) -> str:
    match kind:
        case "name" | "person":
            return _person(rng)
        case "number":
            return coded(rng.choice(("00000", "XX-0000", "0000-0000", "X00000000", "#000000", "XX 000 000 X")), rng)
        case "day":
            return _day(rng)
        case "time":
            return (
                f"{rng.randint(0, 23)}:{rng.randint(0, 59):02d}{rng.choice(('', '', ' h', ' Uhr'))}"
                if rng.random() < 0.7
                else f"{rng.randint(1, 12)} {rng.choice(('am', 'pm'))}"
            )
        case "money":
            return rng.choice(("€{}", "${}", "{} EUR", "£{}", "RM {}", "{} USD", "CHF {}")).format(
                f"{rng.randint(1, 2500)}{rng.choice(('', '.00', '.50', f'.{rng.randint(0, 99):02d}'))}"
            )
        case "place":
            return rng.choice(
                (
                    name(rng),
                    f"{name(rng)} {name(rng)}",
                    fill("# N Street", rng),
                    f"Room {rng.randint(1, 400)}",
                    f"{rng.choice('ABCDEF')}{rng.randint(1, 40)}",
                    f"{name(rng)} Hall",
                )
            )
        case "count":
            return f"{rng.randint(1, 300)}{rng.choice(('', '', '', ' kg', ' cm', ' kWh', ' ml', ' pcs'))}"
        case "phone":
            return coded(rng.choice(("000-0000000", "+00 000 000000", "(000) 000-0000", "0000 000 000")), rng)
        case "year":
            return str(rng.randint(1850, 2026))
    return rng.choice(("{}@{}.com", "www.{}-{}.org", "{}.{}@mail.net")).format(name(rng).lower(), name(rng).lower())


def _form(rng: random.Random) -> tuple[Page, list[tuple[str, str]]]:
    """A page of labels and values; the questions are which label's value."""
    sheet, asked = Sheet(), list[tuple[str, str]]()
    if rng.random() < 0.85:
        sheet.row((rng.choice(TITLES), "title"))
    if rng.random() < 0.6:
        sheet.row((page_words.firm(rng.choice(page_words.COUNTRIES), rng), "from"))
    taken: set[str] = set()
    between = rng.choice((": ", ":  ", "  ", " ", ":", " : "))
    for kind in rng.choices(tuple(LABELS), k=rng.randint(2, 9)):
        label = rng.choice(LABELS[kind])
        if label.lower() in taken:
            continue
        taken.add(label.lower())
        shown = rng.choice((label, label, label.upper()))
        cells: list[Cell | str] = [shown, between, (_value(kind, rng), f"value:{label}")]
        sheet.row(*cells)
        asked.append((label, f"value:{label}"))
        if rng.random() < 0.08:
            sheet.row(rng.choice(FILLERS))
    return write(sheet, rng), asked


def _letter(rng: random.Random) -> tuple[Page, list[tuple[str, str, str]]]:
    """A page of sentences, one to four of which say something; the questions, how answers begin, and the field."""
    sheet, asked = Sheet(), list[tuple[str, str, str]]()
    if rng.random() < 0.7:
        sheet.row((rng.choice(TITLES), "title"))
    count, width = rng.randint(1, 4), rng.randint(24, 70)
    for number in range(count):
        form, question, kind, begin, _ = rng.choice(SENTENCES)
        values = {
            slot: _value(slot.rstrip("2"), rng)
            for slot in (
                "day",
                "money",
                "time",
                "time2",
                "phone",
                "person",
                "money2",
                "place",
                "year",
                "count",
                "count2",
            )
        }
        values["thing"] = rng.choice(THINGS)
        role = f"fact{number}"
        cells: list[Cell] = []
        for at, part in enumerate(form.replace("{" + kind + "}", "\0").split("\0")):
            if at:
                cells.append((values[kind], role))
            cells.append((part.format(**values), ""))
        for row in _flowed(cells, width):
            sheet.row(*row)
        asked.append((question.format(**values), begin.format(**values), role))
        if rng.random() < 0.5:
            sheet.row(rng.choice(FILLERS))
    return write(sheet, rng), asked


def _flowed(cells: list[Cell], width: int) -> list[list[Cell]]:
    """Cells of running text in rows of about `width` characters, broken at blanks."""
    rows: list[list[Cell]] = [[]]
    length = 0
    for text_, role in cells:
        for at, word in enumerate(text_.split(" ")):
            if at:
                if length + len(word) >= width:
                    rows.append([])
                    length = 0
                else:
                    rows[-1].append((" ", role))
                    length += 1
            if word:
                last = rows[-1][-1] if rows[-1] else None
                if last and last[1] == role and role:
                    rows[-1][-1] = (last[0] + word, role)
                else:
                    rows[-1].append((word, role))
                length += len(word)
    return [_merged(row) for row in rows if row]


def _merged(row: list[Cell]) -> list[Cell]:
    """Neighbours of one role as one cell."""
    merged: list[Cell] = []
    for words, role in row:
        if merged and merged[-1][1] == role:
            merged[-1] = (merged[-1][0] + words, role)
        else:
            merged.append((words, role))
    while merged and not merged[-1][0].strip():
        merged.pop()
    return merged


HEADS = (
    "Name",
    "Item",
    "Price",
    "Qty",
    "Date",
    "Total",
    "City",
    "Code",
    "Year",
    "Team",
    "Points",
    "Amount",
    "Time",
    "Country",
    "Units",
    "Product",
    "Score",
    "Rank",
    "Size",
    "Color",
    "Stock",
    "Monday",
    "Tuesday",
    "Q1",
    "Q2",
)


def _cell(head: str, rng: random.Random) -> str:
    match head:
        case "Name" | "Team":
            return rng.choice((name(rng), _person(rng)))
        case "Item" | "Product":
            return page_words.goods(rng)
        case "Price" | "Total" | "Amount":
            return rng.choice(("{}", "{}", "${}", "{} €")).format(f"{rng.randint(0, 3000)}.{rng.randint(0, 99):02d}")
        case "Date":
            return _day(rng)
        case "City" | "Country":
            return name(rng)
        case "Year":
            return str(rng.randint(1950, 2027))
        case "Code":
            return coded("XX-000", rng)
        case "Time":
            return f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
        case "Size" | "Color":
            return rng.choice(("S", "M", "L", "XL", "red", "blue", "green", "black", "36", "42"))
    return f"{rng.randint(0, 9999):,}" if rng.random() < 0.3 else str(rng.randint(0, 500))


def _table(rng: random.Random) -> tuple[Page, Turn]:
    """A table of two to six columns, and its CSV."""
    heads = rng.sample(HEADS, rng.randint(2, 6))
    sheet = Sheet()
    if rng.random() < 0.3:
        sheet.row(rng.choice(TITLES))
    rows = [heads, *([_cell(head, rng).replace('"', "") for head in heads] for _ in range(rng.randint(1, 10)))]
    for number, row in enumerate(rows):
        cells: list[Cell | str] = []
        for column, words in enumerate(row):
            cells += ["  "] if cells else []
            cells.append((words, f"{number}:{column}"))
        sheet.row(*cells)
    if rng.random() < 0.2:
        sheet.row(rng.choice(FILLERS))
    # A detector that parts a table's columns parts them in nearly every row.
    page = write(sheet, rng, 0.006, rng.choice((0.0, 0.0, 0.02, 0.1)))
    answer: list[Piece | str] = []
    for number, row in enumerate(rows):
        answer += ["\n"] if number else []
        for column in range(len(row)):
            answer += [","] if column else []
            piece = page.copy(f"{number}:{column}")
            answer += quoted(piece) if "," in piece.text else [piece]
    return page, Turn(table.PROMPT, joined(answer))


def _whole(page: Page) -> Turn:
    """Read text: the page as it stands."""
    return Turn(read_text.PROMPT, (Piece(page.text, tuple(range(len(page.text))), PAGE),))


def _line(page: Page, at: int) -> Piece:
    left = page.text.rfind("\n", 0, at) + 1
    right = page.text.find("\n", at)
    right = len(page.text) if right < 0 else right
    return Piece(page.text[left:right], tuple(range(left, right)), PAGE)


def _ask(page: Page, question: str, begin: str, role: str, rng: random.Random, quote: bool) -> Turn:
    """A question as a chat or, with the words that it rests on, as the document preset."""
    spans = page.fields.get(role)
    if spans is None:
        return Turn(question, say(NOT_PRINTED))
    value = page.copy(role)
    if not quote:
        return Turn(question, joined([begin, value, "."]))
    return Turn(document.ask(question), joined([begin, value, ".\n\n> ", _line(page, spans[0][0])]))


def turns(rng: random.Random, questions: int) -> tuple[Turn, ...]:
    """A page and some things asked of it."""
    kind = rng.choice(("form", "form", "letter", "letter", "table", "table"))
    if kind == "table":
        page, first = _table(rng)
        return (Turn(first.question, first.answer, (), page.text),)
    told: list[Turn] = []
    if kind == "form":
        page, labels = _form(rng)
        for label, role in rng.sample(labels, min(len(labels), rng.randint(1, questions))):
            question = rng.choice(("What is the {}?", "What is the {} on it?", "Which {} is given?", "{}?")).format(
                label.lower() if rng.random() < 0.7 else label
            )
            told.append(_ask(page, question, f"The {label.lower()} is ", role, rng, rng.random() < 0.5))
    else:
        page, facts = _letter(rng)
        told = [_ask(page, *fact, rng, rng.random() < 0.5) for fact in facts]
    if rng.random() < 0.25:
        told.insert(rng.randint(0, len(told)), _missing(page, rng))
    if rng.random() < 0.12 and len(page.text) < 400:
        told.insert(0, _whole(page))
    if rng.random() < 0.12 and len(page.text) < 300:
        told.insert(0, _says(page, rng))
    return (Turn(told[0].question, told[0].answer, (), page.text), *told[1:])


def _missing(page: Page, rng: random.Random) -> Turn:
    """What is asked and does not stand there, or makes no sense."""
    kind = rng.choice(tuple(LABELS))
    label = rng.choice(LABELS[kind]).lower()
    if label in page.text.lower() or rng.random() < 0.4:
        return Turn(rng.choice(STRANGE), say(UNKNOWN))
    if rng.random() < 0.5:
        return Turn(document.ask(f"What is the {label}?"), say(document.NOT_SAID))
    return Turn(f"What is the {label}?", say(NOT_PRINTED))


def _says(page: Page, rng: random.Random) -> Turn:
    """A picture described by the text on it alone, all that there is to tell."""
    asked = (
        *prompts.CAPTIONS,
        *prompts.CAPTION_OTHER,
        "What does it say?",
        "What is written there?",
        "Read it.",
        "What is on the sign?",
    )
    return Turn(rng.choice(asked), joined([TEXT_ALONE, Piece(page.text, tuple(range(len(page.text))), PAGE)]))


def sign(rng: random.Random) -> tuple[Turn, ...]:
    """A few words on something that is no page: a photograph, a screen, a sign. No receipt is made of it."""
    sheet = Sheet()
    for _ in range(rng.randint(1, 4)):
        sheet.row(
            rng.choice(
                (
                    name(rng),
                    f"{name(rng)} {name(rng)}".upper(),
                    rng.choice(FILLERS),
                    rng.choice(page_words.TRADES),
                    coded("0000", rng),
                    coded("XX 000", rng),
                    fill("N Street", rng),
                )
            )
        )
    page = write(sheet, rng)
    told = [_says(page, rng)] if rng.random() < 0.7 else [Turn(rng.choice(STRANGE), say(UNKNOWN))]
    if rng.random() < 0.3:
        told.append(
            Turn(
                rng.choice(
                    (
                        "Who is this?",
                        "What animal is this?",
                        "What is the weather like?",
                        "Where was this taken?",
                        "How many people are there?",
                    )
                ),
                say(text.CANNOT),
            )
        )
    return (Turn(told[0].question, told[0].answer, (), page.text), *told[1:])
