"""Where what a captioner gives out goes."""
