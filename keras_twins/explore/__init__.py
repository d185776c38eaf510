"""The live page of a collection: its data, its server, and what the browser runs."""
