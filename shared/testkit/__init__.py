"""Stand-ins for hardware and peers that tests, simulator and benchmarks share, on both runtimes."""
