"""Pictures of a run, and the page that shows and reads it."""
