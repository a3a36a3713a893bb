"""Write the Superset bundle, from dashboards.yml and what dbt knows of the marts.

    dbt parse && python dashboards/make_bundle.py [MANIFEST]

Descriptions and types of columns and the SQL of metrics are those of dbt's manifest, by default target/manifest.json.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import uuid
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
BUNDLE = HERE / "bundle"
DATABASE = "Marketing warehouse"
URL = "spark+thrift://dashboards@127.0.0.1:10000/marketing"
AGGREGATES = {"sum": "sum({})", "count": "count({})", "count_distinct": "count(distinct {})", "average": "avg({})"}
COLOURS = "okabe_ito"  # superset_config.py; another Superset takes its own default instead
WHOLE = ",.0f"
WIDTHS = {"tile": 3, "table": 12}
HEIGHTS = {"tile": 18, "table": 50}

Files = dict[str, dict[str, Any]]


def identifier(kind: str, name: str) -> str:
    """The same for the same thing, so that an import replaces what the last one made."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"precision-marketing/dashboards/{kind}/{name}"))


def file_name(title: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in title)


# ------------------------------------------------------------------------------------------------- from dbt


def metric_sql(manifest: dict, name: str) -> tuple[str, str]:
    """The model that a metric of dbt is computed from, and its SQL there. Raises ValueError for a metric of two."""
    metric = manifest["metrics"][f"metric.precision_marketing.{name}"]
    parameters = metric["type_params"]
    if metric["type"] == "simple":
        for semantic in manifest["semantic_models"].values():
            for measure in semantic["measures"]:
                if measure["name"] == parameters["measure"]["name"]:
                    model = semantic["node_relation"]["alias"]
                    return model, AGGREGATES[measure["agg"]].format(measure["expr"] or measure["name"])
    names = [parameters[part]["name"] for part in ("numerator", "denominator")] if metric["type"] == "ratio" else [
        part["name"] for part in parameters["metrics"]
    ]  # fmt: skip
    parts = {part: metric_sql(manifest, part) for part in names}
    ((model,),) = [{model for model, _ in parts.values()}]
    if metric["type"] == "ratio":
        return model, "{} / nullif({}, 0)".format(*(parts[part][1] for part in names))
    return model, re.sub(rf"\b({'|'.join(names)})\b", lambda found: parts[found[1]][1], parameters["expr"])


def superset_type(data_type: str | None) -> str | None:
    """A column's type as the dialect reports it; none where the model has no contract."""
    return {"string": "STRING"}.get(data_type, data_type.upper().replace(",", ", ")) if data_type else None


def dataset(manifest: dict, name: str, wanted: dict[str, Any], formats: dict[str, str]) -> dict[str, Any]:
    """A table of the warehouse as Superset's dataset. Raises KeyError if dbt has no such model."""
    node = manifest["nodes"][f"model.precision_marketing.{name}"]
    metrics = [
        {"metric_name": metric["name"], "verbose_name": metric["label"], "expression": sql,
         "description": metric["description"], "d3format": formats.get(metric["name"], WHOLE)}
        for metric in manifest["metrics"].values()
        for model, sql in [metric_sql(manifest, metric["name"])]
        if model == name
    ] + [
        {"metric_name": metric, "verbose_name": given["label"], "expression": given["sql"],
         "description": given["description"], "d3format": given.get("format", WHOLE)}
        for metric, given in wanted.get("metrics", {}).items()
    ]  # fmt: skip
    return {
        "table_name": name,
        "schema": "marketing" if node["config"]["meta"].get("published") else "marketing_quality",
        "main_dttm_col": wanted.get("time"),
        "description": node["description"].strip(),
        "uuid": identifier("dataset", name),
        "database_uuid": identifier("database", DATABASE),
        "columns": [
            {
                "column_name": column["name"],
                "type": superset_type(column["data_type"]),
                "is_dttm": column["data_type"] in ("date", "timestamp"),
                "groupby": True,
                "filterable": True,
                "description": column["description"].strip(),
            }
            for column in node["columns"].values()
        ],
        "metrics": metrics,
        "version": "1.0.0",
    }


# ------------------------------------------------------------------------------------------------- charts


