"""Which customer gets which offer: the most incremental profit within budget, stock, consent and a frequency cap.

What runs on a chunk of customers is here; what the driver does with the sums, the linear program and the passes over
the customers, is in ``offer_prices``.

With v the expected incremental profit of an offer to a customer and c what it takes from the budget, the plan is the
linear program: maximise the sum of v x over customers and offers, 0 <= x <= 1, subject to

- each limit (a budget in money, a stock in units): the sum of its use <= its capacity b;
- each customer: at most one offer per campaign, and at most their frequency cap in all.

A price y >= 0 per limit separates it into one small choice per customer. At prices y an offer has the *reduced profit*
v - y_budget c - y_stock; a customer takes the best offer of each campaign whose reduced profit is above 0, the best
campaigns up to their cap. For any prices y >= 0 no plan brings more than the *bound*

    sum of y b + sum over customers of the reduced profit of what they take

and at the best prices the bound is the optimum of the linear program. So the bound needs no trust in how the prices
were found: the gap between a plan and the bound is proven.

``assign`` makes the choice, ``tally`` sums it up for the driver, ``decide`` writes it as rows with reasons. Memory: a
few arrays of chunk x offers.

*Ties.* Customers of one segment often have the same profit. Up to ``JITTER`` of the typical profit, from a hash of
customer and offer, is added before the choice (not to profit or bound), so the result does not depend on order or
chunks, and a price can divide a segment.

Sources: Dantzig and Wolfe, Operations Research 8 (1960), prices; Everett, Operations Research 11 (1963), choice at
prices; Geoffrion, "Lagrangean relaxation for integer programming" (1974), the bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from precision_marketing.models.inputs import numbers, require_columns

JITTER = 1e-4
BINS = 64  # of the reduced profit, two per power of 2, and of the hash
CELLS = BINS * BINS
SLACK = 1e-9  # of a capacity: what sums of floats may differ by
TALLY_COLUMNS = ("offer", "cell", "picks", "cost", "profit", "reduced", "bound")
TALLY_SCHEMA = (
    "offer int, cell int, picks bigint, cost double, profit double, reduced double, bound double"  # offer -1: customers
)

# The offers and their limits -------------------------------------------------------------------------


@dataclass(frozen=True)
class Offers:
    """J offers and R limits on them.

    offer_ids, campaign_ids: (J,); campaign: (J,) codes; limits: names of the R limits; capacities: (R,), money or
    units; takes_money, takes_units: (R, J), whether a limit counts an offer's cost or its units; frequency_cap: offers
    per customer in all.
    """

    offer_ids: np.ndarray
    campaign_ids: np.ndarray
    campaign: np.ndarray
    limits: tuple[str, ...]
    capacities: np.ndarray
    takes_money: np.ndarray
    takes_units: np.ndarray
    frequency_cap: int

    def most_money(self) -> np.ndarray:
        """(J,) the smallest budget that an offer draws from; infinite without one."""
        budgets = np.where(self.takes_money, self.capacities[:, None], np.inf)
        return budgets.min(axis=0, initial=np.inf)

    def most_units(self) -> np.ndarray:
        """(J,) the stock of an offer; infinite without a limit."""
        return np.where(self.takes_units, self.capacities[:, None], np.inf).min(axis=0, initial=np.inf)


def read_offers(
    offers: pd.DataFrame,
    budget: float | None = None,
    campaign_budgets: Mapping[str, float] | None = None,
    frequency_cap: int = 1,
) -> Offers:
    """Offers and limits from a frame: offer_id, campaign_id and, where units are limited, stock (missing: no limit).

    budget: money for all offers together, None for no limit; campaign_budgets: money by campaign_id. Zero is a limit.
    Raises ValueError for absent columns, missing or doubled offers, missing campaigns, negative stock or budgets that
    are no numbers, a budget for a campaign without an offer, and a cap that is no whole number from 0.
    """
    require_columns(offers, ["offer_id", "campaign_id"], "the offers")
    for column in ("offer_id", "campaign_id"):
        if offers[column].isna().any():
            raise ValueError(f"{column} is missing in some offers")
    doubled = offers.loc[offers["offer_id"].duplicated(), "offer_id"]
    if len(doubled):
        raise ValueError(f"offer_id comes twice: {doubled.iloc[0]}")
    if isinstance(frequency_cap, bool) or frequency_cap != int(frequency_cap) or frequency_cap < 0:
        raise ValueError(f"frequency_cap must be a whole number from 0, not {frequency_cap}")
    ids, campaigns = offers["offer_id"].astype(str).to_numpy(), offers["campaign_id"].astype(str).to_numpy()
    found: list[tuple[str, float, np.ndarray, bool]] = []
    if budget is not None:
        found.append(("budget", float(budget), np.ones(len(ids), bool), True))
    for name, amount in (campaign_budgets or {}).items():
        if str(name) not in campaigns:
            raise ValueError(f"a budget is given for campaign {name}, which has no offer")
        found.append((f"budget of {name}", float(amount), campaigns == str(name), True))
    if "stock" in offers.columns:
        stock = numbers(offers["stock"])
        if (np.isnan(stock) & offers["stock"].notna().to_numpy()).any():
            raise ValueError("stock holds values that are no numbers")
        found += [
            (f"stock of {ids[j]}", stock[j], np.arange(len(ids)) == j, False) for j in np.flatnonzero(stock < np.inf)
        ]
    for name, amount, _, _ in found:
        if not amount >= 0:
            raise ValueError(f"{name} must be a number from 0, not {amount}")
    found = [limit for limit in found if np.isfinite(limit[1])]
    members = np.array([limit[2] for limit in found], bool).reshape(len(found), len(ids))
    is_money = np.array([limit[3] for limit in found], bool)[:, None]
    return Offers(
        ids, campaigns, pd.factorize(campaigns)[0], tuple(limit[0] for limit in found),
        np.array([limit[1] for limit in found], float), members & is_money, members & ~is_money, int(frequency_cap),
    )  # fmt: skip


def offer_profit(
    without_offer: np.ndarray,
    with_offer: np.ndarray,
    margin: np.ndarray | float,
    discount: np.ndarray | float,
    contact_cost: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Expected incremental profit and expected cost, in money, of offers to customers.

    without_offer, with_offer: chances to buy; margin: of a purchase before the discount; discount: what a buyer with
    the offer pays less, also one who would have bought anyway; contact_cost: of sending it. All broadcast to one shape.
    The profit is with_offer * (margin - discount) - without_offer * margin - contact_cost, the cost
    with_offer * discount + contact_cost: a budget so counted holds on average. Raises ValueError for chances
    outside 0 to 1, and for a discount or a cost below 0; NaN stays NaN.
    """
    before, after = np.asarray(without_offer, float), np.asarray(with_offer, float)
    for name, chance in (("without_offer", before), ("with_offer", after)):
        if ((chance < 0) | (chance > 1)).any():
            raise ValueError(f"{name} must be a chance from 0 to 1")
    for name, amount in (("discount", discount), ("contact_cost", contact_cost)):
        if (np.asarray(amount) < 0).any():
            raise ValueError(f"{name} is negative")
    margin, discount, contact_cost = (np.asarray(amount, float) for amount in (margin, discount, contact_cost))
    return after * (margin - discount) - before * margin - contact_cost, after * discount + contact_cost


