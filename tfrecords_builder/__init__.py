"""Ground floor: how a photograph is found, opened safely and refused, and what a record holds."""
