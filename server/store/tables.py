"""Every table of the centre, as SQLAlchemy Core sees it.

The tenant comes first in every key and unique index, and no foreign key leaves a
tenant. Amounts are BIGINT; SQLite, which would take 1.5 for a whole number, is told
to check. Structured values are canonical JSON in text columns; documents are kept
verbatim as bytes. The migrations build the same tables (a test compares them), and
the triggers that seal the ledger and the append-only tables.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Integer

from server.store.appeal_tables import APPEAL_APPEND_ONLY
from server.store.beside_tables import BESIDE_APPEND_ONLY
from server.store.cash_tables import CASH_APPEND_ONLY
from server.store.columns import bytes_ as _bytes
from server.store.columns import count as _count
from server.store.columns import flag as _flag
from server.store.columns import index as _index
from server.store.columns import index_where as _index_where
from server.store.columns import metadata as _metadata
from server.store.columns import table as _table
from server.store.columns import text as _text
from server.store.desk_tables import DESK_APPEND_ONLY
from server.store.field_tables import FIELD_APPEND_ONLY
from server.store.model_tables import MODEL_APPEND_ONLY
from server.store.payout_tables import PAYOUT_APPEND_ONLY
from server.store.subsidy_tables import SUBSIDY_APPEND_ONLY
from server.store.trade_tables import TRADE_APPEND_ONLY

metadata = _metadata

# Who sends and what is registered.
sites = _table(
    "sites", ("site",), _text("site"), _text("name"), _count("utc_offset_minutes"),
    _text("currency"),
)  # fmt: skip
stations = _table(
    "stations", ("name",), _text("name"), _text("public_key"), _text("key_id"), _text("seal_key"),
    _text("seal_key_id"), _count("enrolled_at_ms"), _count("seen_at_ms", optional=True),
    _count("clock_offset_ms", optional=True), _text("swept_on"),
)  # fmt: skip
satellites = _table(
    "satellites", ("name",), _text("name"), _text("public_key"), _text("key_id"),
    _count("enrolled_at_ms"),
)  # fmt: skip
farmers = _table(
    "farmers", ("farmer_id",), _text("farmer_id"), _text("site"), _text("name"),
    _text("language"), _text("home_station"), _count("household_size"), _text("card_sha256"),
)  # fmt: skip
subjects = _table(
    "subjects", ("subject_id",), _text("subject_id"), _text("kind"), _text("farmer_id"),
    _text("name"), _text("crop"), _text("season_id"), _text("sown_on"), _count("area_m2"),
    _count("heads"), _text("pasture_id"), _text("polygon_sha256"), _text("geojson", optional=True),
    _count("area_low_m2", optional=True),
)  # fmt: skip
devices = _table(
    "devices", ("device_id",), _text("device_id"), _text("kind"), _text("subject_id"),
    _text("station"), _text("public_key"), _text("key_id"), _text("password_sha256"),
)  # fmt: skip
dossiers = _table(
    "dossiers", ("farmer_id",), _text("farmer_id"), _text("as_of"), _text("features"),
)  # fmt: skip
products = _table(
    "products", ("policy_version",), _text("policy_version"), _text("product_id"),
    _count("version"), _text("content"), _text("sha256"), _count("added_at_ms"),
    _text("state"),
)  # fmt: skip

# Lines and what moves them.
lines = _table(
    "lines", ("line_id",), _text("line_id"), _text("farmer_id"), _text("product_id"),
    _text("application_id"), _text("card_id"), _text("station"), _text("currency"),
    _count("limit_minor"), _text("due_on"), _text("opened_on"), _count("opened_at_ms"),
    _flag("frozen"), _flag("watch"), _flag("is_open"), _count("closed_at_ms", optional=True),
    _text("reviewed_as_of"), _text("supported"), _count("movements_count"),
    _text("onboarding_lease_id"), _count("onboarding_minor"), _flag("status_due"),
    _text("cash"),
)  # fmt: skip
line_subjects = _table(
    "line_subjects", ("line_id", "subject_id"), _text("line_id"), _text("subject_id"),
)  # fmt: skip
movements = _table(
    "movements", ("line_id", "seq"), _text("line_id"), _count("seq"), _text("movement_id"),
    _text("movement"), _text("as_of"), _count("at_ms"), _count("limit_before_minor"),
    _count("limit_minor"), _count("outstanding_minor"), _count("leased_unspent_minor"),
    _text("terms"), _text("views"), _text("reasons"), _text("evidence_ids"),
    _text("policy_version"), _text("supported"), _flag("watch"), _text("consent_ids"),
)  # fmt: skip
agreement_steps = _table(
    "agreement_steps", ("agreement_id", "seq"), _text("agreement_id"), _count("seq"),
    _text("line_id"), _text("event"), _text("state"), _text("on_day"), _count("at_ms"),
    _text("actor"), _text("role"), _text("party"), _text("reason"), _text("detail"),
    _text("irregular"),
)  # fmt: skip
_index(agreement_steps, "line_id")
leases = _table(
    "leases", ("lease_id",), _text("lease_id"), _text("kind"), _text("station"),
    _text("product_id"), _text("line_id"), _text("currency"), _count("amount_minor"),
    _count("limit_minor"), _count("per_line_minor"), _count("lines_max"),
    _count("signed_at_ms"), _count("expires_at_ms"), _count("posted_at_signing_minor"),
    _count("pending_at_signing_minor"), _count("leased_at_signing_minor"), _bytes("document"),
    _count("closed_at_ms", optional=True), _count("rate_ppm", optional=True),
)  # fmt: skip

# Where a line may be drawn besides its own station, who moves home, which stations are gone.
line_stations = _table(
    "line_stations", ("line_id", "station"), _text("line_id"), _text("station"),
    _count("share_ppm"), _count("since_ms"),
)  # fmt: skip
home_moves = _table(
    "home_moves", ("farmer_id",), _text("farmer_id"), _text("from_station"), _text("to_station"),
    _count("asked_at_ms"), _count("told_seq"), _count("money_seq", optional=True),
)  # fmt: skip
destroyed_stations = _table(
    "destroyed_stations", ("station",), _text("station"), _text("proof_sha256"),
    _text("receipts_sha256"), _text("declared_by"), _count("declared_at_ms"),
    _text("confirmed_by"), _count("confirmed_at_ms", optional=True),
)  # fmt: skip
station_boxes = _table(
    "station_boxes", ("station", "generation"), _text("station"), _count("generation"),
    _text("public_key"), _text("key_id"), _text("seal_key"), _text("seal_key_id"),
    _flag("handed_over"), _text("request_sha256"), _text("approved_by"), _count("approved_at_ms"),
)  # fmt: skip
box_requests = _table(
    "box_requests", ("station", "key_id"), _text("station"), _text("key_id"),
    _count("generation"), _flag("handed_over"), _count("came_at_ms"), _bytes("document"),
)  # fmt: skip
held_leases = _table(
    "held_leases", ("lease_id",), _text("lease_id"), _text("station"), _count("generation"),
)  # fmt: skip
_index(held_leases, "station")

# What stations report.
station_versions = _table(
    "station_versions", ("station", "slot", "version"), _text("station"), _text("slot"),
    _count("version"), _text("sha256"), _text("act"), _count("in_use_version"), _text("code"),
    _text("reason"), _count("at_ms"), _count("seq"),
)  # fmt: skip
applications = _table(
    "applications", ("application_id",), _text("application_id"), _text("farmer_id"),
    _text("product_id"), _text("subject_ids"), _count("asked_minor"), _text("currency"),
    _text("writer"), _count("at_ms"), _text("cash"),
)  # fmt: skip
decisions = _table(
    "decisions", ("card_id",), _text("card_id"), _text("application_id"), _text("farmer_id"),
    _text("product_id"), _text("writer"), _text("verdict"), _count("score"), _count("pd_ppm"),
    _count("amount_minor"), _text("currency"), _text("model_sha256"), _text("policy_version"),
    _text("document_sha256"), _bytes("document"), _text("replay"), _text("replay_detail"),
    _count("at_ms"),
)  # fmt: skip
consents = _table(
    "consents", ("consent_id",), _text("consent_id"), _text("farmer_id"), _text("action"),
    _text("purposes"), _text("recipient"), _text("shown_sha256"), _flag("spoken"),
    _flag("helped"), _text("writer"), _count("at_ms"), _count("error_ms"), _text("classes"),
    _text("recipients"), _text("follows"), _count("received_at_ms"),
)  # fmt: skip
data_uses = _table(
    "data_uses",
    ("kind", "object_id", "farmer_id", "purpose", "data_class", "recipient"), _text("kind"),
    _text("object_id"), _text("farmer_id"), _text("purpose"), _text("data_class"),
    _text("recipient"), _text("basis"), _text("consent_ids"), _count("at_ms"),
)  # fmt: skip
accesses = _table(
    "accesses", ("access_id",), _text("access_id"), _text("farmer_id"), _count("at_ms"),
    _text("actor"), _text("role"), _text("purpose"), _text("classes"), _text("way"),
    _text("shown"),
)  # fmt: skip
drawdowns = _table(
    "drawdowns", ("draw_id",), _text("draw_id"), _text("line_id"), _text("lease_id"),
    _text("state"), _count("amount_minor"), _count("fee_minor"), _text("currency"),
    _text("consent_id"), _count("apr_ppm"), _text("effective_on"), _text("writer"),
    _count("at_ms"), _count("settled_at_ms", optional=True), _text("flag"), _text("order_id"),
    _text("supplier"), _text("goods"), _count("rate_ppm", optional=True), _text("paid_by"),
)  # fmt: skip
repayments = _table(
    "repayments", ("repayment_id",), _text("repayment_id"), _text("line_id"),
    _count("amount_minor"), _text("currency"), _text("effective_on"), _count("fee_minor"),
    _count("interest_minor"), _count("principal_minor"), _count("surplus_minor"),
    _text("content_sha256"), _text("received_by"), _count("at_ms"), _text("paid_to"),
)  # fmt: skip

# The ledger: lines first, header last; the header's trigger seals the entry.
ledger_entries = _table(
    "ledger_entries", ("entry_id",), _text("entry_id"), _text("writer"), _count("seq"),
    _text("kind"), _text("effective_on"), _count("recorded_at_ms"), _text("cause_id"),
    _text("content_sha256"), _text("previous"), _text("hash"),
)  # fmt: skip
ledger_lines = _table(
    "ledger_lines", ("entry_id", "line_no"), _text("entry_id"), Column("line_no", Integer),
    _text("account"), _text("currency"), _count("amount_minor"),
    CheckConstraint("amount_minor <> 0", name="moves_something"),
    ForeignKeyConstraint(
        ["tenant_id", "entry_id"], ["ledger_entries.tenant_id", "ledger_entries.entry_id"],
        deferrable=True, initially="DEFERRED",
    ),
)  # fmt: skip

# What a writer signed of its log, what the centre signed of all of them, and the books' rules.
signed_heads = _table(
    "signed_heads", ("writer", "log", "stream", "seq"), _text("writer"), _text("log"),
    _text("stream"), _count("seq"), _text("head"), _bytes("header"), _bytes("signature"),
    _count("received_at_ms"),
)  # fmt: skip
day_roots = _table(
    "day_roots", ("seq",), _count("seq"), _text("day"), _text("root"), _text("previous"),
    _count("heads_count"), _text("sha256"), _count("signed_at_ms"), _bytes("document"),
)  # fmt: skip
book_rules = _table(
    "book_rules", ("kind", "version"), _text("kind"), _count("version"), _text("effective_from"),
    _text("content"), _text("sha256"), _count("added_at_ms"), _text("added_by"),
)  # fmt: skip

# Evidence and readings.
evidence = _table(
    "evidence", ("evidence_id",), _text("evidence_id"), _text("sha256"), _text("satellite"),
    _text("kind"), _text("subject_id"), _text("season_id"), _text("as_of"),
    _text("last_clear_on", optional=True), _count("clear_looks"), _text("stage"),
    _text("stage_observed_on", optional=True), _count("anomaly_ppm", optional=True),
    _count("yield_p10", optional=True), _count("yield_p50", optional=True),
    _count("yield_p90", optional=True), _count("received_at_ms"), _bytes("document"),
)  # fmt: skip
newest_looks = _table(  # kept by a trigger on evidence
    "newest_looks", ("subject_id",), _text("subject_id"), _text("evidence_id"), _text("kind"),
    _text("as_of"), _text("stage"), _count("anomaly_ppm", optional=True),
    _count("received_at_ms"),
)  # fmt: skip
blobs = _table(
    "blobs", ("sha256",), _text("sha256"), _text("media_type"), _count("size_bytes"),
    _text("satellite"), _count("received_at_ms"), _bytes("data"),
)  # fmt: skip
daily_features = _table(
    "daily_features", ("subject_id", "feature", "day"), _text("subject_id"), _text("feature"),
    _text("day"), _count("value"), _count("coverage_ppm"), _count("readings_count"),
    _text("readings_sha256"), _text("writer"), _count("seq"),
)  # fmt: skip
telemetry = _table(
    "telemetry", ("sha256",), _text("sha256"), _text("device_id"), _text("epoch"),
    _count("first_seq"), _count("last_seq"), _text("writer"), _count("at_ms"), _flag("verified"),
    _bytes("document"),
)  # fmt: skip

# Logs up and down.
inbound_logs = _table(
    "inbound_logs", ("writer", "log", "stream"), _text("writer"), _text("log"), _text("stream"),
    _count("high_water"), _text("head"), _text("quarantine_reason"),
)  # fmt: skip
inbound_records = _table(
    "inbound_records", ("writer", "log", "stream", "seq"), _text("writer"), _text("log"),
    _text("stream"), _count("seq"), _text("kind"), _count("at_ms"), _count("error_ms"),
    _text("hash"), _text("body"), _count("received_at_ms"), _text("flag"),
)  # fmt: skip
held_envelopes = _table(
    "held_envelopes", ("writer", "log", "stream", "first", "sha256"), _text("writer"),
    _text("log"), _text("stream"), _count("first"), _count("last"), _text("sha256"),
    _count("received_at_ms"), _bytes("data"),
)  # fmt: skip
quarantine = _table(
    "quarantine", ("quarantine_id",), _text("quarantine_id"), _text("source"), _text("log"),
    _text("code"), _text("detail"), _text("sha256"), _count("at_ms"), _bytes("data"),
)  # fmt: skip
outbound_logs = _table(
    "outbound_logs", ("station",), _text("station"), _count("high_water"), _text("head"),
    _count("acknowledged"),
)  # fmt: skip
outbound_records = _table(
    "outbound_records", ("station", "seq"), _text("station"), _count("seq"), _text("kind"),
    _count("at_ms"), _text("hash"), _text("body"),
)  # fmt: skip
store_receipts = _table(
    "store_receipts", ("receipt_id",), _text("receipt_id"), _text("subject_id"), _text("way"),
    _count("kg"), _text("effective_on"), _text("source"), _count("at_ms"), _text("actor"),
)  # fmt: skip
farm_papers = _table(
    "farm_papers", ("paper_id",), _text("paper_id"), _text("subject_id"), _text("kind"),
    _count("amount_minor"), _text("currency"), _count("heads"), _text("effective_on"),
    _text("source"), _text("voids"), _count("at_ms"), _text("actor"),
)  # fmt: skip
_index(store_receipts, "subject_id")
_index(farm_papers, "subject_id")

# Reviews of the whole book, and how it is spread.
book_reviews = _table(
    "book_reviews", ("run_id",), _text("run_id"), _count("at_ms"), _text("started_by"),
    _count("ended_at_ms", optional=True),
)  # fmt: skip
book_review_parts = _table(
    "book_review_parts", ("run_id", "part"), _text("run_id"), _count("part"),
    _text("from_station"), _text("until_station"), _text("at_station"), _text("at_line"),
    _flag("is_done"), _text("counts"),
)  # fmt: skip
review_marks = _table(
    "review_marks", ("line_id",), _text("line_id"), _count("inputs"), _text("outcome"),
    _count("since_ms"), _count("until_ms"),
)  # fmt: skip
line_buckets = _table(
    "line_buckets", ("line_id",), _text("line_id"), _text("crop"), _text("village"), _text("cell"),
)  # fmt: skip
exposure_snapshots = _table(
    "exposure_snapshots", ("seq",), _count("seq"), _count("at_ms"), _text("on_day"),
    _text("policy_version"), _text("content"), _text("sha256"),
)  # fmt: skip

# Models, people, and who did what.
models = _table(
    "models", ("sha256",), _text("sha256"), _text("name"), _count("version"), _text("state"),
    _count("registered_at_ms"), _text("registered_by"), _bytes("document"), _text("kind"),
)  # fmt: skip
users = _table(
    "users", ("username",), _text("username"), _text("password_hash"), _text("role"),
    _flag("disabled"), _count("created_at_ms"), _text("person_key"),
)  # fmt: skip
api_tokens = _table(
    "api_tokens", ("token_sha256",), _text("token_sha256"), _text("label"), _text("role"),
    _count("created_at_ms"), _count("revoked_at_ms", optional=True), _text("bound_to"),
)  # fmt: skip
audit = _table(
    "audit", ("seq",), _count("seq"), _count("at_ms"), _text("actor"), _text("role"),
    _text("action"), _text("object_kind"), _text("object_id"), _text("detail"),
    _text("previous"), _text("hash"),
)  # fmt: skip

_index(stations, "key_id", unique=True)
_index(audit, "object_kind", "object_id")
_index(satellites, "key_id", unique=True)
_index(farmers, "home_station")
_index(subjects, "farmer_id")
_index(devices, "subject_id")
_index(products, "product_id", "version", unique=True)
_index(lines, "farmer_id")
_index(lines, "application_id")
_index(lines, "onboarding_lease_id")
_index(lines, "station", "line_id")
_index(line_subjects, "subject_id")
_index(movements, "movement_id", unique=True)
_index(line_stations, "station")
_index(home_moves, "from_station")
_index(leases, "line_id")
_index(leases, "station", "product_id")
_index(applications, "farmer_id")
_index(decisions, "application_id")
_index(decisions, "writer", "at_ms")
_index(decisions, "model_sha256", "at_ms")
_index(consents, "farmer_id")
_index(data_uses, "farmer_id")
_index(accesses, "farmer_id", "at_ms")
_index(drawdowns, "line_id")
_index(drawdowns, "lease_id")
_index(repayments, "line_id")
_index(ledger_entries, "writer", "seq", unique=True)
_index(ledger_entries, "cause_id", "kind", unique=True)
_index(ledger_lines, "account")
_index(evidence, "subject_id", "as_of")
_index(applications, "at_ms", "application_id")
_index(audit, "action", "seq")
_index_where(agreement_steps, "referred", ("agreement_id", "seq"), "state = 'referred'")
_index_where(evidence, "flagged", ("evidence_id",), "document holds a flag")
_index_where(inbound_records, "flagged", ("received_at_ms",), "flag <> ''")
_index(models, "name", "version", unique=True)
_index(day_roots, "day", unique=True)

# Tables in which a row is never changed or taken away; the migrations say so by trigger.
APPEND_ONLY = (
    ledger_entries, ledger_lines, movements, applications, decisions, consents, evidence,
    inbound_records, outbound_records, audit, signed_heads, day_roots, book_rules,
    agreement_steps, data_uses, accesses, store_receipts, farm_papers, exposure_snapshots,
    *APPEAL_APPEND_ONLY, *BESIDE_APPEND_ONLY, *CASH_APPEND_ONLY, *MODEL_APPEND_ONLY,
    *DESK_APPEND_ONLY, *FIELD_APPEND_ONLY, *PAYOUT_APPEND_ONLY, *SUBSIDY_APPEND_ONLY,
    *TRADE_APPEND_ONLY,
)  # fmt: skip
