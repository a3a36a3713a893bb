"""The demo data: planted truth and planted defects are where demo_truth says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from scipy.optimize import minimize_scalar
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, roc_auc_score, silhouette_score
from sklearn.preprocessing import StandardScaler

import harness

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CUSTOMERS = 5000
END = "2025-06-30"


@pytest.fixture(scope="module")
def demo_spark(demo: harness.Demo, spark: SparkSession) -> SparkSession:
    """A SparkSession with the files of the demo's databases `raw` and `demo_truth` as tables."""
    for database in ("raw", "demo_truth"):
        spark.sql(f"create database {database}")
        for folder in (demo.home / "warehouse" / f"{database}.db").iterdir():
            if not any(folder.glob("*.parquet")):  # an optional table that the demo does not fill
                continue
            spark.sql(f"create table {database}.{folder.name} using parquet location '{folder}'")
    return spark


@pytest.fixture(scope="module")
def query(demo_spark):
    return lambda sql: demo_spark.sql(sql).toPandas()


def raw_tables(spark):
    """Temporary views, which other tests may have made, are listed in every database."""
    return sorted(row.tableName for row in spark.sql("show tables in raw").collect() if not row.isTemporary)


# What is there


def test_tables_have_the_promised_size_and_only_strings(demo_spark):
    expected = {
        "crm_customers": (5000, 5100),
        "shop_orders": (30_000, 40_000),
        "shop_order_items": (75_000, 95_000),
        "app_events": (230_000, 280_000),
        "ads_impressions": (100_000, 130_000),
        "shop_products": (300, 310),
        "shop_stores": (40, 40),
        "ads_campaigns": (24, 24),
        "geo_regions": (30, 30),
        "crm_consents": (25_000, 27_000),
        "crm_service_tickets": (1500, 2200),
        "crm_contracts": (5000, 6600),
        "crm_erasure_requests": (25, 75),
        "partner_members": (2500, 3500),
        "app_experiments": (3000, 7000),
        "shop_inventory": (40_000, 55_000),
    }
    assert raw_tables(demo_spark) == sorted(expected)
    for table, (low, high) in expected.items():
        frame = demo_spark.table(f"raw.{table}")
        assert low <= frame.count() <= high, table
        assert {kind for _, kind in frame.dtypes} == {"string"}, table


def test_load_is_marked_complete(query):
    load = query("select * from demo_truth.demo_load")
    assert load[["customers", "months"]].values.tolist() == [[CUSTOMERS, 18]]
    assert str(load.end_date[0]) == END


def test_customers_look_real(query):
    people = query(
        """select c.*, t.gender as true_gender, t.home_latitude, t.home_longitude,
            g.latitude, g.longitude, g.province as city_province
        from raw.crm_customers as c inner join demo_truth.customer_truth as t using (customer_id)
        left join raw.geo_regions as g on g.city = c.city"""
    ).drop_duplicates("customer_id")
    phones = people.phone.str.replace(r"^\+86 |-", "", regex=True)
    assert phones.str.fullmatch(r"1[3-9]\d{9}").all() and phones.is_unique
    assert people.email.dropna().str.fullmatch(r"user\d+@example\.(com|net|org)").all()
    assert (people.province == people.city_province).all()
    assert ((people.latitude.astype(float) - people.home_latitude).abs() < 0.4).all()
    assert ((people.longitude.astype(float) - people.home_longitude).abs() < 0.4).all()
    known = people.dropna(subset=["id_number"])
    assert 0.85 < len(known) / len(people) < 0.95
    digits = np.array([[int(d) for d in number[:17]] for number in known.id_number])
    weights = np.array([2 ** (17 - i) % 11 for i in range(17)])
    assert (known.id_number.str[17] == np.array(list("10X98765432"))[digits @ weights % 11]).all()
    assert (known.id_number.str[6:14] == known.birth_date.str.replace("-", "")).all()
    assert ((digits[:, 16] % 2 == 1) == (known.true_gender == "male")).all()
    given = people.gender.isin(["F", "female", "女", " Female", "M", "male", "男", " Male"])
    assert 0.67 < given.mean() < 0.73
    assert (people.gender[given].isin(["M", "male", "男", " Male"]) == (people.true_gender[given] == "male")).all()


# What is planted


