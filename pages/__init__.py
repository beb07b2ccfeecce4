"""What people open in a browser: one module per page, thin; the captions themselves come over gateways/captions."""
