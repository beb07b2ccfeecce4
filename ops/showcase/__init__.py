"""A conference that is always at the same moment: rows behind pictures of the pages, and behind the tests that look at every page."""
