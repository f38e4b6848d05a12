"""The centre's HTTP interface for stations, satellites, cashiers and auditors."""
