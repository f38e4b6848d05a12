"""The rules of lending: products, price, schedule, accrual, ledger, limits, leases."""
