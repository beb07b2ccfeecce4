"""What turns a text into another language. No Django here; each engine behind the protocol in base.py."""