def buyer_features(query):
    """One row per buyer from simply cleaned raw tables: recency, frequency, monetary, a yearly run rate."""
    buyers = query(
        f"""with orders as (
            select distinct order_id, customer_id, cast(try_to_timestamp(ordered_at,
                'yyyy-MM-dd HH:mm:ss') as date) as day
            from raw.shop_orders where order_id is not null and status <> 'cancelled'
        ),
        amounts as (
            select order_id, sum(try_cast(quantity as int) * try_cast(replace(unit_price, ',',
                '.') as double)) as amount
            from (select distinct * from raw.shop_order_items) as lines group by order_id
        )
        select t.segment, datediff(date'{END}', max(o.day)) as recency, count(*) as frequency,
            sum(a.amount) as monetary,
            datediff(date'{END}', min(o.day)) as tenure
        from orders as o inner join amounts as a using (order_id)
            inner join demo_truth.customer_truth as t using (customer_id)
        where o.day between date'2000-01-01' and date'{END}'
        group by t.customer_id, t.segment order by t.customer_id"""
    )
    buyers["clv"] = buyers.monetary / np.maximum(buyers.tenure, 90) * 365
    return buyers


def test_segments_come_back_and_five_is_the_number_to_choose(query):
    buyers = buyer_features(query)
    points = StandardScaler().fit_transform(np.log1p(buyers[["recency", "frequency", "monetary", "clv"]]))
    labels = {k: KMeans(k, n_init=10, random_state=0).fit_predict(points) for k in range(2, 11)}
    assert adjusted_rand_score(buyers.segment, labels[5]) >= 0.95
    scores = {k: silhouette_score(points, found, sample_size=3000, random_state=0) for k, found in labels.items()}
    best, second = sorted(scores, key=scores.get, reverse=True)[:2]
    assert best == 5 and scores[5] > scores[second] + 0.03


def test_quintile_cells_find_the_segments_plainly_worse(query):
    buyers = buyer_features(query)
    quintile = lambda values: np.ceil(values.rank(method="first", pct=True) * 5)  # noqa: E731
    r, f, m = quintile(-buyers.recency), quintile(buyers.frequency), quintile(buyers.monetary)
    by_rule = np.select(
        [(r >= 4) & (f >= 4) & (m >= 4), (r >= 3) & (f >= 3), r >= 4, (r <= 2) & (f >= 3)], [0, 1, 2, 3], 4
    )
    by_sum = pd.qcut(r + f + m, 5, labels=False)
    assert 0.3 < adjusted_rand_score(buyers.segment, by_rule) < 0.75
    assert adjusted_rand_score(buyers.segment, by_sum) < 0.65


def test_segment_shares(query):
    found = (
        query("select segment, count(*) as customers from demo_truth.customer_truth group by segment")
        .set_index("segment")
        .customers
    )
    planted = query("select segment, share from demo_truth.segments").set_index("segment").share
    assert ((found / CUSTOMERS - planted).abs() < 0.02).all()


def test_churn_hazards(query):
    lives = query(
        f"""select datediff(coalesce(churn_on, date_sub(date'{END}', 90)), entry_on) as days,
            cast(is_churned as int) as lost,
            cast(membership_level = 'silver' as int) as silver,
                cast(membership_level = 'gold' as int) as gold,
            cast(membership_level = 'platinum' as int) as platinum,
                cast(is_dissatisfied as int) as is_dissatisfied,
            tenure_years_at_entry
        from demo_truth.customer_truth where segment not in ('prospect', 'promising')"""
    )
    found = CoxPHFitter().fit(lives, "days", "lost").summary
    planted = query("select covariate, level, coefficient from demo_truth.churn_hazards where covariate <> 'weibull'")
    names = np.where(planted.covariate == "membership_level", planted.level, planted.covariate)
    for name, coefficient in zip(names, planted.coefficient, strict=True):
        if name != "normal":
            assert abs(found.coef[name] - coefficient) < 3 * found["se(coef)"][name] + 0.02, name
    assert found["se(coef)"].max() < 0.15


def test_dissatisfaction_shows_in_tickets(query):
    worst = query(
        """select t.is_dissatisfied, min(try_cast(k.satisfaction as int)) as worst
        from demo_truth.customer_truth as t left join raw.crm_service_tickets as k using (customer_id)
        group by t.customer_id, t.is_dissatisfied"""
    )
    assert (worst.worst[~worst.is_dissatisfied].dropna() >= 3).all()
    assert (worst.worst[worst.is_dissatisfied].dropna() <= 2).all()
    assert worst.worst[worst.is_dissatisfied].notna().mean() > 0.95


