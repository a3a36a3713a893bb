"""Customer segments: K-means on recency, frequency, monetary value and customer lifetime value.

Customers are described by four features (``FEATURES``): ``recency_days`` (days since the last order),
``frequency`` (orders), ``monetary`` (net purchases, currency units) and ``clv`` (expected net purchases
of the next twelve months, currency units).

All four are skewed to the right: a few customers buy a hundred times as much as the typical one. On the
raw scale K-means therefore splits off a handful of the largest customers and leaves the rest in one
segment. So each feature is taken as ``log(1 + x)``, standardised to mean 0 and standard deviation 1 so
that no unit outweighs another, and held within +-3 standard deviations so that a few odd accounts make
no segment of their own. "Standardised units" below means this scale.

A customer who never bought has no real recency, frequency or value. Such customers are a segment of
their own, ``PROSPECTS`` (id 0), outside K-means.

Sources: MacQueen 1967 and Lloyd 1982 (K-means); Rousseeuw 1987 (silhouette); Satopää et al. 2011
(Kneedle, the elbow); Fisher 1925 (analysis of variance).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from precision_marketing.models.inputs import column_names, require_columns

if TYPE_CHECKING:
    pass

FEATURES = ("recency_days", "frequency", "monetary", "clv")
PROSPECTS = 0
MAX_SEGMENTS = 10
FIT_ROWS = 10_000
SILHOUETTE_ROWS = 3_000
SIGNIFICANCE_LEVEL = 0.05
# Columns of the seed that place an archetype, in standardised units, and the features they stand for.
ARCHETYPE_AXES = {"recency": "recency_days", "frequency": "frequency", "monetary": "monetary"}
SELECTION_SCHEMA = "k bigint, wcss double, silhouette double, is_elbow boolean, chosen boolean"
CENTROID_SCHEMA = (
    "segment_id bigint, segment_name string, segment_name_zh string, strategy string, "
    "recency_days double, frequency double, monetary double, clv double, "
    "z_centroid array<double>, log_mean array<double>, log_scale array<double>"
)
CUSTOMER_SCHEMA = (
    "customer_id string, as_of_date date, recency_days double, frequency double, monetary double, "
    "clv double, segment_id bigint, distance double"
)
VALIDATION_SCHEMA = (
    "metric string, segments bigint, customers bigint, f_value double, p_value double, "
    "eta_squared double, significant boolean"
)


# Features ------------------------------------------------------------------------------------------


def log_features(frame: pd.DataFrame) -> np.ndarray:
    """The features on the log scale, ``log(1 + max(x, 0))``.

    Negative values are set to 0 first: a customer who returned more than they bought is worth no less
    than nothing to the shop's next campaign, and the logarithm has no value there.

    frame: n rows with the columns ``FEATURES``, in days, orders and currency units.
    Returns an array (n, 4) of floats.
    Raises ValueError if a column is absent or holds a missing or infinite value.
    """
    require_columns(frame, FEATURES)
    values = frame[list(FEATURES)].to_numpy(dtype=float, na_value=np.nan)
    unusable = ~np.isfinite(values)
    if unusable.any():
        counts = dict(zip(FEATURES, unusable.sum(axis=0), strict=True))
        found = ", ".join(f"{name} ({count})" for name, count in counts.items() if count)
        raise ValueError(f"segment features hold missing or infinite values: {found}")
    return np.log1p(np.clip(values, 0, None))


def _standardise(logs: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.clip((logs - mean) / scale, -3, 3)


def _buyers(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with a purchase, in the order of customer_id: K-means depends on the order of its rows."""
    buyers = frame[frame["frequency"].to_numpy(dtype=float, na_value=np.nan) != 0]
    return buyers.sort_values("customer_id", ignore_index=True)


