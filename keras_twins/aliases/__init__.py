"""Commands under the names that they had before they got a room of their own."""
