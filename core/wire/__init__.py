"""Documents that pass between the rooms: telemetry, envelopes, evidence, model files."""
