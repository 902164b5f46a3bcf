"""Electricity meters: a driver for each maker, the watch over them, the estimate of energy."""
