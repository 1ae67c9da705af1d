"""Takes the files of deploy/panels as their panels do: what is asked for is filled in, and compose reads what comes of it."""

import base64
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

PANELS = Path(sys.argv[1])
REGISTRY = "registry.example.org/team"


def composed(text, **variables):
    """The service that compose reads, with nothing left unsaid."""
    environment = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run(
        ["docker-compose", "-f", "-", "config"], input=text, env=environment, capture_output=True, text=True, cwd=PANELS
    )
    assert done.returncode == 0 and "variable is not set" not in done.stderr, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert list(services) == ["wazapp"], "one service, and none that only helps it"
    service = services["wazapp"]
    assert service["image"].startswith(f"{REGISTRY}/wazapp:"), service["image"]
    assert [volume.split(":")[1] for volume in service["volumes"]] == ["/var/lib/wazapp"], service["volumes"]
    assert service["environment"]["WAZAPP_PUBLIC_URL"] == "https://wa.example.org", service["environment"]
    # Nobody but the panel's proxy reaches it.
    assert "ports" not in service
    return service


def coolify():
    text = (PANELS / "coolify.yml").read_text()
    # What it shows comes from comments at the head.
    said = dict(re.findall(r"^# (\w+): (.+)$", text, re.MULTILINE))
    assert said["port"] == "8080" and {"slogan", "tags", "logo"} <= said.keys(), said
    service = composed(text, IMAGE_REGISTRY=REGISTRY, SERVICE_URL_WAZAPP="https://wa.example.org")
    assert f"SERVICE_URL_WAZAPP_{said['port']}" in service["environment"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["healthcheck"]["test"][0] == "CMD"


def dokploy():
    folder = PANELS / "dokploy"
    compose, template = (folder / "docker-compose.yml").read_text(), (folder / "template.toml").read_text()
    config = tomllib.loads(template)
    variables = {name: value.replace("${domain}", "wa.example.org") for name, value in config["variables"].items()}
    said = {}
    for line in config["config"]["env"]:
        name, value = line.split("=", 1)
        said[name] = re.sub(r"\$\{(\w+)\}", lambda found: variables[found[1]], value)
    service = composed(compose, **{**said, "IMAGE_REGISTRY": REGISTRY})
    [domain] = config["config"]["domains"]
    assert domain["serviceName"] == "wazapp" and [domain["port"]] == service["expose"], domain
    meta = json.loads((folder / "meta.json").read_text())
    assert meta["id"] == "wazapp" and service["image"].endswith(":" + meta["version"]) and (folder / meta["logo"]).exists()
    both = json.loads(base64.b64decode((folder / "import.base64").read_text()))
    assert both == {"compose": compose, "config": template}


def caprover():
    text = (PANELS / "caprover.yml").read_text()
    app = yaml.safe_load(text)["caproverOneClickApp"]
    assert len(app["description"]) <= 200 and app["instructions"]["start"] and app["instructions"]["end"]
    said = {"$$cap_appname": "wazapp", "$$cap_root_domain": "apps.example.org", "$$cap_registry": REGISTRY}
    for variable in app["variables"]:
        assert variable["label"] and variable["description"]
        value = said.setdefault(variable["id"], variable.get("defaultValue", ""))
        if "validRegex" in variable:
            assert re.search(variable["validRegex"].strip("/").replace(r"\/", "/"), value), variable
    # As it does, in the text; the longest names first, for some begin like others.
    for name in sorted(said, key=len, reverse=True):
        text = text.replace(name, said[name])
    assert "$$cap" not in text, text
    filled = yaml.safe_load(text)
    assert str(filled["captainVersion"]) == "4"
    service = filled["services"]["wazapp"]
    assert service.pop("caproverExtra")["containerHttpPort"] == "8080"
    # It takes these of compose, and is silent about others.
    assert service.keys() <= {"image", "restart", "environment", "volumes"}, service.keys()
    assert all(isinstance(value, str) for value in service["environment"].values()), service["environment"]
    assert service["environment"]["WAZAPP_PUBLIC_URL"] == "https://wazapp.apps.example.org"
    service["environment"]["WAZAPP_PUBLIC_URL"] = "https://wa.example.org"
    volumes = {volume.split(":")[0]: None for volume in service["volumes"]}
    composed(yaml.safe_dump({"version": "3.8", "services": {"wazapp": service}, "volumes": volumes}))


def easypanel():
    folder = PANELS / "easypanel"
    [service] = json.loads((folder / "wazapp.json").read_text())["services"]
    data = service["data"]
    assert service["type"] == "app" and data["source"]["image"].startswith("REGISTRY/wazapp:")
    # A second server on the same data is refused: the new one starts when the old one is gone.
    assert data["deploy"]["zeroDowntime"] is False and data["deploy"]["replicas"] == 1
    assert [mount["mountPath"] for mount in data["mounts"]] == ["/var/lib/wazapp"] and data["domains"][0]["port"] == 8080
    # The template asks for what its code reads.
    asked = yaml.safe_load((folder / "meta.yaml").read_text())["schema"]
    code = (folder / "index.ts").read_text()
    assert set(re.findall(r"input\.(\w+)", code)) == set(asked["properties"]) and set(asked["required"]) <= set(asked["properties"])
    # And makes the same variables.
    names = [line.split("=")[0] for line in data["env"].split("\n")]
    assert re.findall(r"\b(WAZAPP_[A-Z_]+)=", code.replace("\\n", "\n")) == names, names


for panel in (coolify, dokploy, caprover, easypanel):
    panel()
