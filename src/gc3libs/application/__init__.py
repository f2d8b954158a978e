"""Ready-made applications, one module for each program."""
