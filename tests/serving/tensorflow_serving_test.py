"""The files that run TensorFlow Serving, against the formats of those who read them."""

import http.server
import inspect
import pathlib
import re
import shutil
import subprocess
import sys
import threading

import kubernetes_validate
import pytest
import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

import keras_twins

ROOT = pathlib.Path(__file__).parents[2] / "serving" / "tensorflow_serving"
PORT = "/dev/tcp/127.0.0.1/8501"

# Of session_bundle_config.proto and monitoring_config.proto, which the package
# tensorflow-serving-api leaves out.
_PROTO = """
name: "tensorflow_serving.proto" package: "tensorflow.serving" syntax: "proto3"
dependency: "google/protobuf/wrappers.proto"
message_type {
  name: "BatchingParameters"
  field { name: "max_batch_size" number: 1 type: TYPE_MESSAGE
          type_name: ".google.protobuf.Int64Value" label: LABEL_OPTIONAL }
  field { name: "batch_timeout_micros" number: 2 type: TYPE_MESSAGE
          type_name: ".google.protobuf.Int64Value" label: LABEL_OPTIONAL }
  field { name: "max_enqueued_batches" number: 3 type: TYPE_MESSAGE
          type_name: ".google.protobuf.Int64Value" label: LABEL_OPTIONAL }
  field { name: "num_batch_threads" number: 4 type: TYPE_MESSAGE
          type_name: ".google.protobuf.Int64Value" label: LABEL_OPTIONAL }
  field { name: "thread_pool_name" number: 5 type: TYPE_MESSAGE
          type_name: ".google.protobuf.StringValue" label: LABEL_OPTIONAL }
  field { name: "allowed_batch_sizes" number: 6 type: TYPE_INT64
          label: LABEL_REPEATED }
  field { name: "pad_variable_length_inputs" number: 7 type: TYPE_BOOL
          label: LABEL_OPTIONAL }
}
message_type {
  name: "PrometheusConfig"
  field { name: "enable" number: 1 type: TYPE_BOOL label: LABEL_OPTIONAL }
  field { name: "path" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
}
message_type {
  name: "MonitoringConfig"
  field { name: "prometheus_config" number: 1 type: TYPE_MESSAGE
          type_name: ".tensorflow.serving.PrometheusConfig" label: LABEL_OPTIONAL }
}
"""


def _parsed(name, kind):
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    file = text_format.Parse(_PROTO, descriptor_pb2.FileDescriptorProto())
    pool.AddSerializedFile(file.SerializeToString())
    descriptor = pool.FindMessageTypeByName(f"tensorflow.serving.{kind}")
    message = message_factory.GetMessageClass(descriptor)()
    return text_format.Parse((ROOT / name).read_text(), message)


def _models():
    from tensorflow_serving.config import model_server_config_pb2

    message = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((ROOT / "models.config").read_text(), message)
    return message.model_config_list.config


def _yaml(name):
    return list(yaml.safe_load_all((ROOT / name).read_text()))


@pytest.fixture
def compose():
    [compose] = _yaml("docker-compose.yml")
    return compose


@pytest.fixture
def manifests():
    [kustomization] = _yaml("kustomization.yaml")
    found = [m for name in kustomization["resources"] for m in _yaml(name)]
    return {(m["kind"], m["metadata"]["name"]): m for m in found}


