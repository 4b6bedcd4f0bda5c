"""The executor as a process: what it may import, who may call it, what its settings tell."""

import subprocess
import sys

import pytest
from pydantic import SecretStr, ValidationError

from sfumato_executor.service import METHOD_RULES
from sfumato_executor.settings import ExecutorSettings
from sfumato_mesh.v1 import data_service_pb2, executor_service_pb2

_PARENT = """
import sys
import sfumato_executor.main, sfumato_executor.service, sfumato_executor.worker_process
print([name for name in ("polars", "opendp", "pandas") if name in sys.modules])
"""


def test_a_workers_parent_holds_no_engine() -> None:
    """Polars used before a fork hangs the child; imports are the surest sign."""
    done = subprocess.run([sys.executable, "-c", _PARENT], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_every_method_has_a_rule_and_no_other() -> None:
    services = [
        executor_service_pb2.DESCRIPTOR.services_by_name["ExecutorService"],
        data_service_pb2.DESCRIPTOR.services_by_name["DataService"],
    ]
    names = {f"/{service.full_name}/{method.name}" for service in services for method in service.methods}
    assert set(METHOD_RULES) == names
    assert all(rule.services == {"gateway"} and not rule.public for rule in METHOD_RULES.values())


def test_settings_keep_the_brokers_password() -> None:
    settings = ExecutorSettings(broker_url=SecretStr("amqp://sfumato:very-secret@broker//"))
    assert "very-secret" not in repr(settings)
    assert "very-secret" not in settings.model_dump_json()


def test_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFUMATO_CREDENTIALS_DIR", "/somewhere/credentials")
    assert str(ExecutorSettings().credentials_dir) == "/somewhere/credentials"


@pytest.mark.parametrize("field", ["lease_seconds", "settle_interval_seconds", "worker_concurrency"])
def test_intervals_are_above_zero(field: str) -> None:
    with pytest.raises(ValidationError):
        ExecutorSettings.model_validate({field: 0})


def test_a_process_without_a_key_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match="SFUMATO_SIGNING_KEY"):
        ExecutorSettings().load_signing_key()
