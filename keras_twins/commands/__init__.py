"""The commands: flags, one call, printing."""