# A chunk of customers --------------------------------------------------------------------------------


class Chunk(NamedTuple):
    """n customers: their ids' hashes (n,) besides the ids, values and costs (n, J), caps (n,).

    values: expected incremental profit, NaN where the customer may not get the offer.
    """

    customers: np.ndarray
    hashes: np.ndarray
    values: np.ndarray
    costs: np.ndarray
    caps: np.ndarray


def read_chunk(
    customers: np.ndarray,
    values: np.ndarray,
    costs: np.ndarray | float,
    offers: Offers,
    caps: np.ndarray | None = None,
) -> Chunk:
    """A checked chunk. All of a customer's offers are in one row, and a customer is in one chunk only.

    customers: (n,) ids, told apart as text; values: (n, J), NaN where there is no consent; costs: what broadcasts to
    (n, J), money from 0; caps: (n,) offers that a customer may still get, by default the cap of ``offers``. Raises
    ValueError for shapes that do not fit, missing or doubled customers, infinite values, and costs or caps that are
    missing, infinite or negative where a value is given.
    """
    names = pd.Series(np.asarray(customers, dtype=object))
    if names.isna().any():
        raise ValueError("customer_id is missing in some rows")
    names = names.astype(str)
    if names.duplicated().any():
        raise ValueError(f"customer_id comes twice: {names[names.duplicated()].iloc[0]}")
    shape = (len(names), len(offers.offer_ids))
    worth = np.asarray(values, float)
    if worth.shape != shape:
        raise ValueError(f"values must be of shape {shape}, customers by offers, not {worth.shape}")
    if np.isinf(worth).any():
        raise ValueError("values hold infinite numbers")
    price = np.broadcast_to(np.asarray(costs, float), shape)
    if not (np.isfinite(price) & (price >= 0) | np.isnan(worth)).all():
        raise ValueError("costs are missing, infinite or negative where a value is given")
    most = np.full(shape[0], float(offers.frequency_cap)) if caps is None else np.asarray(caps, float)
    if most.shape != (shape[0],) or not (np.isfinite(most) & (most >= 0)).all():
        raise ValueError("caps must be one number from 0 for each customer")
    hashes = pd.util.hash_array(names.to_numpy(dtype=object), categorize=False)
    return Chunk(names.to_numpy(dtype=object), hashes, worth, price, np.floor(most).astype(int))


