"""Who still delivers where: probes, traces, quiet periods, late senders."""
