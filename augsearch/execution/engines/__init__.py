"""Where the heavy calls of a run take place: in this process, or on a cluster."""
