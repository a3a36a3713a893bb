"""Product recommendations: what the customer left unbought, what customers with a similar history bought, what
resembles it, what everybody buys.

A customer's *history* is how strongly they interacted with each product: 0 not at all, 1 a click or view, 2 a purchase
(``STRENGTHS``). As a matrix of customers and products it is sparse, and nothing dense of that size is made: scores are
computed for a few hundred customers at a time (``BLOCK_BYTES``).

Four models share ``fit`` and ``score``:

=================  ==================================================================================================
``EASE``           closed-form linear autoencoder: the matrix B with zero diagonal that minimises
                   ``||X - X B||^2 + regularization ||B||^2`` is ``B_ij = -P_ij / P_jj`` with
                   ``P = (X'X + regularization I)^-1``. Inverts products x products, so it learns the
                   ``MAX_EASE_PRODUCTS`` with the most interactions.
``ShrunkCosine``   cosine of two products' columns, times n / (n + shrinkage) for n common customers; customers who
                   buy everything count less (inverse user frequency). For any number of products.
``ItemPearson``    correlation of two products' columns, customers without interaction counting as 0.
``Popularity``     no neighbours: what most customers have. The naive baseline.
=================  ==================================================================================================

An older interaction may count less: with ``half_life_days`` its weight halves every so many days before the customer's
own latest one (column ``age_days``), with ``trend_half_life_days`` EASE learns more from what everybody did lately. The
item models keep ``top_k`` neighbours of each product (``similarities``), EASE as many as fit into ``WEIGHT_BYTES``: so
a customer is scored from their own rows and a bounded table, on whatever executor holds them (``recommend``).

Sources: Breese, Heckerman and Kadie 1998 (inverse user frequency); Sarwar et al. 2001, Deshpande and Karypis
2004 (item-item, top k); Bell and Koren 2007 (shrinkage); Steck 2019, "Embarrassingly shallow autoencoders for sparse
data" (EASE); Ding and Li 2005 (recency); Lops, de Gemmis and Semeraro 2011
(content).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.linalg import lapack

from precision_marketing.models.inputs import column_names, require_columns

STRENGTHS = {"none": 0, "click": 1, "purchase": 2}
PURCHASE = STRENGTHS["purchase"]
MAX_EASE_PRODUCTS = 8_000  # two matrices of 0.5 GB while it is inverted
# Of weights that a model keeps, and so of its artefact: all of 2,900 products, 700 neighbours of each of 8,000.
WEIGHT_BYTES = 64 * 2**20
BLOCK_BYTES = 16 * 2**20
TOP_N = 10
METHODS = ("resume", "collaborative", "content", "popular")
HISTORY_COLUMNS = ("customer_id", "product_id", "strength")
RECOMMENDATION_SCHEMA = "customer_id string, rank int, product_id string, score double, method string"
SIMILARITY_SCHEMA = "product_id string, neighbour_id string, similarity double, rank int"
RECOMMENDATION_COLUMNS = column_names(RECOMMENDATION_SCHEMA)
SIMILARITY_COLUMNS = column_names(SIMILARITY_SCHEMA)


def checked_history(history: pd.DataFrame) -> pd.DataFrame:
    """The rows that hold an interaction, with usable numbers."""
    require_columns(history, HISTORY_COLUMNS, "the history")
    if history["customer_id"].isna().any():
        raise ValueError("customer_id of the history holds missing values")
    rows = history[history["product_id"].notna()]
    strength = rows["strength"].to_numpy(dtype=float, na_value=np.nan)
    if not ((strength >= 0) & (strength <= PURCHASE)).all():
        raise ValueError(f"strength must lie between 0 and {PURCHASE}")
    if "age_days" in rows.columns and rows["age_days"].isna().any():
        raise ValueError("age_days of the history holds missing values")
    return rows[strength > 0]


def interaction_matrix(
    history: pd.DataFrame,
    customers: pd.Index,
    products: pd.Index,
    half_life_days: float | None = None,
    *,
    before_newest: bool = False,
) -> sparse.csr_array:
    """The history as a sparse matrix (customers, products) with a purchase as 1 and a click as 0.5.

    history: ``HISTORY_COLUMNS``; with half_life_days also ``age_days``, days before a day that all rows share: each
    weight is halved per half_life_days before the customer's latest interaction, or, with before_newest, before the
    newest of all customers. The largest of several interactions
    with a product counts. Customers and products that are not in the two indexes are left out, and so are
    rows without product_id.
    Raises ValueError for an absent column, a strength outside 0 to 2, a missing value, or a half-life not positive.
    """
    if half_life_days is not None and not half_life_days > 0:
        raise ValueError(f"half_life_days must be positive, not {half_life_days}")
    rows = checked_history(history)
    weight = rows["strength"].to_numpy(dtype=float) / PURCHASE
    if half_life_days is not None:
        require_columns(history, ["age_days"], "the history, for half_life_days,")
        age = rows["age_days"].astype(float)
        latest = age.min() if before_newest else age.groupby(rows["customer_id"]).transform("min")
        weight = weight * 0.5 ** ((age - latest) / half_life_days).to_numpy()
    row, column = customers.get_indexer(rows["customer_id"]), products.get_indexer(rows["product_id"])
    known = (row >= 0) & (column >= 0) & (weight > 0)
    cell = row[known].astype(np.int64) * max(len(products), 1) + column[known]
    cell, position = np.unique(cell, return_inverse=True)
    largest = np.zeros(len(cell))
    np.maximum.at(largest, position, weight[known])
    row, column = np.divmod(cell, max(len(products), 1))
    return sparse.csr_array((largest, (row, column)), shape=(len(customers), len(products)))


def _blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices of the rows so that a dense block of ``width`` columns stays below ``BLOCK_BYTES``."""
    step = max(1, BLOCK_BYTES // (8 * max(width, 1)))
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _largest(block: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The k largest positive entries of each row of a dense block (b, m): rows, columns, ranks from 1.

    Sorted by row and rank; of equal entries the one further left comes first.
    """
    if k < 1 or block.size == 0:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, nothing
    chosen = block > 0
    if block.shape[1] > k:
        chosen &= block >= np.partition(block, -k, axis=1)[:, -k, None]
    rows, columns = np.nonzero(chosen)
    order = np.lexsort((columns, -block[rows, columns], rows))
    rows, columns = rows[order], columns[order]
    ranks = np.arange(len(rows)) - np.searchsorted(rows, rows) + 1
    kept = ranks <= k
    return rows[kept], columns[kept], ranks[kept]


def _keep_largest(block: np.ndarray, k: int) -> sparse.csr_array:
    """A dense block with the k entries of each row that are largest without their sign, as a sparse matrix.

    Compared to twelve decimals, so that the order in which a sum was taken decides between no two neighbours.
    """
    rows, columns, _ = _largest(np.abs(block).round(12), k)
    return sparse.csr_array((block[rows, columns], (rows, columns)), shape=block.shape)


# Models --------------------------------------------------------------------------------------------


class RankingModel:
    """``fit`` and what all models have: ``product_ids_``, sorted, and ``popularity_``.

    The popularity of a product is the share of the customers who have it, a purchase counting 1 and a click 0.5.
    """

    half_life_days: float | None = None
    trend_half_life_days: float | None = None
    __dataclass_fields__: ClassVar[dict[str, Any]]  # each model is a dataclass

    def fit(self, history: pd.DataFrame) -> Self:
        """Fit to a history (see ``interaction_matrix``), in any order of rows; none is allowed.

        Raises ValueError for an unusable history or parameter.
        """
        rows = checked_history(history)
        customers, self.product_ids_ = (
            pd.Index(rows[name].unique()).sort_values() for name in ("customer_id", "product_id")
        )
        strengths = interaction_matrix(history, customers, self.product_ids_)
        self.popularity_ = strengths.sum(axis=0) / max(len(customers), 1)
        trend = self.trend_half_life_days
        days = self.half_life_days if trend is None else trend
        self._fit(interaction_matrix(history, customers, self.product_ids_, days, before_newest=trend is not None))
        return self

    def _fit(self, matrix: sparse.csr_array) -> None:
        raise NotImplementedError

    def score(self, matrix: sparse.csr_array) -> np.ndarray:
        """Scores (b, products) of b customers, given their rows of the ``interaction_matrix`` over ``product_ids_``.

        Higher is better; 0 or less says that nothing speaks for the product.
        """
        raise NotImplementedError

    @property
    def width_(self) -> int:
        """Columns of the widest dense block that scoring makes."""
        return len(self.product_ids_)

    def params(self) -> dict[str, Any]:
        """Name and parameters, ready for JSON."""
        return {"model": type(self).__name__, **asdict(self)}


class _ItemModel(RankingModel):
    """Scores are the history times ``weights_`` (products, products), row: bought, column: recommended.

    ``weights_`` is sparse, or dense where everything is kept. top_k: neighbours of each product; None for all, as far
    as they fit into ``WEIGHT_BYTES``.
    """

    top_k: int | None

    def _fit(self, matrix: sparse.csr_array) -> None:
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {self.top_k}")
        n = matrix.shape[1]
        if self.top_k is None and 8 * n * n <= WEIGHT_BYTES:
            self.weights_ = np.concatenate([np.zeros((0, n)), *self._similarity_blocks(matrix)])
            return
        k = self.top_k or max(1, WEIGHT_BYTES // (12 * n))  # a number and its column
        parts = [_keep_largest(block, k) for block in self._similarity_blocks(matrix)]
        self.weights_ = sparse.vstack(parts, format="csr") if parts else sparse.csr_array((n, n))

    def _similarity_blocks(self, matrix: sparse.csr_array) -> Iterator[np.ndarray]:
        """Dense blocks (b, products) of similarities with zero diagonal, one row per product."""
        raise NotImplementedError

    def score(self, matrix: sparse.csr_array) -> np.ndarray:
        scores = matrix @ self.weights_
        return scores if isinstance(scores, np.ndarray) else scores.toarray()

    def similarities(self) -> pd.DataFrame:
        """The neighbours of each product, ``SIMILARITY_SCHEMA``; rank 1 is the most similar, ties by neighbour_id.

        All that the model scores with: of each product the largest without their sign. Those of
        ``EASE`` are its weights and may be negative: who has the product needs the neighbour less than others do.
        """
        table = sparse.coo_array(self.weights_)
        order = np.lexsort((table.col, -table.data, table.row))
        row, column, value = table.row[order], table.col[order], table.data[order]
        rank = np.arange(len(row)) - np.searchsorted(row, row) + 1
        ids = self.product_ids_.to_numpy()
        found = (ids[row], ids[column], value, rank.astype(np.int32))
        return pd.DataFrame(dict(zip(SIMILARITY_COLUMNS, found, strict=True)))


def _without_diagonal(block: np.ndarray, rows: slice) -> np.ndarray:
    block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = 0
    return block


@dataclass
class EASE(_ItemModel):
    """Closed-form linear autoencoder (Steck 2019).

    regularization: the penalty, in purchases: a pair of products needs about so many common customers to count.
    trend_half_life_days: weights are learned from interactions that count half per so many days before the newest of
    all, so that they follow seasons and fashion; with it, half_life_days only concerns whom is scored.
    max_products: of more products those with the most interactions have weights, the others (``left_out_``, their
    number) only what other models say. ``fit`` raises ValueError unless regularization is positive.
    """

    regularization: float = 200.0
    half_life_days: float | None = None
    top_k: int | None = None
    trend_half_life_days: float | None = None
    max_products: int = MAX_EASE_PRODUCTS

    def _fit(self, matrix: sparse.csr_array) -> None:
        n = matrix.shape[1]
        self.left_out_ = max(0, n - self.max_products)
        if not self.left_out_:
            super()._fit(matrix)
            return
        known = np.sort(np.lexsort((np.arange(n), -self.popularity_))[: self.max_products])
        super()._fit(matrix[:, known])
        found = sparse.coo_array(self.weights_)
        self.weights_ = sparse.csr_array((found.data, (known[found.row], known[found.col])), shape=(n, n))

    def _similarity_blocks(self, matrix: sparse.csr_array) -> Iterator[np.ndarray]:
        n = matrix.shape[1]
        if not self.regularization > 0:
            raise ValueError(f"regularization must be positive, not {self.regularization}")
        if n == 0:
            return
        gram = np.empty((n, n), order="F")
        products = matrix.T.tocsr()
        for rows in _blocks(n, n):
            gram[rows] = (products[rows] @ matrix).toarray()
        gram[np.diag_indices(n)] += self.regularization
        factor, _ = lapack.dpotrf(gram, lower=1, overwrite_a=1)  # positive definite, as regularization is
        inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)  # its lower triangle
        diagonal = inverse.diagonal()
        for rows in _blocks(n, n):
            block = np.tril(inverse[rows], rows.start) + np.triu(inverse[:, rows].T, rows.start + 1)
            yield _without_diagonal(-block / diagonal, rows)


@dataclass
class ShrunkCosine(_ItemModel):
    """Cosine between products, shrunk where few customers have both.

    shrinkage: customers in common at which the cosine counts half. inverse_user_frequency: a customer counts by
    log(products / products of the customer). ``fit`` raises ValueError for a negative shrinkage.
    """

    shrinkage: float = 10.0
    half_life_days: float | None = None
    top_k: int = 20
    inverse_user_frequency: bool = True

    def _similarity_blocks(self, matrix: sparse.csr_array) -> Iterator[np.ndarray]:
        if self.shrinkage < 0:
            raise ValueError(f"shrinkage must not be negative, not {self.shrinkage}")
        n = matrix.shape[1]
        products = matrix.T.tocsr()
        present = products.sign()
        if self.inverse_user_frequency:
            # 1 added, so that a customer who has everything still counts, a little
            frequency = np.log((1 + n) / np.maximum(np.diff(matrix.indptr), 1))
            products = products @ sparse.diags_array(frequency)
        unit = _unit_rows(products)
        for rows in _blocks(n, n):
            common = (present[rows] @ present.T).toarray()
            cosine = (unit[rows] @ unit.T).toarray()
            yield _without_diagonal(cosine * common / np.maximum(common + self.shrinkage, 1), rows)


@dataclass
class ItemPearson(_ItemModel):
    """Pearson correlation between products over all customers; positive ones are kept.

    A product that all customers have equally is correlated with none (0).
    """

    half_life_days: float | None = None
    top_k: int = 20

    def _similarity_blocks(self, matrix: sparse.csr_array) -> Iterator[np.ndarray]:
        customers, n = matrix.shape
        products = matrix.T.tocsr()
        mean = products.sum(axis=1) / max(customers, 1)
        variance = products.power(2).sum(axis=1) / max(customers, 1) - mean**2
        scale = np.where(variance > 1e-12, 1 / np.sqrt(np.maximum(variance, 1e-12)), 0)
        for rows in _blocks(n, n):
            covariance = (products[rows] @ products.T).toarray() / customers - mean[rows, None] * mean
            yield _without_diagonal(np.maximum(covariance * scale[rows, None] * scale, 0), rows)


@dataclass
class Popularity(RankingModel):
    """No collaborative score at all, so that ``recommend`` falls back to what most customers have."""

    def _fit(self, matrix: sparse.csr_array) -> None:
        pass

    def score(self, matrix: sparse.csr_array) -> np.ndarray:
        return np.zeros(matrix.shape)


def _unit_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    """Rows of length 1; empty ones stay empty."""
    norms = np.sqrt(matrix.power(2).sum(axis=1))
    return sparse.diags_array(1 / np.where(norms > 0, norms, 1)) @ matrix


# Content ---------------------------------------------------------------------------------------------


@dataclass
class ContentModel:
    """Products alike in their attributes, for those that nobody has bought yet and for customers whom nobody resembles.

    categories: columns with one value per product, such as category and brand. price: a column in currency units, cut
    into ``price_bands`` bands with equally many products; None for none. An attribute value counts by its inverse
    document frequency log(1 + products / products with it); a missing one counts not at all. The similarity of two
    products is the cosine of their attributes; a customer's score for a product is its mean similarity to the products
    in their history, weighted by strength.
    """

    categories: Sequence[str] = ("category", "brand")
    price: str | None = "price"
    price_bands: int = 5

    def fit(self, products: pd.DataFrame) -> ContentModel:
        """Fit to one row per product: product_id, the categories, the price.

        Raises ValueError for an absent column, a missing or repeated product_id, or fewer than one band.
        """
        require_columns(
            products, ["product_id", *self.categories, *([self.price] if self.price else [])], "the products"
        )
        if products["product_id"].isna().any() or products["product_id"].duplicated().any():
            raise ValueError("product_id of the products is missing or comes twice")
        if self.price_bands < 1:
            raise ValueError(f"price_bands must be at least 1, not {self.price_bands}")
        products = products.sort_values("product_id", ignore_index=True)
        self.product_ids_ = pd.Index(products["product_id"])
        values = [products[name] for name in self.categories]
        if self.price:
            rank = products[self.price].astype(float).rank(pct=True)
            values.append(np.ceil(rank * self.price_bands))
        parts = [self._one_hot(pd.factorize(value)[0]) for value in values]
        n = len(self.product_ids_)
        self.attributes_ = _unit_rows(sparse.hstack(parts, format="csr") if parts else sparse.csr_array((n, 0)))
        return self

    @staticmethod
    def _one_hot(codes: np.ndarray) -> sparse.csr_array:
        known = np.flatnonzero(codes >= 0)
        counts = np.bincount(codes[known])
        frequency = np.log1p(len(codes) / counts) if len(known) else counts.astype(float)
        cells = (frequency[codes[known]], (known, codes[known]))
        return sparse.csr_array(cells, shape=(len(codes), len(counts)))

    def score(self, matrix: sparse.csr_array) -> np.ndarray:
        """Scores (b, products), 0 to 1, of b customers, given their rows of the matrix over ``product_ids_``."""
        total = matrix.sum(axis=1)[:, None]
        return (matrix @ self.attributes_ @ self.attributes_.T).toarray() / np.where(total > 0, total, 1)


# Recommendations -----------------------------------------------------------------------------------


def _take(scores: np.ndarray, open_: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each row's ``free`` places to its best positive scores among the ``open_`` columns; both are updated."""
    rows, columns, ranks = _largest(np.where(open_, scores, 0), int(free.max(initial=0)))
    kept = ranks <= free[rows]
    rows, columns = rows[kept], columns[kept]
    open_[rows, columns] = False
    free -= np.bincount(rows, minlength=len(free))
    return rows, columns


def _unbought(interactions: pd.DataFrame, customers: pd.Index, catalogue: pd.Index) -> sparse.csr_array:
    """Half per week since each product's last interaction, where the customer has not bought it."""
    strongest = interactions.groupby(["customer_id", "product_id"])["strength"].transform("max")
    rows = interactions[strongest < PURCHASE]
    age = rows["age_days"].to_numpy(dtype=float) if "age_days" in rows.columns else np.zeros(len(rows))
    row, column = customers.get_indexer(rows["customer_id"]), catalogue.get_indexer(rows["product_id"])
    known = column >= 0
    matrix = sparse.csr_array((len(customers), len(catalogue)))
    if known.any():
        # Of several interactions with a product the latest counts
        best = pd.Series(0.5 ** (age[known] / 7)).groupby([row[known], column[known]]).max()
        cells = (best.to_numpy(), (best.index.get_level_values(0), best.index.get_level_values(1)))
        matrix = sparse.csr_array(cells, shape=matrix.shape)
    return matrix


def recommend(
    history: pd.DataFrame,
    model: RankingModel,
    top_n: int = TOP_N,
    *,
    content: ContentModel | None = None,
    new_products: int = 0,
    resume: int = 0,
    repeatable: Collection[Any] = frozenset(),
) -> pd.DataFrame:
    """The best ``top_n`` products of each customer: ``RECOMMENDATION_SCHEMA``, sorted by customer_id and rank.

    history: ``HISTORY_COLUMNS`` (and ``age_days`` if the model has a half-life) of any number of customers, all rows of
    a customer in one frame, so in Spark a group of ``applyInPandas``. A row whose product_id is missing stands for a
    customer, who may have no other. A product that no model knows is ignored.

    The first ``resume`` places go to what the customer looked at and did not buy, the latest first (method ``resume``;
    score: half per week since, by ``age_days``). Then places go to products for which the history speaks
    (``collaborative``), then to those with attributes like the history's (``content``), then to those most customers
    have (``popular``); within a method by score, which cannot be compared between methods, then by popularity, then by
    product_id. ``new_products`` places are kept for products that ``model`` never saw but ``content`` knows: nothing
    else can recommend them.

    Nothing already bought, unless it is in ``repeatable``; clicked is not bought. A customer for whom fewer than top_n
    products are left has fewer rows, one who has bought everything none.
    Raises ValueError for an unusable history, or unless top_n >= 1, new_products >= 0, resume >= 0 and the two together
    are at most top_n.
    """
    if top_n < 1 or min(new_products, resume) < 0 or new_products + resume > top_n:
        raise ValueError(
            "top_n must be at least 1, new_products and resume from 0 to top_n together, "
            f"not {top_n}, {new_products} and {resume}"
        )
    interactions = checked_history(history)
    customers = pd.Index(history["customer_id"].unique()).sort_values()
    content_ids = model.product_ids_[:0] if content is None else content.product_ids_
    catalogue = model.product_ids_.union(content_ids)
    popularity = pd.Series(model.popularity_, index=model.product_ids_).reindex(catalogue, fill_value=0.0).to_numpy()
    # The columns stand in the order in which equal scores are ranked
    order = np.lexsort((np.arange(len(catalogue)), -popularity))
    catalogue, popularity = catalogue[order], popularity[order]
    is_new = ~catalogue.isin(model.product_ids_)
    model_columns, content_columns = catalogue.get_indexer(model.product_ids_), catalogue.get_indexer(content_ids)

    keeps_out = (interactions["strength"] >= PURCHASE) & ~interactions["product_id"].isin(list(repeatable))
    bought = interaction_matrix(interactions[keeps_out], customers, catalogue)
    matrix = interaction_matrix(history, customers, model.product_ids_, model.half_life_days)
    content_matrix = interaction_matrix(history, customers, content_ids)
    unbought = _unbought(interactions, customers, catalogue) if resume else None

    found = []
    for rows in _blocks(len(customers), max(len(catalogue), model.width_)):
        shape = (rows.stop - rows.start, len(catalogue))
        open_ = np.ones(shape, dtype=bool)
        open_[bought[rows].nonzero()] = False
        # Rounded for the same reason as in _keep_largest
        collaborative, alike = np.zeros(shape), np.zeros(shape)
        collaborative[:, model_columns] = model.score(matrix[rows]).round(12)
        if content is not None:
            alike[:, content_columns] = content.score(content_matrix[rows]).round(12)
        popular = np.broadcast_to(popularity, shape)

        taken = []
        left = np.full(shape[0], resume)
        if unbought is not None:
            latest = unbought[rows].toarray()
            taken.append((0, latest, _take(latest, open_, left)))
        kept = np.full(shape[0], new_products)
        taken.append((2, alike, _take(alike * is_new, open_, kept)))
        free = top_n - new_products - resume + kept + left
        for tier, scores in enumerate((collaborative, alike, popular), start=1):
            taken.append((tier, scores, _take(scores, open_, free)))
        for tier, scores, (row, column) in taken:
            cells = {"row": rows.start + row, "tier": tier, "score": scores[row, column], "column": column}
            found.append(pd.DataFrame(cells))

    names = ["row", "tier", "score", "column"]
    places = pd.concat(found) if found else pd.DataFrame(columns=names, dtype=int)
    places = places.sort_values(names, ascending=[True, True, False, True])
    result = pd.DataFrame(
        {
            "customer_id": customers.take(places["row"]).to_numpy(),
            "rank": (places.groupby("row").cumcount() + 1).to_numpy(dtype=np.int32),
            "product_id": catalogue.take(places["column"]).to_numpy(),
            "score": places["score"].to_numpy(dtype=float),
            "method": np.array(METHODS, dtype=object)[places["tier"]],
        }
    )
    return result[RECOMMENDATION_COLUMNS]
