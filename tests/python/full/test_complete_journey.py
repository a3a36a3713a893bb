"""Complete Journey through staging and the core marts: every figure against the files themselves, read by pandas."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import harness

SCHEMA, RAW = "journey", "raw_journey"
# What the figures below need, without gates and tests, which the whole build has, and what only gates read.
MODELS = ["+campaign_performance", "+coupon_uplift", "+dim_products", "+dim_stores"]
LEFT_OUT = [
    "path:models/quality",
    "*__rejected",
    "*__experiments",
    "*__service_tickets",
    "*__linkage",
    "*__column_profile",
]


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    path = shared_data / "completejourney"
    if not path.is_dir():
        pytest.skip("no completejourney in the folder of MARKETING_SHARED_DATA, see docs/real_data.md")
    return path


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, pd.DataFrame]:
    """The files as they are, with days in the time of the shops."""
    names = (
        "transactions_sample", "products", "campaigns", "campaign_descriptions", "coupons", "coupon_redemptions",
        "demographics",
    )  # fmt: skip
    files = {name: pd.read_csv(folder / f"{name}.csv.gz", dtype=str) for name in names}
    lines = files["transactions_sample"]
    amounts = ["quantity", "sales_value", "retail_disc", "coupon_disc", "coupon_match_disc"]
    lines[amounts] = lines[amounts].astype(float).round(2)
    lines["sold_at"] = pd.to_datetime(lines["transaction_timestamp"], utc=True)
    lines["day"] = lines["sold_at"].dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d")
    return files


@pytest.fixture(scope="module")
def journey(spark_cluster: harness.Server, folder: Path, tmp_path_factory) -> Iterator[harness.Server]:
    """The files loaded and built in databases of their own."""
    home = tmp_path_factory.mktemp("journey")
    names = "{raw_database: " + RAW + ", business_timezone: America/New_York}"
    options = ["--target", "thrift", "--vars", names]
    environment = {"MARKETING_SCHEMA": SCHEMA, **spark_cluster.environment}
    harness.load_files(
        "complete_journey", str(folder), "--raw-database", RAW, "--target", "thrift", home=home, **environment
    )
    harness.run_dbt(
        "build", "--select", *MODELS, "--exclude", *LEFT_OUT, "--exclude-resource-type", "test", "unit_test",
        "--full-refresh", *options, home=home, **environment,
    )  # fmt: skip
    yield spark_cluster


def counts(server: harness.Server, select: str) -> dict:
    """The rows of a query with two columns."""
    return dict(server.query(select))


def test_every_row_of_the_files_is_staged(journey: harness.Server, files: dict[str, pd.DataFrame]) -> None:
    lines = files["transactions_sample"]
    households = set().union(*(file["household_id"] for file in files.values() if "household_id" in file))
    expected = {
        "stg_shop__order_items": len(lines),
        "stg_shop__orders": lines["basket_id"].nunique(),
        "stg_shop__products": len(files["products"]),
        "stg_shop__stores": lines["store_id"].nunique(),
        "stg_crm__customers": len(households),
        "stg_ads__campaigns": len(files["campaign_descriptions"]),
        "stg_ads__impressions": len(files["campaigns"]),
    }
    assert expected["stg_shop__order_items"] == 75_000 and lines["household_id"].nunique() == 2_377
    for table, rows in expected.items():
        assert journey.query(f"select count(*) from {SCHEMA}_staging.{table}") == [(rows,)], table


def test_sales_of_every_household_and_month_reconcile_to_the_cent(
    journey: harness.Server, files: dict[str, pd.DataFrame]
) -> None:
    lines = files["transactions_sample"]
    expected = lines.groupby(["household_id", lines["day"].str[:7]])["sales_value"].sum().round(2)
    found = {
        (household, month): amount
        for household, month, amount in journey.query(
            f"""select customer_id, date_format(order_date, 'yyyy-MM'), cast(sum(net_amount) as double)
            from {SCHEMA}_build.fct_orders group by all"""
        )
    }
    assert found.keys() == set(expected.index)
    assert max(abs(found[key] - amount) for key, amount in expected.items()) < 1e-6
    total = journey.query(f"select sum(net_amount) from {SCHEMA}_build.fct_orders")[0][0]
    assert total == Decimal(str(round(lines["sales_value"].sum(), 2)))
    assert journey.query(f"select sum(net_amount) from {SCHEMA}_build.fct_order_items") == [(total,)]


def test_discounts_are_what_the_shop_took_off(journey: harness.Server, files: dict[str, pd.DataFrame]) -> None:
    """But for prices, which have four decimals: half a hundredth of a cent for each unit."""
    lines = files["transactions_sample"]
    sold = lines[lines["quantity"] > 0]
    units = np.where(sold["quantity"] > 100, sold["quantity"] / 1000, sold["quantity"])
    expected = (sold["retail_disc"] + sold["coupon_match_disc"]).sum()
    found, smallest = journey.query(
        f"""select cast(sum(discount_amount) as double), cast(min(discount_amount) as double)
        from {SCHEMA}_build.fct_orders"""
    )[0]
    assert 0 <= found - expected < 1e-4 * units.sum() and smallest >= 0
    assert found == pytest.approx(expected, rel=1e-4)
    quantity = journey.query(f"select cast(sum(quantity) as double) from {SCHEMA}_build.fct_order_items")
    assert quantity[0][0] == pytest.approx(units.sum(), abs=1e-6)


def test_baskets_by_day_and_store(journey: harness.Server, files: dict[str, pd.DataFrame]) -> None:
    """Days are the shops': by UTC a tenth of the baskets would fall on the next one."""
    baskets = files["transactions_sample"].drop_duplicates("basket_id")
    for column, grouping in {"day": "cast(order_date as string)", "store_id": "store_id"}.items():
        expected = baskets.groupby(column).size().to_dict()
        found = counts(journey, f"select {grouping}, count(*) from {SCHEMA}_build.fct_orders group by all")
        assert found == expected


