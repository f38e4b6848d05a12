"""Reports on the books as of any day: from dated facts, without a nightly batch."""
