"""The centre: ledger, lines and limits, leases, models, consent, audit, API, console.

Layers, outermost first: ``app``, ``commands``, ``api`` and ``console``, ``services``,
``training``, ``store`` (the only door to SQLAlchemy), ``keys`` (the only door to
cryptography), ``config``. Rules are in ``core``; here they meet the store.
"""
