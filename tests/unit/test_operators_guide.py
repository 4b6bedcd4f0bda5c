"""docs/operators.md names every setting that the services read, and no other."""

import re
from pathlib import Path

from sfumato_accountant.settings import AccountantSettings
from sfumato_executor.settings import ExecutorSettings
from sfumato_gateway.settings import GatewaySettings

GUIDE = Path(__file__).parents[2] / "docs" / "operators.md"


def test_the_guide_names_every_setting_and_no_other() -> None:
    kinds = (GatewaySettings, AccountantSettings, ExecutorSettings)
    known = {f"SFUMATO_{name.upper()}" for kind in kinds for name in kind.model_fields}
    rows = re.findall(r"^\| `(SFUMATO_[A-Z_]+)` \|", GUIDE.read_text(), re.MULTILINE)
    assert set(rows) == known | {"SFUMATO_CONFIG"}
