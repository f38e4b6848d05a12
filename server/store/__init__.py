"""The centre's only door to SQLAlchemy: tables, migrations, and what is read and written.

Functions take a :class:`~server.store.engine.Tx` (one transaction of one tenant) and
frozen values; rules stay in ``core`` and ``services``.
"""