def parameters(chart: dict[str, Any], time: str | None, formats: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """Superset's name for a kind of chart, and its settings."""
    filters: list[dict[str, Any]] = []
    if time:  # which the dashboard's filter of the period sets
        filters.append({"clause": "WHERE", "expressionType": "SIMPLE", "subject": time, "operator": "TEMPORAL_RANGE",
                        "comparator": "No filter"})  # fmt: skip
    if "where" in chart:
        filters.append({"clause": "WHERE", "expressionType": "SQL", "sqlExpression": chart["where"]})
    metrics = chart.get("metrics", [])
    by = [chart["by"]] if "by" in chart else []
    number = formats[metrics[0]] if metrics else ""
    axis = "SMART_NUMBER" if number == WHOLE else number  # 1.2M
    common = {"adhoc_filters": filters, "color_scheme": COLOURS}
    match chart["kind"]:
        case "tile":
            return "big_number_total", {**common, "metric": metrics[0], "header_font_size": 0.4}
        case "bars" | "columns" | "line" as kind:
            series = len(metrics) > 1 or bool(by)
            return f"echarts_timeseries_{'line' if kind == 'line' else 'bar'}", {
                **common,
                "x_axis": chart["x"],
                "metrics": metrics,
                "groupby": by,
                "row_limit": 1000,
                "orientation": "horizontal" if kind == "bars" else "vertical",
                **({"time_grain_sqla": chart["grain"]} if "grain" in chart else {}),
                **({"x_axis_sort": metrics[0], "x_axis_sort_asc": True} if kind == "bars" and not series else {}),
                "xAxisForceCategorical": "grain" not in chart,
                "x_axis_time_format": "%Y-%m",
                "tooltipTimeFormat": "%Y-%m",
                "truncate_metric": True,
                "show_value": kind == "bars" and not series,
                "show_legend": series,
                "legendOrientation": "top",
                "rich_tooltip": True,
                "minorTicks": False,
                "y_axis_format": axis,
                "markerEnabled": kind == "line",
                "sort_series_type": "sum",
            }
        case "funnel":
            return "funnel", {
                **common,
                "groupby": [chart["x"]],
                "metric": metrics[0],
                "row_limit": 10,
                "sort_by_metric": True,
                "percent_calculation_type": "first_step",
                "label_type": 5,
                "tooltip_label_type": 5,
                "number_format": "SMART_NUMBER",
                "show_labels": True,
                "show_tooltip_labels": True,
                "show_legend": False,
            }
        case "table":
            column, direction = chart["order"]
            settings = {**common, "row_limit": 200, "server_page_length": 10, "page_length": 10,
                        "table_timestamp_format": "%Y-%m-%d", "show_cell_bars": False}  # fmt: skip
            if "group" in chart:
                return "table", {**settings, "query_mode": "aggregate", "groupby": chart["group"], "metrics": metrics,
                                 "timeseries_limit_metric": column, "order_desc": direction == "desc"}  # fmt: skip
            return "table", {
                **settings,
                "query_mode": "raw",
                "all_columns": list(chart["columns"]),
                "order_by_cols": [json.dumps([column, direction == "asc"])],
                "column_config": {
                    name: {"d3NumberFormat": number} for name, number in chart["columns"].items() if number
                },
            }
    raise ValueError(f"no such kind of chart: {chart['kind']}")


def made_of(chart: dict[str, Any], dashboard: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """A chart's file, on its dataset's."""
    formats = {metric["metric_name"]: metric["d3format"] for metric in data["metrics"]}
    kind, settings = parameters(chart, data["main_dttm_col"], formats)
    return {
        "slice_name": chart["title"],
        "description": chart.get("description"),
        "viz_type": kind,
        "params": {"viz_type": kind, **settings},
        "uuid": identifier("chart", f"{dashboard['slug']}/{chart['title']}"),
        "dataset_uuid": identifier("dataset", chart["dataset"]),
        "version": "1.0.0",
    }


def position(dashboard: dict[str, Any]) -> dict[str, Any]:
    """Where a dashboard's charts stand."""
    placed: dict[str, Any] = {"DASHBOARD_VERSION_KEY": "v2"}

    def put(key: str, kind: str, parents: list[str], children: list[str], meta: dict[str, Any]) -> None:
        placed[key] = {"id": key, "type": kind, "parents": parents, "children": children, "meta": meta}

    rows = [f"ROW-{number}" for number in range(len(dashboard["rows"]) + 1)]
    put("ROOT_ID", "ROOT", [], ["GRID_ID"], {})
    put("GRID_ID", "GRID", ["ROOT_ID"], rows, {})
    put("HEADER_ID", "HEADER", [], [], {"text": dashboard["title"]})
    transparent = {"background": "BACKGROUND_TRANSPARENT"}
    put(rows[0], "ROW", ["ROOT_ID", "GRID_ID"], ["MARKDOWN-about"], transparent)
    about = {"code": dashboard["description"], "width": 12, "height": 9}
    put("MARKDOWN-about", "MARKDOWN", ["ROOT_ID", "GRID_ID", rows[0]], [], about)
    for row, charts in zip(rows[1:], dashboard["rows"], strict=True):
        keys = [f"CHART-{identifier('chart', dashboard['slug'] + '/' + chart['title'])[:8]}" for chart in charts]
        put(row, "ROW", ["ROOT_ID", "GRID_ID"], keys, transparent)
        for key, chart in zip(keys, charts, strict=True):
            meta = {
                "chartId": len(placed),  # an import puts the chart's own number here
                "uuid": identifier("chart", f"{dashboard['slug']}/{chart['title']}"),
                "sliceName": chart["title"],
                "width": chart.get("width", WIDTHS.get(chart["kind"], 6)),
                "height": HEIGHTS.get(chart["kind"], 44),
            }
            put(key, "CHART", ["ROOT_ID", "GRID_ID", row], [], meta)
    return placed


def period_filter(slug: str) -> dict[str, Any]:
    """The filter of a dashboard by time."""
    return {
        "id": f"NATIVE_FILTER-{identifier('filter', slug)[:8]}",
        "type": "NATIVE_FILTER",
        "filterType": "filter_time",
        "name": "Period",
        "description": "Days of the business. What is as of one day does not change.",
        "targets": [{}],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "cascadeParentIds": [],
        "controlValues": {"enableEmptyFilter": False},
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
    }


# ------------------------------------------------------------------------------------------------- the bundle


def bundle(manifest: dict, wanted: dict[str, Any]) -> Files:
    """The bundle's files by path. Raises KeyError for a table, or a chart's dataset, that is not there."""
    files: Files = {
        "metadata.yaml": {"version": "1.0.0", "type": "Dashboard", "timestamp": "2025-01-01T00:00:00+00:00"},
        f"databases/{file_name(DATABASE)}.yaml": {
            "database_name": DATABASE,
            "sqlalchemy_uri": URL,
            "expose_in_sqllab": True,
            "allow_run_async": False,
            "allow_ctas": False,
            "allow_cvas": False,
            "allow_dml": False,
            "allow_csv_upload": False,
            "extra": {},
            "uuid": identifier("database", DATABASE),
            "version": "1.0.0",
        },
    }
    for name, given in wanted["datasets"].items():
        made = dataset(manifest, name, given, wanted["formats"])
        files[f"datasets/{file_name(DATABASE)}/{name}.yaml"] = made
    for dashboard in wanted["dashboards"]:
        for chart in (chart for row in dashboard["rows"] for chart in row):
            path = f"charts/{file_name(dashboard['slug'])}__{file_name(chart['title'])}.yaml"
            files[path] = made_of(chart, dashboard, files[f"datasets/{file_name(DATABASE)}/{chart['dataset']}.yaml"])
        filters = [period_filter(dashboard["slug"])] if dashboard.get("time") else []
        files[f"dashboards/{file_name(dashboard['slug'])}.yaml"] = {
            "dashboard_title": dashboard["title"],
            "description": dashboard["description"],
            "slug": dashboard["slug"],
            "published": True,
            "uuid": identifier("dashboard", dashboard["slug"]),
            "position": position(dashboard),
            "metadata": {
                "color_scheme": COLOURS,
                "native_filter_configuration": filters,
                "cross_filters_enabled": False,
            },
            "version": "1.0.0",
        }
    return files


def as_text(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def main() -> None:
    """Entry point of ``python dashboards/make_bundle.py``."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "target" / "manifest.json"
    if not path.exists():
        sys.exit(f"error: no {path}: run dbt parse")
    files = bundle(json.loads(path.read_text()), yaml.safe_load((HERE / "dashboards.yml").read_text()))
    shutil.rmtree(BUNDLE, ignore_errors=True)
    for name, content in files.items():
        (BUNDLE / name).parent.mkdir(parents=True, exist_ok=True)
        (BUNDLE / name).write_text(as_text(content))
    print(f"{len(files)} files in {BUNDLE}")


if __name__ == "__main__":
    main()
