"""Running, breaking and measuring a whole stack: nothing imports this but its own commands and tests."""
