"""A product played through a season before anybody borrows by it."""
