"""Options of the gateway: a domain, an access log, a console."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from tests.template.loading import ROOT, chosen, resources, template

(API,) = resources("AWS::Serverless::Api").values()
ALL_OFF: Final = dict.fromkeys(("LogsGateway", "HasConsole", "HasBasePath"), False)

# None of these fields holds a token, a query, a body or names that customers give.
LOGGED: Final = {
    "requestId",
    "requestTime",
    "identity.sourceIp",
    "identity.userAgent",
    "domainName",
    "httpMethod",
    "resourcePath",
    "path",
    "status",
    "responseLength",
    "responseLatency",
    "integrationLatency",
    "integrationStatus",
    "error.responseType",
    "xrayTraceId",
}


def test_the_access_log_is_off_until_the_account_has_its_role() -> None:
    assert template()["Parameters"]["GatewayAccessLog"]["Default"] == "false"
    assert "AccessLogSetting" not in chosen(API, **ALL_OFF)
    assert resources("AWS::ApiGateway::Account") == {}


def test_a_line_of_the_access_log_is_json_and_holds_no_secret() -> None:
    setting = chosen(API["AccessLogSetting"], LogsGateway=True)
    assert setting["DestinationArn"] == {"Fn::GetAtt": ["GatewayLogGroup", "Arn"]}
    line = json.loads(setting["Format"])
    assert set(line.values()) == {f"$context.{name}" for name in LOGGED}
    # API Gateway accepts no format without it.
    assert line["requestId"] == "$context.requestId"


def _own_replies(*, has_console: bool) -> dict[str, Any]:
    replies = API["DefinitionBody"]["x-amazon-apigateway-gateway-responses"]
    reported: dict[str, Any] = chosen(replies, HasConsole=has_console)
    return reported


def test_errors_of_the_gateway_may_be_read_by_the_console_origin_and_no_other() -> None:
    allowed = "gatewayresponse.header.Access-Control-Allow-Origin"
    for reply in _own_replies(has_console=True).values():
        assert reply["responseParameters"][allowed] == {"Fn::Sub": "'${CorsOrigin}'"}
    for reply in _own_replies(has_console=False).values():
        assert allowed not in reply["responseParameters"]


@pytest.mark.parametrize("schema", ["error", "RpcStatus", "Error"])
def test_errors_of_the_gateway_have_the_format_of_every_api(schema: str) -> None:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    wanted = {"$ref": f"#/components/schemas/{schema}"} | {"components": document["components"]}
    reported = _own_replies(has_console=False)
    assert set(reported) == {"DEFAULT_4XX", "DEFAULT_5XX", "REQUEST_TOO_LARGE", "THROTTLED"}
    for name, reply in reported.items():
        body = json.loads(reply["responseTemplates"]["application/json"])
        problems = [e.message for e in Draft202012Validator(wanted).iter_errors(body)]
        # The gateway does not know our trace id, and the contract does not require it.
        assert problems in ([], ["'trace_id' is a required property"]), name
        assert body["error_description"] == body["message"] == body["detail"]


def test_errors_of_the_gateway_are_not_cached_and_have_retry_after() -> None:
    reported = _own_replies(has_console=False)
    for reply in reported.values():
        assert reply["responseParameters"]["gatewayresponse.header.Cache-Control"] == "'no-cache'"
    waits = [
        name
        for name, r in reported.items()
        if "gatewayresponse.header.Retry-After" in r["responseParameters"]
    ]
    assert waits == ["THROTTLED"]


def test_a_changed_parameter_of_the_gateway_takes_effect_with_the_deployment() -> None:
    """SAM deploys a stage again only for changes that it sees, and parameters are not among them."""
    assert API["AlwaysDeploy"] is True


@pytest.mark.parametrize(
    ("origin", "taken"),
    [
        ("", True),
        ("https://console.example.com", True),
        ("http://localhost:5173", True),
        ("https://console.example.com/", False),
        ("console.example.com", False),
        ("*", False),
        ("https://a' 'b", False),
    ],
)
def test_an_allowed_origin_is_written_as_browsers_send_it(origin: str, *, taken: bool) -> None:
    pattern = template()["Parameters"]["CorsOrigin"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, origin)) is taken


def test_requests_and_answers_may_be_binary_whatever_they_accept() -> None:
    assert API["BinaryMediaTypes"] == ["*/*"]


# The domain

DOMAIN: Final = ("CustomDomain", "CustomDomainMapping", "CustomDomainRecord")


def _resource(name: str) -> dict[str, Any]:
    resource: dict[str, Any] = template()["Resources"][name]
    return resource


def test_without_a_domain_no_resource_of_it_is_created() -> None:
    assert [_resource(name)["Condition"] for name in DOMAIN] == ["HasDomain", "HasDomain", "HasRecord"]
    conditions = template()["Conditions"]
    assert conditions["HasRecord"]["Fn::And"][0] == {"Condition": "HasDomain"}
    for name in ("DomainName", "CertificateArn", "HostedZoneId", "BasePath"):
        assert template()["Parameters"][name]["Default"] == ""


def test_a_domain_maps_its_base_path_to_the_stage() -> None:
    domain, mapping = _resource("CustomDomain")["Properties"], _resource("CustomDomainMapping")["Properties"]
    # A regional domain can only be mapped to a regional API.
    assert API["EndpointConfiguration"] == {"Type": "REGIONAL"}
    assert domain["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert domain["SecurityPolicy"] == "TLS_1_2"
    assert (mapping["RestApiId"], mapping["Stage"]) == ({"Ref": "Api"}, {"Ref": "Api.Stage"})
    assert chosen(mapping, HasBasePath=True)["BasePath"] == {"Ref": "BasePath"}
    assert "BasePath" not in chosen(mapping, HasBasePath=False)


def test_a_domain_without_a_certificate_is_refused_before_anything_changes() -> None:
    (assertion,) = template()["Rules"]["DomainNeedsCertificate"]["Assertions"]
    assert "CertificateArn" in str(assertion["Assert"])
