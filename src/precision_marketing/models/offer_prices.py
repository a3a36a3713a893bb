"""The prices of limits on offers, and the plan for all customers: what the driver does. The rest is in ``offers``.

*Passes over the customers*, whatever their number (``plan`` directs them, ``tally_at`` runs one on any engine):

0. A sample of at most ``SAMPLE`` customers goes to the driver; ``fit_prices`` solves its linear program with HiGHS,
   capacities scaled by the sample's share, and takes the dual prices.
1. Each chunk of customers is assigned at these prices and summed up (``offers.tally``): picks, cost and profit per
   offer and *cell*, a place in a grid of reduced profit by hash, ``CELLS`` per offer. Tallies are added up
   (``offers.merge``, or a group by). The driver sees by how much the sample misjudged each limit, corrects the
   sample's capacities by that, and solves again (``refit_prices``).
2. The same at the corrected prices. ``cells_to_drop`` trims what exceeds a limit: the cells of the exceeded limits are
   kept from the highest reduced profit per part of the capacity downwards; one that does not fit is dropped whole.
   The tally counts each cell exactly, so what is kept fits every limit. Of passes 1 and 2 the better plan is taken, and
   the lower bound. Where the sample is everybody, pass 1 is enough.
3. ``offers.decide`` writes the rows: it repeats the choice, without the dropped cells, and says why.

Memory on the driver: the sample, limits and prices, and offers x ``CELLS`` numbers.

Sources: those of ``offers``; Senju and Toyoda, Management Science 15 (1968), the order of trimming.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import optimize, sparse

from precision_marketing.models.offers import (
    CELLS,
    SLACK,
    Chunk,
    Offers,
    Prices,
    make_prices,
    merge,
    tally,
    ties_jitter,
    usable_pairs,
)

SAMPLE = 5_000

# Prices ----------------------------------------------------------------------------------------------


def fit_prices(
    sample: Chunk,
    offers: Offers,
    scale: float = 1.0,
    *,
    capacities: np.ndarray | None = None,
    typical: float | None = None,
) -> Prices:
    """The dual prices of the linear program of a sample, on the driver.

    scale: customers of the sample per customer of all; capacities: (R,) of the sample, by default those of the offers
    times scale; typical: by default the mean profit of the pairs that pay. Without customers or pairs that pay, all
    prices are 0, as they are where HiGHS finds no optimum: then ``cells_to_drop`` alone keeps the limits, and the gap
    of the plan says what that may cost. Raises ValueError unless 0 < scale <= 1.
    """
    if not 0 < scale <= 1:
        raise ValueError(f"scale must lie above 0 and up to 1, not {scale}")
    usable = usable_pairs(sample, offers)
    if typical is None:
        typical = float(sample.values[usable].mean()) if usable.any() else 1.0
    most = offers.capacities * scale if capacities is None else capacities
    row, column = np.nonzero(usable)
    if not len(row) or not len(most):
        return make_prices(np.zeros(len(most)), typical, offers)
    values = (sample.values + ties_jitter(sample, offers, typical))[usable] / typical
    uses = np.where(offers.takes_money[:, column], sample.costs[usable], 0.0) + offers.takes_units[:, column]
    size = np.where(most > 0, most, 1.0)  # the solver likes right sides of 1
    pair = np.arange(len(row))
    in_campaign, campaigns = pd.factorize(row * (offers.campaign.max() + 1) + offers.campaign[column])
    parts = [
        sparse.csr_array(uses / size[:, None]),
        sparse.csr_array((np.ones(len(row)), (in_campaign, pair))),
        sparse.csr_array((np.ones(len(row)), (row, pair)), shape=(len(sample.customers), len(row))),
    ]
    right = np.concatenate([most / size, np.ones(len(campaigns)), sample.caps.astype(float)])
    found = optimize.linprog(-values, A_ub=sparse.vstack(parts, format="csr"), b_ub=right, method="highs")
    if found.status != 0:
        return make_prices(np.zeros(len(most)), typical, offers)
    duals = np.maximum(-found.ineqlin.marginals[: len(most)], 0.0)
    return make_prices(duals * typical / size, typical, offers)


def refit_prices(sample: Chunk, offers: Offers, scale: float, prices: Prices, used: np.ndarray) -> Prices:
    """Prices after a pass at ``prices`` in which all customers used (R,): the sample's misjudgement is corrected.

    At these prices the sample says u and everybody used U. Near them the sample errs by about as much, so its
    capacities become scale * b - (scale * U - u).
    """
    own = usage(tally(sample, offers, prices), offers)
    capacities = np.maximum(scale * offers.capacities - (scale * used - own), 0.0)
    return fit_prices(sample, offers, scale, capacities=capacities, typical=prices.typical)


# The plan --------------------------------------------------------------------------------------------


def usage(total: pd.DataFrame, offers: Offers, dropped: np.ndarray | None = None) -> np.ndarray:
    """(R,) how much of each limit a tally uses, without the dropped cells."""
    rows = total[total["offer"] >= 0]
    if dropped is not None:
        rows = rows[~dropped[rows["offer"], rows["cell"]]]
    count = len(offers.offer_ids)
    cost, picks = (np.bincount(rows["offer"], rows[name], minlength=count) for name in ("cost", "picks"))
    return offers.takes_money @ cost + offers.takes_units @ picks


def cells_to_drop(total: pd.DataFrame, offers: Offers) -> np.ndarray:
    """(J, CELLS) cells to drop so that the rest of a tally fits every limit; none where it fits already.

    Cells of the exceeded limits are taken from the highest reduced profit per part of these capacities downwards; one
    that does not fit beside what is taken is dropped.
    """
    dropped = np.zeros((len(offers.offer_ids), CELLS), dtype=bool)
    over = np.flatnonzero(usage(total, offers) > offers.capacities * (1 + SLACK))
    rows = total[total["offer"] >= 0]
    offer, cell = rows["offer"].to_numpy(), rows["cell"].to_numpy()
    capacities = offers.capacities[over]
    uses = np.where(offers.takes_money[over][:, offer], rows["cost"].to_numpy(), 0.0)
    uses = (uses + offers.takes_units[over][:, offer] * rows["picks"].to_numpy()).T
    load = (uses / np.where(capacities > 0, capacities, 1.0)).sum(axis=1)
    asked = np.flatnonzero(load > 0)
    density = rows["reduced"].to_numpy()[asked] / load[asked]
    asked = asked[np.lexsort((cell[asked], offer[asked], -density))]
    room = capacities * (1 + SLACK)
    taken = np.cumsum(uses[asked], axis=0)
    fits = int((taken <= room).all(axis=1).argmin()) if len(asked) else 0  # something does not fit, or nothing is asked
    used = taken[fits - 1].copy() if fits else np.zeros(len(over))
    for position in asked[fits:]:
        if (used + uses[position] <= room).all():
            used += uses[position]
        else:
            dropped[offer[position], cell[position]] = True
    return dropped


@dataclass(frozen=True)
class Plan:
    """Prices and cells that ``decide`` needs, and what the plan brings.

    customers; picks: offers given; profit: expected incremental, in money; bound: no plan brings more; gap: the part of
    the bound that the plan may miss, 0 to 1; limits: one row per limit with limit, capacity, used, price (profit per
    further unit); passes: over all customers, without the one of ``decide``.
    """

    prices: Prices
    dropped: np.ndarray
    customers: int
    picks: int
    profit: float
    bound: float
    limits: pd.DataFrame
    passes: int

    @property
    def gap(self) -> float:
        """(bound - profit) / bound; 0 where nothing can be had."""
        return max(self.bound - self.profit, 0.0) / self.bound if self.bound > 0 else 0.0


def plan(
    sample: Chunk, offers: Offers, customers: int, tally_at: Callable[[Prices], pd.DataFrame], corrections: int = 1
) -> Plan:
    """The plan for all customers, with 1 + corrections passes over them (1 where the sample is everybody).

    sample: a random part of the customers, or all; customers: their number; tally_at: runs one pass, which returns the
    merged ``tally`` of all chunks at these prices. Raises ValueError for more customers in the sample than there are,
    or where a pass saw another number.
    """
    if len(sample.customers) > customers:
        raise ValueError(f"the sample has {len(sample.customers)} customers, but there are {customers}")
    scale = len(sample.customers) / customers if len(sample.customers) else 1.0
    prices = fit_prices(sample, offers, scale)
    best, bound, passes = None, np.inf, 0
    for turn in range(1 + (corrections if scale < 1 else 0)):
        total = tally_at(prices)
        passes += 1
        is_people = total["offer"] < 0
        seen = int(total.loc[is_people, "picks"].sum())
        if seen != customers:
            raise ValueError(f"a pass saw {seen} customers, but there are {customers}")
        used = usage(total, offers)
        bound = min(bound, float(prices.values @ offers.capacities + total.loc[is_people, "bound"].sum()))
        dropped = cells_to_drop(total, offers)
        rows = total[~is_people]
        kept = rows[~dropped[rows["offer"], rows["cell"]]]
        profit = float(kept["profit"].sum())
        if best is None or profit > best.profit:
            limits = pd.DataFrame({"limit": offers.limits, "capacity": offers.capacities,
                                   "used": usage(total, offers, dropped), "price": prices.values})  # fmt: skip
            best = Plan(prices, dropped, customers, int(kept["picks"].sum()), profit, bound, limits, passes)
        if turn < corrections and scale < 1:
            prices = refit_prices(sample, offers, scale, prices, used)
    assert best is not None
    return replace(best, bound=bound, passes=passes)


def plan_chunks(sample: Chunk, offers: Offers, customers: int, chunks: Callable[[], Iterable[Chunk]]) -> Plan:
    """``plan`` in one process: ``chunks()`` goes over all customers anew each time."""
    return plan(sample, offers, customers, lambda prices: merge(tally(chunk, offers, prices) for chunk in chunks()))
