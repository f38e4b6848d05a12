"""Words of the trail: what was done, to what, and the names of the facts beside it.

The trail keeps codes (``line_frozen``); they are said with blanks for underscores, in the
officer's language, by :func:`server.words.code`. A test holds every act that the program
writes down to this list, so that no page and no file tells one in English alone.
"""

from __future__ import annotations

ACTS = (
    *("agreement step", "appeal answered", "appeal asked", "application brought"),
    *("authority set", "book review started", "books reckoned", "box asked"),
    *("box gone confirmed", "box gone declared", "box replaced", "box retired"),
    *("bureau asked", "bureau imported", "cash card renewed", "cash difference ended"),
    *("cash login added", "cash person added", "cash person changed"),
    *("centre decided", "clock set", "consent withdrawn", "consent written", "cover ended"),
    *("cover paid", "cover stated", "destruction confirmed", "destruction declared"),
    *("farmer exported", "field chosen", "field corrected", "field paid out", "field visited"),
    *("forecast sent", "helper grant", "helper withdraw", "home moved", "hook added"),
    *("hook ended", "hook redelivered", "hook secret changed", "key facts given"),
    *("kiosk agent knew", "kiosk code chosen", "kiosk code locked", "kiosk code reset"),
    *("line frozen", "line lent alone", "line restated", "line roams", "line shared"),
    *("line unfrozen", "list exported", "logged in", "logged out", "model approved"),
    *("model challenged", "model halted", "model promoted", "model proposed", "model refused"),
    *("model registered", "model replaced", "model restored", "model resumed"),
    *("model rolled back", "model staged", "model withdrawn", "money word confirmed"),
    *("money word refused", "money word told", "new plan declined", "new plan proposed"),
    *("order code refused", "order step", "paper filed", "partner closed"),
    *("partner registered", "partner settled", "partners agreed", "payee confirmed"),
    *("payee set", "payee stopped", "payout released", "payout step", "person erased"),
    *("plot walked", "policy approved", "policy in force", "policy proposed"),
    *("product added", "rail credits taken", "rail file admitted", "rail reconciled"),
    *("recovery code used",),
    *("repayment bounced", "repayment taken", "review approved", "review refused"),
    *("rules added", "sale reported", "satellite registered", "second factor confirmed"),
    *("second factor ended", "second factor offered", "second factor used"),
    *("second factor wrong",),
    *("station enrolled", "station released", "stepped up", "sublease ended"),
    *("sublease given back", "sublease granted", "sublease lost", "subsidy claimed"),
    *("subsidy paid", "suspense settled", "tablet enrolled", "tablet invited"),
    *("tablet renewed", "tablet revoked", "token added", "token revoked", "token scope set"),
    *("training table made", "update added", "update approved", "update promoted", "update staged"),
    *("update withdrawn", "updates aligned", "updates renewed"),
    *("user added", "user invited", "user locked", "user password changed"),
    *("user password reset", "user role set", "user scope set", "user unlocked"),
    *("village imported", "visit ended"),
)  # fmt: skip
# What an act was done to, and who did it.
KINDS = (
    *("application", "authority", "book review", "bureau file", "bureau query", "cash person"),
    *("centre", "consent", "cover", "farmer", "hook", "hook event", "joint line", "line", "list"),
    *("money word", "order", "partner", "partner agreement", "payee", "payout", "rail"),
    *("repayment", "rules", "sale", "satellite", "subject", "sublease", "subsidy claim"),
    *("tablet", "token", "update", "system", "operator"),
)
FACTS = (
    *("action", "active", "agent id", "agreement id", "amount minor", "answer by", "appeal id"),
    *("area m2", "as of", "at ms", "before", "box", "bureau", "by", "chosen", "claim id"),
    *("consent id", "content sha256", "credits", "currency", "damage percent", "damage told"),
    *("deliveries count", "delivery no", "draw day minor", "draw id", "drawn minor"),
    *("effective from", "ending", "entries", "error ms", "event", "event id", "expires at ms"),
    *("farmer id", "field", "files", "filter", "findings", "floor before ms", "for", "form"),
    *("from", "generation", "handed over", "held leases", "helper id", "hold max minor", "id"),
    *("in a row", "item id", "key id", "kg", "kind", "kinds", "lease id", "lease until ms"),
    *(
        "left",
        "let in",
        "line id",
        "lines restated",
        "lines told",
        "low m2",
        "made by",
        "money seq",
        "name",
    ),
    *("now", "of", "offer sha256", "on", "operation id", "outcome", "overlap hours"),
    *("parties count", "party", "pay day max minor", "photos count", "product id"),
    *("proof sha256", "proposal id", "public key", "purpose", "purposes", "rail", "reason"),
    *("receipts sha256", "recipients", "reference", "region", "relation", "role", "rows"),
    *("rows count", "sale id", "scope", "sd m2", "seen", "seq", "serial", "sha256", "share ppm"),
    *("stage", "state", "station", "stations", "sublease id", "sum minor", "tablet id"),
    *("taken by", "to", "to line minor", "told at ms", "told by", "total minor", "until"),
    *("until on", "used in the meantime", "username", "verdict", "version", "versions", "visit"),
    *("visit id", "walk id", "way", "why", "without", "word id"),
)
