"""External generators as engines: servers that are sent a picture and a prompt. docs/generators.md
says how each kind is set up."""
