"""What the centre does: the rules of ``core`` applied to the store, one transaction each."""