@pytest.fixture
def container(manifests):
    pod = manifests["Deployment", "embedder"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    return container


def test_every_label_names_a_version_that_is_served():
    [model] = _models()
    assert (model.name, model.model_platform) == ("embedder", "tensorflow")
    served = set(model.model_version_policy.specific.versions)
    assert dict(model.version_labels) == {"stable": 1}
    assert set(model.version_labels.values()) <= served


def test_batches_end_with_the_largest_and_are_warmed_up():
    batching = _parsed("batching.config", "BatchingParameters")
    sizes = list(batching.allowed_batch_sizes)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == batching.max_batch_size.value
    assert batching.num_batch_threads.value >= 1
    export = inspect.signature(keras_twins.export.export_saved_model)
    assert export.parameters["warmup_batch_sizes"].default == tuple(sizes)


def test_a_request_of_the_client_is_no_larger_than_a_batch():
    batching = _parsed("batching.config", "BatchingParameters")
    client = inspect.signature(keras_twins.serving.client.EmbeddingClient)
    size = client.parameters["batch_size"].default
    assert size <= batching.max_batch_size.value


def test_the_server_for_laptops_reads_the_same_files():
    from keras_twins.serving import config

    [model] = config.read_model_config(ROOT / "models.config")
    assert (model.name, model.labels) == ("embedder", {"stable": 1})
    batching = config.read_batching_parameters(ROOT / "batching.config")
    assert batching.max_batch_size == 32 and batching.timeout_s == 0.002


def test_the_metrics_are_where_they_are_looked_for(manifests):
    monitoring = _parsed("monitoring.config", "MonitoringConfig")
    assert monitoring.prometheus_config.enable
    path = monitoring.prometheus_config.path
    [prometheus] = _yaml("prometheus.yml")
    [job] = prometheus["scrape_configs"]
    assert job["metrics_path"] == path
    assert job["static_configs"] == [{"targets": ["serving:8501"]}]
    template = manifests["Deployment", "embedder"]["spec"]["template"]
    assert template["metadata"]["annotations"]["prometheus.io/path"] == path
    assert template["metadata"]["annotations"]["prometheus.io/port"] == "8501"


def test_a_mistake_in_a_text_proto_is_found():
    with pytest.raises(text_format.ParseError):
        _parsed("batching.config", "MonitoringConfig")


def test_compose_follows_the_specification(tmp_path, compose):
    def check(path):
        schema = ["--builtin-schema", "vendor.compose-spec"]
        return subprocess.run(
            [sys.executable, "-m", "check_jsonschema", *schema, path],
            capture_output=True,
        ).returncode

    assert check(ROOT / "docker-compose.yml") == 0
    compose["services"]["serving"]["port"] = compose["services"]["serving"]["ports"]
    (tmp_path / "docker-compose.yml").write_text(yaml.safe_dump(compose))
    assert check(tmp_path / "docker-compose.yml") == 1


def test_compose_pins_images_mounts_what_exists_and_is_closed(compose):
    for service in compose["services"].values():
        assert re.fullmatch(r".+:v?\d+\.\d+\.\d+", service["image"])
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            named = source.startswith("$") or source in compose["volumes"]
            assert named or (ROOT / source).exists(), volume


def test_both_run_the_server_of_this_tensorflow_with_the_same_flags(compose, container):
    import tensorflow as tf

    serving = compose["services"]["serving"]
    assert serving["image"] == container["image"]
    assert serving["image"].endswith(f":{tf.__version__}")
    assert serving["entrypoint"] == container["command"]
    own = [flag for flag in container["args"] if "parallelism" not in flag]
    assert serving["command"] == own
    files = [flag.split("=/config/")[1] for flag in own if "=/config/" in flag]
    assert sorted(files) == ["batching.config", "models.config", "monitoring.config"]
    assert all((ROOT / file).exists() for file in files)


@pytest.mark.parametrize("status", [200, 404, None])
def test_the_health_check_of_compose_asks_for_a_loaded_model(compose, status):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    *_, script = compose["services"]["serving"]["healthcheck"]["test"]
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        address = f"/dev/tcp/127.0.0.1/{server.server_port}"
        if status is None:
            server.server_close()
        else:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        assert PORT in script
        script = script.replace(PORT, address).replace("$$", "$")
        done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=20)
        if status is not None:
            server.shutdown()
            assert asked == ["/v1/models/embedder/metadata"]
    assert (done.returncode == 0) == (status == 200)


def test_manifests_follow_the_schema(manifests):
    kinds = ["PersistentVolumeClaim", "Deployment", "Service", "Service"]
    assert [kind for kind, _ in manifests] == [*kinds, "HorizontalPodAutoscaler"]
    for manifest in manifests.values():
        kubernetes_validate.validate(manifest, "1.33", strict=True)


def test_the_schema_refuses_what_is_wrong(manifests, container):
    container["readynessProbe"] = container.pop("readinessProbe")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            manifests["Deployment", "embedder"], "1.33", strict=True
        )


def test_manifests_name_each_other(manifests, container):
    [kustomization] = _yaml("kustomization.yaml")
    [generated] = kustomization["configMapGenerator"]
    assert all((ROOT / file).exists() for file in generated["files"])
    deployment = manifests["Deployment", "embedder"]["spec"]
    pod = deployment["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["config"]["configMap"]["name"] == generated["name"]
    claim = volumes["models"]["persistentVolumeClaim"]["claimName"]
    assert ("PersistentVolumeClaim", claim) in manifests
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    ports = {port["name"] for port in container["ports"]}
    for name in ("embedder", "embedder-pods"):
        service = manifests["Service", name]["spec"]
        assert service["selector"] == labels
        assert {port["targetPort"] for port in service["ports"]} <= ports
    target = manifests["HorizontalPodAutoscaler", "embedder"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) in manifests


def test_the_pods_end_after_they_were_taken_off_the_service(container, manifests):
    pod = manifests["Deployment", "embedder"]["spec"]["template"]["spec"]
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < pause < pod["terminationGracePeriodSeconds"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_puts_the_manifests_together():
    done = subprocess.run(
        ["kubectl", "kustomize", ROOT], capture_output=True, text=True, check=True
    )
    built = list(yaml.safe_load_all(done.stdout))
    for manifest in built:
        kubernetes_validate.validate(manifest, "1.33", strict=True)
    [config] = [manifest for manifest in built if manifest["kind"] == "ConfigMap"]
    assert set(config["data"]) == {
        "models.config",
        "batching.config",
        "monitoring.config",
    }


def test_every_file_is_explained():
    readme = (ROOT / "README.md").read_text()
    for path in ROOT.iterdir():
        if path.name != "README.md":
            name = f"`{path.name}/`" if path.is_dir() else f"({path.name})"
            assert name in readme, path
