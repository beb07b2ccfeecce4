"""Where a captioner's events go."""
