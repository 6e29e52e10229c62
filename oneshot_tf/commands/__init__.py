"""One file a command, and the flags: the only place that knows a command line."""
