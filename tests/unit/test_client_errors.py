"""Every reason of the contract has its exception, and messages read like a colleague's."""

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

import sfumato as sf
from sfumato._core.statuses import BY_REASON, Refusal, place, read_status, to_exception
from sfumato.v1 import error_reason_pb2

REASONS = [
    name.removeprefix("ERROR_REASON_")
    for name, number in error_reason_pb2.ErrorReason.items()
    if number != error_reason_pb2.ERROR_REASON_UNSPECIFIED
]


def status(code: int, message: str, *details: Message) -> status_pb2.Status:
    packed = []
    for each in details:
        packed.append(Any())
        packed[-1].Pack(each)
    return status_pb2.Status(code=code, message=message, details=packed)


def info(reason: str, domain: str = "sfumato", **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_its_class(reason: str) -> None:
    error = to_exception(read_status(status(code_pb2.ABORTED, "no.", info(reason, hint="try this"))))
    assert type(error) is BY_REASON[reason]
    assert (error.reason, error.hint) == (reason, "try this")
    paid_or_unknown = {"QUERY_FAILED", "QUERY_CANCELLED", "SERVICE_UNAVAILABLE", "NOT_ACCEPTING"}
    assert isinstance(error, sf.RefusedError) == (reason not in paid_or_unknown)


def test_no_class_for_a_reason_that_is_not_there() -> None:
    assert set(BY_REASON) == set(REASONS)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (code_pb2.UNAVAILABLE, sf.Unavailable),
        (code_pb2.DEADLINE_EXCEEDED, sf.Unavailable),
        (code_pb2.PERMISSION_DENIED, sf.AccessDenied),
        (code_pb2.RESOURCE_EXHAUSTED, sf.RequestTooLarge),
        (code_pb2.INTERNAL, sf.SfumatoError),
    ],
)
def test_without_a_reason_the_code_decides(code: int, kind: type[Exception]) -> None:
    assert type(to_exception(Refusal(code, "said."))) is kind


def test_a_reason_of_a_later_version_falls_back_to_its_code() -> None:
    error = to_exception(read_status(status(code_pb2.RESOURCE_EXHAUSTED, "slow down.", info("RATE_LIMITED"))))
    assert type(error) is sf.RefusedError
    assert error.reason == "RATE_LIMITED"


def test_another_domain_is_not_ours() -> None:
    assert read_status(status(code_pb2.ABORTED, "no.", info("BUDGET_EXHAUSTED", "elsewhere"))).reason == ""


def test_a_budget_says_what_it_has() -> None:
    said = info(
        "BUDGET_EXHAUSTED",
        scope="users/ada on population palmer",
        requested_rho_picos="50000000000",
        remaining_rho_picos="21300000000",
        hint=".run(rho=0.0213)",
    )
    text = str(to_exception(read_status(status(code_pb2.RESOURCE_EXHAUSTED, "exhausted", said))))
    assert "the question costs ρ 0.05 and users/ada on population palmer has ρ 0.0213 left." in text
    assert "would pass   .run(rho=0.0213)" in text


def test_a_rejected_plan_says_where_and_what_was_meant() -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(
        field="question.plan.source.filter.predicate.call.arguments[0]", description="unknown column"
    )
    bad = error_details_pb2.BadRequest(field_violations=[violation])
    said = info("PLAN_REJECTED", rule="unknown_column", did_you_mean="body_mass_g", columns="species, body_mass_g")
    error = to_exception(
        read_status(status(code_pb2.INVALID_ARGUMENT, "body_mass_gg is not a column of penguins.", said, bad))
    )
    assert str(error).splitlines() == [
        "body_mass_gg is not a column of penguins.",
        "  at           filter → argument 1",
        "  would pass   did you mean body_mass_g?",
    ]
    assert error.metadata["rule"] == "unknown_column"


def test_places_in_words() -> None:
    assert place("question.plan.measures[2].sum.bounds") == "measure 3 → sum → bounds"
    assert place("question.plan.group_by.keys[0].expression") == "group_by → key 1"


def test_control_characters_never_reach_a_terminal() -> None:
    error = to_exception(read_status(status(code_pb2.ABORTED, "red \x1b[31m\u202e alert", info("ETAG_MISMATCH"))))
    assert str(error) == "red [31m alert"


def test_details_that_cannot_be_read_are_left_out() -> None:
    broken = status_pb2.Status(code=code_pb2.ABORTED, message="m")
    broken.details.add(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff\xff")
    assert read_status(broken).reason == ""


def test_a_missing_extra_is_an_import_error_that_names_it() -> None:
    error = sf.MissingExtra("to_polars()", "polars")
    assert isinstance(error, ImportError)
    assert "pip install 'sfumato[polars]'" in str(error)