def pairs_to_chunk(pairs: pd.DataFrame, offers: Offers) -> Chunk:
    """A chunk from rows of customer_id, offer_id, value, cost; a pair without a row is one without consent.

    Raises ValueError for absent columns, missing customers, unknown offers, doubled pairs, and as ``read_chunk`` does.
    """
    require_columns(pairs, ["customer_id", "offer_id", "value", "cost"], "the pairs")
    if pairs["customer_id"].isna().any():
        raise ValueError("customer_id is missing in some rows")
    known = pd.Series(np.arange(len(offers.offer_ids)), index=offers.offer_ids)
    column = pairs["offer_id"].astype(str).map(known)
    if column.isna().any():
        raise ValueError(f"offer_id is not among the offers: {pairs.loc[column.isna(), 'offer_id'].iloc[0]}")
    row, customers = pd.factorize(pairs["customer_id"])
    if pd.DataFrame({"row": row, "offer": column}).duplicated().any():
        raise ValueError("customer_id and offer_id come twice")
    values = np.full((len(customers), len(known)), np.nan)
    costs = np.zeros(values.shape)
    values[row, column.astype(int)], costs[row, column.astype(int)] = pairs["value"], pairs["cost"]
    return read_chunk(np.asarray(customers), values, costs, offers)


def _fractions(chunk: Chunk, salt: np.ndarray) -> np.ndarray:
    """(n, len(salt)) stable numbers from 0 to below 1 of customers and salts (SplitMix64)."""
    mixed = chunk.hashes[:, None] ^ salt[None, :]
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


# Prices ----------------------------------------------------------------------------------------------


class Prices(NamedTuple):
    """values: (R,) price of one unit of each limit; per_money, per_unit: (J,) what an offer pays by these per unit of
    its cost, and per piece; typical: profit of a typical pair, which ties and cells are measured by.
    """

    values: np.ndarray
    per_money: np.ndarray
    per_unit: np.ndarray
    typical: float


def make_prices(values: np.ndarray, typical: float, offers: Offers) -> Prices:
    """Prices (R,) from 0 with what follows from them. Computed once: executors must not differ in the last digit.

    Raises ValueError for prices that are missing, infinite or negative.
    """
    values = np.asarray(values, float)
    if values.shape != offers.capacities.shape or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError("there must be one price from 0 for each limit")
    return Prices(values, values @ offers.takes_money, values @ offers.takes_units, float(typical))


def usable_pairs(chunk: Chunk, offers: Offers) -> np.ndarray:
    """(n, J) whether a pair pays and one such offer fits every limit by itself."""
    pays = chunk.values > 0
    return pays & (chunk.costs <= offers.most_money()) & (offers.most_units() >= 1) & (chunk.caps[:, None] >= 1)


def ties_jitter(chunk: Chunk, offers: Offers, typical: float) -> np.ndarray:
    salts = pd.util.hash_array(offers.offer_ids.astype(object), categorize=False)
    return JITTER * typical * _fractions(chunk, salts)


# Assignment of a chunk -------------------------------------------------------------------------------


