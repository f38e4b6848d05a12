"""Reason codes: why a limit moved, why a decision fell, why a drawdown was refused.

The code is what is stored and signed; the English sentence is the message id of
the gettext catalogues in the rooms that show it. Codes are never renumbered or
given another meaning. Parameters are plain text that the sentence names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class ReasonCode(Enum):
    """Every reason that Harvestline can give."""

    # A limit moved, or did not.
    LIMIT_OPENED = "limit_opened"
    LIMIT_STAGE_SEEN = "limit_stage_seen"
    LIMIT_STAGE_NOT_SEEN = "limit_stage_not_seen"
    LIMIT_HARVEST_HIGHER = "limit_harvest_higher"
    LIMIT_HARVEST_LOWER = "limit_harvest_lower"
    LIMIT_CAPACITY = "limit_capacity"
    LIMIT_PRODUCT_CAP = "limit_product_cap"
    LIMIT_STAGE_COST = "limit_stage_cost"
    LIMIT_HARVEST = "limit_harvest"
    LIMIT_PASTURE_LOWER = "limit_pasture_lower"
    LIMIT_PASTURE_HIGHER = "limit_pasture_higher"
    LIMIT_HERD_COUNTED = "limit_herd_counted"
    LIMIT_SECOND_LOOK = "limit_second_look"
    LIMIT_SMALL_CHANGE = "limit_small_change"
    LIMIT_NOT_SEEN = "limit_not_seen"
    LIMIT_STALE_FROZEN = "limit_stale_frozen"
    LIMIT_WATCH = "limit_watch"
    LIMIT_UNCHANGED = "limit_unchanged"
    LIMIT_SEASON_OVER = "limit_season_over"
    LIMIT_RAISE_STEP = "limit_raise_step"
    LIMIT_SECOND_SOURCE = "limit_second_source"
    LIMIT_SECURITY = "limit_security"
    LIMIT_WORK = "limit_work"
    LIMIT_STOCK = "limit_stock"
    LIMIT_YEAR = "limit_year"
    LIMIT_HERD = "limit_herd"
    LIMIT_THIN = "limit_thin"
    LIMIT_SILENT_FROZEN = "limit_silent_frozen"
    LIMIT_COVER_ENDED = "limit_cover_ended"
    LIMIT_COVER_COUNTS = "limit_cover_counts"
    LIMIT_DUES_MORE = "limit_dues_more"
    LIMIT_DUES_LESS = "limit_dues_less"
    LIMIT_DUES_UNKNOWN = "limit_dues_unknown"
    # The price of a line's next drawdowns.
    RATE_FIRST = "rate_first"
    RATE_NO_BAND = "rate_no_band"
    RATE_BAND = "rate_band"
    RATE_ABOVE_CAP = "rate_above_cap"
    RATE_STEP = "rate_step"
    RATE_DEARER = "rate_dearer"
    RATE_CHEAPER = "rate_cheaper"
    RATE_UNCHANGED = "rate_unchanged"
    LIMIT_CONSENT_MISSING = "limit_consent_missing"
    LIMIT_CONSENT_FROZEN = "limit_consent_frozen"
    LIMIT_SPREAD_CROP = "limit_spread_crop"
    LIMIT_SPREAD_VILLAGE = "limit_spread_village"
    LIMIT_SPREAD_CELL = "limit_spread_cell"
    LIMIT_WAITS_PERSON = "limit_waits_person"
    LIMIT_ORDER_BROKEN = "limit_order_broken"
    LIMIT_SOLD_ELSEWHERE = "limit_sold_elsewhere"
    # An application was decided.
    DECISION_APPROVED = "decision_approved"
    DECISION_CONSENT_MISSING = "decision_consent_missing"
    DECISION_PD_HIGH = "decision_pd_high"
    DECISION_PD_BORDER = "decision_pd_border"
    DECISION_AUTHORITY = "decision_authority"
    DECISION_CAPACITY = "decision_capacity"
    DECISION_PRICE_CAP = "decision_price_cap"
    DECISION_EVIDENCE_THIN = "decision_evidence_thin"
    DECISION_OTHER_STATION = "decision_other_station"
    DECISION_ASKED_OFTEN = "decision_asked_often"
    FEATURE = "feature"  # the model's own reason; the parameter names the feature
    # A drawdown was refused, in order of precedence.
    DRAW_AMOUNT_INVALID = "draw_amount_invalid"
    DRAW_CONSENT_MISSING = "draw_consent_missing"
    DRAW_FROZEN = "draw_frozen"
    DRAW_CLOCK_UNKNOWN = "draw_clock_unknown"
    DRAW_LEASE_EXPIRED = "draw_lease_expired"
    DRAW_LEASE_CLOSED = "draw_lease_closed"
    DRAW_NO_LEASE = "draw_no_lease"
    DRAW_LINES_EXHAUSTED = "draw_lines_exhausted"
    DRAW_ABOVE_LEASE = "draw_above_lease"
    DRAW_SEASON_OVER = "draw_season_over"
    DRAW_PRICE_CAP = "draw_price_cap"
    DRAW_SUPPLIER_ONLY = "draw_supplier_only"
    DRAW_GOODS_ONLY = "draw_goods_only"
    DRAW_PRICE_ABOVE_CAP = "draw_price_above_cap"
    DRAW_LEFT = "draw_left"
    DRAW_CASH_SHORT = "draw_cash_short"
    DRAW_NO_CASHIER = "draw_no_cashier"
    DRAW_HELPER_LIMIT = "draw_helper_limit"
    DRAW_HELPER_ENDED = "draw_helper_ended"
    ORDER_OVER = "order_over"
    # An agreement could not be ended.
    LEAVE_TOO_LATE = "leave_too_late"


SENTENCES: Mapping[ReasonCode, str] = {
    ReasonCode.LIMIT_OPENED: "Your line was opened.",
    ReasonCode.LIMIT_STAGE_SEEN: "Your crop was seen at {stage}, so the next part is released.",
    ReasonCode.LIMIT_STAGE_NOT_SEEN: (
        "Your crop has not been seen at {stage} yet, so the next part waits."
    ),
    ReasonCode.LIMIT_HARVEST_HIGHER: "The harvest now looks better: at least {kg_per_ha} kg/ha.",
    ReasonCode.LIMIT_HARVEST_LOWER: "The harvest now looks weaker: about {kg_per_ha} kg/ha.",
    ReasonCode.LIMIT_CAPACITY: "What your season can repay sets this limit.",
    ReasonCode.LIMIT_PRODUCT_CAP: "The product's highest amount sets this limit.",
    ReasonCode.LIMIT_STAGE_COST: "What the crop costs up to its stage sets this limit.",
    ReasonCode.LIMIT_HARVEST: "The harvest that can be relied on sets this limit.",
    ReasonCode.LIMIT_PASTURE_LOWER: "The pasture carries less: {percent}% of a normal year.",
    ReasonCode.LIMIT_PASTURE_HIGHER: "The pasture recovers: {percent}% of a normal year.",
    ReasonCode.LIMIT_HERD_COUNTED: "{heads} animals were counted at the reader.",
    ReasonCode.LIMIT_SECOND_LOOK: "A rise waits for a second clear picture.",
    ReasonCode.LIMIT_SMALL_CHANGE: "The change is too small to move the limit.",
    ReasonCode.LIMIT_NOT_SEEN: "Clouds hid the plot, so the limit stays.",
    ReasonCode.LIMIT_STALE_FROZEN: "The plot was not seen for {days} days, so new draws wait.",
    ReasonCode.LIMIT_WATCH: (
        "More is already drawn than the season now carries; nothing is due early."
    ),
    ReasonCode.LIMIT_UNCHANGED: "Nothing that sets the limit has changed.",
    ReasonCode.LIMIT_SEASON_OVER: "The harvest was seen, so the limit stays as it is.",
    ReasonCode.LIMIT_RAISE_STEP: "The limit rises a step at a time.",
    ReasonCode.LIMIT_SECOND_SOURCE: "A rise waits until a second source says the same.",
    ReasonCode.LIMIT_SECURITY: "What the machine is worth sets this limit.",
    ReasonCode.LIMIT_WORK: "The work that the machine's counters show sets this limit.",
    ReasonCode.LIMIT_STOCK: "What lies dry in the store sets this limit.",
    ReasonCode.LIMIT_YEAR: "The year's scale of finance sets this limit.",
    ReasonCode.LIMIT_HERD: "What the counted and fed herd costs sets this limit.",
    ReasonCode.LIMIT_THIN: "Too little was reported, so the limit stays.",
    ReasonCode.LIMIT_SILENT_FROZEN: "Nothing was reported for {days} days, so new draws wait.",
    ReasonCode.LIMIT_COVER_ENDED: "The cover by {party} has ended and counts no more.",
    ReasonCode.LIMIT_COVER_COUNTS: "The cover by {party} counts for your line.",
    ReasonCode.LIMIT_DUES_MORE: "You owe more to other lenders than before.",
    ReasonCode.LIMIT_DUES_LESS: "You owe less to other lenders than before.",
    ReasonCode.LIMIT_DUES_UNKNOWN: (
        "What you owe to other lenders is not known, so the limit does not rise."
    ),
    ReasonCode.RATE_FIRST: "Your price is {percent}% a year.",
    ReasonCode.RATE_NO_BAND: "No new prices were set, so your price stays at {percent}% a year.",
    ReasonCode.RATE_BAND: (
        "The product's prices have changed: new money costs {percent}% a year. What you have "
        "drawn keeps its price."
    ),
    ReasonCode.RATE_ABOVE_CAP: (
        "A higher price would be {over}% above the highest that is allowed, so it stays at "
        "{percent}% a year."
    ),
    ReasonCode.RATE_STEP: (
        "Your price moves a step at a time: new money costs {percent}% a year. What you have "
        "drawn keeps its price."
    ),
    ReasonCode.RATE_DEARER: (
        "The risk has risen: new money costs {percent}% a year. What you have drawn keeps its "
        "price."
    ),
    ReasonCode.RATE_CHEAPER: (
        "The risk has fallen: new money costs {percent}% a year. What you have drawn keeps its "
        "price."
    ),
    ReasonCode.RATE_UNCHANGED: "Your price stays at {percent}% a year.",
    ReasonCode.LIMIT_CONSENT_MISSING: (
        "You have not agreed that this is looked at, so the limit stays as it is."
    ),
    ReasonCode.LIMIT_CONSENT_FROZEN: (
        "Without your agreement nothing was looked at for {days} days, so new draws wait."
    ),
    ReasonCode.LIMIT_SPREAD_CROP: (
        "The lender has lent about as much on this crop as it may, so a rise waits its turn."
    ),
    ReasonCode.LIMIT_SPREAD_VILLAGE: (
        "The lender has lent about as much in this village as it may, so a rise waits its turn."
    ),
    ReasonCode.LIMIT_SPREAD_CELL: (
        "The lender has lent about as much where the same rain falls as it may, "
        "so a rise waits its turn."
    ),
    ReasonCode.LIMIT_ORDER_BROKEN: (
        "Goods that were paid for did not come, or went elsewhere, so nothing more is lent."
    ),
    ReasonCode.LIMIT_SOLD_ELSEWHERE: (
        "A rise waits: little of the harvest was sold to the buyers who repay the line."
    ),
    ReasonCode.LIMIT_WAITS_PERSON: "A person at the lender looks at this rise before it is given.",
    ReasonCode.DECISION_APPROVED: "Your application is approved.",
    ReasonCode.DECISION_CONSENT_MISSING: "Your agreement to use the data is missing.",
    ReasonCode.DECISION_PD_HIGH: "The risk that it cannot be repaid is too high.",
    ReasonCode.DECISION_PD_BORDER: "A person at the lender will look at this application.",
    ReasonCode.DECISION_AUTHORITY: "The amount is above what may be decided here.",
    ReasonCode.DECISION_CAPACITY: "The season's cash would not cover this amount.",
    ReasonCode.DECISION_PRICE_CAP: "The whole price would be above the legal cap.",
    ReasonCode.DECISION_EVIDENCE_THIN: "Too little is known to decide here.",
    ReasonCode.DECISION_OTHER_STATION: "Please apply at your home station.",
    ReasonCode.DECISION_ASKED_OFTEN: "You have asked several times lately; now a person decides.",
    ReasonCode.FEATURE: "{feature}",
    ReasonCode.DRAW_AMOUNT_INVALID: "Please choose an amount in steps of {step}.",
    ReasonCode.DRAW_CONSENT_MISSING: "Please agree to the price first.",
    ReasonCode.DRAW_FROZEN: "New draws wait until the lender has looked.",
    ReasonCode.DRAW_CLOCK_UNKNOWN: (
        "The station does not know the date; nothing can be paid out now."
    ),
    ReasonCode.DRAW_LEASE_EXPIRED: (
        "The station's permission has run out; it needs to reach the lender."
    ),
    ReasonCode.DRAW_LEASE_CLOSED: "The station's permission was given back.",
    ReasonCode.DRAW_NO_LEASE: "The station holds no permission for this line.",
    ReasonCode.DRAW_LINES_EXHAUSTED: "The station has opened as many lines as it may.",
    ReasonCode.DRAW_ABOVE_LEASE: "At most {available} can be drawn here now.",
    ReasonCode.DRAW_SEASON_OVER: "The season of this line is over; nothing new can be drawn.",
    ReasonCode.DRAW_PRICE_CAP: (
        "So late in the season the whole price would be above the legal cap."
    ),
    ReasonCode.DRAW_SUPPLIER_ONLY: "This line pays the lender's suppliers, never cash.",
    ReasonCode.DRAW_GOODS_ONLY: "This line pays for no more {goods} on this land.",
    ReasonCode.DRAW_PRICE_ABOVE_CAP: (
        "Today the whole price would be {apr}% a year. The law allows {cap}%: it is {over}% "
        "too much."
    ),
    ReasonCode.ORDER_OVER: "This order is not offered any more.",
    ReasonCode.LEAVE_TOO_LATE: (
        "The days in which you could leave without a reason have passed. Talk to the lender."
    ),
    ReasonCode.DRAW_LEFT: "You have ended this agreement; nothing new can be drawn.",
    ReasonCode.DRAW_CASH_SHORT: (
        "The cash desk can pay out {available} now. Take less, or come again."
    ),
    ReasonCode.DRAW_NO_CASHIER: "The cash desk is closed: nobody can pay you out now.",
    ReasonCode.DRAW_HELPER_LIMIT: "As a helper you can draw {available} more today.",
    ReasonCode.DRAW_HELPER_ENDED: "You may not act for this farmer any more.",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason code with the words that its sentence needs."""

    code: ReasonCode
    params: Mapping[str, str] = field(default_factory=dict)

    def sentence(self) -> str:
        """The English sentence."""
        return SENTENCES[self.code].format(**self.params)