def test_click_odds(query):
    shown = query(
        f"""select cast(i.clicked_at is not null as int) as clicked,
            lower(trim(i.device_type)) as device_type, i.ad_position, i.channel,
            t.segment, cast(t.gender = 'female' as double) as female, datediff(date'{END}',
                t.birth_date) / 3652.5 - 4 as age_decade,
            p.click_probability
        from (select distinct * from raw.ads_impressions) as i
        inner join demo_truth.customer_truth as t using (customer_id)
        inner join demo_truth.impression_truth as p using (impression_id)"""
    )
    assert abs(shown.clicked.mean() - shown.click_probability.mean()) < 0.003
    assert roc_auc_score(shown.clicked, shown.click_probability) > 0.85
    features = pd.get_dummies(shown[["device_type", "ad_position", "channel", "segment"]], dtype=float)
    features[["gender_female", "age_per decade above 40"]] = shown[["female", "age_decade"]].astype(float)
    model = LogisticRegression(C=100.0, max_iter=1000).fit(features, shown.clicked)
    found = pd.Series(model.coef_[0], features.columns)
    planted = query(
        """select feature, level, coefficient from demo_truth.click_coefficients
        where level_2 is null and feature <> 'intercept'"""
    )
    planted = pd.Series(planted.coefficient.to_numpy(), planted.feature + "_" + planted.level)
    for name, base in (("tablet", "mobile"), ("desktop", "mobile")):
        key, against = f"device_type_{name}", f"device_type_{base}"
        assert abs(found[key] - found[against] - (planted[key] - planted[against])) < 0.2
    for name in ("middle", "bottom"):
        key, against = f"ad_position_{name}", "ad_position_top"
        assert abs(found[key] - found[against] - (planted[key] - planted[against])) < 0.2
    assert abs(found["channel_search"] - found["channel_feed"] - 1.2) < 0.2
    assert abs(found["gender_female"] - planted["gender_female"]) < 0.1
    assert abs(found["age_per decade above 40"] - planted["age_per decade above 40"]) < 0.05


def test_clicks_lead_to_orders_at_the_rate_of_their_channel(query):
    found = query(
        """select i.channel, count(*) as clicks, count_if(i.is_converted) as orders
        from demo_truth.impression_truth as i inner join demo_truth.customer_truth as t using (customer_no)
        where i.is_clicked and i.shown_on > t.first_order_on and i.shown_on < t.last_order_on
            group by i.channel"""
    ).set_index("channel")
    planted = (
        query("select channel, conversion_rate from demo_truth.channel_rates").set_index("channel").conversion_rate
    )
    error = np.sqrt(planted * (1 - planted) / found.clicks)
    assert ((found.orders / found.clicks - planted).abs() < 4 * error).all()
    with_coupon = query(
        "select count(distinct order_id) as orders from raw.shop_orders where coupon_id like 'CK%'"
    ).orders[0]
    assert 0 < found.orders.sum() * 0.98 <= with_coupon <= found.orders.sum()


def test_price_elasticities(query):
    lines = query(
        """select p.category, p.price_tier, p.product_no, r.month_no, r.price_ratio,
            count(i.order_item_id) as sold
        from demo_truth.product_prices as r inner join demo_truth.product_truth as p using (product_no)
        left join (
            select distinct i.order_item_id, i.product_id,
                year(o.ordered_on) * 12 + month(o.ordered_on) - 1 as month_no
            from raw.shop_order_items as i inner join demo_truth.order_truth as o using (order_id)
        ) as i on i.product_id = r.product_id and i.month_no = r.month_no
        group by all"""
    )
    lines["exposure"] = lines.groupby(["price_tier", "month_no"]).sold.transform("sum")
    planted = query("select category, elasticity from demo_truth.price_elasticities").set_index("category").elasticity
    found = {}
    for category, rows in lines.groupby("category"):

        def minus_log_likelihood(elasticity, rows=rows):  # counts of a product over months are multinomial
            weight = rows.exposure * rows.price_ratio**elasticity
            return -(rows.sold * np.log(weight / weight.groupby(rows.product_no).transform("sum"))).sum()

        found[category] = minimize_scalar(minus_log_likelihood, bounds=(-6, 3), method="bounded").x
    found = pd.Series(found)
    assert (found - planted).abs().max() < 0.6
    assert np.corrcoef(found, planted[found.index])[0, 1] > 0.8


def test_gender_and_taste_drive_what_is_bought(query):
    lines = query(
        """select o.gender, p.category, p.taste_group = o.taste_group as is_own_taste, count(*) as sold
        from raw.shop_order_items as i inner join demo_truth.order_truth as o using (order_id)
        inner join demo_truth.product_truth as p using (product_id) group by all"""
    )
    sold = lines.groupby(["category", "gender"]).sold.sum().unstack()
    share = sold / sold.sum()
    assert share.female["womenswear"] > 8 * share.male["womenswear"]
    assert share.male["menswear"] > 8 * share.female["menswear"]
    own = lines[lines.is_own_taste].sold.sum() / lines.sold.sum()
    assert 0.5 < own < 0.75  # 1/6 if taste did nothing


