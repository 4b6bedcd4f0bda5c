"""Field masks and page tokens: pure parts of the generic administration."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import strategies as st

from sfumato.v1.charge_pb2 import LossLimit, RhoDelta
from sfumato.v1.dataset_pb2 import Dataset, PrivacyUnit
from sfumato.v1.policy_pb2 import Policy
from sfumato_accountant.catalog.kinds import DATASET
from sfumato_accountant.catalog.masks import updated
from sfumato_accountant.catalog.pages import page_size, page_start, page_token
from sfumato_mesh.refusal import Refusal

LIMIT = LossLimit(rho=RhoDelta(rho_picos=5))
PRESENT = Dataset(
    name="datasets/a",
    display_name="A",
    description="about a",
    population="populations/p",
    privacy_unit=PrivacyUnit(column="id", max_groups=2),
    policy=Policy(engines=["native"], max_charge=LIMIT),
    custodians=["users/x", "users/y"],
    version=3,
    etag="e",
)


def update(change: Dataset, *paths: str) -> Dataset:
    return updated(DATASET, PRESENT, change, FieldMask(paths=paths))


def test_no_mask_changes_what_is_set() -> None:
    result = update(Dataset(name="datasets/a", display_name="B", custodians=["users/z"], version=9))
    assert result.display_name == "B"
    assert list(result.custodians) == ["users/z"]
    result.display_name = PRESENT.display_name
    result.custodians[:] = PRESENT.custodians
    assert result == PRESENT


def test_a_star_replaces_all_but_output_only() -> None:
    result = update(Dataset(display_name="B", version=9, etag="other"), "*")
    assert result == Dataset(name="datasets/a", display_name="B", version=3, etag="e")


def test_a_mask_clears_what_is_not_set() -> None:
    result = update(Dataset(), "description", "custodians", "policy.max_charge", "privacy_unit.max_groups")
    assert result.description == ""
    assert not result.custodians
    assert not result.policy.HasField("max_charge")
    assert list(result.policy.engines) == ["native"]
    assert result.privacy_unit == PrivacyUnit(column="id")


def test_a_mask_reaches_into_messages() -> None:
    other = LossLimit(rho=RhoDelta(rho_picos=7))
    result = update(Dataset(policy=Policy(engines=["x"], max_charge=other)), "policy.max_charge.rho.rho_picos")
    assert result.policy == Policy(engines=["native"], max_charge=other)
    assert update(Dataset(policy=Policy(max_charge=other)), "policy").policy == Policy(max_charge=other)


def test_output_only_fields_of_a_mask_are_passed_over() -> None:
    assert update(Dataset(version=9, name="datasets/b"), "version", "name", "create_time", "etag") == PRESENT


@pytest.mark.parametrize(
    "path", ["colour", "", "policy.colour", "custodians.x", "display_name.x", "policy..engines", "schema.columns.name"]
)
def test_a_path_to_nowhere_is_refused(path: str) -> None:
    with pytest.raises(Refusal) as caught:
        update(Dataset(), "description", path)
    assert caught.value.reason == "REQUEST_INVALID"
    assert [violation.field for violation in caught.value.fields] == ["update_mask.paths[1]"]


@given(conditions=st.text(), after=st.text(min_size=1))
def test_a_token_leads_back_to_its_place(conditions: str, after: str) -> None:
    assert page_start(conditions, page_token(conditions, after)) == after


@given(token=st.one_of(st.text(min_size=1), st.binary(min_size=1).map(lambda content: content.hex())))
def test_any_other_token_is_refused(token: str) -> None:
    for wrong in (token, page_token("one list", "a") + token, page_token("another list", token)):
        with pytest.raises(Refusal) as caught:
            page_start("one list", wrong)
        assert caught.value.reason == "PAGE_TOKEN_INVALID"


def test_page_sizes() -> None:
    assert [page_size(size) for size in (0, 1, 1000, 1001, 2**31 - 1)] == [100, 1, 1000, 1000, 1000]
