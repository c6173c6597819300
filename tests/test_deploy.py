"""What deploy/ says is what the program knows: settings, commands, metrics, services."""

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml

from server.http.metrics import Metrics
from tutelage.cli import app
from tutelage.settings import Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
VARIABLES = {f"TUTELAGE_{name.upper()}" for name in Settings.model_fields}


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_every_setting_is_one_that_the_program_reads() -> None:
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    named = {v for path in files for v in re.findall(r"\bTUTELAGE_[A-Z_]+", path.read_text())}
    assert named and named <= VARIABLES


def test_compose_runs_commands_that_exist() -> None:
    commands = [s["command"] for s in compose()["services"].values() if "build" in s]
    assert {name for program, name in commands if program == "tutelage"} <= COMMANDS
    assert len(commands) == 3


def test_compose_waits_for_services_that_it_has() -> None:
    services, volumes = compose()["services"], compose()["volumes"]
    for service in services.values():
        assert set(service.get("depends_on", ())) <= services.keys()
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in volumes or (DEPLOY / source).is_file()


def test_compose_pins_images_and_holds_no_secret() -> None:
    for name, service in compose()["services"].items():
        assert ":" in service["image"], name
    for line in (DEPLOY / "compose.yaml").read_text().splitlines():
        if "PASSWORD" in line:
            assert "${POSTGRES_PASSWORD:?" in line
    assert "POSTGRES_PASSWORD=\n" in (DEPLOY / "example.env").read_text()


def test_answers_get_less_time_to_end_than_the_container() -> None:
    service = compose()["services"]["api"]
    grace = int(service["stop_grace_period"].removesuffix("s"))
    assert service["environment"]["TUTELAGE_STOP_SECONDS"] < grace - 5


def test_compose_believes_its_own_proxy_alone() -> None:
    (network,) = compose()["networks"]["default"]["ipam"]["config"]
    proxies = compose()["services"]["api"]["environment"]["TUTELAGE_TRUSTED_PROXIES"]
    assert proxies == network["subnet"]


def test_the_proxy_leads_to_the_service() -> None:
    (target,) = re.findall(r"dynamic a (\w+) (\d+)", (DEPLOY / "Caddyfile").read_text())
    assert target == ("api", str(Settings.model_fields["port"].default))


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").iterdir()), ids=lambda path: path.name)
def test_a_unit_runs_a_command_that_exists(unit: Path) -> None:
    (command,) = re.findall(r"^ExecStart=\S+/tutelage (\S+)$", unit.read_text(), re.MULTILINE)
    assert command in COMMANDS


def served_metrics() -> set[str]:
    return set(re.findall(r"^# TYPE (\w+)", Metrics().render().decode(), re.MULTILINE))


def metrics_in(expressions: list[str]) -> set[str]:
    asked = {name for text in expressions for name in re.findall(r"\btutelage_\w+", text)}
    return {name.removesuffix("_bucket") for name in asked}


def test_alerts_ask_for_metrics_that_are_served() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    assert metrics_in([rule["expr"] for rule in rules]) <= served_metrics()
    assert all(rule["annotations"].keys() == {"summary", "description"} for rule in rules)


def test_the_dashboard_shows_metrics_that_are_served() -> None:
    panels = json.loads((DEPLOY / "grafana" / "tutelage.json").read_text())["panels"]
    shown = metrics_in([target["expr"] for panel in panels for target in panel["targets"]])
    assert len(shown) > 8 and shown <= served_metrics()


def manifests() -> dict[tuple[str, str], Any]:
    """Every Kubernetes object by kind and name."""
    files = [f for f in (DEPLOY / "kubernetes").rglob("*.yaml") if f.name != "kustomization.yaml"]
    found = [each for file in files for each in yaml.safe_load_all(file.read_text())]
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


@pytest.mark.parametrize("kind, name", sorted(manifests()))
def test_a_manifest_is_what_kubernetes_reads(kind: str, name: str) -> None:
    if kind == "ServiceMonitor":
        pytest.skip("a resource of the Prometheus operator")
    kubernetes_validate.validate(manifests()[kind, name], "1.37", strict=True)


def test_kustomizations_name_every_file() -> None:
    for file in (DEPLOY / "kubernetes").glob("*/kustomization.yaml"):
        resources = {file.parent / name for name in yaml.safe_load(file.read_text())["resources"]}
        assert all(path.exists() for path in resources)
        assert {f for f in file.parent.glob("*.yaml") if f != file} <= resources


def pods() -> dict[str, Any]:
    """The pod of each workload of our own image."""
    found = {
        name: each["spec"]["template"]["spec"]
        for (kind, name), each in manifests().items()
        if kind in ("Deployment", "Job")
    }
    return {name: pod for name, pod in found.items() if pod["containers"][0]["image"] == "tutelage"}


def test_pods_run_commands_that_exist_and_are_not_root() -> None:
    assert len(pods()) == 3
    for pod in pods().values():
        program, command = pod["containers"][0]["args"]
        assert program == "tutelage" and command in COMMANDS
        assert pod["securityContext"]["runAsNonRoot"]


def test_references_between_manifests_exist() -> None:
    claims = {name for kind, name in manifests() if kind == "PersistentVolumeClaim"}
    labels = {
        each["spec"]["template"]["metadata"]["labels"]["app"]
        for (kind, _), each in manifests().items()
        if kind in ("Deployment", "StatefulSet", "Job")
    }
    for (kind, name), each in manifests().items():
        if kind == "Service":
            assert each["spec"]["selector"]["app"] in labels
        if kind == "HorizontalPodAutoscaler":
            assert ("Deployment", each["spec"]["scaleTargetRef"]["name"]) in manifests(), name
    for pod in pods().values():
        assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] in claims


def test_responses_get_less_time_to_end_than_the_pod() -> None:
    grace = pods()["tutelage-api"]["terminationGracePeriodSeconds"]
    before = int(
        pods()["tutelage-api"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1]
    )
    limit = int(manifests()["ConfigMap", "tutelage"]["data"]["TUTELAGE_STOP_SECONDS"])
    assert before + limit < grace - 5


def test_workflows_run_what_the_project_has() -> None:
    workflows = ROOT / ".github" / "workflows"
    runs = [
        step["run"]
        for file in workflows.glob("*.yml")
        for job in yaml.safe_load(file.read_text())["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    assert "make test" in runs
    assert re.search(r"^test:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_image_has_what_compose_needs() -> None:
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', (ROOT / "Dockerfile").read_text())
    assert set(extras.split(",")) >= {"postgres", "redis", "remote"}
