"""What goes wrong in production: found, deduplicated, ranked by harm, and given to training or to evaluation."""
