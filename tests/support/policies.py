"""A version of a product that lines may be opened by, approved by two where that is asked for."""

from __future__ import annotations

from core.lending.product import Product
from server.services import enrolment
from server.services.centre import Centre, Work
from server.services.money_words import confirm
from server.services.policies import tell_policy
from server.store import accounts, products
from server.store.people import Actor
from server.store.products import ProductUse
from tests.support.two_words import FIRST, SECOND

_BY = Actor("tests", "operator")


def put_in_force(centre: Centre, product: Product, by: Actor = _BY) -> bool:
    """Put a version in force as a lender does it: once two supervisors stand, by two."""
    name = product.policy_version()

    def approved(work: Work) -> None:
        kept = products.kept(work.tx, name)
        is_used = kept is not None and kept.state is ProductUse.IN_FORCE
        if is_used or not accounts.is_founded(work.tx):
            return
        products.add(work.tx, product, work.at_ms, ProductUse.CANDIDATE)
        word = tell_policy(work, name, (FIRST, "as agreed"))
        confirm(work, word.word_id, SECOND)

    centre.write(approved)
    return enrolment.add_product(centre, product, by)