def test_products_by_category_and_brand(journey: harness.Server, files: dict[str, pd.DataFrame]) -> None:
    products = files["products"]
    expected = {
        "category": products["product_category"].fillna(products["department"]).str.strip().str.lower(),
        "brand": products["brand"].str.lower(),
    }
    sold_only = len(set(files["transactions_sample"]["product_id"]) - set(products["product_id"]))
    for column, values in expected.items():
        found = counts(journey, f"select {column}, count(*) from {SCHEMA}_build.dim_products group by all")
        assert found.pop(None) == sold_only == 5
        assert found == values.value_counts().to_dict()


def test_households_by_age_band(journey: harness.Server, files: dict[str, pd.DataFrame]) -> None:
    demographics = files["demographics"]
    expected = demographics["age"].replace({"19-24": "18-24"}).value_counts().to_dict()
    found = counts(journey, f"select age_band, count(*) from {SCHEMA}_build.dim_customers group by all")
    assert found.pop(None) + len(demographics) == 2_379
    assert found == expected


def test_campaigns_and_the_households_they_were_sent_to(
    journey: harness.Server, files: dict[str, pd.DataFrame]
) -> None:
    campaigns = files["campaign_descriptions"]
    kinds = counts(journey, f"select channel, count(*) from {SCHEMA}_build.dim_campaigns group by all")
    assert kinds == campaigns["campaign_type"].str.lower().value_counts().to_dict()
    sent = files["campaigns"].merge(campaigns, on="campaign_id")
    expected = sent.groupby(["campaign_id", "start_date"])["household_id"].nunique().to_dict()
    found = journey.query(
        f"""select campaign_id, cast(shown_date as string), count(distinct customer_id)
        from {SCHEMA}_build.fct_ad_impressions group by all"""
    )
    assert {(campaign, day): households for campaign, day, households in found} == expected


def test_households_that_redeemed_by_campaign(journey: harness.Server, files: dict[str, pd.DataFrame]) -> None:
    redemptions = files["coupon_redemptions"]
    assert len(redemptions) == 2_102
    first = redemptions.groupby(["campaign_id", "household_id"])["redemption_date"].min()
    found = journey.query(
        f"""select campaign_id, customer_id, cast(to_date(from_utc_timestamp(clicked_at, 'America/New_York')) as string)
        from {SCHEMA}_build.fct_ad_impressions where is_clicked"""
    )
    assert {(campaign, household): day for campaign, household, day in found} == first.to_dict()


