"""A finished run behind an HTTP interface: `firstread serve`."""
