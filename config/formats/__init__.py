"""How dates are written where Django's own way is not an international conference's (FORMAT_MODULE_PATH)."""