def test_funnel_rates(query):
    rates = query("select step, rate from demo_truth.funnel_rates").set_index("step").rate
    found = query(
        """with visits as (
            select split(event_id, '-')[1] as visitor, split(event_id, '-')[2] as visit,
                bool_or(event_type = 'cart') as has_cart
            from raw.app_events where event_id is not null group by all
        )
        select count(*) as visits, count_if(has_cart) as carts from visits
            where cast(visitor as bigint) % 1000 > 0"""
    ).iloc[0]
    orders = query("select count(*) as orders from demo_truth.order_truth where channel <> 'store'").orders[0]
    assert abs(found.carts / found.visits - rates.cart) < 0.01
    assert abs(orders / found.carts - rates.order) < 0.01
    paid = query(
        """select avg(cast(r.paid_at is not null as int)) as share from raw.shop_orders as r
        inner join demo_truth.order_truth as o using (order_id)
            inner join demo_truth.customer_truth as t on t.customer_no = o.customer_no
        where o.kind = 'base' and o.order_no % 1000 between 2 and t.order_count - 1"""
    ).share[0]
    assert abs(paid - rates.pay) < 0.01


def test_experiments(query):
    found = query(
        """select e.experiment_id, e.variant, avg(cast(o.orders > 0 as int)) as rate, count(*) as n from (
            select a.experiment_id, a.variant, a.customer_id, count(o.order_id) as orders
            from raw.app_experiments as a
                left join demo_truth.order_truth as o on o.customer_id = a.customer_id
                and datediff(o.ordered_on, cast(substr(a.assigned_at, 1, 10) as date)) between 1 and 13
            group by all) as o inner join (select distinct experiment_id, variant, customer_id
                from raw.app_experiments) as e
            using (experiment_id, variant, customer_id) group by all"""
    ).set_index(["experiment_id", "variant"])
    effects = query("select experiment_id, extra_order_probability from demo_truth.experiment_effects").set_index(
        "experiment_id"
    )
    for experiment, chance in effects.extra_order_probability.items():
        a, b = found.loc[(experiment, "A")], found.loc[(experiment, "B")]
        error = np.sqrt(a.rate * (1 - a.rate) / a.n + b.rate * (1 - b.rate) / b.n)
        assert abs((b.rate - a.rate) - chance * (1 - a.rate)) < 3 * error, experiment
    a, b = found.loc[("one_page_checkout", "A")], found.loc[("one_page_checkout", "B")]
    assert b.rate - a.rate > 2 * np.sqrt(a.rate * (1 - a.rate) / a.n + b.rate * (1 - b.rate) / b.n)


def test_seasonality(query):
    planted = query("select period, factor from demo_truth.seasonality where kind = 'weekday' order by period").factor
    found = query(
        """select weekday(ordered_on) as day, count(*) as orders from demo_truth.order_truth
        where kind = 'base' group by 1 order by 1"""
    ).orders
    assert np.abs(found / found.mean() / (planted / planted.mean()) - 1).max() < 0.06
    days = (
        query("select ordered_on, count(*) as orders from demo_truth.order_truth group by 1")
        .set_index("ordered_on")
        .orders
    )
    days.index = pd.to_datetime(days.index)
    days = days.sort_index()
    assert days["2024-11-11"] > 2 * days["2024-11-04":"2024-11-10"].mean() * 0.85


# What is dirty

KEYS = {
    "crm_customers": "customer_id",
    "crm_consents": "concat_ws('|', customer_id, purpose, lower(trim(channel)), substr(recorded_at, 1, 10))",
    "crm_service_tickets": "ticket_id",
    "shop_products": "product_id",
    "shop_orders": "order_id",
    "shop_order_items": "order_item_id",
    "shop_inventory": "concat(store_id, '|', product_id, '|', stock_date)",
    "app_events": "event_id",
    "ads_impressions": "impression_id",
    "partner_members": "concat(partner, '|', member_id)",
}


