"""One module a group of pages: what is asked, who may ask, which template answers."""
