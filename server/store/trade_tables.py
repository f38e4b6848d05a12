"""The tables of trade: partners, orders at suppliers, sales to buyers, and requests by key.

Built like those of :mod:`server.store.tables`, of which they are a part.
"""

from __future__ import annotations

from server.store.columns import bytes_, count, index, table, text

partners = table(
    "partners", ("partner_id",), text("partner_id"), text("kind"), text("name"), text("account"),
    text("registered_by"), count("registered_at_ms"), count("closed_at_ms", optional=True),
)  # fmt: skip
orders = table(
    "orders", ("order_id",), text("order_id"), text("reference"), text("supplier"),
    text("line_id"), text("farmer_id"), text("station"), text("lease_id"), text("currency"),
    count("total_minor"), text("goods"), text("deliver_by"), text("valid_until"),
    count("apr_ppm"), text("due_on"), text("key_facts"), text("shown_sha256"),
    text("content_sha256"), count("at_ms"),
)  # fmt: skip
order_steps = table(
    "order_steps", ("order_id", "seq"), text("order_id"), count("seq"), text("event"),
    text("state"), text("on_day"), count("at_ms"), text("actor"), text("role"), text("party"),
    text("reason"), text("detail"),
)  # fmt: skip
sales = table(
    "sales", ("sale_id",), text("sale_id"), text("reference"), text("buyer"), text("line_id"),
    text("farmer_id"), text("sold_on"), count("sold_kg"), text("currency"),
    count("proceeds_minor"), count("to_line_minor"), count("to_farmer_minor"),
    text("content_sha256"), count("at_ms"),
)  # fmt: skip
api_requests = table(
    "api_requests", ("holder", "request_key"), text("holder"), text("request_key"),
    text("request_sha256"), count("started_at_ms"), count("status", optional=True),
    text("media_type"), bytes_("body", optional=True),
)  # fmt: skip
index(orders, "supplier", "reference", unique=True)
index(orders, "line_id")
index(sales, "buyer", "reference", unique=True)
index(sales, "line_id")
index(api_requests, "started_at_ms")

TRADE_APPEND_ONLY = (orders, order_steps, sales)