def looks(table, kind, column):
    """A condition on a raw row that holds for rows with the defect and for no others."""
    if kind in ("slash_date", "dotted_date", "epoch_seconds", "year_1900", "year_2999", "day_31_feb"):
        pattern = {
            "slash_date": "^[0-9]{4}/[0-9]{1,2}/[0-9]{1,2} [0-9]{1,2}:[0-9]{2}$",
            "epoch_seconds": "^[0-9]{10}$",
            "dotted_date": "^[0-9]{2}[.][0-9]{2}[.][0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}$",
            "year_1900": "^1900-",
            "year_2999": "^2999-",
            "day_31_feb": "^[0-9]{4}-02-31 ",
        }[kind]
        return f"{column} rlike '{pattern}'"
    return {
        "missing_key": f"{column} is null",
        "null_value": f"{column} is null",
        "not_available": f"{column} = 'N/A'",
        "comma_decimal": f"{column} like '%,%'",
        "spelling": f"{column} <> lower(trim({column}))",
        "phone_format": f"{column} like '+86 %'",
        "outlier": f"cast({column} as int) >= 100",
        "orphan": f"{column} in ('C999999999', 'O999999999999', 'K999')",
        "late": "to_date(substr(event_id, 2, 8), 'yyyyMMdd') > try_cast(substr(occurred_at, 1, 10) as date)"
        " and not occurred_at like '1900%'",
    }[kind]


def test_dirt_is_where_the_truth_says_and_nowhere_else(demo_spark, query):
    rates = query("select * from demo_truth.dirt_rates")
    assert set(rates.table_name) == set(KEYS)
    dirt = query("select * from demo_truth.dirt")
    assert set(dirt.table_name + " " + dirt.kind) <= set(rates.table_name + " " + rates.kind)
    for table, kind, column in rates[["table_name", "kind", "column_name"]].values:
        planted = dirt[(dirt.table_name == table) & (dirt.kind == kind)]
        key = KEYS[table]
        if kind == "missing_key":
            found = query(f"select count(*) as n from raw.{table} where {column} is null").n[0]
            assert found == len(planted), (table, kind)
            kept = query(f"select distinct {key} as row_key from raw.{table}").row_key
            assert not set(planted.row_key) & set(kept), (table, kind)
            continue
        if kind == "exact_duplicate":
            columns = ", ".join(demo_spark.table(f"raw.{table}").columns)
            sql = f"select {key} as row_key from raw.{table} group by {columns} having count(*) = 2"
        elif kind == "older_version":
            sql = f"""select {key} as row_key from raw.{table} where {key} is not null
                group by 1 having count(distinct updated_at) = 2"""
        else:
            sql = f"select {key} as row_key from raw.{table} where {looks(table, kind, column)}"
        assert sorted(query(sql).row_key) == sorted(planted.row_key), (table, kind)


def test_dirt_rates(demo_spark, query):
    counts = (
        query("select table_name, kind, count(*) as n from demo_truth.dirt group by all")
        .set_index(["table_name", "kind"])
        .n
    )
    rates = query("select * from demo_truth.dirt_rates")
    for table, group in rates.groupby("table_name"):
        rows = demo_spark.table(f"raw.{table}").count()
        for kind, rate in group[["kind", "rate"]].values:
            assert abs(counts.get((table, kind), 0) - rate * rows) < 5 * np.sqrt(rate * rows) + 2, (
                table,
                kind,
            )
        rejectable = sum(counts.get((table, kind), 0) for kind in group.kind[group.is_rejectable])
        assert rejectable < 0.02 * rows, table


def test_contracts_are_late_as_often_as_planted(query):
    contracts = query(
        f"""select t.product, t.overdue_probability, t.settled_on > t.due_on as is_late,
            t.due_on <= date'{END}' as is_due, c.settled_at is null as is_open,
            t.settled_on > date'{END}' as settles_later
        from demo_truth.contract_truth as t left join raw.crm_contracts as c using (contract_id)"""
    )
    assert (contracts.is_open == contracts.settles_later).all()
    error = np.sqrt((contracts.overdue_probability * (1 - contracts.overdue_probability)).sum())
    assert abs(contracts.is_late.sum() - contracts.overdue_probability.sum()) < 3 * error
    assert 0.05 < contracts[contracts.is_due].is_late.mean() < 0.3


def test_propensities_are_the_chances_of_the_lot(query):
    """Each row weighted by one over its propensity: every channel counts as often, up to chance.

    Of customers who could see each channel: later ones missed the campaigns of some.
    """
    weights = query(
        """select channel, sum(1 / propensity) as weight, sum(1 / propensity / propensity) as squares, count(*) as rows
        from demo_truth.impression_truth inner join demo_truth.customer_truth using (customer_no)
        where registered_on <= date'2024-12-31' group by channel"""
    )
    total = weights.rows.sum()
    assert len(weights) == 6
    assert (abs(weights.weight - total) < 4 * np.sqrt(weights.squares)).all(), weights
    assert query("select count(*) as n from demo_truth.impression_truth where propensity is null").n[0] == 0
