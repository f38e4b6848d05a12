"""Evidence: what was seen becomes signed documents, tables and a picture, and is delivered."""
