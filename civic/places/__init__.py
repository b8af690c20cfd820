"""Who gets a place: rules, applications, the line, draws, and when answers go. No web."""
