"""Stand-ins for hardware and peers: for tests, simulator and benchmarks, on both runtimes."""
