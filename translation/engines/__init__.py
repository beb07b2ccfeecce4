"""Translation engines. No Django here; each engine behind the protocol in base.py."""