class Picks(NamedTuple):
    """What n customers take at given prices: row and offer (m,) of each pick, its reduced profit and cell (m,); bound:
    the customers' part of the bound; reduced: (n, J), -inf where a pair cannot be.
    """

    row: np.ndarray
    offer: np.ndarray
    profit: np.ndarray
    cell: np.ndarray
    bound: float
    reduced: np.ndarray


def assign(chunk: Chunk, offers: Offers, prices: Prices, dropped: np.ndarray | None = None) -> Picks:
    """Each customer's best offers at these prices; a pure function of the chunk, linear in its size.

    dropped: (J, CELLS) cells that ``cells_to_drop`` trims. A reduced profit of 0, but for ties' jitter, is taken: to be
    at a price is to be at the limit, and what exceeds it is trimmed.
    """
    usable = usable_pairs(chunk, offers)
    reduced = np.where(usable, chunk.values - chunk.costs * prices.per_money - prices.per_unit, -np.inf)
    jittered = reduced + ties_jitter(chunk, offers, prices.typical)
    bound = float(np.maximum(_best(reduced, offers, chunk.caps)[1], 0).sum())
    offer, best = _best(jittered, offers, chunk.caps)
    row, place = np.nonzero(best > -SLACK * prices.typical)
    picked, profit = offer[row, place], best[row, place]
    cell = _cells(chunk, row, profit / prices.typical)
    if dropped is not None:
        kept = ~dropped[picked, cell]
        row, picked, profit, cell = row[kept], picked[kept], profit[kept], cell[kept]
    return Picks(row, picked, profit, cell, bound, reduced)


def _best(reduced: np.ndarray, offers: Offers, caps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, campaigns) best offer of each campaign and its reduced profit, -inf for campaigns beyond the cap."""
    count = offers.campaign.max(initial=-1) + 1
    offer = np.zeros((len(reduced), count), dtype=int)
    best = np.full(offer.shape, -np.inf)
    for campaign in range(count):
        own = np.flatnonzero(offers.campaign == campaign)
        place = reduced[:, own].argmax(axis=1)
        offer[:, campaign], best[:, campaign] = own[place], reduced[np.arange(len(reduced)), own[place]]
    if len(caps) and caps.min() < count:
        rank = np.argsort(np.argsort(-best, axis=1, kind="stable"), axis=1)
        best[rank >= caps[:, None]] = -np.inf
    return offer, best


def _cells(chunk: Chunk, row: np.ndarray, relative: np.ndarray) -> np.ndarray:
    """(m,) cells, higher for a higher reduced profit, in units of the typical; by the bits of the float, so exact."""
    mantissa, exponent = np.frexp(np.maximum(relative, 0.0))
    level = np.clip(2 * (exponent.astype(int) + 24) + (mantissa >= 0.75), 0, BINS - 1)
    level[relative <= 0] = 0
    part = (_fractions(chunk, np.zeros(1, dtype=np.uint64))[row, 0] * BINS).astype(int)
    return level * BINS + part


def tally(chunk: Chunk, offers: Offers, prices: Prices) -> pd.DataFrame:
    """What a chunk takes at these prices, to be added up over chunks: ``TALLY_COLUMNS``, one row per offer and cell.

    picks: number; cost, profit, reduced (profit): money. The row of offer -1 has the chunk's customers as picks, and
    their part of the bound.
    """
    picks = assign(chunk, offers, prices)
    rows = pd.DataFrame({
        "offer": picks.offer, "cell": picks.cell, "picks": 1, "cost": chunk.costs[picks.row, picks.offer],
        "profit": chunk.values[picks.row, picks.offer], "reduced": picks.profit, "bound": 0.0,
    })  # fmt: skip
    own = pd.DataFrame([(-1, -1, len(chunk.customers), 0.0, 0.0, 0.0, picks.bound)], columns=list(TALLY_COLUMNS))
    return merge([own, rows] if len(rows) else [own])


def merge(tallies: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The sum of tallies, in any order; one chunk's, or nothing's, is one too."""
    empty = pd.DataFrame({name: pd.Series(dtype=float) for name in TALLY_COLUMNS})
    parts = list(tallies) or [empty]
    total = pd.concat(parts).groupby(["offer", "cell"], as_index=False).sum()
    return total.astype({"offer": int, "cell": int, "picks": int})


# Rows with reasons -----------------------------------------------------------------------------------


