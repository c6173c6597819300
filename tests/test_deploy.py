"""What deploy/ says is what the program knows: settings, commands, metrics, services."""

import re
from pathlib import Path
from typing import Any

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


def test_alerts_ask_for_metrics_that_are_served() -> None:
    served = set(re.findall(r"^# TYPE (\w+)", Metrics().render().decode(), re.MULTILINE))
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    asked = {name for rule in rules for name in re.findall(r"\btutelage_\w+", rule["expr"])}
    assert {name.removesuffix("_bucket") for name in asked} <= served
    assert all(rule["annotations"].keys() == {"summary", "description"} for rule in rules)


def test_the_image_has_what_compose_needs() -> None:
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', (ROOT / "Dockerfile").read_text())
    assert set(extras.split(",")) >= {"postgres", "redis", "remote"}
