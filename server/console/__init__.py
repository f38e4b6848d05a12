"""The lender's console: pages rendered at the server that explain every movement.

Pages work without scripts; htmx and Leaflet add comfort. Everything that reaches a
page is escaped, nothing is loaded from elsewhere, and every change carries a token
against forged requests. Whoever looks needs a role; an auditor changes nothing.
"""
