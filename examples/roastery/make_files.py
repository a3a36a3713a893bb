"""The files of a made-up coffee roastery, for the tutorial: the same at each run.

    python examples/roastery/make_files.py FOLDER

They look like what a German shop system exports: Windows-1252, semicolons, decimal commas, days before months.
"""

from __future__ import annotations

import csv
import random
import sys
from datetime import datetime, timedelta
from pathlib import Path

CUSTOMERS = 400
FIRST, LAST = datetime(2023, 7, 1), datetime(2024, 12, 31)
PRODUCTS = [
    ("ES-250", "Espresso Forte 250 g", "Espresso", 8.9),
    ("ES-1000", "Espresso Forte 1 kg", "Espresso", 29.9),
    ("FI-250", "Filter Äthiopien 250 g", "Filterkaffee", 9.5),
    ("FI-1000", "Filter Äthiopien 1 kg", "Filterkaffee", 32.0),
    ("DE-250", "Entkoffeiniert 250 g", "Filterkaffee", 9.9),
    ("TE-100", "Grüner Tee 100 g", "Tee", 7.2),
    ("MU-01", "Handmühle", "Zubehör", 49.0),
    ("KA-01", "Kanne aus Glas", "Zubehör", 34.5),
    ("FP-100", "Filterpapier 100 Stück", "Zubehör", 4.2),
]
# Share of the customers, orders in a year, and the days after which they stop, if they do.
KINDS = [(0.15, 24, None), (0.30, 8, None), (0.25, 8, 200), (0.30, 1.2, 120)]
FIRST_NAMES = ["Anna", "Jürgen", "Mehmet", "Sofia", "Lukas", "Zoë", "Paul", "Käthe", "Emil", "Nora"]
LAST_NAMES = ["Schäfer", "Müller", "Yilmaz", "Groß", "Weber", "Krüger", "Vogel", "Böhm", "Lang", "Huß"]
CITIES = ["Hamburg", "Köln", "Leipzig", "München", "Nürnberg"]


def german(value: float) -> str:
    return f"{value:.2f}".replace(".", ",")


def write(path: Path, header: list[str], rows: list[list]) -> None:
    with open(path, "w", encoding="cp1252", newline="") as file:
        csv.writer(file, delimiter=";").writerows([header, *rows])


def main(folder: Path) -> None:
    draw = random.Random(2024)
    customers, consents, lines, orders = [], [], [], []
    for number in range(1, CUSTOMERS + 1):
        customer = f"K{number:04d}"
        _, rate, stays = draw.choices(KINDS, [kind[0] for kind in KINDS])[0]
        since = FIRST + timedelta(days=draw.randrange(400), minutes=draw.randrange(600, 1200))
        until = min(LAST, since + timedelta(days=stays * draw.uniform(0.5, 1.5))) if stays else LAST
        name = f"{draw.choice(FIRST_NAMES)} {draw.choice(LAST_NAMES)}"
        mail = f"kunde{number}@example.com"
        customers.append([customer, name, mail, draw.choice(CITIES), f"{since:%d.%m.%Y %H:%M}"])
        if draw.random() < 0.8:
            answer = "ja" if draw.random() < 0.75 else "nein"
            consents.append([customer, "E-Mail", answer, f"{since:%d.%m.%Y %H:%M}"])
        agreed = "ja" if draw.random() < 0.9 else "nein"
        consents.append([customer, "Profil", agreed, f"{since:%d.%m.%Y %H:%M}"])
        favourite, at = draw.choice(PRODUCTS[:6]), since
        while at <= until:
            orders.append((at, customer, favourite))
            at += timedelta(days=draw.expovariate(rate / 365), minutes=draw.randrange(-300, 300))
    for number, (at, customer, favourite) in enumerate(sorted(orders), start=100_001):
        status = "storniert" if draw.random() < 0.03 else "bezahlt"
        basket = [favourite, *draw.choices(PRODUCTS, k=draw.choice([0, 0, 1, 2]))]
        for product in dict.fromkeys(basket):
            price = german(product[3])
            lines.append(
                [number, f"{at:%d.%m.%Y %H:%M}", customer, status, *product[:3], draw.choice([1, 1, 1, 2, 3]), price]
            )
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "kunden.csv", ["Kunde", "Name", "E-Mail", "Ort", "Angelegt am"], customers)
    write(folder / "einwilligungen.csv", ["Kunde", "Wofür", "Erlaubt", "Am"], consents)
    header = ["Bestellung", "Datum", "Kunde", "Status", "Artikel", "Bezeichnung", "Warengruppe", "Menge", "Preis"]
    write(folder / "bestellungen.csv", header, lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
