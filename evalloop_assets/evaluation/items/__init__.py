"""From dynamic to static: what production found, as items of a benchmark that is versioned, watched and retired."""
