"""What becomes of instructions, before any sink is known: release policies, and what a write tells of itself."""