def _fit_scaler(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and scale per column; the scale of a constant column is 1, so it becomes 0 and not NaN."""
    scaler = StandardScaler().fit(logs)
    return scaler.mean_, scaler.scale_


def _fit_kmeans(points: np.ndarray, k: int, random_state: int) -> KMeans:
    # One thread: several would add in any order, and a rebuild could differ in the last digit.
    with threadpool_limits(limits=1):
        return KMeans(n_clusters=k, n_init=10, random_state=random_state).fit(points)


# Number of segments --------------------------------------------------------------------------------


def parse_segment_count(value: object) -> int | None:
    """The configured number of segments; None when it is left to ``select_k``.

    value: None, an integer, or the text that dbt renders from a variable ('None' and '' mean unset).
    Raises ValueError unless it is unset or a whole number from 1 to ``MAX_SEGMENTS``.
    """
    text = "" if value is None else str(value).strip()
    if text.lower() in ("", "none", "null"):
        return None
    if not text.isdecimal() or not 1 <= int(text) <= MAX_SEGMENTS:
        raise ValueError(f"segment_count must be a whole number from 1 to {MAX_SEGMENTS}, not {value!r}")
    return int(text)


def find_elbow(wcss: ArrayLike) -> int:
    """Position of the elbow: the point farthest below the chord from the first to the last value.

    wcss: (n,) decreasing values at evenly spaced k, n >= 1. Returns 0 <= position < n; the first
    position if the values are all equal or there are fewer than three. Source: Satopää et al. 2011.
    """
    values = np.asarray(wcss, dtype=float)
    drop = values[0] - values[-1]
    if len(values) < 3 or drop <= 0:
        return 0
    below_chord = 1 - np.linspace(0, 1, len(values)) - (values - values[-1]) / drop
    return int(np.argmax(below_chord))


def choose_k(wcss: ArrayLike, silhouette: ArrayLike) -> int:
    """Position of the k to use: the largest silhouette from the elbow of the WCSS upwards.

    The silhouette alone often prefers the trivial split into good and bad customers; the elbow says how
    many segments are needed before a further one explains little. The smaller k wins a tie.

    wcss, silhouette: (n,) for k = 1 to n, the silhouette NaN where it is not defined. Returns
    0 <= position < n; 0 if no silhouette is defined from the elbow upwards.
    """
    elbow = find_elbow(wcss)
    candidates = np.asarray(silhouette, dtype=float)[elbow:]
    return 0 if np.isnan(candidates).all() else elbow + int(np.nanargmax(candidates))


def select_k(
    features: pd.DataFrame,
    ks: range = range(1, MAX_SEGMENTS + 1),
    segment_count: int | None = None,
    random_state: int = 0,
    silhouette_rows: int = SILHOUETTE_ROWS,
) -> pd.DataFrame:
    """WCSS and silhouette of K-means for every k, and the k to use.

    The k is that of ``choose_k``, so 1 for fewer than three different customers, or ``segment_count``.

    features: n rows with customer_id and ``FEATURES``; rows with frequency 0 are left out.
    ks: candidates, from 1 upwards; capped at the number of different buyers.
    silhouette_rows: the silhouette is computed on at most so many rows, for it grows with their square.
    Returns one row per k: k, wcss (squared standardised units), silhouette (-1 to 1, NaN where it is not
    defined, as at k = 1), is_elbow, chosen. No buyers: no rows.
    Raises ValueError for missing values, or if ks does not start at 1.
    """
    if ks.start != 1 or ks.step != 1:
        raise ValueError("ks must be a range from 1 in steps of 1")
    logs = log_features(_buyers(features))
    columns = ["k", "wcss", "silhouette", "is_elbow", "chosen"]
    if len(logs) == 0:
        return pd.DataFrame(columns=columns)

    points = _standardise(logs, *_fit_scaler(logs))
    ks = range(1, min(ks.stop - 1, len(np.unique(points, axis=0))) + 1)
    rng = np.random.default_rng(random_state)
    probe = np.sort(rng.permutation(len(points))[:silhouette_rows])

    wcss, silhouette = [], []
    for k in ks:
        fitted = _fit_kmeans(points, k, random_state)
        labels = fitted.labels_[probe]
        defined = 2 <= len(np.unique(labels)) < len(labels)
        wcss.append(float(fitted.inertia_))
        silhouette.append(silhouette_score(points[probe], labels) if defined else np.nan)

    elbow = find_elbow(wcss)
    chosen = choose_k(wcss, silhouette) if segment_count is None else min(segment_count, len(ks)) - 1
    position = np.arange(len(ks))
    return pd.DataFrame(
        dict(zip(columns, [list(ks), wcss, silhouette, position == elbow, position == chosen], strict=True))
    )


# Segments ------------------------------------------------------------------------------------------


def assign_archetypes(z_centroids: np.ndarray, strategies: pd.DataFrame) -> np.ndarray:
    """The archetype of each centroid: the one-to-one assignment with the least total squared distance.

    z_centroids: (k, 4) in standardised units, columns as ``FEATURES``.
    strategies: one row per segment with segment_id and the archetype's recency, frequency and monetary
    in standardised units (the mean over buyers is 0; recency above 0 means longer ago). The row of
    ``PROSPECTS`` is left out.
    Returns (k,) segment ids, all different. The id belongs to the archetype, so it keeps its meaning
    from run to run.
    Raises ValueError if there are fewer archetypes than centroids, or an id comes twice.
    """
    archetypes = strategies[strategies["segment_id"] != PROSPECTS].sort_values("segment_id")
    if archetypes["segment_id"].duplicated().any():
        raise ValueError("segment_strategies holds a segment_id twice")
    if len(archetypes) < len(z_centroids):
        raise ValueError(
            f"{len(z_centroids)} segments need as many archetypes, segment_strategies has {len(archetypes)}: "
            "add rows or set segment_count"
        )
    axes = [FEATURES.index(feature) for feature in ARCHETYPE_AXES.values()]
    places = archetypes[list(ARCHETYPE_AXES)].to_numpy(dtype=float)
    cost = ((z_centroids[:, None, axes] - places[None, :, :]) ** 2).sum(axis=2)
    _, columns = linear_sum_assignment(cost)
    return archetypes["segment_id"].to_numpy(dtype=int)[columns]


def make_scorer(
    log_mean: np.ndarray, log_scale: np.ndarray, z_centroids: np.ndarray, segment_ids: np.ndarray
) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """A function that places customers, made to be pickled by value.

    It needs only numpy, so an executor can run it without this package.

    log_mean, log_scale: (4,); z_centroids: (k, 4); segment_ids: (k,).
    The returned function takes n rows with ``FEATURES`` and returns them with segment_id (int) and
    distance (Euclidean, standardised units, to the segment's centroid; NaN for prospects). It raises
    ValueError for missing or infinite features, and for a buyer if there is no centroid.
    """
    names = list(FEATURES)
    prospects = PROSPECTS

    def score(frame: pd.DataFrame) -> pd.DataFrame:
        values = frame[names].to_numpy(dtype=float, na_value=np.nan)
        if not np.isfinite(values).all():
            raise ValueError(f"missing or infinite values among {', '.join(names)}")
        segment = np.full(len(frame), prospects, dtype=np.int64)
        distance = np.full(len(frame), np.nan)
        buyers = values[:, names.index("frequency")] != 0
        if buyers.any():
            if len(z_centroids) == 0:
                raise ValueError("there are buyers to place, but the segments were fitted without any")
            logs = np.log1p(np.clip(values[buyers], 0, None))
            points = np.clip((logs - log_mean) / log_scale, -3, 3)
            distances = np.sqrt(((points[:, None, :] - z_centroids[None, :, :]) ** 2).sum(axis=2))
            nearest = distances.argmin(axis=1)
            segment[buyers] = segment_ids[nearest]
            distance[buyers] = distances[np.arange(len(points)), nearest]
        return frame.assign(segment_id=segment, distance=distance)

    return score


class KMeansSegmenter:
    """K-means segments of buyers with names and strategies, and one segment for prospects.

    n_segments: K-means segments to make; fewer if there are fewer different buyers.
    strategies: one row per possible segment: segment_id, segment_name, segment_name_zh, strategy, and
    the archetype's place (see ``assign_archetypes``); the row with id ``PROSPECTS`` is required.

    After ``fit``: ``segment_ids_`` (k,), ascending; ``z_centroids_`` (k, 4) in standardised units;
    ``centroids_``, a frame of k rows and the columns ``FEATURES`` in original units (the typical
    customer: means on the log scale, turned back), index segment_id; ``log_mean_``, ``log_scale_`` (4,).
    The same customers give the same result in any order of rows.
    """

    def __init__(self, n_segments: int, strategies: pd.DataFrame, random_state: int = 0) -> None:
        self.n_segments = n_segments
        self.strategies = strategies
        self.random_state = random_state

    def fit(self, features: pd.DataFrame) -> KMeansSegmenter:
        """Fit to n rows with customer_id and ``FEATURES``; rows with frequency 0 are left out.

        No buyers: no centroids. Raises ValueError for missing values, n_segments below 1, fewer
        archetypes than segments, or no strategy for prospects.
        """
        if self.n_segments < 1:
            raise ValueError(f"n_segments must be at least 1, not {self.n_segments}")
        if PROSPECTS not in set(self.strategies["segment_id"]):
            raise ValueError(f"segment_strategies has no row for prospects (segment_id {PROSPECTS})")
        logs = log_features(_buyers(features))
        if len(logs) == 0:
            return self._set(np.zeros(4), np.ones(4), np.empty((0, 4)), np.empty(0, dtype=int))
        mean, scale = _fit_scaler(logs)
        points = _standardise(logs, mean, scale)
        k = min(self.n_segments, len(np.unique(points, axis=0)))
        centroids = _fit_kmeans(points, k, self.random_state).cluster_centers_
        ids = assign_archetypes(centroids, self.strategies)
        order = np.argsort(ids)
        return self._set(mean, scale, centroids[order], ids[order])

    def _set(self, mean: np.ndarray, scale: np.ndarray, centroids: np.ndarray, ids: np.ndarray) -> KMeansSegmenter:
        self.log_mean_, self.log_scale_, self.z_centroids_, self.segment_ids_ = mean, scale, centroids, ids
        index = pd.Index(ids, name="segment_id")
        self.centroids_ = pd.DataFrame(np.expm1(centroids * scale + mean), columns=list(FEATURES), index=index)
        return self

    def scorer(self) -> Callable[[pd.DataFrame], pd.DataFrame]:
        """The function that adds segment_id and distance to a frame (see ``make_scorer``)."""
        return make_scorer(self.log_mean_, self.log_scale_, self.z_centroids_, self.segment_ids_)

    def predict(self, features: pd.DataFrame) -> np.ndarray:
        """(n,) segment ids of n rows with ``FEATURES``. Raises ValueError for missing values."""
        return self.scorer()(features)["segment_id"].to_numpy()

    def distance(self, features: pd.DataFrame) -> np.ndarray:
        """(n,) distances to the own centroid, standardised units, NaN for prospects."""
        return self.scorer()(features)["distance"].to_numpy()

    def centroid_table(self) -> pd.DataFrame:
        """One row per segment, prospects included, with the columns of ``CENTROID_SCHEMA``.

        It holds all that ``from_centroid_table`` needs to score; the numbers of prospects are None.
        """
        texts = ["segment_name", "segment_name_zh", "strategy"]
        named = self.strategies.set_index("segment_id")[texts]
        scaler = {"log_mean": self.log_mean_.tolist(), "log_scale": self.log_scale_.tolist()}
        rows = [{"segment_id": PROSPECTS, **named.loc[PROSPECTS]}]
        for position, segment_id in enumerate(self.segment_ids_):
            rows.append(
                {
                    "segment_id": int(segment_id),
                    **named.loc[segment_id],
                    **self.centroids_.loc[segment_id],
                    "z_centroid": self.z_centroids_[position].tolist(),
                    **scaler,
                }
            )
        columns = ["segment_id", *texts, *FEATURES, "z_centroid", "log_mean", "log_scale"]
        return pd.DataFrame(rows, columns=columns)

    @classmethod
    def from_centroid_table(cls, table: pd.DataFrame) -> KMeansSegmenter:
        """The fitted segmenter whose ``centroid_table`` this is, ready to score.

        Raises ValueError if the segments were standardised in different ways.
        """
        rows = table[table["segment_id"] != PROSPECTS].sort_values("segment_id")
        segmenter = cls(max(len(rows), 1), table)
        if rows.empty:
            return segmenter._set(np.zeros(4), np.ones(4), np.empty((0, 4)), np.empty(0, dtype=int))
        means, scales, centroids = (np.array(rows[c].tolist(), float) for c in ("log_mean", "log_scale", "z_centroid"))
        if (means != means[0]).any() or (scales != scales[0]).any():
            raise ValueError("the segments of the centroid table do not share one scale")
        return segmenter._set(means[0], scales[0], centroids, rows["segment_id"].to_numpy(dtype=int))


# Validation ----------------------------------------------------------------------------------------


class Anova(NamedTuple):
    """Result of a one-way analysis of variance; the numbers are None where they are not defined."""

    f_value: float | None
    p_value: float | None
    eta_squared: float | None
    significant: bool


def one_way_anova(counts: np.ndarray, means: np.ndarray, variances: np.ndarray) -> Anova:
    """One-way analysis of variance from what is known of each group, so that it needs no single row.

    counts, means, variances: (g,) size, mean and sample variance (divisor n - 1) of each group; the
    variance of a group of one may be NaN. Groups of size 0 are left out.
    Returns F, p, eta squared (the share of the variance that lies between the groups) and whether
    p < 0.05. They are None, and the result not significant, for fewer than two groups, when every group
    has one member, or when nothing varies. Groups that differ but do not vary inside give F infinite
    and p 0, as in SciPy.
    Source: Fisher 1925; equal to ``scipy.stats.f_oneway`` on the rows themselves.
    """
    n, mean, variance = (np.asarray(values, dtype=float) for values in (counts, means, variances))
    n, mean, variance = (values[n > 0] for values in (n, mean, variance))
    between_df, within_df = len(n) - 1, n.sum() - len(n)
    if between_df < 1 or within_df < 1:
        return Anova(None, None, None, False)
    grand_mean = np.average(mean, weights=n)
    between = float((n * (mean - grand_mean) ** 2).sum())
    within = float(((n - 1) * np.where(n > 1, variance, 0.0)).sum())
    if between + within == 0:
        return Anova(None, None, None, False)
    f_value = float((between / between_df) / (within / within_df)) if within > 0 else float("inf")
    p_value = float(stats.f.sf(f_value, between_df, within_df))
    return Anova(f_value, p_value, between / (between + within), p_value < SIGNIFICANCE_LEVEL)


def validate_segments(moments: pd.DataFrame) -> pd.DataFrame:
    """Analysis of variance of each metric across segments.

    moments: one row per metric and segment: metric, segment_id, customers, mean, variance.
    Returns one row per metric with the columns of ``VALIDATION_SCHEMA``; no rows for no moments.
    """
    rows = []
    for metric, groups in moments.groupby("metric"):
        result = one_way_anova(groups["customers"], groups["mean"], groups["variance"])
        rows.append({"metric": metric, "segments": len(groups), "customers": int(groups["customers"].sum())})
        rows[-1].update(result._asdict())
    columns = column_names(VALIDATION_SCHEMA)
    return pd.DataFrame(rows, columns=columns)
