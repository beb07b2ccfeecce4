"""Transcripts as files. Pure: values in, text out."""