def decide(
    chunk: Chunk,
    offers: Offers,
    prices: Prices,
    dropped: np.ndarray | None = None,
    details: Mapping[str, np.ndarray] | None = None,
) -> pd.DataFrame:
    """One row per offer given, and one per customer who gets none: customer_id, campaign_id, offer_id (both missing for
    the latter), expected_profit, cost, reduced_profit (all money; NaN for none), reason.

    prices, dropped: of a ``Plan``. details: arrays (n, J) that come with the rows of offers, such as profit_low and
    profit_high, the interval of the profit, and without_offer and with_offer, chances to buy; the reason tells these.
    Raises ValueError for details of another shape. Rows are in the order of the chunk and of the offers' campaigns.
    """
    details = {name: np.asarray(values, float) for name, values in (details or {}).items()}
    for name, values in details.items():
        if values.shape != chunk.values.shape:
            raise ValueError(f"{name} must be of shape {chunk.values.shape}, customers by offers, not {values.shape}")
    picks = assign(chunk, offers, prices, dropped)
    pair = (picks.row, picks.offer)
    given = pd.DataFrame({
        "customer_id": chunk.customers[picks.row], "campaign_id": offers.campaign_ids[picks.offer],
        "offer_id": offers.offer_ids[picks.offer], "expected_profit": chunk.values[pair], "cost": chunk.costs[pair],
        "reduced_profit": picks.profit, **{name: values[pair] for name, values in details.items()}, "row": picks.row,
    })  # fmt: skip
    given["reason"] = [_why_given(line) for line in given.to_dict("records")]
    nobody = np.setdiff1d(np.arange(len(chunk.customers)), picks.row)
    without = pd.DataFrame(
        {"customer_id": chunk.customers[nobody], "row": nobody, "reason": _why_none(chunk, offers, prices, nobody)}
    )
    names = [*(name for name in given.columns if name not in ("row", "reason")), "reason"]
    parts = [part for part in (given, without.reindex(columns=given.columns)) if len(part)]
    rows = pd.concat(parts) if parts else given
    return rows.sort_values("row", kind="stable", ignore_index=True)[names]


def _why_given(line: Mapping[str, float]) -> str:
    said = f"incremental profit {line['expected_profit']:.2f}"
    if pd.notna(line.get("profit_low")) and pd.notna(line.get("profit_high")):
        said += f" (95% interval {line['profit_low']:.2f} to {line['profit_high']:.2f})"
    said += f" at a cost of {line['cost']:.2f}"
    if "with_offer" in line and "without_offer" in line:
        said += f", probability {line['with_offer']:.2f} with and {line['without_offer']:.2f} without"
    return said


def _why_none(chunk: Chunk, offers: Offers, prices: Prices, rows: np.ndarray) -> np.ndarray:
    """(m,) why customers in these rows get nothing, by the offer that would bring most of those that could be."""
    if not len(rows):
        return np.empty(0, dtype=object)
    values, costs = chunk.values[rows], chunk.costs[rows]
    if not values.shape[1]:
        return np.full(len(rows), "there is no offer", dtype=object)
    usable = usable_pairs(chunk, offers)[rows]
    known = np.where(np.isnan(values), -np.inf, values)
    # The closest to being given where something could be; else the most profitable.
    charged = np.where(usable, known - costs * prices.per_money - prices.per_unit, -np.inf)
    best = np.where(usable.any(axis=1), charged.argmax(axis=1), known.argmax(axis=1))
    at = np.arange(len(rows))
    worth, cost, can_be = known[at, best], costs[at, best], usable[at, best]
    money, unit = prices.per_money[best] * cost, prices.per_unit[best]
    is_money = np.where(can_be, money >= unit, offers.most_units()[best] >= 1)
    short = [
        f"{'budget' if paid else 'stock'} spent: the best offer would bring {brings:.2f}"
        + (f", its place goes to who brings more than {needed:.2f}" if possible else "")
        for paid, brings, needed, possible in zip(is_money, worth, money + unit, can_be, strict=True)
    ]
    return np.select(
        [np.isnan(values).all(axis=1), worth <= 0, chunk.caps[rows] < 1],
        [
            "no consent",
            [f"no offer pays: the best would bring {brings:.2f}" for brings in worth],
            "frequency cap reached",
        ],
        np.array(short, dtype=object),
    )
