"""How commands and files reach the machine where a resource is."""