def clicked_baskets(files: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Baskets at most seven days after a household's first redemption for a campaign, each with the last such one."""
    clicks = files["coupon_redemptions"].groupby(["campaign_id", "household_id"], as_index=False).min()
    clicks["clicked_at"] = (
        pd.to_datetime(clicks["redemption_date"]).dt.tz_localize("America/New_York").dt.tz_convert("UTC")
    )
    clicks["impression_id"] = clicks["campaign_id"] + "-" + clicks["household_id"]
    baskets = files["transactions_sample"].groupby(["basket_id", "household_id", "sold_at"], as_index=False)
    pairs = baskets["sales_value"].sum().merge(clicks, on="household_id")
    since = pairs["sold_at"] - pairs["clicked_at"]
    pairs = pairs[(since >= pd.Timedelta(0)) & (since < pd.Timedelta(days=7))]
    return pairs.sort_values(["clicked_at", "impression_id"]).drop_duplicates("basket_id", keep="last")


def test_baskets_after_a_redemption_by_campaign(journey: harness.Server, files: dict[str, pd.DataFrame]) -> None:
    baskets = clicked_baskets(files)
    expected = baskets.groupby("campaign_id").agg(
        converted=("impression_id", "nunique"), orders=("basket_id", "nunique"), revenue=("sales_value", "sum")
    )
    found = pd.DataFrame(
        journey.query(
            f"""select campaign_id, count_if(is_converted), sum(orders), cast(sum(revenue) as double)
            from {SCHEMA}_build.fct_ad_impressions group by all having count_if(is_converted) > 0"""
        ),
        columns=["campaign_id", "converted", "orders", "revenue"],
    ).set_index("campaign_id")
    assert len(found) > 10
    pd.testing.assert_frame_equal(found.sort_index(), expected.sort_index(), check_dtype=False, atol=1e-6)


def test_the_campaign_marts_add_up_to_the_files(journey: harness.Server, files: dict[str, pd.DataFrame]) -> None:
    """Every household that a campaign was sent to, every first redemption, and the orders that had a coupon."""
    sent = files["campaigns"]
    redeemed = files["coupon_redemptions"].drop_duplicates(["campaign_id", "household_id"])
    assert journey.query(
        f"select sum(impressions), sum(clicks), sum(conversions) from {SCHEMA}_build.campaign_performance"
    ) == [(len(sent), len(redeemed), clicked_baskets(files)["impression_id"].nunique())]
    assert journey.query(f"select sum(orders), count(*) from {SCHEMA}_build.coupon_uplift") == journey.query(
        f"select count(*), count(distinct coupon_id) from {SCHEMA}_build.fct_orders where coupon_id is not null"
    )


def test_coupons_are_on_the_baskets_they_were_redeemed_with(
    journey: harness.Server, files: dict[str, pd.DataFrame]
) -> None:
    lines, redemptions = files["transactions_sample"], files["coupon_redemptions"]
    pairs = redemptions.merge(lines, left_on=["household_id", "redemption_date"], right_on=["household_id", "day"])
    found = journey.query(
        f"""select customer_id, cast(order_date as string), order_id, coupon_id
        from {SCHEMA}_build.fct_orders where coupon_id is not null"""
    )
    # One basket per household and day of a redemption with a basket in the sample, and a coupon of that day.
    assert {row[:2] for row in found} == set(zip(pairs["household_id"], pairs["day"], strict=True))
    assert len({row[:2] for row in found}) == len(found) == 791
    possible = set(pairs[["household_id", "day", "basket_id", "coupon_upc"]].itertuples(index=False, name=None))
    assert set(found) <= possible
    # Where the basket holds what a coupon is for, it is that basket and such a coupon.
    certain = pairs.merge(files["coupons"].drop_duplicates(), on=["coupon_upc", "campaign_id", "product_id"])
    days = set(zip(certain["household_id"], certain["day"], strict=True))
    proven = set(certain[["household_id", "day", "basket_id", "coupon_upc"]].itertuples(index=False, name=None))
    assert len(days) == 166 and {row for row in found if row[:2] in days} <= proven


def test_rows_that_no_loader_wrote_stay(journey: harness.Server, folder: Path, tmp_path: Path) -> None:
    """A company's raw database is refused before anything in it is touched; so is a folder without the files."""
    raw = "raw_company"
    journey.query(f"create database if not exists {raw}")
    journey.query(f"create or replace view {raw}.shop_stores as select 's1' as store_id")
    environment = {"MARKETING_SCHEMA": SCHEMA, **journey.environment}

    def load(raw_database: str, path: Path) -> str:
        result = harness.load_files(
            "complete_journey", str(path), "--raw-database", raw_database, "--target", "thrift",
            home=tmp_path, check=False, **environment,
        )  # fmt: skip
        assert result.returncode == 1
        return result.stderr

    message = f"{raw}.shop_stores holds rows that no loader wrote"
    assert message in load(raw, folder)
    assert journey.query(f"select * from {raw}.shop_stores") == [("s1",)]
    assert [table for _, table, _ in journey.query(f"show tables in {raw}")] == ["shop_stores"]
    assert "there is no file" in load(RAW, tmp_path) and "transactions" in load(RAW, tmp_path)
    assert journey.query(f"select count(*) from {RAW}.ads_campaigns") == [(27,)]


def test_the_documented_commands_build_everything(folder: Path, tmp_path: Path) -> None:
    printed = harness.run_printed("docs/real_data.md", "complete_journey /data", tmp_path, completejourney=str(folder))
    assert "ERROR=0 SKIP=0" in printed and "not published" not in printed, printed[-4000:]
