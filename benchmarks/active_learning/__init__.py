"""Which images to label, and what to train with the labels: a loop over a pool."""
