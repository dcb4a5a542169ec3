"""A parameter that the template does not have is refused: `sam` would ignore it silently."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import build, run
from tools.local_stack.errors import LaunchError
from tools.template_parameters import check_names, parameters

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"


def samconfig(folder: Path) -> Path:
    path = folder / "samconfig.toml"
    path.write_text(
        "version = 0.1\n"
        '[default.deploy.parameters]\nparameter_overrides = ["AlarmEmail=a@example.com"]\n'
        '[production.global.parameters]\nstack_name = "gpu-production"\n'
        '[production.deploy.parameters]\nparameter_overrides = "AlarmEmail=b@example.com Dashboard=false"\n'
    )
    return path


def test_every_parameter_of_the_template_is_known() -> None:
    check_names(parameters(TEMPLATE), TEMPLATE)


def test_a_misspelt_parameter_is_refused_with_the_similar_one() -> None:
    with pytest.raises(LaunchError, match=re.escape("no parameter AlarmEmial: is it AlarmEmail?")):
        check_names(["Dashboard", "AlarmEmial"], TEMPLATE)


def test_a_parameter_like_no_other_is_refused_with_the_place_where_they_are_listed() -> None:
    with pytest.raises(LaunchError, match=r"no parameter Zzz: docs/configuration\.md"):
        check_names(["Zzz"], TEMPLATE)


def test_a_local_stack_refuses_it_before_it_starts() -> None:
    with pytest.raises(LaunchError, match=re.escape("no parameter PollSecond: is it PollSeconds?")):
        run.parse(["--parameter", "PollSecond=1"])


def test_a_deployment_refuses_it_before_it_builds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["make deploy", "--sam", "/nonexistent/sam", "--deploy"])
    monkeypatch.setattr(build, "configured_overrides", lambda *_: {"AlarmEmial": "a@example.com"})

    assert build.main() == 1
    assert capsys.readouterr().err == "template.yaml has no parameter AlarmEmial: is it AlarmEmail?\n"


@pytest.mark.parametrize("more", [["--config-env", "production"], ["--config-env=production", "--guided"]])
def test_each_environment_has_its_own_parameters(tmp_path: Path, more: list[str]) -> None:
    found = build.configured_overrides(samconfig(tmp_path), "deploy", build.environment_of(more))

    assert found == {"AlarmEmail": "b@example.com", "Dashboard": "false"}


def test_without_an_environment_the_default_is_used(tmp_path: Path) -> None:
    found = build.configured_overrides(samconfig(tmp_path), "deploy", build.environment_of(["--guided"]))

    assert found == {"AlarmEmail": "a@example.com"}


def test_an_absent_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=r"samconfig\.toml has no section staging"):
        build.configured_overrides(samconfig(tmp_path), "deploy", "staging")
