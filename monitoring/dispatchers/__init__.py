"""Ways to have a model retrained, promoted and rolled back: a dispatcher a file, found by being there."""
