"""The API keeps to its own description, whatever is sent: requests made from the description.

Schemathesis reads ``/api/v1/openapi.json`` of the running application and sends what it allows and
what it does not; no answer may be a fault of ours, undocumented, or of another shape. That
whatever fits the description is taken cannot be asked: a document that nobody signed fits
it, and so does an amount written as 2.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import positive_data_acceptance

from server.api.evidence import LINES_TYPE
from server.api.photos import PART_TYPE
from server.api.sync import CARRIER_TYPE, ENVELOPE_TYPE
from server.app import create_app
from server.config import Settings
from server.keys import write_secret
from server.services import enrolment
from server.store.engine import open_store
from server.store.people import Role
from server.store.schema import migrate
from tests.support.centre_kit import TESTER, Kit, build_kit, open_known
from tests.support.orders_kit import BUYER, SUPPLIER, open_trade

# Of each endpoint, mode and role.
EXAMPLES, EXAMPLES_NIGHTLY = 4, 50
OPERATIONS_MIN = 28
# Whose token is tried besides none: one that may, and one that may not.
ROLES = {
    "orders": (Role.SUPPLIER, Role.CASHIER),
    "sales": (Role.BUYER, Role.CASHIER),
    "book": (Role.INTEGRATOR, Role.SUPPLIER),
}
OTHERS = (Role.CASHIER, Role.AUDITOR)
PARTIES = {Role.SUPPLIER: SUPPLIER, Role.BUYER: BUYER}


@schemathesis.serializer(ENVELOPE_TYPE, LINES_TYPE, CARRIER_TYPE, PART_TYPE)
def as_they_are(_context: Any, value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


@pytest.fixture(scope="module")
def api_kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    folder = tmp_path_factory.mktemp("api")
    store = open_store(f"sqlite:///{folder / 'centre.sqlite'}", "lender")
    migrate(store)
    secret = Path(folder / "session.secret")
    write_secret(secret, b"5" * 64)
    settings = Settings(session_secret_file=str(secret), api_requests_per_minute_max=1_000_000)
    kit = build_kit(store, settings)
    open_known(kit)
    trade = open_trade(kit)
    trade.bought()
    trade.sell()
    return kit


@pytest.fixture(scope="module")
def tokens(api_kit: Kit) -> dict[Role, str]:
    wanted = {role for roles in (*ROLES.values(), OTHERS) for role in roles}
    return {
        role: enrolment.add_token(
            api_kit.centre, f"schema-{role.value}", role, TESTER, PARTIES.get(role, "")
        )
        for role in wanted
    }


@pytest.mark.timeout(7_200)
@pytest.mark.parametrize(
    "examples", [EXAMPLES, pytest.param(EXAMPLES_NIGHTLY, marks=pytest.mark.nightly)]
)
def test_answers_are_as_described(
    api_kit: Kit, tokens: dict[Role, str], subtests: pytest.Subtests, examples: int
) -> None:
    path = "/api/v1/openapi.json"
    schema = schemathesis.openapi.from_asgi(path, create_app(api_kit.centre))
    operations = [each.ok() for each in schema.get_all_operations()]
    assert len(operations) >= OPERATIONS_MIN
    for operation in operations:
        modes = [GenerationMode.POSITIVE]
        if any(not _is_bytes(each.definition) for each in operation.body):
            modes.append(GenerationMode.NEGATIVE)
        for mode in modes:
            with subtests.test(operation.label, mode=mode.value):
                _try(operation, mode, tokens, examples)


def _is_bytes(body: dict[str, Any]) -> bool:
    """Whether a body is bytes of which any are of the described type: nothing else can be sent."""
    return bool(body.get("schema", {}).get("format") == "binary")


def _try(
    operation: schemathesis.APIOperation,
    mode: GenerationMode,
    tokens: dict[Role, str],
    examples: int,
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def tried(case: schemathesis.Case) -> None:
        tag = next(iter(operation.tags or ()), "")
        for role in (None, *ROLES.get(tag, OTHERS)):
            headers = {"Authorization": f"Bearer {tokens[role]}"} if role else {}
            case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    tried()
