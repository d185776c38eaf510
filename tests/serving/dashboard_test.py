"""The dashboard for TensorFlow Serving: it asks for what there is."""

import json
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).parents[2] / "serving" / "tensorflow_serving"

# Of TensorFlow Serving 2.21 (servables/tensorflow/util.cc, batching_session.cc) and
# TensorFlow (cc/saved_model/loader.cc), "/" written ":" as prometheus_exporter.cc does.
_HISTOGRAMS = {
    ":tensorflow:serving:request_latency": {"model_name", "API", "entrypoint"},
    ":tensorflow:serving:runtime_latency": {"model_name", "API", "runtime"},
    ":tensorflow:serving:batching_session:queuing_latency": {"thread_pool_name"},
    ":tensorflow:serving:batching_session:processed_batch_size": set(),
}
_COUNTERS = {
    ":tensorflow:serving:request_count": {"model_name", "status"},
    ":tensorflow:cc:saved_model:load_attempt_count": {"model_path", "status"},
}
METRICS = _COUNTERS | {
    name + part: labels
    for name, labels in _HISTOGRAMS.items()
    for part in ("_bucket", "_sum", "_count")
}


def _yaml(name):
    return yaml.safe_load((ROOT / name).read_text())


def _dashboard():
    return json.loads((ROOT / "grafana/dashboards/embedder.json").read_text())


def test_the_dashboard_asks_for_metrics_and_labels_that_there_are():
    dashboard = _dashboard()
    panels = dashboard["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    [variable] = dashboard["templating"]["list"]
    queries.append(variable["query"])
    asked = set()
    for query in queries:
        names = re.findall(r":tensorflow[\w:]+", query)
        assert names, query
        asked.update(names)
        labels = {"le"}.union(*(METRICS[name] for name in names))
        used = re.findall(r'(\w+)(?:=~|!~|=|!=)"', query)
        used += [n for by in re.findall(r"by \((.*?)\)", query) for n in by.split(", ")]
        assert set(used) <= labels, query
    assert asked <= set(METRICS)
    assert {name for name in asked if name in _COUNTERS} == set(_COUNTERS)


def test_grafana_finds_its_source_and_its_dashboard():
    sources = _yaml("grafana/provisioning/datasources/prometheus.yml")
    [source] = sources["datasources"]
    assert source["url"] == "http://prometheus:9090"
    panels = _dashboard()["panels"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    dashboards = _yaml("grafana/provisioning/dashboards/dashboards.yml")
    path = dashboards["providers"][0]["options"]["path"]
    grafana = _yaml("docker-compose.yml")["services"]["grafana"]
    assert f"./grafana/dashboards:{path}:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{path}/embedder.json"
