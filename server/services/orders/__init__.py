"""Orders of suppliers on farmers' lines, their deliveries, and the sales that repay them.

Only the farmer turns an order into debt: the centre keeps room in a lease of the farmer's
station, the kiosk shows the goods and the whole price, and the draw that consents to them
names the order. What follows is written down step by step (:mod:`core.lending.ordering`).
"""
