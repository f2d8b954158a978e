"""Sessions of computational tasks that survive anything."""
